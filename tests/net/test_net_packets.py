"""IP, UDP, TCP and ICMP packets: round trips, checksums, what a NAT rewrites, and garbage."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.net import packets
from workbench.net.packets import ACK, FIN, PSH, SYN, Tcp
from workbench.net.values import Endpoint

A4, B4, N4 = Endpoint("10.0.0.1", 40000), Endpoint("198.51.100.7", 2855), Endpoint("203.0.113.9", 61000)
A6, B6, N6 = Endpoint("2001:db8::1", 40000), Endpoint("2001:db8:ffff::7", 2855), Endpoint("2001:db8:9::9", 61000)

hosts = st.one_of(*(st.tuples(st.ip_addresses(v=version), st.ip_addresses(v=version)) for version in (4, 6)))
ports = st.integers(0, 65535)


def slow_checksum(octets: bytes) -> int:
    """RFC 1071, word by word."""
    total = 0
    for at in range(0, len(octets), 2):
        total += int.from_bytes(octets[at : at + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@given(st.binary(max_size=200))
def test_the_checksum_is_the_one_of_rfc_1071(octets):
    """The remainder modulo 65535 is the one's complement sum, for odd sizes and all zeros too."""
    assert packets.checksum(octets) == slow_checksum(octets)


def test_the_checksum_of_a_known_header():
    """The worked example of RFC 791's header that textbooks use: 0xB861."""
    header = bytes.fromhex("45000073000040004011 0000 c0a80001c0a800c7")
    assert packets.checksum(header) == 0xB861


@given(hosts, ports, ports, st.binary(max_size=300))
def test_udp_survives_the_round_trip(pair, source_port, destination_port, data):
    """What is encoded decodes to the same, with right checksums, over IPv4 and IPv6."""
    source, destination = Endpoint(str(pair[0]), source_port), Endpoint(str(pair[1]), destination_port)
    ip = packets.decode_ip(packets.encode_udp(source, destination, data))
    assert ip.checksum_ok
    assert packets.decode_udp(ip) == packets.Udp(source, destination, data, True)


@given(hosts, ports, ports, st.integers(0, 2**32 - 1), st.integers(0, 255), st.binary(max_size=300), st.integers(0, 10))
def test_tcp_survives_the_round_trip(pair, source_port, destination_port, number, flags, data, words):
    """Segments with any flags and options keep every field."""
    source, destination = Endpoint(str(pair[0]), source_port), Endpoint(str(pair[1]), destination_port)
    segment = Tcp(source, destination, number, number ^ 0xFFFF, flags, 512, data, b"\x01" * 4 * words, 7)
    ip = packets.decode_ip(packets.encode_tcp(segment))
    assert ip.checksum_ok
    assert packets.decode_tcp(ip) == segment


def quoted(ip: packets.Ip) -> object:
    return packets.decode_quoted(packets.decode_icmp(ip))


@given(st.binary(max_size=120))
@settings(max_examples=300)
def test_garbage_is_malformed_or_decodes(octets):
    """Whatever octets there are, decoders raise MalformedMessageError or give a value (RFC 791, RFC 8200)."""
    for first in (octets[:1], b"\x45", b"\x4f", b"\x60"):
        frame = first + octets[1:]
        for whole in (True, False):
            try:
                ip = packets.decode_ip(frame, whole=whole)
            except MalformedMessageError as error:
                assert error.clause
                continue
            packets.endpoints(ip)
            for decode in (packets.decode_udp, packets.decode_tcp, quoted):
                try:
                    value = decode(ip)
                except MalformedMessageError:
                    continue
                if isinstance(value, Tcp):
                    assert value.mss is None or value.mss >= 0
                    assert value.window_scale is None or value.window_scale <= 14
        for change in (packets.rewrite, packets.rewrite_error):
            with contextlib.suppress(MalformedMessageError):
                change(frame)


@pytest.mark.parametrize("packet", [packets.encode_udp(A4, B4, b"data"), packets.encode_udp(A6, B6, b"data"),
                                    packets.encode_tcp(Tcp(A4, B4, 1, 2, SYN, 3))])
def test_every_cut_is_malformed(packet):
    """No prefix of a packet is taken for the packet."""
    for size in range(len(packet)):
        with pytest.raises(MalformedMessageError):
            packets.decode_ip(packet[:size])


def test_padding_of_the_link_is_no_payload():
    """Octets behind the total length do not belong to the packet (RFC 894)."""
    ip = packets.decode_ip(packets.encode_udp(A4, B4, b"x") + b"\0" * 17)
    assert packets.decode_udp(ip).data == b"x"


def test_a_wrong_checksum_is_a_fact_and_no_error():
    """Captures hold packets whose checksum the network card had yet to fill in."""
    packet = bytearray(packets.encode_tcp(Tcp(A4, B4, 1, 2, SYN, 3)))
    packet[-1] ^= 1
    assert not packets.decode_tcp(packets.decode_ip(bytes(packet))).checksum_ok


def test_a_udp_checksum_of_zero_means_none():
    """Over IPv4 zero says that none was computed; computed zeros are sent as ones (RFC 768)."""
    packet = bytearray(packets.encode_udp(A4, B4, b"data"))
    packet[26:28] = b"\0\0"
    assert packets.decode_udp(packets.decode_ip(bytes(packet))).checksum_ok
    for last in range(65536):
        data = struct.pack("!H", last)
        packet = packets.encode_udp(A4, B4, data)
        assert packet[26:28] != b"\0\0"
        if packet[26:28] == b"\xff\xff":
            assert packets.decode_udp(packets.decode_ip(packet)).checksum_ok
            break
    else:
        pytest.fail("no datagram with a checksum of zero found")


