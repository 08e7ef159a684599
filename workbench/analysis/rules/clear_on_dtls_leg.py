"""On a leg that is agreed as DTLS there are datagrams that are neither DTLS nor STUN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.carried.udptl import STRAY
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_MOST_FRAMES = 6


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        gateways = {report.names(context.gateway.host) for context in call.contexts}
        for leg, _, _ in call.legs:
            if not _is_dtls(leg):
                continue
            held: dict[str, list[Message]] = {}
            for message in report.on(leg):
                if not message.protected and (message.protocol == "UDPTL" or message.summary.startswith(STRAY)):
                    held.setdefault(message.source.node, []).append(message)
            for sender, found in held.items():
                yield Evidence(tuple(frame for one in found[:_MOST_FRAMES] for frame in one.frames), (
                    f"{sender} sends {_what(found)} on the {leg.name} leg, which is {leg.transport or leg.bearer}: "
                    + ("whoever listens on this wire reads it, and the other end has to drop it"
                       if sender in gateways else
                       "the gateway has to drop it, and nothing of it may appear on the other leg")))


def _is_dtls(leg: Leg) -> bool:
    return any(told is not None and told.security == "dtls" and told.carrier == "udp"
               for told in (transport_of(leg.transport), transport_of(leg.bearer)))


def _what(found: list[Message]) -> str:
    fax = sum(one.protocol == "UDPTL" for one in found)
    parts = [f"{fax} UDPTL packet{'s' * (fax != 1)}"] * bool(fax)
    rest = len(found) - fax
    parts += [f"{rest} datagram{'s' * (rest != 1)} that are neither DTLS nor STUN"] * bool(rest)
    return f"{' and '.join(parts)} in the clear"


rule = Rule("clear-on-dtls-leg", "RFC 7345 §3, §5.2.2, TS 23.334 §6.2.10.4", "error",
            "A leg agreed as DTLS carries nothing but DTLS and STUN", _find,
            next="Whether DTLS was up at that time, and from which address these datagrams come: a stranger's, or the "
                 "UE's own. Then look for the same payload on the other leg.")
