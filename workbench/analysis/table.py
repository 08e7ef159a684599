"""The messages of a capture as a sequence that makes each message when it is asked for.

A large capture has very many messages of which nobody asks each: chunks of a file, records that nobody can read. They
are given by place, by connection and by protocol without looking at the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Protocol, overload

from workbench.analysis.chunks import Chunk, chunk_of
from workbench.analysis.drafts import Draft
from workbench.analysis.values import Message, Place
from workbench.net.values import Endpoint

FEW = 16
"""How many messages there are in the outline of a connection, of each direction's that are many and alike."""
_MOST_HELD = 30_000
_MOST_LATELY = 8_000


class Drafts(Protocol):
    """What a table is made over: drafts in order of completion."""

    def __len__(self) -> int: ...

    def draft(self, place: int) -> Draft:
        """The draft at a place, counted from 0."""

    def holds(self, place: int) -> bool:
        """The draft at a place is kept in memory whether anybody asks for it or not."""

    def of_protocols(self, protocols: Sequence[str], *, readable: bool = False) -> Sequence[int]:
        """The places of these protocols' drafts, ascending; see `Report.messages_of`."""

    def of_connection(self, number: int, protocols: Sequence[str] = (), *, readable: bool = False) -> Sequence[int]:
        """The places of a connection's drafts, ascending; see `Report.on`."""

    def outline(self, number: int) -> Sequence[int]:
        """The places of a connection's drafts, of bulk the first `FEW` of each direction; see `Report.outline`."""

    def chunks(self, number: int) -> Iterator[Chunk]:
        """What a connection carries of MSRP; see `Report.chunks`."""


class Held:
    """Drafts that are all there."""

    def __init__(self, drafts: list[Draft]) -> None:
        self._drafts = drafts
        self._of: dict[str, list[int]] = {}
        self._on: dict[int, list[int]] = {}
        for place, draft in enumerate(drafts):
            self._of.setdefault(draft.protocol, []).append(place)
            if draft.connection is not None:
                self._on.setdefault(draft.connection.number, []).append(place)

    def __len__(self) -> int:
        return len(self._drafts)

    def draft(self, place: int) -> Draft:
        """See `Drafts`."""
        return self._drafts[place]

    def holds(self, place: int) -> bool:
        """See `Drafts`."""
        return True

    def of_protocols(self, protocols: Sequence[str], *, readable: bool = False) -> Sequence[int]:
        """See `Drafts`."""
        found = sorted(place for protocol in dict.fromkeys(protocols) for place in self._of.get(protocol, ()))
        return [one for one in found if fits(self._drafts[one], (), readable=True)] if readable else found

    def of_connection(self, number: int, protocols: Sequence[str] = (), *, readable: bool = False) -> Sequence[int]:
        """See `Drafts`."""
        found = self._on.get(number, [])
        if not protocols and not readable:
            return found
        return [place for place in found if fits(self._drafts[place], protocols, readable=readable)]


    def chunks(self, number: int) -> Iterator[Chunk]:
        """See `Drafts`."""
        made = (chunk_of(place, self._drafts[place]) for place in self.of_connection(number, ("MSRP",)))
        return (one for one in made if one is not None)

    def outline(self, number: int) -> Sequence[int]:
        """See `Drafts`."""
        counts: Counter[tuple[str, int]] = Counter()
        found: list[int] = []
        for place in self._on.get(number, ()):
            draft = self._drafts[place]
            if draft.protocol == "MSRP" or not fits(draft, (), readable=True):
                counts[draft.protocol, draft.direction] += 1
                if counts[draft.protocol, draft.direction] > FEW:
                    continue
            found.append(place)
        return found


def fits(draft: Draft, protocols: Sequence[str], *, readable: bool) -> bool:
    """The draft is of one of the protocols (of any, if none is given), and no record that nobody can read."""
    return (not protocols or draft.protocol in protocols) and not (
        readable and draft.protected and draft.value is None and draft.protocol == "TLS")


class _Lately:
    """The chunks of connections that were asked for lately: one rule asks for them behind the other."""

    def __init__(self, drafts: Drafts) -> None:
        self._drafts = drafts
        self._held: dict[int, list[Chunk]] = {}
        self._room = _MOST_LATELY

    def of(self, number: int) -> Iterator[Chunk]:
        """The chunks of a connection."""
        known = self._held.get(number)
        if known is not None:
            return iter(known)
        chunks = iter(self._drafts.chunks(number))
        found = list(islice(chunks, _MOST_LATELY + 1))
        if len(found) > _MOST_LATELY:
            return chain(found, chunks)
        if len(found) > self._room:
            self._held.clear()
            self._room = _MOST_LATELY
        self._room -= len(found)
        self._held[number] = found
        return iter(found)


class Table(Sequence[Message]):
    """Messages in order of completion. Equal to any sequence of equal messages.

    Args:
        drafts: what the messages are made of.
        names: gives the node at an address.
        places: which of the drafts; all of them where it is None.
    """

    def __init__(self, drafts: Drafts, names: Callable[[str], str], places: Sequence[int] | None = None) -> None:
        self._drafts, self._names = drafts, names
        self._places: Sequence[int] = range(len(drafts)) if places is None else places
        self._ends: dict[Endpoint, Place] = {}
        self._made: dict[int, Message] = {}
        self._chunks = _Lately(drafts)

    def among(self, places: Sequence[int]) -> Table:
        """The messages at these places of all drafts."""
        found = Table(self._drafts, self._names, places)
        found._ends, found._made, found._chunks = self._ends, self._made, self._chunks
        return found

    def of(self, *protocols: str, readable: bool = False) -> Table:
        """All messages of these protocols; see `Report.messages_of`."""
        return self.among(self._drafts.of_protocols(protocols, readable=readable))

    def of_connection(self, number: int, *protocols: str, readable: bool = False) -> Table:
        """All messages of the TCP connection with this number; see `Report.on`."""
        return self.among(self._drafts.of_connection(number, protocols, readable=readable))

    def outline(self, number: int) -> Table:
        """The messages of the TCP connection with this number, of many alike a few; see `Report.outline`."""
        return self.among(self._drafts.outline(number))

    def chunks(self, number: int) -> Iterator[Chunk]:
        """What the TCP connection with this number carries of MSRP; see `Report.chunks`."""
        return self._chunks.of(number)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Message: ...

    @overload
    def __getitem__(self, at: slice) -> Table: ...

    def __getitem__(self, at: int | slice) -> Message | Table:
        if isinstance(at, slice):
            return self.among(self._places[at])
        return self._message(int(self._places[at]))

    def __iter__(self) -> Iterator[Message]:
        for place in self._places:
            yield self._message(int(place))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Sequence[Message]) -> list[Message]:
        return [*self, *other]

    def __radd__(self, other: Sequence[Message]) -> list[Message]:
        return [*other, *self]

    def __repr__(self) -> str:
        return f"<{len(self)} messages>"

    def _message(self, place: int) -> Message:
        made = self._made.get(place)
        if made is None:
            draft = self._drafts.draft(place)
            made = Message(
                place, draft.frames, draft.time, draft.wire, draft.protocol, self._place(draft.source),
                self._place(draft.destination), draft.summary, draft.session, draft.value, draft.octets,
                draft.protected, draft.repeated, draft.error, draft.comment)
            if len(self._made) < _MOST_HELD and self._drafts.holds(place):
                self._made[place] = made
        return made

    def _place(self, end: Endpoint) -> Place:
        known = self._ends.get(end)
        if known is None:
            known = self._ends[end] = Place(end.host, end.port, self._names(end.host))
        return known
