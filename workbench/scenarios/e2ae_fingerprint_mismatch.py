"""UE A presents a certificate that its SDP did not announce: the gateway refuses it, and who hears of that.

Source: TS 23.334 §6.2.10.3, RFC 8122 §6.2; F6 of the stage-2 digest, case C5.
"""

from __future__ import annotations

from msgspec import structs

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, Register, SendText
from workbench.scenarios import access_edge as edge

UE = "UE A"
PEER = "Peer B"
ACCESS = seen.Side("UE A access")
CORE = seen.Side(edge.CORE)

PRESENTED = "UE A presents a certificate that its SDP did not announce"
REFUSED = "the gateway answers with a fatal bad_certificate"
SILENT = "no payload leaves the gateway towards the core"
LINKED = "the gateway leaves no connection towards the core"
REPORTED = "the IMS-ALG hears once that TLS towards UE A failed"
BYE = "the IMS-ALG ends the session towards the core"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_UE = structs.replace(edge.served_ue(UE, "sip:alice@home1.example"), presents="another")
_PEER = edge.core_peer(PEER, "sip:bob@home2.example")
_ALERT = seen.alert("bad_certificate", ACCESS.wire, "IMS-AGW")

scenario = Scenario(
    id="e2ae-fingerprint-mismatch",
    title="A certificate that was not announced: the gateway refuses it, releases both connections and reports",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3", "RFC 8122 §6.2"),
    workplan=("C5", "N8", "N10", "N12"),
    teaching=(
        "With e2ae the fingerprint in SDP is all that ties a TLS session to a call. The gateway compares it before a "
        "single octet goes on: on a mismatch it says bad_certificate, ends TCP on both sides, and tells the IMS-ALG, "
        "which releases the session. In TLS 1.3 a client has already spoken by then; its words end at the gateway."
    ),
    topology=edge.access_edge(_UE, _PEER),
    knobs={
        "tcp_active": Knob(
            "tcp_active", "who opens TCP and is TLS client: UE A (ue) or the gateway (peer)",
            {"ue": {UE: {"offers": "active"}, PEER: {"answers": "passive"}},
             "peer": {UE: {"offers": "actpass"}, PEER: {"answers": "active"}}}, default="ue"),
        "tls": edge.tls_knob(UE),
    },
    script=(
        at(0.0, UE, Register()),
        at(1.0, UE, Call("sip:bob@home2.example")),
        at(2.0, UE, SendText("Nobody is to read this.")),
    ),
    expect=(
        Holds(PRESENTED, seen.certificate_differs("access")),
        Eventually(REFUSED, _ALERT),
        Never(SILENT, seen.leaves(CORE, "payload"), provided=_ALERT),
        Holds(LINKED, seen.none_left(CORE)),
        Holds(REPORTED, seen.once(seen.tls_failure_reported("access"))),
        Eventually(BYE, seen.sip_request("BYE", CORE.wire)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the gateway checks nothing", {"IMS-AGW": {"verifies": False}},
                 (REFUSED, SILENT, LINKED, REPORTED, BYE, RELEASED)),
        Weakened("UE A presents the certificate that it announced", {UE: {"presents": "announced"}},
                 (PRESENTED, REFUSED, SILENT, LINKED, REPORTED, BYE, RELEASED)),
    ),
    provisional="names of the H.248 packages' items for TLS (tlsbsc)",
    shows=("fingerprint-mismatch", "tls-alert"),
    seen_as="e2ae-msrp-originating",
)
