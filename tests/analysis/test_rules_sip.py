"""Rules on SIP and SDP in general: what of a capture breaks each, and what keeps it."""

from __future__ import annotations

from pathlib import Path

from capturing import Frame, Talk, udp
from crafted_signalling import (
    ALG,
    ALG_CORE,
    ALICE,
    BOB,
    MG,
    MGC,
    asks,
    described,
    down,
    each,
    judged,
    reserved,
    responds,
    up,
)

CHALLENGE = ('WWW-Authenticate: Digest realm="home1.example", nonce="n"',)
ONWARDS = {"source": ALG_CORE, "to": BOB}
BACK = {"source": BOB, "to": ALG_CORE}
OFFER = described()
ANSWER = described("192.0.2.200 6000")
TWO = ("m=audio 5004 RTP/AVP 0",)
GONE_ON = 20.0


def over_tcp(data: Frame) -> list[Frame]:
    """The SIP of a datagram, sent on a connection instead."""
    return Talk(ALICE, ALG, "SIP").opens(at=data[0]).says(0, data[2][28:]).frames


def exchange(time: float, offer: str, answer: str, cseq: int = 1) -> list[Frame]:
    """An INVITE with its 200."""
    return [asks(time, "INVITE", offer, cseq=cseq), responds(time + 0.1, 200, "INVITE", answer, cseq=cseq)]


def lossy(count: int, again: int) -> list[Frame]:
    """So many OPTIONS, of which the first ones were sent twice."""
    frames = []
    for number in range(1, count + 1):
        frames += [asks(number + after, "OPTIONS", cseq=number, call=f"o{number}")
                   for after in ((0.0, 0.5) if number <= again else (0.0,))]
        frames.append(responds(number + 0.6, 200, "OPTIONS", cseq=number, call=f"o{number}"))
    return frames


def orders(count: int) -> list[Frame]:
    """So many orders, each sent twice before its reply."""
    return [frame for number in range(1, count + 1) for frame in (
        *(down(number + after, f"Transaction = {number} {{ Context = - {{ AuditValue = ROOT {{ Audit {{ }} }} }} }}")
          for after in (0.0, 0.5)), up(number + 0.6, f"Reply = {number} {{ Context = - {{ AuditValue = ROOT }} }}"))]


def at_two_places(frames: list[Frame]) -> list[Frame]:
    """What comes half a second later was captured at another place, and is not sent again."""
    return [(at, "there" if at % 1 == 0.5 else wire, octets) for at, wire, octets in frames]


