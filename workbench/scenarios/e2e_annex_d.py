"""Annex D: both UEs open TCP, a=setup stays as it is, and only the active one is TLS client. Works end to end.

Nobody has adopted it: it needs a UE that opens although it is passive, and an indicator that says so.

Source: TR 29.828 Annex D; section 6.3 of the digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import tcp_edge as tcp
from workbench.scenarios.e2e_edge import A, B

SESSION = e2e.session(A)
INDICATED = "UE B says at registration that it opens although it is passive"
TOLD_B = "UE B's gateway is told to be TCP server on both sides, and a=setup stays"
BOTH_COME = "both UEs open a connection, and UE B's gateway takes both"
MERGED = "UE B's gateway joins two connections that came in"
LATCHED = "both UEs' connections come from their NATs, and are taken"

REFUSED = "UE B's IMS-ALG refuses the offer with 488 and says why in a Warning"
UNTRIED = "nobody begins TLS"

scenario = Scenario(
    id="e2e-annex-d",
    title="Annex D: both UEs behind NATs open TCP, one of them begins TLS",
    family="e2e",
    clauses=("TR 29.828 Annex D", "RFC 4145 §4", "RFC 8122 §4"),
    workplan=("S5", "N15", "D2"),
    teaching=(
        "If the passive UE opens TCP too, but waits for a ClientHello, then a=setup needs no change and keeps its one "
        "meaning for TLS. The gateway joins two connections that came in, and TLS runs through it from UE to UE. What "
        "is missing is how the network learns that this UE does so: without the indicator the case is refused."
    ),
    topology=tcp.two_edges(e2e.ue_a(offers="active"), e2e.ue_b(answers="passive", opens_too="indicated")).changed(
        {"IMS-ALG B": {"annex_d": True}}),
    knobs={
        "indicator": Knob(
            "indicator", "whether UE B's REGISTER says that it opens although it is passive",
            {"there": {}, "missing": {B: {"opens_too": "silent"}}}, default="there",
            drops={"missing": (INDICATED, TOLD_B, BOTH_COME, MERGED, LATCHED, e2e.UNTOUCHED, e2e.PLAIN, SESSION.name,
                               *(one.name for one in e2e.PASSED))},
            adds={"missing": (
                Holds(REFUSED, seen.refused_with_warning(tcp.CORE_A.wire)),
                Never(UNTRIED, seen.client_hello(tcp.CORE_A.wire),
                      provided=seen.sip_request("INVITE", tcp.CORE_A.wire)))},
            shows={"missing": ("sip-refused",)}, seen_as={"missing": "e2e-both-behind-nat"}),
        "tls": e2e.tls_knob(),
    },
    script=e2e.TALK,
    expect=(
        Eventually(INDICATED, seen.registers_opening_too(tcp.ACCESS_B.wire)),
        *e2e.OFFERED,
        Holds(TOLD_B, seen.in_turn(
            seen.told({"access": "passive", "core": "passive"}, gateway="IMS-AGW B"),
            seen.unchanged(tcp.ACCESS_A.wire, tcp.ACCESS_B.wire, "setup"))),
        Holds(BOTH_COME, seen.in_turn(seen.opened(tcp.CORE_B, by="peer"), seen.opened(tcp.ACCESS_B, by="peer"))),
        Holds(MERGED, seen.handled("merge by proxy", tcp.CORE_B, tcp.ACCESS_B)),
        Holds(LATCHED, seen.in_turn(
            seen.source_is_latched(tcp.ACCESS_A, realm="access", told=tcp.ACCESS_A.wire),
            seen.source_is_latched(tcp.ACCESS_B, realm="access", told=tcp.ACCESS_B.wire))),
        SESSION,
        *e2e.PASSED,
        *e2e.ORDERLY,
    ),
    weakened=(
        Weakened("the UEs ask for security at their edges",
                 {A: {"secures": "e2ae"}, B: {"secures": "e2ae"}, "IMS-ALG B": {"modifies_setup": True}},
                 (e2e.ASKED, e2e.UNTOUCHED, e2e.PLAIN, e2e.UNTOLD, TOLD_B, SESSION.name, e2e.ARRIVES, e2e.RETURNS,
                  e2e.HIDDEN), no_rule="that is e2ae-both-behind-nat, which works (TS 23.334 §5.11.2)"),
        Weakened("UE B can be reached, and waits", {B: {"behind": None, "opens_too": "no"}},
                 (INDICATED, TOLD_B, BOTH_COME, MERGED), no_rule="that is e2e-a-behind-nat"),
        Weakened("UE B presents another certificate", {B: {"presents": "another"}},
                 (e2e.CHECKED, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(e2e.ARRIVES, e2e.RETURNS),
                 rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE B only waits", {B: {"opens_too": "no"}},
                 (INDICATED, e2e.CONFIRMED, e2e.CONFIRMED_TOO), rules=("sip-refused",)),
        Weakened("UE B says that it opens, and never does", {B: {"connects": False}},
                 (SESSION.name, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(e2e.ARRIVES,),
                 rules=("connection-never-comes", "handshake-unfinished", "media-unseen")),
        Weakened("UE B's IMS-ALG knows nothing of Annex D", {"IMS-ALG B": {"annex_d": False}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), rules=("sip-refused",)),
        Weakened("UE B's IMS-ALG turns a=setup round instead",
                 {"IMS-ALG B": {"annex_d": False, "guards_e2e": False, "modifies_setup": True}},
                 (e2e.UNTOUCHED, TOLD_B, SESSION.name, e2e.CONFIRMED, e2e.CONFIRMED_TOO),
                 drops=(e2e.ARRIVES, e2e.RETURNS),
                 rules=("both-tls-clients", "setup-modified-on-e2e-tls", "tls-alert")),
        Weakened("UE B does not say so, and is let in all the same",
                 {"IMS-ALG B": {"guards_e2e": False, "modifies_setup": True}}, (UNTRIED,),
                 knobs={"indicator": "missing"},
                 rules=("both-tls-clients", "setup-modified-on-e2e-tls", "tls-alert")),
    ),
    shows=("gateway-role", "tls-roles-against-setup"),
    provisional="the whole mechanism, which nobody has adopted, and the name of the feature tag, which is ours",
)
