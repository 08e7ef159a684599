"""The NAT: ports, hairpinning, timers, ICMP and refusals, as RFC 4787, RFC 5382 and RFC 5508 describe them."""

from __future__ import annotations

import pytest
from nat_stage import (
    AD,
    APD,
    EI,
    FRIEND,
    FRIENDS_OTHER_PORT,
    INSIDE,
    NAT_INSIDE,
    OTHER_INSIDE,
    OUTSIDE,
    STRANGER,
    Box,
    ends,
    packet,
)

from workbench.net import packets
from workbench.net.packets import TCP, UDP
from workbench.net.values import Drop, Endpoint, PacketArrived, Woke
from workbench.nodes.nat import UDP_SECONDS, Nat, Unsolicited
from workbench.security.source import Source

BOTH = pytest.mark.parametrize("protocol", [UDP, TCP], ids=["UDP", "TCP"])


# Ports

@BOTH
def test_a_free_port_is_preserved(protocol):
    """RFC 4787 §4.2.1: the outside port is the inside one where nobody has it."""
    assert Box().out(INSIDE, FRIEND, protocol) == Endpoint(OUTSIDE, INSIDE.port)


@BOTH
def test_two_hosts_with_one_port_get_two_outside_ports(protocol):
    """Port preservation gives way where the port is taken (RFC 4787 REQ-3, RFC 5382 REQ-7: no overloading)."""
    box = Box()
    first, second = box.out(INSIDE, FRIEND, protocol), box.out(OTHER_INSIDE, FRIEND, protocol)
    assert first.port == 5060 != second.port
    assert box.back(FRIEND, first, protocol, packets.ACK) == INSIDE
    assert box.back(FRIEND, second, protocol, packets.ACK) == OTHER_INSIDE


@BOTH
def test_without_preservation_another_port_is_given(protocol):
    """A NAT that does not preserve ports gives each binding a random port of the dynamic range (RFC 7857 §9)."""
    box = Box(preserves_ports=False)
    given = {box.out(Endpoint(INSIDE.host, port), FRIEND, protocol).port for port in range(5060, 5080)}
    assert len(given) == 20 and not given & set(range(5060, 5080))
    assert all(49152 <= port < 65536 for port in given)


@BOTH
def test_one_port_is_not_shared_by_protocols_but_may_be_used_by_both(protocol):
    """A UDP binding admits no TCP: the protocols' ports are two spaces."""
    box = Box(filtering=EI)
    outside = box.out(INSIDE, FRIEND, protocol)
    assert box.back(FRIEND, outside, UDP if protocol == TCP else TCP) == f"no binding for port {outside.port}"


@pytest.mark.parametrize("port", [5060, 5061, 40_000, 65_535])
def test_udp_ports_keep_their_parity(port):
    """RFC 4787 REQ-4: an even port stays even and an odd one odd, so that RTP and RTCP stay neighbours in kind."""
    box = Box(preserves_ports=False)
    given = {box.out(Endpoint(f"10.0.0.{host}", port), FRIEND).port for host in range(20, 40)}
    assert len(given) == 20
    assert {one % 2 for one in given} == {port % 2}


@BOTH
def test_a_well_known_port_stays_one(protocol):
    """RFC 4787 REQ-3a: a port below 1024 gets one below 1024."""
    box = Box(preserves_ports=False)
    assert all(0 < box.out(Endpoint(INSIDE.host, port), FRIEND, protocol).port < 1024 for port in range(300, 320))


@BOTH
def test_overloading_gives_one_port_twice(protocol):
    """RFC 4787 §4.2.1: with overloading both hosts have the port; the remote endpoint tells them apart."""
    box = Box(overloads=True)
    assert box.out(INSIDE, FRIEND, protocol) == box.out(OTHER_INSIDE, STRANGER, protocol) == Endpoint(OUTSIDE, 5060)
    assert box.back(FRIEND, Endpoint(OUTSIDE, 5060), protocol, packets.ACK) == INSIDE
    assert box.back(STRANGER, Endpoint(OUTSIDE, 5060), protocol, packets.ACK) == OTHER_INSIDE


@BOTH
def test_overloading_breaks_the_earlier_host(protocol):
    """RFC 4787 REQ-3 forbids overloading: with one remote endpoint for both, answers reach the later host only."""
    box = Box(overloads=True)
    outside = box.out(INSIDE, FRIEND, protocol)
    assert box.out(OTHER_INSIDE, FRIEND, protocol) == outside
    assert box.back(FRIEND, outside, protocol, packets.ACK) == OTHER_INSIDE


