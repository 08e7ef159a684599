"""Stateless TCP handling: the gateway passes segments on and has no TCP role; there is one connection, end to end.

Source: TS 23.334 §5.16.1, §6.2.18.2.
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

TOLD = "the gateway gets no TCP role on either side"
UNCHANGED = "a=setup passes unchanged, in the offer and in the answer"
RELAY = "one connection runs through the gateway with its sequence numbers untouched"
SEGMENTS = "every segment that leaves the gateway has come in on the other side"
TURNS = "UE A's SYN is answered by UE B's SYN-ACK, not by the gateway's"
ARRIVES = "what UE A says leaves the gateway octet for octet"
RETURNS = "what UE B says leaves the gateway octet for octet"
CONFIRMED = "UE A's message is confirmed by UE B"
QUIET = "the gateway reports nothing of the connection"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"
LATCHED = "UE A's connection comes from its NAT, not from the address in its SDP, and is taken"
REFUSED = "UE B's RST passes through to UE A"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="tcp-stateless-relay",
    title="Stateless TCP: the gateway relays segments and takes no part in the connection",
    family="TCP bearer",
    clauses=("TS 23.334 §5.16.1", "TS 23.334 §6.2.18.2"),
    workplan=("C5", "C7", "C9", "N1", "N3", "N5"),
    teaching=(
        "The gateway is told \"TCP\" and no role, so it changes addresses, ports and checksums and nothing else. "
        "Who opens the connection was settled by the two UEs, and so it works with one NAT at most, and only in front "
        "of the UE that opens it. Nobody but the UEs knows that a connection exists: the gateway reports neither its "
        "failure nor its end."
    ),
    topology=edge.access_edge(_A, _B).changed({"IMS-ALG": {"tcp": "stateless"}}),
    knobs={
        "nat": tcp.nat_knob(A, Holds(LATCHED, seen.source_is_latched(ACCESS, realm="access", told=ACCESS.wire))),
        "fault": Knob(
            "fault", "what goes wrong: nothing, or UE B's port is closed (F2)",
            {"none": {}, "refused": {B: {"listens": False}}}, default="none",
            shows={"refused": ("connection-refused",)},
            drops={"refused": (RELAY, TURNS, ARRIVES, RETURNS, CONFIRMED, LATCHED)},
            adds={"refused": (
                InOrder(REFUSED, (seen.leaves(CORE, "SYN"), seen.comes(CORE, "RST"), seen.leaves(ACCESS, "RST"))),)}),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(2.0, A, SendText(tcp.OPENING)),
        at(2.5, B, SendText(tcp.REPLY)),
        at(20.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(TOLD, seen.in_turn(
            seen.told({"access": "", "core": ""}), seen.transports({"access": "TCP", "core": "TCP"}))),
        Holds(UNCHANGED, seen.unchanged(ACCESS.wire, CORE.wire, "setup")),
        Holds(RELAY, seen.handled("relay", ACCESS, CORE)),
        Holds(SEGMENTS, seen.segments_pass(ACCESS, CORE)),
        InOrder(TURNS, (seen.comes(ACCESS, "SYN"), seen.leaves(CORE, "SYN"),
                        seen.comes(CORE, "SYN-ACK"), seen.leaves(ACCESS, "SYN-ACK"))),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Never(QUIET, seen.anything_reported(), provided=seen.leaves(CORE, "SYN")),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway is a proxy instead", {"IMS-AGW": {"stateless": "proxy"}}, (RELAY, SEGMENTS, TURNS),
                 rules=("relay-ends-tcp",)),
        Weakened("the IMS-ALG gives roles", {"IMS-ALG": {"tcp": "aware"}}, (TOLD, RELAY, SEGMENTS, TURNS),
                 no_rule=(
                     "state-aware handling is as much allowed: an IMS-ALG decides it for each stream (TS "
                     "23.334 §5.16)")),
        Weakened("the IMS-ALG gives roles, and UE B's port is closed",
                 {"IMS-ALG": {"tcp": "aware"}, B: {"listens": False}}, (TOLD, SEGMENTS, QUIET, ARRIVES, CONFIRMED),
                 rules=("connection-refused",)),
        Weakened("the IMS-ALG gives roles, and modifies a=setup for a UE behind a NAT", {
            "IMS-ALG": {"tcp": "aware", "modifies_setup": True}, A: {"offers": "actpass", "behind": tcp.nat_of(A)},
            B: {"answers": "active"}}, (TOLD, UNCHANGED, RELAY, SEGMENTS),
                 no_rule="it is merge mode, as TS 23.334 §5.16.2.3 has it for a UE behind a NAT"),
        Weakened("the gateway rewrites MSRP", {"IMS-ALG": {"tcp": "aware", "msrp": "aware"}},
                 (TOLD, RELAY, SEGMENTS, TURNS, ARRIVES, RETURNS), rules=("cema-made-aware",)),
        Weakened("UE B can be TCP client only", {B: {"insists": "active"}}, (CONFIRMED,),
                 rules=("setup-answer", "sip-refused")),
    ),
    provisional="that no role at all is given (TS 23.334 §5.16.1 was not readable)",
)
