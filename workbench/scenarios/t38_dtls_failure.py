"""No fax without DTLS: another certificate or none, no handshake, UDPTL in the clear; and who hears of it.

Source: TS 23.334 §6.2.10.4 (R-6.2.10.4-12), RFC 7345 §4, RFC 6347 §4.2, RFC 8122 §6.2; D3, F5, F6 and F8 of the
stage-2 digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendFax, SpeakClear
from workbench.nodes.ue.faults import Faults
from workbench.protocols.h248.message import Kind
from workbench.scenarios import access_edge as edge
from workbench.scenarios import fax_edge as fax

A, PEER = fax.A, fax.PEER
ACCESS, CORE = fax.ACCESS, fax.CORE
GUARD_SECONDS = 10.0

PRESENTED = "UE A presents a certificate that its SDP did not announce"
REFUSED = "the gateway answers with a fatal bad_certificate"
NOTHING = "UE A presents no certificate"
ALERTED = "DTLS ends with a fatal alert of the gateway"
SILENCE = "nobody sends a ClientHello"
BEGUN = "UE A begins the handshake and never finishes it"
AGAIN = "the gateway sends again what UE A does not answer"
PATIENT = "the gateway waits for ten seconds before it gives up"
IN_THE_CLEAR = "UE A sends UDPTL in the clear, where its SDP promised DTLS"
DROPPED = "no packet in the clear goes on"
EARLY = "UE A's ClientHello is there before the gateway is told where UE A is"
UP = "DTLS comes up all the same, with the certificates that were announced"
UNTOLD = "the IMS-ALG hears of no failure"
SILENT = "nothing of UE A's fax leaves the gateway towards the core"
UNHEARD = "nothing of the other terminal's fax reaches UE A"
REPORTED = "the IMS-ALG hears once that DTLS towards UE A failed"
BYE = "the IMS-ALG ends the session towards the core"
ENDED = "the IMS-ALG ends the session towards UE A"

_FAILED = seen.tls_failure_reported("access")
_HELLO = seen.client_hello(ACCESS)
_FATAL = seen.fatal_alert(ACCESS, "IMS-AGW")
_CLEAR = seen.clear_udptl("access")
_SAID_BEYOND = seen.fax_sent("core", "peer")
# On bad wires DTLS may fail before the INVITE is answered; then nobody is there who could be heard.
_REFUSED_BEYOND = seen.sip_response(503, "INVITE", CORE)
_BOTH_THERE = seen.obeyed(Kind.ADD, "core")
_WAITS = Holds(PATIENT, seen.patience(_BOTH_THERE, _FAILED, GUARD_SECONDS - 0.5))
_SEEN_CLEAR = (Eventually(IN_THE_CLEAR, _CLEAR), Holds(DROPPED, seen.clear_not_forwarded("access", "core")))
_GOES_ON = (
    Holds(UP, seen.certificates_match("access")),
    Never(UNTOLD, _FAILED, provided=seen.finished(ACCESS)),
    Holds(fax.ARRIVES, seen.fax_arrives("access", "core")),
)

_DEAF = "a gateway that is DTLS client begins by itself, whatever UE A does"
_SERVER_SHOWS = "a DTLS server always presents a certificate (RFC 5246 §7.4.2), so UE A has to be DTLS client here"
_FAILURE_SENTENCES = (PRESENTED, REFUSED, SILENT, UNHEARD, REPORTED, BYE, ENDED)

scenario = Scenario(
    id="t38-dtls-failure",
    title="T.38 without DTLS: another certificate or none, no handshake, packets in the clear; nothing passes",
    family="e2ae DTLS",
    clauses=("TS 23.334 §6.2.10.4", "RFC 7345 §4", "RFC 6347 §4.2", "RFC 8122 §6.2"),
    workplan=("D1", "N9", "N11", "N12"),
    teaching=(
        "UDP has no connection that could fail, so all that can fail here is DTLS. A certificate that SDP did not "
        "announce, or none, ends the handshake with a fatal alert; silence ends it by a timer of the gateway's; and "
        "each time the IMS-ALG hears once that DTLS failed, and releases the call. A packet in the clear is none of "
        "these: it is dropped and nobody is told, since anybody could have sent it."
    ),
    topology=fax.topology().changed({"IMS-AGW": {"tls_guard": GUARD_SECONDS}}),
    knobs={
        "fault": Knob(
            "fault", "what goes wrong: UE A presents another certificate (another) or none (none); it does not begin "
            "(silence), or begins and does not finish (stalls); it sends UDPTL in the clear, instead of DTLS (clear) "
            "or beside it (beside); behind a NAT it begins before the gateway is told of it (early)",
            {"another": {A: {"presents": "another"}}, "none": {A: {"presents": "nothing"}},
             "silence": {A: {"faults": Faults(speaks="nothing")}}, "stalls": {A: {"faults": Faults(speaks="hello")}},
             "clear": {A: {"faults": Faults(speaks="clear")}}, "beside": {}, "early": {A: {"behind": fax.NAT}}},
            default="another",
            conflicts={"none": ("dtls_client", "gateway", _SERVER_SHOWS),
                       "silence": ("dtls_client", "gateway", _DEAF), "stalls": ("dtls_client", "gateway", _DEAF),
                       "clear": ("dtls_client", "gateway", _DEAF),
                       "early": ("dtls_client", "gateway", "then UE A does not begin")},
            adds={
                "none": (Never(NOTHING, seen.presented("access", A), provided=_FATAL), Eventually(ALERTED, _FATAL)),
                "silence": (Never(SILENCE, _HELLO, provided=_BOTH_THERE), _WAITS),
                "stalls": (Never(BEGUN, seen.finished(ACCESS), provided=_HELLO),
                           Eventually(AGAIN, seen.flight_again("access")), _WAITS),
                "clear": (*_SEEN_CLEAR, _WAITS),
                "beside": (*_SEEN_CLEAR, *_GOES_ON),
                "early": (Holds(EARLY, seen.in_order(_HELLO, seen.modified("access"))), *_GOES_ON)},
            drops={
                "none": (PRESENTED, REFUSED), "silence": (PRESENTED, REFUSED, SILENT), "stalls": (PRESENTED, REFUSED),
                "clear": (PRESENTED, REFUSED), "beside": _FAILURE_SENTENCES, "early": _FAILURE_SENTENCES},
            does={
                "beside": (at(20.0, A, SpeakClear(fax.CLEAR_PACKET)), at(40.0, PEER, HangUp())),
                "early": (at(40.0, PEER, HangUp()),)},
            shows={"none": ("no-certificate", "tls-alert"), "silence": ("handshake-unfinished",),
                   "stalls": ("handshake-unfinished",), "clear": ("clear-on-dtls-leg",),
                   "beside": ("clear-on-dtls-leg",), "early": ()},
            seen_as={"early": "t38-dtls-terminating"}),
        "dtls_client": Knob(
            "dtls_client", "who is to begin: UE A (ue), or the gateway (gateway)",
            {"ue": {A: {"answers": "active"}}, "gateway": {A: {"answers": "passive"}}}, default="ue"),
        "tokens": edge.style_knob(),
    },
    script=(
        at(0.0, A, Register()),
        at(10.0, PEER, Call(fax.URI_A)),
        at(10.0, PEER, SendFax(fax.PAGE)),
        at(10.0, A, SendFax(fax.PAGE, waits=False)),
    ),
    expect=(
        Holds(PRESENTED, seen.certificate_differs("access", A)),
        Eventually(REFUSED, seen.alert("bad_certificate", ACCESS, "IMS-AGW")),
        Holds(SILENT, seen.fax_nothing_forwarded("access", "core")),
        Never(UNHEARD, seen.fax_sent("access", "gateway"), provided=seen.any_of(_SAID_BEYOND, _REFUSED_BEYOND)),
        Holds(REPORTED, seen.once(_FAILED)),
        Eventually(BYE, seen.any_of(seen.sip_request("BYE", CORE), _REFUSED_BEYOND)),
        Eventually(ENDED, seen.sip_request("BYE", ACCESS)),
        Holds(fax.ANSWERED, seen.every_order_is_answered()),
        Holds(fax.RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway checks nothing", {"IMS-AGW": {"verifies": False}},
                 (REFUSED, SILENT, UNHEARD, REPORTED, BYE, ENDED, fax.RELEASED), rules=("mismatch-accepted",)),
        Weakened("UE A presents the certificate that it announced", {A: {"presents": "announced"}},
                 (PRESENTED, REFUSED, SILENT, UNHEARD, REPORTED, BYE, ENDED, fax.RELEASED),
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("UE A presents its certificate after all", {A: {"presents": "announced"}},
                 (NOTHING, ALERTED, SILENT, UNHEARD, REPORTED, BYE, ENDED, fax.RELEASED), knobs={"fault": "none"},
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("the gateway waits for ever", {"IMS-AGW": {"tls_guard": 86_400.0}},
                 (REPORTED, BYE, ENDED, fax.RELEASED), drops=(PATIENT,), knobs={"fault": "silence"},
                 rules=("handshake-not-given-up", "media-unseen")),
        Weakened("the gateway gives up after a second", {"IMS-AGW": {"tls_guard": 1.0}}, (PATIENT,),
                 knobs={"fault": "silence"}, rules=("handshake-given-up-early",)),
        Weakened("UE A begins DTLS after all", {A: {"faults": Faults()}},
                 (SILENCE, UNHEARD, REPORTED, BYE, ENDED, fax.RELEASED), drops=(PATIENT,),
                 knobs={"fault": "silence"},
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("UE A finishes what it began", {A: {"faults": Faults()}},
                 (BEGUN, SILENT, UNHEARD, REPORTED, BYE, ENDED, fax.RELEASED), drops=(PATIENT, AGAIN),
                 knobs={"fault": "stalls"},
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("the gateway gives up before anything is sent again", {"IMS-AGW": {"tls_guard": 0.5}},
                 (PATIENT, AGAIN), knobs={"fault": "stalls"}, rules=("handshake-given-up-early",)),
        Weakened("UE A protects what it says", {A: {"faults": Faults()}},
                 (IN_THE_CLEAR, SILENT, UNHEARD, REPORTED, BYE, ENDED, fax.RELEASED), drops=(PATIENT, DROPPED),
                 knobs={"fault": "clear"},
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("the gateway takes what is no DTLS for payload", {"IMS-AGW": {"takes_clear": True}},
                 (DROPPED, SILENT), knobs={"fault": "clear"}, rules=("clear-taken-for-payload",)),
        Weakened("the gateway takes what is in the clear beside DTLS", {"IMS-AGW": {"takes_clear": True}},
                 (DROPPED,), knobs={"fault": "beside"}, rules=("clear-taken-for-payload",)),
        Weakened("UE A waits for the gateway to begin", {A: {"answers": "passive", "behind": None}}, (EARLY,),
                 knobs={"fault": "early"}, no_rule="actpass leaves both roles to the answerer"),
        Weakened("UE A, which begins early, presents another certificate", {A: {"presents": "another"}},
                 (UP, UNTOLD), knobs={"fault": "early"}, rules=("fingerprint-mismatch", "tls-alert")),
    ),
    provisional="how long a gateway waits, and names of the H.248 packages' items for DTLS (tlsbsc)",
    shows=("fingerprint-mismatch", "tls-alert"),
)
