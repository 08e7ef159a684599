"""Two captures held against each other, track by track: what is the same, changed, missing or new, and where it begins.

Each direction of each pair of nodes is aligned by itself: how two directions interleave depends on the network, not on
what the nodes do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.common_order import ranges
from workbench.analysis.namesakes import namesakes
from workbench.analysis.steps import Step, Track, tracks

if TYPE_CHECKING:
    from workbench.analysis.report import Report

SAME, CHANGED, LEFT, RIGHT = "same", "changed", "only left", "only right"
_MOST_CHANGES = 40
_MOST_LINES = 2000
_MOST_CANDIDATES = 20


class Row(msgspec.Struct, frozen=True):
    """A step of one capture beside that of the other.

    Args:
        kind: `same`, `changed`, `only left` or `only right`.
        changes: of a changed step, the lines that differ: behind `- ` as on the left, behind `+ ` as on the right.
    """

    kind: str
    left: Step | None
    right: Step | None
    changes: tuple[str, ...] = ()


class Pair(msgspec.Struct, frozen=True):
    """A track of one capture beside that of the other; `left` or `right` is None where only one has it."""

    name: str
    left: Track | None
    right: Track | None
    rows: list[Row]

    @property
    def group(self) -> str:
        """Of its track."""
        track = self.left or self.right
        return track.group if track is not None else ""

    @property
    def differences(self) -> list[Row]:
        """Rows that are not the same."""
        return [row for row in self.rows if row.kind != SAME]


class Comparison(msgspec.Struct, frozen=True):
    """All tracks of two captures. `agreement` is the share of steps that both have and that say the same."""

    left: str
    right: str
    pairs: list[Pair]
    agreement: float

    @property
    def same(self) -> bool:
        """There is no difference."""
        return not any(pair.differences for pair in self.pairs)

    @property
    def first(self) -> tuple[Pair, Row] | None:
        """The first deviation in time, with its track; of what no message says only where there is no other."""
        found = [(pair, row) for pair in self.pairs for row in pair.differences]
        return min(found, key=lambda one: (one[0].group == "roles", _when(one[1])), default=None)


def compare(left: Report, right: Report) -> Comparison:
    """Hold two captures against each other."""
    pairs = [_pair(one, other) for one, other in _partners(tracks(left), tracks(right))]
    pairs.sort(key=lambda pair: min(map(_when, pair.rows), default=0.0))
    rows = [row for pair in pairs for row in pair.rows]
    same = sum(row.kind == SAME for row in rows)
    return Comparison(left.capture, right.capture, pairs, same / len(rows) if rows else 1.0)


def _when(row: Row) -> float:
    return min(step.time for step in (row.left, row.right) if step is not None)


def _partners(left: list[Track], right: list[Track]) -> list[tuple[Track | None, Track | None]]:
    """Tracks of one name in one session; what is left by the most kinds of steps in common, in the same protocols."""
    sessions = namesakes(left, right)
    theirs = {(sessions.get(track.session, f"{track.session} on the right"), *track.key[1:]): track for track in right}
    found: list[tuple[Track | None, Track | None]] = []
    alone: list[Track] = []
    for track in left:
        other = theirs.pop(track.key, None)
        if other is None:
            alone.append(track)
        else:
            found.append((track, other))
    free = _Free(theirs.values())
    for track in alone:
        other = max(free.near(track), default=None, key=lambda one: _likeness(track, one))
        if other is not None and _likeness(track, other)[0] > 0:
            free.take(other)
            found.append((track, other))
        else:
            found.append((track, None))
    return found + [(None, track) for track in theirs.values() if free.has(track)]


class _Free:
    """Tracks without a partner, by the nodes at their ends: of very many only the first ones are looked at."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._by_end: dict[tuple[str, ...], dict[tuple[str, ...], Track]] = {}
        for track in tracks:
            for end in self._ends(track):
                self._by_end.setdefault(end, {})[track.key] = track

    def near(self, track: Track) -> list[Track]:
        """Some that have an end in common with this one, those with both ends first."""
        return [one for end in self._ends(track)
                for one in islice(self._by_end.get(end, {}).values(), _MOST_CANDIDATES)]

    def take(self, track: Track) -> None:
        """It has a partner now."""
        for end in self._ends(track):
            del self._by_end[end][track.key]

    def has(self, track: Track) -> bool:
        """It has no partner yet."""
        return track.key in self._by_end[self._ends(track)[0]]

    @staticmethod
    def _ends(track: Track) -> tuple[tuple[str, ...], ...]:
        return ((track.group, track.source, track.destination), (track.group, track.source, "*"),
                (track.group, "*", track.destination))


def _likeness(one: Track, other: Track) -> tuple[int, int]:
    ends = (one.source == other.source) + (one.destination == other.destination)
    kinds = len({step.kind for step in one.steps} & {step.kind for step in other.steps})
    return (kinds if ends else 0), ends


def _pair(left: Track | None, right: Track | None) -> Pair:
    if left is None or right is None:
        track = left or right
        assert track is not None
        return Pair(track.name, left, right, [
            Row(LEFT if right is None else RIGHT, step if right is None else None, step if left is None else None)
            for step in track.steps])
    name = left.name if left.key == right.key else f"{left.name} | {right.name}"
    return Pair(name, left, right, align(left.steps, right.steps))


def align(left: Sequence[Step], right: Sequence[Step]) -> list[Row]:
    """Steps side by side: equal ones in the longest common order; between them those of one kind, as changed."""
    rows: list[Row] = []
    for equal, a, b, c, d in ranges([step.key for step in left], [step.key for step in right]):
        if equal:
            rows += [Row(SAME, *both) for both in zip(left[a:b], right[c:d], strict=True)]
        else:
            rows += _between(left[a:b], right[c:d])
    return rows


def _between(left: Sequence[Step], right: Sequence[Step]) -> list[Row]:
    rows: list[Row] = []
    for equal, a, b, c, d in ranges([step.kind for step in left], [step.kind for step in right]):
        if equal:
            rows += [Row(CHANGED, one, other, _changes(one, other))
                     for one, other in zip(left[a:b], right[c:d], strict=True)]
        else:
            rows += [Row(LEFT, step, None) for step in left[a:b]]
            rows += [Row(RIGHT, None, step) for step in right[c:d]]
    return rows


def _changes(left: Step, right: Step) -> tuple[str, ...]:
    """Lines that differ once values of one run are taken off; of a very long text only its first lines are read."""
    found: list[str] = []
    if left.told != right.told:
        found += [f"- {left.told}", f"+ {right.told}"]
    one, other = left.text[:_MOST_LINES], right.text[:_MOST_LINES]
    for equal, a, b, c, d in ranges(one, other):
        if not equal:
            found += [f"- {line.strip()}" for line in one[a:b]]
            found += [f"+ {line.strip()}" for line in other[c:d]]
    if len(found) > _MOST_CHANGES:
        found[_MOST_CHANGES:] = [f"… {len(found) - _MOST_CHANGES} more lines"]
    if left.text[_MOST_LINES:] != right.text[_MOST_LINES:]:
        found.append(f"… a difference behind line {_MOST_LINES}")
    return tuple(found)