@pytest.mark.parametrize(("source", "destination", "nat"), [(A4, B4, N4), (A6, B6, N6)])
@pytest.mark.parametrize("kind", ["udp", "tcp", "echo"])
def test_rewriting_equals_building_anew(source, destination, nat, kind):
    """A NAT's updated packet is octet for octet the one that the new endpoint would have built (RFC 1624)."""
    def build(source: Endpoint, ttl: int) -> bytes:
        if kind == "udp":
            return packets.encode_udp(source, destination, b"some data", ident=9, ttl=ttl)
        if kind == "tcp":
            return packets.encode_tcp(Tcp(source, destination, 7, 8, PSH | ACK, 100, b"odd"), ident=9, ttl=ttl)
        request = 8 if ":" not in source.host else 128
        rest = struct.pack("!HH", source.port, 3)
        return packets.encode_icmp(source.host, destination.host, request, 0, rest, b"ping", ident=9, ttl=ttl)

    assert packets.rewrite(build(source, 64), source=nat, ttl=63) == build(nat, 63)
    assert packets.rewrite(build(nat, 63), source=source, ttl=64) == build(source, 64)


def test_rewriting_does_not_heal_a_damaged_packet():
    """The update is a difference: what was wrong before is wrong after."""
    packet = bytearray(packets.encode_tcp(Tcp(A4, B4, 1, 2, ACK, 3, b"payload")))
    packet[-1] ^= 0x40
    after = packets.decode_ip(packets.rewrite(bytes(packet), destination=N4))
    assert after.checksum_ok
    assert not packets.decode_tcp(after).checksum_ok


def test_rewriting_to_another_ip_version_is_our_mistake():
    """A NAT between IPv4 and IPv6 builds new packets."""
    with pytest.raises(LocalProtocolError):
        packets.rewrite(packets.encode_udp(A4, B4, b""), source=A6)


@pytest.mark.parametrize(("inside", "outside", "peer"), [(A4, N4, B4), (A6, N6, B6)])
def test_an_icmp_error_is_rewritten_inside_and_outside(inside, outside, peer):
    """The quoted packet is the one that the inside host sent (RFC 5508 §4.2)."""
    sent = packets.encode_udp(inside, peer, b"question")
    translated = packets.rewrite(sent, source=outside)
    error = packets.encode_unreachable(translated, packets.decode_ip(translated), peer.host)
    back = packets.rewrite_error(error, destination=inside.host, quoted_source=inside)
    ip = packets.decode_ip(back)
    icmp = packets.decode_icmp(ip)
    assert (ip.destination, ip.checksum_ok, icmp.checksum_ok) == (inside.host, True, True)
    assert icmp.body == sent
    assert packets.decode_quoted(icmp)[:3] == (packets.UDP, inside, peer)


def test_addresses_of_two_versions_make_no_packet():
    """IPv4 and IPv6 do not mix in one packet."""
    with pytest.raises(LocalProtocolError):
        packets.encode_udp(A4, B6, b"")


def test_fragments_are_recognised():
    """More fragments, and an offset in octets (RFC 791 §3.1); only the first has ports."""
    packet = bytearray(packets.encode_udp(A4, B4, b"0123456789"))
    packet[6:8] = struct.pack("!H", 0x2000 | 5)
    ip = packets.decode_ip(bytes(packet))
    assert (ip.more_fragments, ip.fragment_offset, ip.is_fragment) == (True, 40, True)
    assert packets.endpoints(ip) is None


def test_ipv6_extension_headers_are_passed():
    """The protocol is that of the payload behind hop-by-hop options (RFC 8200 §4)."""
    plain = packets.encode_udp(A6, B6, b"data")
    options = bytes((17, 0, 1, 4, 0, 0, 0, 0))
    extended = plain[:4] + struct.pack("!HB", len(plain) - 40 + 8, 0) + plain[7:40] + options + plain[40:]
    ip = packets.decode_ip(extended)
    assert (ip.protocol, ip.header_octets) == (packets.UDP, 48)
    assert packets.decode_udp(ip).data == b"data"


def test_flags_read_as_people_write_them():
    """SYN first, as in "SYN, ACK"."""
    assert Tcp(A4, B4, 0, 0, SYN | ACK, 0).flag_names == "SYN, ACK"
    assert Tcp(A4, B4, 0, 0, FIN | ACK | PSH, 0).flag_names == "FIN, PSH, ACK"


@pytest.mark.parametrize("octets", [8, 200])
def test_a_quoted_segment_may_get_another_number(octets):
    """The sequence number that an error quotes is the sender's, and a checksum that is quoted stays right."""
    inside, outside, peer = Endpoint("10.0.0.1", 5000), Endpoint("198.51.100.1", 40_000), Endpoint("203.0.113.1", 80)
    segment = packets.Tcp(outside, peer, 0xFFFF_FFF0, 7, packets.ACK, 100, b"x" * 100)
    sent = packets.encode_tcp(segment)
    error = packets.encode_icmp(
        peer.host, outside.host, 3, 1, bytes(4), sent[: packets.decode_ip(sent).header_octets + octets])
    back = packets.rewrite_error(error, destination=inside.host, quoted_source=inside, quoted_sequence=3)
    icmp = packets.decode_icmp(packets.decode_ip(back))
    assert icmp.checksum_ok
    protocol, source, destination, transport = packets.decode_quoted(icmp)
    assert (protocol, source, destination) == (packets.TCP, inside, peer)
    assert int.from_bytes(transport[4:8], "big") == 3
    if octets > 100:
        whole = packets.decode_tcp(packets.decode_ip(icmp.body))
        assert whole.checksum_ok
