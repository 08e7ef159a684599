"""A UE dials into a conference with TLS whose key comes from MIKEY-TICKET; at the MRFP that TLS ends.

Source: TS 23.333 §5.20, §6.2.19.2.1.
"""

from __future__ import annotations

import msgspec

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, SendText, SpeakClear
from workbench.nodes.tickets import MODE_3
from workbench.scenarios import conference_edge as edge
from workbench.scenarios import conference_keys as keys

A = "UE A"
B = "UE B"

GRANTED = "UE A asks the KMS for a ticket, and gets it"
RESOLVED = "the MRFC asks the KMS to resolve UE A's ticket, and the KMS does"
OFFERED = "UE A offers TLS with a=key-mgmt, and the conference answers with its own"
KEYED = "the MRFP is told to end TLS, and gets the key and its name"
ASKED = "the MRFC asks for reports of TCP and of TLS that do not come about"
TOGETHER = "both are in one context"
CLIENT = "the MRFP opens TCP to UE A, and is TLS client on it"
PSK = "TLS is up by pre-shared key: no certificate passes"
FROM_A = "what UE A says inside TLS reaches UE B, which has none"
FROM_B = "what UE B says reaches UE A inside TLS"
CONFIRMED = "UE A's message is confirmed, by the MRFP"
CLEAR = "nothing of UE A's MSRP is in the clear"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "all terminations are subtracted"

SERVER = "UE A opens TCP to the MRFP, and is TLS client on it"
REPORTED = "the MRFP reports that TLS failed; the MRFC ends UE A's call and subtracts its termination"

ALERT = "a record that was not made with the key: the MRFP ends TLS with bad_record_mac, and both end TCP"
LOST = "the MRFP reports that the bearer is lost; the MRFC ends UE A's call and subtracts its termination"
UNKNOWN = "the TLS server does not know the name of the key, and says so: unknown_psk_identity"
REFUSED = "the MRFC refuses UE A's call with 488, and reserves nothing for it"
UNANSWERED = "the MRFC refuses UE A's call with 500, and reserves nothing for it"

_URI_A = "sip:ue-a@ims.example"
_A = msgspec.structs.replace(
    edge.participant(A, _URI_A, 201), media_security=True, secures="e2e", tickets=keys.tickets(_URI_A))
_B = edge.participant(B, "sip:bob@home2.example", 202)

_TRANSPORT = "TCP/TLS/MSRP"
_FORGED = bytes.fromhex("1703030020") + bytes(32)
"""A record of TLS (RFC 5246 §6.2.3) that nobody who has the key has made, or whose octets were changed on the way."""
_OF_TLS = (OFFERED, KEYED, ASKED, CLIENT, PSK)
_FAILED = (Holds(REPORTED, seen.failure_ends_leg(edge.MEDIA, "MRFC", layer="tls")),)
_WITHOUT_A = (RESOLVED, *_OF_TLS, FROM_A, FROM_B, CONFIRMED, CLEAR, SERVER)


def _refused(name: str, status: int) -> Holds:
    return Holds(name, seen.refused_without_a_reservation(edge.CORE, A, status, _TRANSPORT))


