"""End-to-end TLS of BFCP from one operator to another: the floor control server opens TCP, the caller begins TLS.

Source: TS 29.162 (CR 0132), TS 23.334 §6.2.10A, RFC 8856 §8; section 3 of the Ix digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.conference import Conference
from workbench.nodes.orders import Call, HangUp, Register, ReleaseFloor, RequestFloor, WatchFloor
from workbench.protocols.bfcp.registry import Status
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import ix_edge as ix
from workbench.scenarios import tcp_edge as tcp
from workbench.scenarios.e2e_edge import A, B

USER_A = 234
CONFERENCE = Conference(4321, 543, {tcp.URI_A: USER_A})

ASKED = "UE A's offer asks for BFCP over TLS, and not for security at its edge"
UNTOUCHED = "offer and answer pass four hops with other addresses and nothing else"
UNTOLD = "none of the four gateways is told of TLS"
TRIGGERED = "from network to network one SYN triggers the next, towards UE A"
TRIGGERED_ON = "from network to network one SYN triggers the next, towards UE B"
SESSION = "one TLS session runs over five wires, and UE A, the offerer, is its client"
PASSED = "both TrGWs pass every octet as it came, in both directions"
HIDDEN = "BFCP is on all five wires, and never in the clear"
GRANTED = "UE A hears inside TLS that it has the floor"

scenario = Scenario(
    id="ix-e2e-bfcp",
    title="End-to-end TLS of BFCP through two operators' borders",
    family="Ix",
    clauses=("TS 29.162 (CR 0132)", "TS 23.334 §6.2.10A", "RFC 8856 §8"),
    workplan=("C13", "N17", "N18"),
    teaching=(
        "With BFCP the offerer is TLS client whoever opens TCP. Here UE B, the floor control server, opens the "
        "connection through four gateways, and the ClientHello comes back along it from UE A. None of the networks has "
        "to know: for them it is a TCP connection from right to left."
    ),
    topology=ix.two_operators(
        e2e.ue_a(media="bfcp", offers="actpass", behind=None),
        e2e.ue_b(media="bfcp", answers="active", behind=None, conference=CONFERENCE)),
    knobs={
        "tls": e2e.tls_knob(),
        "nat": Knob("nat", "which UE is behind a NAT: nobody, or the one that opens TCP",
                    {"none": {}, "called": {B: {"behind": tcp.nat_of(B, core=True)}}}, default="none"),
        "opens": Knob(
            "opens", "who opens TCP: UE B, the floor control server, or UE A; the TLS client stays",
            {"UE B": {}, "UE A": {A: {"offers": "active"}, B: {"answers": "passive"}}}, default="UE B",
            conflicts={"UE A": ("nat", "called", "a UE behind a NAT can't be reached, so it has to open TCP itself")},
            adds={"UE A": (ix.triggered(TRIGGERED_ON, by=A),)}, drops={"UE A": (TRIGGERED,)}),
        "border": ix.ip_knob(),
    },
    script=(
        at(0.0, A, Register()),
        at(0.0, B, Register()),
        at(10.0, A, Call(tcp.URI_B)),
        at(14.0, A, WatchFloor()),
        at(15.0, A, RequestFloor("slides")),
        at(16.0, A, ReleaseFloor()),
        at(40.0, A, HangUp()),
    ),
    expect=(
        Holds(ASKED, seen.in_turn(
            seen.says(tcp.ACCESS_A.wire, "offer", "3ge2ae", None),
            seen.all_of(seen.offer(tcp.ACCESS_A.wire, transport="TCP/TLS/BFCP", attribute="fingerprint")))),
        Holds(UNTOUCHED, seen.only_addresses_change(*ix.WIRES)),
        Never(UNTOLD, seen.told_of_security(*ix.ACCESS_GATEWAYS, *ix.BORDER_GATEWAYS),
              provided=seen.orders_to(*ix.BORDER_GATEWAYS)),
        ix.triggered(TRIGGERED, by=B),
        Holds(SESSION, seen.one_tls_session(*ix.WIRES)),
        ix.passed_on(PASSED),
        Holds(e2e.CHECKED, seen.in_turn(seen.certificates_match("access A"), seen.certificates_match("access B"))),
        Holds(HIDDEN, seen.passes_unread(*ix.WIRES)),
        Eventually(GRANTED, seen.floor_status(USER_A, Status.GRANTED, tcp.ACCESS_A.wire, protected=True)),
        *e2e.ORDERLY,
    ),
    weakened=(
        Weakened("IBCF B changes a digit of the fingerprint", {"IBCF B": {"alters": "fingerprint"}},
                 (UNTOUCHED, e2e.CHECKED, GRANTED), drops=(PASSED,),
                 rules=("e2e-attribute-changed", "fingerprint-mismatch", "tls-alert")),
        Weakened("TrGW A changes an octet", {"TrGW A": {"tampers_after": 2000}}, (PASSED, GRANTED),
                 rules=("tls-alert",)),
        Weakened("IBCF A ends TLS at its TrGW, which can't", {"IBCF A": {"end_to_end": "b2bua"}},
                 (UNTOLD, GRANTED, e2e.ANSWERED), rules=("h248-error", "sip-refused")),
        Weakened("UE B lets a=setup decide who begins TLS", {B: {"tls_role": "setup"}}, (SESSION, GRANTED),
                 drops=(PASSED,), rules=("bfcp-tls-client", "both-tls-clients", "tls-alert")),
        Weakened("UE A asks for security at its edge", {A: {"secures": "e2ae"}},
                 (ASKED, UNTOUCHED, UNTOLD, SESSION, HIDDEN),
                 no_rule="that is another form of media plane security (TS 33.328 §4.1)"),
        Weakened("TrGW B does not wait for the incoming connection",
                 {B: {"connects_after": 3.0}, "TrGW B": {"waits": False}}, (TRIGGERED,),
                 rules=("outgoing-before-incoming",)),
        Weakened("UE A's port is closed", {A: {"listens": False}}, (GRANTED,), drops=(SESSION, PASSED),
                 rules=("connection-refused",)),
    ),
    provisional="what an IBCF does was inferred from TS 23.334 (Iq); TS 29.162 on this feature was not read",
)
