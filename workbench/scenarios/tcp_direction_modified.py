"""The set-up direction is modified without merge: a=setup changes on its way, and one SYN still triggers the other.

Source: TS 23.334 §5.16.2.3; rows 6 and 7 of the role matrix in the stage-2 digest (R-5.16.2.3-15, -16).
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
AGW_A = "IMS-AGW A"
AGW_B = "IMS-AGW B"

OFFERED = "UE A's offer leaves open who opens the connection"
TO_CORE_7 = "UE A is behind a NAT: its IMS-ALG offers active to the core in its place"
TO_CORE_6 = "UE A can be reached: its offer reaches the core as it is"
TO_B_6 = "UE B is behind a NAT: its IMS-ALG offers passive to it, and it answers active"
TO_B_7 = "UE B can be reached: it gets the offer of the core as it is, and answers passive"
TO_A_6 = "UE A is answered active, so the connection comes to it"
TO_A_7 = "UE A is answered passive, so it opens the connection"
TOLD_6 = "both gateways are told to be TCP server towards UE B and TCP client towards UE A"
TOLD_7 = "both gateways are told to be TCP server towards UE A and TCP client towards UE B"
CHAIN_6 = "UE B's SYN triggers one after the other, as far as UE A"
CHAIN_7 = "UE A's SYN triggers one after the other, as far as UE B"
LATCHED_6 = "UE B's connection comes from its NAT, not from the address in its SDP, and is taken"
LATCHED_7 = "UE A's connection comes from its NAT, not from the address in its SDP, and is taken"
PROXY = "both gateways open one connection each: nothing is merged"
ARRIVES = "what UE A says reaches UE B's side octet for octet"
RETURNS = "what UE B says reaches UE A's side octet for octet"
CONFIRMED = "UE A's message is confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "all terminations are subtracted"

scenario = Scenario(
    id="tcp-direction-modified",
    title="The set-up direction is modified, and nothing is merged: the NAT decides who opens",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.2.3", "TS 23.334 §5.4"),
    workplan=("C5", "C6", "C7", "C9", "N1", "N3", "D3"),
    teaching=(
        "An offer that leaves open who opens the connection leaves room for the IMS-ALG: it narrows actpass down to "
        "the one value that works for its own UE behind a NAT. Each side then sees a legal offer and a legal answer, "
        "and each gateway has one incoming and one outgoing connection. Merge mode is needed only where the other "
        "end has already decided the other way."
    ),
    topology=tcp.two_edges(tcp.ue_a(), tcp.ue_b()).changed({
        A: {"offers": "actpass", "behind": None}, B: {"answers": "passive"},
        "IMS-ALG A": {"modifies_setup": True}, "IMS-ALG B": {"modifies_setup": True}}),
    knobs={
        "nat": Knob(
            "nat", "who sits behind a NAT: UE B (row 6 of the role matrix) or UE A (row 7)",
            {"b": {}, "a": {
                A: {"behind": tcp.nat_of(A)}, B: {"behind": None}, "IMS-ALG A": {"narrows": True}}}, default="b",
            drops={"a": (TO_CORE_6, TO_B_6, TO_A_6, TOLD_6, CHAIN_6, LATCHED_6)},
            adds={"a": (
                Holds(TO_CORE_7, seen.setup(tcp.CORE_A.wire, "offer", "active")),
                Holds(TO_B_7, seen.attribute(tcp.ACCESS_B.wire, "setup", offer="active", answer="passive")),
                Holds(TO_A_7, seen.setup(tcp.ACCESS_A.wire, "answer", "passive")),
                Holds(TOLD_7, seen.in_turn(
                    seen.told({"access": "passive", "core": "active"}, gateway=AGW_A),
                    seen.told({"access": "active", "core": "passive"}, gateway=AGW_B))),
                InOrder(CHAIN_7, (
                    seen.comes(tcp.ACCESS_A, "SYN"), seen.leaves(tcp.CORE_A, "SYN"), seen.leaves(tcp.ACCESS_B, "SYN"))),
                Holds(LATCHED_7, seen.source_is_latched(tcp.ACCESS_A, realm="access", told=tcp.ACCESS_A.wire)),
            )}),
    },
    script=(
        at(0.0, A, Register()),
        at(0.0, B, Register()),
        at(10.0, A, Call(tcp.URI_B)),
        at(13.0, A, SendText(tcp.OPENING)),
        at(13.5, B, SendText(tcp.REPLY)),
        at(40.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(OFFERED, seen.setup(tcp.ACCESS_A.wire, "offer", "actpass")),
        Holds(TO_CORE_6, seen.setup(tcp.CORE_A.wire, "offer", "actpass")),
        Holds(TO_B_6, seen.attribute(tcp.ACCESS_B.wire, "setup", offer="passive", answer="active")),
        Holds(TO_A_6, seen.setup(tcp.ACCESS_A.wire, "answer", "active")),
        Holds(TOLD_6, seen.in_turn(
            seen.told({"access": "active", "core": "passive"}, gateway=AGW_A),
            seen.told({"access": "passive", "core": "active"}, gateway=AGW_B))),
        InOrder(CHAIN_6, (
            seen.comes(tcp.ACCESS_B, "SYN"), seen.leaves(tcp.CORE_B, "SYN"), seen.leaves(tcp.ACCESS_A, "SYN"))),
        Holds(LATCHED_6, seen.source_is_latched(tcp.ACCESS_B, realm="access", told=tcp.ACCESS_B.wire)),
        Holds(PROXY, seen.in_turn(seen.handled("proxy", tcp.ACCESS_A, tcp.CORE_A),
                                  seen.handled("proxy", tcp.CORE_B, tcp.ACCESS_B))),
        Holds(ARRIVES, seen.arrives(tcp.ACCESS_A, tcp.ACCESS_B)),
        Holds(RETURNS, seen.arrives(tcp.ACCESS_B, tcp.ACCESS_A)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("UE B's IMS-ALG does not modify a=setup", {"IMS-ALG B": {"modifies_setup": False}},
                 (TO_B_6, TO_A_6, TOLD_6, ARRIVES, CONFIRMED), rules=("syn-into-nat",)),
        Weakened("UE A decides to open the connection itself", {A: {"offers": "active"}},
                 (OFFERED, TO_CORE_6, TO_A_6, TOLD_6, PROXY),
                 no_rule="an offer may say active; UE B's edge merges then (TS 23.334 §5.16.2.3)"),
        Weakened("a gateway does not wait for the incoming connection, and UE B takes its time",
                 {"IMS-AGW B": {"waits": False}, B: {"connects_after": 1.0}}, (CHAIN_6,),
                 rules=("outgoing-before-incoming",)),
        Weakened("both gateways rewrite MSRP",
                 {"IMS-ALG A": {"msrp": "aware"}, "IMS-ALG B": {"msrp": "aware"}}, (ARRIVES, RETURNS),
                 rules=("cema-made-aware",)),
    ),
    provisional="that actpass is narrowed down like this (rows 6 and 7 were derived, not read)",
)