# Hairpinning

@BOTH
def test_hairpinning_shows_the_outside_endpoint(protocol):
    """RFC 4787 REQ-9, REQ-9a: a host reaches its neighbour's outside endpoint, and is seen as its own outside one."""
    box = Box(filtering=EI, hairpins=True)
    mine, theirs = box.out(INSIDE, FRIEND, protocol), box.out(OTHER_INSIDE, FRIEND, protocol)
    (sent,) = box.give("home", packet(INSIDE, theirs, protocol))
    assert (sent.wire, ends(sent)) == ("home", (mine, OTHER_INSIDE))
    (answer,) = box.give("home", packet(OTHER_INSIDE, mine, protocol))
    assert (answer.wire, ends(answer)) == ("home", (theirs, INSIDE))


@BOTH
@pytest.mark.parametrize("filtering", [AD, APD])
def test_hairpinned_packets_meet_the_filter(protocol, filtering):
    """RFC 4787 §5 and §6: whom the neighbour never sent to is filtered, also when it sits behind the same NAT."""
    box = Box(filtering=filtering, hairpins=True)
    mine, theirs = box.out(INSIDE, FRIEND, protocol), box.out(OTHER_INSIDE, FRIEND, protocol)
    (refused,) = box.give("home", packet(INSIDE, theirs, protocol))
    assert isinstance(refused, Drop) and "never sent to" in refused.reason
    # That it tried opened its own filter for the neighbour.
    (sent,) = box.give("home", packet(OTHER_INSIDE, mine, protocol))
    assert ends(sent) == (theirs, INSIDE)


@BOTH
def test_without_hairpinning_nothing_comes_back(protocol):
    """A NAT without hairpinning drops what is addressed to its own outside, with the reason."""
    box = Box(filtering=EI)
    theirs = box.out(OTHER_INSIDE, FRIEND, protocol)
    assert box.out(INSIDE, theirs, protocol) == "addressed to the NAT itself (no hairpinning)"
    assert Box(hairpins=True).out(INSIDE, Endpoint(NAT_INSIDE, 80), protocol).startswith("addressed to the NAT")


# Timers

def test_a_udp_binding_ends_without_traffic_from_inside():
    """RFC 4787 REQ-5, REQ-6: the timer is refreshed by outbound packets only."""
    box = Box()
    outside = box.out(INSIDE, FRIEND)
    assert box.back(FRIEND, outside, now=UDP_SECONDS - 1) == INSIDE
    assert box.back(FRIEND, outside, now=UDP_SECONDS + 1) == "no binding for port 5060"


def test_traffic_from_inside_keeps_a_udp_binding():
    """RFC 4787 REQ-6: outbound refresh; each session has its own timer, and the binding lives as long as one does."""
    box = Box(udp_seconds=120.0)
    outside = box.out(INSIDE, FRIEND)
    assert box.out(INSIDE, STRANGER, now=100.0) == outside
    assert box.back(STRANGER, outside, now=219.0) == INSIDE
    assert box.back(FRIEND, outside, now=219.0) == f"{FRIEND} was never sent to (address-and-port-dependent filtering)"
    assert box.out(INSIDE, FRIEND, now=219.0) == outside


def test_a_stranger_keeps_nothing_alive():
    """RFC 7857 §7: with endpoint-independent filtering, packets from outside must not keep a binding open."""
    box = Box(filtering=EI)
    outside = box.out(INSIDE, FRIEND)
    for now in range(0, int(UDP_SECONDS), 10):
        assert box.back(STRANGER, outside, now=float(now)) == INSIDE
    assert box.back(STRANGER, outside, now=UDP_SECONDS) == "no binding for port 5060"


def test_a_stranger_does_not_outlive_the_binding():
    """What the outside began ends with the binding that it came by; the inside's packet to it makes a new one."""
    box = Box(filtering=EI)
    outside = box.out(INSIDE, FRIEND)
    assert box.back(STRANGER, outside, now=200.0) == INSIDE
    assert box.out(INSIDE, STRANGER, now=UDP_SECONDS + 1) == outside
    assert box.back(STRANGER, outside, now=UDP_SECONDS + 200) == INSIDE


