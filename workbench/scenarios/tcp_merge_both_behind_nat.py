"""Two UEs behind NATs, two access edges: the terminating one uses TCP merge mode, the originating one needs nothing.

Source: TS 23.334 §5.16.2.3, §6.2.18.4, with the whole path of the digest's section 1.1.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"

MODIFIED = "UE A's offer of active reaches UE B as passive"
ANSWERED_PASSIVE = "UE B's answer of active reaches UE A as passive"
TOLD_A = "UE A's gateway is told to be TCP server towards UE A and TCP client towards the core"
TOLD_B = "UE B's gateway is told to be TCP server on both sides"
TRIGGERED = "at UE A's gateway one SYN triggers the other"
NOT_TRIGGERED = "UE B's gateway never sends a SYN"
LATCHED = "both UEs' connections come from their NATs, and are taken"
PROXY = "UE A's gateway has one connection of its own opening"
MERGED = "UE B's gateway joins two connections that came in"
TRANSLATED = "UE B's gateway translates sequence numbers and acknowledges nothing itself"
ARRIVES = "what UE A says reaches UE B's side octet for octet"
RETURNS = "what UE B says reaches UE A's side octet for octet"
CONFIRMED = "UE A's message is confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "all terminations are subtracted"

scenario = Scenario(
    id="tcp-merge-both-behind-nat",
    title="TCP merge mode with both UEs behind a NAT, through two access edges",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.2.3", "TS 23.334 §6.2.18.4", "TS 23.334 §5.4"),
    workplan=("C5", "C6", "C7", "C9", "N1", "N3", "N5", "D3"),
    teaching=(
        "Each UE can only open connections, and each does: UE A because it offered to, UE B because its IMS-ALG "
        "turned a=setup round. UE A's own edge has nothing special to do: a connection comes in and triggers another "
        "one. UE B's edge gets that one and UE B's, and merges them."
    ),
    topology=tcp.two_edges(tcp.ue_a(), tcp.ue_b()).changed({
        A: {"offers": "active"}, "IMS-ALG A": {"modifies_setup": True}, "IMS-ALG B": {"modifies_setup": True}}),
    knobs={
        "nats": Knob(
            "nats", "how both NATs map: an inside port keeps its outside port, or gets one for each destination",
            {"usual": {}, "strict": {A: {"behind": tcp.nat_of(A, strict=True)},
                                     B: {"behind": tcp.nat_of(B, core=True, strict=True)}}}, default="usual"),
        "merge": Knob(
            "merge", "how UE B's gateway joins the two: as two connections, or by translation of sequence numbers",
            {"proxy": {}, "translation": {"IMS-AGW B": {"merge": "translation"}}}, default="proxy",
            drops={"translation": (MERGED,)},
            adds={"translation": (
                Holds(TRANSLATED, seen.handled("merge by translation", tcp.CORE_B, tcp.ACCESS_B)),)}),
    },
    script=(
        at(0.0, A, Register()),
        at(0.0, B, Register()),
        at(10.0, A, Call(tcp.URI_B)),
        at(14.0, A, SendText(tcp.OPENING)),
        at(14.5, B, SendText(tcp.REPLY)),
        at(40.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(MODIFIED, seen.in_turn(
            seen.setup(tcp.ACCESS_A.wire, "offer", "active"), seen.setup(tcp.CORE_A.wire, "offer", "active"),
            seen.setup(tcp.ACCESS_B.wire, "offer", "passive"))),
        Holds(ANSWERED_PASSIVE, seen.in_turn(
            seen.setup(tcp.ACCESS_B.wire, "answer", "active"), seen.setup(tcp.CORE_A.wire, "answer", "passive"),
            seen.setup(tcp.ACCESS_A.wire, "answer", "passive"))),
        Holds(TOLD_A, seen.told({"access": "passive", "core": "active"}, gateway="IMS-AGW A")),
        Holds(TOLD_B, seen.told({"access": "passive", "core": "passive"}, gateway="IMS-AGW B")),
        InOrder(TRIGGERED, (seen.comes(tcp.ACCESS_A, "SYN"), seen.leaves(tcp.CORE_A, "SYN"))),
        Never(NOT_TRIGGERED, seen.any_of(seen.leaves(tcp.CORE_B, "SYN"), seen.leaves(tcp.ACCESS_B, "SYN")),
              provided=seen.any_of(seen.comes(tcp.CORE_B, "SYN"), seen.comes(tcp.ACCESS_B, "SYN"))),
        Holds(LATCHED, seen.in_turn(
            seen.source_is_latched(tcp.ACCESS_A, realm="access", told=tcp.ACCESS_A.wire),
            seen.source_is_latched(tcp.ACCESS_B, realm="access", told=tcp.ACCESS_B.wire))),
        Holds(PROXY, seen.handled("proxy", tcp.ACCESS_A, tcp.CORE_A)),
        Holds(MERGED, seen.handled("merge by proxy", tcp.CORE_B, tcp.ACCESS_B)),
        Holds(ARRIVES, seen.arrives(tcp.ACCESS_A, tcp.ACCESS_B)),
        Holds(RETURNS, seen.arrives(tcp.ACCESS_B, tcp.ACCESS_A)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("UE B's IMS-ALG does not modify a=setup", {"IMS-ALG B": {"modifies_setup": False}},
                 (MODIFIED, ANSWERED_PASSIVE, TOLD_B, ARRIVES, CONFIRMED), rules=("syn-into-nat",)),
        Weakened("UE B can be reached, so nothing is modified", {B: {"behind": None}},
                 (MODIFIED, ANSWERED_PASSIVE, TOLD_B, NOT_TRIGGERED, MERGED),
                 no_rule="without a NAT in front of UE B there is nothing to modify (TS 23.334 §5.16.2.2)"),
        Weakened("both gateways rewrite MSRP",
                 {"IMS-ALG A": {"msrp": "aware"}, "IMS-ALG B": {"msrp": "aware"}}, (ARRIVES, RETURNS),
                 rules=("cema-made-aware",)),
        Weakened("the IMS-ALG gives UE A's gateway no roles", {"IMS-ALG A": {"tcp": "stateless"}}, (TOLD_A, PROXY),
                 no_rule="UE A opens, so a relay does for its NAT (TS 23.334 §5.16.1)"),
        Weakened("UE A's gateway does not wait for the incoming connection",
                 {"IMS-AGW A": {"waits": False}}, (TRIGGERED,), rules=("outgoing-before-incoming",)),
        Weakened("UE B's gateway translates sequence numbers", {"IMS-AGW B": {"merge": "translation"}}, (MERGED,),
                 no_rule="how two connections are joined is the gateway's own business"),
        Weakened("UE B never connects", {B: {"connects": False}}, (ARRIVES, CONFIRMED),
                 rules=("connection-never-comes", "media-unseen", "payload-before-both-up")),
    ),
    provisional="whether merge mode means two connections or translated sequence numbers",
)
