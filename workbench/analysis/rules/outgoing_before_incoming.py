"""The gateway opens a connection before the one came in that was to trigger it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, wants_e2ae

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        gateways = {report.names(context.gateway.host) for context in call.contexts}
        if not gateways or not wants_e2ae(call):
            continue
        legs = [leg for leg, span, _ in call.legs if span is not None and leg.opened is not None]
        incoming = [leg for leg in legs if leg.tcp_server in gateways]
        for leg in legs:
            if leg.tcp_client not in gateways or leg.opened is None:
                continue
            first = min((other.opened for other in incoming if other.opened is not None
                         and other.tcp_server == leg.tcp_client), default=None)
            if first is None or leg.opened < first:
                yield Evidence(leg.frames[:1], (
                    f"the gateway sends its SYN on the {leg.name} leg at {leg.opened:.3f} s; "
                    + ("no connection ever comes in on the other leg" if first is None else
                       f"the incoming connection starts only at {first:.3f} s")))


rule = Rule("outgoing-before-incoming", "TS 23.334 §6.2.10.3.1", "warning",
            "The incoming TCP connection triggers the outgoing one", _find, provisional=True)
