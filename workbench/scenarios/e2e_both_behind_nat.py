"""End-to-end TLS between two UEs behind NATs: excluded, and why.

Without end-to-end TLS the answer would be TCP merge mode (TS 23.334 §5.16.2.3). With it both UEs, which then both open
TCP, both begin TLS: a=setup is one word for two roles.

Source: TR 29.828 §5.1.2.2, §5.2.2.2 (work items S5, N15); TS 23.334 §6.2.10A; sections 6.1 and 6.2 of the digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import tcp_edge as tcp
from workbench.scenarios.e2e_edge import A, B

REFUSED = "UE B's IMS-ALG refuses the offer with 488 and says why in a Warning"
TOLD_BACK = "the refusal reaches UE A, with its reason"
UNASKED = "UE B never hears of the call"
UNOPENED = "nobody opens a connection"
NO_WORD = "no word of a user gets through"

MODIFIED = "UE A's offer of active reaches UE B as passive, and UE B's answer of active UE A as passive"
MERGED = "UE B's gateway takes two connections and joins them"
COLLIDED = "each UE sends a ClientHello, and gets the other's"
ALERTED = "each UE ends it with a fatal unexpected_message"
NO_SERVER = "nobody sends a ServerHello"
FREED = "the bearers end, and so does the call"

scenario = Scenario(
    id="e2e-both-behind-nat",
    title="End-to-end TLS between two UEs behind NATs: refused, or two TLS clients",
    family="e2e",
    clauses=("TR 29.828 §5.1.2.2", "TS 23.334 §6.2.10A", "RFC 8122 §4"),
    workplan=("S5", "N15", "D2"),
    teaching=(
        "Neither UE can be reached, so both would have to open TCP, and the network would have to turn a=setup round. "
        "But a=setup also says who begins TLS, and TLS has no answer to two clients. So the case is excluded, and an "
        "IMS-ALG that knows of the NAT refuses; the knob shows what happens if it does not."
    ),
    topology=tcp.two_edges(e2e.ue_a(offers="active"), e2e.ue_b(answers="passive")).changed(
        {"IMS-ALG B": {"guards_e2e": False, "modifies_setup": True}}),
    knobs={
        "edge": Knob(
            "edge", "what UE B's edge does: merge as if TLS were not there, or refuse as the specification has it",
            {"merges": {}, "refuses": {"IMS-ALG B": {"guards_e2e": True}}}, default="merges",
            drops={"refuses": (MODIFIED, MERGED, COLLIDED, ALERTED, NO_SERVER, FREED)},
            adds={"refuses": (
                Holds(REFUSED, seen.refused_with_warning(tcp.CORE_A.wire)),
                Holds(TOLD_BACK, seen.refused_with_warning(tcp.ACCESS_A.wire)),
                Never(UNASKED, seen.sip_request("INVITE", tcp.ACCESS_B.wire),
                      provided=seen.sip_request("INVITE", tcp.ACCESS_A.wire)),
                Never(UNOPENED, seen.any_of(*(seen.comes(side, "SYN") for side in (tcp.ACCESS_A, tcp.ACCESS_B))),
                      provided=seen.sip_request("INVITE", tcp.ACCESS_A.wire)),
            )},
            shows={"refuses": ("sip-refused",)}),
        "tls": e2e.tls_knob(),
    },
    script=e2e.TALK,
    expect=(
        e2e.ASKS,
        Holds(MODIFIED, seen.in_turn(
            seen.setup(tcp.ACCESS_A.wire, "offer", "active"), seen.setup(tcp.ACCESS_B.wire, "offer", "passive"),
            seen.setup(tcp.ACCESS_B.wire, "answer", "active"), seen.setup(tcp.ACCESS_A.wire, "answer", "passive"))),
        Holds(MERGED, seen.handled("merge by proxy", tcp.CORE_B, tcp.ACCESS_B)),
        Holds(COLLIDED, seen.two_tls_clients(tcp.ACCESS_A, tcp.ACCESS_B)),
        Holds(ALERTED, seen.in_turn(seen.alert_of_peer("unexpected_message", tcp.ACCESS_A),
                                    seen.alert_of_peer("unexpected_message", tcp.ACCESS_B))),
        Never(NO_SERVER, seen.server_hello(), provided=seen.client_hello(tcp.CORE_A.wire)),
        Never(NO_WORD, seen.any_of(*(seen.messages("MSRP", wire) for wire in e2e.WIRES)),
              provided=seen.sip_request("INVITE", tcp.ACCESS_A.wire)),
        Never(e2e.UNTOLD, seen.told_of_security(*e2e.GATEWAYS), provided=seen.orders_to(*e2e.GATEWAYS)),
        Eventually(FREED, seen.sip_request("BYE", tcp.CORE_A.wire)),
        *e2e.ORDERLY,
    ),
    weakened=(
        Weakened("UE B can be reached", {B: {"behind": None}}, (MODIFIED, MERGED, COLLIDED, NO_SERVER, NO_WORD),
                 no_rule="UE B waits for a connection, and can: that is e2e-a-behind-nat"),
        Weakened("the UEs ask for security at their edges", {A: {"secures": "e2ae"}, B: {"secures": "e2ae"}},
                 (e2e.ASKED, COLLIDED, NO_SERVER, NO_WORD, e2e.UNTOLD),
                 no_rule="that is e2ae-both-behind-nat, which works (TS 23.334 §5.11.2)"),
        Weakened("UE B waits, although it is told to open", {B: {"insists": "passive"}}, (MODIFIED, FREED),
                 rules=("setup-answer", "sip-refused")),
        Weakened("UE B can be reached, and presents another certificate", {B: {"behind": None, "presents": "another"}},
                 (MODIFIED, MERGED, COLLIDED, ALERTED, NO_SERVER), rules=("fingerprint-mismatch",)),
        Weakened("UE B's IMS-ALG does not look at end-to-end TLS", {"IMS-ALG B": {"guards_e2e": False}},
                 (UNASKED, UNOPENED), knobs={"edge": "refuses"},
                 rules=("both-tls-clients", "setup-modified-on-e2e-tls", "tls-alert", "tls-roles-against-setup")),
        Weakened("UE B can be reached, and takes no TLS", {B: {"behind": None, "media_security": False}},
                 (REFUSED, TOLD_BACK, UNASKED), knobs={"edge": "refuses"},
                 no_rule="UE B may refuse what it can't do (488)"),
    ),
    shows=("both-tls-clients", "setup-modified-on-e2e-tls", "tls-alert", "tls-roles-against-setup"),
    provisional=e2e.PROVISIONAL,
)
