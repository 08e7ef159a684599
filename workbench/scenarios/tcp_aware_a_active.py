"""State-aware TCP without modification of the set-up direction: UE A is active, its connection triggers the other one.

Source: TS 23.334 §5.16.2.2, §6.2.18.3; failures F2 and F3 of the stage-2 digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE

TOLD = "the gateway is told to be TCP server towards UE A and TCP client towards UE B"
UNCHANGED = "a=setup passes unchanged, in the offer and in the answer"
TRIGGERED = "UE A's SYN triggers the gateway's SYN to UE B"
PROXY = "the gateway has two connections with sequence numbers of their own"
ARRIVES = "what UE A says leaves the gateway octet for octet"
RETURNS = "what UE B says leaves the gateway octet for octet"
CONFIRMED = "UE A's message is confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"
LATCHED = "UE A's connection comes from its NAT, not from the address in its SDP, and is taken"
RESET = "UE A's connection is reset when UE B's port turns out to be closed"
FAILED = "the failure is reported once, for the side towards UE B"
MISSED = "that UE A never came is reported once, for the side towards UE A"
SILENT = "no SYN leaves the gateway for UE B"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)
_MEDIA = (UNCHANGED, TRIGGERED, PROXY, ARRIVES, RETURNS, CONFIRMED)

scenario = Scenario(
    id="tcp-aware-a-active",
    title="State-aware TCP, UE A active: the incoming connection triggers the outgoing one",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.2.2", "TS 23.334 §6.2.18.3", "RFC 4145 §4"),
    workplan=("C5", "C6", "C7", "C9", "N1", "N3", "N5"),
    teaching=(
        "The gateway gets a TCP role for each side, the complement of what its peer there has agreed: it is server "
        "towards UE A and client towards UE B. It opens the outgoing connection only when the incoming one has begun, "
        "so nothing is opened for a caller who never shows up. What goes wrong on one side ends the other side too, "
        "and the IMS-ALG hears of it."
    ),
    topology=edge.access_edge(_A, _B),
    knobs={
        "nat": tcp.nat_knob(A, Holds(LATCHED, seen.source_is_latched(ACCESS, realm="access", told=ACCESS.wire))),
        "fault": Knob(
            "fault", "what goes wrong: nothing, UE B's port is closed (F2), or UE A never connects (F3)",
            {"none": {}, "refused": {B: {"listens": False}}, "never": {A: {"connects": False}}}, default="none",
            shows={"refused": ("connection-refused",), "never": ("connection-never-comes",)},
            drops={"refused": (PROXY, ARRIVES, RETURNS, CONFIRMED, LATCHED),
                   "never": (TRIGGERED, PROXY, ARRIVES, RETURNS, CONFIRMED, LATCHED)},
            adds={
                "refused": (
                    InOrder(RESET, (seen.comes(CORE, "RST"), seen.leaves(ACCESS, "RST"))),
                    Holds(FAILED, seen.once(seen.failure_reported("core"), never=(seen.failure_reported("access"),)))),
                "never": (
                    Never(SILENT, seen.leaves(CORE, "SYN"), provided=seen.failure_reported("access")),
                    Holds(MISSED, seen.once(seen.failure_reported("access"), never=(seen.failure_reported("core"),)))),
            }),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(2.0, A, SendText(tcp.OPENING)),
        at(2.5, B, SendText(tcp.REPLY)),
        at(20.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(TOLD, seen.told({"access": "passive", "core": "active"})),
        Holds(UNCHANGED, seen.in_turn(
            seen.attribute(ACCESS.wire, "setup", offer="active", answer="passive"),
            seen.attribute(CORE.wire, "setup", offer="active", answer="passive"))),
        InOrder(TRIGGERED, (seen.comes(ACCESS, "SYN"), seen.leaves(CORE, "SYN"))),
        Holds(PROXY, seen.handled("proxy", ACCESS, CORE)),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway does not wait for the incoming connection", {"IMS-AGW": {"waits": False}}, (TRIGGERED,),
                 rules=("outgoing-before-incoming",)),
        Weakened("the IMS-ALG gives the gateway no roles", {"IMS-ALG": {"tcp": "stateless"}}, (TOLD, PROXY),
                 no_rule=(
                     "stateless handling is as much allowed where nobody has to wait for a NAT (TS 23.334 "
                     "§5.16.1)")),
        Weakened("the gateway rewrites MSRP", {"IMS-ALG": {"msrp": "aware"}}, (ARRIVES, RETURNS),
                 rules=("cema-made-aware",)),
        Weakened("UE A leaves it open, and the IMS-ALG decides", {
            A: {"offers": "actpass", "behind": tcp.nat_of(A)}, "IMS-ALG": {"modifies_setup": True}}, (UNCHANGED,),
                 no_rule="an IMS-ALG may narrow actpass for a UE behind a NAT (TS 23.334 §5.16.2.3)"),
        Weakened("UE B's port is closed", {B: {"listens": False}}, (ARRIVES, CONFIRMED), rules=("connection-refused",)),
    ),
    provisional="names of the H.248 package's items for TCP (tcpbcc), and how interlinkage is asked for",
)
