"""Where things stand in a frame: hardware addresses, the headers of each IP packet in it, and what they carry."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec

from workbench.analysis import pcapng
from workbench.analysis.links import MOST_TUNNELS, network_packet, tunnelled
from workbench.errors import MalformedMessageError
from workbench.net.packets import TCP, UDP, Ip, decode_ip

ICMP, ICMP6, SCTP, GRE = 1, 58, 132, 47


class Layer(msgspec.Struct, frozen=True):
    """An IP packet in a frame.

    Args:
        at: where its header begins in the frame.
        ip: the packet.
        begin, end: where what it carries begins and ends.
        carries: another packet is inside.
    """

    at: int
    ip: Ip
    begin: int
    end: int
    carries: bool = False

    @property
    def addresses(self) -> tuple[tuple[int, int], ...]:
        """Where source and destination stand, and in how many octets."""
        return ((self.at + 12, 4), (self.at + 16, 4)) if self.ip.version == 4 else ((self.at + 8, 16),
                                                                                     (self.at + 24, 16))


def layers(link: int, octets: bytes) -> list[Layer]:
    """The IP packets of a frame, outermost first; none where it carries none that reads."""
    found: list[Layer] = []
    try:
        inner = network_packet(link, octets)
        at = len(octets) - len(inner) if inner is not None else 0
        while inner is not None and len(found) <= MOST_TUNNELS:
            ip = decode_ip(inner, whole=False)
            if found:
                found[-1] = msgspec.structs.replace(found[-1], carries=True)
            begin = at + ip.header_octets
            found.append(Layer(at, ip, begin, begin + len(ip.payload)))
            inner = None if ip.is_fragment else tunnelled(ip)
            at = found[-1].end - len(inner or b"")
    except MalformedMessageError:
        pass    # what does not read stands in the last packet that does, or in none
    return found


def hardware(link: int, octets: bytes, first: int, inner: list[Layer]) -> Iterator[tuple[int, int]]:
    """Where 6 octets of a hardware address stand: of the link, and of Ethernet inside tunnels."""
    if link == pcapng.ETHERNET:
        yield from ((0, 6), (6, 6))
    elif link == pcapng.LINUX_SLL:
        yield 6, 6
    elif link == pcapng.LINUX_SLL2:
        yield 12, 6
    if link == pcapng.ETHERNET and first >= 32 and octets[12:14] in (b"\x88\x47", b"\x88\x48"):
        yield from _bridged(octets, first, 18)
    for outer, layer in itertools.pairwise(inner):
        yield from _bridged(octets, layer.at, outer.begin)


def _bridged(octets: bytes, at: int, least: int) -> Iterator[tuple[int, int]]:
    """Ethernet, with up to two tags, in front of an IP packet."""
    for behind in (22, 18, 14):     # a tag tells where it begins; without one, two addresses stand there
        if at - behind >= least and octets[at - 2 : at] in (b"\x08\x00", b"\x86\xdd"):
            begin = at - behind
            if behind == 14 or octets[begin + 12 : begin + 14] in (b"\x81\x00", b"\x88\xa8"):
                yield from ((begin, 6), (begin + 6, 6))
                return


def payload(layer: Layer, octets: bytes) -> tuple[int, int]:
    """Where the payload of TCP, UDP or SCTP begins and ends; equal where there is none or it does not read."""
    begin, end = layer.begin, layer.end
    if layer.ip.protocol == TCP and end - begin >= 20:
        at = begin + 4 * (octets[begin + 12] >> 4)
        return (at, end) if begin + 20 <= at <= end else (end, end)
    if layer.ip.protocol == UDP and end - begin >= 8:
        size = int.from_bytes(octets[begin + 4 : begin + 6], "big")
        return begin + 8, min(end, begin + size) if size >= 8 else end
    return end, end


def is_plain(layer: Layer) -> bool:
    """TCP or UDP that is no fragment."""
    return layer.ip.protocol in (TCP, UDP) and not layer.ip.is_fragment
