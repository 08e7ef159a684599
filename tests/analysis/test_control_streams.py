"""H.248 over SCTP and over TCP with TPKT: found again whatever the transport did to it, or told why not."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from capturing import A, Association, B, Talk, udp, write
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.analysis.analyzing import analyze
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.dissect import Dissector
from workbench.analysis.pcapng import RAW, Packet
from workbench.analysis.report import Report
from workbench.net.sctp import ABORT, HEARTBEAT, Chunk, encode_sctp
from workbench.net.values import Endpoint
from workbench.protocols.h248.tpkt import Framing, spans
from workbench.protocols.h248.transport import Tpkt
from workbench.protocols.layout import uncovered

START = b"MEGACO/2 [192.0.2.1]:2944\nTransaction = 1 { Context = - { ServiceChange = ROOT { Services { " \
        b"Method = Restart, Reason = 901 } } } }"
STARTED = b"MEGACO/2 [192.0.2.2]:2944\nReply = 1 { Context = - { ServiceChange = ROOT } }"
ADD = b"!/2 [192.0.2.2]:2944\nT=7{C=${A=ip/1/access/$}}"
ADDED = b"!/2 [192.0.2.1]:2944\nP=7{C=55{A=ip/1/access/17}}"
SUBTRACT = b"!/2 [192.0.2.2]:2944\nT=8{C=55{S=ip/1/access/17}}"
SUBTRACTED = b"!/2 [192.0.2.1]:2944\nP=8{C=55{S=ip/1/access/17}}"
CALL = ((0, START), (1, STARTED), (1, ADD), (0, ADDED), (1, SUBTRACT), (0, SUBTRACTED))
TOLD = ["ServiceChange Restart ROOT [1]", "Reply 1: ServiceChange ROOT", "Add ip/1/access/$ in $ [7]",
        "Reply 7: Add ip/1/access/17 in 55", "Subtract ip/1/access/17 in 55 [8]",
        "Reply 8: Subtract ip/1/access/17 in 55"]
MGC = Endpoint(B.host, 2944)


def h248(report: Report) -> list[str]:
    return [message.summary for message in report.messages if message.protocol == "H.248"]


def reported(tmp_path: Path, frames: list) -> Report:
    return analyze(write(tmp_path / "a.pcapng", frames))


# --- TPKT

@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 1000])
def test_tpkt_portions_do_not_matter(tmp_path: Path, size: int):
    """However TCP cuts the packets, the same messages; each names the frames that carried it."""
    talk = Talk().opens()
    for who, octets in CALL:
        framed = Tpkt.frame(octets)
        for at in range(0, len(framed), size):
            talk.says(who, framed[at : at + size])
    report = reported(tmp_path, talk.closes().frames)
    assert h248(report) == TOLD
    assert report.notes == []
    first = next(message for message in report.messages if message.protocol == "H.248")
    assert first.octets == START
    assert first.frames == tuple(range(4, 4 + -(-(len(START) + 4) // size)))


def test_several_messages_in_a_segment(tmp_path: Path):
    """Two packets and half of a third in one segment, the other half in the next."""
    third = Tpkt.frame(ADD)
    talk = Talk().opens().says(1, Tpkt.frame(STARTED) + Tpkt.frame(SUBTRACT) + third[:9]).says(1, third[9:])
    assert h248(reported(tmp_path, talk.frames)) == [TOLD[1], TOLD[4], TOLD[2]]


@pytest.mark.parametrize("wrong", [-7, 9, 40_000])
def test_a_wrong_length_is_told_and_the_next_packet_found(tmp_path: Path, wrong: int):
    """A length that is too small or too large costs one message at most, and is a note of the report."""
    broken = bytearray(Tpkt.frame(ADD))
    broken[2:4] = (len(broken) + wrong).to_bytes(2, "big")
    talk = Talk().opens().says(1, Tpkt.frame(STARTED)).says(1, bytes(broken)).says(1, Tpkt.frame(SUBTRACT))
    report = reported(tmp_path, talk.closes().frames)
    told = h248(report)
    assert told[0] == TOLD[1]
    assert told[-1] == TOLD[4]
    assert (TOLD[2] in told) == (wrong > 0)
    assert any("frame 5" in note and ("wrong length" in note or "outside of TPKT" in note) for note in report.notes)


def test_octets_between_packets_are_told(tmp_path: Path):
    """What is no packet is shown as it is, with the reason, and the next packet is read."""
    talk = Talk().opens().says(1, Tpkt.frame(STARTED) + b"\x99garbage\x03\x00\x00\x08!!!!" + Tpkt.frame(SUBTRACT))
    report = reported(tmp_path, talk.frames)
    assert h248(report) == [TOLD[1], TOLD[4]]
    lost = [message for message in report.messages if message.protocol == "unknown"]
    assert b"".join(message.octets for message in lost) == b"\x99garbage\x03\x00\x00\x08!!!!"
    assert "TPKT framing is lost: 153 where the TPKT version 3 has to be" in lost[0].error


def test_a_capture_from_the_middle_of_a_message(tmp_path: Path):
    """On H.248's port the rest of a message whose start was not captured does not hide the next one."""
    talk = Talk(A, MGC).says(1, Tpkt.frame(START)[30:]).says(1, Tpkt.frame(STARTED))
    assert h248(reported(tmp_path, talk.frames)) == [TOLD[1]]


