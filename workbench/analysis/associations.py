"""SCTP associations in a capture: which packets belong together, and the user messages in their DATA chunks.

A direction is known by its ports and verification tag, so packets between other addresses of multihomed ends belong
to it too. Messages are given when their last fragment is seen: a capture is not a receiver, and order between streams
means nothing.

Source: RFC 9260 §3.3.1, §6.6, §6.9, §8.5.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from workbench.net.sctp import INIT, INIT_ACK, Data, Sctp
from workbench.net.values import Endpoint

_MOST_ASSOCIATIONS = 20_000
_MOST_TAGS = 4 * _MOST_ASSOCIATIONS
_MOST_REMEMBERED = 4096     # TSNs of a direction, to know retransmissions by
_MOST_HELD_OCTETS = 4 * 2**20
_MOST_HELD_FRAGMENTS = 4096
_RING = 1 << 32


class UserMessage(msgspec.Struct, frozen=True):
    """A message of the user of SCTP.

    Args:
        frames: that carry it, ascending.
        repeated: a retransmission of a message that one chunk holds.
    """

    octets: bytes
    payload_protocol: int
    stream: int
    frames: tuple[int, ...]
    repeated: bool = False


class _Run:
    """Fragments with consecutive TSNs."""

    __slots__ = ("frames", "octets", "parts")

    def __init__(self, data: Data, frames: tuple[int, ...]) -> None:
        self.parts = [data]
        self.frames = set(frames)
        self.octets = len(data.octets)

    @property
    def whole(self) -> bool:
        """From a first fragment to a last one."""
        return self.parts[0].begins and self.parts[-1].ends

    def follows(self, other: _Run) -> bool:
        """Whether its first fragment goes on where the other's last one stopped, in the same message."""
        mine, theirs = self.parts[0], other.parts[-1]
        return not mine.begins and not theirs.ends and (mine.stream, mine.sequence, mine.unordered) == (
            theirs.stream, theirs.sequence, theirs.unordered)


class _Direction:
    """What one side sends."""

    def __init__(self) -> None:
        self.chunks = 0
        self.repeated = 0
        self.first_repeated = 0
        self.changed: list[int] = []    # frames whose chunk has the TSN of an earlier one, and other content
        self.lost = 0                   # fragments of messages that never became whole
        self._seen: OrderedDict[int, int] = OrderedDict()
        self._starts: dict[int, _Run] = {}              # by TSN of the first fragment
        self._ends: OrderedDict[int, _Run] = OrderedDict()   # by TSN of the last fragment
        self._held = 0
        self._fragments = 0

    def take(self, data: Data, frames: tuple[int, ...]) -> UserMessage | None:
        """A DATA chunk; the message that it completes, if it does."""
        self.chunks += 1
        content = hash(data)
        before = self._seen.get(data.tsn)
        if before is not None:
            self.repeated += 1
            self.first_repeated = self.first_repeated or frames[-1]
            if before != content and len(self.changed) < 100:
                self.changed.append(frames[-1])
            if before == content and data.begins and data.ends:
                return UserMessage(data.octets, data.payload_protocol, data.stream, frames, True)
            return None
        self._seen[data.tsn] = content
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        if data.begins and data.ends:
            return UserMessage(data.octets, data.payload_protocol, data.stream, frames)
        return self._join(data, frames)

    def _join(self, data: Data, frames: tuple[int, ...]) -> UserMessage | None:
        run = _Run(data, frames)
        self._held += run.octets
        self._fragments += 1
        before = self._ends.get((data.tsn - 1) % _RING)
        if before is not None and run.follows(before):
            self._forget(before)
            run = _joined(before, run)
        after = self._starts.get((data.tsn + 1) % _RING)
        if after is not None and after.follows(run):
            self._forget(after)
            run = _joined(run, after)
        if run.whole:
            self._held -= run.octets
            self._fragments -= len(run.parts)
            first = run.parts[0]
            return UserMessage(b"".join(part.octets for part in run.parts), first.payload_protocol, first.stream,
                               tuple(sorted(run.frames)))
        self._starts[run.parts[0].tsn] = self._ends[run.parts[-1].tsn] = run
        while self._held > _MOST_HELD_OCTETS or self._fragments > _MOST_HELD_FRAGMENTS:
            oldest = next(iter(self._ends.values()))
            self._forget(oldest)
            self._held -= oldest.octets
            self._fragments -= len(oldest.parts)
            self.lost += len(oldest.parts)
        return None

    def _forget(self, run: _Run) -> None:
        del self._starts[run.parts[0].tsn]
        del self._ends[run.parts[-1].tsn]

    @property
    def unfinished(self) -> int:
        """Fragments of messages that are not, or never became, whole."""
        return self.lost + self._fragments


