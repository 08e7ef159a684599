"""Certificate and fingerprint do not go together, or one of them is missing: nothing passes, and who hears of it.

Source: TS 23.334 §6.2.10.3, RFC 8122 §5 and §6.2, TS 24.229 §6.7.2; F6, F7, F10 and F11 of the stage-2 digest, case C5.
"""

from __future__ import annotations

from msgspec import structs

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, Register, SendText
from workbench.nodes.ue.faults import Faults
from workbench.scenarios import access_edge as edge

UE = "UE A"
PEER = "Peer B"
ACCESS = seen.Side("UE A access")
CORE = seen.Side(edge.CORE)

PRESENTED = "UE A presents a certificate that its SDP did not announce"
NOTHING = "UE A presents no certificate"
REPLACED = "the gateway presents a certificate that it did not announce"
REFUSED = "the gateway answers with a fatal bad_certificate"
ENDED = "TLS ends with a fatal alert"
OBJECTS = "UE A answers with a fatal bad_certificate"
SILENT = "no payload leaves the gateway towards the core"
LINKED = "the gateway leaves no connection towards the core"
REPORTED = "the IMS-ALG hears once that TLS towards UE A failed"
BYE = "the IMS-ALG ends the session towards the core, or refuses its offer"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"
BARE = "UE A describes TLS without a fingerprint"
DOWNGRADED = "UE A answers TLS with a transport in the clear"
UNAGREED = "UE A asks for e2ae security that nobody agreed on at registration"
TURNED_DOWN = "the IMS-ALG turns the offer down, and nothing of it reaches the core"
FAILED = "the caller hears that the call has failed"
LET_GO = "UE A, who has answered, gets BYE"
NO_MEDIA = "the gateway neither opens nor takes a connection of the core"
NO_ORDER = "the gateway is asked for nothing"

_UE = structs.replace(edge.served_ue(UE, "sip:alice@home1.example"), presents="another")
_PEER = edge.core_peer(PEER, "sip:bob@home2.example")
_WRONG = seen.alert("bad_certificate", ACCESS.wire, "IMS-AGW")
_ALERT = seen.fatal_alert(ACCESS.wire)
_TLS_SENTENCES = (SILENT, LINKED, REPORTED, BYE)
_TERMINATING_ONLY = "an answer of UE A is what this is about, so UE A has to be called"
_CLIENT_ONLY = "without a certificate UE A is no TLS server at all; a TLS client can leave its certificate out"
_ORIGINATING_ONLY = "an offer of UE A is what this is about, so UE A has to call"

_REFUSAL = seen.sip_response(488, "INVITE", ACCESS.wire)
_TURNED_DOWN = (
    Holds(TURNED_DOWN, seen.once(_REFUSAL, never=(seen.offer(CORE.wire),))),
    Never(NO_ORDER, seen.added(), provided=_REFUSAL))
_FAILED = (
    Eventually(FAILED, seen.sip_response(502, "INVITE", CORE.wire)),
    Eventually(LET_GO, seen.sip_request("BYE", ACCESS.wire)),
    Never(NO_MEDIA, seen.any_of(seen.leaves(CORE, "SYN"), seen.leaves(CORE, "SYN-ACK"), seen.leaves(CORE, "payload")),
          provided=seen.answer(ACCESS.wire)))

