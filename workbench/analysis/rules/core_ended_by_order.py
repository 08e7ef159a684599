"""The end of TLS on the access leg is reported, and the core leg's connection ends only when the controller says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import gateways

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        names = gateways(report, call)
        access = next(((leg, end) for leg, _, end in call.legs
                       if end is not None and leg.name == "access" and leg.tls_client), None)
        core = next((leg for leg, _, _ in call.legs if leg.name == "core" and leg.established is not None), None)
        if access is None or core is None or access[1].subtracted is None:
            continue
        leg, termination = access
        gone, ours = _end(report, leg, names, mine=False), _end(report, core, names, mine=True)
        theirs = _end(report, core, names, mine=False)
        told = next((draft for draft, _ in termination.observed if gone is not None and draft.time >= gone.time), None)
        if gone is None or ours is None or told is None or (theirs is not None and theirs.time < ours.time):
            continue
        if gone.time < told.time < (termination.subtracted or 0.0) <= ours.time:
            yield Evidence((*gone.frames, *told.frames, *ours.frames), (
                f"{gone.source.node} ends the access leg at {gone.time:.3f} s, the gateway reports that, and ends the "
                f"core leg at {ours.time:.3f} s, after it was told to subtract: a controller that waits would leave "
                "the core with a connection that leads nowhere"))


def _end(report: Report, leg: Leg, names: set[str], *, mine: bool) -> Message | None:
    """The first FIN or RST of the gateway's side, or of the other."""
    return next((one for one in reversed(report.on(leg, "TCP")) if not one.repeated
                 and one.summary.startswith(("FIN", "RST")) and (one.source.node in names) == mine), None)


rule = Rule("core-ended-by-order", "TS 23.334 §6.2.10.3", "note",
            "The end of TLS on the access leg ends the core leg's connection without an order", _find,
            provisional=True,
            next="Whether the gateway was told to link the release of its two terminations.")
