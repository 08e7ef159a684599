"""Real packets of a node's own endpoints: each once, whole, with right checksums; nobody else's."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from workbench.net import packets
from workbench.net.listening import Listening, Seen, bpf_program, possible
from workbench.net.sockets import free_port
from workbench.net.values import Endpoint

needs_packets = pytest.mark.skipif(bool(possible()), reason=possible())
HERE = "127.0.0.1"


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening([HERE, "::1"])
    yield made
    made.close()


def seen(listening: Listening, most: int) -> list[Seen]:
    """The next so many packets."""
    found: list[Seen] = []
    deadline = time.monotonic() + 10
    while len(found) < most and time.monotonic() < deadline:
        found += listening.wait(0.1)
    return found


@needs_packets
@pytest.mark.parametrize("host", [HERE, "::1"])
def test_a_datagram_is_seen_once_and_whole(listening: Listening, host: str):
    """On loopback too, where every packet passes twice; what is not ours is not seen."""
    ours, other = Endpoint(host, free_port(host)), Endpoint(host, free_port(host))
    listening.own(ours)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one, socket.socket(family, socket.SOCK_DGRAM) as two:
        one.bind((host, ours.port))
        two.sendto(b"other's", (host, other.port))
        two.sendto(b"first", (host, ours.port))
        two.sendto(b"second", (host, ours.port))
        begun = time.time_ns()
    (first, second) = seen(listening, 2)
    for packet, data in ((first, b"first"), (second, b"second")):
        datagram = packets.decode_udp(packets.decode_ip(packet.octets))
        assert (packet.at, datagram.destination, datagram.data, datagram.checksum_ok) == (ours, ours, data, True)
        assert abs(packet.time_ns - begun) < 60 * 10**9
    assert list(listening.wait(0.0)) == [] and listening.dropped() == 0


@needs_packets
def test_a_connection_is_seen_from_syn_to_fin(listening: Listening):
    """Every segment of it, each with a checksum that is right although the kernel has left it out."""
    with socket.create_server((HERE, 0)) as server:
        listening.own(Endpoint(*server.getsockname()))
        with socket.create_connection(server.getsockname()) as client:
            taken, _ = server.accept()
            client.sendall(b"x" * 100_000)
            with taken:
                assert taken.recv(100_000, socket.MSG_WAITALL) == b"x" * 100_000
    segments = []
    while not any(segment.flags & (packets.FIN | packets.RST) for segment in segments):
        new = seen(listening, 1)
        assert new
        segments += [packets.decode_tcp(packets.decode_ip(one.octets)) for one in new]
    assert segments[0].flags == packets.SYN and segments[1].flags == packets.SYN | packets.ACK
    assert all(segment.checksum_ok for segment in segments)
    assert sum(len(segment.payload) for segment in segments) == 100_000


@needs_packets
def test_an_error_about_our_datagram_is_ours(listening: Listening):
    """ICMP port unreachable quotes what we have sent."""
    ours = Endpoint(HERE, free_port())
    listening.own(ours)
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.bind((HERE, ours.port))
        one.sendto(b"anybody?", (HERE, free_port()))
    sent, error = seen(listening, 2)
    assert packets.decode_ip(sent.octets).protocol == packets.UDP
    assert packets.decode_ip(error.octets).protocol == packets.ICMP and error.at == ours


@needs_packets
def test_what_nobody_fetches_in_time_is_counted(monkeypatch):
    """The queue is bounded; what does not fit into it is lost, and known to be."""
    monkeypatch.setattr("workbench.net.listening._BUFFER", 4_096)
    listening = Listening([HERE])
    ours = Endpoint(HERE, free_port())
    listening.own(ours)
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        for _ in range(1_000):
            one.sendto(bytes(1_000), (HERE, ours.port))
    kept = seen(listening, 1)
    lost = listening.dropped()
    assert 0 < len(kept) < 1_000 and lost > 0 and listening.dropped() == lost
    listening.close()


# The filter that the kernel runs

def kept(addresses: list[str], packet: bytes) -> bool:
    """What classic BPF does with this program, as in filter.rst."""
    program, at, accumulator = bpf_program(addresses), 0, 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        if code == 0x30:
            accumulator = packet[k]
        elif code == 0x20:
            if k + 4 > len(packet):
                return False
            (accumulator,) = struct.unpack_from("!I", packet, k)
        elif code == 0x54:
            accumulator &= k
        elif code == 0x15:
            at += yes if accumulator == k else no
        else:
            assert code == 0x06
            return bool(k)


@pytest.mark.parametrize("own", [["192.0.2.1"], ["192.0.2.1", "192.0.2.9", "2001:db8::1"], ["2001:db8::1"],
                                 [str(ipaddress.ip_address("10.0.0.1") + n) for n in range(24)]])
def test_the_filter_keeps_what_has_one_of_our_addresses(own: list[str]):
    """As source or as destination; IPv4 and IPv6; nothing else, and no jump leaves the program."""
    for source in ("192.0.2.1", "192.0.2.9", "10.0.0.5", "10.0.0.24", "10.0.0.25"):
        for target in ("198.51.100.1", "192.0.2.1", "10.0.0.1"):
            packet = packets.encode_udp(Endpoint(source, 1), Endpoint(target, 2), b"")
            assert kept(own, packet) == (source in own or target in own)
    for source, target in (("::1", "::2"), ("::2", "::1"), ("::2", "::3")):
        source, target = f"2001:db8{source}", f"2001:db8{target}"
        packet = packets.encode_udp(Endpoint(source, 1), Endpoint(target, 2), b"")
        assert kept(own, packet) == (source in own or target in own)
    assert not kept(own, b"\x10" + bytes(60))
