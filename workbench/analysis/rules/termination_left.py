"""The call is over, and its terminations are still there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.conferences import is_conference
from workbench.analysis.rules.rule import Evidence, Rule, draft_time

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report

_PATIENCE = 5.0


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if is_conference(call):
            yield from _participants(report, call)
            continue
        last = over(call)
        if last is None or report.end - last.time < _PATIENCE:
            continue
        for context in call.contexts:
            if context.since > last.time or context.emptied is not None:
                continue
            left = [one for one in context.terminations.values() if one.subtracted is None and one.added is not None]
            if left and len(left) == len(context.terminations):
                frames = tuple(frame for one in left if one.added is not None for frame in one.added.frames)
                yield Evidence((*frames, *last.frames), (
                    f"the call ends at {last.time:.3f} s ({last.summary}), and until the end of the capture "
                    f"{report.end - last.time:.1f} s later nobody subtracts {', '.join(one.name for one in left[:8])} "
                    f"from context {context.number}: ports and resources of "
                    f"{report.names(context.gateway.host)} stay taken"))


def _participants(report: Report, call: Call) -> Iterator[Evidence]:
    """Of a conference each termination goes with its own dialog."""
    ends = {end.local: end for context in call.contexts if context.emptied is None
            for end in context.terminations.values() if end.subtracted is None and end.added is not None}
    named = [(dialog, {one.endpoint for one in dialog.described if one.endpoint is not None})
             for dialog in call.dialogs]
    running = {place for dialog, places in named if dialog.over is None for place in places}
    for dialog, places in named:
        last = dialog.over
        if last is None or report.end - last.time < _PATIENCE:
            continue
        for end in (ends[place] for place in places - running if place in ends):
            assert end.added is not None
            yield Evidence((*end.added.frames, *last.frames), (
                f"the call of a participant ends at {last.time:.3f} s ({last.summary}), and until the end of the "
                f"capture {report.end - last.time:.1f} s later nobody subtracts {end.name} from context "
                f"{end.context.number}: its port at {report.names(end.context.gateway.host)} stays taken"))


def over(call: Call) -> Draft | None:
    """The message after which no dialog of a call is left; None while one is, or where none was seen."""
    ends = [dialog.over for dialog in call.dialogs]
    found = [one for one in ends if one is not None]
    return max(found, key=draft_time) if found and len(found) == len(ends) else None


rule = Rule("termination-left", "TS 23.334 §6.2.1, §8.5, H.248.1 §7.2.4", "error",
            "The terminations of a call are subtracted when it is over", _find,
            next="Whether the controller sent a Subtract that was refused or never answered, and whether it holds "
                 "another dialog of this call for alive. Over a day such terminations end in error 432 or 510.")
