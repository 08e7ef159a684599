"""SCTP packets: values, checksum, and a field with a meaning for every octet."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.explain import catalogue
from workbench.errors import MalformedMessageError
from workbench.net import sctp
from workbench.net.packets import decode_ip, encode_ip
from workbench.net.packets_layout import spans
from workbench.net.sctp import Chunk, Data, crc32c, decode_data, decode_sctp, encode_data, encode_sctp
from workbench.net.values import Endpoint
from workbench.protocols.layout import Span, uncovered

A4, B4 = Endpoint("10.0.0.1", 2944), Endpoint("198.51.100.7", 2945)
A6, B6 = Endpoint("2001:db8::1", 2944), Endpoint("2001:db8:ffff::7", 2945)


def parameter(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value) + 4) + value + bytes(-len(value) % 4)


INIT_VALUE = struct.pack("!IIHHI", 7, 65535, 10, 10, 100)
CHUNKS = (
    encode_data(Data(5, 1, 2, 7, b"!/1 a T=1")),
    Chunk(sctp.INIT, 0,
          INIT_VALUE + parameter(5, bytes(4)) + parameter(6, bytes(16)) + parameter(0x8008, b"\xc0\x82\x0f")),
    Chunk(sctp.INIT_ACK, 0, INIT_VALUE + parameter(7, b"cookie!")),
    Chunk(sctp.SACK, 0, struct.pack("!IIHHHHI", 9, 1000, 1, 1, 2, 3, 8)),
    Chunk(sctp.HEARTBEAT, 0, parameter(1, b"now")), Chunk(sctp.HEARTBEAT_ACK, 0, parameter(1, b"now")),
    Chunk(sctp.ABORT, 1, parameter(12, b"bye")), Chunk(sctp.SHUTDOWN, 0, bytes(4)), Chunk(sctp.SHUTDOWN_ACK),
    Chunk(sctp.ERROR, 0, parameter(6, b"\x63\0\0\x04")), Chunk(sctp.COOKIE_ECHO, 0, b"cookie!"), Chunk(sctp.COOKIE_ACK),
    Chunk(sctp.SHUTDOWN_COMPLETE), Chunk(0xC0, 0, struct.pack("!IHH", 9, 1, 4)), Chunk(0xC1, 0, bytes(4)),
    Chunk(0x84, 0, bytes(5)), Chunk(99, 0, b"what"),
)
PACKETS = {
    **{sctp.chunk_name(chunk.type): encode_sctp(A4, B4, 77, (chunk,)) for chunk in CHUNKS},
    "all over ipv6": encode_sctp(A6, B6, 77, CHUNKS),
    "no chunks": encode_sctp(A4, B4, 77, ()),
    "cut header": encode_ip(A4.host, B4.host, 132, b"sctp"),
    "length of zero": encode_ip(A4.host, B4.host, 132, bytes(20)),
    "too long": encode_ip(A4.host, B4.host, 132, bytes(12) + b"\0\3\0\xff" + bytes(20)),
    "short data": encode_sctp(A4, B4, 77, (Chunk(0, 3, bytes(7)), Chunk(1, 0, b"\0"), Chunk(3, 0, b"\0"))),
}


@pytest.mark.parametrize(("octets", "value"), [
    (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)])
def test_crc32c(octets: bytes, value: int):
    """The check value of the polynomial, and the examples of RFC 3720 Appendix B.4."""
    assert crc32c(octets) == value


@pytest.mark.parametrize(("a", "b"), [(A4, B4), (A6, B6)], ids=["IPv4", "IPv6"])
def test_values_survive_the_wire(a: Endpoint, b: Endpoint):
    """Ports, tag and chunks are what was encoded, for both IP versions; the checksum holds."""
    packet = decode_sctp(decode_ip(encode_sctp(a, b, 0xDEADBEEF, CHUNKS)))
    assert (packet.source, packet.destination, packet.tag, packet.checksum_ok, packet.broken) == (
        a, b, 0xDEADBEEF, True, "")
    assert [(chunk.type, chunk.flags, chunk.value) for chunk in packet.chunks] == [
        (chunk.type, chunk.flags, chunk.value) for chunk in CHUNKS]


@given(st.builds(
    Data, st.integers(0, 2**32 - 1), st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 2**32 - 1),
    st.binary(min_size=1, max_size=9), st.booleans(), st.booleans(), st.booleans(), st.booleans()))
def test_data_survives_the_wire(data: Data):
    """Every field and flag of a DATA chunk."""
    assert decode_data(encode_data(data)) == data


@pytest.mark.parametrize("value", [b"", bytes(11), bytes(12)])
def test_data_without_user_data_is_refused(value: bytes):
    """A DATA chunk needs its fields and at least one octet (RFC 9260 §3.3.1, §6.2)."""
    with pytest.raises(MalformedMessageError) as caught:
        decode_data(Chunk(0, 3, value, 12))
    assert (caught.value.offset, caught.value.clause) == (14, "RFC 9260 §3.3.1")


def test_a_changed_octet_shows_in_the_checksum():
    """The checksum is a fact, not an error."""
    octets = bytearray(encode_sctp(A4, B4, 77, CHUNKS[:1]))
    octets[-1] ^= 1
    packet = decode_sctp(decode_ip(bytes(octets)))
    assert not packet.checksum_ok
    assert len(packet.chunks) == 1


def test_a_packet_cut_by_the_capture_has_no_wrong_checksum():
    """Where octets are missing nothing can be said of the checksum; the chunks that are whole are read."""
    octets = encode_sctp(A4, B4, 77, (*CHUNKS[:1], Chunk(99, 0, bytes(40))))[:-20]
    packet = decode_sctp(decode_ip(octets, whole=False))
    assert packet.checksum_ok
    assert [chunk.type for chunk in packet.chunks] == [0]
    leaves = {leaf.name: leaf.value for span in spans(octets) for leaf in span.leaves()}
    assert leaves["sctp.checksum"].endswith("not checked: the packet is cut short")


def test_chunks_before_a_broken_one_are_read():
    """What comes in front of a chunk that does not fit is there, and the break is named with its place."""
    whole = encode_sctp(A4, B4, 77, CHUNKS[:1])[20:]
    packet = decode_sctp(decode_ip(encode_ip(A4.host, B4.host, 132, whole + b"\3\0\0\x02")))
    assert [chunk.type for chunk in packet.chunks] == [0]
    assert packet.broken == f"SACK with a length of 2 at octet {len(whole) + 2} [RFC 9260 §3.2]"


def test_the_number_of_chunks_is_bounded():
    """A packet full of empty chunks is read up to a limit."""
    packet = decode_sctp(decode_ip(encode_ip(A4.host, B4.host, 132, bytes(12) + b"\x0b\0\0\4" * 16000)))
    assert len(packet.chunks) == 4096
    assert packet.broken.startswith("over 4096 chunks")


def names(found: tuple[Span, ...]) -> set[str]:
    return {name for span in found for name in {span.name} | names(span.children)}


@pytest.mark.parametrize("frame", PACKETS.values(), ids=PACKETS.keys())
def test_every_octet_has_a_field_with_a_meaning(frame: bytes):
    """Fields follow each other without gap or overlap, at every level, and each has an entry in the catalogue."""
    found = spans(frame)
    assert uncovered(found, 0, len(frame)) == []
    lacking = [name for name in names(found) if catalogue().find(name) is None]
    assert lacking == []


def test_values_read_as_people_write_them():
    """The fields of a DATA chunk and of an INIT."""
    leaves = {leaf.name: leaf.value for span in spans(PACKETS["DATA"]) for leaf in span.leaves()}
    assert leaves["sctp.chunk.type"] == "0 DATA"
    assert leaves["sctp.chunk.flags"] == "0x03 begins, ends"
    assert leaves["sctp.data.payload_protocol"] == "7 H.248"
    assert leaves["sctp.checksum"].endswith("right")
    (chunk,) = [span for span in spans(PACKETS["INIT"]) if span.name == "sctp.chunk"]
    assert chunk.value == "INIT tag 0x00000007"
    assert [part.value for part in chunk.children if part.name == "sctp.parameter"][:2] == [
        "IPv4 address 0.0.0.0", "IPv6 address ::"]


@settings(max_examples=300)
@given(st.binary(max_size=100), st.sampled_from(list(PACKETS.values())), st.integers(0, 200))
def test_garbage_is_laid_out_whole(garbage: bytes, frame: bytes, at: int):
    """No octets raise anything but the codec's error, and none is left out of the layout."""
    body = frame[20:][:at] + garbage
    octets = encode_ip(A4.host, B4.host, 132, body)
    assert uncovered(spans(octets), 0, len(octets)) == []
    if len(body) >= 12:
        for chunk in decode_sctp(decode_ip(octets)).chunks:
            assert octets[20 + chunk.offset + 4 :][: len(chunk.value)] == chunk.value
