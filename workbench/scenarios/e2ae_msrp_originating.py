"""UE A calls through its own access edge and asks for e2ae security: MSRP over TLS to the IMS-AGW, clear beyond it.

Source: TS 23.334 §6.2.10.3.1.1.1, TS 33.328 (e2ae with fingerprints in SDP), TS 24.229.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, Register, SendText
from workbench.protocols.h248.message import Kind
from workbench.scenarios import access_edge as edge

UE = "UE A"
PEER = "Peer B"
ACCESS = "UE A access"

AGREED = "UE A and the network agree on MSRP over TLS at registration"
ASKED = "UE A's offer asks for e2ae security"
STRIPPED = "no security attribute of UE A reaches the core"
ORDERED = "the gateway is told to end TLS on the access side and to carry TCP on the core side"
FINGERPRINT = "UE A gets the gateway's fingerprint as the gateway gave it"
TRIGGERED = "the incoming TCP connection triggers the outgoing one"
ROLES = "the TCP client of the access leg is its TLS client"
CHECKED = "both certificates of the access leg match their fingerprints"
HIDDEN = "MSRP is never in the clear on the access leg"
HELD = "nothing of UE A is on the core before the access handshake has finished"
ARRIVES = "what UE A says leaves the gateway octet for octet"
RETURNS = "what Peer B says leaves the gateway octet for octet"
CONFIRMED = "UE A's message is confirmed by Peer B"
ANSWERED = "every H.248 request is answered without error"
ENDED = "TLS is closed before TCP on the access leg"
RELEASED = "both terminations are subtracted"

_UE = edge.served_ue(UE, "sip:alice@home1.example")
_PEER = edge.core_peer(PEER, "sip:bob@home2.example")

scenario = Scenario(
    id="e2ae-msrp-originating",
    title="e2ae MSRP over TLS, originating side: incoming TCP triggers outgoing TCP",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3.1.1.1", "TS 33.328 §4.1.2.3", "TS 24.229 §7.5.2"),
    workplan=("C1", "C2", "C3", "C10", "N8", "N10", "N12"),
    teaching=(
        "UE A protects MSRP up to the edge of the network only: the IMS-AGW ends TLS and carries clear TCP onwards. "
        "The IMS-ALG never sees a message; it moves fingerprints between SDP and H.248 and takes every trace of "
        "security out of the SDP for the core. The gateway opens the core connection when UE A's connection comes in."
    ),
    topology=edge.access_edge(_UE, _PEER),
    knobs={
        "tcp_active": Knob(
            "tcp_active", "who opens TCP: UE A (ue) or Peer B (peer); TLS roles follow",
            {"ue": {UE: {"offers": "active"}, PEER: {"answers": "passive"}},
             "peer": {UE: {"offers": "actpass"}, PEER: {"answers": "active"}}}, default="ue"),
        "tls": edge.tls_knob(UE),
        "nat": edge.nat_knob(UE),
        "ip": edge.ip_knob(_UE, _PEER),
        "bearer": edge.bearer_knob(),
        "tokens": edge.style_knob(),
    },
    script=(
        at(0.0, UE, Register()),
        at(1.0, UE, Call("sip:bob@home2.example")),
        at(2.0, UE, SendText("Conference floor opens at 10:00; bring slides.")),
        at(2.5, PEER, SendText("Slides are ready.")),
        at(20.0, UE, HangUp(after_heard=1)),
    ),
    expect=(
        InOrder(AGREED, (seen.registration(ACCESS, "Security-Client", "msrp-tls"),
                         seen.registration(ACCESS, "Security-Server", "msrp-tls"),
                         seen.registration(ACCESS, "Security-Verify", "msrp-tls"))),
        Eventually(ASKED, seen.offer(ACCESS, transport="TCP/TLS/MSRP", attribute="3ge2ae", value="requested")),
        Never(STRIPPED, seen.security_in_sdp(edge.CORE), provided=seen.offer(edge.CORE, transport="TCP/MSRP")),
        InOrder(ORDERED, (seen.order(Kind.ADD, "core", ("TCP", "TCP/MSRP")),
                          seen.order(Kind.ADD, "access", ("TCP/TLS", "TCP/TLS/MSRP")))),
        Holds(FINGERPRINT, seen.gateway_fingerprint_travels(ACCESS)),
        Holds(TRIGGERED, seen.incoming_triggers_outgoing()),
        Holds(ROLES, seen.tcp_client_is_tls_client("access")),
        Holds(CHECKED, seen.certificates_match("access")),
        Never(HIDDEN, seen.messages("MSRP", ACCESS, protected=False),
              provided=seen.messages("MSRP", ACCESS, protected=True)),
        Holds(HELD, seen.checked_before_core("access")),
        Holds(ARRIVES, seen.words_arrive("access", "core", sender=UE)),
        Holds(RETURNS, seen.words_arrive("core", "access", sender=PEER)),
        Eventually(CONFIRMED, seen.delivered(UE)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(ENDED, seen.tls_ends_before_tcp("access")),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG leaves security attributes in the offer", {"IMS-ALG": {"strips": False}}, (STRIPPED,),
                 rules=("e2ae-direction", "security-reaches-core")),
        Weakened("the gateway does not wait for the incoming connection", {"IMS-AGW": {"waits": False}}, (TRIGGERED,),
                 rules=("outgoing-before-incoming",)),
        Weakened("a gateway that checks nothing meets another certificate",
                 {"IMS-AGW": {"verifies": False}, UE: {"presents": "another"}}, (CHECKED,),
                 rules=("fingerprint-mismatch", "mismatch-accepted")),
        Weakened("the gateway closes TCP without close_notify", {"IMS-AGW": {"closes_tls": False}}, (ENDED,),
                 rules=("no-close-notify",)),
        Weakened("UE A presents another certificate", {UE: {"presents": "another"}}, (CHECKED, ARRIVES, CONFIRMED),
                 rules=("fingerprint-mismatch", "tls-alert")),
    ),
    provisional="names of the H.248 packages' items for TCP and TLS (tcpbcc, tlsbsc) and the bearer types on Iq",
)
