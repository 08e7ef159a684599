"""TCP merge mode at the terminating side: the called UE is behind a NAT, and both ends open towards the gateway.

Source: TS 23.334 §5.16.2.3, §6.2.18.4; R-5.16.2.3-2 to -11 of the stage-2 digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, ConnectAgain, HangUp, Register, SendText
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

B = "UE B"
A = "UE A"
ACCESS = tcp.access(B)
CORE = tcp.CORE

MODIFIED = "UE A offers active; UE B is offered passive, so that it opens the connection too"
ANSWERED_PASSIVE = "UE B answers active; UE A is answered passive"
TOLD = "the gateway is told to be TCP server on both sides"
BOTH = "both UEs open a connection, and the gateway takes both"
NOT_TRIGGERED = "no SYN triggers another one: the gateway never sends a SYN"
LATCHED = "UE B's connection comes from its NAT, not from the address in its SDP, and is taken"
FIRST_B = "UE B comes first, and speaks before UE A is there"
FIRST_A = "UE A comes first, and speaks before UE B is there"
MERGED = "the gateway ends both connections and passes on what they carry"
TRANSLATED = "the gateway translates sequence numbers and acknowledges nothing itself"
ARRIVES = "what UE A says leaves the gateway octet for octet, early octets included"
RETURNS = "what UE B says leaves the gateway octet for octet, early octets included"
CONFIRMED = "UE A's message is confirmed by UE B"
ONE_ONLY = "UE B's second connection is refused"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"
MISSED = "that UE A never came is reported once, for the side towards the core"
GIVEN_UP = "after the guard time UE B's connection is closed"

# With translation the gateway keeps the window closed until both are there. Whether an octet comes early is
# up to a UE's TCP: RFC 9293 §3.8.6.1 probes a closed window with one, Linux without.
_EARLY = (FIRST_B, FIRST_A)

_B = tcp.served(B, tcp.URI_B)
_A = tcp.peer(A, tcp.URI_A)

scenario = Scenario(
    id="tcp-merge-terminating",
    title="TCP merge mode, terminating side: two connections come in, and the gateway joins them",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.2.3", "TS 23.334 §6.2.18.4", "TS 23.334 §5.4"),
    workplan=("C5", "C6", "C7", "C9", "N1", "N3", "N5", "D3"),
    teaching=(
        "UE A wants to open the connection, and UE B sits behind a NAT where no SYN gets in. The IMS-ALG changes "
        "a=setup in the offer, so that UE B opens a connection as well, and tells the gateway to be TCP server on both "
        "sides. Whether the gateway then copies payload between two connections or translates sequence numbers, "
        "neither UE can tell."
    ),
    topology=edge.access_edge(_B, _A).changed({
        A: {"offers": "active"}, B: {"behind": tcp.nat_of(B)}, "IMS-ALG": {"modifies_setup": True}}),
    knobs={
        "first": Knob(
            "first", "whose SYN comes first: UE B's or UE A's, by five seconds",
            {"b": {A: {"connects_after": 5.0}}, "a": {B: {"connects_after": 5.0}}}, default="b",
            drops={"a": (FIRST_B, ONE_ONLY)},
            adds={"a": (InOrder(FIRST_A, (
                seen.comes(CORE, "SYN"), seen.comes(CORE, "payload"), seen.comes(ACCESS, "SYN"))),)}),
        "merge": Knob(
            "merge", "how the gateway joins the two: as two connections, or by translation of sequence numbers",
            {"proxy": {}, "translation": {"IMS-AGW": {"merge": "translation"}}}, default="proxy",
            drops={"translation": (MERGED, *_EARLY)},
            adds={"translation": (Holds(TRANSLATED, seen.handled("merge by translation", ACCESS, CORE)),)}),
        "fault": Knob(
            "fault", "what goes wrong: nothing, or UE A never connects (F4)",
            {"none": {}, "never": {A: {"connects": False}}}, default="none",
            shows={"never": ("connection-never-comes", "media-unseen", "payload-before-both-up")},
            drops={"never": (BOTH, FIRST_A, FIRST_B, MERGED, TRANSLATED, LATCHED, ARRIVES, RETURNS, CONFIRMED,
                             ONE_ONLY)},
            adds={"never": (
                Holds(MISSED, seen.once(seen.failure_reported("core"), never=(seen.failure_reported("access"),))),
                InOrder(GIVEN_UP, (
                    seen.comes(ACCESS, "SYN"), seen.any_of(seen.leaves(ACCESS, "FIN"), seen.leaves(ACCESS, "RST")))))}),
    },
    script=(
        at(0.0, B, Register()),
        at(10.0, A, Call(tcp.URI_B)),
        at(13.0, A, SendText(tcp.OPENING)),
        at(13.5, B, SendText(tcp.REPLY)),
        at(30.0, B, ConnectAgain()),
        at(60.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(MODIFIED, seen.in_turn(
            seen.setup(CORE.wire, "offer", "active"), seen.setup(ACCESS.wire, "offer", "passive"))),
        Holds(ANSWERED_PASSIVE, seen.in_turn(
            seen.setup(ACCESS.wire, "answer", "active"), seen.setup(CORE.wire, "answer", "passive"))),
        Holds(TOLD, seen.told({"access": "passive", "core": "passive"})),
        Holds(BOTH, seen.in_turn(seen.opened(ACCESS, by="peer"), seen.opened(CORE, by="peer"))),
        Never(NOT_TRIGGERED, seen.any_of(seen.leaves(ACCESS, "SYN"), seen.leaves(CORE, "SYN")),
              provided=seen.any_of(seen.comes(ACCESS, "SYN"), seen.comes(CORE, "SYN"))),
        Holds(LATCHED, seen.source_is_latched(ACCESS, realm="access", told=ACCESS.wire)),
        InOrder(FIRST_B, (seen.comes(ACCESS, "SYN"), seen.comes(ACCESS, "payload"), seen.comes(CORE, "SYN"))),
        Holds(MERGED, seen.handled("merge by proxy", ACCESS, CORE)),
        Holds(ARRIVES, seen.arrives(CORE, ACCESS)),
        Holds(RETURNS, seen.arrives(ACCESS, CORE)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ONE_ONLY, seen.second_is_refused(ACCESS)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG does not modify a=setup", {"IMS-ALG": {"modifies_setup": False}},
                 (MODIFIED, ANSWERED_PASSIVE, TOLD, ARRIVES, CONFIRMED), rules=("syn-into-nat",)),
        Weakened("UE B can be reached, so nothing is modified", {B: {"behind": None}},
                 (MODIFIED, ANSWERED_PASSIVE, TOLD, BOTH, NOT_TRIGGERED, FIRST_B, MERGED),
                 no_rule=(
                     "without a NAT there is nothing to modify: one connection triggers the other (TS 23.334 "
                     "§5.16.2.2)")),
        Weakened("the gateway translates sequence numbers", {"IMS-AGW": {"merge": "translation"}}, (MERGED,),
                 drops=_EARLY, no_rule="how two connections are joined is the gateway's own business"),
        Weakened("UE A never connects", {A: {"connects": False}}, (RETURNS, CONFIRMED),
                 rules=("connection-never-comes", "media-unseen", "payload-before-both-up")),
    ),
    provisional="whether merge mode means two connections or translated sequence numbers, and its guard time",
)