def test_messages_behind_a_lost_segment(tmp_path: Path):
    """A hole in the capture costs the messages in it, not the rest."""
    talk = Talk().opens().says(1, Tpkt.frame(STARTED)).says(1, Tpkt.frame(ADD)[:20]).says(1, Tpkt.frame(ADD)[20:])
    talk.says(1, Tpkt.frame(SUBTRACT)).closes()
    del talk.frames[4]
    report = reported(tmp_path, talk.frames)
    assert h248(report) == [TOLD[1], TOLD[4]]
    assert any("lacks 20 octets" in note for note in report.notes)


def test_text_without_tpkt_is_told(tmp_path: Path):
    """A message on TCP without the header in front of it is not passed over in silence."""
    report = reported(tmp_path, Talk().opens().says(0, START).closes().frames)
    (lost,) = [message for message in report.messages if message.protocol == "unknown"]
    assert "77 where the TPKT version 3 has to be" in lost.error


def test_a_connection_that_breaks_off(tmp_path: Path):
    """The start of a message is told as unfinished."""
    report = reported(tmp_path, Talk().opens().says(0, Tpkt.frame(START)[:80]).resets(0).frames)
    assert h248(report) == ["unfinished message, 80 octets"]


def test_a_gateway_that_connects_again_is_the_same_gateway(tmp_path: Path):
    """A reply on a later connection, from another port, answers the order; the context goes on."""
    first = Talk(A, MGC).opens().says(1, Tpkt.frame(ADD)).says(0, Tpkt.frame(ADDED)).says(1, Tpkt.frame(SUBTRACT))
    again = Talk(Endpoint(A.host, 50_000), MGC, isn=(7, 77)).opens(at=5.0)
    again.says(0, Tpkt.frame(START)).says(1, Tpkt.frame(STARTED)).says(0, Tpkt.frame(SUBTRACTED))
    report = reported(tmp_path, first.resets(0).frames + again.frames)
    assert len(report.signalling.contexts) == 1
    assert [order.reply is not None for order in report.signalling.orders] == [True, True, True]
    assert not [finding for finding in report.findings if finding.rule == "order-unanswered"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([Tpkt.frame(ADD), Tpkt.frame(START)[:50], b"\3\0\0\5", b"\3\0\0\x40", b"\3",
                                 b"\3\0" * 40, b"x" * 9, b"\3\0\xff\xff"]), max_size=8),
       st.lists(st.integers(0, 400), max_size=6))
@example([Tpkt.frame(ADD), b"\3\0" * 40, Tpkt.frame(START)[:50], b"\3\0" * 40, Tpkt.frame(ADD)], [264])
def test_framing_loses_no_octet(parts: list[bytes], cuts: list[int]):
    """Pieces lie one behind the other and hold every octet, however they came; the layout covers all."""
    octets = b"".join(parts)
    whole = Framing()
    pieces = [*whole.receive_data(octets), *whole.finish()]
    assert b"".join(piece.octets for piece in pieces) == octets
    assert uncovered(spans(octets), 0, len(octets)) == []
    cut = Framing()
    edges = sorted({0, len(octets), *(min(place, len(octets)) for place in cuts)})
    portions = [piece for start, end in pairwise(edges)
                for piece in cut.receive_data(octets[start:end])] + cut.finish()
    assert b"".join(piece.octets for piece in portions) == octets
    assert [p.octets for p in portions if not p.lost] == [p.octets for p in pieces if not p.lost]


# --- SCTP

