"""RTP packets against the layout of RFC 3550, whatever a peer may send, and sound against the tables of G.711."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.explain import catalogue
from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.layout import uncovered
from workbench.protocols.rtp import g711, layout, wire
from workbench.protocols.rtp.messages import PCMA, PCMU, Extension, RtpPacket

# Written by hand from the figure in RFC 3550 §5.1, field by field.
PLAIN = "80 08 0001 000000a0 12345678 d5d5"
MARKED = "80 88 ffff fffffff0 00000001 d5"
FULL = "b2 60 0102 01020304 deadbeef 00000001 00000002 bede0001 10aabb00 0102 000003"
WORKED = {
    "plain": (PLAIN, RtpPacket(PCMA, 1, 160, 0x12345678, b"\xd5\xd5")),
    "marker": (MARKED, RtpPacket(PCMA, 0xFFFF, 0xFFFFFFF0, 1, b"\xd5", marker=True)),
    "all": (FULL, RtpPacket(96, 0x0102, 0x01020304, 0xDEADBEEF, b"\x01\x02", csrcs=(1, 2),
                            extension=Extension(0xBEDE, bytes.fromhex("10aabb00")), padding=3)),
    "empty": ("90 0d 0000 00000000 00000000 00000000", RtpPacket(13, 0, 0, 0, extension=Extension(0, b""))),
}
WORDS = catalogue()

packets = st.builds(
    RtpPacket, st.integers(0, 127).filter(lambda one: not 64 <= one < 96), st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF_FFFF), st.binary(max_size=40), st.booleans(),
    st.lists(st.integers(0, 0xFFFF_FFFF), max_size=15).map(tuple),
    st.none() | st.builds(Extension, st.integers(0, 0xFFFF), st.binary(max_size=6).map(lambda one: 4 * one)),
    st.integers(0, 255))


@pytest.mark.parametrize("name", WORKED)
def test_worked_packets(name):
    """Each field of the figure, and the same octets again."""
    octets, packet = bytes.fromhex(WORKED[name][0]), WORKED[name][1]
    assert wire.decode(octets) == packet
    assert wire.encode(packet) == octets


@given(packets)
def test_what_is_encoded_decodes_to_the_same_packet_and_is_explained_whole(packet):
    octets = wire.encode(packet)
    assert wire.decode(octets) == packet
    assert wire.looks_like_rtp(octets)
    found = layout.spans(octets)
    assert uncovered(found, 0, len(octets)) == []
    for leaf in (leaf for span in found for leaf in span.leaves()):
        entry = WORDS.find(leaf.name)
        assert leaf.name != layout.UNDECODED and entry is not None and entry.clause


@given(st.binary(max_size=64))
def test_whatever_comes_is_a_packet_or_malformed_and_no_octet_is_left_out(octets):
    """RFC 3550 §5.1: nothing else is raised; what decodes encodes again but for padding."""
    assert uncovered(layout.spans(octets), 0, len(octets)) == []
    try:
        packet = wire.decode(octets)
    except MalformedMessageError:
        return
    again = wire.encode(packet)
    assert len(again) == len(octets)
    assert again[: len(octets) - packet.padding] == octets[: len(octets) - packet.padding]


@pytest.mark.parametrize(("octets", "clause"), [
    (bytes.fromhex(PLAIN)[:11], "§5.1"), (b"\x40" + bytes.fromhex(PLAIN)[1:], "§5.1"),
    (bytes.fromhex(FULL)[:19], "§5.1"), (bytes.fromhex(FULL)[:22], "§5.3.1"), (bytes.fromhex(FULL)[:27], "§5.3.1"),
    (b"\xa0" + bytes.fromhex(PLAIN)[1:], "§5.1"), (b"\xa0" + bytes.fromhex(PLAIN)[1:-1] + b"\0", "§5.1"),
])
def test_cuts_and_wrong_values_are_refused_with_their_clause(octets, clause):
    """Short, version 1, sources and extension cut, more padding than payload, padding of none."""
    with pytest.raises(MalformedMessageError) as raised:
        wire.decode(octets)
    assert clause in raised.value.clause


@pytest.mark.parametrize("kind", [192, 200, 201, 202, 203, 204, 223])
def test_rtcp_is_recognised_and_not_taken_for_rtp(kind):
    """RFC 5761 §4: packet types of 192 to 223 are RTCP's."""
    octets = bytes([0x80, kind]) + bytes.fromhex("0006") + bytes(24)
    assert wire.looks_like_rtcp(octets) and not wire.looks_like_rtp(octets)
    assert [span.name for span in layout.spans(octets)] == ["rtp.rtcp"]
    with pytest.raises(MalformedMessageError):
        wire.decode(octets)


@pytest.mark.parametrize("packet", [
    RtpPacket(128, 0, 0, 0), RtpPacket(0, 1 << 16, 0, 0), RtpPacket(0, 0, 1 << 32, 0), RtpPacket(0, 0, 0, -1),
    RtpPacket(0, 0, 0, 0, csrcs=(0,) * 16), RtpPacket(0, 0, 0, 0, padding=256), RtpPacket(72, 0, 0, 0, marker=True),
    RtpPacket(0, 0, 0, 0, extension=Extension(0, b"123")),
])
def test_what_has_no_room_is_not_written(packet):
    """Nor is a payload type that with the marker would read as RTCP."""
    with pytest.raises(LocalProtocolError):
        wire.encode(packet)


# Sound

@pytest.mark.parametrize(("law", "octets"), [
    (g711.a_law, "3421 2134 b4a1 a1b4"), (g711.mu_law, "1e0b 0b1e 9e8b 8b9e"),
])
def test_a_milliwatt_of_1000_hz_is_the_published_one(law, octets):
    """G.711 tables 5 and 6: eight octets that repeat; 22,900 of 32,767 is 0 dBm0."""
    wave = [round(-22_900 * math.sin(math.pi / 8 + math.pi / 4 * at)) for at in range(8)]
    assert bytes(law(sample) for sample in wave) == bytes.fromhex(octets)


@pytest.mark.parametrize(("law", "silence"), [(g711.a_law, 0xD5), (g711.mu_law, 0xFF)])
def test_every_octet_stands_for_a_range_of_samples(law, silence):
    """All 256 octets are used; they change 255 times from the lowest sample to the highest; 0 is silence."""
    octets = [law(sample) for sample in range(-32_768, 32_768)]
    changes = sum(one != other for one, other in itertools.pairwise(octets))
    assert (len(set(octets)), changes, law(0)) == (256, 255, silence)


@pytest.mark.parametrize("payload_type", [PCMA, PCMU])
@pytest.mark.parametrize(("hertz", "turns"), [(g711.CNG_HERTZ, 11), (g711.CED_HERTZ, 21), (1_000, 10)])
def test_ten_milliseconds_hold_a_tone_whole(payload_type, hertz, turns):
    """As often as it turns in 80 samples, it goes from below to above zero: the sign bit of G.711 says so."""
    piece = g711.piece(payload_type, hertz)
    signs = [octet >> 7 for octet in piece]
    assert len(piece) == 80
    assert sum(before < after for before, after in zip(signs, [*signs[1:], signs[0]], strict=True)) == turns
    assert set(g711.piece(payload_type)) == {0xD5 if payload_type == PCMA else 0xFF}


@pytest.mark.parametrize(("payload_type", "hertz"), [(18, 0), (PCMA, 1_150)])
def test_other_sound_is_not_made(payload_type, hertz):
    with pytest.raises(LocalProtocolError):
        g711.piece(payload_type, hertz)
