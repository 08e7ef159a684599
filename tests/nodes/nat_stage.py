"""A NAT on a stage: packets from inside and outside, and what comes out on the other side."""

from __future__ import annotations

from workbench.net import packets
from workbench.net.packets import TCP, UDP
from workbench.net.values import ClaimPackets, Command, Drop, Endpoint, PacketArrived, SendPacket, Started, Woke
from workbench.nodes.nat import Behaviour, Nat
from workbench.security.source import Source

INSIDE = Endpoint("10.0.0.10", 5060)
OTHER_INSIDE = Endpoint("10.0.0.11", 5060)
FRIEND = Endpoint("198.51.100.1", 7000)
FRIENDS_OTHER_PORT = Endpoint("198.51.100.1", 7001)
STRANGER = Endpoint("192.0.2.77", 7000)
OUTSIDE = "203.0.113.10"
NAT_INSIDE = "10.0.0.1"

EI, AD, APD = Behaviour


class Box:
    """A NAT, driven packet by packet at times of one's choice."""

    def __init__(self, mapping=EI, filtering=APD, **settings):
        self.nat = Nat("nat", inside_wire="home", inside=NAT_INSIDE, outside_wire="access", outside=OUTSIDE,
                       source=Source(1, "nat"), mapping=mapping, filtering=filtering, **settings)
        assert self.nat.handle(Started(), 0.0) == [ClaimPackets(None)]

    def give(self, wire, packet, now=0.0) -> list[Command]:
        """What the NAT does with a packet."""
        return self.nat.handle(PacketArrived(wire, packet), now)

    def out(self, source, destination, protocol=UDP, flags=packets.SYN, now=0.0):
        """Send from inside; the outside endpoint that the far side sees, or the reason why it sees none."""
        (command,) = self.give("home", packet(source, destination, protocol, flags), now)
        if isinstance(command, Drop):
            return command.reason
        assert command.wire == "access"
        seen = ends(command)
        assert seen[1] == destination
        return seen[0]

    def back(self, source, destination, protocol=UDP, flags=packets.SYN, now=0.0):
        """Send from outside; the inside endpoint that gets it, or the reason why nobody does."""
        command = self.give("access", packet(source, destination, protocol, flags), now)[0]
        if isinstance(command, Drop):
            return command.reason
        assert command.wire == "home"
        seen = ends(command)
        assert seen[0] == source
        return seen[1]

    def wake(self, now) -> list[Command]:
        """What the NAT does when its time has come."""
        return self.nat.handle(Woke(), now)


def packet(source, destination, protocol=UDP, flags=packets.SYN, *, ttl=64, data=b"data"):
    """A datagram, or a segment with these flags."""
    if protocol == UDP:
        return packets.encode_udp(source, destination, data, ttl=ttl)
    assert protocol == TCP
    return packets.encode_tcp(packets.Tcp(source, destination, 1000, 0, flags, 65_535), ttl=ttl)


def ends(command: SendPacket) -> tuple[Endpoint, Endpoint]:
    """Source and destination of a packet that is sent, whose checksums are right."""
    ip = packets.decode_ip(command.packet)
    assert ip.checksum_ok
    sent = packets.decode_udp(ip) if ip.protocol == UDP else packets.decode_tcp(ip)
    assert sent.checksum_ok
    return sent.source, sent.destination
