"""How TLS between UE and gateway ends: by either end, by the controller, by TCP, and what the controller is told.

Source: TS 23.334 §6.2.10.3 (TLS release leads to TCP release), §8.5; F8 and R-6.2.10.3-15 to -18 of the stage-2 digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, CloseMedia, HangUp, Register, SendText
from workbench.scenarios import access_edge as edge

UE = "UE A"
PEER = "Peer B"
ACCESS = seen.Side("UE A access")
CORE = seen.Side(edge.CORE)

CONFIRMED = "UE A's message is confirmed by Peer B before anything ends"
NOTIFIED = "each end of the access leg closes TLS before TCP"
PASSED_ON = "the end of the access connection is passed on to the core"
PASSED_BACK = "the end of the core connection is passed on to UE A, with close_notify"
ORDERED = "the IMS-ALG's order ends both connections"
REPORTED = "that the bearer towards UE A is gone is reported once"
REPORTED_CORE = "that the bearer towards Peer B is gone is reported once"
UNREPORTED = "what the IMS-ALG has ordered itself is not reported to it"
BYE = "the session ends towards the core"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_ENDS = seen.any_of(seen.comes(ACCESS, "FIN"), seen.comes(ACCESS, "RST"))

scenario = Scenario(
    id="e2ae-tls-release",
    title="TLS release: by the UE, by a TCP reset, by the core, by order; and what the controller is told",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3", "TS 23.334 §8.5", "RFC 8446 §6.1"),
    workplan=("C7", "C8", "N8", "N10"),
    teaching=(
        "TLS never outlives its TCP connection, and the gateway's two connections never outlive each other: whichever "
        "ends first, the gateway ends the other, with close_notify in front of FIN where TLS is. What happened by "
        "itself is reported once, for the side where it happened; what the IMS-ALG has ordered is not."
    ),
    topology=edge.access_edge(
        edge.served_ue(UE, "sip:alice@home1.example"), edge.core_peer(PEER, "sip:bob@home2.example")),
    knobs={
        "how": Knob(
            "how", "what ends it: UE A's close_notify (ue), its RST (reset), Peer B's FIN (core), or the IMS-ALG after "
            "UE A's BYE (order)",
            {"ue": {}, "reset": {}, "core": {}, "order": {}}, default="ue",
            does={"ue": (at(10.0, UE, CloseMedia("fin")),), "reset": (at(10.0, UE, CloseMedia("reset")),),
                  "core": (at(10.0, PEER, CloseMedia("fin")),), "order": (at(10.0, UE, HangUp()),)},
            drops={"reset": (NOTIFIED,), "core": (PASSED_ON, REPORTED), "order": (PASSED_ON, REPORTED)},
            adds={
                "core": (
                    InOrder(PASSED_BACK, (seen.comes(CORE, "FIN"), seen.leaves(ACCESS, "FIN"))),
                    Holds(REPORTED_CORE, seen.once(
                        seen.release_reported("core"), never=(seen.release_reported("access"),)))),
                "order": (
                    InOrder(ORDERED, (seen.subtracted(), seen.leaves(ACCESS, "FIN"))),
                    Never(UNREPORTED, seen.anything_reported(), provided=seen.subtracted()))}),
        "tls": edge.tls_knob(UE),
    },
    script=(
        at(0.0, UE, Register()),
        at(1.0, UE, Call("sip:bob@home2.example")),
        at(2.0, UE, SendText("That was all.")),
    ),
    expect=(
        Eventually(CONFIRMED, seen.delivered(UE)),
        Holds(NOTIFIED, seen.tls_ends_before_tcp("access")),
        InOrder(PASSED_ON, (_ENDS, seen.any_of(seen.leaves(CORE, "FIN"), seen.leaves(CORE, "RST")))),
        Holds(REPORTED, seen.once(seen.release_reported("access"), never=(seen.release_reported("core"),))),
        Eventually(BYE, seen.sip_request("BYE", CORE.wire)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway closes TCP without close_notify", {"IMS-AGW": {"closes_tls": False}}, (NOTIFIED,)),
        Weakened("UE A can't open its connection", {UE: {"connects": False}}, (CONFIRMED, REPORTED)),
        Weakened("UE A presents another certificate", {UE: {"presents": "another"}}, (CONFIRMED, PASSED_ON, REPORTED)),
    ),
    provisional="that a released bearer is reported with g/cause, and with which cause",
    seen_as="e2ae-msrp-originating",
)
