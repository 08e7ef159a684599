"""A fax of UE A's: T.38 over DTLS to its access gateway, which carries clear UDPTL to the core.

Source: TS 23.334 §6.2.10.4 (R-6.2.10.4-6 to -10, D2 of the stage-2 digest), RFC 7345, RFC 8842, T.38 §9.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Scenario, Weakened
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.ue.faults import Faults
from workbench.protocols.h248.message import Kind
from workbench.scenarios import access_edge as edge
from workbench.scenarios import fax_edge as fax

A, PEER = fax.A, fax.PEER
ACCESS, CORE = fax.ACCESS, fax.CORE

REQUESTED = "UE A offers T.38 over DTLS and asks for e2ae security"
RESERVED = "the core side is reserved before the access side, whose termination ends DTLS"
SERVER = "UE A's offer lets it begin, so the gateway is told to be DTLS server"
SAID = "and UE A is told so: the answer is passive"
NOT_BEGUN = "nobody tells the gateway to begin DTLS"
CLIENT = "UE A only waits, so the gateway is told to be DTLS client"
SAID_ACTIVE = "and UE A is told so: the answer is active"
BEGUN = "the gateway is told to begin DTLS towards UE A"

scenario = Scenario(
    id="t38-dtls-originating",
    title="T.38 over DTLS, originating side: UE A's fax is protected as far as its access gateway",
    family="e2ae DTLS",
    clauses=("TS 23.334 §6.2.10.4", "TS 33.328 §4.1.2.3", "RFC 7345 §4", "RFC 8842 §5", "T.38 §9"),
    workplan=("D1", "N9", "N11", "N12"),
    teaching=(
        "UE A offers UDP/TLS/UDPTL with its fingerprint; the core reads plain udptl, and the answer gets back "
        "transport, fingerprint and the role that fits. Where UE A says actpass the IMS-ALG lets it begin: a gateway "
        "that begins has to know where to, which it does not where UE A is behind a NAT. The gateway makes no loss "
        "good: DTLS sends its handshake again, and UDPTL repeats former packets in each one, which pass as they are."
    ),
    topology=fax.topology(),
    knobs={
        "setup": fax.offered_setup_knob(
            adds={"passive": (Holds(CLIENT, seen.told({"access": "active", "core": ""})),
                              Holds(SAID_ACTIVE, seen.setup(ACCESS, "answer", "active")),
                              Eventually(BEGUN, seen.ordered("tls-establish", "access")))},
            drops={"passive": (SERVER, SAID, NOT_BEGUN)}),
        "nat": fax.nat_knob(),
        "recovery": fax.recovery_knob(),
        "ip": fax.ip_knob(),
        "tokens": edge.style_knob(),
    },
    script=fax.fax_script(A),
    expect=(
        Eventually(fax.AGREED, seen.registration(ACCESS, "Security-Verify", "udptl-dtls")),
        Eventually(REQUESTED, seen.offer(ACCESS, transport="UDP/TLS/UDPTL", attribute="3ge2ae", value="requested")),
        Never(fax.STRIPPED, seen.security_in_sdp(CORE), provided=seen.offer(CORE, transport="udptl")),
        Holds(fax.NO_ROLE, seen.without(CORE, "setup")),
        Holds(fax.KEPT, seen.in_turn(*(seen.unchanged(ACCESS, CORE, name) for name in fax.ATTRIBUTES))),
        Holds(fax.IDENTIFIED, seen.own_tls_ids(ACCESS)),
        Holds(RESERVED, seen.in_order(
            seen.order(Kind.ADD, "core", ("udptl",)), seen.order(Kind.ADD, "access", ("UDP/TLS/UDPTL",)))),
        Eventually(fax.ASKED, seen.report_asked("tls-change", "access")),
        Holds(SERVER, seen.told({"access": "passive", "core": ""})),
        Holds(SAID, seen.setup(ACCESS, "answer", "passive")),
        Never(NOT_BEGUN, seen.ordered("tls-establish", "access"),
              provided=seen.order(Kind.ADD, "access", ("UDP/TLS/UDPTL",))),
        Holds(fax.FINGERPRINT, seen.gateway_fingerprint_travels(ACCESS)),
        Holds(fax.EXPECTED, seen.peer_fingerprint_told(ACCESS, "access")),
        Holds(fax.ROLES, seen.dtls_client_follows("access")),
        Holds(fax.CHECKED, seen.certificates_match("access")),
        Never(fax.HIDDEN, seen.messages("UDPTL", ACCESS, protected=False),
              provided=seen.messages("UDPTL", ACCESS, protected=True)),
        Holds(fax.HELD, seen.checked_before_core("access")),
        Holds(fax.ARRIVES, seen.fax_arrives("access", "core")),
        Holds(fax.RETURNS, seen.fax_arrives("core", "access")),
        Holds(fax.SPOKEN, seen.t30_in_order("core", *seen.ecm_page(caller="gateway"))),
        Holds(fax.CONFIRMED, seen.page_confirmed("core", "peer")),
        Holds(fax.ANSWERED, seen.every_order_is_answered()),
        Holds(fax.ENDED, seen.followed(
            seen.messages("UDPTL", ACCESS, protected=True), seen.close_notify(ACCESS, "IMS-AGW"))),
        Holds(fax.RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG leaves security attributes in the offer", {"IMS-ALG": {"strips": False}},
                 (fax.STRIPPED, fax.NO_ROLE), rules=("e2ae-direction", "security-reaches-core")),
        Weakened("UE A only waits, as DTLS server", {A: {"offers": "passive"}}, (SERVER, SAID, NOT_BEGUN),
                 no_rule="a UE may offer to be DTLS server"),
        Weakened("UE A has no media plane security", {A: {"media_security": False}},
                 (fax.AGREED, REQUESTED, RESERVED, fax.ASKED, SERVER, SAID, fax.HIDDEN, fax.HELD),
                 no_rule="media plane security is optional, and a call without it is a plain one"),
        Weakened("UE A is of release 12 and knows no a=tls-id",
                 {A: {"fax": FaxTerminal(depth=fax.DEPTH, names=False)}}, (fax.IDENTIFIED,), rules=("tls-id-missing",)),
        Weakened("a gateway that checks nothing meets another certificate",
                 {"IMS-AGW": {"verifies": False}, A: {"presents": "another"}}, (fax.CHECKED,),
                 rules=("fingerprint-mismatch", "mismatch-accepted")),
        Weakened("UE A presents another certificate", {A: {"presents": "another"}}, (fax.CHECKED,),
                 rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE A begins DTLS although it has said that it waits", {A: {"faults": Faults(other_role=True)}},
                 (fax.ROLES,), knobs={"setup": "passive"}, rules=("both-tls-clients", "dtls-client", "tls-alert")),
        Weakened("UE A speaks UDPTL in the clear where its SDP says DTLS", {A: {"faults": Faults(speaks="clear")}},
                 (fax.HIDDEN, fax.RETURNS, fax.SPOKEN, fax.CONFIRMED),
                 rules=("clear-on-dtls-leg", "handshake-not-given-up")),
        Weakened("the gateway takes what is no DTLS for payload, and gets it",
                 {"IMS-AGW": {"takes_clear": True}, A: {"faults": Faults(speaks="clear")}},
                 (fax.HIDDEN, fax.HELD, fax.RETURNS),
                 rules=("clear-on-dtls-leg", "clear-taken-for-payload", "handshake-not-given-up")),
        Weakened("the gateway ends DTLS without close_notify", {"IMS-AGW": {"closes_tls": False}}, (fax.ENDED,),
                 rules=("dtls-not-closed",)),
    ),
    provisional="names of the H.248 packages' items for DTLS (tlsbsc) and the bearer types on Iq; that the IMS-ALG's "
    "a=tls-id is told to the gateway",
)
