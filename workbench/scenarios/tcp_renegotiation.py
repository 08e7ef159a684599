"""Renegotiation of a TCP bearer: a new offer keeps the connection, asks for a new one, or holds.

Source: RFC 4145 §5, TS 23.334 §5.16; A9 of the stage-2 digest. RFC 6135 §4.3 gives a=connection no meaning for MSRP;
path and port change together with it here, so both readings agree.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, ReOffer, SendText
from workbench.protocols.h248.message import Kind, Mode
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE
AGAIN = "Item two is on the screen."
AGAIN_REPLY = "I can see it."

OFFERED = "UE A's new offer and UE B's answer pass with a=connection as they are"
KEPT = "no connection is opened or closed for the new offer"
RENEWED = "a second connection replaces the first one, on both sides"
SPARING = "the gateway is told nothing but addresses and stream modes"
OTHERS = "the gateway gets other terminations for it, and then loses the former ones"
HELD = "UE A asks UE B to send nothing"
GATED = "the gateway's stream modes follow, one way and then both ways again"
ARRIVES = "what UE A says leaves the gateway octet for octet, before and after"
RETURNS = "what UE B says leaves the gateway octet for octet, before and after"
CONFIRMED = "UE A's message after the new offer is confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)
_NEW_OFFER = seen.reoffer(ACCESS.wire)
_ONE_WAY = seen.mode("core", Mode.SEND_ONLY)

scenario = Scenario(
    id="tcp-renegotiation",
    title="Renegotiation: a new offer keeps the connection, replaces it, or holds",
    family="TCP bearer",
    clauses=("RFC 4145 §5", "RFC 3264 §8", "RFC 6135 §4.3", "TS 23.334 §5.16"),
    workplan=("C6", "N1", "N3", "S6"),
    teaching=(
        "A new offer inside a call need not touch the connection: if both sides say existing, the gateway is told "
        "nothing but addresses and modes. If one says new, the old connection is ended and the roles of this exchange "
        "count for the next one. Hold is the first case with another stream mode."
    ),
    topology=edge.access_edge(_A, _B),
    knobs={
        "offer": Knob(
            "offer", "what UE A's new offer asks for: the existing connection, a new one, or hold",
            {"existing": {}, "new": {}, "hold": {}}, default="existing",
            does={"existing": (at(10.0, A, ReOffer("existing")),), "new": (at(10.0, A, ReOffer("new")),),
                  "hold": (at(10.0, A, ReOffer("existing", hold=True)), at(12.0, A, ReOffer("existing")))},
            drops={"new": (OFFERED, KEPT, SPARING)},
            adds={
                "new": (
                    Holds("UE A's offer of a new connection is answered with new",
                          seen.attribute(ACCESS.wire, "connection", offer="new", answer="new", exchange=2)),
                    Holds(RENEWED, seen.in_turn(seen.connections(ACCESS, 2), seen.connections(CORE, 2))),
                    InOrder(OTHERS, (_NEW_OFFER, seen.order(Kind.ADD, "core", ("TCP",), nth=2), seen.subtracted()))),
                "hold": (
                    Eventually(HELD, seen.reoffer(CORE.wire, name="sendonly", value="")),
                    InOrder(GATED, (_NEW_OFFER, _ONE_WAY, seen.after(_ONE_WAY, seen.mode("core", Mode.SEND_RECEIVE))))),
            }),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(3.0, A, SendText(tcp.OPENING)),
        at(3.5, B, SendText(tcp.REPLY)),
        at(15.0, A, SendText(AGAIN)),
        at(15.5, B, SendText(AGAIN_REPLY)),
        at(25.0, A, HangUp(after_heard=2)),
    ),
    expect=(
        Holds(OFFERED, seen.in_turn(
            seen.attribute(ACCESS.wire, "connection", offer="existing", answer="existing", exchange=2),
            seen.attribute(CORE.wire, "connection", offer="existing", answer="existing", exchange=2))),
        Holds(KEPT, seen.in_turn(seen.connections(ACCESS, 1), seen.connections(CORE, 1))),
        Holds(SPARING, seen.only_addresses_since(_NEW_OFFER)),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS)),
        Eventually(CONFIRMED, seen.after(_NEW_OFFER, seen.delivered(A))),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway rewrites MSRP", {"IMS-ALG": {"msrp": "aware"}}, (ARRIVES, RETURNS),
                 rules=("cema-made-aware",)),
        Weakened("UE B's port is closed", {B: {"listens": False}}, (ARRIVES, CONFIRMED), rules=("connection-refused",)),
    ),
    provisional="that a new connection gets other terminations (TS 23.334 was not readable there)",
)
