"""The longest common order of two sequences, in a bounded number of steps whatever the sequences are.

A row of the table that one learns is one number here, a bit for each item: a bit that is 0 says that the item makes the
common order longer. A new row costs one addition (Hyyrö, Bit-parallel LCS-length computation revisited, 2004).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

Range = tuple[bool, int, int, int, int]
"""Equal or not; first and end on the left; first and end on the right."""


def ranges(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[Range]:
    """Both sequences cut into what is equal and what lies between, in order; no range is empty on both sides."""
    found: list[Range] = []
    a = c = 0
    for b, d in [*common(left, right), (len(left), len(right))]:
        if b > a or d > c:
            found.append((False, a, b, c, d))
        if b < len(left) and d < len(right):
            if found and found[-1][0]:
                found[-1] = (True, found[-1][1], b + 1, found[-1][3], d + 1)
            else:
                found.append((True, b, b + 1, d, d + 1))
        a, c = b + 1, d + 1
    return found


def common(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Places of a longest common order: what both begin with as it comes, then each item as late as it may be."""
    begun = 0
    while begun < min(len(left), len(right)) and left[begun] == right[begun]:
        begun += 1
    found = [(begun + a, begun + b) for a, b in _common(left[begun:], right[begun:])]
    return [(place, place) for place in range(begun)] + found


def _common(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    rows = _rows(left, right)
    found: list[tuple[int, int]] = []
    a, b = len(left), len(right)
    while a and b:
        if left[a - 1] == right[b - 1]:
            a, b = a - 1, b - 1
            found.append((a, b))
        elif rows[b] >> (a - 1) & 1:
            a -= 1
        else:
            b -= 1
    return found[::-1]


def _rows(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[int]:
    """Row by row of `right`: which items of `left` add nothing to what is common so far."""
    places: dict[Hashable, int] = {}
    for at, item in enumerate(left):
        places[item] = places.get(item, 0) | 1 << at
    every = (1 << len(left)) - 1
    rows = [every]
    for item in right:
        row = rows[-1]
        matched = row & places.get(item, 0)
        rows.append((row + matched | row - matched) & every)
    return rows
