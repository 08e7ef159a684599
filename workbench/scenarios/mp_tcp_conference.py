"""A messaging conference: three UEs call an MRFC, and their MSRP ends at its MRFP, which opens the connections.

Source: TS 23.333 §6.2.20.1.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import Call, CloseMedia, HangUp, SendFile, SendText
from workbench.scenarios import conference_edge as edge

A = "UE A"
B = "UE B"
C = "UE C"

ROLES = "each UE leaves it open who opens the connection, and the conference answers that it does"
TOLD = "the MRFP is told TCP/MSRP, address and path of the UE, its own path, and to start TCP as client"
ASKED = "the MRFC asks for a report of connections that do not come about"
TOGETHER = "all participants are in one context"
EARLY = "the MRFP's SYN to each UE is sent before the answer"
REACHED = "UEs take the MRFP's connection"
FROM_A = "what UE A says reaches UE B and UE C as it is"
FROM_B = "what UE B says reaches UE A and UE C as it is"
FROM_C = "UE C's file reaches UE A and UE B whole"
CONFIRMED = "UE A's message is confirmed, by the MRFP"
ANSWERED = "every H.248 request is answered without error"
RELEASED = "all terminations are subtracted"

ENDED = "the MRFP reports the failed connection; the MRFC ends UE B's call and subtracts its termination"
STILL_A = "what UE A says still reaches UE C"
STILL_C = "UE C's file still reaches UE A"
SILENT = "the MRFP reports that UE B does not answer its SYN; the MRFC ends UE B's call and subtracts its termination"
RESET = "each UE's SYN is reset by the MRFP, whose ports are closed"
GIVEN_UP = "the MRFP reports that no connection came; the MRFC ends that call and subtracts the termination"
LAST = "what UE C says with its FIN right behind it reaches UE A and UE B whole"
WAITS = "the MRFP is told TCP/MSRP, address and path of the UE, its own path, and to wait"
LEFT_OPEN = "each UE leaves it open who opens the connection, and the conference answers that the UE does"

_A = edge.participant(A, "sip:alice@home1.example", 201)
_B = edge.participant(B, "sip:bob@home2.example", 202)
_C = edge.participant(C, "sip:carol@home3.example", 203)

_LAST_WORDS = "I have to go now."
_WORDS = (FROM_A, FROM_B, FROM_C)
_STILL = (Holds(STILL_A, seen.sent_on(A, (C,))), Holds(STILL_C, seen.sent_on(C, (A,))))

scenario = Scenario(
    id="mp-tcp-conference",
    title="Messaging conference of three: MSRP ends at the MRFP, which opens TCP before the answer leaves",
    family="Mp conference",
    clauses=("TS 23.333 §6.2.20.1", "TS 23.333 §5.20", "RFC 4975 §4", "RFC 6714 §4"),
    workplan=("C14", "N7"),
    teaching=(
        "In a conference nothing is relayed: each connection ends at the MRFP, and what one UE says is a new MSRP "
        "message to each of the others. The MRFC decides who opens TCP, because it writes the answer: as it is going "
        "to say a=setup:active, it has the MRFP open the connection with the very order that reserves it. So the SYN "
        "may reach the UE before the answer does, and the UE, which offered actpass, has to be listening by then."
    ),
    topology=edge.conference(_A, _B, _C),
    knobs={
        "setup": Knob(
            "setup", "a=setup of the answer: the MRFP opens the connection (active), or the UE does (passive)",
            {"active": {}, "passive": {"MRFC": {"answers": "passive"}}}, default="active",
            adds={"passive": (Holds(LEFT_OPEN, seen.joins(edge.CORE, "actpass", "passive")),
                              Holds(WAITS, seen.reserves("TCP/MSRP", "passive", starts=False)))},
            drops={"passive": (ROLES, TOLD, EARLY)}),
        "fault": Knob(
            "fault", "what goes wrong: nothing; UE B's port is closed, or does not answer; the MRFP's ports are closed",
            {"none": {}, "closed": {B: {"listens": False}}, "silent": {B: {"accepts_after": 200.0}},
             "mrfp-closed": {"MRFP": {"listens": False}}}, default="none",
            implies={"mrfp-closed": {"setup": "passive"}},
            adds={"closed": (Holds(ENDED, seen.failure_ends_leg(edge.MEDIA, "MRFC")), *_STILL),
                  "silent": (Holds(SILENT, seen.failure_ends_leg(edge.MEDIA, "MRFC")), *_STILL),
                  "mrfp-closed": (Holds(RESET, seen.resets_each(edge.MEDIA)),
                                  Holds(GIVEN_UP, seen.failure_ends_leg(edge.MEDIA, "MRFC")))},
            drops={"closed": (*_WORDS, LAST), "silent": (*_WORDS, LAST),
                   "mrfp-closed": (REACHED, *_WORDS, CONFIRMED, LAST)},
            shows={"closed": ("connection-refused",), "silent": ("syn-unanswered",),
                   "mrfp-closed": ("connection-refused",)},
            conflicts={"closed": ("setup", "passive", "a UE that opens the connection itself needs no open port"),
                       "silent": ("setup", "passive", "a UE that opens the connection itself gets no SYN"),
                       "mrfp-closed": ("setup", "active", "an MRFP that opens the connection needs no open port")}),
        "leaves": Knob(
            "leaves", "how UE C leaves: with BYE, or with FIN right behind its last words", {"bye": {}, "fin": {}},
            default="bye",
            does={"fin": (at(40.0, C, SendText(_LAST_WORDS, waits=False)), at(40.0, C, CloseMedia("fin")))},
            adds={"fin": (Holds(LAST, seen.last_words_reach(edge.MEDIA, C, (A, B))),)}),
        "tokens": edge.style_knob(),
    },
    script=(
        at(8.0, A, Call(edge.CONFERENCE)),
        at(8.5, B, Call(edge.CONFERENCE)),
        at(9.0, C, Call(edge.CONFERENCE)),
        at(25.0, A, SendText("Is everybody here?")),
        at(26.0, B, SendText("Bob is.")),
        at(27.0, C, SendFile(6000, text=True)),
        at(60.0, A, HangUp()),
        at(61.0, B, HangUp()),
        at(62.0, C, HangUp()),
    ),
    expect=(
        Holds(ROLES, seen.joins(edge.CORE, "actpass", "active")),
        Holds(TOLD, seen.reserves("TCP/MSRP", "active", starts=True)),
        Holds(ASKED, seen.failure_reports_asked()),
        Holds(TOGETHER, seen.one_context()),
        Holds(EARLY, seen.opens_before_answer(edge.MEDIA)),
        Eventually(REACHED, seen.is_up(edge.MEDIA)),
        Holds(FROM_A, seen.sent_on(A, (B, C))),
        Holds(FROM_B, seen.sent_on(B, (A, C))),
        Holds(FROM_C, seen.sent_on(C, (A, B))),
        Eventually(CONFIRMED, seen.delivered(A)),
        Holds(ANSWERED, seen.every_order_is_answered()),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the MRFP sends nothing on", {"MRFP": {"distributes": False}}, (FROM_A, FROM_B, FROM_C),
                 no_rule="each message is answered as it should be; whom it is for is the conference's business"),
        Weakened("the MRFC has TCP started after the answer", {"MRFC": {"starts_tcp": "answered"}}, (TOLD, EARLY),
                 no_rule="TS 23.333 §6.2.20.1 shows the early SYN as its flow, and forbids no later one"),
        Weakened("the MRFC answers passive, and has the MRFP open the connection",
                 {"MRFC": {"answers": "passive", "orders": "active"}}, (ROLES, TOGETHER, REACHED, CONFIRMED),
                 rules=("gateway-role",)),
        Weakened("UE B's port is closed", {B: {"listens": False}}, (FROM_A, FROM_C), drops=(FROM_B,),
                 rules=("connection-refused",)),
        Weakened("the MRFC asks for no report of UE B's closed port", {"MRFC": {"reports": False}}, (ASKED, ENDED),
                 knobs={"fault": "closed"},
                 no_rule="nobody has asked for a report, so none is missing"),
        Weakened("the MRFC asks for no report of UE B's silence", {"MRFC": {"reports": False}}, (ASKED, SILENT),
                 knobs={"fault": "silent"}, no_rule="nobody has asked for a report, so none is missing"),
        Weakened("the MRFP's ports are open after all", {"MRFP": {"listens": True}}, (RESET, GIVEN_UP),
                 knobs={"fault": "mrfp-closed"}, no_rule="nothing is wrong then"),
        Weakened("the MRFC asks for no report of connections that do not come", {"MRFC": {"reports": False}},
                 (ASKED, GIVEN_UP), knobs={"fault": "mrfp-closed"},
                 no_rule="nobody has asked for a report, so none is missing"),
        Weakened("the MRFP sends nothing on of UE C's last words", {"MRFP": {"distributes": False}},
                 (FROM_A, FROM_B, FROM_C, LAST), knobs={"leaves": "fin"},
                 no_rule="each message is answered as it should be; whom it is for is the conference's business"),
        Weakened("the MRFC asks for no reports", {"MRFC": {"reports": False}}, (ASKED,),
                 no_rule="the event may be left out (R-6.2.20.1-2 is a step of a flow)"),
    ),
    provisional=(
        "the H.248 packages on Mp: TS 29.333 was not read, and those of Iq stand in for them; names of the TCP "
        "package's items (tcpbcc)"),
)
