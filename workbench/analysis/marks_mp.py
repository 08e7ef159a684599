"""Marks of conferences at an MRFP (TS 23.333): calls that end at a gateway.

    mp-tcp-conference            TCP/MSRP, one termination for each caller, all in one context
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.call_flow import CallFlow
from workbench.analysis.conferences import is_conference

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.sessions import Call

Marks = list[tuple[bool, str]]


def marks(report: Report, call: Call) -> list[tuple[str, Marks]]:
    """What a conference may be; nothing where the call is none."""
    if not is_conference(call):
        return []
    return [("mp-tcp-conference", _chat(report, call))]


def _chat(report: Report, call: Call) -> Marks:
    flow = CallFlow(report, call)
    ends = [end for context in call.contexts for end in context.terminations.values()]
    legs = [leg for leg, span, _ in call.legs if span is not None]
    return [
        *[(flow.bearers == {"TCP/MSRP"}, "the MRFP was told another bearer than TCP/MSRP")] * 2,
        (len(call.contexts) == 1 and len(ends) > 1, "there are not several participants in one context"),
        (all(end.setup_at(float("inf")) in ("active", "passive") for end in ends), "a termination got no TCP role"),
        (len(legs) == len(ends) and all(report.on(leg, "MSRP") for leg in legs), "not each participant has MSRP"),
        (not flow.refused_orders, "the MRFP refused an order"),
        (flow.released, "not all terminations were subtracted"),
    ]
