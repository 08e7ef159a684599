"""What the payloads of MIKEY have in common: Next Payload, names of numbers, a payload as one span."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.errors import MalformedMessageError
from workbench.protocols.cursor import Cursor
from workbench.protocols.layout import Span
from workbench.protocols.mikey import registry as r


@contextmanager
def whole(cursor: Cursor, name: str) -> Iterator[Cursor]:
    """A field with parts that ends where its last part does: a payload has no length of its own (RFC 3830 §6)."""
    inner = Cursor(cursor.octets, cursor.at, cursor.end, clause=cursor.clause, lenient=cursor.lenient)
    try:
        yield inner
    except MalformedMessageError:
        if not cursor.lenient:
            raise
        if inner.left:
            inner.spans.append(Span("mikey.undecoded", inner.at, inner.end))
            inner.at = inner.end
    if inner.at > cursor.at:
        cursor.spans.append(Span(name, cursor.at, inner.at, inner.value, tuple(inner.spans)))
    cursor.at = inner.at


def next_payload(cursor: Cursor) -> int:
    """The type of what follows."""
    return cursor.number("mikey.next_payload", 1, lambda number: r.named(number, r.PayloadType))


def protocol_text(number: int) -> str:
    """`0 SRTP`; `241 (private use)`."""
    known = r.PROTOCOLS.get(number)
    return f"{number} {known}" if known else f"{number} ({'private use' if number > 240 else 'unassigned'})"
