"""End-to-end TLS by the key of a MIKEY ticket: both UEs ask a KMS, and the networks carry a=key-mgmt.

Source: TS 33.328 §4.1.2.2, §5.4.3; TS 23.334 §6.2.10A; RFC 6043 §4; RFC 4567 §3.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds
from workbench.lab.scenario import Knob, Scenario, Weakened
from workbench.lab.topology import Topology
from workbench.lab.topology_kms import Kms, KmsUser, shared
from workbench.net.values import Endpoint
from workbench.nodes.tickets import MODE_3, Tickets
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import tcp_edge as tcp
from workbench.scenarios.e2e_edge import A, B

_AT_A, _AT_B = Endpoint("198.51.100.9", 80), Endpoint("198.51.100.109", 80)
_KEY_A, _KEY_B = shared("btid-a@bsf.ims.example", b"\x0a" * 32), shared("btid-b@bsf.ims.example", b"\x0b" * 32)
_ANOTHER = shared("btid-b@bsf.ims.example", b"\x0c" * 32)
_PREFERRED = "keyp1 c29tZXRoaW5nIHN0cm9uZ2Vy"
"""A protocol by the name that RFC 4567 §4.1.4 uses for one that is yet to be invented."""
_OWN = shared("tpk-a", b"\x0d" * 16)
_A, _B = Tickets(_AT_A, _KEY_A), Tickets(_AT_B, _KEY_B)
_EDGES = tcp.two_edges(e2e.ue_a(offers="active", tickets=_A), e2e.ue_b(behind=None, tickets=_B))
_USERS = (KmsUser(tcp.URI_A, _KEY_A, _OWN), KmsUser(tcp.URI_B, _KEY_B))
_KMS = Kms("KMS", ((tcp.ACCESS_A.wire, _AT_A), (tcp.ACCESS_B.wire, _AT_B)), _USERS)
SESSION = e2e.session(A)

scenario = Scenario(
    id="e2e-msrp-kms",
    title="End-to-end TLS by the key of a MIKEY ticket",
    family="e2e",
    clauses=("TS 33.328 §5.4.3", "TS 23.334 §6.2.10A", "RFC 6043 §4"),
    workplan=("C12", "N13", "N14", "N16"),
    teaching=("UE A asks its KMS for a ticket and sends it in the offer. UE B has it resolved. Both derive "
              "one key, which is the pre-shared key of TLS."),
    topology=Topology(_EDGES.wires, (*_EDGES.nodes, _KMS)),
    knobs={
        "ticket": Knob("ticket", "who makes the ticket: the KMS (mode 1), or UE A (mode 3)", {
            "kms": {}, "own": {A: {"tickets": {"flags": MODE_3, "ticket_key": _OWN}}}}, default="kms"),
        "kms_auth": Knob("kms_auth", "what the UEs ask the KMS with: a pre-shared key, or a certificate and its key", {
            "psk": {}, "pk": {**{one: {"asks_kms_with": "valid"} for one in (A, B)}, "KMS": {"certified": True}}},
            default="psk"),
        "keys": Knob("keys", "whether each responder gets keys of its own (forking, flag I)", {
            "one": {}, "forked": {A: {"tickets": {"forks": True}}}}, default="one"),
        "protocols": Knob("protocols", (
            "key management protocols in UE A's offer: MIKEY, or before it another one, which UE A prefers and UE B "
            "does not know"), {"mikey": {}, "several": {A: {"tickets": {"before": (_PREFERRED,)}}}}, default="mikey"),
        "tls": Knob("tls", "TLS version between the UEs", {
            "1.2": {}, "1.3": {one: {"tickets": {"versions": ("1.3",)}} for one in (A, B)}}, default="1.2"),
    },
    script=e2e.TALK,
    expect=(SESSION, Eventually(e2e.CONFIRMED, seen.delivered(A)), Eventually(e2e.CONFIRMED_TOO, seen.delivered(B)),
            Holds(e2e.HIDDEN, seen.passes_unread(*e2e.WIRES)), *e2e.ORDERLY),
    weakened=(
        Weakened("UE B has another key than the KMS knows", {B: {"tickets": {"credential": _ANOTHER}}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(SESSION.name,), rules=("mikey-refused",)),
        Weakened("UE B's certificate has expired", {B: {"asks_kms_with": "expired"}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(SESSION.name,), knobs={"kms_auth": "pk"},
                 rules=("mikey-refused", "mikey-certificate")),
        Weakened("UE A has the certificate of somebody else", {A: {"asks_kms_with": "another"}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(SESSION.name,), knobs={"kms_auth": "pk"},
                 rules=("mikey-refused", "mikey-certificate")),
        Weakened("UE B's clock is ten minutes slow", {B: {"tickets": {"ahead": -600}}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(SESSION.name,), rules=("sip-refused",)),
        Weakened("IMS-ALG B takes out the protocol that UE A prefers", {"IMS-ALG B": {"bids_down": "drops"}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(SESSION.name,), knobs={"protocols": "several"},
                 rules=("key-mgmt-list", "key-mgmt-changed")),
        Weakened("IMS-ALG A puts the weaker protocol first", {"IMS-ALG A": {"bids_down": "reorders"}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(SESSION.name,), knobs={"protocols": "several"},
                 rules=("key-mgmt-list", "key-mgmt-changed")),
        Weakened("UE A has no media plane security", {A: {"media_security": False}}, (SESSION.name, e2e.HIDDEN),
                 no_rule="the networks protect UE B's access by themselves (TS 33.328 §4.1)"),
    ),
    provisional=e2e.PROVISIONAL,
)
