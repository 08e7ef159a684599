"""Packets that a gateway has claimed, read as far as it has to know them.

Source: RFC 9293 §3.1 (TCP), RFC 792 and RFC 4443 (what an ICMP error quotes).
"""

from __future__ import annotations

import msgspec

from workbench.errors import MalformedMessageError
from workbench.net import packets
from workbench.net.values import Endpoint, PacketArrived


class Packet(msgspec.Struct, frozen=True):
    """A claimed packet, read.

    Args:
        happened: as it came.
        ip: its header.
        local, remote: the gateway's endpoint that it concerns, and the peer's.
        segment: of TCP; None in an ICMP error.
        quoted: of the packet that an ICMP error is about, the octets of its transport.
    """

    happened: PacketArrived
    ip: packets.Ip
    local: Endpoint
    remote: Endpoint
    segment: packets.Tcp | None
    quoted: bytes = b""

    @property
    def begins(self) -> bool:
        """A SYN that asks for a connection."""
        wanted = packets.SYN | packets.ACK | packets.RST
        return self.segment is not None and self.segment.flags & wanted == packets.SYN


def read(happened: PacketArrived) -> Packet:
    """Read a TCP segment, or an ICMP error about one. Raises MalformedMessageError for everything else."""
    ip = packets.decode_ip(happened.packet)
    if ip.protocol == packets.TCP:
        segment = packets.decode_tcp(ip)
        if not segment.checksum_ok:
            raise MalformedMessageError("wrong TCP checksum", clause="RFC 9293 §3.1", offset=ip.header_octets + 16)
        return Packet(happened, ip, segment.destination, segment.source, segment)
    icmp = packets.decode_icmp(ip) if ip.protocol in (packets.ICMP, packets.ICMP_V6) else None
    if icmp is None or not icmp.is_error or not icmp.checksum_ok:
        raise MalformedMessageError("neither TCP nor an ICMP error", clause="TS 23.334 §5.16.1", offset=0)
    _, source, destination, octets = packets.decode_quoted(icmp)
    return Packet(happened, ip, source, destination, None, octets)
