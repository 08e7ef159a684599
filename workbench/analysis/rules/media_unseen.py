"""A stream was agreed, the call is up, and nothing of the stream is in the capture: why is there no media?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, up_between

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.terminations import TerminationSeen
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg

_PATIENCE = 10.0


def _find(report: Report) -> Iterator[Evidence]:
    # A capture of signalling alone tells nothing of media.
    if not any(call.spans or call.flows for call in report.calls):
        return
    for call in report.calls:
        answered = up_between(call, report.end)
        if answered is None or _held(call):
            continue
        up, until = answered
        silent = [leg for leg, span, end in call.legs
                  if span is None and not leg.frames and _long_enough(end, up.time, until)]
        moving = [leg for leg, span, _ in call.legs if span is not None or leg.frames]
        told = f"{call.session.id} is up at {up.time:.3f} s, and"
        if silent:
            yield Evidence(up.frames, f"{told} {_told(silent, moving)}")
        elif not call.legs and not call.spans and not call.flows and _long_enough(None, up.time, until):
            yield Evidence(up.frames, f"{told} nothing of its media is seen")


def _long_enough(termination: TerminationSeen | None, since: float, until: float) -> bool:
    """The call was up for a while with this leg in place; one that was taken back or comes later is left alone."""
    if termination is not None:
        if termination.added is None:
            return False
        since = max(since, termination.added.time)
        until = min(until, termination.subtracted if termination.subtracted is not None else until)
    return until - since >= _PATIENCE


def _told(silent: list[Leg], moving: list[Leg]) -> str:
    names = ", ".join(f"{leg.name} ({leg.termination or leg.transport})" for leg in silent[:4])
    if not moving:
        return f"nothing is seen on any of its legs: {names}"
    return (f"nothing is seen on {names}, while {', '.join(leg.name for leg in moving[:4])} carries something: what "
            "comes in does not go out")


def _held(call: Call) -> bool:
    """Nothing was described, or a stream was refused or withdrawn in the end."""
    last = [dialog.described[-1] for dialog in call.dialogs if dialog.described]
    return not last or any(one.media.rejected for one in last)


rule = Rule("media-unseen", "RFC 3264 §5.1, TS 23.334 §5.2", "warning", "A stream that was agreed carries something",
            _find,
            next="In this order: who was to begin (a=setup, keep-alive of a UE behind a NAT), whether its packets "
                 "reach the gateway's address as SDP gave it, the stream mode of both terminations, Remote of the "
                 "other one, and whether the capture was taken where media passes.")
