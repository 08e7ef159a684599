"""Expectations: sentences that are judged on the decoded capture, and on nothing else.

`Seen` values say what to look for; `Eventually`, `Never`, `Holds` and `InOrder` make sentences of them.
What a sentence needs and the capture does not show makes it `inconclusive`, never `pass`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from workbench.analysis.report import Report

Frames = tuple[int, ...]

PASS = "pass"
FAIL = "fail"
INCONCLUSIVE = "inconclusive"


class Verdict(msgspec.Struct, frozen=True):
    """How an expectation came out: `pass`, `fail` or `inconclusive`, on which frames, and why in one line."""

    name: str
    verdict: str
    frames: Frames = ()
    reason: str = ""


class Seen(msgspec.Struct, frozen=True):
    """Something to look for: `find` gives the frames of each occurrence, in order."""

    what: str
    find: Callable[[Report], list[Frames]]


class Fact(msgspec.Struct, frozen=True):
    """Something that holds or not: `check` gives None where the capture can't tell, else answer, frames and reason."""

    what: str
    check: Callable[[Report], tuple[bool, Frames, str] | None]


class Eventually(msgspec.Struct, frozen=True):
    """At least one occurrence."""

    name: str
    seen: Seen

    def judge(self, report: Report) -> Verdict:
        """See the class."""
        found = self.seen.find(report)
        if found:
            return Verdict(self.name, PASS, found[0])
        return Verdict(self.name, FAIL, (), f"never seen: {self.seen.what}")


class Never(msgspec.Struct, frozen=True):
    """No occurrence; inconclusive unless `provided` was seen (else silence would prove it)."""

    name: str
    seen: Seen
    provided: Seen

    def judge(self, report: Report) -> Verdict:
        """See the class."""
        found = self.seen.find(report)
        if found:
            return Verdict(self.name, FAIL, found[0], f"seen: {self.seen.what}")
        shown = self.provided.find(report)
        if not shown:
            return Verdict(self.name, INCONCLUSIVE, (), f"nothing was shown: no {self.provided.what}")
        return Verdict(self.name, PASS, shown[0])


class InOrder(msgspec.Struct, frozen=True):
    """The first occurrence of each comes after the first occurrence of the one before it."""

    name: str
    seen: tuple[Seen, ...]

    def judge(self, report: Report) -> Verdict:
        """See the class."""
        firsts: list[tuple[int, str]] = []
        for seen in self.seen:
            found = seen.find(report)
            if not found:
                return Verdict(self.name, INCONCLUSIVE, tuple(f for f, _ in firsts), f"never seen: {seen.what}")
            firsts.append((found[0][0], seen.what))
        for (a, earlier), (b, later) in pairwise(firsts):
            if b < a:
                return Verdict(self.name, FAIL, (b, a), f"{later} (frame {b}) came before {earlier} (frame {a})")
        return Verdict(self.name, PASS, tuple(frame for frame, _ in firsts))


class Holds(msgspec.Struct, frozen=True):
    """A fact that the capture bears out."""

    name: str
    fact: Fact

    def judge(self, report: Report) -> Verdict:
        """See the class."""
        answer = self.fact.check(report)
        if answer is None:
            return Verdict(self.name, INCONCLUSIVE, (), f"the capture does not show: {self.fact.what}")
        held, frames, reason = answer
        return Verdict(self.name, PASS if held else FAIL, frames, "" if held else reason)


Expectation = Eventually | Never | InOrder | Holds