@pytest.mark.parametrize("size", [0, 1, 16, 40])
@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
def test_fragments_do_not_matter(tmp_path: Path, size: int, v6: bool):
    """However SCTP cuts the messages, over both IP versions, across the wrap of the TSN: the same messages."""
    ends = (Endpoint("2001:db8::1", 2944), Endpoint("2001:db8::2", 2944)) if v6 else (A, B)
    talk = Association(*ends).opens()
    for who, octets in CALL:
        talk.says(who, octets, size)
    report = reported(tmp_path, talk.closes().frames)
    assert h248(report) == TOLD
    assert [m.summary for m in report.messages if m.protocol == "SCTP"] == [
        "INIT", "INIT ACK", "COOKIE ECHO", "COOKIE ACK", "SHUTDOWN", "SHUTDOWN ACK", "SHUTDOWN COMPLETE"]
    assert report.notes == []
    assert [session.kind for session in report.sessions] == ["media", "control"]
    first = next(message for message in report.messages if message.protocol == "H.248")
    assert first.octets == START
    assert len(first.frames) == (-(-len(START) // size) if size else 1)


def test_bundled_and_reordered_chunks(tmp_path: Path):
    """Two messages and a fragment of a third in one packet; fragments out of order, from two streams."""
    talk = Association()
    third = talk.data(1, SUBTRACT, 20, stream=2)
    fourth = talk.data(1, ADD, 20, stream=3)
    frames = talk.put(1, *talk.data(1, STARTED), Chunk(HEARTBEAT), third[0], fourth[2]).put(1, third[2], fourth[0])
    frames.put(1, fourth[1], third[1])
    report = reported(tmp_path, talk.frames)
    assert h248(report) == [TOLD[1], TOLD[2], TOLD[4]]
    assert [message.frames for message in report.messages] == [(1,), (1, 2, 3), (1, 2, 3)]


def test_retransmissions_are_marked(tmp_path: Path):
    """The same TSN again is a repetition, on whatever path it comes; a fragment again changes nothing."""
    talk = Association()
    (whole,) = talk.data(1, ADD)
    parts = talk.data(1, SUBTRACT, 20)
    talk.put(1, whole).put(1, whole).put(1, parts[0]).put(1, parts[0])
    talk.ends = (talk.ends[0], Endpoint("198.51.100.9", talk.ends[1].port))    # another address of the same end
    talk.put(1, whole).put(1, *parts[1:])
    report = reported(tmp_path, talk.frames)
    assert [(m.summary, m.repeated) for m in report.messages] == [
        (TOLD[2], False), (TOLD[2], True), (TOLD[2], True), (TOLD[4], False)]
    assert report.notes == [
        "3 DATA chunks of the SCTP association 192.0.2.2:40002 - 192.0.2.1:40001 came again (the first in frame 2)"]


def test_the_ends_of_a_multihomed_association_are_the_same_parties(tmp_path: Path):
    """A reply that takes another path answers the order."""
    talk = Association(A, MGC).opens().says(1, ADD)
    talk.ends = (Endpoint("198.51.100.1", A.port), Endpoint("198.51.100.2", MGC.port))
    talk.says(0, ADDED)
    report = reported(tmp_path, talk.frames)
    assert [order.reply is not None for order in report.signalling.orders] == [True]


def test_a_wrong_checksum_is_noted_and_read(tmp_path: Path):
    """CRC32c that does not fit is told; what is in the packet is read."""
    talk = Association().says(1, ADD)
    time, wire, octets = talk.frames[0]
    spoilt = bytearray(octets)
    spoilt[20 + 8] ^= 0xFF
    report = reported(tmp_path, [(time, wire, bytes(spoilt))])
    assert h248(report) == [TOLD[2]]
    assert report.notes == ["frame 1 has a wrong SCTP checksum: CRC32c, RFC 9260 §6.8; read all the same"]


def test_other_payloads_and_chunks_are_named(tmp_path: Path):
    """What is not H.248 says what it is; an abort is shown; H.248 by its identifier that does not decode says why."""
    talk = Association().says(0, b"what?", ppid=46).says(0, b"what?", ppid=7).says(0, ADD, ppid=0)
    talk.put(0, Chunk(ABORT), Chunk(99))
    report = reported(tmp_path, talk.frames)
    assert [(m.protocol, m.summary) for m in report.messages] == [
        ("unknown", "SCTP, 5 octets, payload protocol 46 Diameter"), ("H.248", "does not decode: what?"),
        ("H.248", TOLD[2]), ("SCTP", "ABORT, chunk type 99")]


def test_chunks_in_front_of_a_break_are_read(tmp_path: Path):
    """A chunk whose length does not fit ends the packet, not the reading."""
    talk = Association()
    octets = bytearray(encode_sctp(A, B, 7, (*talk.data(0, ADD), Chunk(3, 0, bytes(4)))))
    octets[-6:-4] = b"\xff\xff"
    report = reported(tmp_path, [(0.0, "wire", bytes(octets))])
    assert h248(report) == [TOLD[2]]
    assert any("carries SCTP that does not decode" in note for note in report.notes)


def test_unfinished_messages_are_told(tmp_path: Path):
    """Fragments whose message never becomes whole."""
    talk = Association()
    for chunk in talk.data(0, START, 30)[1:]:
        talk.put(0, chunk)
    report = reported(tmp_path, talk.frames)
    assert report.messages == ()
    assert report.notes == [f"{-(-len(START) // 30) - 1} DATA chunks of the SCTP association 192.0.2.1:40001 - "
                            "192.0.2.2:40002 are part of messages that the capture does not hold whole"]


def dissected(frames: list[bytes]) -> Dissector:
    dissector = Dissector(KeyLog())
    for number, octets in enumerate(frames, 1):
        dissector.take(Packet(number, number, "wire", RAW, octets, len(octets)))
    dissector.finish()
    return dissector


def test_hostile_fragments_are_bounded():
    """First fragments without an end are let go, oldest first, and counted."""
    talk = Association()
    frames = []
    for _ in range(9000):
        talk.tsn[0] += 5
        (chunk, *_) = talk.data(0, bytes(600), 500)
        frames.append(encode_sctp(A, B, 7, (chunk,)))
    dissector = dissected(frames)
    assert dissector.drafts == []
    assert any("9000 DATA chunks" in note for note in dissector.notes)
    (association,) = dissector._associations._live.values()
    assert len(association.directions[0]._starts) <= 4096


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3))
def test_spoilt_packets_never_escape(seed: int, kind: int):
    """Packets of a conversation with octets changed, frames lost and swapped: a report, and no error."""
    lots = Random(seed)
    talk: Association | Talk = Association().opens() if kind % 2 else Talk().opens()
    for who, octets in CALL:
        talk.says(who, octets, 30) if isinstance(talk, Association) else talk.says(who, Tpkt.frame(octets))
    frames = [bytearray(octets) for _, _, octets in talk.frames]
    for _ in range(lots.randrange(1, 8)):
        frame = lots.choice(frames)
        frame[lots.randrange(20, len(frame))] = lots.randrange(256)
    if kind > 1:
        lots.shuffle(frames)
        del frames[lots.randrange(len(frames)) :]
    Report("x", dissected([bytes(frame) for frame in frames]), {}, len(frames), (), None, KeyLog())


