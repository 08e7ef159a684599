"""What arrived ahead of a hole in a stream, until the hole is filled."""

from __future__ import annotations

from bisect import bisect_right


class Gaps:
    """Pieces of a stream by sequence number, in order and without overlap; at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[tuple[int, bytes]] = []

    def keep(self, start: int, octets: bytes) -> None:
        """Keep what is new of these octets; a piece above the limit is dropped and will be sent again."""
        pieces = self._pieces
        at = bisect_right(pieces, start, key=lambda piece: piece[0])
        if at:
            before, kept = pieces[at - 1]
            covered = before + len(kept) - start
            if covered > 0:
                octets = octets[covered:]
                start += covered
        while octets and at < len(pieces) and pieces[at][0] < start + len(octets):
            behind, kept = pieces[at]
            if behind + len(kept) <= start + len(octets):
                del pieces[at]
            else:
                octets = octets[: behind - start]
        if octets and len(pieces) < self._limit:
            pieces.insert(at, (start, octets))

    def take(self, at: int) -> bytes:
        """All that follows `at` without a hole; it is no longer kept."""
        found = bytearray()
        while self._pieces and self._pieces[0][0] <= at + len(found):
            start, octets = self._pieces.pop(0)
            found += octets[at + len(found) - start :]
        return bytes(found)

    def clear(self) -> None:
        """Forget all."""
        self._pieces.clear()

    @property
    def octets(self) -> int:
        """How many octets are kept."""
        return sum(len(octets) for _, octets in self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)
