"""BFCP over UDP and DTLS in captures: what SDP announced, what can be nothing else, fragments, repetitions, breaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from bfcp.bfcp_stage import ANN, CONFERENCE, FLOOR, Stage
from capturing import A, B, sdp, sip, udp, write
from dtls_pair import Pair, client, server
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.analyzing import analyze
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.dissect import Dissector
from workbench.analysis.explain import coverage, explain_frame
from workbench.analysis.pcapng import RAW, Packet
from workbench.analysis.report import Report
from workbench.net.values import Endpoint
from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.floors import Floor
from workbench.protocols.bfcp.machine import Participant
from workbench.protocols.bfcp.messages import UNRELIABLE, Message

SIP_A, SIP_B = Endpoint(A.host, 5060), Endpoint(B.host, 5060)
HELLO_ACK = bytes.fromhex("500c0000000010e1000100ea")


class Recorded(Stage):
    """A conference over datagrams that keeps what Ann sends and gets: time, whether she has sent it, the octets."""

    def __init__(self, **settings) -> None:
        self.datagrams: list[tuple[float, bool, bytes]] = []
        super().__init__(version=UNRELIABLE, **settings)

    def _parts(self, octets: bytes, user: int, way: str) -> list[bytes]:
        if user == ANN:
            self.datagrams.append((self.now, way == ">", octets))
        return super()._parts(octets, user, way)


def conference(**settings) -> Recorded:
    """Ann says hello, asks for the floor, gets it, and gives it back."""
    stage = Recorded(**settings)
    stage.join(ANN)
    stage.says(ANN, Participant.send_floor_request, [FLOOR])
    stage.until(1.0)
    (request,) = stage.clients[ANN].requests
    stage.says(ANN, Participant.send_floor_release, request)
    stage.until(30.0)
    return stage


def described(proto: str, *, answered: bool = True) -> list[tuple[float, Endpoint, Endpoint, bytes]]:
    """The offer of A and the answer of B that put BFCP there."""
    offer = sip("INVITE sip:b@home2.example SIP/2.0", "1", "INVITE", sdp(A.host, A.port, proto, "floorctrl:c-only"))
    answer = sip("SIP/2.0 200 OK", "1", "INVITE", sdp(
        B.host, B.port, proto, "floorctrl:s-only", f"confid:{CONFERENCE}", f"userid:{ANN}", f"floorid:{FLOOR}"))
    return [(0.0, SIP_A, SIP_B, offer), (0.1, SIP_B, SIP_A, answer)][: 1 + answered]


def report(path: Path, datagrams: list[tuple[float, bool, bytes]], proto: str = "", **settings) -> Report:
    frames = [udp(*one) for one in (described(proto) if proto else ())]
    frames += [udp(1.0 + at, *((A, B) if ours else (B, A)), octets) for at, ours, octets in datagrams]
    return analyze(write(path / "floor.pcapng", frames, **settings))


def told(made: Report) -> list[str]:
    return [one.summary for one in made.messages_of("BFCP")]


SAID = [
    "Hello 1 of user 234", "HelloAck 1 to user 234", "FloorRequest 2 of user 234 (floor 543)",
    "FloorRequestStatus 2 to user 234 (request 1 Granted)", "FloorRelease 3 of user 234 (request 1)",
    "FloorRequestStatus 3 to user 234 (request 1 Released)"]


@pytest.mark.parametrize("proto", ["UDP/BFCP", "udp/bfcp", ""], ids=["announced", "in small letters", "by content"])
def test_a_conversation_is_read(tmp_path, proto):
    """Messages with their values, every octet explained, and the holders of the floor; no rule finds anything."""
    made = report(tmp_path, conference().datagrams[0 if proto else 2:], proto)
    messages = list(made.messages_of("BFCP"))
    assert told(made)[:6] == SAID[0 if proto else 2:][:6]
    assert all(isinstance(one.value, Message) and not one.error and not one.protected for one in messages)
    assert not made.unread
    for one in messages:
        assert not coverage(explain_frame(made, one.frames[0])).unexplained
    assert not made.findings
    if proto:
        (session,) = [one for one in made.sessions if one.kind == "bfcp"]
        (floor,) = next(one for one in made.joined if one.session == session.id).floors
        assert [(one.user, one.end) for one in floor.holdings] == [(ANN, "Released")]


def test_a_header_alone_tells_too_little(tmp_path):
    """Twelve octets without an attribute may be anything, until something there is BFCP for sure."""
    made = report(tmp_path, [(0.0, False, HELLO_ACK)])
    assert not told(made) and made.messages[0].protocol == "unknown"
    stage = conference()
    after = [*stage.datagrams[2:], (9.0, False, HELLO_ACK)]
    assert told(report(tmp_path, after))[-1] == "HelloAck 1 to user 234"


def test_a_repetition_is_marked(tmp_path):
    """A lost answer: the request comes again (RFC 8855 §8.3.2), and is counted once."""
    made = report(tmp_path, conference(lose=lambda number: number == 4).datagrams, "UDP/BFCP")
    again = [one.summary for one in made.messages_of("BFCP") if one.repeated]
    assert SAID[2] in again and SAID[3] in again
    assert not made.findings


def test_fragments_are_put_together(tmp_path):
    """RFC 8855 §6.2.3: each is told with its place, and whichever comes last with the message."""
    stage = Recorded(floors=[Floor(number) for number in range(1, 40)])
    stage.join(ANN, max_datagram=64)
    stage.says(ANN, Participant.send_floor_request, list(range(1, 40)))
    parts = [one for one in stage.datagrams if one[2][0] & 8]
    assert len(parts) > 2
    for order in (parts, [*reversed(parts)]):
        made = report(tmp_path, order, "UDP/BFCP")
        messages = list(made.messages_of("BFCP"))
        assert [one.value is not None for one in messages] == [False] * (len(parts) - 1) + [True]
        assert "fragment: octets 0 to 48 of" in messages[order.index(parts[0])].summary
        assert messages[-1].value.floors == tuple(range(1, 40)) and not any(one.error for one in messages)
        assert not coverage(explain_frame(made, messages[0].frames[0])).unexplained


def test_broken_datagrams_are_told(tmp_path):
    """An attribute longer than its message, and version 1 over UDP, as programs from before RFC 8855 speak it."""
    sound = wire.encode(wire.decode(conference().datagrams[2][2]))
    broken = sound[:13] + b"\xff" + sound[14:]
    old = b"\x20" + sound[1:]
    made = report(tmp_path, [(0.0, True, broken), (0.1, True, old)], "UDP/BFCP")
    first, second = made.messages_of("BFCP")
    assert "does not decode" in first.summary and "RFC 8855" in first.error
    assert second.summary == SAID[2]
    assert not told(report(tmp_path, [(0.0, True, broken), (0.1, True, old)]))


def test_an_unanswered_request_is_found(tmp_path):
    """Over datagrams both ends ask: a server's status without acknowledgement is found, and ours without status."""
    stage = conference()
    cut = [one for one in stage.datagrams if wire.decode(one[2]).primitive != 4]
    (finding,) = [one for one in report(tmp_path, [*cut, (30.0, True, cut[0][2])], "UDP/BFCP").findings
                  if one.rule == "bfcp-unanswered"]
    assert "FloorRequest 2" in finding.explanation


