"""UDPTL in captures: where SDP or H.248 announced it, where it should be inside DTLS, and where nobody announced it."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import A, B, sip, udp, write
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.analyzing import analyze
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.carried.udptl import BY_CONTENT
from workbench.analysis.dissect import Dissector
from workbench.analysis.explain import coverage, explain_frame, explain_message
from workbench.analysis.pcapng import RAW, Packet
from workbench.analysis.report import Report
from workbench.analysis.values import Message
from workbench.net.values import Endpoint
from workbench.protocols.h248 import coding
from workbench.protocols.t38 import ifp, recorded, udptl
from workbench.protocols.t38.machine import Correction, Sender
from workbench.protocols.t38.messages import Indicator, UdptlPacket, indication

CNG, CED = (ifp.encode(indication(one)) for one in (Indicator.CNG, Indicator.CED))
SIP_A, SIP_B = Endpoint(A.host, 5060), Endpoint(B.host, 5060)
MGC, MG = Endpoint("192.0.2.10", 2944), Endpoint(B.host, 2944)
RTP = bytes.fromhex("80080001 000000a0 12345678") + bytes(160)


def packet(number: int, primary: bytes = CED) -> bytes:
    return udptl.encode(UdptlPacket(number, primary))


def offer(proto: str = "udptl", *, call: str = "1", media: str = "image", form: str = "t38", version: int = 0,
          at: Endpoint = B) -> bytes:
    body = "".join(f"{line}\r\n" for line in (
        "v=0", f"o=- 1 1 IN IP4 {at.host}", "s=-", f"c=IN IP4 {at.host}", "t=0 0",
        f"m={media} {at.port} {proto} {form}",
        f"a=T38FaxVersion:{version}"))
    return sip("INVITE sip:b@home2.example SIP/2.0", call, "INVITE", body)


def ordered(proto: str = "udptl", media: str = "image", form: str = "t38") -> bytes:
    """An Add that was answered: the gateway has said where it receives."""
    local = f"v=0\nc=IN IP4 {B.host}\nm={media} {B.port} {proto} {form}\n"
    return (f"MEGACO/2 [{MG.host}]:2944\nReply = 1 {{ Context = 7 {{ Add = ip/1/core/1 {{ Media {{ Stream = 1 {{ "
            f"Local {{\n{local}}} }} }} }} }} }}\n").encode()


def report(path: Path, *datagrams: bytes, before: tuple[bytes, ...] = (), back: tuple[bytes, ...] = ()) -> Report:
    """What is made of these datagrams from A to B, and back, behind what was signalled."""
    frames = [udp(0.1 * n, *((MG, MGC) if octets.startswith(b"MEGACO") else (SIP_B, SIP_A)), octets)
              for n, octets in enumerate(before)]
    frames += [udp(1.0 + 0.1 * n, A, B, octets) for n, octets in enumerate(datagrams)]
    frames += [udp(2.0 + 0.1 * n, B, A, octets) for n, octets in enumerate(back)]
    return analyze(write(path / "fax.pcapng", frames))


def media(made: Report) -> list[Message]:
    return [one for one in made.messages if one.source.port in (A.port, B.port)]


def told(made: Report) -> list[tuple[str, str]]:
    return [(one.protocol, one.summary) for one in media(made)]


@pytest.mark.parametrize("before", [
    (offer(),), (offer("UDPTL"),), (ordered(),), (ordered("udp"),), (offer(), ordered("udp", "-", "*")),
], ids=["SIP", "in capitals", "H.248", "H.248, t38 over udp", "SIP, and H.248 that only says udp"])
def test_what_was_announced_is_udptl(tmp_path, before):
    """In both directions, from the description on: towards the place that it names, and from there."""
    made = report(tmp_path, packet(0, CNG), before=before, back=(packet(0),))
    assert told(made) == [("UDPTL", "UDPTL 0 cng"), ("UDPTL", "UDPTL 0 ced")]
    assert [one.value.sequence for one in media(made)] == [0, 0]
    assert not any(one.protected or one.error for one in media(made))


def test_binary_h248_announces_too(tmp_path):
    """The same order in BER (H.248.1 annex A)."""
    binary = coding.encode(coding.decode(ordered().replace(b"ip/1/core/1", b"0x01020304"), "pretty"), "binary")
    frames = [udp(0.0, MG, MGC, binary), udp(1.0, A, B, packet(0))]
    made = analyze(write(tmp_path / "binary.pcapng", frames))
    assert [one.protocol for one in made.messages] == ["H.248", "UDPTL"]


def test_ipv6_however_it_is_written(tmp_path):
    """SDP may write an address in full and in capitals (RFC 5952 §2)."""
    ours, theirs = Endpoint("2001:db8::2", B.port), Endpoint("2001:db8::1", A.port)
    said = offer(at=Endpoint("2001:0DB8:0:0::2", B.port)).replace(b"IN IP4", b"IN IP6")
    frames = [udp(0.0, SIP_B, SIP_A, said), udp(1.0, theirs, ours, packet(0))]
    made = analyze(write(tmp_path / "six.pcapng", frames))
    assert [one.protocol for one in made.messages] == ["SIP", "UDPTL"]
    (session,) = made.sessions
    assert session.kind == "t38" and session.legs[0].frames == (2,)


def test_what_nobody_announced_is_unknown_and_says_what_it_may_be(tmp_path):
    """Content suggests, and the summary says that nothing else does."""
    first, second = media(report(tmp_path, packet(0), b"\x80\x01hello"))
    assert (first.protocol, first.summary) == ("unknown", f"UDP, 6 octets; may be UDPTL 0 ced{BY_CONTENT}")
    assert (second.protocol, second.summary) == ("unknown", "UDP, 7 octets")


@pytest.mark.parametrize("number", [0x0000, 0x0100, 0x1400, 0x16FE, 0x3FFF, 0x8000, 0xFFFF])
def test_any_sequence_number_is_one_on_a_clear_line(tmp_path, number):
    """The first octet of a clear packet is no sign of STUN, DTLS or RTP (RFC 7345 §5.2.2 is for other m= lines)."""
    (one,) = media(report(tmp_path, packet(number, bytes.fromhex("c001800004ffc80100ee")), before=(offer(version=3),)))
    assert (one.protocol, one.summary) == ("UDPTL", f"UDPTL {number} v21 hdlc-data")


@pytest.mark.parametrize(("number", "what"), [
    (0, "taken for STUN"), (0x1600, "taken for DTLS"), (0x16FE, "taken for DTLS"), (0x0500, "dropped")])
def test_clear_packets_on_a_dtls_leg_are_shown_as_such(tmp_path, number, what):
    """They are UDPTL, and what a receiver makes of the first octet is said (RFC 7345 §3, §5.2.2)."""
    made = report(tmp_path, packet(number), before=(offer("UDP/TLS/UDPTL"),))
    assert told(made) == [
        ("UDPTL", f"clear UDPTL on a DTLS leg: UDPTL {number} ced; first octet {number >> 8}: {what}")]
    assert not media(made)[0].protected


def test_other_octets_on_a_dtls_leg(tmp_path):
    """Neither DTLS nor STUN nor UDPTL: unknown, and said to be out of place."""
    made = report(tmp_path, RTP, b"\r\n", before=(offer("UDP/TLS/UDPTL"),))
    assert told(made) == [
        ("unknown", "neither DTLS nor STUN, on a DTLS leg: 172 octets; first octet 128: dropped"),
        ("UDP", "keep-alive (2 octets)")]


def test_one_protected_end_is_enough(tmp_path):
    """An answer that takes DTLS away leaves the leg one on which clear packets are out of place."""
    made = report(tmp_path, packet(0), before=(offer("UDP/TLS/UDPTL"), offer("udptl", at=A)))
    assert told(made)[0][1].startswith("clear UDPTL on a DTLS leg")


def test_what_does_not_decode_is_said(tmp_path):
    """An octet behind the end (T11), a length beyond the end (T12): UDPTL with its error and clause."""
    made = report(tmp_path, packet(0) + b"\x00", packet(1)[:-2] + b"\x01\x7f", before=(offer(),))
    assert told(made) == [("UDPTL", "UDPTL that does not decode, 7 octets"),
                          ("UDPTL", "UDPTL that does not decode, 6 octets")]
    assert all(one.error and one.value is None for one in media(made))


def test_audio_that_is_still_on_its_way_is_no_broken_fax(tmp_path):
    """A call that switches from audio to fax keeps its port: RTP arrives behind the offer of `udptl`."""
    made = report(tmp_path, RTP, packet(0), before=(offer("RTP/AVP", media="audio", form="8"), offer()))
    assert told(made) == [
        ("unknown", "UDP, 172 octets, where UDPTL was announced; may be RTP by its first octet"),
        ("UDPTL", "UDPTL 0 ced")]


def test_the_last_announcement_counts(tmp_path):
    """A place that gets another stream holds no fax any more."""
    made = report(tmp_path, packet(0), before=(offer(), offer("RTP/AVP", media="audio", form="8")))
    assert [one.protocol for one in media(made)] == ["unknown"]


@pytest.mark.parametrize(("version", "name"), [(0, "hdlc-sig-end"), (3, "hdlc-fcs-OK")])
def test_the_announced_version_reads_the_packets(tmp_path, version, name):
    """The same octets are one thing in version 0 and another one in version 3 (T.38 §7, 1998 and 2002)."""
    made = report(tmp_path, packet(0, bytes.fromhex("c00110")), before=(offer(version=version),))
    assert told(made) == [("UDPTL", f"UDPTL 0 v21 {name}")]


def test_a_peer_with_another_version_is_read_all_the_same(tmp_path):
    """`... 40` ends a frame in version 0 and is cut short in the others: SDP said 3, and the frame is told."""
    made = report(tmp_path, packet(0, bytes.fromhex("c002800002ffc80140")), before=(offer(version=3),))
    assert told(made) == [("UDPTL", "UDPTL 0 v21 hdlc-data hdlc-fcs-OK-sig-end: DIS")]


def test_a_lost_packet_is_made_good_and_said(tmp_path):
    """The packet behind the gap brings the lost one, and the T.30 frame in it is told there."""
    said = [one.octets for one in recorded.load().of("called")]
    for correction, words in ((Correction.REDUNDANCY, "rebuilds 12"), (Correction.NONE, "1 lost from 12 on")):
        sender = Sender(correction)
        packets = [sender.send(octets) for octets in said]
        del packets[12]
        made = report(tmp_path, *packets, before=(offer(),))
        assert [one.value.sequence for one in media(made) if words in one.summary] == [13]
    assert sum("DIS" in one.summary for one in media(made)) == 1


def test_copies_are_repeated(tmp_path):
    """An indicator that is sent three times is one message and two repetitions of it."""
    made = report(tmp_path, *3 * [packet(0)], before=(offer(),))
    assert [one.repeated for one in media(made)] == [False, True, True]


def test_every_octet_is_explained(tmp_path):
    """Whatever the first octet looks like, the frame of a clear packet is explained to its last octet."""
    data = bytes.fromhex("c001800004ffc80100ee")
    made = report(tmp_path, *(packet(number, data) for number in (0, 0x16FE, 0x2000, 0x3000, 0xFFFF)),
                  before=(offer(version=3),))
    for one in media(made):
        explained = explain_frame(made, one.frames[0])
        assert not coverage(explained).unexplained
        assert any(field.name.startswith("t38.") for field in _all(explained.fields))


@pytest.mark.parametrize(("version", "name"), [(0, "hdlc-sig-end"), (3, "hdlc-fcs-OK")])
def test_octets_are_explained_in_the_announced_version(tmp_path, version, name):
    """Frame and message say the same as the summary; a version in which the packet can't be read is passed over."""
    made = report(tmp_path, packet(0, bytes.fromhex("c00110")), packet(1, bytes.fromhex("c002800002ffc80140")),
                  before=(offer(version=version),))
    first, second = media(made)
    for fields in (explain_frame(made, first.frames[0]).fields, explain_message(made, first).fields):
        assert [one.value for one in _all(fields) if one.name == "t38.ifp.field_type"] == [name]
    kinds = [one.value for one in _all(explain_message(made, second).fields) if one.name == "t38.t30.control_field"]
    assert [kind.split()[0] for kind in kinds] == ["DIS"]


