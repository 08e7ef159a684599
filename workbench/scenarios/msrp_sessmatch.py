"""MSRP between two ends that compare session-ids only: the IMS-ALG may put the gateway's address into the path.

Source: TS 23.334 §5.19.3 (sessmatch: draft-ietf-simple-msrp-sessmatch before version 11).
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendFile, SendText
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE

REWRITTEN = "host and port of a=path become the gateway's on each leg, the session-id stays"
TRANSPORT = "the gateway is told \"TCP\": it does not know of MSRP"
NAMED = "messages name the session-ids that SDP told, on both legs"
ARRIVES = "what UE A says leaves the gateway octet for octet, paths included"
RETURNS = "what UE B says leaves the gateway octet for octet, paths included"
CONFIRMED = "UE A's messages are confirmed by UE B"
ACCEPTED = "no message is refused with 481"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"
LATCHED = "UE A's connection comes from its NAT, not from the address in its SDP, and is taken"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="msrp-sessmatch",
    title="MSRP through an agnostic gateway: session-id matching at both ends",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.1", "TS 23.334 §5.19.3", "TR 29.828 Annex C"),
    workplan=("C7", "C9", "N2", "N4", "N6"),
    teaching=(
        "Sessmatch goes the other way than CEMA: the network changes host and port in a=path to its gateway's, and the "
        "UEs compare nothing but the session-id. A message then names an address that its receiver never had, and the "
        "receiver does not mind. An end that compares the whole URI, as RFC 4975 asks, answers 481."
    ),
    topology=edge.access_edge(_A, _B).changed({
        A: {"msrp": "sessmatch", "chunk": 1024}, B: {"msrp": "sessmatch"}, "IMS-ALG": {"msrp": "sessmatch"}}),
    knobs={
        "nat": tcp.nat_knob(A, Holds(LATCHED, seen.source_is_latched(ACCESS, realm="access", told=ACCESS.wire))),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(tcp.URI_B)),
        at(2.0, A, SendText(tcp.OPENING)),
        at(2.5, B, SendText(tcp.REPLY)),
        at(4.0, A, SendFile(6000, text=True)),
        at(30.0, A, HangUp(after_heard=1)),
    ),
    expect=(
        Holds(REWRITTEN, seen.in_turn(
            seen.path_passes(ACCESS.wire, CORE.wire, "rewritten", role="offer"),
            seen.path_passes(CORE.wire, ACCESS.wire, "rewritten", role="answer"))),
        Holds(TRANSPORT, seen.transports({"access": "TCP", "core": "TCP"})),
        Holds(NAMED, seen.in_turn(seen.paths_as_told(ACCESS, whole=False), seen.paths_as_told(CORE, whole=False))),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Never(ACCEPTED, seen.any_of(seen.response(481, ACCESS.wire), seen.response(481, CORE.wire)),
              provided=seen.any_of(seen.response(200, ACCESS.wire), seen.response(200, CORE.wire))),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG leaves a=path alone", {"IMS-ALG": {"msrp": "cema"}}, (REWRITTEN, CONFIRMED),
                 rules=("path-instead-of-connection",)),
        Weakened("UE B compares the whole URI", {B: {"msrp": "plain"}}, (CONFIRMED, ACCEPTED),
                 rules=("path-mismatch",)),
        Weakened("the gateway is MSRP-aware", {"IMS-ALG": {"msrp": "aware"}},
                 (REWRITTEN, TRANSPORT, ARRIVES, RETURNS),
                 no_rule=(
                     "an MSRP-aware gateway serves sessmatch ends too, each with a path of its own (TS 23.334 "
                     "§5.19.5)")),
    ),
    provisional="that TS 23.334 §5.19.3 has the IMS-ALG change host and port of the first URI",
)