# Bounds

def test_bindings_are_bounded():
    """The one too many is refused; an expired one makes room."""
    box = Box(mapping=APD, most=2)
    box.out(INSIDE, FRIEND)
    box.out(INSIDE, STRANGER)
    assert box.out(INSIDE, FRIENDS_OTHER_PORT) == "no binding or port is free"
    assert box.out(INSIDE, FRIENDS_OTHER_PORT, now=UDP_SECONDS + 1).host == OUTSIDE


@BOTH
def test_a_flood_from_outside_leaves_room_for_the_inside(protocol):
    """An open filter lets strangers in, but not more of them than are answered; the inside still gets bindings."""
    box = Box(filtering=EI, most=1000)
    outside = box.out(INSIDE, FRIEND, protocol)
    strangers = [Endpoint(f"192.0.2.{number % 250}", 1024 + number) for number in range(2000)]
    answers = [box.back(stranger, outside, protocol) for stranger in strangers]
    assert answers.count(INSIDE) == 256
    assert answers[-1] == "256 strangers have not been answered yet"
    assert box.out(OTHER_INSIDE, FRIEND, protocol).host == OUTSIDE


def test_a_flood_from_inside_is_bounded():
    """One inside host that opens more than the NAT holds is refused; what is open stays open."""
    box = Box(most=100)
    outside = box.out(INSIDE, FRIEND)
    answers = [box.out(INSIDE, Endpoint("192.0.2.1", 1 + number)) for number in range(200)]
    assert answers.count("no binding or port is free") == 101
    assert box.back(FRIEND, outside) == INSIDE


def test_nothing_unsolicited_passes():
    """A packet for a port without binding, or for somebody else, is dropped with its reason."""
    box = Box()
    assert box.back(FRIEND, Endpoint(OUTSIDE, 5060)) == "no binding for port 5060"
    assert box.back(FRIEND, Endpoint("203.0.113.99", 5060)) == "not addressed to the NAT"


# ICMP

def test_an_icmp_error_reaches_the_host_that_it_is_about():
    """RFC 5508 REQ-4: the error and the packet it quotes are translated back; the binding stays (RFC 4787 REQ-12)."""
    box = Box()
    (sent,) = box.give("home", packet(INSIDE, FRIEND))
    error = packets.encode_unreachable(sent.packet, packets.decode_ip(sent.packet), FRIEND.host)
    (command,) = box.give("access", error)
    ip = packets.decode_ip(command.packet)
    _, source, destination, _ = packets.decode_quoted(packets.decode_icmp(ip))
    assert (ip.destination, source, destination) == (INSIDE.host, INSIDE, FRIEND)
    assert box.back(FRIEND, Endpoint(OUTSIDE, 5060)) == INSIDE


def test_an_icmp_error_about_what_was_never_sent_is_dropped():
    """RFC 5508 REQ-4: an error that quotes an unknown session helps an attacker only."""
    box = Box()
    outside = box.out(INSIDE, FRIEND)
    forged = packet(outside, STRANGER)
    error = packets.encode_unreachable(forged, packets.decode_ip(forged), STRANGER.host)
    (command,) = box.give("access", error)
    assert isinstance(command, Drop) and "was not sent" in command.reason


@pytest.mark.parametrize("at", [2, 12, 30])
@pytest.mark.parametrize("wire", ["home", "access"])
def test_a_damaged_icmp_error_is_dropped(wire, at):
    """RFC 5508 REQ-3: translated, an error with a wrong checksum would get a right one, so it does not pass."""
    box = Box()
    outside = box.out(INSIDE, FRIEND)
    (came,) = box.give("access", packet(FRIEND, outside))
    quoted, reporter = (came.packet, INSIDE.host) if wire == "home" else (packet(outside, FRIEND), FRIEND.host)
    error = bytearray(packets.encode_unreachable(quoted, packets.decode_ip(quoted), reporter))
    assert not isinstance(box.give(wire, bytes(error))[0], Drop)
    error[20 + at] ^= 1
    (command,) = box.give(wire, bytes(error))
    assert command.reason == "ICMP error with a wrong checksum [RFC 5508 REQ-3]"


