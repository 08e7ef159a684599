"""Protocols are told by content, messages by their ends, whatever the ports and however TCP cuts."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import A, B, Talk, sdp, sip, udp, write
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.analyzing import analyze
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.dissect import Dissector
from workbench.analysis.pcapng import RAW, Packet
from workbench.analysis.report import Report
from workbench.net.packets import FIN, PSH, SYN, decode_ip, encode_unreachable
from workbench.net.values import Endpoint

SEND = (b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://b.example:2855/s;tcp\r\nFrom-Path: msrp://a.example:2855/t;tcp\r\n"
        b"Message-ID: m1\r\nByte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nhello\r\n-------a786hjs2$\r\n")
OK = (b"MSRP a786hjs2 200 OK\r\nTo-Path: msrp://a.example:2855/t;tcp\r\nFrom-Path: msrp://b.example:2855/s;tcp\r\n"
      b"-------a786hjs2$\r\n")
ADD = b"MEGACO/2 [192.0.2.2]:9\nTransaction = 7 { Context = $ { Add = ip/1/access/$ } }"
SHORT = b"!/2 [192.0.2.2]:9\nT=7{C=55{S=ip/1/access/17}}"
OPTIONS = sip("OPTIONS sip:b@home2.example SIP/2.0", "c1", "OPTIONS")


def told(path: Path, frames: list) -> list[tuple[str, str]]:
    return [(m.protocol, m.summary) for m in analyze(write(path / "a.pcapng", frames)).messages]


def test_datagrams_are_told_by_content(tmp_path: Path):
    """SIP, H.248 in both token lengths, keep-alives and the unknown, all on the same odd ports."""
    frames = [udp(n / 10, A, B, data) for n, data in enumerate([OPTIONS, ADD, SHORT, b"\r\n\r\n", b"\x80garbage"])]
    assert told(tmp_path, frames) == [
        ("SIP", "OPTIONS sip:b@home2.example"), ("H.248", "Add ip/1/access/$ in $ [7]"),
        ("H.248", "Subtract ip/1/access/17 in 55 [7]"), ("UDP", "keep-alive (4 octets)"),
        ("unknown", "UDP, 8 octets")]


def test_a_retransmission_is_marked_and_another_message_is_not(tmp_path: Path):
    """The same octets in the same direction again; the other direction is another message."""
    frames = [udp(0.0, A, B, ADD), udp(0.5, A, B, ADD), udp(0.6, B, A, ADD)]
    report = analyze(write(tmp_path / "a.pcapng", frames))
    assert [message.repeated for message in report.messages] == [False, True, False]


def test_what_does_not_decode_says_why(tmp_path: Path):
    """A message of a known protocol that breaks its grammar keeps its octets and names the place."""
    broken = b"MEGACO/2 [192.0.2.2]:9\nTransaction = 7 { Context = "
    report = analyze(write(tmp_path / "a.pcapng", [udp(0.0, A, B, broken)]))
    (message,) = report.messages
    assert (message.protocol, message.value, message.octets) == ("H.248", None, broken)
    assert "octet" in message.error


def test_an_unreachable_port_is_an_icmp_message(tmp_path: Path):
    """ICMP says what could not be reached."""
    sent = udp(0.0, A, B, ADD)
    back = (0.1, "wire", encode_unreachable(sent[2], decode_ip(sent[2]), B.host))
    assert told(tmp_path, [sent, back])[1] == ("ICMP", "destination unreachable: port (UDP to 192.0.2.2:40002)")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
def test_portions_do_not_matter(tmp_path: Path, size: int):
    """However TCP cuts MSRP, the same messages; each names the frames that carried it."""
    talk = Talk().opens()
    for who, octets in ((0, SEND), (1, OK), (0, SEND)):
        for at in range(0, len(octets), size):
            talk.says(who, octets[at : at + size])
    report = analyze(write(tmp_path / "a.pcapng", talk.closes().frames))
    assert [m.summary for m in report.messages] == [
        "SYN", "SYN, ACK", "SEND a786hjs2 (5 octets, $)", "200 OK a786hjs2", "SEND a786hjs2 (5 octets, $)",
        "FIN", "FIN"]
    first = report.messages[2]
    assert first.octets == SEND
    assert first.frames == tuple(range(4, 4 + -(-len(SEND) // size)))


def test_messages_behind_a_lost_segment_are_found_again(tmp_path: Path):
    """A hole in the capture costs the messages in it, not the rest, and is noted."""
    talk = Talk().opens().says(0, SEND).says(0, SEND[:60]).says(0, SEND[60:]).says(0, SEND).closes()
    del talk.frames[4]
    report = analyze(write(tmp_path / "a.pcapng", talk.frames))
    sent = [m for m in report.messages if m.protocol == "MSRP"]
    assert [m.summary for m in sent] == ["SEND a786hjs2 (5 octets, $)"] * 2
    assert any("lacks 60 octets" in note for note in report.notes)


def test_a_connection_from_the_middle_is_read(tmp_path: Path):
    """Without SYN nobody is known as client, and the messages are there."""
    report = analyze(write(tmp_path / "a.pcapng", Talk().says(0, SEND).says(1, OK).frames))
    assert [m.protocol for m in report.messages] == ["MSRP", "MSRP"]
    assert report.sessions[0].legs[0].tcp_client == ""


def test_sip_on_a_stream_is_cut_by_content_length(tmp_path: Path):
    """Two messages and a keep-alive in one segment, the second message's end in another."""
    invite = sip("INVITE sip:b@home2.example SIP/2.0", "c2", "INVITE", sdp(A.host, 7000, "TCP/MSRP", "setup:active"))
    talk = Talk().opens().says(0, OPTIONS + b"\r\n\r\n" + invite[:-20]).says(0, invite[-20:])
    assert told(tmp_path, talk.frames)[2:] == [
        ("SIP", "OPTIONS sip:b@home2.example"),
        ("SIP", "INVITE sip:b@home2.example (offer TCP/MSRP, setup active)")]


