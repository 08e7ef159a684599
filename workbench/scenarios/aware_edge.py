"""What the scenarios of MSRP-aware interworking share: two ends, what is said, what must be seen, and two controls.

Source: TS 23.334 §5.19.4, §5.19.5.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Weakened, at
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
UNTOLD = (REPLACED, TRANSPORT, PATHS)
"""What an agnostic gateway breaks."""
CEMA_ENDS = "a=msrp-cema of UE A's offer ends at the IMS-ALG"
NAMED = "messages name the paths that SDP told, on each leg its own"
ARRIVES = "what UE A says leaves the gateway octet for octet, but for the paths"
RETURNS = "what UE B says leaves the gateway octet for octet, but for the paths"
CONFIRMED = "UE A's messages are confirmed by UE B"
CONFIRMED_TOO = "UE B's message is confirmed by UE A"
ACCEPTED = "no message is refused with 481"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

TOPOLOGY = edge.access_edge(tcp.served(A, tcp.URI_A), tcp.peer(B, tcp.URI_B)).changed({
    A: {"chunk": 1024}, "IMS-ALG": {"msrp": "aware"}})

_UE_B_OPENS = {A: {"offers": "actpass"}, B: {"answers": "active"}}
ACTIVE = Knob("active", "who opens the connection: UE A or UE B", {"a": {}, "b": _UE_B_OPENS}, default="a")

TALK = (
    at(0.0, A, Register()),
    at(1.0, A, Call(tcp.URI_B)),
    at(3.0, A, SendText(tcp.OPENING)),
    at(3.5, B, SendText(tcp.REPLY)),
    at(40.0, A, HangUp(after_heard=1)),
)
FILE = (at(5.0, A, SendFile(20_000, text=True)),)
OCTETS = (at(5.0, A, SendFile(20_000)),)

# What SDP and H.248 say, and what is seen then.
TOLD = (
    Holds(REPLACED, seen.in_turn(
        seen.path_passes(ACCESS.wire, CORE.wire, "replaced", role="offer"),
        seen.path_passes(CORE.wire, ACCESS.wire, "replaced", role="answer"))),
    Holds(TRANSPORT, seen.transports({"access": "TCP/MSRP", "core": "TCP/MSRP"})),
    Holds(PATHS, seen.paths_told()),
)
NO_CEMA = (
    Holds(CEMA_ENDS, seen.in_turn(
        seen.attribute(ACCESS.wire, "msrp-cema", offer="", answer=None),
        seen.attribute(CORE.wire, "msrp-cema", offer=None, answer=None))),
)
PASSED = (
    Holds(NAMED, seen.in_turn(seen.paths_as_told(ACCESS), seen.paths_as_told(CORE))),
    Holds(ARRIVES, seen.arrives(ACCESS, CORE, paths=False)),
    Holds(RETURNS, seen.arrives(CORE, ACCESS, paths=False)),
    Eventually(CONFIRMED, seen.delivered(A)),
    Eventually(CONFIRMED_TOO, seen.delivered(B)),
    Never(ACCEPTED, seen.any_of(seen.response(481, ACCESS.wire), seen.response(481, CORE.wire)),
          provided=seen.any_of(seen.response(200, ACCESS.wire), seen.response(200, CORE.wire))),
    Holds(ANSWERED, seen.every_order_is_answered()),
    Holds(RELEASED, seen.context_is_released()),
)

CLOSED = (
    Weakened("UE B's port is closed", {B: {"listens": False}}, (ARRIVES, CONFIRMED, CONFIRMED_TOO),
             rules=("connection-refused",)),
    Weakened("UE B opens the connection, and UE A's port is closed", {
        A: {"offers": "actpass", "listens": False}, B: {"answers": "active"}}, (RETURNS, CONFIRMED, CONFIRMED_TOO),
             rules=("connection-refused",)),
)

PROVISIONAL = "that a=path in Local and Remote is how the gateway is told of paths (TS 23.334 §5.19.5)"
