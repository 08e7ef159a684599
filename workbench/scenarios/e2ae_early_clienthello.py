"""UE B's ClientHello is faster than its answer: the gateway shakes hands before it knows whose certificate is right.

Source: TS 23.334 §6.2.10.3, RFC 8122 §6.2; R-6.2.10.3-12 and case C10 of the stage-2 digest.
"""

from __future__ import annotations

from msgspec import structs

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder
from workbench.lab.scenario import Scenario, Weakened, at
from workbench.lab.topology import Topology
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.protocols.h248.message import Kind
from workbench.scenarios import access_edge as edge

UE = "UE B"
PEER = "Peer A"
ACCESS = seen.Side("UE B access")
CORE = seen.Side(edge.CORE)
SLOW_SECONDS = 0.2

EARLY = "UE B has finished its handshake before the gateway hears of its fingerprint"
HELD = "nothing of UE B is on the core before the gateway has heard of its fingerprint"
ROLES = "the TCP client of the access leg is its TLS client"
CHECKED = "both certificates of the access leg match their fingerprints"
ARRIVES = "what UE B says leaves the gateway octet for octet"
RETURNS = "what Peer A says leaves the gateway octet for octet"
CONFIRMED = "Peer A's message is confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
ENDED = "TLS is closed before TCP on the access leg"
RELEASED = "both terminations are subtracted"

_THERE = edge.access_edge(
    structs.replace(edge.served_ue(UE, "sip:bob@home2.example"), answers="active"),
    structs.replace(edge.core_peer(PEER, "sip:alice@home1.example"), offers="actpass"))
_TOLD = seen.obeyed(Kind.MODIFY, "access")

scenario = Scenario(
    id="e2ae-early-clienthello",
    title="An early ClientHello: the gateway shakes hands, and holds what it gets until the fingerprint is known",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3.1.2.1", "RFC 8122 §6.2"),
    workplan=("C10", "N10"),
    teaching=(
        "UE B answers and connects at once. Its SIP answer goes through the IMS-ALG and a slow Iq, its ClientHello "
        "straight to the gateway, where it is first. The gateway may complete the handshake, but it does not know yet "
        "which certificate is UE B's, so whatever UE B says waits until the IMS-ALG has told."
    ),
    topology=Topology(
        tuple(structs.replace(wire, delay=SLOW_SECONDS) if wire.name == edge.IQ else wire for wire in _THERE.wires),
        _THERE.nodes),
    knobs={"tls": edge.tls_knob(UE)},
    script=(
        at(0.0, UE, Register()),
        at(10.0, PEER, Call("sip:bob@home2.example")),
        at(11.0, UE, SendText("I was early.")),
        at(12.0, PEER, SendText("You had to wait.")),
        at(40.0, PEER, HangUp(after_heard=1)),
    ),
    expect=(
        InOrder(EARLY, (seen.client_hello(ACCESS.wire), seen.finished(ACCESS.wire), _TOLD)),
        InOrder(HELD, (_TOLD, seen.leaves(CORE, "payload"))),
        Holds(ROLES, seen.tcp_client_is_tls_client("access")),
        Holds(CHECKED, seen.certificates_match("access")),
        Holds(ARRIVES, seen.words_arrive("access", "core", sender=UE)),
        Holds(RETURNS, seen.words_arrive("core", "access", sender=PEER)),
        Eventually(CONFIRMED, seen.delivered(PEER)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(ENDED, seen.tls_ends_before_tcp("access")),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("UE B connects when the gateway has heard of it", {UE: {"connects_after": 5.0}}, (EARLY,),
                 no_rule="a UE may take its time; the case is about one that does not"),
        Weakened("UE B presents another certificate", {UE: {"presents": "another"}}, (CHECKED, ARRIVES, CONFIRMED),
                 rules=("fingerprint-mismatch", "sip-refused", "tls-alert")),
        Weakened("a gateway that checks nothing meets another certificate",
                 {"IMS-AGW": {"verifies": False}, UE: {"presents": "another"}}, (CHECKED,),
                 rules=("fingerprint-mismatch", "mismatch-accepted")),
        Weakened("the gateway closes TCP without close_notify", {"IMS-AGW": {"closes_tls": False}}, (ENDED,),
                 rules=("no-close-notify",)),
    ),
    provisional="that a gateway may shake hands before it knows the fingerprint (TS 23.334 was not readable there)",
)
