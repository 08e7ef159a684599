"""MSRP between an end that compares session-ids and one that compares everything: the gateway's paths serve both.

Source: TS 23.334 §5.19.1, §5.19.3, §5.19.5; RFC 4975 §6.1.
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

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="msrp-aware-sessmatch-plain",
    title="MSRP-aware interworking: sessmatch at one end, plain RFC 4975 at the other",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.1", "TS 23.334 §5.19.5", "RFC 4975 §6.1"),
    workplan=("C9", "N2", "N4", "N6"),
    teaching=(
        "UE A would be content with a path whose host and port the network has changed; UE B compares the whole URI. "
        "With an MSRP-aware gateway each leg has a path that is true there, so both are content. The control rewrites "
        "SDP only, as for two sessmatch ends: UE B gets messages for a URI that it never had, and answers 481."
    ),
    topology=edge.access_edge(_A, _B).changed({
        A: {"msrp": "sessmatch", "chunk": 1024}, B: {"msrp": "plain"}, "IMS-ALG": {"msrp": "aware"}}),
    knobs={
        "active": Knob("active", "who opens the connection: UE A or UE B",
                       {"a": {}, "b": {A: {"offers": "actpass"}, B: {"answers": "active"}}}, default="a"),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(3.0, A, SendText(tcp.OPENING)),
        at(3.5, B, SendText(tcp.REPLY)),
        at(5.0, A, SendFile(20_000, text=True)),
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
        Weakened("the gateway is agnostic", {"IMS-ALG": {"msrp": "sessmatch"}},
                 (REPLACED, TRANSPORT, PATHS, NAMED, CONFIRMED, CONFIRMED_TOO, ACCEPTED)),
    ),
    provisional="that a=path in Local and Remote is how the gateway is told of paths (TS 23.334 §5.19.5)",
)
