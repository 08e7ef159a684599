"""The call is up, and the stream mode of a termination lets nothing through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, up_between
from workbench.protocols.h248 import message as h248
from workbench.protocols.sdp import Direction

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.terminations import TerminationSeen
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report

_PATIENCE = 5.0
_OPEN = (h248.Mode.SEND_RECEIVE, h248.Mode.LOOP_BACK)


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        answered = up_between(call, report.end)
        if answered is None or not call.contexts:
            continue
        up, until = answered
        if until - up.time < _PATIENCE or not _both_ways(call, up.time + _PATIENCE):
            continue
        for context in (one for one in call.contexts if one.whole):
            for termination in context.terminations.values():
                for stream, (draft, mode) in _modes(termination, up.time + _PATIENCE).items():
                    if mode in _OPEN:
                        continue
                    yield Evidence((*draft.frames, *up.frames), (
                        f"the call is up at {up.time:.3f} s and its SDP lets media go both ways; {_PATIENCE:.0f} s "
                        f"later stream {stream} of {termination.name} in context {context.number} is still {mode}: "
                        f"{report.names(context.gateway.host)} has to drop what comes"))


def _modes(termination: TerminationSeen, until: float) -> dict[int, tuple[Draft, h248.Mode]]:
    if termination.added is None or (termination.subtracted is not None and termination.subtracted <= until):
        return {}
    return {stream: (draft, mode) for draft, stream, mode in termination.modes if draft.time <= until}


def _both_ways(call: Call, until: float) -> bool:
    """No description so far holds or refuses a stream."""
    said = [one for dialog in call.dialogs for one in dialog.described if one.draft.time <= until]
    return bool(said) and not any(
        one.media.rejected or one.description.direction_of(one.media) is not Direction.BOTH for one in said)


rule = Rule("gate-closed", "TS 23.334 §5.2, §6.2.11, H.248.1 §7.1.7", "error",
            "Once a call is up the streams of its terminations let media through", _find,
            next="The last LocalControl of the termination: whether the order that opens the gate was never sent, was "
                 "refused, or went to another termination.")
