"""A conference calls a UE, with a ticket in the offer that the UE has resolved; TLS by its key ends at the MRFP.

Source: TS 23.333 §5.20, §6.2.19.2.2; RFC 6043 §4.
"""

from __future__ import annotations

import msgspec

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.net.values import Endpoint
from workbench.nodes.orders import Call, CallOut, HangUp, SendText
from workbench.nodes.ue.faults import Faults
from workbench.scenarios import conference_edge as edge
from workbench.scenarios import conference_keys as keys

A, B = "UE A", "UE B"
URI_B = "sip:bob@home2.example"

INVITED = "the MRFC's offer to UE B leaves open who opens TCP, and UE B answers that it does"
OFFERED = "the MRFC's offer has TLS and a ticket in a=key-mgmt, and UE B answers with TRANSFER_RESP"
RESOLVED = "UE B asks the KMS to resolve the ticket, and the KMS does"
RESERVED = "the MRFP is told where UE B is, and that UE B opens TCP, when UE B has answered"
KEYED = "the MRFP is told to end TLS, and gets the key and its name"
ASKED = "the MRFC asks for reports of TCP and of TLS that do not come about"
TOGETHER = "both are in one context"
CLIENT = "UE B opens TCP to the MRFP, and is TLS client on it"
PSK = "TLS is up by pre-shared key: no certificate passes"
FROM_A = "what UE A says, which has no TLS, reaches UE B inside TLS"
FROM_B = "what UE B says inside TLS reaches UE A"
CONFIRMED = "UE B's message is confirmed, by the MRFP"
CLEAR = "nothing of UE B's MSRP is in the clear"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "all terminations are subtracted"

LEFT_TO_MRFP = "the MRFC's offer to UE B leaves open who opens TCP, and UE B answers that the MRFP does"
OPENS = "the MRFP is told where UE B is, and to open TCP, when UE B has answered"
SERVER = "the MRFP opens TCP to UE B, and is TLS client on it"
GRANTED = "the MRFC asks the KMS for the ticket, and gets it"
LET_GO = "UE B refuses the call, and its termination is subtracted"

_A = edge.participant(A, "sip:alice@home1.example", 201)
_B = msgspec.structs.replace(
    edge.participant(B, URI_B, 202), media_security=True, secures="e2e", answers="active",
    tickets=keys.tickets(URI_B))

_TRANSPORT = "TCP/TLS/MSRP"
_OF_TLS = (CLIENT, PSK, CLEAR)
_OF_WORDS = (FROM_A, FROM_B, CONFIRMED)

