"""End-to-end TLS from UE A, behind a NAT, to UE B, which can be reached: the networks carry TCP and know no more.

Source: TS 23.334 §6.2.10A, §5.16.2.2; call flow E1 and E2 of the digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Holds, InOrder
from workbench.lab.scenario import Scenario, Weakened
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import tcp_edge as tcp
from workbench.scenarios.e2e_edge import A, B

SESSION = e2e.session(A)
LATCHED = "UE A's connection comes from its NAT, and is taken"
TRIGGERED = "from edge to edge one SYN triggers the next"

scenario = Scenario(
    id="e2e-a-behind-nat",
    title="End-to-end TLS through two access edges, the caller behind a NAT",
    family="e2e",
    clauses=("TS 23.334 §6.2.10A", "TS 23.334 §5.16.2.2", "RFC 8122 §4"),
    workplan=("C7", "C12", "N13", "N14", "N16"),
    teaching=(
        "The offer asks for TLS and not for a=3ge2ae, so the IMS-ALGs change addresses and nothing else, and tell "
        "their gateways \"TCP\". UE A can only open connections, and does; who opens TCP begins TLS, so one a=setup "
        "is enough for both roles. The gateways pass octets, and what they pass they can't read."
    ),
    topology=tcp.two_edges(e2e.ue_a(offers="active"), e2e.ue_b(behind=None)),
    knobs={"tls": e2e.tls_knob(), "tcp": e2e.tcp_knob()},
    script=e2e.TALK,
    expect=(
        *e2e.OFFERED,
        Holds(LATCHED, seen.source_is_latched(tcp.ACCESS_A, realm="access", told=tcp.ACCESS_A.wire)),
        InOrder(TRIGGERED, (seen.comes(tcp.ACCESS_A, "SYN"), seen.leaves(tcp.CORE_A, "SYN"),
                            seen.leaves(tcp.ACCESS_B, "SYN"))),
        SESSION,
        *e2e.PASSED,
        *e2e.ORDERLY,
    ),
    weakened=(
        Weakened("UE A can be reached", {A: {"behind": None}}, (LATCHED,),
                 no_rule="without a NAT there is nothing to latch"),
        Weakened("UE A's gateway does not wait for the incoming connection",
                 {"IMS-AGW A": {"waits": False}}, (TRIGGERED,), rules=("outgoing-before-incoming",)),
        Weakened("UE A has no media plane security", {A: {"media_security": False}},
                 (e2e.ASKED, e2e.UNTOUCHED, e2e.PLAIN, e2e.UNTOLD, SESSION.name, e2e.ARRIVES, e2e.RETURNS, e2e.HIDDEN),
                 no_rule="the networks protect UE B's access by themselves (TS 33.328 §4.1)"),
        Weakened("UE A asks for security at its edge", {A: {"secures": "e2ae"}},
                 (e2e.ASKED, e2e.UNTOUCHED, e2e.PLAIN, e2e.UNTOLD, SESSION.name, e2e.ARRIVES, e2e.RETURNS, e2e.HIDDEN),
                 no_rule="that is another form of media plane security (TS 33.328 §4.1)"),
        Weakened("UE B presents another certificate", {B: {"presents": "another"}},
                 (e2e.CHECKED, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(e2e.ARRIVES, e2e.RETURNS),
                 rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE B's port is closed", {B: {"listens": False}},
                 (SESSION.name, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(e2e.ARRIVES,), rules=("connection-refused",)),
    ),
    provisional=e2e.PROVISIONAL,
)
