"""On a BFCP leg it is not the offerer's side that sends the ClientHello; or both ends do, or nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.rules.rule import Evidence, Rule, is_tls

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_PATIENCE_SECONDS = 5.0
"""How long a connection may be established without a ClientHello before that is told."""


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if call.session.kind != "bfcp":
            continue
        gateways = {report.names(context.gateway.host) for context in call.contexts}
        for leg, span, termination in call.legs:
            if span is None or not is_tls(leg.transport) or leg.established is None or not leg.tcp_client:
                continue
            ours, theirs = said_on(call, termination, span)
            offer = _offer_before([*ours, *theirs], leg.opened or 0.0)
            if offer is None:
                continue
            hellos = [m for m in report.on(leg, "TLS", readable=True) if m.summary.startswith("ClientHello")]
            until = leg.closed if leg.closed is not None else report.end
            told = _told(leg, hellos, offer in ours, gateways, until)
            if told:
                frames = [message.frames[0] for message in hellos] or leg.frames[:3]
                yield Evidence((*offer.draft.frames, *frames), told)


def _told(leg: Leg, hellos: list[Message], gateway_offers: bool, gateways: set[str], until: float) -> str:
    """What is wrong with who sent a ClientHello; empty: nothing. A NAT stands for the peer behind it."""
    senders = {message.source.node in gateways: message.source.node for message in hellos}
    if len(senders) > 1:
        return (f"{' and '.join(senders.values())} both send a ClientHello on the {leg.name} leg: one of them lets "
                "a=setup say who is TLS client, or takes a later exchange for a new TLS connection")
    side = "the gateway's" if gateway_offers else "the peer's"
    if not senders and until - (leg.established or 0.0) >= _PATIENCE_SECONDS:
        return (f"the TCP connection of the {leg.name} leg is established and nobody sends a ClientHello: {side} side "
                "made the offer, so it has to, whoever opened TCP")
    if senders and gateway_offers not in senders:
        return (f"{senders[not gateway_offers]} sends the ClientHello on the {leg.name} leg, where {side} side made "
                "the offer and is TLS client, whoever opened TCP")
    return ""


def _offer_before(described: list[Described], opened: float) -> Described | None:
    """The last offer on the leg before its connection began."""
    made = [one for one in described if one.role == "offer" and one.draft.time <= opened]
    return max(made, key=lambda one: one.draft.time, default=None)


rule = Rule("bfcp-tls-client", "RFC 8856 §8, TS 23.334 §6.2.10.3.2", "error",
            "The offerer's side is TLS client of a BFCP leg, whoever opens TCP", _find, provisional=True,
            next="Which of the two took a=setup for the TLS role: for BFCP it says who opens TCP only. In a later "
                 "offer, who was TLS client before: an exchange that keeps the connection changes no role.")