scenario = Scenario(
    id="mp-msrp-dial-out",
    title="MSRP dial-out with MIKEY-TICKET: the MRFC calls a UE, which has the ticket resolved by the KMS",
    family="Mp conference",
    clauses=("TS 23.333 §6.2.19.2.2", "TS 23.333 §5.20", "RFC 6043 §4", "RFC 4567 §3", "RFC 4279 §2"),
    workplan=("C14", "S3", "S4", "N19", "N20"),
    teaching=(
        "A conference that calls is the initiator of MIKEY-TICKET: it gets a ticket for the UE from the KMS, or makes "
        "it itself. The MRFP gives an address before anybody is called, because the offer needs one; where the UE is, "
        "who opens TCP and which key TLS has is known with the answer. UE B may be faster: its SYN is there when the "
        "key is still on its way, so the MRFP is told beforehand that TLS will have one, and waits with it."
    ),
    topology=keys.with_kms(edge.conference(_A, _B)).changed({"MRFC": {
        "tickets": keys.MADE_BY_CONFERENCE, "routes": {"home2.example": Endpoint("192.0.2.202", 5060)}}}),
    knobs={
        "setup": Knob(
            "setup", "a=setup of UE B's answer: it opens TCP and is TLS client (active), or the MRFP (passive)",
            {"active": {}, "passive": {B: {"answers": "passive"}}}, default="active",
            adds={"passive": (Holds(LEFT_TO_MRFP, seen.called_out(edge.CORE, "MRFC", "passive")),
                              Holds(OPENS, seen.configured_by_answer(edge.CORE, _TRANSPORT, "active")),
                              Holds(SERVER, seen.tls_client_of(B, "MRFP")))},
            drops={"passive": (INVITED, RESERVED, CLIENT)}),
        "key": Knob(
            "key", "when the MRFP gets the key: with where UE B is, or with an order of its own behind that",
            {"answered": {}, "late": {"MRFC": {"keys_at": "answered"}}}, default="answered"),
        "ticket": Knob(
            "ticket", "who makes the ticket: the MRFC (mode 3), or the KMS, which it asks (mode 1)",
            {"own": {}, "kms": {"MRFC": {"tickets": keys.OF_CONFERENCE}}}, default="own",
            adds={"kms": (Holds(GRANTED, seen.kms_answers("MRFC", "REQUEST")),)}),
        "fault": Knob(
            "fault", "what goes wrong: nothing, or UE B can't have the ticket resolved, and refuses the call",
            {"none": {}, "refused": {B: {"tickets": {"credential": keys.UNKNOWN}}}}, default="none",
            adds={"refused": (Holds(LET_GO, seen.refusal_lets_go(edge.CORE, "MRFC")),)},
            drops={"refused": (INVITED, OFFERED, RESOLVED, RESERVED, KEYED, *_OF_TLS, *_OF_WORDS, LEFT_TO_MRFP, OPENS,
                               SERVER)},
            shows={"refused": ("mikey-refused", "sip-refused")}),
        "tokens": edge.style_knob(),
    },
    shows=("key-readable",),
    script=(
        at(8.0, A, Call(edge.CONFERENCE)),
        at(9.0, "MRFC", CallOut(URI_B, edge.CONFERENCE)),
        at(25.0, A, SendText("Bob, are you there?")),
        at(26.0, B, SendText("I am, and nobody on the way reads it.")),
        at(60.0, B, HangUp()),
        at(61.0, A, HangUp()),
    ),
    expect=(
        Holds(INVITED, seen.called_out(edge.CORE, "MRFC", "active")),
        Holds(OFFERED, seen.key_mgmt_answered(edge.CORE)),
        Holds(RESOLVED, seen.kms_answers(B, "RESOLVE")),
        Holds(RESERVED, seen.configured_by_answer(edge.CORE, _TRANSPORT, "passive")),
        Holds(KEYED, seen.key_told(_TRANSPORT)),
        Holds(ASKED, seen.failure_reports_asked(_TRANSPORT, "tcp-change", "tls-change")),
        Holds(TOGETHER, seen.one_context()),
        Holds(CLIENT, seen.tls_client_of(B, B)),
        Holds(PSK, seen.keyed_by_psk(B)),
        Holds(FROM_A, seen.sent_on(A, (B,))),
        Holds(FROM_B, seen.sent_on(B, (A,))),
        Eventually(CONFIRMED, seen.delivered(B)),
        Holds(CLEAR, seen.msrp_protected(B)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("UE B leaves it to the MRFP to open TCP", {B: {"answers": "passive"}}, (INVITED, RESERVED, CLIENT),
                 no_rule="it may; then the MRFP opens TCP and is TLS client"),
        Weakened("UE B answers without TRANSFER_RESP", {B: {"faults": Faults(describes="bare")}},
                 (OFFERED, RESERVED, KEYED, FROM_A, CONFIRMED), drops=(*_OF_TLS, FROM_B),
                 rules=("transfer-response-missing",)),
        Weakened("UE B has another key than the KMS knows", {B: {"tickets": {"credential": keys.UNKNOWN}}},
                 (RESOLVED, KEYED, FROM_A, CONFIRMED), drops=(INVITED, OFFERED, RESERVED, *_OF_TLS, FROM_B),
                 rules=("mikey-refused", "sip-refused")),
        Weakened("the MRFC has no KMS, and calls without TLS", {"MRFC": {"tickets": None}}, (RESOLVED, CLEAR),
                 drops=(OFFERED, RESERVED, KEYED, ASKED, CLIENT, PSK), no_rule="nobody has asked for protection"),
        Weakened("the MRFC tells the MRFP to open TCP, although UE B does", {"MRFC": {"orders": "active"}},
                 (RESERVED, PSK, FROM_A, CONFIRMED), drops=(FROM_B, CLEAR),
                 rules=("gateway-role", "both-tls-clients", "tls-alert")),
        Weakened("the MRFP never gets the key", {"MRFC": {"keys_at": "never"}}, (KEYED, PSK, FROM_A, CONFIRMED),
                 drops=(FROM_B, CLEAR), rules=("handshake-unfinished",)),
        Weakened("the MRFC asks for no reports", {"MRFC": {"reports": False}}, (ASKED,),
                 no_rule="the events may be left out (steps of a flow)"),
        Weakened("UE A's port is closed, so that nobody is there when UE B is called", {A: {"listens": False}},
                 (TOGETHER, FROM_B), drops=(CLIENT, PSK, FROM_A), rules=("connection-refused",)),
        Weakened("the MRFP sends nothing on", {"MRFP": {"distributes": False}}, (FROM_A, FROM_B),
                 no_rule="each message is answered as it should be; whom it is for is the conference's business"),
        Weakened("UE B opens TCP, as it likes to", {B: {"answers": "active"}}, (LEFT_TO_MRFP, OPENS, SERVER),
                 knobs={"setup": "passive"}, no_rule="it may"),
        Weakened("the MRFC makes the ticket itself", {"MRFC": {"tickets": keys.MADE_BY_CONFERENCE}}, (GRANTED,),
                 knobs={"ticket": "kms"}, no_rule="it may (TS 23.333 §6.2.19.2.2)"),
        Weakened("the MRFC keeps the termination of who refuses", {"MRFC": {"lets_go": False}}, (LET_GO, RELEASED),
                 knobs={"fault": "refused"}, rules=("termination-left",)),
    ),
    provisional=(
        "how the Pre-Shared Key is coded in H.248 (a stand-in package without number), the PSK identity in TLS, the "
        "packages on Mp; what follows UE B's answer in TS 23.333 §6.2.19.2.2, of which steps 1 to 8 were read"),
)
