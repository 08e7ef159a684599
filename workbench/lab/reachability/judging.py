"""What became of a call, read from the packets on both sides of both NATs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.dissect import Dissector, Draft
from workbench.analysis.pcapng import Reader
from workbench.lab.reachability.calls import HOME_A, HOME_B, INSIDE_A, INSIDE_B, OUTSIDE_A, OUTSIDE_B
from workbench.lab.reachability.values import TEXT, A, B, Cell
from workbench.net.packets import TCP
from workbench.protocols.msrp.messages import Request, Response

_PROTOCOL_AT = 9        # of an IPv4 header; all addresses of these calls are IPv4
_SIDES = {A: (HOME_A, INSIDE_A, OUTSIDE_A), B: (HOME_B, INSIDE_B, OUTSIDE_B)}


def judge(capture: Path | str) -> Cell:
    """Whether content of UE A arrived where UE B lives, and the 200 for it where UE A lives; and if not, why."""
    drafts = list(_connections(capture))
    arrived = [draft for draft in drafts if draft.wire == HOME_B and draft.destination.host == INSIDE_B
               and isinstance(draft.value, Request) and draft.value.body == TEXT.encode()]
    if not arrived:
        return Cell(False, _stopped(drafts))
    sent = arrived[0].value.transaction
    if any(draft.wire == HOME_A and draft.destination.host == INSIDE_A and isinstance(draft.value, Response)
           and draft.value.transaction == sent and draft.value.status == 200 for draft in drafts):
        return Cell(True, f"what {A} said arrived at {B}, and the 200 for it came back")
    return Cell(False, f"what {A} said arrived at {B}, but the 200 for it did not come back")


def _connections(capture: Path | str) -> Iterator[Draft]:
    """TCP and what is in it, on the wires at both sides of the NATs."""
    dissector = Dissector(KeyLog())
    with Reader(capture) as reader:
        for packet in reader:
            if packet.octets[_PROTOCOL_AT] == TCP and not packet.wire.startswith(("Iq", "Core")):
                dissector.take(packet)
    dissector.finish()
    yield from dissector.drafts


def _stopped(drafts: list[Draft]) -> str:
    """Which NATs let no SYN of the other side in; the ones that go to a STUN server are of no interest."""
    told = [_at_nat(drafts, side) for side in (B, A)]
    return "; ".join(filter(None, told)) or f"nobody opened a connection to {A} or {B}"


def _at_nat(drafts: list[Draft], side: str) -> str:
    home, inside, outside = _SIDES[side]
    syns = [draft for draft in drafts if draft.protocol == "TCP" and draft.summary == "SYN"]
    came = [draft for draft in syns if draft.wire not in (HOME_A, HOME_B) and draft.destination.host == outside]
    passed = [draft for draft in syns if draft.wire == home and draft.destination.host == inside]
    if came and not passed:
        return f"the NAT of {side} lets no SYN of {came[0].source} in to {came[0].destination}"
    if passed:
        return f"a SYN of {passed[0].source} reached {side}, and no connection came of it"
    return ""