def test_inside_dtls(tmp_path):
    """`UDP/TLS/BFCP`: with keys the messages are read, protected; without them nothing is guessed at."""
    stage = conference()
    pair = Pair(client(log_keys=True), server()).shaken()
    for at, ours, octets in stage.datagrams:
        who = pair.client if ours else pair.server
        pair.now = max(pair.now, at)
        pair.does(who, who.send(octets)).plays()
    made = report(tmp_path, pair.frames, "UDP/TLS/BFCP", secrets=pair.keylog + "\n")
    assert told(made)[:6] == SAID and all(one.protected for one in made.messages_of("BFCP"))
    assert made.dtls[0].protocol == "DTLS/BFCP"
    assert not told(report(tmp_path, pair.frames, "UDP/TLS/BFCP"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60).map(lambda tail: b"\x48\x08\x00\x04" + tail), max_size=20))
def test_any_datagrams_are_read(octets):
    """No exception, whatever fragments say of themselves, and what is held stays bounded."""
    dissector = Dissector(KeyLog.parse(""))
    for number, one in enumerate(octets, 1):
        offer = described("UDP/BFCP")[1] if number == 1 else (1.0, A, B, one)
        frame = udp(*offer)[2]
        dissector.take(Packet(number, number, "wire", RAW, frame, len(frame)))
    dissector.finish()
