"""A command names a context that is not there any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import ContextSeen
    from workbench.analysis.report import Report

# What was under way when the last termination went away is nobody's fault.
_CROSSING = 1.0


def _find(report: Report) -> Iterator[Evidence]:
    alive: set[ContextSeen] = set()
    for order in report.signalling.orders:
        for context in order.contexts or ():
            gone = context.emptied
            if gone is None or context in alive or order.draft.time - gone.time < _CROSSING:
                continue
            if order.by_controller and order.carried_out:
                alive.add(context)      # the gateway knows better: the Add of another context of that number is missing
                continue
            sender = report.names(order.draft.source.host)
            yield Evidence((*gone.frames, *order.draft.frames), (
                f"{sender} sends {order.draft.summary} {order.draft.time - gone.time:.3f} s after the last termination "
                f"of context {context.number} was subtracted, which deleted the context (error 411)"))


rule = Rule("context-unknown", "H.248.1 §6.1, H.248.8 (411)", "error", "Commands are for contexts that exist", _find,
            next="Who still believes in the context: a controller that missed the reply to Subtract, or a gateway "
                 "that reports of a stream it should have forgotten.")
