"""A UE dials into a conference with TLS whose key comes from MIKEY-TICKET; at the MRFP that TLS ends.

Source: TS 23.333 §5.20, §6.2.19.2.1.
"""

from __future__ import annotations

import msgspec

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, HangUp, SendText
from workbench.scenarios import conference_edge as edge
from workbench.scenarios import conference_keys as keys

A = "UE A"
B = "UE B"

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

_A = msgspec.structs.replace(
    edge.participant(A, "sip:ue-a@ims.example", 201), media_security=True, secures="e2e", keyed=keys.OF_UE)
_B = edge.participant(B, "sip:bob@home2.example", 202)

scenario = Scenario(
    id="mp-msrp-dial-in",
    title="MSRP dial-in with MIKEY-TICKET: the MRFP is TLS client with the key that the MRFC gives it",
    family="Mp conference",
    clauses=("TS 23.333 §6.2.19.2.1", "TS 23.333 §5.20", "RFC 4279 §2", "RFC 4567 §3", "RFC 4975 §14.4"),
    workplan=("C14", "S3", "S4", "N19", "N20"),
    teaching=(
        "For a UE the conference is the other end: they agree keys by MIKEY-TICKET, and TLS has no certificates. "
        "The MRFC has the keys, the MRFP has the connection; so the MRFC gives the traffic key over H.248, where it "
        "stands in the clear and the signalling needs protection of its own. UE B, who is in the same conference "
        "without TLS, reads what UE A says: end to end ends at the MRFP."
    ),
    topology=edge.conference(_A, _B).changed({"MRFC": {"keys": keys.OF_MRFC}}),
    knobs={
        "setup": Knob(
            "setup", "a=setup of the answer: the MRFP opens TCP and is TLS client (active), or UE A (passive)",
            {"active": {}, "passive": {"MRFC": {"answers": "passive"}}}, default="active",
            adds={"passive": (Holds(SERVER, seen.tls_client_of(A, "UE A")),)}, drops={"passive": (CLIENT,)}),
        "key": Knob(
            "key", "when the MRFP gets the key: with the reservation, or when the call is answered (TLS waits for it)",
            {"reserved": {}, "late": {"MRFC": {"keys_at": "answered"}}}, default="reserved"),
        "fault": Knob(
            "fault", "what goes wrong: nothing, or UE A has another key",
            {"none": {}, "wrong-key": {A: {"keyed": keys.OF_UE_WRONG}}}, default="none",
            adds={"wrong-key": (Holds(REPORTED, seen.failure_ends_leg(edge.MEDIA, "MRFC", layer="tls")),)},
            drops={"wrong-key": (TOGETHER, PSK, FROM_A, FROM_B, CONFIRMED, CLEAR)},
            shows={"wrong-key": ("key-readable", "psk-wrong-key", "tls-alert")}),
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
        Holds(OFFERED, seen.key_mgmt_answered(edge.CORE)),
        Holds(KEYED, seen.key_told("TCP/TLS/MSRP")),
        Holds(ASKED, seen.failure_reports_asked("TCP/TLS/MSRP", "tcp-change", "tls-change")),
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
                 rules=("transfer-response-missing",)),
        Weakened("the MRFP never gets the key", {"MRFC": {"keys_at": "never"}}, (KEYED, FROM_B, CONFIRMED),
                 drops=(CLIENT, PSK, FROM_A, CLEAR),
                 no_rule="nobody begins TLS, and the MRFP reports after a time that it failed, as it should"),
        Weakened("the MRFC answers passive", {"MRFC": {"answers": "passive"}}, (CLIENT,),
                 no_rule="it may; then UE A opens TCP and is TLS client"),
        Weakened("UE A has another key", {A: {"keyed": keys.OF_UE_WRONG}}, (TOGETHER, PSK, FROM_B, CONFIRMED),
                 drops=(FROM_A, CLEAR), rules=("psk-wrong-key", "tls-alert")),
        Weakened("UE A offers no TLS", {A: {"media_security": False, "keyed": None}},
                 (CLEAR,), drops=(OFFERED, KEYED, ASKED, CLIENT, PSK), no_rule="nobody has asked for protection"),
        Weakened("the MRFC knows no key for UE A's ticket", {"MRFC": {"keys": ()}}, (FROM_B, CONFIRMED),
                 drops=(OFFERED, KEYED, ASKED, CLIENT, PSK, FROM_A, CLEAR), rules=("sip-refused",)),
        Weakened("the MRFC asks for no report of TLS that fails", {"MRFC": {"reports": False}}, (ASKED, REPORTED),
                 knobs={"fault": "wrong-key"}, no_rule="nobody has asked for a report, so none is missing"),
    ),
    provisional=(
        "how the Pre-Shared Key is coded in H.248 (a stand-in package without number), the PSK identity in TLS, the "
        "packages on Mp; keys come from configuration on both sides, as a ticket and a KMS would give them"),
)