scenario = Scenario(
    id="e2ae-fingerprint-mismatch",
    title="Certificate and fingerprint do not fit, or one is missing: nothing passes, all is released and reported",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3", "RFC 8122 §5", "RFC 8122 §6.2", "TS 24.229 §6.7.2"),
    workplan=("C5", "N8", "N10", "N12"),
    teaching=(
        "With e2ae the fingerprint in SDP is all that ties a TLS session to a call. The gateway compares it before a "
        "single octet goes on: on a mismatch it says bad_certificate, ends TCP on both sides, and tells the IMS-ALG, "
        "which releases the session. In TLS 1.3 a client has already spoken by then; its words end at the gateway. "
        "Without a fingerprint, or without TLS in the answer, there is no session at all: nobody falls back to clear "
        "text."
    ),
    topology=edge.access_edge(_UE, _PEER),
    knobs={
        "wrong": Knob(
            "wrong", "what does not fit: UE A shows another certificate (another) or none (none); the gateway shows "
            "another, and UE A refuses it (gateway); UE A's SDP has TLS without a fingerprint (bare); it answers TLS "
            "without TLS (downgrade); it asks for e2ae that was not agreed on (unagreed)",
            {"another": {}, "none": {UE: {"presents": "nothing"}},
             "gateway": {UE: {"presents": "announced"}, "IMS-AGW": {"presents": "another"}},
             "bare": {UE: {"presents": "announced", "faults": Faults(describes="bare")}},
             "downgrade": {UE: {"presents": "announced", "faults": Faults(describes="clear")}},
             "unagreed": {UE: {"presents": "announced", "faults": Faults(agrees=False)}}}, default="another",
            implies={"downgrade": {"side": "terminating"}, "bare": {"side": "terminating"}},
            conflicts={"none": ("tcp_active", "peer", _CLIENT_ONLY),
                       "downgrade": ("side", "originating", _TERMINATING_ONLY),
                       "bare": ("side", "originating", _TERMINATING_ONLY),
                       "unagreed": ("side", "terminating", _ORIGINATING_ONLY)},
            drops={
                "none": (PRESENTED, REFUSED), "gateway": (PRESENTED, REFUSED),
                "bare": (PRESENTED, REFUSED, *_TLS_SENTENCES), "downgrade": (PRESENTED, REFUSED, *_TLS_SENTENCES),
                "unagreed": (PRESENTED, REFUSED, RELEASED, *_TLS_SENTENCES)},
            adds={
                "none": (Never(NOTHING, seen.presented("access", UE), provided=_ALERT), Eventually(ENDED, _ALERT)),
                "gateway": (Holds(REPLACED, seen.certificate_differs("access", "IMS-AGW")),
                            Eventually(OBJECTS, seen.alert("bad_certificate", ACCESS.wire, UE))),
                "bare": (Eventually(BARE, seen.bare_tls(ACCESS.wire, UE)), *_FAILED),
                "downgrade": (Eventually(DOWNGRADED, seen.answer(ACCESS.wire, transport="TCP/MSRP")), *_FAILED),
                "unagreed": (
                    Eventually(UNAGREED, seen.offer(ACCESS.wire, attribute="3ge2ae", value="requested")),
                    *_TURNED_DOWN)},
            shows={"none": ("no-certificate", "tls-alert"), "bare": ("answer-drops-security", "sip-refused"),
                   "downgrade": ("answer-drops-security", "sip-refused"),
                   "unagreed": ("e2ae-not-agreed", "sip-refused")}),
        "side": Knob(
            "side", "whether UE A calls (originating) or is called (terminating)",
            {"originating": {}, "terminating": {}}, default="originating",
            does={"originating": (at(1.0, UE, Call("sip:bob@home2.example")),),
                  "terminating": (at(10.0, PEER, Call("sip:alice@home1.example")),)}),
        "tcp_active": Knob(
            "tcp_active", "who opens TCP and is TLS client: UE A (ue) or the gateway (peer)",
            {"ue": {UE: {"offers": "active", "answers": "active"}, PEER: {"answers": "passive", "offers": "actpass"}},
             "peer": {UE: {"offers": "actpass", "answers": "passive"}, PEER: {"answers": "active"}}}, default="ue"),
        "tls": edge.tls_knob(UE),
    },
    script=(
        at(0.0, UE, Register()),
        at(2.0, UE, SendText("Nobody is to read this.")),
    ),
    expect=(
        Holds(PRESENTED, seen.certificate_differs("access", UE)),
        Eventually(REFUSED, _WRONG),
        Never(SILENT, seen.leaves(CORE, "payload"), provided=_ALERT),
        Holds(LINKED, seen.none_left(CORE)),
        Holds(REPORTED, seen.once(seen.tls_failure_reported("access"))),
        Eventually(BYE, seen.any_of(seen.sip_request("BYE", CORE.wire), seen.sip_response(503, "INVITE", CORE.wire))),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway checks nothing", {"IMS-AGW": {"verifies": False}},
                 (REFUSED, SILENT, LINKED, REPORTED, BYE, RELEASED), rules=("mismatch-accepted",)),
        Weakened("UE A presents the certificate that it announced", {UE: {"presents": "announced"}},
                 (PRESENTED, REFUSED, SILENT, LINKED, REPORTED, BYE, RELEASED),
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("UE A presents its certificate after all", {UE: {"presents": "announced"}},
                 (NOTHING, ENDED, SILENT, LINKED, REPORTED, BYE, RELEASED), knobs={"wrong": "none"},
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("the gateway presents the certificate that it announced", {"IMS-AGW": {"presents": "announced"}},
                 (REPLACED, OBJECTS, SILENT, LINKED, REPORTED, BYE, RELEASED), knobs={"wrong": "gateway"},
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("the IMS-ALG falls back to clear text", {"IMS-ALG": {"refuses_downgrade": False}},
                 (FAILED, LET_GO, NO_MEDIA, RELEASED),
                 knobs={"wrong": "downgrade", "side": "terminating", "tcp_active": "peer"},
                 rules=("clear-on-tls-leg", "clear-taken-for-payload")),
        Weakened("the IMS-ALG and its gateway go on without a fingerprint",
                 {"IMS-ALG": {"refuses_downgrade": False}, "IMS-AGW": {"verifies": False}},
                 (FAILED, LET_GO, NO_MEDIA, RELEASED), knobs={"wrong": "bare", "side": "terminating"},
                 rules=("tls-without-fingerprint",)),
        Weakened("UE A and the network agree on e2ae security", {UE: {"faults": Faults()}},
                 (TURNED_DOWN, NO_ORDER), knobs={"wrong": "unagreed"},
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
    ),
    provisional="names of the H.248 packages' items for TLS (tlsbsc); what an IMS-ALG answers to F10 and F11",
    shows=("fingerprint-mismatch", "tls-alert"),
)
