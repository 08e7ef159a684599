"""State-aware TCP without modification of the set-up direction: UE B is active, its connection triggers the other one.

Source: TS 23.334 §5.16.2.2, §6.2.18.3.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE

TOLD = "the gateway is told to be TCP server towards UE B and TCP client towards UE A"
UNCHANGED = "a=setup passes unchanged, in the offer and in the answer"
TRIGGERED = "UE B's SYN triggers the gateway's SYN to UE A"
REACHED = "UE A takes the gateway's connection"
PROXY = "the gateway has two connections with sequence numbers of their own"
ARRIVES = "what UE A says leaves the gateway octet for octet"
RETURNS = "what UE B says leaves the gateway octet for octet"
CONFIRMED = "UE A's message is confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="tcp-aware-b-active",
    title="State-aware TCP, UE B active: why the called UE's choice can be impossible for the caller",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.2.2", "TS 23.334 §6.2.18.3", "RFC 4145 §4"),
    workplan=("C5", "C6", "C9", "N1", "N3", "N5"),
    teaching=(
        "UE A leaves it open who opens the connection, and UE B decides to; so the gateway has to open one to UE A. "
        "That works for a UE that can be reached. Behind a NAT it can't be: the control shows the SYN that never "
        "arrives, which is the reason why TS 23.334 §5.16.2.3 exists."
    ),
    topology=edge.access_edge(_A, _B).changed({A: {"offers": "actpass"}, B: {"answers": "active"}}),
    knobs={
        "offer": Knob("offer", "a=setup of UE A's offer: leaves it open, or insists on being TCP server",
                      {"actpass": {A: {"offers": "actpass"}}, "passive": {A: {"offers": "passive"}}},
                      default="actpass"),
        "start": Knob("start", "what makes the gateway open its connection: interlinkage, or the IMS-ALG's signal",
                      {"interlinkage": {}, "signal": {"IMS-ALG": {"starts_tcp": "signal"}}}, default="interlinkage",
                      adds={"signal": (Eventually("the IMS-ALG orders the connection towards UE A",
                                                  seen.ordered("tcp-establish", "access")),)},
                      drops={"signal": (TRIGGERED,)}),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(2.0, A, SendText(tcp.OPENING)),
        at(2.5, B, SendText(tcp.REPLY)),
        at(20.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(TOLD, seen.told({"access": "active", "core": "passive"})),
        Holds(UNCHANGED, seen.unchanged(ACCESS.wire, CORE.wire, "setup")),
        InOrder(TRIGGERED, (seen.comes(CORE, "SYN"), seen.leaves(ACCESS, "SYN"))),
        Eventually(REACHED, seen.is_up(ACCESS)),
        Holds(PROXY, seen.handled("proxy", ACCESS, CORE)),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway does not wait for the incoming connection, and UE B takes its time",
                 {"IMS-AGW": {"waits": False}, B: {"connects_after": 1.0}}, (TRIGGERED,),
                 rules=("outgoing-before-incoming",)),
        Weakened("the gateway rewrites MSRP", {"IMS-ALG": {"msrp": "aware"}}, (ARRIVES, RETURNS),
                 rules=("cema-made-aware",)),
        Weakened("the IMS-ALG modifies a=setup for a UE behind a NAT",
                 {A: {"behind": tcp.nat_of(A)}, "IMS-ALG": {"modifies_setup": True}}, (TOLD, UNCHANGED, PROXY),
                 no_rule="it is merge mode, as TS 23.334 §5.16.2.3 has it for a UE behind a NAT"),
        Weakened("UE A is behind a NAT", {A: {"behind": tcp.nat_of(A)}}, (REACHED, RETURNS, CONFIRMED),
                 rules=("syn-into-nat",)),
        Weakened("the IMS-ALG gives the gateway no roles", {"IMS-ALG": {"tcp": "stateless"}}, (TOLD, PROXY),
                 no_rule="stateless handling is as much allowed where UE A can be reached (TS 23.334 §5.16.1)"),
        Weakened("UE A offers to be TCP client", {A: {"offers": "active"}, B: {"answers": "passive"}},
                 (TOLD,), no_rule="an offer may say active, and passive answers it (RFC 4145 §4.1)"),
    ),
    provisional="names of the H.248 package's items for TCP (tcpbcc), and how interlinkage is asked for",
)
