"""Does a re-offer touch TLS under BFCP? What leaves it alone, what makes it anew; and what happens if it is touched.

Source: S6 and the liaison C1-134081 (R-S6-1 to R-S6-5 of the stage-2 digest), RFC 8856 §8, RFC 4145 §5, RFC 3264 §8.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, InOrder
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, CloseMedia, HangUp, Register, ReleaseFloor, ReOffer, RequestFloor
from workbench.protocols.bfcp.registry import Status
from workbench.scenarios import access_edge as edge
from workbench.scenarios import floor_edge as floors

A, SERVER = floors.A, floors.SERVER
ACCESS, CORE = seen.Side(floors.ACCESS), seen.Side(edge.CORE)

OFFERED = "the new offer and its answer pass with a=connection:existing as they are"
KEPT = "no connection is opened or closed for the new offer"
QUIET = "nobody sends a ClientHello or a SYN after the new offer"
SPARING = "the gateway is told nothing but addresses and stream modes"
RENEWED = "a second connection replaces the first one, on both sides"
REFUSED = "the second m= line of the new offer is refused, and the first one's answer is as without it"
GREETED_UE = "on the new access connection UE A is TLS client, since it made the new offer"
ANEW = "the new access connection has a handshake of its own, with both certificates"
CERTIFICATE = "UE A's new offer announces another certificate, and says a=connection:existing all the same"
NAMED = "UE A's new offer and its answer have another a=tls-id than the first ones, and say a=connection:existing"
DIED = "the TCP connection is gone, and the call is not"
GREETED = "on the new access connection the gateway is TLS client, since the new offer came from its side"
BEFORE = "UE A gets the floor before the new offer"
AFTER = "UE A gets the floor after the new offer, inside TLS"
CHECKED = "both certificates of the access leg match their fingerprints"
ANSWERED = "every H.248 request is answered without error"
ENDED = "TLS is closed before TCP on the access leg"
RELEASED = "both terminations are subtracted"

_NEW_OFFER = seen.reoffer(ACCESS.wire)
_GRANTED = seen.floor_status(floors.USER_A, Status.GRANTED, ACCESS.wire, protected=True)

_MADE_ANEW = (OFFERED, KEPT, QUIET, SPARING)
_RENEWED = Holds(RENEWED, seen.in_turn(seen.connections(ACCESS, 2), seen.connections(CORE, 2)))
_ANEW = Holds(ANEW, seen.every_connection_is_checked(ACCESS.wire))
_GREETED_UE = Holds(GREETED_UE, seen.later_tls_client("access", "peer"))
_EXISTING = seen.says(ACCESS.wire, "offer", "connection", "existing", exchange=2)
_CLASH = {"IMS-ALG": {"keeps_tls": False}, "IMS-AGW": {"renews_tls": True}}
_CLASHES = (QUIET, SPARING, floors.OFFERER_GREETS, AFTER)

scenario = Scenario(
    id="e2ae-bfcp-renegotiation",
    title="Renegotiation leaves TLS under BFCP alone: hold, swapped offerer, sound beside; what is new makes TLS anew",
    family="e2ae TLS",
    clauses=("RFC 8856 §8", "TS 23.334 §6.2.10.3.2.1.1", "RFC 4145 §5", "RFC 3264 §8"),
    workplan=("S6", "C1", "N8", "N10"),
    teaching=(
        "Who is TLS client follows from offer and answer with BFCP, so a later offer from the other side seems to turn "
        "the roles around. It does not: they belong to the exchange that made the connection; while that stays, "
        "nothing is ordered on Iq. A network that reads each exchange anew sends a ClientHello into a running session."
    ),
    topology=floors.alone(),
    knobs={
        "offer": Knob(
            "offer", "the new offer. TLS goes on: UE A holds (hold), the server's side holds (swapped), or wants sound "
            "beside (sound). TLS is made anew: the server's side wants another connection (new), UE A has another "
            "certificate (fingerprint) or another a=tls-id (tls-id), or its TCP connection has died (tcp)",
            {"swapped": {}, "hold": {}, "sound": {}, "new": {}, "fingerprint": {}, "tls-id": {A: {"names_tls": True}},
             "tcp": {"IMS-ALG": {"patience": 15.0}}}, default="swapped",
            does={
                "swapped": (at(10.0, SERVER, ReOffer("existing", hold=True)), at(12.0, SERVER, ReOffer("existing"))),
                "hold": (at(10.0, A, ReOffer("existing", hold=True)), at(12.0, A, ReOffer("existing"))),
                "sound": (at(10.0, SERVER, ReOffer("existing", sound=True)), at(12.0, A, ReOffer("existing"))),
                "new": (at(10.0, SERVER, ReOffer("new")),),
                "fingerprint": (at(10.0, A, ReOffer("existing", certificate=True)),),
                "tls-id": (at(10.0, A, ReOffer("existing", tls_id=True)),),
                "tcp": (at(10.0, A, CloseMedia("reset")), at(12.0, A, ReOffer("new")))},
            drops={**dict.fromkeys(("new", "fingerprint", "tls-id"), _MADE_ANEW), "tcp": (*_MADE_ANEW, ENDED)},
            adds={
                "sound": (Holds(REFUSED, seen.in_turn(
                    seen.refused_beside(ACCESS.wire, "audio"), seen.refused_beside(CORE.wire, "audio"))),),
                "new": (_RENEWED, _ANEW, Holds(GREETED, seen.later_tls_client("access", "gateway"))),
                "fingerprint": (
                    _RENEWED, _ANEW, _GREETED_UE,
                    Holds(CERTIFICATE, seen.in_turn(seen.another(ACCESS.wire, "offer", "fingerprint"), _EXISTING))),
                "tls-id": (
                    _RENEWED, _ANEW, _GREETED_UE,
                    Holds(NAMED, seen.in_turn(
                        seen.another(ACCESS.wire, "offer", "tls-id"), seen.another(ACCESS.wire, "answer", "tls-id"),
                        _EXISTING))),
                "tcp": (
                    _RENEWED, _ANEW, _GREETED_UE,
                    InOrder(DIED, (seen.comes(ACCESS, "RST"), seen.release_reported("access"), _NEW_OFFER,
                                   seen.sip_request("BYE", ACCESS.wire))))},
            shows={"tcp": ("no-close-notify",)}),
        "tls": Knob("tls", "TLS version between UE and IMS-AGW",
                    {"1.3": {A: {"tls_versions": ("1.3",)}}, "1.2": {A: {"tls_versions": ("1.2",)}}}, default="1.3"),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(floors.URI_SERVER)),
        at(3.0, A, RequestFloor("before")),
        at(4.0, A, ReleaseFloor()),
        at(30.0, A, RequestFloor("after")),
        at(31.0, A, ReleaseFloor()),
        at(60.0, A, HangUp()),
    ),
    expect=(
        Holds(OFFERED, seen.in_turn(
            seen.attribute(ACCESS.wire, "connection", offer="existing", answer="existing", exchange=2),
            seen.attribute(CORE.wire, "connection", offer="existing", answer="existing", exchange=2))),
        Holds(KEPT, seen.in_turn(seen.connections(ACCESS, 1), seen.connections(CORE, 1))),
        Holds(QUIET, seen.no_handshake_since(_NEW_OFFER, ACCESS.wire)),
        Holds(SPARING, seen.only_addresses_since(_NEW_OFFER)),
        Holds(floors.OFFERER_GREETS, seen.tls_client_follows("access", "offerer")),
        Eventually(BEFORE, _GRANTED),
        Eventually(AFTER, seen.after(_NEW_OFFER, _GRANTED)),
        Holds(CHECKED, seen.certificates_match("access")),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(ENDED, seen.tls_ends_before_tcp("access")),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the network takes each exchange for a negotiation of TLS: both ends send a ClientHello",
                 _CLASH, _CLASHES, rules=("bfcp-tls-client", "tls-alert")),
        Weakened("the network takes the offer of sound for a negotiation of TLS: both ends send a ClientHello",
                 _CLASH, _CLASHES, knobs={"offer": "sound"}, rules=("bfcp-tls-client", "tls-alert")),
        Weakened("the IMS-ALG ends the call when the connection dies", {"IMS-ALG": {"patience": 0.0}},
                 (RENEWED, AFTER), knobs={"offer": "tcp"},
                 no_rule="whether a call whose bearer is gone waits for a new offer or is released is the "
                 "operator's policy"),
        Weakened("the gateway closes TCP without close_notify", {"IMS-AGW": {"closes_tls": False}}, (ENDED,),
                 rules=("no-close-notify",)),
        Weakened("UE A presents another certificate", {A: {"presents": "another"}}, (BEFORE, AFTER, CHECKED),
                 rules=("fingerprint-mismatch", "tls-alert")),
    ),
    provisional="that a direction such as a=sendonly says nothing of BFCP, so that the gateway's gates stay open",
)
