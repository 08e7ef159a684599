"""Release of TCP bearers: FIN is passed on behind all octets, RST is mirrored, an order ends both; who hears of it.

Source: TS 23.334 §5.16.2.2, §8.5 and IP bearer released; F9 of the stage-2 digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, CloseMedia, HangUp, Register, SendText
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE

CONFIRMED = "UE A's message is confirmed by UE B before anything ends"
FLUSHED = "UE A's FIN is passed on to UE B, behind everything that UE A has said"
MIRRORED = "UE A's RST is mirrored to UE B"
ORDERED = "the IMS-ALG's order ends both connections"
REPORTED = "that the bearer towards UE A is gone is reported once"
AFTER = "the report follows what UE A did, and the IMS-ALG releases the terminations"
BYE = "the IMS-ALG ends the session towards both UEs"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)
_GONE = seen.release_reported("access")

scenario = Scenario(
    id="tcp-release",
    title="TCP release: FIN, RST and the controller's order, and the report of a released bearer",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.2.2", "TS 23.334 §8.5", "RFC 9293 §3.6"),
    workplan=("C8", "N1", "N3", "N5"),
    teaching=(
        "When one UE ends its connection, the gateway first delivers what it still holds and then ends the other "
        "connection in the same way: FIN by FIN, RST by RST. It reports a released bearer, once, for the side where "
        "it happened, and the IMS-ALG ends the session. When the IMS-ALG itself releases the terminations there is "
        "nothing to report, and the gateway ends both connections."
    ),
    topology=edge.access_edge(_A, _B),
    knobs={
        "how": Knob(
            "how", "what ends the bearer: UE A's FIN, UE A's RST, or the IMS-ALG after UE A's BYE",
            {"fin": {}, "reset": {}, "order": {}}, default="fin",
            does={"fin": (at(10.0, A, CloseMedia("fin")),), "reset": (at(10.0, A, CloseMedia("reset")),),
                  "order": (at(10.0, A, HangUp(after_heard=1)),)},
            drops={"reset": (FLUSHED,), "order": (FLUSHED, REPORTED, AFTER)},
            adds={
                "reset": (InOrder(MIRRORED, (seen.comes(ACCESS, "RST"), seen.leaves(CORE, "RST"))),),
                "order": (
                    InOrder(ORDERED, (seen.subtracted(), seen.leaves(ACCESS, "FIN"))),
                    InOrder(ORDERED + ", towards UE B too", (seen.subtracted(), seen.leaves(CORE, "FIN")))),
            },
            seen_as={"order": "tcp-aware-a-active"}),
        "mode": Knob(
            "mode", "how the gateway joins its sides: one SYN triggers the other, or two come in (merge mode)",
            {"triggered": {}, "merge": {
                A: {"offers": "actpass", "behind": tcp.nat_of(A)}, B: {"answers": "active"},
                "IMS-ALG": {"modifies_setup": True}}}, default="triggered"),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(3.0, A, SendText(tcp.OPENING)),
        at(3.5, B, SendText(tcp.REPLY)),
    ),
    expect=(
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(FLUSHED, seen.flushed_then_ended(ACCESS, CORE)),
        Holds(REPORTED, seen.once(_GONE, never=(seen.release_reported("core"),))),
        InOrder(AFTER, (seen.any_of(seen.comes(ACCESS, "FIN"), seen.comes(ACCESS, "RST")), _GONE, seen.subtracted())),
        Eventually(BYE, seen.sip_request("BYE", CORE.wire)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway has no state of the connection", {"IMS-ALG": {"tcp": "stateless"}},
                 (REPORTED, BYE, RELEASED),
                 no_rule=(
                     "a relay has nothing to report (TS 23.334 §5.16.1), and the capture ends before a BYE is "
                     "overdue")),
        Weakened("UE A can't open its connection", {A: {"connects": False}}, (CONFIRMED, REPORTED),
                 rules=("connection-never-comes",)),
        Weakened("the gateway rewrites MSRP", {"IMS-ALG": {"msrp": "aware"}}, (FLUSHED,), rules=("cema-made-aware",)),
    ),
    provisional="that a released bearer is reported with g/cause, and with which cause",
)
