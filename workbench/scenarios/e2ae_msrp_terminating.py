"""UE B is called from the core in the clear; its own access edge adds e2ae security before the offer reaches it.

Source: TS 23.334 §6.2.10.3.1.2.1, TS 33.328 (e2ae with fingerprints in SDP), TS 24.229.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.protocols.h248.message import Kind
from workbench.scenarios import access_edge as edge

UE = "UE B"
PEER = "Peer A"
ACCESS = "UE B access"

AGREED = "UE B and the network agree on MSRP over TLS at registration"
APPLIED = "the offer that UE B gets applies e2ae security"
STRIPPED = "no security attribute of UE B reaches the core"
ORDERED = "the gateway is told to end TLS on the access side before it is told of the core side"
FINGERPRINT = "UE B gets the gateway's fingerprint as the gateway gave it"
TRIGGERED = "the incoming TCP connection triggers the outgoing one"
ROLES = "the TCP client of the access leg is its TLS client"
CHECKED = "both certificates of the access leg match their fingerprints"
HIDDEN = "MSRP is never in the clear on the access leg"
HELD = "nothing of UE B is on the core before the access handshake has finished"
ARRIVES = "what Peer A says leaves the gateway octet for octet"
RETURNS = "what UE B says leaves the gateway octet for octet"
CONFIRMED = "UE B's message is confirmed by Peer A"
ANSWERED = "every H.248 request is answered without error"
ENDED = "TLS is closed before TCP on the access leg"
RELEASED = "both terminations are subtracted"

_UE = edge.served_ue(UE, "sip:bob@home2.example")
_PEER = edge.core_peer(PEER, "sip:alice@home1.example")

scenario = Scenario(
    id="e2ae-msrp-terminating",
    title="e2ae MSRP over TLS, terminating side: the access edge applies security that the caller never asked for",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3.1.2.1", "TS 33.328 §4.1.2.3", "TS 24.229 §7.5.2"),
    workplan=("C1", "C2", "C3", "C10", "N8", "N10", "N12"),
    teaching=(
        "The offer arrives in the clear, and UE B has said at registration that it can do MSRP over TLS, so the "
        "IMS-ALG makes the offer a protected one with the gateway's fingerprint. The caller opens TCP to the gateway, "
        "the gateway opens TCP to UE B and, being TCP client there, is TLS client too. "
        "Nobody beyond the access edge can tell that UE B's leg is protected."
    ),
    topology=edge.access_edge(_UE, _PEER),
    knobs={
        "tcp_active": Knob(
            "tcp_active", "who opens TCP: UE B (ue) or Peer A (peer); TLS roles follow",
            {"peer": {PEER: {"offers": "active"}, UE: {"answers": "passive"}},
             "ue": {PEER: {"offers": "actpass"}, UE: {"answers": "active"}}}, default="peer"),
        "tls": edge.tls_knob(UE),
        "nat": edge.nat_knob(UE),
        "ip": edge.ip_knob(_UE, _PEER),
        "bearer": edge.bearer_knob(),
        "tokens": edge.style_knob(),
    },
    script=(
        at(0.0, UE, Register()),
        at(10.0, PEER, Call("sip:bob@home2.example")),
        at(11.0, PEER, SendText("Conference floor opens at 10:00; bring slides.")),
        at(11.5, UE, SendText("Slides are ready.")),
        at(30.0, PEER, HangUp(after_heard=1)),
    ),
    expect=(
        InOrder(AGREED, (seen.registration(ACCESS, "Security-Client", "msrp-tls"),
                         seen.registration(ACCESS, "Security-Server", "msrp-tls"),
                         seen.registration(ACCESS, "Security-Verify", "msrp-tls"))),
        Eventually(APPLIED, seen.offer(ACCESS, transport="TCP/TLS/MSRP", attribute="3ge2ae", value="applied")),
        Never(STRIPPED, seen.security_in_sdp(edge.CORE), provided=seen.answer(edge.CORE, transport="TCP/MSRP")),
        InOrder(ORDERED, (seen.order(Kind.ADD, "access", ("TCP/TLS", "TCP/TLS/MSRP")),
                          seen.order(Kind.ADD, "core", ("TCP", "TCP/MSRP")))),
        Holds(FINGERPRINT, seen.gateway_fingerprint_travels(ACCESS)),
        Holds(TRIGGERED, seen.incoming_triggers_outgoing()),
        Holds(ROLES, seen.tcp_client_is_tls_client("access")),
        Holds(CHECKED, seen.certificates_match("access")),
        Never(HIDDEN, seen.messages("MSRP", ACCESS, protected=False),
              provided=seen.messages("MSRP", ACCESS, protected=True)),
        Holds(HELD, seen.checked_before_core("access")),
        Holds(ARRIVES, seen.words_arrive("core", "access", sender=PEER)),
        Holds(RETURNS, seen.words_arrive("access", "core", sender=UE)),
        Eventually(CONFIRMED, seen.delivered(UE)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(ENDED, seen.tls_ends_before_tcp("access")),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG leaves security attributes in the answer", {"IMS-ALG": {"strips": False}}, (STRIPPED,),
                 rules=("security-reaches-core",)),
        Weakened("the gateway does not wait for the incoming connection", {"IMS-AGW": {"waits": False}}, (TRIGGERED,),
                 rules=("outgoing-before-incoming",)),
        Weakened("a gateway that checks nothing meets another certificate",
                 {"IMS-AGW": {"verifies": False}, UE: {"presents": "another"}}, (CHECKED,),
                 rules=("fingerprint-mismatch", "mismatch-accepted")),
        Weakened("the gateway closes TCP without close_notify", {"IMS-AGW": {"closes_tls": False}}, (ENDED,),
                 rules=("no-close-notify",)),
        Weakened("UE B presents another certificate", {UE: {"presents": "another"}}, (CHECKED, ARRIVES, CONFIRMED),
                 rules=("fingerprint-mismatch", "tls-alert")),
    ),
    provisional="names of the H.248 packages' items for TCP and TLS (tcpbcc, tlsbsc) and the bearer types on Iq",
)
