"""CEMA was offered and not answered: the gateway becomes MSRP-aware, or the offerer falls back.

Source: TS 23.334 §5.19.2, RFC 6714 §4.2; R-5.19.2-5 of the stage-2 digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.protocols.h248.message import Kind
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE

OFFERED = "UE A's offer says that it does CEMA, and reaches UE B so"
PLAIN = "UE B's answer says nothing of CEMA"
AGNOSTIC_FIRST = "the gateway is told \"TCP\" first"
RECONFIGURED = "after the answer the gateway is told \"TCP/MSRP\" instead"
NOT_AGAIN = "one offer is enough"
FORWARDED = "the answer reaches UE A without a=msrp-cema"
SECOND = "UE A makes a new offer without a=msrp-cema"
CONFIRMED = "UE A's message is confirmed by UE B"
ENDED = "the session ends in order on both sides"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="msrp-cema-fallback",
    title="CEMA offered and not answered: reconfigure the gateway, or let the offerer fall back",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.2", "RFC 6714 §4.2", "TS 23.334 §5.19.5"),
    workplan=("C9", "N2", "N4", "N6"),
    teaching=(
        "An offer with a=msrp-cema makes the IMS-ALG set up an agnostic gateway; UE B's answer then shows that UE B "
        "does not know what c= and m= are for. The IMS-ALG can make the gateway MSRP-aware after all, before anybody "
        "has connected, or hand the answer on and leave it to UE A, which makes a new offer without CEMA. Either way "
        "no session is left hanging."
    ),
    topology=edge.access_edge(_A, _B).changed({B: {"msrp": "plain"}}),
    knobs={
        "answer": Knob(
            "answer", "an answer without a=msrp-cema: the IMS-ALG reconfigures the gateway, or UE B wants to connect "
            "where a=path says, and only UE A can help",
            {"reconfigure": {}, "forward": {
                "IMS-ALG": {"plain_answer": "forward"}, A: {"offers": "actpass"}, B: {"answers": "active"}}},
            default="reconfigure",
            shows={"forward": ("cema-not-answered",)},
            drops={"forward": (RECONFIGURED, NOT_AGAIN)},
            adds={"forward": (
                Holds(FORWARDED, seen.attribute(ACCESS.wire, "msrp-cema", offer="", answer=None)),
                InOrder(SECOND, (seen.offer(ACCESS.wire, attribute="msrp-cema"), seen.reoffer(ACCESS.wire))))}),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(4.0, A, SendText(tcp.OPENING)),
        at(4.5, B, SendText(tcp.REPLY)),
        at(30.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(OFFERED, seen.in_turn(
            seen.says(ACCESS.wire, "offer", "msrp-cema", ""), seen.says(CORE.wire, "offer", "msrp-cema", ""))),
        Holds(PLAIN, seen.says(CORE.wire, "answer", "msrp-cema", None)),
        Eventually(AGNOSTIC_FIRST, seen.order(Kind.ADD, "core", ("TCP",))),
        Eventually(RECONFIGURED, seen.modified("core", ("TCP/MSRP",))),
        Never(NOT_AGAIN, seen.reoffer(ACCESS.wire), provided=seen.answer(ACCESS.wire)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Eventually(ENDED, seen.sip_request("BYE", CORE.wire)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("nobody does anything about it",
                 {"IMS-ALG": {"plain_answer": "forward"}, A: {"falls_back": False, "offers": "actpass"},
                  B: {"answers": "active"}}, (RECONFIGURED, CONFIRMED),
                 rules=("cema-not-answered", "connection-never-comes", "path-instead-of-connection")),
        Weakened("UE A falls back although it need not", {
            "IMS-ALG": {"plain_answer": "forward"}, A: {"offers": "actpass"}, B: {"answers": "active"}},
                 (NOT_AGAIN,), rules=("cema-not-answered",)),
        Weakened("UE B does CEMA too", {B: {"msrp": "cema"}}, (PLAIN, RECONFIGURED),
                 no_rule="CEMA is agreed and works (RFC 6714 §4)"),
        Weakened("UE A offers no CEMA", {A: {"msrp": "plain"}}, (OFFERED, RECONFIGURED, CONFIRMED),
                 rules=("path-instead-of-connection",)),
        Weakened("the gateway is MSRP-aware from the start", {"IMS-ALG": {"msrp": "aware"}},
                 (OFFERED, AGNOSTIC_FIRST), rules=("cema-made-aware",)),
    ),
    provisional="which of the two TS 23.334 §5.19.2 asks for, and that the gateway can be reconfigured by Modify",
)
