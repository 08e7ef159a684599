"""The NAT: mapping and filtering as RFC 4787 and RFC 5382 describe them."""

from __future__ import annotations

import itertools

import pytest

from workbench.net import packets
from workbench.net.values import ClaimPackets, Drop, Endpoint, PacketArrived, SendPacket, Started
from workbench.nodes.nat import UDP_SECONDS, Behaviour, Nat
from workbench.security.source import Source

INSIDE = Endpoint("10.0.0.10", 5060)
OTHER_INSIDE = Endpoint("10.0.0.11", 5060)
FRIEND = Endpoint("198.51.100.1", 7000)
FRIENDS_OTHER_PORT = Endpoint("198.51.100.1", 7001)
STRANGER = Endpoint("192.0.2.77", 7000)
OUTSIDE = "203.0.113.10"

EI, AD, APD = Behaviour


def nat(mapping=EI, filtering=APD, **more):
    made = Nat("nat", inside_wire="home", inside="10.0.0.1", outside_wire="access", outside=OUTSIDE,
               source=Source(1, "nat"), mapping=mapping, filtering=filtering, **more)
    assert made.handle(Started(), 0.0) == [ClaimPackets(None)]
    return made


def out(box, source, destination, now=0.0, data=b"out"):
    """Send from inside; the outside endpoint that the far side sees."""
    commands = box.handle(PacketArrived("home", packets.encode_udp(source, destination, data)), now)
    assert [type(command) for command in commands] == [SendPacket]
    assert commands[0].wire == "access"
    seen = packets.decode_udp(packets.decode_ip(commands[0].packet))
    assert (seen.destination, seen.data, seen.checksum_ok) == (destination, data, True)
    return seen.source


def back(box, source, destination, now=0.0):
    """Send from outside; the inside endpoint that gets it, or the reason why nobody does."""
    (command,) = box.handle(PacketArrived("access", packets.encode_udp(source, destination, b"back")), now)
    if isinstance(command, Drop):
        return command.reason
    seen = packets.decode_udp(packets.decode_ip(command.packet))
    assert command.wire == "home" and seen.source == source and seen.checksum_ok
    return seen.destination


@pytest.mark.parametrize("mapping", Behaviour)
def test_mapping_depends_on_the_remote_side_as_named(mapping):
    """RFC 4787 §4.1: one outside endpoint for all remotes, for each address, or for each address and port."""
    box = nat(mapping=mapping)
    seen = [out(box, INSIDE, remote) for remote in (FRIEND, FRIENDS_OTHER_PORT, STRANGER)]
    assert len(set(seen)) == {EI: 1, AD: 2, APD: 3}[mapping]
    assert {endpoint.host for endpoint in seen} == {OUTSIDE}


@pytest.mark.parametrize(("mapping", "filtering"), list(itertools.product(Behaviour, Behaviour)))
def test_filtering_admits_whom_it_names(mapping, filtering):
    """RFC 4787 §5, for each of the nine pairs: who may answer after one packet to the friend."""
    box = nat(mapping, filtering)
    outside = out(box, INSIDE, FRIEND)
    assert back(box, FRIEND, outside) == INSIDE
    admitted = {remote: back(box, remote, outside) == INSIDE for remote in (FRIENDS_OTHER_PORT, STRANGER)}
    assert admitted == {FRIENDS_OTHER_PORT: filtering in (EI, AD), STRANGER: filtering is EI}


def test_two_hosts_with_one_port_get_two_outside_ports():
    """Port preservation gives way where the port is taken (RFC 4787 §4.2.1: no overloading)."""
    box = nat()
    assert out(box, INSIDE, FRIEND).port == 5060
    assert out(box, OTHER_INSIDE, FRIEND).port != 5060


def test_a_binding_ends_without_traffic_from_inside():
    """RFC 4787 §4.3: the timer is refreshed by outbound packets only (REQ-6)."""
    box = nat()
    outside = out(box, INSIDE, FRIEND)
    assert back(box, FRIEND, outside, UDP_SECONDS - 1) == INSIDE
    assert back(box, FRIEND, outside, UDP_SECONDS + 1) == "no binding for port 5060"


def test_nothing_unsolicited_passes():
    """A packet for a port without binding, or for somebody else, is dropped with its reason."""
    box = nat()
    assert back(box, FRIEND, Endpoint(OUTSIDE, 5060)) == "no binding for port 5060"
    assert back(box, FRIEND, Endpoint("203.0.113.99", 5060)) == "not addressed to the NAT"


def test_bindings_are_bounded():
    """The one too many is refused; an expired one makes room."""
    box = nat(mapping=APD, most=2)
    out(box, INSIDE, FRIEND)
    out(box, INSIDE, STRANGER)
    (refused,) = box.handle(PacketArrived("home", packets.encode_udp(INSIDE, FRIENDS_OTHER_PORT, b"")), 0.0)
    assert refused.reason == "no binding or port is free"
    out(box, INSIDE, FRIENDS_OTHER_PORT, UDP_SECONDS + 1)


def test_an_icmp_error_reaches_the_host_that_it_is_about():
    """RFC 5508 §4.2: the error and the packet it quotes are translated back."""
    box = nat()
    (sent,) = box.handle(PacketArrived("home", packets.encode_udp(INSIDE, FRIEND, b"knock")), 0.0)
    error = packets.encode_unreachable(sent.packet, packets.decode_ip(sent.packet), FRIEND.host)
    (command,) = box.handle(PacketArrived("access", error), 0.0)
    ip = packets.decode_ip(command.packet)
    _, source, destination, _ = packets.decode_quoted(packets.decode_icmp(ip))
    assert (ip.destination, source, destination) == (INSIDE.host, INSIDE, FRIEND)


@pytest.mark.parametrize("wire", ["home", "access"])
@pytest.mark.parametrize("packet", [b"", b"E", b"\x45" + bytes(30), bytes(64), b"\x60" + bytes(60)])
def test_broken_packets_are_dropped_with_a_reason(wire, packet):
    """Whatever arrives, a NAT answers with a command."""
    (command,) = nat().handle(PacketArrived(wire, packet), 0.0)
    assert isinstance(command, Drop) and command.reason


def test_the_time_to_live_runs_out():
    """A NAT is a router: it takes one off the TTL and forwards nothing that has none left."""
    box = nat()
    (sent,) = box.handle(PacketArrived("home", packets.encode_udp(INSIDE, FRIEND, b"", ttl=9)), 0.0)
    assert packets.decode_ip(sent.packet).ttl == 8
    (dropped,) = box.handle(PacketArrived("home", packets.encode_udp(INSIDE, FRIEND, b"", ttl=1)), 0.0)
    assert isinstance(dropped, Drop)