def _joined(first: _Run, second: _Run) -> _Run:
    first.parts += second.parts
    first.frames |= second.frames
    first.octets += second.octets
    return first


class Association:
    """An SCTP association on one wire; `sides` as first seen: the side that sent INIT, or the first packet, is 0."""

    __slots__ = ("directions", "sides", "wire")

    def __init__(self, wire: str, first: Endpoint, second: Endpoint) -> None:
        self.wire = wire
        self.sides = (first, second)
        self.directions = (_Direction(), _Direction())

    def take(self, direction: int, data: Data, frames: tuple[int, ...]) -> UserMessage | None:
        """A DATA chunk that side `direction` sent; the message that it completes, if it does."""
        return self.directions[direction].take(data, frames)


class Associations:
    """All associations of a capture. The ones that were quiet for longest go when there are too many."""

    def __init__(self) -> None:
        self._live: OrderedDict[tuple[str, Endpoint, Endpoint], Association] = OrderedDict()
        self._tags: OrderedDict[tuple[str, int, int, int], tuple[Association, int]] = OrderedDict()
        self._past: list[Association] = []

    def find(self, wire: str, packet: Sctp) -> tuple[Association, int]:
        """The association of a packet, and which of its sides sent it."""
        source, destination = packet.source, packet.destination
        mine = (wire, source.port, destination.port, packet.tag)
        known = self._tags.get(mine) if packet.tag else None
        if known is None:
            known = self._by_ends(wire, packet)
            if packet.tag:
                self._tag(mine, *known)
        association, direction = known
        for chunk in packet.chunks[:1]:
            # The tag chosen here is the one that the other side's packets will carry.
            if chunk.type in (INIT, INIT_ACK) and len(chunk.value) >= 4:
                tag = int.from_bytes(chunk.value[:4], "big")
                self._tag((wire, destination.port, source.port, tag), association, 1 - direction)
        return known

    def _tag(self, key: tuple[str, int, int, int], association: Association, direction: int) -> None:
        self._tags[key] = (association, direction)
        if len(self._tags) > _MOST_TAGS:
            self._tags.popitem(last=False)

    def _by_ends(self, wire: str, packet: Sctp) -> tuple[Association, int]:
        source, destination = packet.source, packet.destination
        key = (wire, source, destination) if source <= destination else (wire, destination, source)
        association = self._live.get(key)
        opens = bool(packet.chunks) and packet.chunks[0].type == INIT
        if association is None or (opens and any(one.chunks for one in association.directions)):
            if association is not None:
                self._retire(association)
            association = self._live[key] = Association(wire, source, destination)
            if len(self._live) > _MOST_ASSOCIATIONS:
                self._retire(self._live.popitem(last=False)[1])
        return association, 0 if source == association.sides[0] else 1

    def _retire(self, association: Association) -> None:
        if len(self._past) < _MOST_ASSOCIATIONS:
            self._past.append(association)

    def notes(self) -> list[str]:
        """What can't be read, and what came again."""
        found: list[str] = []
        for association in (*self._past, *self._live.values()):
            a, b = association.sides
            of = f"of the SCTP association {a} - {b}"
            for one in association.directions:
                if one.changed:
                    found.append(f"frame {one.changed[0]} repeats a TSN {of} with other content")
            again = sum(one.repeated for one in association.directions)
            if again:
                first = min(one.first_repeated for one in association.directions if one.repeated)
                found.append(f"{again} DATA chunk{'s' * (again > 1)} {of} came again (the first in frame {first})")
            parts = sum(one.unfinished for one in association.directions)
            if parts:
                found.append(f"{parts} DATA chunk{'s' * (parts > 1)} {of} {'are' if parts > 1 else 'is'} part of "
                             "messages that the capture does not hold whole")
        return found
