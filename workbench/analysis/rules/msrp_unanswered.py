"""A SEND that asks for a response gets none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.msrp_said import said
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# What a sender waits before it takes the message for lost.
_PATIENCE = 30.0


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for leg in said(report, call):
            lost = [one for one in leg.asked if leg.whole and one.response is None and one.chunk.method == "SEND"
                    and (one.chunk.failure_report or "yes").strip().casefold() == "yes"
                    and leg.until - one.chunk.time >= _PATIENCE]
            if lost:
                first = report.messages[lost[0].chunk.index]
                more = f", and {len(lost) - 1} more of this leg" if len(lost) > 1 else ""
                shown = [report.messages[one.chunk.index] for one in lost[:4]]
                yield Evidence(tuple(frame for one in shown for frame in one.frames[-1:]), (
                    f"{first.source.node} sends {first.summary} on the {leg.leg.name} leg at {first.time:.3f} s{more}: "
                    f"{first.destination.node} answers neither with 200 nor with an error. After {_PATIENCE:.0f} s the "
                    "sender takes the message for lost"))


rule = Rule("msrp-unanswered", "RFC 4975 §7.1.1, §7.2", "error",
            "Each SEND is answered within 30 seconds, unless Failure-Report says that it need not be", _find,
            next="Check on the next leg whether the SEND arrives there and whether the answer comes back that far: the "
                 "last leg without it is where it is lost. Look at stream modes (Mode) of the terminations too.")
