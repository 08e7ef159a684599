"""Both ends of a connection begin TLS: two ClientHellos cross, and the session fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import MOST

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message, Place


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            hellos: dict[Place, Message] = {}
            for message in report.secured(leg)[:MOST] if leg.tls_client else ():
                if message.summary.startswith("ServerHello"):
                    break
                if message.protocol in ("TLS", "DTLS") and message.summary.startswith("ClientHello"):
                    hellos.setdefault(message.source, message)
            if len(hellos) == 2:
                first, second = hellos.values()
                yield Evidence((*first.frames, *second.frames), (
                    f"{first.source.node} and {second.source.node} both send a ClientHello on the {leg.name} leg: "
                    "each waits for a ServerHello, and gives up with unexpected_message. TLS has no rule for two "
                    "clients"))


rule = Rule("both-tls-clients", "RFC 8446 §4.1.2, RFC 8122 §4, TR 29.828 annex D", "error",
            "Of the two ends of a connection one begins TLS", _find, provisional=True,
            next="a=setup as each end was told it: somebody in between has changed it, or one end goes by who made the "
            "offer and the other by who opened the connection.")
