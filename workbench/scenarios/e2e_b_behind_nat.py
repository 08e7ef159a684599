"""End-to-end TLS to UE B, behind a NAT, from UE A, which can be reached: UE B opens TCP and begins TLS.

Source: TS 23.334 §6.2.10A, §5.16.2.2; call flow E3 of the digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Holds, InOrder
from workbench.lab.scenario import Scenario, Weakened
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import tcp_edge as tcp
from workbench.scenarios.e2e_edge import A, B

SESSION = e2e.session(B)
LATCHED = "UE B's connection comes from its NAT, and is taken"
TRIGGERED = "from edge to edge one SYN triggers the next, towards UE A"

scenario = Scenario(
    id="e2e-b-behind-nat",
    title="End-to-end TLS through two access edges, the called UE behind a NAT",
    family="e2e",
    clauses=("TS 23.334 §6.2.10A", "TS 23.334 §5.16.2.2", "RFC 4145 §4.1"),
    workplan=("C7", "C12", "N13", "N14", "N16"),
    teaching=(
        "UE A leaves it open who begins (a=setup:actpass), and UE B, which nobody can reach, answers active: it opens "
        "TCP and is TLS client. Nobody had to change a line. The case shows how far end-to-end TLS goes with one "
        "a=setup: as long as one of the two can be reached."
    ),
    topology=tcp.two_edges(e2e.ue_a(offers="actpass", behind=None), e2e.ue_b(answers="active")),
    knobs={"tls": e2e.tls_knob(), "tcp": e2e.tcp_knob()},
    script=e2e.TALK,
    expect=(
        *e2e.OFFERED,
        Holds(LATCHED, seen.source_is_latched(tcp.ACCESS_B, realm="access", told=tcp.ACCESS_B.wire)),
        InOrder(TRIGGERED, (seen.comes(tcp.ACCESS_B, "SYN"), seen.leaves(tcp.CORE_B, "SYN"),
                            seen.leaves(tcp.ACCESS_A, "SYN"))),
        SESSION,
        *e2e.PASSED,
        *e2e.ORDERLY,
    ),
    weakened=(
        Weakened("UE B can be reached", {B: {"behind": None}}, (LATCHED,),
                 no_rule="without a NAT there is nothing to latch"),
        Weakened("UE B takes its time, and its gateway does not wait for it",
                 {B: {"connects_after": 3.0}, "IMS-AGW B": {"waits": False}}, (TRIGGERED,),
                 rules=("outgoing-before-incoming",)),
        Weakened("UE A has no media plane security", {A: {"media_security": False}},
                 (e2e.ASKED, e2e.UNTOUCHED, e2e.PLAIN, e2e.UNTOLD, SESSION.name, e2e.ARRIVES, e2e.RETURNS, e2e.HIDDEN),
                 no_rule="the networks protect UE B's access by themselves (TS 33.328 §4.1)"),
        Weakened("UE A presents another certificate", {A: {"presents": "another"}},
                 (e2e.CHECKED, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(e2e.ARRIVES, e2e.RETURNS),
                 rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE A's port is closed", {A: {"listens": False}},
                 (SESSION.name, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(e2e.RETURNS,), rules=("connection-refused",)),
        Weakened("UE B waits although it can't be reached", {B: {"answers": "passive"}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), rules=("sip-refused",)),
    ),
    provisional=e2e.PROVISIONAL,
)
