"""A fax at one access edge: UE A and a terminal beyond the core, DTLS towards UE A and clear UDPTL in the core.

What terminals say is recorded, so both play their part of one call, whatever reaches them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import structs

from workbench.lab.expect import Expectation
from workbench.lab.scenario import At, Knob, at
from workbench.lab.topology import Behind, Topology, Ue
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.orders import Call, HangUp, Register, SendFax
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import IfpPacket, Indicator, UdptlPacket
from workbench.scenarios import access_edge as edge

Adds = Mapping[str, tuple[Expectation, ...]]
Drops = Mapping[str, tuple[str, ...]]

A, PEER = "UE A", "Peer B"
ACCESS, CORE = "UE A access", edge.CORE
URI_A, URI_PEER = "sip:alice@home1.example", "sip:bob@home2.example"

# Sentences that are the same whoever calls.
AGREED = "UE A and the network agree on T.38 over DTLS at registration"
STRIPPED = "no security attribute of a UE or of its edge reaches the core"
NO_ROLE = "nothing in the core says who begins DTLS"
KEPT = "what the terminals say of T.38 passes as it is"
IDENTIFIED = "UE A and its edge each name the DTLS association by an a=tls-id of their own"
ASKED = "the gateway is asked to report a failure of DTLS"
FINGERPRINT = "UE A gets the gateway's fingerprint as the gateway gave it"
EXPECTED = "the gateway is told the fingerprint that UE A announces"
ROLES = "who is active by a=setup is DTLS client, and nobody else"
CHECKED = "both certificates of the access leg match their fingerprints"
HIDDEN = "UDPTL is never in the clear on the access leg"
HELD = "nothing of UE A is on the core before the access handshake has finished"
ARRIVES = "what UE A's terminal says leaves the gateway whole and in order"
RETURNS = "what the other terminal says leaves the gateway whole and in order"
SPOKEN = "the terminals find each other, train, send a page and disconnect"
CONFIRMED = "the page is confirmed once all of it is there"
ANSWERED = "every H.248 request is answered without error"
ENDED = "the gateway closes DTLS when the call is over"
RELEASED = "both terminations are subtracted"

ATTRIBUTES = ("T38FaxVersion", "T38MaxBitRate", "T38FaxRateManagement", "T38FaxMaxDatagram", "T38FaxUdpEC")

NAT = Behind(f"NAT of {A}", wire=f"{A} home", address="10.0.0.10", inside="10.0.0.1")
PAGE = "one_line"
"""The recorded fax."""
CLEAR_PACKET = udptl.encode(UdptlPacket(9, ifp.encode(IfpPacket(Indicator.CNG))))
"""UDPTL that says nothing of importance, to be sent in the clear."""

_URIS = {A: URI_A, PEER: URI_PEER}
DEPTH = 6
"""How many former packets a UDPTL packet repeats. Deployed terminals repeat one to three; with this many a page comes
whole through wires that lose one in ten."""
KEEPALIVE = 1.0
"""Seconds between what UE A sends to be known, as DTLS server, until the gateway begins (RFC 6263 §4.1)."""


def ue_a() -> Ue:
    """The terminal at the access edge."""
    return structs.replace(edge.served_ue(A, URI_A), media="t38", offers="actpass", answers="active",
                           fax=FaxTerminal(depth=DEPTH, keepalive=KEEPALIVE))


def peer() -> Ue:
    """The terminal beyond the core."""
    return structs.replace(edge.core_peer(PEER, URI_PEER), media="t38", fax=FaxTerminal(depth=DEPTH))


def topology() -> Topology:
    """The access edge with both terminals."""
    # A handshake may have to come through bad wires, so the gateway waits longer than usual.
    return edge.access_edge(ue_a(), peer()).changed({"IMS-AGW": {"tls_guard": 60.0}})


def fax_script(
    caller: str, *, call: float = 1.0, fax: float = 35.0, hang_up: float = 60.0, page: str = PAGE,
) -> tuple[At, ...]:
    """UE A registers, one calls the other, both play their part of a recorded fax, and the caller hangs up.

    Args:
        call, fax, hang_up: seconds; bad wires have time to let call and handshake through before the fax. Whoever calls
            UE A has to wait until it has registered.
        page: which recording; see `protocols.t38.recorded`.
    """
    called = PEER if caller == A else A
    return (
        at(0.0, A, Register()),
        at(call, caller, Call(_URIS[called])),
        at(fax, caller, SendFax(page)),
        at(fax, called, SendFax(page)),
        at(hang_up, caller, HangUp()),
    )


# Knobs

def offered_setup_knob(adds: Adds | None = None, drops: Drops | None = None) -> Knob:
    """`a=setup` in UE A's offer, which says who may be DTLS client (RFC 8842 §5); what choices add and drop."""
    return _setup_knob("offers", ("actpass", "active", "passive"), adds, drops)


def answered_setup_knob(adds: Adds | None = None, drops: Drops | None = None) -> Knob:
    """`a=setup` in UE A's answer to the edge's `actpass`; what choices add and drop."""
    return _setup_knob("answers", ("active", "passive"), adds, drops)


def _setup_knob(
    setting: Literal["offers", "answers"], values: tuple[str, ...], adds: Adds | None, drops: Drops | None,
) -> Knob:
    word = "offer" if setting == "offers" else "answer"
    return Knob(
        "setup", f"a=setup in UE A's {word}: who is DTLS client, UE A (active) or the gateway (passive)"
        + ("; actpass leaves it to the IMS-ALG, which has UE A begin" if "actpass" in values else ""),
        {value: {A: {setting: value}} for value in values}, default=values[0],
        adds=adds or {}, drops=drops or {})


def nat_knob() -> Knob:
    """Whether UE A sits behind a NAT (R-6.2.10.4-11)."""
    return Knob(
        "nat", "where UE A sits: reachable, or behind a NAT that filters by address and port (the IMS-AGW latches; as "
        "DTLS client it waits until it has heard a keep-alive of UE A)",
        {"none": {}, "behind": {A: {"behind": NAT}}}, default="none")


def recovery_knob() -> Knob:
    """What UDPTL does against loss (T.38 §9)."""
    ways: tuple[Literal["redundancy", "fec", "none"], ...] = ("redundancy", "fec", "none")
    return Knob(
        "recovery", "what UDPTL does against loss: each packet repeats former ones, or has FEC, or nothing is done",
        {way: {A: {"fax": FaxTerminal(way, DEPTH, keepalive=KEEPALIVE)}, PEER: {"fax": FaxTerminal(way, DEPTH)}}
         for way in ways}, default="redundancy")


def ip_knob() -> Knob:
    """Which IP version each side of the edge has."""
    return edge.ip_knob(ue_a(), peer())
