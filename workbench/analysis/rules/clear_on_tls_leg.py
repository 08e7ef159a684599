"""A leg that SDP says is protected carries application data in the clear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, is_tls

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            if not is_tls(leg.transport) and not is_tls(leg.bearer):
                continue
            clear = [m for m in report.on(leg) if m.protocol in ("MSRP", "BFCP", "unknown") and not m.protected]
            if clear:
                yield Evidence(clear[0].frames, f"{clear[0].source.node} sends {clear[0].protocol} in the clear on the "
                               f"{leg.name} leg, which is {leg.transport or leg.bearer}; {len(clear)} such messages")


rule = Rule("clear-on-tls-leg", "TS 23.334 §6.2.10.3", "error",
            "A leg agreed as TLS carries nothing in the clear", _find, provisional=True)