BROKEN: list[tuple[str, str, list[Frame], str]] = [
    ("malformed", "SIP", [udp(1.0, ALICE, ALG, b"INVITE sip:b@home2.example SIP/2.0\r\nCSeq: what\r\n\r\n", "SIP")],
     "UE A sends SIP that does not decode"),
    ("malformed", "H.248", [down(1.0, "Transaction = 1 { Context = 7 { Subtract = * }")],
     "IMS-ALG sends H.248 that does not decode"),
    ("sip-unanswered", "repeated",
     [asks(1.0, "INVITE", OFFER), asks(1.5, "INVITE", OFFER), asks(2.5, "INVITE", OFFER)],
     "sends INVITE sip:b@home2.example (offer TCP/MSRP) to IMS-ALG, repeated 2 times; no response comes: no call"),
    ("sip-unanswered", "on a connection", over_tcp(asks(1.0, "BYE")), "one side holds the call for alive"),
    ("invite-not-acknowledged", "accepted",
     [asks(1.0, "INVITE", OFFER), *(responds(at, 200, "INVITE", ANSWER) for at in (1.1, 1.6, 2.6))],
     "UE A sends no ACK: the response is repeated, and after 32 s the call is taken down with BYE"),
    ("invite-not-acknowledged", "refused", [asks(1.0, "INVITE", OFFER), responds(1.1, 486), responds(1.6, 486)],
     "answers INVITE with 486 Said, and UE A sends no ACK"),
    ("sip-refused", "488", [asks(1.0, "INVITE", OFFER), responds(1.1, 488, headers=('Warning: 304 x "no"',))],
     'refuses INVITE of UE A with 488 Not Acceptable Here (304 x "no"): nothing that the SDP offers'),
    ("sip-refused", "handed on",
     [asks(1.0, "INVITE", OFFER), asks(1.1, "INVITE", OFFER, **ONWARDS), responds(1.2, 486, **BACK),
      responds(1.3, 486)],
     "Peer B refuses INVITE of IMS-ALG with 486 Busy Here: the callee is busy"),
    ("sip-refused", "registration", [asks(1.0, "REGISTER"), responds(1.1, 403, "REGISTER")], "403 Forbidden"),
    ("cseq-backwards", "the same", [*exchange(1.0, OFFER, ANSWER, 7), asks(3.0, "BYE", cseq=7)],
     "UE A sends BYE with CSeq 7 after INVITE with CSeq 7 in the same dialog"),
    ("cseq-backwards", "lower", [*exchange(1.0, OFFER, ANSWER, 7), asks(3.0, "BYE", cseq=2)], "with CSeq 2"),
    ("answer-lines", "fewer", exchange(1.0, described("203.0.113.10 5000", *TWO), ANSWER),
     "IMS-ALG answers an offer with 1 m= line, where the offer has 2"),
    ("answer-lines", "another order",
     exchange(1.0, described("203.0.113.10 5000", *TWO),
              described("192.0.2.200 6004", "m=message 6000 TCP/MSRP *", media="audio", proto="RTP/AVP")),
     "with m=audio as line 1, where the offer has m=message"),
    ("answer-lines", "withdrawn", exchange(1.0, described("203.0.113.10 5000", "m=audio 0 RTP/AVP 0"),
                                           described("192.0.2.200 6000", *TWO)),
     "port 5004 in line 2, which the offer has withdrawn with port 0"),
    ("sdp-version", "offer", [*exchange(1.0, OFFER, ANSWER), *exchange(3.0, OFFER + "a=sendonly\r\n", ANSWER, 2)],
     "UE A sends another description in INVITE sip:b@home2.example under the same o= line (- 1 1 IN IP4 203.0.113.10)"),
    ("sdp-version", "answer", [*exchange(1.0, OFFER, ANSWER), *exchange(3.0, OFFER, ANSWER + "a=recvonly\r\n", 2)],
     "IMS-ALG sends another description in 200 Said"),
    ("connection-missing", "SIP", exchange(1.0, described(address=False), ANSWER),
     "the offer of UE A has m=message 5000 TCP/MSRP * and no c= line"),
    ("connection-missing", "Remote",
     [*reserved(), down(1.0, "Transaction = 2 { Context = 7 { Modify = ip/1/access/1 { Media { Stream = 1 { Remote {\n"
                             "v=0\nm=message 5000 TCP *\n} } } } } }"),
      up(1.1, "Reply = 2 { Context = 7 { Modify = ip/1/access/1 } }")],
     "the Remote of IMS-ALG has m=message 5000 TCP *"),
    ("repeated", "SIP", lossy(5, 3), "3 of 5 SIP requests of UE A to IMS-ALG were sent again"),
    ("repeated", "H.248", orders(3), "3 of 3 H.248 requests of IMS-ALG to IMS-AGW were sent again"),
]
KEPT: list[tuple[str, str, list[Frame], float]] = [
    ("malformed", "whole", [*exchange(1.0, OFFER, ANSWER), *reserved()], GONE_ON),
    ("sip-unanswered", "100", [asks(1.0, "INVITE", OFFER), responds(1.2, 100), asks(1.5, "INVITE", OFFER)], GONE_ON),
    ("sip-unanswered", "the answer was not captured", [asks(1.0, "INVITE", OFFER)], GONE_ON),
    ("sip-unanswered", "still time", [asks(1.0, "INVITE", OFFER), asks(1.5, "INVITE", OFFER)], 3.0),
    ("invite-not-acknowledged", "acknowledged",
     [asks(1.0, "INVITE", OFFER), responds(1.1, 200, "INVITE", ANSWER), responds(1.6, 200, "INVITE", ANSWER),
      asks(1.7, "ACK")], GONE_ON),
    ("invite-not-acknowledged", "past this hop",
     [asks(1.0, "INVITE", OFFER), responds(1.1, 200, "INVITE", ANSWER), responds(1.6, 200, "INVITE", ANSWER),
      asks(1.7, "ACK", to=BOB)], GONE_ON),
    ("invite-not-acknowledged", "the ACK was not captured", exchange(1.0, OFFER, ANSWER), GONE_ON),
    ("sip-refused", "challenged and cancelled",
     [asks(1.0, "REGISTER"), responds(1.1, 401, "REGISTER", headers=CHALLENGE), asks(2.0, "INVITE", OFFER, call="c2"),
      responds(2.1, 487, call="c2")], GONE_ON),
    ("sip-refused", "accepted", exchange(1.0, OFFER, ANSWER), GONE_ON),
    ("cseq-backwards", "higher", [*exchange(1.0, OFFER, ANSWER, 7), asks(3.0, "BYE", cseq=8)], GONE_ON),
    ("cseq-backwards", "CANCEL and ACK",
     [asks(1.0, "INVITE", OFFER, cseq=7), asks(1.2, "CANCEL", cseq=7), responds(1.3, 487, cseq=7),
      asks(1.4, "ACK", cseq=7)], GONE_ON),
    ("cseq-backwards", "another side", [*exchange(1.0, OFFER, ANSWER, 7), asks(3.0, "BYE", source=ALG, to=ALICE)],
     GONE_ON),
    ("answer-lines", "refused with port 0",
     exchange(1.0, described("203.0.113.10 5000", *TWO), described("192.0.2.200 6000", "m=audio 0 RTP/AVP 0")),
     GONE_ON),
    ("answer-lines", "on another hop",
     [asks(1.0, "INVITE", described("203.0.113.10 5000", *TWO)), asks(1.1, "INVITE", OFFER, **ONWARDS),
      responds(1.2, 200, "INVITE", ANSWER, **BACK)], GONE_ON),
    ("sdp-version", "higher",
     [*exchange(1.0, OFFER, ANSWER), *exchange(3.0, described(version=2) + "a=sendonly\r\n", ANSWER, 2)], GONE_ON),
    ("sdp-version", "nothing new", [*exchange(1.0, OFFER, ANSWER), *exchange(3.0, OFFER, ANSWER, 2)], GONE_ON),
    ("sdp-version", "of another UE",
     [asks(1.0, "INVITE", OFFER), responds(1.1, 183, "INVITE", ANSWER),
      responds(1.2, 200, "INVITE", ANSWER + "a=sendonly\r\n", tag="other")], GONE_ON),
    ("connection-missing", "at the stream",
     exchange(1.0, described(address=False) + "c=IN IP4 203.0.113.10\r\n", ANSWER),
     GONE_ON),
    ("connection-missing", "refused", exchange(1.0, OFFER, described("192.0.2.200 0", address=False)), GONE_ON),
    ("connection-missing", "to be chosen", reserved(), GONE_ON),
    ("repeated", "now and then", lossy(5, 2), GONE_ON),
    ("repeated", "of very many", lossy(80, 3), 90.0),
    ("repeated", "SIP at two places", at_two_places(lossy(5, 5)), GONE_ON),
    ("repeated", "H.248 at two places", at_two_places(orders(5)), GONE_ON),
]


@each(BROKEN, "words")
def test_what_breaks_a_rule_is_told(tmp_path: Path, rule: str, frames: list[Frame], words: str):
    """Once, with frames, in words that name who, what and where, and with what to check next."""
    (finding,) = judged(tmp_path, rule, [udp(0.0, MG, MGC, b"\r\n"), *frames], GONE_ON)
    assert words in finding.explanation
    assert finding.frames and finding.next


@each(KEPT, "until")
def test_what_keeps_a_rule_is_passed_over(tmp_path: Path, rule: str, frames: list[Frame], until: float):
    """As it should be; still in time; or what is missing may be missing in the capture only."""
    assert judged(tmp_path, rule, frames, until) == []


def test_each_rule_is_broken_and_kept_here():
    """No rule without both."""
    assert {rule for rule, *_ in BROKEN} == {rule for rule, *_ in KEPT}
