"""TCP octets in order, as a capture shows them: retransmissions, overlaps, holes, wrapped sequence numbers.

A capture is not a receiver: it may start in the middle, miss segments that arrived, and show ones that never did.
Sequence numbers become offsets, counted from the first octet of a direction, which do not wrap.

Source: RFC 9293 §3.4.
"""

from __future__ import annotations

from bisect import insort

import msgspec

MOST_HELD_OCTETS = 4 * 2**20
MOST_HELD_SEGMENTS = 4096
_RECENT = 2048


class Piece(msgspec.Struct, frozen=True):
    """Octets in order, from one frame.

    Args:
        start: offset of the first octet in its direction.
        octets: never empty.
        frame: number of the frame that brought them.
        missing: octets that the capture lacks right in front of `start`.
    """

    start: int
    octets: bytes
    frame: int
    missing: int = 0

    @property
    def end(self) -> int:
        """Offset one past the last octet."""
        return self.start + len(self.octets)


class HalfStream:
    """One direction of a TCP connection. The first copy of an octet counts; later ones are retransmissions."""

    __slots__ = ("_anchor", "_held", "_held_octets", "_recent", "changed", "initial", "missing", "next", "repeated")

    def __init__(self) -> None:
        self.initial: int | None = None     # initial sequence number, where the SYN was seen
        self.next = 0                       # offset of the next octet in order
        self.missing = 0                    # octets that never came
        self.repeated = 0                   # octets that came again
        self.changed: list[int] = []        # frames whose retransmitted octets differ from the first copy
        self._anchor: int | None = None     # sequence number of offset 0
        self._held: list[tuple[int, int, bytes]] = []   # offset, frame, octets: beyond a hole
        self._held_octets = 0
        self._recent = b""                  # the last octets delivered, to compare retransmissions with

    def syn(self, sequence: int) -> None:
        """The SYN: octets start one behind it."""
        self.initial = sequence
        self._anchor = (sequence + 1) & 0xFFFFFFFF

    def offset(self, sequence: int) -> int:
        """The offset that a sequence number means: the one nearest to what comes next."""
        if self._anchor is None:
            self._anchor = sequence
        distance = (sequence - self._anchor - self.next) & 0xFFFFFFFF
        return self.next + (distance - (1 << 32) if distance >= 1 << 31 else distance)

    def sequence(self, offset: int) -> int:
        """The sequence number of an offset."""
        return ((self._anchor or 0) + offset) & 0xFFFFFFFF

    def add(self, sequence: int, octets: bytes, frame: int) -> list[Piece]:
        """Take a segment's payload; return what is in order now."""
        start = self.offset(sequence)
        if start > self.next:
            insort(self._held, (start, frame, octets))
            self._held_octets += len(octets)
            if self._held_octets > MOST_HELD_OCTETS or len(self._held) > MOST_HELD_SEGMENTS:
                return self._leap()
            return []
        found: list[Piece] = []
        self._deliver(start, frame, octets, found)
        self._release(found)
        return found

    @property
    def holds(self) -> int:
        """Segments that wait behind a hole."""
        return len(self._held)

    def leap(self) -> list[Piece]:
        """Give up the first hole: what was held behind it, up to the next one."""
        return self._leap() if self._held else []
    def follows(self, sequence: int) -> bool:
        """A segment with this sequence number would bring just what comes next, and nothing is held behind a hole."""
        return not self._held and self._anchor is not None and self.offset(sequence) == self.next

    def passed(self, octets: bytes, last: int) -> None:
        """These octets have come in order, and were read elsewhere; the last segment of them brought `last`."""
        self.next += len(octets)
        self._recent = octets[-last:] if last >= _RECENT else (self._recent + octets[-_RECENT:])[-_RECENT:]

    def forget(self) -> None:
        """Nothing more comes to be compared with what came."""
        self._recent = b""

    def flush(self) -> list[Piece]:
        """No more comes: what is held behind holes, each piece with what is missing in front of it."""
        found: list[Piece] = []
        while self._held:
            found += self._leap()
        return found

    def _leap(self) -> list[Piece]:
        hole = self._held[0][0] - self.next
        self.missing += hole
        self.next += hole
        self._recent = b""
        found: list[Piece] = []
        self._release(found, hole)
        return found

    def _release(self, found: list[Piece], missing: int = 0) -> None:
        taken = 0
        for start, frame, octets in self._held:
            if start > self.next:
                break
            taken += 1
            self._held_octets -= len(octets)
            if self._deliver(start, frame, octets, found, missing):
                missing = 0
        del self._held[:taken]

    def _deliver(self, start: int, frame: int, octets: bytes, found: list[Piece], missing: int = 0) -> bool:
        old = self.next - start
        if old > 0:
            self._compare(old, octets, frame)
            self.repeated += min(old, len(octets))
            octets = octets[old:]
        if not octets:
            return False
        found.append(Piece(self.next, octets, frame, missing))
        self.next += len(octets)
        self._recent = octets if len(octets) >= _RECENT else (self._recent + octets)[-_RECENT:]
        return True

    def _compare(self, old: int, octets: bytes, frame: int) -> None:
        """Hold retransmitted octets against the first copy, as far back as that is kept."""
        begin = max(0, old - len(self._recent))
        end = min(old, len(octets))
        mine = self._recent[len(self._recent) - old + begin : len(self._recent) - old + end]
        if begin < end and mine != octets[begin:end] and len(self.changed) < 100:
            self.changed.append(frame)


class Places:
    """Which frames brought which octets of a run of octets, for messages that end anywhere in it."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, int, tuple[int, ...]]] = []
        self._first = 0

    def add(self, start: int, end: int, frames: tuple[int, ...]) -> None:
        """Octets `start` to `end` (one past) came with these frames. Starts grow from call to call."""
        self._runs.append((start, end, frames))

    def frames(self, start: int, end: int) -> tuple[int, ...]:
        """The frames of octets `start` to `end`, ascending; what lies before `start` is forgotten."""
        runs = self._runs
        while self._first < len(runs) and runs[self._first][1] <= start:
            self._first += 1
        if self._first > 1024:
            del runs[: self._first]
            self._first = 0
        found: set[int] = set()
        for at in range(self._first, len(runs)):
            if runs[at][0] >= end:
                break
            found.update(runs[at][2])
        return tuple(sorted(found))
