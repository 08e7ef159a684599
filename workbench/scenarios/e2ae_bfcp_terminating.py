"""A floor control server calls two people and a chair; their access edge adds e2ae security before they are offered it.

Source: TS 23.334 §6.2.10.3.2.2.1 (its number by analogy with MSRP), RFC 8855, RFC 8856 §8 (who is TLS client),
TS 33.328, TS 24.229.
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
APPLIED = "the offer that UE A gets applies e2ae security"
STRIPPED = "no security attribute of a UE reaches the core"
KEPT = "what the server offers of conference and user reaches UE A as it is"
ORDERED = "the gateway is told to end TLS on the access side before it is told of the core side"
ESTABLISHED = "the gateway is told to begin TLS towards UE A"
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
    id="e2ae-bfcp-terminating",
    title="e2ae BFCP over TLS, terminating side: a floor control server calls in two people and a chair",
    family="e2ae TLS",
    clauses=("TS 23.334 §6.2.10.3.2.2.1", "RFC 8856 §8", "RFC 8855 §10", "TS 33.328 §4.1.2.3", "TS 24.229 §7.5.2"),
    workplan=("C1", "C2", "C3", "C4", "C10", "N8", "N10"),
    teaching=(
        "The floor control server calls in the clear, and the IMS-ALG makes of it an offer of BFCP over TLS with the "
        "gateway's fingerprint. Towards the UE the edge offers, so the gateway is TLS client, and is told to "
        "begin, even where the UE opens TCP. An end that lets a=setup decide sends a ClientHello of its own, and the "
        "two collide."
    ),
    topology=floors.topology(),
    knobs={
        "tcp_active": Knob(
            "tcp_active", "who opens TCP: the floor control server's side (peer) or the UEs (ue); the TLS client stays",
            {"peer": {}, "ue": {SERVER: {"offers": "actpass"}, **floors.everybody("answers", "active")}},
            default="peer"),
        "tls": floors.tls_knob(),
        "nat": floors.nat_knob(),
        "tls_role": floors.role_knob(ESTABLISHED),
        "tokens": edge.style_knob(),
    },
    script=(
        *floors.registered(),
        at(10.0, SERVER, Call(floors.URI_A)),
        at(11.0, SERVER, Call(floors.URI_C)),
        at(12.0, SERVER, Call(floors.URI_CHAIR)),
        *floors.passing(15.0),
        *floors.leaving(50.0),
    ),
    expect=(
        InOrder(AGREED, (seen.registration(ACCESS, "Security-Client", "bfcp-tls"),
                         seen.registration(ACCESS, "Security-Server", "bfcp-tls"),
                         seen.registration(ACCESS, "Security-Verify", "bfcp-tls"))),
        Eventually(APPLIED, seen.offer(ACCESS, transport="TCP/TLS/BFCP", attribute="3ge2ae", value="applied")),
        Never(STRIPPED, seen.security_in_sdp(CORE), provided=seen.answer(CORE, transport="TCP/BFCP")),
        Holds(KEPT, seen.in_turn(*(
            seen.says(ACCESS, "offer", name, value) for name, value in (
                ("floorctrl", "s-only"), ("confid", "4321"), ("userid", str(_A)), ("floorid", str(floors.FLOOR)))))),
        InOrder(ORDERED, (seen.order(Kind.ADD, "access", ("TCP/TLS",)), seen.order(Kind.ADD, "core", ("TCP",)))),
        Eventually(ESTABLISHED, seen.ordered("tls-establish", "access")),
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
        Weakened("the IMS-ALG leaves security attributes in the answer", {"IMS-ALG": {"strips": False}}, (STRIPPED,),
                 rules=("security-reaches-core",)),
        Weakened("the gateway does not wait for the incoming connection", {"IMS-AGW": {"waits": False}}, (TRIGGERED,),
                 rules=("outgoing-before-incoming",)),
        Weakened("a gateway that checks nothing meets another certificate",
                 {"IMS-AGW": {"verifies": False}, A: {"presents": "another"}}, (CHECKED,),
                 rules=("fingerprint-mismatch", "mismatch-accepted")),
        Weakened("the gateway closes TCP without close_notify", {"IMS-AGW": {"closes_tls": False}}, (ENDED,),
                 rules=("no-close-notify",)),
        Weakened("UE A presents another certificate", {A: {"presents": "another"}},
                 (CHECKED, GRANTED, PASSED, TOLD), rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE A lets a=setup decide who begins TLS, and opens TCP: both ends send a ClientHello",
                 {A: {"tls_role": "setup", "answers": "active"}, SERVER: {"offers": "actpass"}},
                 (floors.OFFERER_GREETS, GRANTED, PASSED, TOLD),
                 rules=("bfcp-tls-client", "both-tls-clients", "tls-alert")),
        Weakened("the IMS-ALG lets a=setup decide who begins TLS, and the UEs open TCP: both ends wait",
                 {"IMS-ALG": {"bfcp_tls": "setup"}, SERVER: {"offers": "actpass"},
                  **floors.everybody("answers", "active")},
                 (floors.OFFERER_GREETS, ESTABLISHED, GRANTED, TOLD), rules=("bfcp-tls-client",)),
        Weakened("the chair hears of no request", {floors.CHAIR: {"listens": False}}, (GRANTED, PASSED, TOLD),
                 rules=("connection-refused", "floor-undecided")),
        Weakened("the floor control server asks no chair", {SERVER: {"conference": floors.CHAIRLESS}}, (DECIDED,),
                 rules=("bfcp-refused",)),
    ),
    provisional="names of the H.248 packages' items for TCP and TLS (tcpbcc, tlsbsc) and the bearer types on Iq",
)
