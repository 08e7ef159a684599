"""One termination was taken out of a context, and the other one was left alone in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.conferences import is_conference
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_PATIENCE = 5.0


def _find(report: Report) -> Iterator[Evidence]:
    # In a conference the last one may wait for others.
    hosted = {id(context) for call in report.calls if is_conference(call) for context in call.contexts}
    for context in report.signalling.contexts:
        if id(context) in hosted:
            continue
        gone = [one.subtracted for one in context.terminations.values() if one.subtracted is not None]
        left = [one for one in context.terminations.values() if one.subtracted is None and one.added is not None]
        if len(left) != 1 or not gone:
            continue
        (alone,), last = left, max(gone)
        # One that came later waits for another end of the call.
        if report.end - last < _PATIENCE or alone.added is None or alone.added.time > last:
            continue
        frames = next((draft.frames for draft in context.drafts if draft.time == last), ())
        yield Evidence((*alone.added.frames, *frames), (
            f"in context {context.number} of {report.names(context.gateway.host)} {alone.name} is left alone from "
            f"{last:.3f} s to the end of the capture: it is connected with nothing, and its port stays taken"))


rule = Rule("context-one-left", "H.248.1 §6.1, TS 23.334 §8.5", "warning",
            "Of two terminations that belong together none is left behind", _find,
            next="Whether a Subtract of it was refused, and whether the controller means to add another termination.")