# --- segmented replies

def test_a_reply_in_segments_is_joined(tmp_path: Path):
    """A reply of version 3 in three segments answers its order once it is whole, whatever their order."""
    order = b"!/3 [192.0.2.2]:2944\nT=9{C=${A=ip/1/a/$,A=ip/1/c/$}}"
    segments = [b"!/3 [192.0.2.1]:2944\nP=9/1{C=60{A=ip/1/a/1}}", b"!/3 [192.0.2.1]:2944\nP=9/2{C=60{A=ip/1/c/2}}",
                b"!/3 [192.0.2.1]:2944\nP=9/3/&{C=60{A=ip/1/c/3}}"]
    frames = [udp(0.0, B, A, order), *(udp(0.1 + n / 10, A, B, segments[n]) for n in (0, 2, 1))]
    frames.append(udp(0.5, B, A, b"!/3 [192.0.2.2]:2944\nSM=9/3/&"))
    report = reported(tmp_path, frames)
    assert h248(report) == [
        "Add ip/1/a/$, Add ip/1/c/$ in $ [9]", "Reply 9, segment 1: Add ip/1/a/1 in 60",
        "Reply 9, segment 3, the last: Add ip/1/c/3 in 60",
        "Reply 9, all segments: Add ip/1/a/1, Add ip/1/c/2, Add ip/1/c/3 in 60", "Segment 3 of 9"]
    (context,) = report.signalling.contexts
    assert (context.number, sorted(context.terminations)) == (60, ["ip/1/a/1", "ip/1/c/2", "ip/1/c/3"])
    (session,) = report.sessions
    assert session.frames == (1, 2, 3, 4, 5)
    assert not report.findings


def test_segments_of_a_reply_are_bounded():
    """Segments that never end do not pile up."""
    frames = [udp(0.0, B, A, b"!/3 [192.0.2.2]:2944\nT=9{C=1{AV=ip/1}}")[2]]
    frames += [udp(0.0, A, B, b"!/3 [192.0.2.1]:2944\nP=9/%d{C=1{AV=ip/1}}" % n)[2] for n in range(1, 1500)]
    report = Report("x", dissected(frames), {}, len(frames), (), None, KeyLog())
    assert "more than 1024" in report.messages[-1].error


def test_struct_sizes_of_hand_made_associations():
    """The hand-made associations of these tests number TSNs as SCTP does, around the wrap."""
    talk = Association()
    talk.data(1, b"abc", 1)
    assert talk.tsn[1] == 1
    assert struct.calcsize("!IIHHI") == 16