def test_a_refused_connection_says_so(tmp_path: Path):
    """RST in answer to a SYN; a repeated SYN is marked."""
    talk = Talk().put(0, SYN)
    talk.next[0] -= 1
    talk.put(0, SYN).resets(1)
    report = analyze(write(tmp_path / "a.pcapng", talk.frames))
    assert [(m.summary, m.repeated) for m in report.messages] == [
        ("SYN", False), ("SYN", True), ("RST, connection refused", False)]


def test_used_again_ports_are_another_connection(tmp_path: Path):
    """A new SYN after both sides closed starts anew."""
    first = Talk().opens().says(0, SEND).closes()
    second = Talk(isn=(77_000, 99_000)).opens(at=5.0).says(0, SEND).closes()
    report = analyze(write(tmp_path / "a.pcapng", first.frames + second.frames))
    assert sum(m.summary.startswith("SEND") for m in report.messages) == 2
    assert sum(len(session.legs) for session in report.sessions) == 2


def test_fragments_are_put_together(tmp_path: Path):
    """A datagram in IP fragments, out of order, is one message of all its frames."""
    whole = udp(0.0, A, B, ADD)[2]
    head, body = whole[:20], whole[20:]

    def part(at: int, end: int, more: bool) -> bytes:
        octets = bytearray(head + body[at:end])
        octets[2:4] = len(octets).to_bytes(2, "big")
        octets[6:8] = (more << 13 | at // 8).to_bytes(2, "big")
        return bytes(octets)

    frames = [(0.0, "wire", part(16, len(body), False)), (0.1, "wire", part(0, 16, True))]
    report = analyze(write(tmp_path / "a.pcapng", frames))
    assert [(m.protocol, m.frames) for m in report.messages] == [("H.248", (1, 2))]


def dissected(frames: list[bytes]) -> Dissector:
    dissector = Dissector(KeyLog())
    for number, octets in enumerate(frames, 1):
        dissector.take(Packet(number, number, "wire", RAW, octets, len(octets)))
    dissector.finish()
    return dissector


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=120), max_size=6))
def test_garbage_frames_never_escape(frames: list[bytes]):
    """Whatever a frame holds, a dissector notes it and raises nothing; a report can be made of it."""
    Report("x", dissected(frames), {}, len(frames), (), None, KeyLog())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"", b"MSRP ", SEND[:70], b"\x16\x03\x03", b"INVITE sip:a SIP/2.0\r\n", b"\x03\0\0\x20!/1 "]),
       st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=80)), max_size=8), st.booleans())
def test_garbage_streams_never_escape(start: bytes, said: list[tuple[int, bytes]], lossy: bool):
    """The same for what a connection carries, also with a hole in it."""
    talk = Talk().opens()
    if start:
        talk.says(0, start)
    for who, octets in said:
        talk.says(who, octets)
    talk.closes()
    if lossy and len(talk.frames) > 6:
        del talk.frames[4]
    dissector = dissected([octets for _, _, octets in talk.frames])
    Report("x", dissector, {}, len(talk.frames), (), None, KeyLog())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([ADD, SHORT, OPTIONS]), st.data())
def test_spoilt_datagrams_never_escape(octets: bytes, data: st.DataObject):
    """A message with octets changed decodes or says why not."""
    spoilt = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 5))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    Report("x", dissected([udp(0, A, Endpoint("192.0.2.3", 9), bytes(spoilt))[2]]), {}, 1, (), None, KeyLog())


def test_flags_of_hand_made_frames():
    """The hand-made conversations of these tests number FIN and data as TCP does."""
    talk = Talk().opens().says(0, b"abc").put(0, FIN | PSH)
    assert talk.next[0] == 1000 + 1 + 3 + 1
