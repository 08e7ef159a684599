"""One direction of a TCP connection put back together, so that a frame's part of it can be named.

Only the connection that a frame belongs to is looked at. Octets that the capture lacks end what can be explained.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

# What one direction may hold before the rest is left out: explaining is for reading, not for bulk.
MOST_OCTETS = 16 * 1024 * 1024


class Segment(msgspec.Struct, frozen=True):
    """A TCP segment that carries octets or opens a connection, as one frame shows it."""

    frame: int
    sequence: int
    syn: bool
    payload: bytes


class Direction(msgspec.Struct, frozen=True):
    """Octets of one direction in order, from the first one captured; stops at the first gap.

    `places` tells for each frame which octets it holds: start and end in `octets` (also for retransmissions).
    """

    octets: bytes
    places: dict[int, tuple[int, int]]

    def frames(self, start: int, end: int) -> tuple[int, ...]:
        """The frames that first brought octets `start` to `end`, in order of the stream."""
        found: list[int] = []
        at = start
        for frame, (first, last) in sorted(self.places.items(), key=lambda item: (item[1][0], item[0])):
            if first <= at < last:
                found.append(frame)
                at = last
                if at >= end:
                    break
        return tuple(found)


def put_together(segments: Iterable[Segment], number: int) -> Direction:
    """The direction that frame `number` belongs to: from the SYN before it (or the first segment) to the next SYN."""
    mine: list[Segment] = []
    for segment in segments:
        if segment.syn and segment.sequence != (mine[0].sequence if mine and mine[0].syn else None):
            if any(held.frame == number for held in mine):
                break
            mine = []
        mine.append(segment)
    if not mine:
        return Direction(b"", {})
    start_of = mine[0].sequence
    first = start_of + 1 if mine[0].syn else start_of + min(_ring(s.sequence - start_of) for s in mine)
    placed = sorted(
        ((_ring(s.sequence + s.syn - first), s) for s in mine if s.payload), key=lambda item: (item[0], item[1].frame))
    octets = bytearray()
    places: dict[int, tuple[int, int]] = {}
    for start, segment in placed:
        if start < 0 or start > len(octets) or len(octets) > MOST_OCTETS:
            continue
        end = start + len(segment.payload)
        octets += segment.payload[len(octets) - start:]
        places[segment.frame] = (start, end)
    return Direction(bytes(octets), places)


def _ring(distance: int) -> int:
    """A difference of sequence numbers, which are 32 bits and wrap (RFC 9293 §3.4)."""
    distance &= 0xFFFFFFFF
    return distance - (1 << 32) if distance >= 1 << 31 else distance
