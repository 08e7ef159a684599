"""TCP or TLS roles on a leg are not those that a=setup settled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        if session.kind != "msrp":
            continue    # BFCP's TLS roles follow offer and answer instead (R-6.2.10.3-8)
        for leg in session.legs:
            if not leg.tcp_client or not leg.tls_client or leg.tcp_client == leg.tls_client:
                continue
            hello = next((m.frames for m in report.secured(leg) if m.summary.startswith("ClientHello")), ())
            yield Evidence((leg.frames[0], *hello), (
                f"{leg.tcp_client} opened the TCP connection of the {leg.name} leg, so it is a=setup:active and has to "
                f"be TLS client; the ClientHello came from {leg.tls_client}"))


rule = Rule("tls-roles-against-setup", "RFC 8122 §4, RFC 4975 §14.4, TS 23.334 §6.2.10.3", "error",
            "The TCP-active side of an MSRP leg is its TLS client", _find, provisional=True,
            next="Look at a=setup of offer and answer on this leg, and at the order that makes the gateway begin TLS "
                 "(tlsbsc).")
