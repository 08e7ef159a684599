"""Media between endpoints that no SDP and no termination in the capture names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import where
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.calls.datagram_legs import Flow
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    # Without any description in the capture nothing can be said about who is missing.
    if not any(dialog.described for dialog in report.signalling.dialogs.values()):
        return
    for call in report.calls:
        if call.dialogs or call.contexts or not call.spans:
            continue
        connection = call.spans[0].content().connection
        a, b = (where(report, side) for side in connection.sides)
        yield Evidence(tuple(connection.frames[:4]), (
            f"{connection.protocol} between {a} and {b}, and no description in the capture gives out either end"))
    known = {id(flow) for call in report.calls for flow in call.flows}
    flows: list[Flow] = [*report.dtls, *report.faxes]
    for flow in flows:
        if id(flow) not in known:
            a, b = (where(report, side) for side in flow.sides)
            yield Evidence(tuple(flow.frames[:4]), (
                f"datagrams between {a} and {b}, and no description in the capture gives out either end for that time"))


rule = Rule("media-undescribed", "RFC 3264 §5.1, TS 23.334 §5.2", "note",
            "Media goes between endpoints that somebody has described", _find,
            next="Whether the SIP of that call is in another capture or protected, whether a NAT or gateway in between "
                 "is missing in the capture, or whether it belongs to a call that is over.")
