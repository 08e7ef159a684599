"""MSRP with CEMA at both ends: the path stays as it is, the connection goes where c= and m= say.

Source: TS 23.334 §5.19.2, RFC 6714 §4.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendFile, SendText
from workbench.scenarios import access_edge as edge
from workbench.scenarios import tcp_edge as tcp

A = "UE A"
B = "UE B"
ACCESS = tcp.access(A)
CORE = tcp.CORE

AGREED = "offer and answer say that both ends do CEMA"
UNTOUCHED = "a=path passes untouched, in the offer and in the answer"
TRANSPORT = "the gateway is told \"TCP\": it does not know of MSRP"
CONNECTS = "UE A connects where c= and m= say, which is not where a=path says"
NAMED = "messages name the paths that SDP told, on both legs"
ARRIVES = "what UE A says leaves the gateway octet for octet, paths included"
RETURNS = "what UE B says leaves the gateway octet for octet, paths included"
CONFIRMED = "UE A's messages are confirmed by UE B"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"
LATCHED = "UE A's connection comes from its NAT, not from the address in its SDP, and is taken"

_A = tcp.served(A, tcp.URI_A)
_B = tcp.peer(B, tcp.URI_B)

scenario = Scenario(
    id="msrp-cema",
    title="MSRP through an agnostic gateway: CEMA at both ends",
    family="MSRP interworking",
    clauses=("TS 23.334 §5.19.1", "TS 23.334 §5.19.2", "RFC 6714 §4"),
    workplan=("C7", "C9", "N2", "N4", "N6"),
    teaching=(
        "RFC 6714 separates two questions that RFC 4975 answers with one URI: whom a message is for (a=path) and where "
        "the connection goes (c= and m=). So the network may put its gateway into c= and m= and leave a=path alone. "
        "The gateway carries octets and needs to know nothing of MSRP."
    ),
    topology=edge.access_edge(_A, _B).changed({A: {"chunk": 1024}}),
    knobs={
        "nat": tcp.nat_knob(A, Holds(LATCHED, seen.source_is_latched(ACCESS, realm="access", told=ACCESS.wire))),
        "tcp": Knob("tcp", "how the gateway handles TCP: as a proxy with roles, or as a stateless relay",
                    {"aware": {}, "stateless": {"IMS-ALG": {"tcp": "stateless"}}}, default="aware"),
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
        Holds(AGREED, seen.in_turn(
            seen.attribute(ACCESS.wire, "msrp-cema", offer="", answer=""),
            seen.attribute(CORE.wire, "msrp-cema", offer="", answer=""))),
        Holds(UNTOUCHED, seen.in_turn(
            seen.path_passes(ACCESS.wire, CORE.wire, "untouched", role="offer"),
            seen.path_passes(CORE.wire, ACCESS.wire, "untouched", role="answer"))),
        Holds(TRANSPORT, seen.transports({"access": "TCP", "core": "TCP"})),
        Holds(CONNECTS, seen.goes_where_sdp_says(ACCESS)),
        Holds(NAMED, seen.in_turn(seen.paths_as_told(ACCESS), seen.paths_as_told(CORE))),
        Holds(ARRIVES, seen.arrives(ACCESS, CORE)),
        Holds(RETURNS, seen.arrives(CORE, ACCESS)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG makes the gateway MSRP-aware", {"IMS-ALG": {"msrp": "aware"}},
                 (AGREED, UNTOUCHED, TRANSPORT, CONNECTS, ARRIVES, RETURNS), rules=("cema-made-aware",)),
        Weakened("the IMS-ALG changes host and port in a=path", {"IMS-ALG": {"msrp": "sessmatch"}},
                 (UNTOUCHED, CONNECTS, NAMED, CONFIRMED), rules=("path-mismatch",)),
        Weakened("UE A connects where its peer's path says", {A: {"msrp": "plain"}, B: {"msrp": "plain"}},
                 (AGREED, CONFIRMED), rules=("path-instead-of-connection",)),
    ),
)
