"""Octets that both ends know: pseudo-random, other ones for each stream and direction, compared one by one."""

from __future__ import annotations

import random

LONGEST = 262_144
# A prime, so that no loss or repetition of a buffer's worth of octets brings the sequence back to where it was.
_PERIOD = 1_000_003
_STRIDE = 7_919

_BLOCK = random.Random("load").randbytes(_PERIOD)
_BLOCK += _BLOCK[:LONGEST]
_VIEW = memoryview(_BLOCK)


class Content:
    """What one end of a stream sends.

    Args:
        number: of the sequence; two numbers that differ, below 1,000,003, give sequences that differ from the start.
    """

    __slots__ = ("_start",)

    def __init__(self, number: int) -> None:
        self._start = number * _STRIDE % _PERIOD

    def piece(self, position: int, octets: int) -> memoryview:
        """The octets from there on, `LONGEST` at most."""
        start = (self._start + position) % _PERIOD
        return _VIEW[start : start + min(octets, LONGEST)]

    def same(self, position: int, got: bytes | memoryview) -> bool:
        """Whether these octets, `LONGEST` at most, are those from there on."""
        return _BLOCK.startswith(got, (self._start + position) % _PERIOD)

    def first_wrong(self, position: int, got: bytes | memoryview) -> int:
        """Where the first octet stands that is not as it should be."""
        right = self.piece(position, len(got))
        return position + next(at for at, (one, other) in enumerate(zip(right, got, strict=True)) if one != other)
