"""A gateway gives a termination back and does not end DTLS there: its peer can't tell the end from a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import associations

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import TerminationSeen
    from workbench.analysis.carried.dtls import DtlsFlow
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for context in call.contexts:
            for termination in context.terminations.values():
                flows = associations(call, termination) if termination.subtracted is not None else []
                if flows and _is_cut(flows[-1], termination):
                    yield Evidence(tuple(flows[-1].frames[-1:]), (
                        f"{termination.name} is subtracted at {termination.subtracted:.3f} s, and "
                        f"{report.names(context.gateway.host)} sends no close_notify there: UE and NAT keep an "
                        "association that nobody uses, and the UE can't tell the end from a loss"))


def _is_cut(flow: DtlsFlow, termination: TerminationSeen) -> bool:
    """It was up and readable, nobody gave it up, and the gateway's side never closed it."""
    told = flow.told
    done = {one.source for one in told if one.summary.startswith("Finished")}
    alerts = [one for one in told if one.summary.startswith("Alert")]
    return len(done) > 1 and not any("fatal" in one.summary or one.source == termination.local for one in alerts)


rule = Rule("dtls-not-closed", "RFC 5246 §7.2.1, RFC 6347 §4.1.2.7, TS 23.334 §6.2.10.4", "warning",
            "A gateway sends close_notify when its DTLS association is over", _find, provisional=True,
            next="Whether the gateway drops the termination before it ends DTLS, and whether the capture holds the "
            "gateway's own wire up to then.")
