"""Delayed TCP establishment, in both of its readings, while UE B takes two seconds to answer the SYN.

Source: TS 23.334 §5.16.2.2; TR 29.828 §4.4.2.1.2, §4.4.2.2 (the name); the two readings are this workbench's.
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

TRIGGERED = "UE A's SYN triggers the gateway's SYN to UE B"
HELD = "UE A's SYN is answered only when UE B has answered the gateway's"
SILENT = "no MSRP response reaches UE A before both connections are there"
PROXY = "the gateway has two connections with sequence numbers of their own"
ARRIVES = "what UE A says leaves the gateway octet for octet"
RETURNS = "what UE B says leaves the gateway octet for octet"
CONFIRMED = "UE A's message is confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"
AT_ONCE = "UE A's SYN is answered at once, before UE B has answered the gateway's"
RESET = "UE A's SYN or connection is reset when UE B's port turns out to be closed"
NOTHING_OPEN = "UE A never gets a SYN-ACK for a session that has no other end"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="tcp-delayed",
    title="Delayed TCP establishment: what is held back, the outgoing SYN or the incoming one's answer?",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.2.2", "TR 29.828 §4.4.2.1.2", "TR 29.828 §4.4.2.2"),
    workplan=("C6", "C9", "N1", "N3", "N5"),
    teaching=(
        "The first reading of delayed establishment delays the outgoing side: the gateway's SYN waits for UE A's. "
        "The second one delays the end of the incoming side: UE A's SYN is answered when UE B has answered, so UE A "
        "never believes in a connection that has no other end. What UE A sees differs by one SYN-ACK, and when UE B "
        "refuses, by a connection that is reset instead of never opened."
    ),
    topology=edge.access_edge(_A, _B).changed({B: {"accepts_after": 2.0}, "IMS-AGW": {"holds_incoming": True}}),
    knobs={
        "reading": Knob(
            "reading", "what is delayed: the answer to UE A's SYN (second reading), or only the outgoing SYN (first)",
            {"second": {}, "first": {"IMS-AGW": {"holds_incoming": False}}}, default="second",
            shows={"first": ("payload-before-both-up",)},
            drops={"first": (HELD, NOTHING_OPEN)},
            adds={"first": (InOrder(AT_ONCE, (
                seen.leaves(ACCESS, "SYN-ACK"), seen.any_of(seen.comes(CORE, "SYN-ACK"), seen.comes(CORE, "RST")))),)},
            seen_as={"first": "tcp-aware-a-active"}),
        "fault": Knob(
            "fault", "what goes wrong: nothing, or UE B's port is closed (F2)",
            {"none": {}, "refused": {B: {"listens": False}}}, default="none",
            shows={"refused": ("connection-refused",)},
            drops={"refused": (HELD, SILENT, PROXY, ARRIVES, RETURNS, CONFIRMED)},
            adds={"refused": (
                InOrder(RESET, (seen.comes(CORE, "RST"), seen.leaves(ACCESS, "RST"))),
                Never(NOTHING_OPEN, seen.leaves(ACCESS, "SYN-ACK"), provided=seen.leaves(ACCESS, "RST")))}),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(2.0, A, SendText(tcp.OPENING)),
        at(2.5, B, SendText(tcp.REPLY)),
        at(20.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        InOrder(TRIGGERED, (seen.comes(ACCESS, "SYN"), seen.leaves(CORE, "SYN"))),
        InOrder(HELD, (seen.comes(CORE, "SYN-ACK"), seen.leaves(ACCESS, "SYN-ACK"))),
        Holds(SILENT, seen.silent_until(ACCESS, CORE)),
        Holds(PROXY, seen.handled("proxy", ACCESS, CORE)),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway answers UE A at once", {"IMS-AGW": {"holds_incoming": False}}, (HELD,),
                 rules=("payload-before-both-up",)),
        Weakened("the gateway does not wait for the incoming connection",
                 {"IMS-AGW": {"waits": False}}, (TRIGGERED, HELD),
                 rules=("outgoing-before-incoming", "payload-before-both-up")),
        Weakened("the gateway rewrites MSRP", {"IMS-ALG": {"msrp": "aware"}}, (ARRIVES, RETURNS),
                 rules=("cema-made-aware",)),
        Weakened("the IMS-ALG gives the gateway no roles", {"IMS-ALG": {"tcp": "stateless"}}, (PROXY,),
                 no_rule="a relay passes UE B's SYN-ACK on when it comes, which is allowed (TS 23.334 §5.16.1)"),
        Weakened("UE B never answers the SYN", {B: {"accepts_after": 200.0}}, (CONFIRMED,), rules=("syn-unanswered",)),
    ),
    provisional="which of the two readings TS 23.334 means by delayed establishment",
)