scenario = Scenario(
    id="mp-msrp-dial-in",
    title="MSRP dial-in with MIKEY-TICKET: the MRFP is TLS client with the key that the MRFC gives it",
    family="Mp conference",
    clauses=("TS 23.333 §6.2.19.2.1", "TS 23.333 §5.20", "RFC 4279 §2", "RFC 4567 §3", "RFC 4975 §14.4"),
    workplan=("C14", "S3", "S4", "N19", "N20"),
    teaching=(
        "For a UE the conference is the other end: UE A gets a ticket for it from the KMS, the MRFC has the ticket "
        "resolved, and TLS has no certificates. The MRFC has the keys, the MRFP has the connection; so the MRFC gives "
        "the traffic key over H.248, where it stands in the clear and the signalling needs protection of its own. UE "
        "B, who is in the same conference without TLS, reads what UE A says: end to end ends at the MRFP."
    ),
    topology=keys.with_kms(edge.conference(_A, _B)).changed({"MRFC": {"tickets": keys.OF_CONFERENCE}}),
    knobs={
        "setup": Knob(
            "setup", "a=setup of the answer: the MRFP opens TCP and is TLS client (active), or UE A (passive)",
            {"active": {}, "passive": {"MRFC": {"answers": "passive"}}}, default="active",
            adds={"passive": (Holds(SERVER, seen.tls_client_of(A, "UE A")),)}, drops={"passive": (CLIENT,)}),
        "key": Knob(
            "key", "when the MRFP gets the key: with the reservation, or when the call is answered (TLS waits for it)",
            {"reserved": {}, "late": {"MRFC": {"keys_at": "answered"}}}, default="reserved"),
        "keys": Knob(
            "keys", "where UE A and the MRFC have the key from: the KMS, which both ask, or configuration",
            {"kms": {}, "configured": {A: {"tickets": None, "keyed": keys.OF_UE},
                                       "MRFC": {"tickets": None, "keys": keys.OF_MRFC}}}, default="kms",
            drops={"configured": (GRANTED, RESOLVED)}),
        "fault": Knob(
            "fault", "what goes wrong: nothing; UE A has another key than the MRFP, or another name for it; a record "
            "of TLS is forged; the KMS does not know the MRFC, or does not answer it",
            {"none": {}, "wrong-key": {A: {"keyed": keys.OF_UE_WRONG}},
             "wrong-name": {A: {"keyed": keys.OF_UE_RENAMED}},
             "forged": {}, "kms-refuses": {"MRFC": {"tickets": {"credential": keys.UNKNOWN}}},
             "kms-silent": {"KMS": {"resolves": False}}}, default="none",
            implies={"wrong-key": {"keys": "configured"}, "wrong-name": {"keys": "configured"}},
            conflicts={"wrong-key": ("keys", "kms", "both ends have the key of the ticket"),
                       "wrong-name": ("keys", "kms", "both ends name it after the ticket"),
                       "kms-refuses": ("keys", "configured", "the KMS is not asked"),
                       "kms-silent": ("keys", "configured", "the KMS is not asked")},
            does={"forged": (at(40.0, A, SpeakClear(_FORGED)),)},
            adds={"wrong-key": _FAILED, "wrong-name": (*_FAILED, Holds(UNKNOWN, seen.name_unknown(A))),
                  "forged": (Holds(ALERT, seen.alert_ends_tcp("bad_record_mac", edge.MEDIA, A)),
                             Holds(LOST, seen.failure_ends_leg(edge.MEDIA, "MRFC", layer="bearer"))),
                  "kms-refuses": (_refused(REFUSED, 488),), "kms-silent": (_refused(UNANSWERED, 500),)},
            drops={"wrong-key": (TOGETHER, PSK, FROM_A, FROM_B, CONFIRMED, CLEAR),
                   "wrong-name": (TOGETHER, PSK, FROM_A, FROM_B, CONFIRMED, CLEAR),
                   "kms-refuses": _WITHOUT_A, "kms-silent": _WITHOUT_A},
            shows={"wrong-key": ("key-readable", "psk-wrong-key", "tls-alert"),
                   "wrong-name": ("key-readable", "psk-identity-unknown", "tls-alert"),
                   "forged": ("key-readable", "tls-alert"),
                   "kms-refuses": ("mikey-refused", "sip-refused"), "kms-silent": ("sip-refused",)}),
        "tokens": edge.style_knob(),
    },
    shows=("key-readable",),
    script=(
        at(8.0, A, Call(edge.CONFERENCE)),
        at(9.0, B, Call(edge.CONFERENCE)),
        at(25.0, A, SendText("Nobody on the way reads this.")),
        at(26.0, B, SendText("But I do.")),
        at(60.0, A, HangUp()),
        at(61.0, B, HangUp()),
    ),
    expect=(
        Holds(GRANTED, seen.kms_answers(A, "REQUEST")),
        Holds(RESOLVED, seen.kms_answers("MRFC", "RESOLVE")),
        Holds(OFFERED, seen.key_mgmt_answered(edge.CORE)),
        Holds(KEYED, seen.key_told(_TRANSPORT)),
        Holds(ASKED, seen.failure_reports_asked(_TRANSPORT, "tcp-change", "tls-change")),
        Holds(TOGETHER, seen.one_context()),
        Holds(CLIENT, seen.tls_client_of(A, "MRFP")),
        Holds(PSK, seen.keyed_by_psk(A)),
        Holds(FROM_A, seen.sent_on(A, (B,))),
        Holds(FROM_B, seen.sent_on(B, (A,))),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(CLEAR, seen.msrp_protected(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the MRFP sends nothing on", {"MRFP": {"distributes": False}}, (FROM_A, FROM_B),
                 no_rule="each message is answered as it should be; whom it is for is the conference's business"),
        Weakened("the MRFC asks for no reports", {"MRFC": {"reports": False}}, (ASKED,),
                 no_rule="the events may be left out (steps of a flow)"),
        Weakened("the MRFC sends the offer's a=key-mgmt back", {"MRFC": {"keys": keys.OF_MRFC_ECHO}}, (OFFERED,),
                 knobs={"keys": "configured"}, rules=("transfer-response-missing",)),
        Weakened("the MRFP never gets the key", {"MRFC": {"keys_at": "never"}}, (KEYED, FROM_B, CONFIRMED),
                 drops=(CLIENT, PSK, FROM_A, CLEAR),
                 no_rule="nobody begins TLS, and the MRFP reports after a time that it failed, as it should"),
        Weakened("the MRFC answers passive", {"MRFC": {"answers": "passive"}}, (CLIENT,),
                 no_rule="it may; then UE A opens TCP and is TLS client"),
        Weakened("UE A has another key", {A: {"keyed": keys.OF_UE_WRONG}}, (TOGETHER, PSK, FROM_B, CONFIRMED),
                 drops=(FROM_A, CLEAR), knobs={"keys": "configured"}, rules=("psk-wrong-key", "tls-alert")),
        Weakened("UE A offers no TLS", {A: {"media_security": False, "tickets": None}}, (GRANTED, RESOLVED, CLEAR),
                 drops=_OF_TLS, no_rule="nobody has asked for protection"),
        Weakened("UE A makes the ticket itself", {A: {"tickets": {"flags": MODE_3, "ticket_key": keys.OWN_OF_UE}}},
                 (GRANTED,), no_rule="it may (RFC 6043, mode 3)"),
        Weakened("the KMS does not know the MRFC", {"MRFC": {"tickets": {"credential": keys.UNKNOWN}}},
                 (RESOLVED, FROM_B, CONFIRMED), drops=(*_OF_TLS, FROM_A, CLEAR),
                 rules=("mikey-refused", "sip-refused")),
        Weakened("the MRFC knows no key for UE A's ticket", {"MRFC": {"keys": ()}}, (FROM_B, CONFIRMED),
                 drops=(*_OF_TLS, FROM_A, CLEAR), knobs={"keys": "configured"}, rules=("sip-refused",)),
        Weakened("UE A has the name and another key", {A: {"keyed": keys.OF_UE_WRONG}}, (UNKNOWN,),
                 knobs={"fault": "wrong-name"}, rules=("psk-wrong-key",)),
        Weakened("nothing protects UE A's stream", {A: {"media_security": False, "tickets": None}},
                 (GRANTED, RESOLVED, CLEAR, ALERT), drops=_OF_TLS, knobs={"fault": "forged"},
                 no_rule="nobody has asked for protection"),
        Weakened("the MRFC asks for no report of a bearer that is lost", {"MRFC": {"reports": False}}, (ASKED, LOST),
                 knobs={"fault": "forged"}, no_rule="nobody has asked for a report, so none is missing"),
        Weakened("the KMS knows the MRFC after all", {"MRFC": {"tickets": keys.OF_CONFERENCE}}, (REFUSED,),
                 knobs={"fault": "kms-refuses"}, rules=("key-readable",)),
        Weakened("the KMS answers after all", {"KMS": {"resolves": True}}, (UNANSWERED,),
                 knobs={"fault": "kms-silent"}, rules=("key-readable",)),
        Weakened("the MRFC asks for no report of TLS that fails", {"MRFC": {"reports": False}}, (ASKED, REPORTED),
                 knobs={"fault": "wrong-key"}, no_rule="nobody has asked for a report, so none is missing"),
    ),
    provisional=(
        "how the Pre-Shared Key is coded in H.248 (a stand-in package without number), the PSK identity in TLS, the "
        "packages on Mp; how MIKEY travels between a user and its KMS"),
)
