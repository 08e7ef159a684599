"""The longest common order: as long as it can be, and cheap for whatever a capture brings."""

from __future__ import annotations

from itertools import pairwise

from counting import work
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis import aligning
from workbench.analysis.aligning import align
from workbench.analysis.common_order import common, ranges
from workbench.analysis.steps import Step, Track

FEW = st.lists(st.sampled_from("abcd"), max_size=12)


def longest(left: list[str], right: list[str]) -> int:
    """As a textbook has it."""
    row = [0] * (len(right) + 1)
    for one in left:
        before = row
        row = [0]
        for at, other in enumerate(right):
            row.append(before[at] + 1 if one == other else max(row[at], before[at + 1]))
    return row[-1]


@given(FEW, FEW)
def test_it_is_the_longest(left: list[str], right: list[str]) -> None:
    """Pairs are equal items, both sides go up, and there is no longer one."""
    found = common(left, right)
    assert all(left[a] == right[b] for a, b in found)
    assert all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(found))
    assert len(found) == longest(left, right)


@given(FEW, FEW)
def test_ranges_give_both_sides_back(left: list[str], right: list[str]) -> None:
    """Each item is in one range, in order; ranges that are called equal are."""
    found = ranges(left, right)
    assert [item for _, a, b, _, _ in found for item in left[a:b]] == left
    assert [item for _, _, _, c, d in found for item in right[c:d]] == right
    assert all(left[a:b] == right[c:d] and b > a for equal, a, b, c, d in found if equal)
    assert all(b > a or d > c for _, a, b, c, d in found)


def test_hostile_orders_cost_no_more_than_others() -> None:
    """Twice as many steps, twice the work: few kinds over and over, turned around, as a capture may have them."""
    def steps(size: int) -> list[Step]:
        return [Step(kind, kind, (), at, 0.0) for at, kind in enumerate("aab" * (size // 3))]

    small, large = (work(align, steps(size), steps(size)[::-1])[0] for size in (600, 1200))
    assert large < 2.2 * small and large < 40_000


def test_very_many_tracks_cost_little_each() -> None:
    """Tracks of one gateway that have no namesake look at a few others each, not at all of them."""
    def alone(side: str, size: int) -> list[Track]:
        return [Track(f"{side}-{at}", "Core", "SIP", "UE A", "IMS-ALG", [Step("INVITE", "INVITE", (), 1, 0.0)])
                for at in range(size)]

    small, large = (work(aligning._partners, alone("call", size), alone("other", size))[0] for size in (100, 200))
    assert large < 2.3 * small
    assert len(aligning._partners(alone("call", 30), alone("other", 40))) == 40


def test_a_difference_in_a_very_long_text_is_told() -> None:
    """Only the first lines of a text are shown, and that the texts differ behind them is said."""
    lines = tuple("v=0" for _ in range(aligning._MOST_LINES))
    one, other = (Step("INVITE", "INVITE", (*lines, end), 1, 0.0) for end in ("a", "b"))
    (row,) = align([one], [other])
    assert row.changes == (f"… a difference behind line {aligning._MOST_LINES}",)
