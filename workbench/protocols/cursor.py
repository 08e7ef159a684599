"""Reading octets while writing down where each field lies, so that values and spans come from one grammar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.errors import MalformedMessageError
from workbench.protocols.layout import Span


class Cursor:
    """A place in octets, and the fields behind it.

    Args:
        octets: where to read; offsets in errors and spans count from its beginning.
        start, end: the part to read.
        clause: what a fault is held against.
        lenient: turn a fault into a span of undecoded octets up to the end of the innermost group, and go on.
    """

    def __init__(
        self, octets: bytes, start: int = 0, end: int | None = None, *, clause: str, lenient: bool = False
    ) -> None:
        self.octets = octets
        self.at = start
        self.end = len(octets) if end is None else end
        self.clause = clause
        self.lenient = lenient
        self.spans: list[Span] = []
        self.value = ""

    @property
    def left(self) -> int:
        """Octets to the end of this part."""
        return self.end - self.at

    def fault(self, what: str) -> MalformedMessageError:
        """What is wrong here."""
        return MalformedMessageError(what, clause=self.clause, offset=self.at)

    def take(self, name: str, size: int, value: str = "") -> bytes:
        """The next `size` octets, as one field."""
        if size > self.left:
            raise MalformedMessageError(f"{name.rpartition('.')[2]} cut short", clause=self.clause, offset=self.end)
        start, self.at = self.at, self.at + size
        if size:
            self.spans.append(Span(name, start, self.at, value))
        return self.octets[start : self.at]

    def number(self, name: str, size: int, show: Callable[[int], str] = str) -> int:
        """A whole number of `size` octets."""
        if size > self.left:
            raise MalformedMessageError(f"{name.rpartition('.')[2]} cut short", clause=self.clause, offset=self.end)
        number = int.from_bytes(self.octets[self.at : self.at + size])
        self.take(name, size, show(number))
        return number

    def rest(self, name: str, value: str = "") -> bytes:
        """All that is left, as one field."""
        return self.take(name, self.left, value)

    @contextmanager
    def group(self, name: str, size: int, value: str = "") -> Iterator[Cursor]:
        """The next `size` octets as a field with parts; whoever reads it has to read all of it."""
        if size > self.left:
            raise MalformedMessageError(f"{name.rpartition('.')[2]} cut short", clause=self.clause, offset=self.end)
        inner = Cursor(self.octets, self.at, self.at + size, clause=self.clause, lenient=self.lenient)
        try:
            yield inner
            if inner.left:
                raise inner.fault(f"{inner.left} octets too many in {name.rpartition('.')[2]}")
        except MalformedMessageError:
            if not self.lenient:
                raise
            if inner.left:
                inner.spans.append(Span(f"{name.partition('.')[0]}.undecoded", inner.at, inner.end))
        if size:
            self.spans.append(Span(name, self.at, inner.end, value or inner.value, tuple(inner.spans)))
        self.at = inner.end

    @contextmanager
    def vector(self, name: str, length_size: int) -> Iterator[Cursor]:
        """A length of `length_size` octets (field `name.length`) and, behind it, that many octets with parts."""
        size = self.number(f"{name}.length", length_size)
        with self.group(name, size) as inner:
            yield inner

    def opaque(self, name: str, length_size: int, show: Callable[[bytes], str] | None = None) -> bytes:
        """A length of `length_size` octets (field `name.length`) and that many octets as one field."""
        size = self.number(f"{name}.length", length_size)
        if show is not None and size <= self.left:
            return self.take(name, size, show(self.octets[self.at : self.at + size]))
        return self.take(name, size)
