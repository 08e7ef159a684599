"""A UDPTL packet is larger than its receiver takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols.sdp import T38Stream

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

_MOST_FRAMES = 6


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if call.session.kind != "t38":
            continue
        taken = _taken(call)
        for leg, _, _ in call.legs:
            held: dict[tuple[str, int], list[Message]] = {}
            for message in report.on(leg, "UDPTL"):
                most = taken.get(Endpoint(message.destination.address, message.destination.port))
                if most is not None and len(message.octets) > most:
                    held.setdefault((message.source.node, most), []).append(message)
            for (sender, most), found in held.items():
                largest = max(len(one.octets) for one in found)
                yield Evidence(tuple(frame for one in found[:_MOST_FRAMES] for frame in one.frames), (
                    f"{sender} sends {len(found)} UDPTL packet{'s' * (len(found) != 1)} of up to {largest} octets on "
                    f"the {leg.name} leg; the other end takes {most} (a=T38FaxMaxDatagram), and may cut or drop them. "
                    "A sender has to leave out former packets, oldest first"))


def _taken(call: Call) -> dict[Endpoint, int]:
    """The most octets of a packet that are taken, by the place where SDP puts the receiver; the last word counts."""
    taken: dict[Endpoint, int] = {}
    for dialog in call.dialogs:
        for one in dialog.described:
            try:
                most = T38Stream.of(one.description.effective(one.media)).max_datagram
            except PeerError:
                continue
            if one.endpoint is not None and most:
                taken[one.endpoint] = most
    return taken


rule = Rule("fax-datagram-size", "T.38 annex D", "warning", "No UDPTL packet is larger than its receiver takes", _find,
            provisional=True,
            next="a=T38FaxMaxDatagram in the description of the receiver, and how much redundancy the sender puts on "
                 "top: fewer former packets make each one smaller. Look for IP fragments of these packets, too.")
