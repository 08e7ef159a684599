"""A leg that SDP says is protected carries application data in the clear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.carried.recogniser import NO_RECORD
from workbench.analysis.rules.rule import Evidence, Rule, is_tls
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            transport = transport_of(leg.transport) or transport_of(leg.bearer)
            if not (is_tls(leg.transport) or is_tls(leg.bearer)) or transport is None or transport.carrier == "udp":
                continue    # datagrams are for `clear-on-dtls-leg`
            clear = [m for m in report.on(leg, "MSRP", "BFCP", "unknown") if not m.protected]
            if clear:
                yield Evidence(clear[0].frames, f"{clear[0].source.node} sends {clear[0].protocol} in the clear on the "
                               f"{leg.name} leg, which is {leg.transport or leg.bearer}; {len(clear)} such messages")
            strange = next((m for m in report.on(leg, "TLS", readable=True) if m.summary == NO_RECORD), None)
            if strange is not None:
                yield Evidence(strange.frames, (
                    f"{strange.source.node} sends octets that are no TLS record on the {leg.name} leg "
                    f"({strange.error}): clear text in a TLS connection, or a record that was changed on its way"))


rule = Rule("clear-on-tls-leg", "TS 23.334 §6.2.10.3", "error",
            "A leg agreed as TLS carries nothing in the clear", _find, provisional=True,
            next="Whether that side believes the stream to be in the clear: the transport in the last offer and "
                 "answer as it read them. Then whether the gateway dropped it, or anything of it is on the other leg.")
