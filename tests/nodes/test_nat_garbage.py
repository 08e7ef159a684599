"""Whatever packets come, in whatever order and at whatever times: a NAT answers, keeps its bounds and its secrets."""

from __future__ import annotations

from random import Random

import pytest
from nat_stage import FRIEND, FRIENDS_OTHER_PORT, INSIDE, NAT_INSIDE, OTHER_INSIDE, OUTSIDE, STRANGER, Box, packet

from workbench.net import packets
from workbench.net.packets import ACK, FIN, RST, SYN, TCP, UDP
from workbench.net.values import Drop, Endpoint, SendPacket
from workbench.nodes.nat import Behaviour, Unsolicited

INSIDES = (INSIDE, OTHER_INSIDE)
OUTSIDES = (FRIEND, FRIENDS_OTHER_PORT, STRANGER)
PORTS = (5060, 5061, 49_152, 65_535)
MOST = 6

def outwards(source, destination, protocol, flags):
    return "home", packet(source, destination, protocol, flags)


def inwards(source, port, protocol, flags):
    return "access", packet(source, Endpoint(OUTSIDE, port), protocol, flags)


def error(wire, source, destination):
    """An ICMP error of `destination`'s host about a datagram of `source`."""
    quoted = packet(source, destination)
    return wire, packets.encode_unreachable(quoted, packets.decode_ip(quoted), destination.host)


def some_step(chance):
    """A wire and a packet on it: outwards, inwards, an error of either side, or octets without sense."""
    protocol = chance.choice((UDP, TCP))
    flags = chance.choice((SYN, SYN, SYN | ACK, ACK, FIN | ACK, RST, SYN | FIN, 0))
    ours = Endpoint(OUTSIDE, chance.choice(PORTS))
    match chance.randrange(12):
        case 0:
            return error("access", ours, chance.choice(OUTSIDES))
        case 1:
            return error("home", chance.choice(OUTSIDES), chance.choice(INSIDES))
        case 2:
            return chance.choice(("home", "access")), chance.randbytes(chance.randrange(60))
        case 3 | 4 | 5 | 6:
            return inwards(chance.choice(OUTSIDES), ours.port, protocol, flags)
    return outwards(chance.choice(INSIDES), chance.choice((*OUTSIDES, *OUTSIDES, ours)), protocol, flags)


def some_box(chance):
    """A NAT of any kind, with short times and little room."""
    return Box(chance.choice(list(Behaviour)), chance.choice(list(Behaviour)), preserves_ports=chance.random() < 0.5,
               overloads=chance.random() < 0.3, hairpins=chance.random() < 0.5,
               unsolicited=chance.choice(list(Unsolicited)), udp_seconds=20.0, tcp_seconds=60.0,
               transitory_seconds=10.0, most=MOST, most_held=2)


@pytest.mark.parametrize("seed", range(40))
def test_a_nat_keeps_its_promises(seed):
    """No packet of the inside leaves with an inside address, none comes in to another host, and no bound is passed."""
    chance, now = Random(seed), 0.0
    box = some_box(chance)
    for _ in range(200):
        wire, octets = some_step(chance)
        now += chance.choice((0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 7.0, 15.0))
        while (wakeup := box.nat.next_wakeup()) is not None and wakeup <= now:
            assert box.wake(wakeup), "it was woken for nothing"
        commands = box.give(wire, octets, now)
        assert commands
        for command in commands:
            if isinstance(command, Drop):
                assert command.reason
                continue
            assert isinstance(command, SendPacket) and command.why
            ip = packets.decode_ip(command.packet)
            assert ip.checksum_ok
            if command.wire == "access":
                assert ip.source == OUTSIDE
                assert not any(packets.pack_address(host) in command.packet
                               for host in (INSIDE.host, OTHER_INSIDE.host, NAT_INSIDE))
            else:
                assert ip.destination in (INSIDE.host, OTHER_INSIDE.host)
        assert len(box.nat._bindings) <= MOST and len(box.nat._held) <= 2
    # Left alone, it forgets everything.
    later = now + 100.0
    while (wakeup := box.nat.next_wakeup()) is not None:
        box.wake(wakeup)
    box.give("access", packet(STRANGER, Endpoint(OUTSIDE, 1)), later)
    assert len(box.nat._bindings) == 0
    assert not box.nat._bindings._by_port and not box.nat._bindings._by_inside and not box.nat._bindings._queue
    assert box.nat._bindings._strangers == 0
