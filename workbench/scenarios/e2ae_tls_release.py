"""How TLS between UE and gateway ends: by either end, by the controller, by TCP, by a fault; what the controller hears.

Source: TS 23.334 §6.2.10.3 (TLS release leads to TCP release), §8.5; F6, F8, F9 and R-6.2.10.3-15 to -18 of the stage-2
digest; RFC 8446 §6 (close_notify, truncation, fatal alerts).
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, CloseMedia, HangUp, Register, SendText, SpeakClear
from workbench.scenarios import access_edge as edge

UE = "UE A"
PEER = "Peer B"
ACCESS = seen.Side("UE A access")
CORE = seen.Side(edge.CORE)

CONFIRMED = "UE A's message is confirmed by Peer B before anything ends"
NOTIFIED = "each end of the access leg closes TLS before TCP"
PASSED_ON = "the end of the access connection is passed on to the core"
PASSED_BACK = "the end of the core connection is passed on to UE A, with close_notify"
CUT = "UE A sends FIN without close_notify, which could be anybody's"
FOLLOWS = "the gateway answers close_notify with its own, and is the first to close TCP"
ALERTED = "UE A gives TLS up with a fatal alert"
OBJECTS = "the gateway gives TLS up with a fatal alert"
UNHEARD = "what came in the clear goes nowhere"
LINKED = "the gateway leaves no connection towards the core"
ORDERED = "the IMS-ALG's order ends both connections"
REPORTED = "that the bearer towards UE A is gone is reported once"
REPORTED_CORE = "that the bearer towards Peer B is gone is reported once"
REPORTED_TLS = "that TLS towards UE A failed is reported once, and no release of what never was"
NORMAL = "the report says: normal release"
FAULTY = "the report says: failure"
UNREPORTED = "what the IMS-ALG has ordered itself is not reported to it"
BYE = "the session ends towards the core"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

CLEAR = b"MSRP no-tls SEND\r\n"

_ENDS = seen.any_of(seen.comes(ACCESS, "FIN"), seen.comes(ACCESS, "RST"), seen.leaves(ACCESS, "FIN"))
_CORE_ENDS = seen.any_of(seen.leaves(CORE, "FIN"), seen.leaves(CORE, "RST"))
_IN_THE_CORE = seen.once(seen.release_reported("core"), never=(seen.release_reported("access"),))
_NORMALLY = Holds(NORMAL, seen.once(seen.release_reported("access", "NR")))
_BY_FAULT = Holds(FAULTY, seen.once(seen.release_reported("access", "FT")))

scenario = Scenario(
    id="e2ae-tls-release",
    title="TLS release: in order, cut off, by alert, by a fault, by order; and what the controller is told each time",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3", "TS 23.334 §8.5", "RFC 8446 §6.1", "RFC 8446 §6.2"),
    workplan=("C7", "C8", "N8", "N10"),
    teaching=(
        "TLS never outlives its TCP connection, and the gateway's two connections never outlive each other: whichever "
        "ends first, the gateway ends the other, with close_notify in front of FIN where TLS is. What happened by "
        "itself is reported once, for the side where it happened, as a normal release or a failure; what the IMS-ALG "
        "has ordered is not."
    ),
    topology=edge.access_edge(
        edge.served_ue(UE, "sip:alice@home1.example"), edge.core_peer(PEER, "sip:bob@home2.example")),
    knobs={
        "how": Knob(
            "how", "what ends it: UE A with close_notify and FIN (ue), with close_notify alone (notify), with FIN "
            "alone (cut), with RST (reset), with a fatal alert (alert), with octets that are no TLS (clear), or by "
            "showing another certificate (verification); Peer B with FIN (core) or RST (core-reset); the IMS-ALG "
            "after UE A's BYE (order)",
            {"ue": {}, "notify": {}, "cut": {}, "reset": {}, "alert": {}, "clear": {},
             "verification": {UE: {"presents": "another"}}, "core": {}, "core-reset": {}, "order": {}}, default="ue",
            does={
                **{how: (at(10.0, UE, CloseMedia(how)),) for how in ("notify", "cut", "reset", "alert")},
                "ue": (at(10.0, UE, CloseMedia("fin")),),
                "clear": (at(10.0, UE, SpeakClear(CLEAR)),),
                "core": (at(10.0, PEER, CloseMedia("fin")),), "core-reset": (at(10.0, PEER, CloseMedia("reset")),),
                "order": (at(10.0, UE, HangUp()),)},
            drops={
                "cut": (NOTIFIED,), "reset": (NOTIFIED,), "verification": (CONFIRMED, REPORTED, PASSED_ON),
                "core": (PASSED_ON, REPORTED), "core-reset": (PASSED_ON, REPORTED), "order": (PASSED_ON, REPORTED)},
            adds={
                "ue": (_NORMALLY,),
                "notify": (_NORMALLY, InOrder(FOLLOWS, (
                    seen.close_notify(ACCESS.wire, UE), seen.close_notify(ACCESS.wire, "IMS-AGW"),
                    seen.leaves(ACCESS, "FIN"), seen.comes(ACCESS, "FIN")))),
                "cut": (_BY_FAULT, Never(CUT, seen.close_notify(ACCESS.wire, UE), provided=seen.comes(ACCESS, "FIN"))),
                "reset": (_BY_FAULT,),
                "alert": (_BY_FAULT, Eventually(ALERTED, seen.alert("internal_error", ACCESS.wire, UE))),
                "clear": (_BY_FAULT, Eventually(OBJECTS, seen.fatal_alert(ACCESS.wire, "IMS-AGW")),
                          Never(UNHEARD, seen.octets(CORE, CLEAR, by_gateway=True),
                                provided=seen.octets(ACCESS, CLEAR, by_gateway=False))),
                "verification": (
                    Holds(LINKED, seen.none_left(CORE)),
                    Eventually(OBJECTS, seen.alert("bad_certificate", ACCESS.wire, "IMS-AGW")),
                    Holds(REPORTED_TLS, seen.once(
                        seen.tls_failure_reported("access"),
                        never=(seen.release_reported("access"), seen.release_reported("core"))))),
                "core": (
                    InOrder(PASSED_BACK, (seen.comes(CORE, "FIN"), seen.leaves(ACCESS, "FIN"))),
                    Holds(REPORTED_CORE, _IN_THE_CORE), Holds(NORMAL, seen.once(seen.release_reported("core", "NR")))),
                "core-reset": (
                    InOrder(PASSED_BACK, (seen.comes(CORE, "RST"), seen.leaves(ACCESS, "FIN"))),
                    Holds(REPORTED_CORE, _IN_THE_CORE), Holds(FAULTY, seen.once(seen.release_reported("core", "FT")))),
                "order": (
                    InOrder(ORDERED, (seen.subtracted(), seen.leaves(ACCESS, "FIN"))),
                    Never(UNREPORTED, seen.anything_reported(), provided=seen.subtracted()))},
            shows={"cut": ("no-close-notify",), "reset": ("no-close-notify",), "alert": ("tls-alert",),
                   "clear": ("clear-on-tls-leg", "tls-alert"), "verification": ("fingerprint-mismatch", "tls-alert")},
            seen_as={"order": "e2ae-msrp-originating", "verification": "e2ae-fingerprint-mismatch"}),
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
        InOrder(PASSED_ON, (_ENDS, _CORE_ENDS, seen.subtracted())),
        Holds(REPORTED, seen.once(seen.release_reported("access"), never=(seen.release_reported("core"),))),
        Eventually(BYE, seen.sip_request("BYE", CORE.wire)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway closes TCP without close_notify", {"IMS-AGW": {"closes_tls": False}}, (NOTIFIED,),
                 rules=("no-close-notify",)),
        Weakened("UE A can't open its connection", {UE: {"connects": False}}, (CONFIRMED, REPORTED, NORMAL),
                 rules=("connection-never-comes",)),
        Weakened("UE A presents another certificate", {UE: {"presents": "another"}},
                 (CONFIRMED, REPORTED, NORMAL), rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("the gateway keeps its other connection", {"IMS-AGW": {"links_release": False}}, (PASSED_ON,),
                 rules=("core-ended-by-order",)),
    ),
    provisional="that a released bearer is reported with g/cause, and with which cause",
)