def _all(fields):
    for field in fields:
        yield field
        yield from _all(field.children)


def test_calls_that_use_a_port_one_after_the_other_have_a_flow_each(tmp_path):
    """Sequence numbers begin anew with another Call-ID, and that is no loss."""
    frames = [udp(0.0, SIP_B, SIP_A, offer()), *(udp(1.0 + 0.1 * n, A, B, packet(n)) for n in range(20)),
              udp(9.0, SIP_B, SIP_A, offer(call="2")), udp(9.5, A, B, packet(0, CNG))]
    made = analyze(write(tmp_path / "two.pcapng", frames))
    assert [len(flow.drafts) for flow in made.faxes] == [20, 1]
    assert media(made)[-1].summary == "UDPTL 0 cng"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["udptl", "UDP/TLS/UDPTL", "RTP/AVP"]))
def test_garbage_is_told_and_raises_nothing(octets, proto):
    """Any datagram, wherever it was announced."""
    dissector = Dissector(KeyLog.parse(""))
    for number, (at, _, frame) in enumerate((udp(0.0, SIP_B, SIP_A, offer(proto)), udp(1.0, A, B, octets),
                                             udp(1.1, B, A, octets)), 1):
        dissector.take(Packet(number, int(at * 1e9), "wire", RAW, frame, len(frame)))
    dissector.finish()
    assert len(dissector.drafts) == 3


