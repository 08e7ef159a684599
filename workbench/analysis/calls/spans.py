"""Connections seen on several wires, and those that a relay carries on: sequence numbers survive a NAT and a relay.

Appearances of one TCP connection have its initial sequence numbers. Those that share a transport address lie on one
leg, with a NAT between them; where none is shared a gateway passed the segments on from one leg to the next.
"""

from __future__ import annotations

from workbench.analysis.calls.signalling import TerminationSeen
from workbench.analysis.dissect import Content
from workbench.net.values import Endpoint

_MOST_TWINS = 8
_TWIN_SECONDS = 30.0


class Span:
    """One leg's connection, from the far end through any NAT to the gateway: its appearances, and what it is.

    Attributes:
        contents: its appearances, earliest first.
        terminations: those of the gateways at its ends; with two gateways a core leg has one of each.
        relayed: all spans of one end-to-end connection, this one among them, earliest first; only itself otherwise.
    """

    def __init__(self, contents: list[Content]) -> None:
        self.contents = contents
        self.terminations: list[TerminationSeen] = []
        self.relayed: list[Span] = [self]

    @property
    def termination(self) -> TerminationSeen | None:
        """The gateway's termination, the offerer's side's where there are two; None without a gateway."""
        return self.terminations[0] if self.terminations else None

    def content(self, termination: TerminationSeen | None = None) -> Content:
        """The appearance nearest to the gateway (of this termination); the first one where no gateway is known."""
        if len(self.contents) == 1:
            return self.contents[0]
        termination = termination or self.termination
        local = termination.local if termination is not None else None
        found = []
        for index, content in enumerate(self.contents):
            connection = content.connection
            if local is not None and local in connection.sides:
                ours = connection.sides.index(local)
                # What the gateway sends is first seen next to it, and what it gets last.
                found.append((connection.first_frame_of[ours] or 1 << 62,
                              -(connection.first_frame_of[1 - ours] or 0), index, content))
        return min(found)[3] if found else self.contents[0]

    def ends(self) -> tuple[str, str]:
        """Hosts of TCP client and server (or of the two sides as first seen), each where it is itself."""
        if len(self.relayed) > 1 and len({span._client_faces() for span in self.relayed}) == 1:
            return self.relayed[0]._own_ends()[0], self.relayed[-1]._own_ends()[1]
        return self._own_ends()

    def _client_faces(self) -> int | None:
        """The initial sequence number of the side that opened: the same on each leg that one SYN passed."""
        connection = self.content().connection
        return None if connection.client is None else connection.streams[connection.client].initial

    def _own_ends(self) -> tuple[str, str]:
        content = self.content()
        client = content.connection.client or 0
        hosts = [content.connection.sides[client].host, content.connection.sides[1 - client].host]
        for other in self.contents:
            if other is content:
                continue
            theirs = other.connection.client or 0
            sides = [other.connection.sides[theirs].host, other.connection.sides[1 - theirs].host]
            for place in (0, 1):
                if sides[place] != hosts[place] and sides[1 - place] == hosts[1 - place]:
                    hosts[place] = sides[place]
        return hosts[0], hosts[1]


def find_spans(contents: list[Content]) -> list[Span]:
    """The connections of a capture, each with its appearances; in order of their first ones."""
    spans: list[Span] = []
    for twins in find_twins(contents):
        parts = [Span(part) for part in _parts(twins)]
        for span in parts:
            span.relayed = parts
        spans += parts
    return spans


def find_twins(contents: list[Content]) -> list[list[Content]]:
    """Connections with the same initial sequence numbers on several wires. Earliest first."""
    groups: list[_Group] = []
    known: dict[object, list[_Group]] = {}
    for content in contents:
        numbers = {stream.initial for stream in content.connection.streams if stream.initial is not None}
        keys: list[object] = [*numbers] or _middle(content)
        found = next((group for key in keys for group in known.get(key, ()) if group.takes(content, numbers)), None)
        if found is None:
            found = _Group()
            groups.append(found)
        found.contents.append(content)
        found.numbers |= numbers
        for key in keys:
            held = known.setdefault(key, [])
            if found not in held[-_MOST_TWINS:]:
                held.append(found)
                del held[:-_MOST_TWINS]
    return [group.contents for group in groups]


class _Group:
    """Appearances of one connection, as far as they are found."""

    def __init__(self) -> None:
        self.contents: list[Content] = []
        self.numbers: set[int] = set()

    def takes(self, content: Content, numbers: set[int]) -> bool:
        """It is one more: no number contradicts, it is another place, and about the same time."""
        connection = content.connection
        return (
            len(self.contents) < _MOST_TWINS
            and (numbers <= self.numbers or self.numbers <= numbers)
            and connection.seen[0] - self.contents[0].connection.seen[0] < _TWIN_SECONDS
            and not any(other.connection.wire == connection.wire and other.connection.sides == connection.sides
                        for other in self.contents))


def _middle(content: Content) -> list[object]:
    """What tells a connection whose beginning is not in the capture: numbers and octets of what is seen first."""
    start = content.begins(0, 64), content.begins(1, 64)
    if min(map(len, start)) < 16:
        return []
    sent = sorted(zip((stream.sequence(0) for stream in content.connection.streams), start, strict=True))
    return [tuple(sent)]


def _parts(twins: list[Content]) -> list[list[Content]]:
    """Split where two neighbours share no transport address: segments were passed on between two connections."""
    parts: list[tuple[set[Endpoint], list[Content]]] = []
    for content in twins:
        sides = set(content.connection.sides)
        touched = [part for part in parts if part[0] & sides]
        if not touched:
            parts.append((sides, [content]))
            continue
        first = touched[0]
        first[0].update(sides)
        first[1].append(content)
        for part in touched[1:]:
            first[0].update(part[0])
            first[1].extend(part[1])
            parts.remove(part)
    return [sorted(held, key=_first_frame) for _, held in parts]


def _first_frame(content: Content) -> int:
    return content.connection.frames[0]
