"""e2ae with both UEs behind a NAT, through two access edges: each edge ends TLS of its own UE, in between it is clear.

Source: TS 23.334 §6.2.10.3 with §5.16.2.3 and §6.2.18.4; R-6.2.10.3-19, case C9 of the stage-2 digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.scenarios import tcp_edge as tcp

A, B = "UE A", "UE B"

ASKED = "UE A's offer asks for e2ae security, and the one that UE B gets applies it"
STRIPPED = "no security attribute is on the core between the edges"
MODIFIED = "UE B's IMS-ALG turns a=setup round, so that both UEs open"
NOT_TRIGGERED = "UE B's gateway never sends a SYN"
LATCHED = "both UEs' connections come from their NATs, and are taken"
ROLES = "each UE is TCP client and TLS client of its own access leg"
CHECKED_A = "both certificates of UE A's access leg match their fingerprints"
CHECKED_B = "both certificates of UE B's access leg match their fingerprints"
HIDDEN = "MSRP is never in the clear on an access leg"
CLEAR = "between the edges MSRP is in the clear"
TRIGGERED = "at UE A's gateway one SYN triggers the other"
CONFIRMED = "UE A's message is confirmed by UE B"
RETURNED = "UE B's message is confirmed by UE A"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "all terminations are subtracted"

_LEGS = ("access A", "access B")

scenario = Scenario(
    id="e2ae-both-behind-nat",
    title="e2ae with both UEs behind a NAT: works, since each edge is TCP and TLS server of its own UE",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3", "TS 23.334 §5.16.2.3", "TS 23.334 §6.2.18.4", "TS 23.334 §5.4"),
    workplan=("C9", "N8", "N10", "N15"),
    teaching=(
        "End-to-end TLS between two UEs behind NATs is excluded: somebody would have to be reached. With e2ae nobody "
        "has to be: each UE opens to its own gateway and is TLS client there, UE B because its IMS-ALG turned a=setup "
        "round. The price is that what they say is readable between the edges."
    ),
    # A ClientHello lost behind a lost SYN is sent again after 3 s and 6 s (RFC 6298 §5.7): the gateways wait longer.
    topology=tcp.two_edges(tcp.ue_a(), tcp.ue_b()).changed({
        A: {"offers": "active", "media_security": True}, B: {"media_security": True},
        "IMS-ALG A": {"modifies_setup": True}, "IMS-ALG B": {"modifies_setup": True},
        "IMS-AGW A": {"tls_guard": 60.0}, "IMS-AGW B": {"tls_guard": 60.0}}),
    knobs={
        "tls": Knob("tls", "TLS version between UEs and their gateways", {
            version: {A: {"tls_versions": (version,)}, B: {"tls_versions": (version,)}} for version in ("1.3", "1.2")},
            default="1.3"),
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
        InOrder(ASKED, (
            seen.offer(tcp.ACCESS_A.wire, transport="TCP/TLS/MSRP", attribute="3ge2ae", value="requested"),
            seen.offer(tcp.ACCESS_B.wire, transport="TCP/TLS/MSRP", attribute="3ge2ae", value="applied"))),
        Never(STRIPPED, seen.security_in_sdp(tcp.CORE_A.wire),
              provided=seen.offer(tcp.CORE_A.wire, transport="TCP/MSRP")),
        Holds(MODIFIED, seen.in_turn(
            seen.setup(tcp.CORE_A.wire, "offer", "active"), seen.setup(tcp.ACCESS_B.wire, "offer", "passive"))),
        InOrder(TRIGGERED, (seen.comes(tcp.ACCESS_A, "SYN"), seen.leaves(tcp.CORE_A, "SYN"))),
        Never(NOT_TRIGGERED, seen.any_of(seen.leaves(tcp.CORE_B, "SYN"), seen.leaves(tcp.ACCESS_B, "SYN")),
              provided=seen.any_of(seen.comes(tcp.CORE_B, "SYN"), seen.comes(tcp.ACCESS_B, "SYN"))),
        Holds(LATCHED, seen.in_turn(
            seen.source_is_latched(tcp.ACCESS_A, realm="access", told=tcp.ACCESS_A.wire),
            seen.source_is_latched(tcp.ACCESS_B, realm="access", told=tcp.ACCESS_B.wire))),
        Holds(ROLES, seen.in_turn(*(seen.tcp_client_is_tls_client(leg) for leg in _LEGS))),
        Holds(CHECKED_A, seen.certificates_match("access A")),
        Holds(CHECKED_B, seen.certificates_match("access B")),
        Never(HIDDEN, seen.any_of(*(seen.messages("MSRP", side.wire, protected=False)
                                    for side in (tcp.ACCESS_A, tcp.ACCESS_B))),
              provided=seen.messages("MSRP", tcp.ACCESS_B.wire, protected=True)),
        Eventually(CLEAR, seen.messages("MSRP", tcp.CORE_A.wire, protected=False)),
        Eventually(CONFIRMED, seen.delivered(A)),
        Eventually(RETURNED, seen.delivered(B)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("UE B's IMS-ALG does not modify a=setup", {"IMS-ALG B": {"modifies_setup": False}},
                 (MODIFIED, CLEAR, CONFIRMED, RETURNED), rules=("syn-into-nat",)),
        Weakened("UE A's IMS-ALG leaves security attributes in the offer", {"IMS-ALG A": {"strips": False}},
                 (STRIPPED,), rules=("e2ae-direction", "security-reaches-core")),
        Weakened("a gateway that checks nothing meets another certificate of UE B",
                 {"IMS-AGW B": {"verifies": False}, B: {"presents": "another"}}, (CHECKED_B,),
                 rules=("fingerprint-mismatch", "mismatch-accepted")),
        Weakened("UE A's gateway does not wait for the incoming connection",
                 {"IMS-AGW A": {"waits": False}}, (TRIGGERED,), rules=("outgoing-before-incoming",)),
    ),
    provisional="names of the H.248 packages' items for TCP and TLS, and the clause of e2ae in merge mode",
)
