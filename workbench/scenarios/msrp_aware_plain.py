"""MSRP between two ends that know nothing but RFC 4975: the gateway has a path of its own on each leg.

Source: TS 23.334 §5.19.4, §5.19.5; RFC 4975 §5.4, §6.1.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendFile, SendText
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE

REPLACED = "a=path is the gateway's own on each leg, in the offer and in the answer"
TRANSPORT = "the gateway is told \"TCP/MSRP\" on both sides"
PATHS = "the gateway is told its own path and the peer's path of each leg"
NAMED = "messages name the paths that SDP told, on each leg its own"
ARRIVES = "what UE A says leaves the gateway octet for octet, but for the paths"
RETURNS = "what UE B says leaves the gateway octet for octet, but for the paths"
CONFIRMED = "UE A's messages are confirmed by UE B"
CONFIRMED_TOO = "UE B's message is confirmed by UE A"
ACCEPTED = "no message is refused with 481"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"
LATCHED = "UE A's connection comes from its NAT, not from the address in its SDP, and is taken"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="msrp-aware-plain",
    title="MSRP-aware interworking: plain RFC 4975 at both ends",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.4", "TS 23.334 §5.19.5", "RFC 4975 §6.1"),
    workplan=("C9", "N2", "N4", "N6"),
    teaching=(
        "Two plain ends connect where a=path says and compare it whole, so the network has to be in a=path itself: the "
        "IMS-ALG announces a URI of the gateway's on each leg and tells the gateway both its own and the peer's. It "
        "changes To-Path and From-Path of every message and nothing else, while bodies of any size stream through. To "
        "each end the gateway looks like the other end."
    ),
    topology=edge.access_edge(_A, _B).changed({
        A: {"msrp": "plain", "chunk": 1024}, B: {"msrp": "plain"},
        "IMS-ALG": {"msrp": "aware", "modifies_setup": True}}),
    knobs={
        "nat": tcp.nat_knob(A, Holds(LATCHED, seen.source_is_latched(ACCESS, realm="access", told=ACCESS.wire))),
        "active": Knob("active", "who opens the connection: UE A or UE B",
                       {"a": {}, "b": {A: {"offers": "actpass"}, B: {"answers": "active"}}}, default="a"),
        "file": Knob("file", "what UE A's file holds: text, or any octets, with lines like other messages' end-lines",
                     {"text": {}, "octets": {}}, default="text",
                     does={"text": (at(5.0, A, SendFile(20_000, text=True)),),
                           "octets": (at(5.0, A, SendFile(20_000)),)}),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(3.0, A, SendText(tcp.OPENING)),
        at(3.5, B, SendText(tcp.REPLY)),
        at(40.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(REPLACED, seen.in_turn(
            seen.path_passes(ACCESS.wire, CORE.wire, "replaced", role="offer"),
            seen.path_passes(CORE.wire, ACCESS.wire, "replaced", role="answer"))),
        Holds(TRANSPORT, seen.transports({"access": "TCP/MSRP", "core": "TCP/MSRP"})),
        Holds(PATHS, seen.paths_told()),
        Holds(NAMED, seen.in_turn(seen.paths_as_told(ACCESS), seen.paths_as_told(CORE))),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE, paths=False)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS, paths=False)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Eventually(CONFIRMED_TOO, seen.delivered(B)),
        Never(ACCEPTED, seen.any_of(seen.response(481, ACCESS.wire), seen.response(481, CORE.wire)),
              provided=seen.any_of(seen.response(200, ACCESS.wire), seen.response(200, CORE.wire))),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("UE B's port is closed", {B: {"listens": False}}, (ARRIVES, CONFIRMED, CONFIRMED_TOO)),
        Weakened("UE B opens the connection, and UE A's port is closed", {
            A: {"offers": "actpass", "listens": False}, B: {"answers": "active"}},
                 (RETURNS, CONFIRMED, CONFIRMED_TOO)),
        Weakened("the gateway is agnostic", {"IMS-ALG": {"msrp": "cema"}},
                 (REPLACED, TRANSPORT, PATHS, CONFIRMED, CONFIRMED_TOO)),
        Weakened("the IMS-ALG rewrites host and port only", {"IMS-ALG": {"msrp": "sessmatch"}},
                 (REPLACED, TRANSPORT, PATHS, NAMED, CONFIRMED, CONFIRMED_TOO, ACCEPTED)),
    ),
    provisional="that a=path in Local and Remote is how the gateway is told of paths (TS 23.334 §5.19.5)",
)
