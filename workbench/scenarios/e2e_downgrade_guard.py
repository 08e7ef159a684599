"""End-to-end TLS stays end to end although UE and network could do e2ae: what nobody on the way may do.

Source: TS 23.334 §6.2.10A; decision table R-24.229-4, case E6 of the digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Holds, Never
from workbench.lab.scenario import Scenario, Weakened
from workbench.nodes.ue.faults import Faults
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import tcp_edge as tcp
from workbench.scenarios.e2e_edge import A, B

SESSION = e2e.session(A)
COULD = "both UEs have agreed on e2ae security with their networks, and could have had it"
UNINVITED = "nobody writes a=3ge2ae"
SAME = "each UE reads the other's own fingerprint"

scenario = Scenario(
    id="e2e-downgrade-guard",
    title="End-to-end TLS is not made into e2ae, although both edges could",
    family="e2e",
    clauses=("TS 23.334 §6.2.10A", "TS 24.229 §6.7.2", "TS 33.328 §4.1"),
    workplan=("C12", "C16", "N13", "N14"),
    teaching=(
        "Both UEs have told their networks that they can do e2ae, and UE A asks for TLS without asking for e2ae. The "
        "edges have to leave it alone. The controls show what an edge that helps uninvited does: the user still sees "
        "TLS, and the network reads along."
    ),
    topology=tcp.two_edges(e2e.ue_a(offers="active", behind=None), e2e.ue_b(behind=None)),
    knobs={"tls": e2e.tls_knob()},
    script=e2e.TALK,
    expect=(
        Holds(COULD, seen.all_of(seen.registration(tcp.ACCESS_A.wire, "Security-Verify", "msrp-tls"),
                                 seen.registration(tcp.ACCESS_B.wire, "Security-Verify", "msrp-tls"))),
        *e2e.OFFERED,
        Never(UNINVITED, seen.any_of(*(one for wire in e2e.WIRES for one in (
                  seen.offer(wire, attribute="3ge2ae"), seen.answer(wire, attribute="3ge2ae")))),
              provided=seen.offer(tcp.ACCESS_B.wire)),
        Holds(SAME, seen.in_turn(*(seen.unchanged(tcp.ACCESS_A.wire, wire, "fingerprint") for wire in e2e.WIRES[1:]))),
        SESSION,
        *e2e.PASSED,
        *e2e.ORDERLY,
    ),
    weakened=(
        Weakened("UE A's IMS-ALG takes it for e2ae, and UE B's does the rest", {"IMS-ALG A": {"end_to_end": "e2ae"}},
                 (e2e.UNTOUCHED, e2e.PLAIN, e2e.UNTOLD, UNINVITED, SAME, SESSION.name, e2e.ARRIVES, e2e.RETURNS,
                  e2e.HIDDEN), rules=("e2e-tls-opened",)),
        Weakened("UE B's IMS-ALG ends TLS on both sides", {"IMS-ALG B": {"end_to_end": "b2bua"}},
                 (e2e.UNTOUCHED, e2e.PLAIN, e2e.UNTOLD, SAME, SESSION.name, e2e.ARRIVES, e2e.RETURNS),
                 rules=("e2e-tls-opened",)),
        Weakened("UE A could not have had it", {A: {"faults": Faults(agrees=False)}}, (COULD,),
                 no_rule="end-to-end TLS needs no agreement at registration (row 3 of R-24.229-4)"),
        Weakened("UE A asks for e2ae itself", {A: {"secures": "e2ae"}},
                 (e2e.ASKED, e2e.UNTOUCHED, e2e.PLAIN, e2e.UNTOLD, UNINVITED, SAME, SESSION.name, e2e.ARRIVES,
                  e2e.RETURNS, e2e.HIDDEN), no_rule="it is what UE A asked for (TS 33.328 §4.1)"),
        Weakened("UE B presents another certificate", {B: {"presents": "another"}},
                 (e2e.CHECKED, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(e2e.ARRIVES, e2e.RETURNS),
                 rules=("fingerprint-mismatch", "tls-alert")),
    ),
    provisional=e2e.PROVISIONAL,
)

