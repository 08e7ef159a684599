"""The numbered rules of MSRP that octets alone can show, each fed in every cut to a session and to a rewriter."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
import pytest

from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp import wire
from workbench.protocols.msrp.machine import (
    Bindings,
    MessageDropped,
    MessageReceived,
    PeerViolation,
    Session,
    Transmit,
)
from workbench.protocols.msrp.messages import Request, Response
from workbench.protocols.msrp.rewriting import Back, Leg, Onward, between

PEER, OWN = "msrp://198.51.100.10:28550/uA3n7QwZ0kRb5YtH;tcp", "msrp://gw.example.com:28551/mP8vC2xLs6GdJ1eN;tcp"
FAR, NEAR = "msrp://192.0.2.50:6000/sB;tcp", "msrp://192.0.2.1:8000/lB;tcp"


def chunk(body: str | None, *headers: str, tid: str = "t1Kq8Zp4", what: str = "SEND", flag: str = "$", to: str = OWN,
          kind: str = "text/plain") -> bytes:
    lines = [f"MSRP {tid} {what}", f"To-Path: {to}", f"From-Path: {PEER}", "Message-ID: wb-0001", *headers]
    if body is not None:
        lines += [f"Content-Type: {kind}", "", body]
    return "\r\n".join([*lines, f"-------{tid}{flag}", ""]).encode()


class Rule(msgspec.Struct, frozen=True):
    """Octets of a peer's, what a session does with them, and a rewriter.

    Args:
        answers, bodies, dropped, broken: of the session.
        passed: 0 where the rewriter passes nothing, None where all.
        refused: what it answers itself.
    """

    number: str
    octets: bytes
    answers: tuple[int, ...] = (200,)
    bodies: tuple[bytes, ...] = ()
    dropped: int = 0
    broken: bool = False
    passed: int | None = None
    refused: tuple[int, ...] = ()


OUT_OF_ORDER = (
    chunk("EF", "Byte-Range: 5-6/6", tid="third123"), chunk("ab", "Byte-Range: 1-2/6", tid="first123", flag="+"),
    chunk("cd", "Byte-Range: 3-4/6", tid="second12", flag="+"))
SWAPPED = f"MSRP abcd1234 SEND\r\nFrom-Path: {PEER}\r\nTo-Path: {OWN}\r\n-------abcd1234$\r\n".encode()
RULES = (
    Rule("M1", b"MSRP abc SEND\r\n", answers=(), broken=True, passed=0),
    Rule("M2", SWAPPED, answers=(400,), passed=0, refused=(400,)),
    Rule("M3", chunk("hi\r\n-------t1Kq8Zp5$\r\n-------t1Kq8Zp$"),
         bodies=(b"hi\r\n-------t1Kq8Zp5$\r\n-------t1Kq8Zp$",)),
    Rule("M4", chunk("hi\r\n-------other123$\r\nho"), bodies=(b"hi\r\n-------other123$\r\nho",)),
    Rule("M5", b"".join(OUT_OF_ORDER), answers=(200, 200, 200), bodies=(b"abcdEF",)),
    Rule("M6", chunk("abcdef", "Byte-Range: 1-*/8", flag="+") + chunk("XYGH", "Byte-Range: 5-8/8"), answers=(200, 200),
         bodies=(b"abcdXYGH",)),
    Rule("M7", chunk("x" * 5000, "Byte-Range: 1-5000/5000"), answers=(400,)),
    Rule("M8", chunk("hi", "Failure-Report: no"), answers=(), bodies=(b"hi",)),
    Rule("M8", chunk("hi", "Failure-Report: no", to=FAR), answers=(), passed=0),
    Rule("M9", chunk("hi", "Failure-Report: partial"), answers=(), bodies=(b"hi",)),
    Rule("M9", chunk("hi", "Failure-Report: partial", to=FAR), answers=(481,), passed=0, refused=(481,)),
    Rule("M10", chunk(None, "Byte-Range: 1-2/2", "Status: 000 200 OK", what="REPORT"), answers=()),
    Rule("M10", chunk(None, "Byte-Range: 1-2/2", "Status: 000 200 OK", what="REPORT", to=FAR), answers=(), passed=0),
    Rule("M11", chunk("hi", to=OWN.replace("mP8", "MP8")), answers=(481,), passed=0, refused=(481,)),
    Rule("M12", chunk("hi", to=OWN.replace("gw.example", "GW.Example")), bodies=(b"hi",)),
    Rule("M14", chunk(None, what="FOO"), answers=(501,)),
    Rule("M15", chunk("hi", kind="image/png"), answers=(415,)),
    Rule("M16", chunk("hi", "Byte-Range: 1-*/9", "Success-Report: yes", flag="+") +
         chunk("ho", "Byte-Range: 3-*/9", "Success-Report: yes", flag="#"), answers=(200, 200), dropped=1),
    Rule("M26", chunk("x" * 60_000, "Byte-Range: 1-*/60000"), answers=(413,)),
    Rule("M29", chunk("hi", "Byte-Range: 1-*/9", flag="+") + chunk("ho", "Byte-Range: 3-*/9")[:-9], dropped=1),
    Rule("M30", chunk("\r\n-------t1Kq8Zp4\r\n") * 2, answers=(200, 200), bodies=(b"\r\n-------t1Kq8Zp4\r\n",) * 2),
)


def feeds(octets: bytes) -> Iterator[list[bytes]]:
    """Whole, octet by octet, and in two pieces cut at each octet (of a long one near its ends)."""
    yield [octets]
    yield [octets[at : at + 1] for at in range(len(octets))]
    near = len(octets) if len(octets) < 2000 else 300
    for at in {*range(1, near), *range(len(octets) - near, len(octets))}:
        yield [octets[:at], octets[at:]]


def ids() -> list[str]:
    return [f"{rule.number}-{index}" for index, rule in enumerate(RULES)]


@pytest.mark.parametrize("rule", RULES, ids=ids())
def test_a_session_keeps_the_rule_however_the_octets_are_cut(rule: Rule) -> None:
    for parts in feeds(rule.octets):
        count = itertools.count(1)
        one = Session(OWN, PEER, active=False, accept_types=["text/plain"], max_octets=50_000,
                      token=lambda size, count=count: f"b{next(count):0{size - 1}}")
        one.opened(0.0)
        events = [event for part in parts for event in one.receive_data(part, 0.0)] + one.ended(1.0)
        answers = [wire.decode(event.octets) for event in events if isinstance(event, Transmit)]
        assert tuple(one.status for one in answers if isinstance(one, Response)) == rule.answers
        assert tuple(event.body for event in events if isinstance(event, MessageReceived)) == rule.bodies
        assert len([event for event in events if isinstance(event, MessageDropped)]) == rule.dropped
        assert any(isinstance(event, PeerViolation) for event in events) is rule.broken


@pytest.mark.parametrize("rule", RULES, ids=ids())
def test_a_rewriter_passes_it_or_refuses_it_however_the_octets_are_cut(rule: Rule) -> None:
    """What the far end has to judge (types, ranges, unknown methods) reaches it; only paths are judged on the way."""
    for parts in feeds(rule.octets):
        forward, _ = between(Leg(uris.decode_path(OWN), uris.decode_path(PEER)),
                             Leg(uris.decode_path(NEAR), uris.decode_path(FAR)))
        events = [event for part in parts for event in forward.receive_data(part)] + forward.ended()
        onward = b"".join(event.octets for event in events if isinstance(event, Onward))
        back = b"".join(event.octets for event in events if isinstance(event, Back))
        expected = rule.octets.replace(OWN.encode(), FAR.encode()).replace(PEER.encode(), NEAR.encode())
        expected = expected.replace(OWN.replace("gw.example", "GW.Example").encode(), FAR.encode())
        assert onward == (expected if rule.passed is None else b"")
        assert tuple(one.message.status for one in wire.Reader().receive_data(back)) == rule.refused
        assert any(isinstance(event, PeerViolation) for event in events) is (rule.broken or rule.number == "M29")


def test_m13_a_second_connection_is_told_506_however_it_is_cut() -> None:
    for parts in feeds(chunk("hi")):
        shared = Bindings()
        first, second = (
            Session(OWN, PEER, active=False, accept_types=["*"], token=lambda size: "b" * size, bindings=shared)
            for _ in range(2))
        first.opened(0.0)
        second.opened(0.0)
        first.receive_data(chunk("hi"), 0.0)
        answers = [wire.decode(event.octets) for part in parts for event in second.receive_data(part, 0.0)
                   if isinstance(event, Transmit)]
        assert [answer.status for answer in answers] == [506]


def test_m18_the_first_octets_of_an_active_end_are_a_send_and_a_rewriter_passes_it() -> None:
    """Also without body: the far end of a gateway is bound by it (RFC 4975 §5.4)."""
    one = Session(PEER, OWN, active=True, accept_types=["*"], token=lambda size: "a" * size)
    (hello,) = one.opened(0.0)
    for parts in feeds(hello.octets):
        forward, _ = between(Leg(uris.decode_path(OWN), uris.decode_path(PEER)),
                             Leg(uris.decode_path(NEAR), uris.decode_path(FAR)))
        octets = b"".join(event.octets for part in parts for event in forward.receive_data(part))
        request = wire.decode(octets)
        assert isinstance(request, Request)
        assert (request.method, request.body) == ("SEND", None)
        assert (str(request.to_path[0]), str(request.from_path[0])) == (FAR, NEAR)
