"""Two UEs behind NATs reach each other because a gateway ends TLS towards both: it works, and the middle reads.

Source: TR 29.828 §5.1.2.2 (the cure that is weighed and given up); section 6.1 of the digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds
from workbench.lab.scenario import Scenario, Weakened
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import tcp_edge as tcp
from workbench.scenarios.e2e_edge import A, B

GATEWAY = "IMS-AGW B"

REPLACED = "each UE reads the fingerprint of UE B's gateway in place of the other's"
ORDERED = "UE B's gateway is told to end TLS on both sides"
SERVERS = "UE B's gateway is TCP server and TLS server towards both UEs"
TWO_SESSIONS = "two TLS sessions meet at UE B's gateway"
CHECKED = "every certificate matches the fingerprint that was announced for it"
READABLE = "with the keys of UE B's gateway alone, every message can be read"
UNSEEN = "UE A's own edge passes octets, and can't read them"

scenario = Scenario(
    id="e2e-tls-b2bua",
    title="A TLS B2BUA between two UEs behind NATs: works, and is not end to end",
    family="e2e",
    clauses=("TR 29.828 §5.1.2.2", "TS 23.334 §5.16.2.3", "RFC 8122 §6"),
    workplan=("S5", "N15", "D2"),
    teaching=(
        "Each UE can only be client, so somebody has to be server for both: UE B's gateway, with its own certificate "
        "and its own fingerprint in SDP. Everything works and both users see TLS. But the fingerprint they trust is "
        "the network's, and the gateway holds every word in the clear."
    ),
    # UE A's handshake crosses three wires: where packets are lost it takes longer than at its own edge.
    topology=tcp.two_edges(e2e.ue_a(offers="active"), e2e.ue_b(answers="passive")).changed(
        {"IMS-ALG B": {"end_to_end": "b2bua", "modifies_setup": True}, GATEWAY: {"tls_guard": 30.0}}),
    knobs={"tls": e2e.tls_knob()},
    script=e2e.TALK,
    expect=(
        e2e.ASKS,
        Holds(REPLACED, seen.fingerprint_replaced(tcp.CORE_A.wire, tcp.ACCESS_B.wire, gateway=GATEWAY)),
        Holds(ORDERED, seen.transports({"access": "TCP/TLS", "core": "TCP/TLS"}, gateway=GATEWAY)),
        Holds(SERVERS, seen.told({"access": "passive", "core": "passive"}, gateway=GATEWAY)),
        Holds(TWO_SESSIONS, seen.sessions_meet(tcp.CORE_B, tcp.ACCESS_B)),
        Holds(CHECKED, seen.in_turn(seen.certificates_match("access A"), seen.certificates_match("access B"))),
        Holds(READABLE, seen.middle_reads(tcp.CORE_B, tcp.ACCESS_B)),
        Holds(UNSEEN, seen.octets_pass(tcp.ACCESS_A, tcp.CORE_A)),
        Eventually(e2e.CONFIRMED, seen.delivered(A)),
        Eventually(e2e.CONFIRMED_TOO, seen.delivered(B)),
        *e2e.ORDERLY,
    ),
    weakened=(
        Weakened("UE B's IMS-ALG lets TLS through", {"IMS-ALG B": {"end_to_end": "through"}},
                 (e2e.CONFIRMED, e2e.CONFIRMED_TOO), rules=("sip-refused",)),
        Weakened("UE B's IMS-ALG lets TLS through, and merges",
                 {"IMS-ALG B": {"end_to_end": "through", "guards_e2e": False}},
                 (REPLACED, ORDERED, TWO_SESSIONS, e2e.CONFIRMED, e2e.CONFIRMED_TOO),
                 rules=("both-tls-clients", "setup-modified-on-e2e-tls", "tls-alert")),
        Weakened("UE A asks for security at its edge", {A: {"secures": "e2ae"}}, (e2e.ASKED, ORDERED, UNSEEN),
                 no_rule="that is e2ae-both-behind-nat (TS 23.334 §5.11.2)"),
        Weakened("UE B's IMS-ALG does not modify a=setup", {"IMS-ALG B": {"modifies_setup": False}},
                 (SERVERS, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(UNSEEN,), rules=("syn-into-nat",)),
        Weakened("UE A presents another certificate", {A: {"presents": "another"}},
                 (CHECKED, READABLE, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(UNSEEN,),
                 rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE B presents another certificate, and the gateway checks nothing",
                 {B: {"presents": "another"}, GATEWAY: {"verifies": False}}, (CHECKED,),
                 rules=("fingerprint-mismatch", "mismatch-accepted")),
    ),
    shows=("e2e-tls-opened",),
    provisional="that a gateway would be told \"TCP/TLS\" on both sides: no specification has this case",
)
