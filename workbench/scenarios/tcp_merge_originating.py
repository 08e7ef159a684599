"""TCP merge mode at the originating side: the calling UE is behind a NAT, and the called one decides to open.

Source: TS 23.334 §5.16.2.3; row 8 of the role matrix in the stage-2 digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE

OFFERED = "UE A's offer leaves open who opens the connection, and reaches UE B so"
MODIFIED = "UE B answers active; UE A is answered passive, so that it opens a connection too"
TOLD = "the gateway is told to be TCP server on both sides"
BOTH = "both UEs open a connection, and the gateway takes both"
NOT_TRIGGERED = "no SYN triggers another one: the gateway never sends a SYN"
LATCHED = "UE A's connection comes from its NAT, not from the address in its SDP, and is taken"
MERGED = "the gateway ends both connections and passes on what they carry"
TRANSLATED = "the gateway translates sequence numbers and acknowledges nothing itself"
ARRIVES = "what UE A says leaves the gateway octet for octet"
RETURNS = "what UE B says leaves the gateway octet for octet"
CONFIRMED = "UE A's message is confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="tcp-merge-originating",
    title="TCP merge mode, originating side: the answer is modified, and both UEs open",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.2.3", "TS 23.334 §5.4"),
    workplan=("C5", "C6", "C7", "C9", "N1", "N3", "D3"),
    teaching=(
        "UE A leaves open who opens the connection, and UE B answers that it will. UE A sits behind a NAT, so the "
        "gateway can't open one to it; the IMS-ALG answers UE A as if the other end were passive. UE A opens a "
        "connection as it would to a passive peer, and the gateway joins it with UE B's."
    ),
    topology=edge.access_edge(_A, _B).changed({
        A: {"offers": "actpass", "behind": tcp.nat_of(A)}, B: {"answers": "active"},
        "IMS-ALG": {"modifies_setup": True}}),
    knobs={
        "first": Knob(
            "first", "whose SYN comes first, by five seconds",
            {"b": {A: {"connects_after": 5.0}}, "a": {B: {"connects_after": 5.0}}}, default="b"),
        "merge": Knob(
            "merge", "how the gateway joins the two: as two connections, or by translation of sequence numbers",
            {"proxy": {}, "translation": {"IMS-AGW": {"merge": "translation"}}}, default="proxy",
            drops={"translation": (MERGED,)},
            adds={"translation": (Holds(TRANSLATED, seen.handled("merge by translation", ACCESS, CORE)),)}),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(8.0, A, SendText(tcp.OPENING)),
        at(8.5, B, SendText(tcp.REPLY)),
        at(40.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(OFFERED, seen.in_turn(
            seen.setup(ACCESS.wire, "offer", "actpass"), seen.setup(CORE.wire, "offer", "actpass"))),
        Holds(MODIFIED, seen.in_turn(
            seen.setup(CORE.wire, "answer", "active"), seen.setup(ACCESS.wire, "answer", "passive"))),
        Holds(TOLD, seen.told({"access": "passive", "core": "passive"})),
        Holds(BOTH, seen.in_turn(seen.opened(ACCESS, by="peer"), seen.opened(CORE, by="peer"))),
        Never(NOT_TRIGGERED, seen.any_of(seen.leaves(ACCESS, "SYN"), seen.leaves(CORE, "SYN")),
              provided=seen.any_of(seen.comes(ACCESS, "SYN"), seen.comes(CORE, "SYN"))),
        Holds(LATCHED, seen.source_is_latched(ACCESS, realm="access", told=ACCESS.wire)),
        Holds(MERGED, seen.handled("merge by proxy", ACCESS, CORE)),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG does not modify a=setup", {"IMS-ALG": {"modifies_setup": False}},
                 (MODIFIED, TOLD, RETURNS, CONFIRMED), rules=("syn-into-nat",)),
        Weakened("the gateway translates sequence numbers", {"IMS-AGW": {"merge": "translation"}}, (MERGED,),
                 no_rule="how two connections are joined is the gateway's own business"),
        Weakened("UE B never connects", {B: {"connects": False}}, (ARRIVES, CONFIRMED),
                 rules=("connection-never-comes", "media-unseen", "payload-before-both-up")),
        Weakened("UE A does not leave it open", {A: {"offers": "active"}, B: {"answers": "passive"}},
                 (OFFERED, MODIFIED, TOLD, BOTH, NOT_TRIGGERED, MERGED),
                 no_rule="an offer may say active, and nothing is to be merged then (RFC 4145 §4.1)"),
    ),
    provisional="that the answer is what is modified at the originating side, and how the two connections are joined",
)
