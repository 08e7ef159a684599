"""Facts and occurrences made of others."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.lab.expect import Fact, Frames, Seen

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def in_turn(*facts: Fact) -> Fact:
    """All of these hold; the first that does not gives the reason."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        frames: list[int] = []
        missing = False
        for fact in facts:
            answer = fact.check(report)
            if answer is None:
                missing = True
                continue
            if not answer[0]:
                return answer
            frames += answer[1]
        return None if missing else (True, tuple(frames), "")

    return Fact("; ".join(fact.what for fact in facts), check)


def in_order(*seen: Seen) -> Fact:
    """The first occurrence of each comes after the first one of what stands before it; all are there."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        firsts: list[tuple[int, str]] = []
        for one in seen:
            found = one.find(report)
            if not found:
                return False, tuple(frame for frame, _ in firsts), f"never seen: {one.what}"
            firsts.append((found[0][0], one.what))
        frames = tuple(frame for frame, _ in firsts)
        late = next(((a, b) for (a, _), (b, _) in pairwise(firsts) if b < a), None)
        return late is None, late or frames, "they came in another order"

    return Fact(", then ".join(one.what for one in seen), check)


def once(seen: Seen, *, never: tuple[Seen, ...] = ()) -> Fact:
    """Exactly one occurrence, and none of `never`."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = seen.find(report)
        others = [(other, other.find(report)) for other in never]
        wrong = next(((other, frames) for other, frames in others if frames), None)
        if wrong is not None:
            return False, wrong[1][0], f"seen: {wrong[0].what}"
        return len(found) == 1, tuple(f for one in found for f in one), f"{len(found)} times: {seen.what}"

    without = "".join(f", and never: {other.what}" for other in never)
    return Fact(f"once: {seen.what}{without}", check)


def all_of(*seen: Seen) -> Fact:
    """Each of these occurs."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        frames: list[int] = []
        for one in seen:
            found = one.find(report)
            if not found:
                return False, tuple(frames), f"never seen: {one.what}"
            frames += found[0]
        return True, tuple(frames), ""

    return Fact("; ".join(one.what for one in seen), check)


def any_of(*seen: Seen) -> Seen:
    """An occurrence of any of these, in the order of the capture."""
    return Seen(" or ".join(one.what for one in seen), lambda report: sorted(
        frames for one in seen for frames in one.find(report)))


def after(first: Seen, then: Seen) -> Seen:
    """Occurrences that come after the first one of something else."""

    def find(report: Report) -> list[Frames]:
        begun = first.find(report)
        return [frames for frames in then.find(report) if begun and frames[0] > begun[0][0]]

    return Seen(f"{then.what}, after {first.what}", find)


def followed(first: Seen, then: Seen) -> Fact:
    """Something else comes after the first occurrence; nothing is said where that is missing."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        begun = first.find(report)
        if not begun:
            return None
        came = next((frames for frames in then.find(report) if frames[0] > begun[0][0]), ())
        return bool(came), (*begun[0], *came), f"never seen afterwards: {then.what}"

    return Fact(f"{then.what}, after {first.what}", check)


def patience(first: Seen, then: Seen, seconds: float) -> Fact:
    """What follows does so no sooner than this many seconds after what was first."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        begun, came = first.find(report), then.find(report)
        if not begun or not came:
            return None
        frames = (begun[0][-1], came[0][0])
        passed = report.frame(frames[1]).time - report.frame(frames[0]).time
        return passed >= seconds, frames, f"it came after {passed:.1f} s already"

    return Fact(f"{then.what}, {seconds:g} s or more after {first.what}", check)
