"""A UE asks a conference for a floor: BFCP over TLS whose key comes from MIKEY-TICKET; at the MRFP that TLS ends.

Source: TS 23.333 §5.20, §6.2.13, §6.2.19.3.1, §8.44 to §8.49; RFC 8856 §8.
"""

from __future__ import annotations

import msgspec

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.conference import Conference
from workbench.nodes.orders import Call, CloseMedia, HangUp, ReleaseFloor, RequestFloor, WatchFloor
from workbench.protocols.bfcp.registry import Primitive, Status
from workbench.scenarios import conference_edge as edge
from workbench.scenarios import conference_keys as keys

A, B = "UE A", "UE B"
URI_A, URI_B = "sip:ue-a@ims.example", "sip:bob@home2.example"
USER_A, USER_B, FLOOR = 234, 235, 543
FLOORS = Conference(4321, FLOOR, {URI_A: USER_A, URI_B: USER_B})

OFFERED = "UE A offers BFCP over TLS with a=key-mgmt, and the conference answers with its own"
NAMED = "the answer says that the conference is floor control server, and who UE A is to it"
ROLES = "UE A leaves open who opens TCP, and the answer says that the MRFP does"
KEYED = "the MRFP is told to end TLS, and gets the key and its name"
ASKED = "the MRFC asks for reports of TCP and of TLS that do not come about"
TOGETHER = "both are in one context"
INVERTED = "the MRFP opens TCP to UE A, and UE A, the offerer, is TLS client on it"
PSK = "TLS is up by pre-shared key: no certificate passes"
CLEAR = "nothing of UE A's BFCP is in the clear"
GRANTED = "UE A hears inside TLS that it has the floor"
QUEUED = "UE B has to wait while UE A has the floor"
PASSED = "the floor goes from UE A to UE B, and never has two holders"
NEXT = "UE B hears that it has the floor when UE A gives it back"
FALLS = "UE A gets the floor again when UE B's connection ends"
TOLD = "with each termination the MRFP is told which floors there are, and asked to report decisions"
REPORTED = "the MRFP reports a grant before the user hears of it"
WAITED = "no user hears of a grant before Confirm Media Update has come for it"
CONFIRMED = "the MRFC confirms each grant that is reported"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "all terminations are subtracted"

BOTH_OPEN = "UE A opens TCP, and is TLS client on it"
TCP_REPORTED = "the MRFP reports that TCP failed; the MRFC ends UE A's call and subtracts its termination"
TLS_REPORTED = "the MRFP reports that TLS failed; the MRFC ends UE A's call and subtracts its termination"

PSK_TOO = "TLS of UE B is up by pre-shared key, too"
CLEAR_TOO = "nothing of UE B's BFCP is in the clear"
OWN = "each UE has a key of its own: the MRFP gets two, and TLS names each on its own connection"
RESOLVED = "the MRFC asks the KMS to resolve a ticket, and the KMS does"

_A = msgspec.structs.replace(
    edge.participant(A, URI_A, 201), media="bfcp", media_security=True, secures="e2e", keyed=keys.OF_UE)
_B = msgspec.structs.replace(edge.participant(B, URI_B, 202), media="bfcp")

_TRANSPORT = "TCP/TLS/BFCP"
_OF_FLOOR = (GRANTED, QUEUED, PASSED, NEXT, FALLS)
_OF_REPORTS = (REPORTED, WAITED, CONFIRMED)
_OF_TLS = (INVERTED, PSK, CLEAR)
_TOO = (PSK_TOO, CLEAR_TOO, OWN)

