"""Two people and a chair call a floor control server through their own access edge: BFCP over TLS to the IMS-AGW.

Source: TS 23.334 §6.2.10.3.2.1.1, RFC 8855, RFC 8856 §8 (who is TLS client), TS 33.328, TS 24.229.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call
from workbench.protocols.bfcp.registry import Primitive, Status
from workbench.protocols.h248.message import Kind
from workbench.scenarios import access_edge as edge
from workbench.scenarios import floor_edge as floors

A, C, SERVER = floors.A, floors.C, floors.SERVER
ACCESS, CORE = floors.ACCESS, edge.CORE

AGREED = "UE A and the network agree on BFCP over TLS at registration"
ASKED = "UE A's offer asks for e2ae security"
STRIPPED = "no security attribute of a UE reaches the core"
KEPT = "what the server says of conference and user reaches UE A as it is"
ORDERED = "the gateway is told to end TLS on the access side and to carry TCP on the core side"
FINGERPRINT = "UE A gets the gateway's fingerprint as the gateway gave it"
TRIGGERED = "the incoming TCP connection triggers the outgoing one"
CHECKED = "both certificates of the access leg match their fingerprints"
HIDDEN = "BFCP is never in the clear on the access leg"
HELD = "nothing of UE A is on the core before the access handshake has finished"
ARRIVES = "what UE A says leaves the gateway octet for octet"
RETURNS = "what the server says leaves the gateway octet for octet"
GRANTED = "UE A hears inside TLS that it has the floor"
DECIDED = "UE A has the floor only once the chair has decided so"
PASSED = "the floor goes from UE A to UE C, and never has two holders"
TOLD = "UE C hears that it has the floor when UE A gives it back"
ANSWERED = "every H.248 request is answered without error"
ENDED = "TLS is closed before TCP on the access leg"
RELEASED = "every termination is subtracted"

_A, _C = floors.USER_A, floors.USER_C

scenario = Scenario(
    id="e2ae-bfcp-originating",
    title="e2ae BFCP over TLS, originating side: two people and a chair pass a floor through the gateway",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3.2.1.1", "RFC 8856 §8", "RFC 8855 §10", "TS 33.328 §4.1.2.3", "TS 24.229 §7.5.2"),
    workplan=("C1", "C2", "C3", "C4", "C10", "N8", "N10"),
    teaching=(
        "Who may speak is asked, decided and told in BFCP, and the IMS-AGW carries it without reading it: TLS towards "
        "each UE, clear TCP towards the floor control server. With BFCP the offerer is TLS client whoever opens TCP, "
        "so here the gateway is always TLS server. If one end lets a=setup decide instead, both wait for the other."
    ),
    topology=floors.topology(),
    knobs={
        "tcp_active": Knob(
            "tcp_active", "who opens TCP: the UEs (ue) or the floor control server's side (peer); the TLS client stays",
            {"ue": {}, "peer": {**floors.everybody("offers", "actpass"), SERVER: {"answers": "active"}}},
            default="ue"),
        "tls": floors.tls_knob(),
        "nat": floors.nat_knob(),
        "tls_role": floors.role_knob(),
        "tokens": edge.style_knob(),
    },
    script=(
        *floors.registered(),
        at(1.0, A, Call(floors.URI_SERVER)),
        at(2.0, C, Call(floors.URI_SERVER)),
        at(3.0, floors.CHAIR, Call(floors.URI_SERVER)),
        *floors.passing(5.0),
        *floors.leaving(40.0),
    ),
    expect=(
        InOrder(AGREED, (seen.registration(ACCESS, "Security-Client", "bfcp-tls"),
                         seen.registration(ACCESS, "Security-Server", "bfcp-tls"),
                         seen.registration(ACCESS, "Security-Verify", "bfcp-tls"))),
        Eventually(ASKED, seen.offer(ACCESS, transport="TCP/TLS/BFCP", attribute="3ge2ae", value="requested")),
        Never(STRIPPED, seen.security_in_sdp(CORE), provided=seen.offer(CORE, transport="TCP/BFCP")),
        Holds(KEPT, seen.in_turn(*(
            seen.says(ACCESS, "answer", name, value) for name, value in (
                ("floorctrl", "s-only"), ("confid", "4321"), ("userid", str(_A)), ("floorid", str(floors.FLOOR)))))),
        InOrder(ORDERED, (seen.order(Kind.ADD, "core", ("TCP",)), seen.order(Kind.ADD, "access", ("TCP/TLS",)))),
        Holds(FINGERPRINT, seen.gateway_fingerprint_travels(ACCESS)),
        Holds(TRIGGERED, seen.incoming_triggers_outgoing()),
        Holds(floors.OFFERER_GREETS, seen.tls_client_follows("access", "offerer")),
        Holds(CHECKED, seen.certificates_match("access")),
        Never(HIDDEN, seen.messages("BFCP", ACCESS, protected=False),
              provided=seen.messages("BFCP", ACCESS, protected=True)),
        Holds(HELD, seen.checked_before_core("access")),
        Holds(ARRIVES, seen.words_arrive("access", "core", sender=A)),
        Holds(RETURNS, seen.words_arrive("core", "access", sender=SERVER)),
        Eventually(GRANTED, seen.floor_status(_A, Status.GRANTED, ACCESS, protected=True)),
        Holds(DECIDED, seen.chair_decides(_A, ACCESS)),
        Holds(PASSED, seen.floor_passes(CORE, (_A, _C))),
        Eventually(TOLD, seen.after(
            seen.floor_message(Primitive.FLOOR_RELEASE, _A, ACCESS), seen.floor_status(_C, Status.GRANTED, ACCESS))),
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
                 {"IMS-AGW": {"verifies": False}, A: {"presents": "another"}}, (CHECKED,),
                 rules=("fingerprint-mismatch", "mismatch-accepted")),
        Weakened("the gateway closes TCP without close_notify", {"IMS-AGW": {"closes_tls": False}}, (ENDED,),
                 rules=("no-close-notify",)),
        Weakened("UE A presents another certificate", {A: {"presents": "another"}},
                 (CHECKED, ARRIVES, GRANTED, PASSED, TOLD), rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE A lets a=setup decide who begins TLS, and is TCP-passive: both ends wait for a ClientHello",
                 {A: {"tls_role": "setup", "offers": "actpass"}, SERVER: {"answers": "active"}},
                 (floors.OFFERER_GREETS, GRANTED, PASSED, TOLD), rules=("bfcp-tls-client",)),
        Weakened("the chair hears of no request", {floors.CHAIR: {"connects": False}}, (GRANTED, PASSED, TOLD),
                 rules=("connection-never-comes", "floor-undecided", "media-unseen")),
        Weakened("the floor control server asks no chair", {SERVER: {"conference": floors.CHAIRLESS}}, (DECIDED,),
                 rules=("bfcp-refused",)),
    ),
    provisional="names of the H.248 packages' items for TCP and TLS (tcpbcc, tlsbsc) and the bearer types on Iq",
)
