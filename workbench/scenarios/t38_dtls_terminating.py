"""A fax from the core for UE A: its access edge offers T.38 over DTLS, and the gateway carries clear UDPTL beyond.

Source: TS 23.334 §6.2.10.4 (R-6.2.10.4-1 to -5, D1 of the stage-2 digest), RFC 7345, RFC 8842, T.38 §9.
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

APPLIED = "the offer that UE A gets is T.38 over DTLS and applies e2ae security"
OPEN = "that offer leaves it to UE A who begins DTLS"
RESERVED = "the access side is reserved before the core side, and its termination ends DTLS"
SERVER = "UE A is active, so the gateway is told to be DTLS server"
NOT_BEGUN = "nobody tells the gateway to begin DTLS"
CLIENT = "UE A is passive, so the gateway is told to be DTLS client"
BEGUN = "the gateway is told to begin DTLS towards UE A"

scenario = Scenario(
    id="t38-dtls-terminating",
    title="T.38 over DTLS, terminating side: a fax is protected on the last leg, which its sender never asked for",
    family="e2ae DTLS",
    clauses=("TS 23.334 §6.2.10.4", "TS 33.328 §4.1.2.3", "RFC 7345 §4", "RFC 8842 §5", "T.38 §9"),
    workplan=("D1", "N9", "N11", "N12"),
    teaching=(
        "The core offers plain udptl, and the IMS-ALG makes of it UDP/TLS/UDPTL with the gateway's fingerprint, an "
        "a=tls-id of its own and a=setup:actpass: UE A says who begins. Each UDPTL packet is one DTLS record on the "
        "access leg and one datagram in the core, and nothing of the fax is changed. UE A's first ClientHello is often "
        "there before the gateway knows of UE A; what is lost like that is sent again, as after any loss."
    ),
    topology=fax.topology(),
    knobs={
        "setup": fax.answered_setup_knob(
            adds={"passive": (Eventually(BEGUN, seen.ordered("tls-establish", "access")),
                              Holds(CLIENT, seen.told({"access": "active", "core": ""})))},
            drops={"passive": (NOT_BEGUN, SERVER)}),
        "nat": fax.nat_knob(),
        "recovery": fax.recovery_knob(),
        "ip": fax.ip_knob(),
        "tokens": edge.style_knob(),
    },
    script=fax.fax_script(PEER, call=10.0, fax=45.0, hang_up=75.0),
    expect=(
        Eventually(fax.AGREED, seen.registration(ACCESS, "Security-Verify", "udptl-dtls")),
        Eventually(APPLIED, seen.offer(ACCESS, transport="UDP/TLS/UDPTL", attribute="3ge2ae", value="applied")),
        Eventually(OPEN, seen.offer(ACCESS, attribute="setup", value="actpass")),
        Never(fax.STRIPPED, seen.security_in_sdp(CORE), provided=seen.answer(CORE, transport="udptl")),
        Holds(fax.NO_ROLE, seen.without(CORE, "setup")),
        Holds(fax.KEPT, seen.in_turn(*(seen.unchanged(CORE, ACCESS, name) for name in fax.ATTRIBUTES))),
        Holds(fax.IDENTIFIED, seen.own_tls_ids(ACCESS)),
        Holds(RESERVED, seen.in_order(
            seen.order(Kind.ADD, "access", ("UDP/TLS/UDPTL",)), seen.order(Kind.ADD, "core", ("udptl",)))),
        Eventually(fax.ASKED, seen.report_asked("tls-change", "access")),
        Holds(SERVER, seen.told({"access": "passive", "core": ""})),
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
        Holds(fax.SPOKEN, seen.t30_in_order("core", *seen.ecm_page(caller="peer"))),
        Holds(fax.CONFIRMED, seen.page_confirmed("core", "gateway")),
        Holds(fax.ANSWERED, seen.every_order_is_answered()),
        Holds(fax.ENDED, seen.followed(
            seen.messages("UDPTL", ACCESS, protected=True), seen.close_notify(ACCESS, "IMS-AGW"))),
        Holds(fax.RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG leaves security attributes in the answer", {"IMS-ALG": {"strips": False}},
                 (fax.STRIPPED, fax.NO_ROLE), rules=("fax-sdp", "security-reaches-core")),
        Weakened("UE A wants to be DTLS server", {A: {"answers": "passive"}}, (SERVER, NOT_BEGUN),
                 no_rule="actpass leaves both roles to the answerer"),
        Weakened("UE A has no media plane security", {A: {"media_security": False}},
                 (fax.AGREED, APPLIED, OPEN, RESERVED, fax.ASKED, SERVER, fax.HIDDEN, fax.HELD),
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
                 (fax.HIDDEN, fax.RETURNS, fax.SPOKEN, fax.CONFIRMED), rules=("clear-on-dtls-leg",)),
        Weakened("the gateway takes what is no DTLS for payload, and gets it",
                 {"IMS-AGW": {"takes_clear": True}, A: {"faults": Faults(speaks="clear")}},
                 (fax.HIDDEN, fax.HELD, fax.RETURNS), rules=("clear-on-dtls-leg", "clear-taken-for-payload")),
        Weakened("the gateway ends DTLS without close_notify", {"IMS-AGW": {"closes_tls": False}}, (fax.ENDED,),
                 rules=("dtls-not-closed",)),
    ),
    provisional="names of the H.248 packages' items for DTLS (tlsbsc) and the bearer types on Iq; that the IMS-ALG's "
    "a=tls-id is told to the gateway",
)