def test_an_icmp_error_from_inside_does_not_tell_the_inside():
    """RFC 5508 REQ-5: the inside's address is in the error neither as source nor in what it quotes."""
    box = Box()
    outside = box.out(INSIDE, FRIEND)
    (came,) = box.give("access", packet(FRIEND, outside))
    error = packets.encode_unreachable(came.packet, packets.decode_ip(came.packet), INSIDE.host)
    (command,) = box.give("home", error)
    ip = packets.decode_ip(command.packet)
    _, source, destination, _ = packets.decode_quoted(packets.decode_icmp(ip))
    assert (ip.source, ip.destination, source, destination) == (OUTSIDE, FRIEND.host, FRIEND, outside)
    assert packets.pack_address(INSIDE.host) not in command.packet


def test_a_ping_goes_out_and_its_answer_comes_back():
    """RFC 5508 §3: the query's identifier is translated like a port, also where two hosts chose the same one."""
    box = Box()
    for host in ("10.0.0.10", "10.0.0.11"):
        rest = (77).to_bytes(2, "big") + b"\0\1"
        (sent,) = box.give("home", packets.encode_icmp(host, FRIEND.host, 8, 0, rest, b"ping"))
        asked = packets.decode_icmp(packets.decode_ip(sent.packet))
        (back,) = box.give("access", packets.encode_icmp(FRIEND.host, OUTSIDE, 0, 0, asked.rest, b"ping"))
        ip = packets.decode_ip(back.packet)
        assert (ip.destination, packets.decode_icmp(ip).rest) == (host, rest)


# Refusals

@pytest.mark.parametrize("wire", ["home", "access"])
@pytest.mark.parametrize("octets", [
    b"", b"E", b"\x45" + bytes(30), bytes(64), b"\x60" + bytes(60),
    packets.encode_ip("10.0.0.10", FRIEND.host, packets.TCP, bytes(12)),
    packets.encode_ip(FRIEND.host, OUTSIDE, packets.ICMP, b"\3\3" + bytes(30)),
    packets.encode_ip("10.0.0.10", FRIEND.host, 132, bytes(20)),
])
def test_broken_packets_are_dropped_with_a_reason(wire, octets):
    """Whatever arrives, a NAT answers with a command."""
    (command,) = Box().give(wire, octets)
    assert isinstance(command, Drop) and command.reason


@pytest.mark.parametrize("fragment", [0x2000, 0x0010])
def test_fragments_are_refused_with_the_reason(fragment):
    """RFC 4787 REQ-14 would have them translated; this NAT says that it does not."""
    octets = bytearray(packet(INSIDE, FRIEND))
    octets[6:8] = fragment.to_bytes(2, "big")
    (command,) = Box().give("home", bytes(octets))
    assert command.reason == "fragments are not translated"


def test_the_time_to_live_runs_out():
    """A NAT is a router: it takes one off the TTL and forwards nothing that has none left."""
    box = Box()
    (sent,) = box.give("home", packet(INSIDE, FRIEND, ttl=9))
    assert packets.decode_ip(sent.packet).ttl == 8
    (dropped,) = box.give("home", packet(INSIDE, FRIEND, ttl=1))
    assert isinstance(dropped, Drop)


def test_a_nat_of_ipv6_addresses_does_the_same():
    """Behaviours do not depend on the IP version; the error for an unsolicited SYN is type 1, code 4 (RFC 4443)."""
    inside, friend, stranger = (Endpoint(f"2001:db8:{net}::1", 7000) for net in ("a", "b", "c"))
    nat = Nat("nat", inside_wire="home", inside="2001:db8:a::fe", outside_wire="access", outside="2001:db8:f::1",
              source=Source(1, "nat"), unsolicited=Unsolicited.ICMP)

    def give(wire, octets, now=0.0):
        return nat.handle(PacketArrived(wire, octets), now)

    (out,) = give("home", packet(inside, friend, TCP))
    outside = ends(out)[0]
    assert outside == Endpoint("2001:db8:f::1", 7000)
    (back,) = give("access", packet(friend, outside, TCP, packets.SYN | packets.ACK))
    assert ends(back) == (friend, inside)
    (dropped,) = give("access", packet(stranger, outside, TCP))
    assert isinstance(dropped, Drop)
    (error,) = nat.handle(Woke(), 6.0)
    icmp = packets.decode_icmp(packets.decode_ip(error.packet))
    assert (icmp.version, icmp.type, icmp.code, icmp.checksum_ok) == (6, 1, 4, True)
