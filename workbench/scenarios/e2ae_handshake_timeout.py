"""TCP is there and no TLS session comes of it: nobody begins, it stalls, it fails; what then happens, who hears of it.

Source: TS 23.334 §6.2.10.3, RFC 8856 §8 and §10, RFC 8446 §6.2; F5 of the stage-2 digest, case C6.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, Register
from workbench.nodes.ue.faults import Faults
from workbench.scenarios import access_edge as edge
from workbench.scenarios import floor_edge as floors

A, SERVER = floors.A, floors.SERVER
ACCESS, CORE = seen.Side(floors.ACCESS), seen.Side(edge.CORE)
GUARD_SECONDS = 10.0

UP = "the TCP connection between UE A and the gateway is established"
SILENCE = "nobody sends a ClientHello on it"
BEGUN = "the handshake begins, and UE A never finishes it"
PATIENT = "the gateway waits for ten seconds before it gives up"
ALERTED = "TLS ends with a fatal alert"
IN_THE_CLEAR = "UE A sends what is no TLS, where its SDP promised TLS"
UNHEARD = "nothing of the server is in the clear on the access leg"
SILENT = "no payload leaves the gateway towards the core"
REPORTED = "the IMS-ALG hears once that TLS towards UE A failed"
LINKED = "the gateway ends its core connection too"
BYE = "the IMS-ALG ends the session towards the core"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_FAILED = seen.tls_failure_reported("access")
_UP = seen.is_up(ACCESS)
_WAITS = Holds(PATIENT, seen.patience(_UP, _FAILED, GUARD_SECONDS - 0.5))
_ALERTS = Eventually(ALERTED, seen.fatal_alert(ACCESS.wire))
_CLEAR = Eventually(IN_THE_CLEAR, seen.no_tls(ACCESS.wire, A))
_UNHEARD = Never(UNHEARD, seen.clear_payload(ACCESS.wire, "IMS-AGW"), provided=_UP)

_SILENT_UE = Faults(speaks="hello")
_NOTHING_IN_COMMON = ("tls-nothing-in-common", "tls-alert")
_NO_TLS = ("clear-on-tls-leg", "tls-alert")

scenario = Scenario(
    id="e2ae-handshake-timeout",
    title="No TLS session comes up: the gateway waits so long and no longer, releases both connections and reports",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3", "RFC 8856 §8", "RFC 8856 §10", "RFC 8446 §6.2"),
    workplan=("C6", "N8", "N10"),
    teaching=(
        "UE A reads RFC 8856 as if a=setup said who is TLS client, and it is TCP-passive; the gateway goes by who made "
        "the offer. So both are TLS servers and wait. Only a timer ends that: the gateway's, which then releases both "
        "connections and tells the IMS-ALG that TLS failed, not that TCP did. Whatever else goes wrong in a handshake "
        "ends the same way, only sooner, and never in clear text."
    ),
    topology=floors.alone().changed({
        A: {"offers": "actpass"}, SERVER: {"answers": "active"}, "IMS-AGW": {"tls_guard": GUARD_SECONDS}}),
    knobs={
        "fails": Knob(
            "fails", "why there is no session: both wait for a ClientHello (nobody); UE A says a ClientHello "
            "at most (stalls); no version in common (version); no cipher suite in common (suite); UE A speaks BFCP "
            "without TLS (clear), or what nobody understands (garbage)",
            {"nobody": {A: {"tls_role": "setup"}}, "stalls": {A: {"faults": _SILENT_UE}},
             "version": {A: {"tls_versions": ("1.2",)}, "IMS-AGW": {"tls_versions": ("1.3",)}},
             "suite": {A: {"tls_versions": ("1.2",), "faults": Faults(suites="AES128-SHA")}},
             "clear": {A: {"faults": Faults(speaks="clear")}}, "garbage": {A: {"faults": Faults(speaks="garbage")}}},
            default="nobody",
            conflicts={"nobody": ("tls_client", "gateway", "then the gateway begins, and nobody waits")},
            adds={
                "nobody": (Never(SILENCE, seen.client_hello(ACCESS.wire), provided=_UP), _WAITS),
                "stalls": (Never(BEGUN, seen.finished(ACCESS.wire), provided=seen.client_hello(ACCESS.wire)), _WAITS),
                "version": (_ALERTS,), "suite": (_ALERTS,),
                "clear": (_CLEAR, _ALERTS, _UNHEARD), "garbage": (_CLEAR, _ALERTS, _UNHEARD)},
            shows={"stalls": ("handshake-unfinished",), "version": _NOTHING_IN_COMMON, "suite": _NOTHING_IN_COMMON,
                   "clear": _NO_TLS, "garbage": _NO_TLS}),
        "tls_client": Knob(
            "tls_client", "who is to be TLS client: UE A as the offerer (ue), or the gateway, which opens TCP, where "
            "both let a=setup decide (gateway)",
            {"ue": {}, "gateway": {A: {"tls_role": "setup"}, "IMS-ALG": {"bfcp_tls": "setup"}}}, default="ue",
            implies={"gateway": {"fails": "stalls"}}, shows={"gateway": ("bfcp-tls-client", "handshake-unfinished")}),
        "tokens": edge.style_knob()},
    script=(at(0.0, A, Register()), at(1.0, A, Call(floors.URI_SERVER))),
    expect=(
        Eventually(UP, _UP),
        Never(SILENT, seen.leaves(CORE, "payload"), provided=_UP),
        Holds(REPORTED, seen.once(_FAILED)),
        Eventually(LINKED, seen.any_of(seen.leaves(CORE, "FIN"), seen.leaves(CORE, "RST"))),
        Eventually(BYE, seen.sip_request("BYE", CORE.wire)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway waits for ever", {"IMS-AGW": {"tls_guard": 86_400.0}}, (REPORTED, LINKED, BYE, RELEASED),
                 drops=(PATIENT,),
                 no_rule="the capture ends with TCP up: nothing in it tells waiting from waiting for ever"),
        Weakened("the gateway gives up after a second", {"IMS-AGW": {"tls_guard": 1.0}}, (PATIENT,),
                 rules=("handshake-given-up-early",)),
        Weakened("UE A begins TLS as the offerer", {A: {"tls_role": "offerer"}},
                 (SILENCE, SILENT, REPORTED, LINKED, BYE, RELEASED), drops=(PATIENT,),
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("UE A's port is closed", {A: {"listens": False}}, (UP, REPORTED), drops=(PATIENT, SILENT, SILENCE),
                 rules=("connection-refused",)),
        Weakened("the gateway has both versions", {"IMS-AGW": {"tls_versions": ("1.2", "1.3")}},
                 (ALERTED, SILENT, REPORTED, LINKED, BYE, RELEASED), knobs={"fails": "version"},
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
        Weakened("the gateway takes what is no TLS for payload", {"IMS-AGW": {"takes_clear": True}},
                 (ALERTED, SILENT, UNHEARD), knobs={"fails": "clear"},
                 rules=("bfcp-tls-client", "clear-taken-for-payload")),
    ),
    provisional="how long a gateway waits, and names of the H.248 packages' items for TLS (tlsbsc)",
    shows=("bfcp-tls-client",),
)