scenario = Scenario(
    id="mp-bfcp-dial-in",
    title="BFCP dial-in with MIKEY-TICKET: the MRFP opens TCP, and the UE is TLS client with the key of the ticket",
    family="Mp conference",
    clauses=("TS 23.333 §6.2.19.3.1", "TS 23.333 §6.2.13", "RFC 8856 §8", "RFC 8855 §13", "RFC 4279 §2"),
    workplan=("C14", "S3", "S4", "N19", "N20"),
    teaching=(
        "The floor control server of a conference is in the MRFP. With MSRP who opens TCP is TLS client, too; with "
        "BFCP the offerer is, so here the MRFP opens the connection and waits on it for UE A's ClientHello. One user "
        "at a time has the floor: UE B waits, and gets it when UE A gives it back; and when UE B's connection ends, "
        "the floor does not end with it. UE B has no TLS, which is its own business. Which floors there are the MRFC "
        "has told the MRFP with each termination; a grant is reported to it, and only when it has confirmed that media "
        "follow, the user hears of it: until then the request is Accepted."
    ),
    topology=keys.with_kms(edge.conference(_A, _B)).changed({
        "MRFC": {"keys": keys.OF_MRFC, "floors": {edge.CONFERENCE: FLOORS}}}),
    knobs={
        "setup": Knob(
            "setup", "a=setup of the answer: the MRFP opens TCP (active), or UE A does (passive); the TLS client stays",
            {"active": {}, "passive": {"MRFC": {"answers": "passive"}}}, default="active",
            adds={"passive": (Holds(BOTH_OPEN, seen.tls_client_of(A, "UE A")),)},
            drops={"passive": (ROLES, INVERTED)}),
        "keyed": Knob(
            "keyed", "who has TLS: UE A, with a key from configuration; or both, each with a ticket from a KMS",
            {"one": {}, "both": {A: {"keyed": None, "tickets": keys.tickets(URI_A)},
                                 B: {"media_security": True, "secures": "e2e", "tickets": keys.tickets(URI_B)},
                                 "MRFC": {"keys": (), "tickets": keys.OF_CONFERENCE},
                                 # Two handshakes have to come through bad wires.
                                 "MRFP": {"tls_guard": 60.0}}}, default="one",
            adds={"both": (Holds(RESOLVED, seen.kms_answers("MRFC", "RESOLVE")),
                           Holds(PSK_TOO, seen.keyed_by_psk(B, "BFCP")), Holds(CLEAR_TOO, seen.bfcp_protected(B)),
                           Holds(OWN, seen.own_keys(A, B)))}),
        "key": Knob(
            "key", "when the MRFP gets the key: with the reservation, or when the call is answered (TLS waits for it)",
            {"reserved": {}, "late": {"MRFC": {"keys_at": "answered"}}}, default="reserved"),
        "fault": Knob(
            "fault", "what goes wrong: nothing; UE A has another key; its port is closed; the MRFP begins TLS, too",
            {"none": {}, "wrong-key": {A: {"keyed": keys.OF_UE_WRONG}}, "closed": {A: {"listens": False}},
             "two-clients": {"MRFC": {"begins_tls": True}}}, default="none",
            adds={"wrong-key": (Holds(TLS_REPORTED, seen.failure_ends_leg(edge.MEDIA, "MRFC", layer="tls")),),
                  "closed": (Holds(TCP_REPORTED, seen.failure_ends_leg(edge.MEDIA, "MRFC")),),
                  "two-clients": (Holds(TLS_REPORTED, seen.failure_ends_leg(edge.MEDIA, "MRFC", layer="tls")),)},
            drops={"wrong-key": (TOGETHER, PSK, CLEAR, *_OF_FLOOR, *_OF_REPORTS),
                   "closed": (TOGETHER, *_OF_TLS, *_OF_FLOOR, *_OF_REPORTS, *_TOO),
                   "two-clients": (TOGETHER, *_OF_TLS, *_OF_FLOOR, *_OF_REPORTS, *_TOO)},
            shows={"wrong-key": ("key-readable", "psk-wrong-key", "tls-alert"),
                   "closed": ("connection-refused", "key-readable"),
                   "two-clients": ("bfcp-tls-client", "both-tls-clients", "key-readable", "tls-alert")},
            conflicts={"wrong-key": ("keyed", "both", "both ends have the key of the ticket"),
                       "closed": ("setup", "passive", "a UE that opens the connection itself needs no open port")}),
        "tokens": edge.style_knob(),
    },
    shows=("key-readable",),
    script=(
        at(8.0, A, Call(edge.CONFERENCE)),
        at(16.0, B, Call(edge.CONFERENCE)),
        at(25.0, A, WatchFloor()),
        at(25.0, B, WatchFloor()),
        at(26.0, A, RequestFloor("slides")),
        at(27.0, B, RequestFloor("a question", once_held=True)),
        at(28.0, A, ReleaseFloor(once_wanted=True)),
        at(29.0, A, RequestFloor("more slides")),
        at(50.0, B, CloseMedia("fin")),
        at(80.0, A, HangUp()),
        at(81.0, B, HangUp()),
    ),
    expect=(
        Holds(OFFERED, seen.key_mgmt_answered(edge.CORE)),
        Holds(NAMED, seen.in_turn(*(
            seen.says(edge.CORE, "answer", name, value) for name, value in (
                ("floorctrl", "s-only"), ("confid", "4321"), ("userid", str(USER_A)), ("floorid", str(FLOOR)))))),
        Holds(ROLES, seen.joins(edge.CORE, "actpass", "active")),
        Holds(KEYED, seen.key_told(_TRANSPORT)),
        Holds(ASKED, seen.failure_reports_asked(_TRANSPORT, "tcp-change", "tls-change")),
        Holds(TOGETHER, seen.one_context()),
        Holds(INVERTED, seen.tls_client_of(A, A, opener="MRFP")),
        Holds(PSK, seen.keyed_by_psk(A, "BFCP")),
        Holds(CLEAR, seen.bfcp_protected(A)),
        Eventually(GRANTED, seen.floor_status(USER_A, Status.GRANTED, edge.CORE, protected=True)),
        Holds(QUEUED, seen.in_order(
            seen.floor_status(USER_A, Status.GRANTED, edge.CORE),
            seen.floor_status(USER_B, Status.ACCEPTED, edge.CORE, queued=True),
            seen.floor_status(USER_B, Status.GRANTED, edge.CORE))),
        Holds(PASSED, seen.floor_passes(edge.CORE, (USER_A, USER_B))),
        Eventually(NEXT, seen.after(
            seen.floor_message(Primitive.FLOOR_RELEASE, USER_A, edge.CORE),
            seen.floor_status(USER_B, Status.GRANTED, edge.CORE))),
        Eventually(FALLS, seen.after(
            seen.comes(edge.MEDIA, "FIN"), seen.floor_status(USER_A, Status.GRANTED, edge.CORE))),
        Holds(TOLD, seen.floors_told(4321, FLOOR)),
        Holds(REPORTED, seen.granted_behind_report(edge.CORE)),
        Holds(WAITED, seen.granted_behind_confirmation(edge.CORE)),
        Holds(CONFIRMED, seen.grants_confirmed()),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the MRFP is told to be TLS client, too", {"MRFC": {"begins_tls": True}},
                 (INVERTED, PSK, *_OF_FLOOR), drops=(TOGETHER, CLEAR, *_OF_REPORTS),
                 rules=("bfcp-tls-client", "both-tls-clients", "tls-alert")),
        Weakened("the MRFC lets two have the floor at a time",
                 {"MRFC": {"floors": {edge.CONFERENCE: msgspec.structs.replace(FLOORS, holders=2)}}},
                 (TOLD, QUEUED, PASSED, NEXT, FALLS),
                 rules=("bfcp-refused", "floor-two-holders")),
        Weakened("the MRFP grants before it is confirmed", {"MRFP": {"waits_for_media": False}},
                 (REPORTED, WAITED), rules=("floor-granted-unconfirmed",)),
        Weakened("the MRFC never confirms", {"MRFC": {"confirms": False}}, (CONFIRMED, *_OF_FLOOR),
                 drops=(REPORTED, WAITED), no_rule="the MRFP denies in the end, and a user may be denied"),
        Weakened("the MRFC tells no floors", {"MRFC": {"tells_floors": False}}, (TOLD, REPORTED, WAITED),
                 drops=(CONFIRMED,), no_rule="floors may be the MRFP's own, and nobody has asked for reports"),
        Weakened("the MRFP leaves the floor with somebody who is gone", {"MRFP": {"passes_floors_on": False}},
                 (FALLS,), no_rule="UE A waits behind a holder, as anybody does, and how long is no matter of a rule"),
        Weakened("the MRFC knows UE A by another number",
                 {"MRFC": {"floors": {edge.CONFERENCE: Conference(4321, FLOOR, {URI_A: 7, URI_B: USER_B})}}},
                 (NAMED, GRANTED, QUEUED, PASSED, NEXT, FALLS),
                 no_rule="numbers of users are the conference's own"),
        Weakened("the MRFC asks for no reports", {"MRFC": {"reports": False}}, (ASKED,),
                 no_rule="the events may be left out (steps of a flow)"),
        Weakened("the MRFC sends the offer's a=key-mgmt back", {"MRFC": {"keys": keys.OF_MRFC_ECHO}}, (OFFERED,),
                 rules=("transfer-response-missing",)),
        Weakened("the MRFP never gets the key", {"MRFC": {"keys_at": "never"}}, (KEYED, PSK, *_OF_FLOOR),
                 drops=(TOGETHER, INVERTED, CLEAR, *_OF_REPORTS),
                 rules=("handshake-unfinished",)),
        Weakened("the MRFC answers passive", {"MRFC": {"answers": "passive"}}, (ROLES, INVERTED),
                 no_rule="it may; then UE A opens TCP, and is TLS client as before"),
        Weakened("UE A has another key", {A: {"keyed": keys.OF_UE_WRONG}}, (TOGETHER, PSK, *_OF_FLOOR),
                 drops=(CLEAR, *_OF_REPORTS),
                 rules=("psk-wrong-key", "tls-alert")),
        Weakened("UE A's port is closed", {A: {"listens": False}}, _OF_FLOOR,
                 drops=(TOGETHER, *_OF_TLS, *_OF_REPORTS),
                 rules=("connection-refused",)),
        Weakened("UE A offers no TLS", {A: {"media_security": False, "keyed": None}}, (CLEAR, GRANTED),
                 drops=(OFFERED, KEYED, ASKED, INVERTED, PSK), no_rule="nobody has asked for protection"),
        Weakened("UE A's offer has no key", {A: {"keyed": None}}, _OF_FLOOR,
                 drops=(OFFERED, NAMED, KEYED, ASKED, *_OF_TLS, *_OF_REPORTS), rules=("sip-refused",)),
        Weakened("UE B offers no TLS, and UE A does", {B: {"media_security": False, "tickets": None}},
                 (CLEAR_TOO, OWN), drops=(PSK_TOO,), knobs={"keyed": "both"},
                 no_rule="nobody has asked for protection there"),
        Weakened("the MRFP never gets a key", {"MRFC": {"keys_at": "never"}},
                 (KEYED, PSK, PSK_TOO, OWN, GRANTED, QUEUED, NEXT, FALLS),
                 drops=(TOGETHER, INVERTED, CLEAR, CLEAR_TOO, PASSED, *_OF_REPORTS),
                 knobs={"keyed": "both"},
                 rules=("handshake-unfinished",)),
        Weakened("the KMS does not know the MRFC", {"MRFC": {"tickets": {"credential": keys.UNKNOWN}}},
                 (RESOLVED, GRANTED, QUEUED, NEXT, FALLS),
                 drops=(OFFERED, NAMED, ROLES, KEYED, ASKED, TOGETHER, *_OF_TLS, *_TOO, PASSED, RELEASED,
                        TOLD, *_OF_REPORTS),
                 knobs={"keyed": "both"}, rules=("mikey-refused", "sip-refused")),
        Weakened("the MRFC asks for no report of TLS that fails", {"MRFC": {"reports": False}}, (ASKED, TLS_REPORTED),
                 knobs={"fault": "wrong-key"}, no_rule="nobody has asked for a report, so none is missing"),
    ),
    provisional=(
        "how the Pre-Shared Key and what a floor control server has to know are said in H.248 (a stand-in package "
        "without number each; SDP's own attributes in Local); that only grants are confirmed, and that a request whose "
        "grant is not confirmed within 10 s is denied (TS 23.333 §8.49 was not read); the packages on Mp; a key from "
        "configuration stands in for a ticket"),
)
