"""A man in the middle leads UE A's media connection to himself: what he gets depends on who protects SDP, not on TLS.

Source: TS 33.328 §4.1.2.3 (trust in e2ae comes from protected signalling), TS 33.203, RFC 8122 §6.2 and §7.
"""

from __future__ import annotations

from msgspec import structs

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Scenario, Weakened, at
from workbench.lab.topology import Taken
from workbench.net.values import Endpoint
from workbench.nodes.orders import Call, Register, SendText
from workbench.scenarios import access_edge as edge

UE, PEER = "UE A", "Peer B"
HOTSPOT = "Hotspot"
ACCESS, CORE = seen.Side("UE A access"), seen.Side(edge.CORE)

DIVERTED = "UE A's connection ends at the man in the middle, who opens another one to the gateway"
REFUSED = "UE A answers his certificate with a fatal bad_certificate"
UNREAD = "no word of UE A is on the hotspot's wire, inside TLS or outside"
SILENT = "no payload leaves the gateway towards the core"
REFUSED_TOO = "the gateway answers it with a fatal bad_certificate too"
REPORTED = "the IMS-ALG hears once that TLS towards UE A failed"
BYE = "the IMS-ALG ends the session towards the core"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "both terminations are subtracted"

_UE = edge.served_ue(UE, "sip:alice@home1.example")
_MALLORY = Taken("Mallory", wire=HOTSPOT, address="10.0.0.10", inside="10.0.0.1", proxy=_UE.proxy)
_ALERT = seen.alert("bad_certificate", HOTSPOT, UE)
_TAKEN = structs.replace(_UE, behind=_MALLORY, proxy=Endpoint(_MALLORY.inside, _UE.proxy.port))

scenario = Scenario(
    id="e2ae-man-in-the-middle",
    title="A man in the middle: TLS stops him as long as he can't change a=fingerprint, and not a moment longer",
    family="e2ae TLS",
    clauses=("TS 33.328 §4.1.2.3", "RFC 8122 §6.2", "RFC 8122 §7"),
    workplan=("C5", "N8", "N10"),
    teaching=(
        "UE A takes a hotspot's owner for its P-CSCF. He writes his own address into the answer, so UE A connects to "
        "him, and he to the gateway. His certificate is not the one in SDP, so UE A refuses him. If he may change "
        "a=fingerprint as well, both ends are content and he reads everything: e2ae is as good as its signalling."
    ),
    topology=edge.access_edge(_TAKEN, edge.core_peer(PEER, "sip:bob@home2.example")).changed(
        {"IMS-ALG": {"access": _UE.proxy}}),
    knobs={"tls": edge.tls_knob(UE)},
    script=(
        at(0.0, UE, Register()),
        at(1.0, UE, Call("sip:bob@home2.example")),
        at(2.0, UE, SendText("For Bob alone.")),
        at(3.0, PEER, SendText("Nobody else is here.")),
    ),
    expect=(
        Holds(DIVERTED, seen.in_turn(seen.once(seen.client_hello(HOTSPOT)), seen.once(seen.client_hello(ACCESS.wire)))),
        Eventually(REFUSED, _ALERT),
        Eventually(REFUSED_TOO, seen.alert("bad_certificate", ACCESS.wire, "IMS-AGW")),
        Never(UNREAD, seen.messages("MSRP", HOTSPOT), provided=_ALERT),
        Never(SILENT, seen.leaves(CORE, "payload"), provided=_ALERT),
        Holds(REPORTED, seen.once(seen.tls_failure_reported("access"))),
        Eventually(BYE, seen.sip_request("BYE", CORE.wire)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the man in the middle changes a=fingerprint too, on both sides",
                 {UE: {"behind": structs.replace(_MALLORY, forges=True)}},
                 (REFUSED, REFUSED_TOO, UNREAD, SILENT, REPORTED, BYE, RELEASED), rules=("fingerprint-changed",)),
        Weakened("the gateway checks nothing", {"IMS-AGW": {"verifies": False}}, (REFUSED_TOO, REPORTED),
                 rules=("mismatch-accepted",)),
        Weakened("UE A finds the real P-CSCF", {UE: {"behind": None, "proxy": _UE.proxy}},
                 (DIVERTED, REFUSED, REFUSED_TOO, SILENT, REPORTED, BYE, RELEASED),
                 no_rule="the fault of the case is gone, so its capture is that of a call in which all is as it "
                 "should be"),
    ),
    provisional="names of the H.248 packages' items for TLS (tlsbsc)",
    shows=("fingerprint-mismatch", "tls-alert"),
)