def test_what_is_held_is_bounded(tmp_path):
    """A flood of announcements does not grow what is remembered."""
    dissector = Dissector(KeyLog.parse(""))
    for number in range(5000):
        place = Endpoint(f"10.0.{number >> 8}.{number & 255}", 4000)
        frame = udp(0.0, SIP_B, SIP_A, offer(call=str(number), at=place))[2]
        dissector.take(Packet(number + 1, 0, "wire", RAW, frame, len(frame)))
    assert len(dissector.announced._fax) == 4096


def test_flows_are_bounded(tmp_path, monkeypatch):
    """What is beyond the most flows, or the most messages, is still told, and nothing is held for it."""
    monkeypatch.setattr("workbench.analysis.carried.clear_flows._MOST_LIVE_FLOWS", 2)
    monkeypatch.setattr("workbench.analysis.carried.clear_flows._MOST_FLOWS", 3)
    monkeypatch.setattr("workbench.analysis.dissect.MOST_MESSAGES", 5)
    places = [Endpoint(f"192.0.2.{number}", 4000) for number in range(10, 15)]
    frames = [udp(1.0, SIP_B, SIP_A, offer()), *(udp(2.0 + n, place, B, packet(0)) for n, place in enumerate(places))]
    made = analyze(write(tmp_path / "many.pcapng", frames))
    assert [one.summary for one in made.messages[1:]] == 4 * ["UDPTL 0 ced"]
    assert len(made.faxes) == 3
    assert any("UDPTL flows beyond the first 3" in note for note in made.notes)
