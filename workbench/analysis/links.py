"""What a captured frame carries: the IP packet behind the link's header, and the one inside a tunnel.

`columns.headers` reads the same for all frames at once.

Source: IEEE 802.1Q; RFC 2003, RFC 2473, RFC 4213 (IP in IP); RFC 2784, RFC 2890 (GRE); 3GPP TS 29.281 §5.1 (GTP-U).
"""

from __future__ import annotations

from workbench.analysis import pcapng
from workbench.net.packets import UDP, Ip

MOST_TUNNELS = 4
IP_IN_IP, IP6_IN_IP, GRE = 4, 41, 47
GTP_PORT = 2152
_ETHER_IP, _ETHER_IP6 = 0x0800, 0x86DD
_ETHER_TAGS, _MOST_TAGS = (0x8100, 0x88A8, 0x9100), 4
_RAW = (pcapng.RAW, pcapng.IPV4, pcapng.IPV6, 12, 14)
# Address families that BSD systems write for IPv6 in front of a packet (link types NULL and LOOP).
_FAMILIES_IP6 = (10, 23, 24, 28, 30)
# EtherTypes of what keeps a link going and says nothing of calls.
_OVERHEAD = {0x0806: "ARP", 0x8035: "RARP", 0x88CC: "LLDP", 0x8809: "slow protocols", 0x888E: "802.1X",
             0x9000: "loopback tests", 0x8863: "PPPoE discovery", 0x22F0: "AVTP", 0x88F7: "PTP"}
_MOST_LENGTH = 1500     # an EtherType up to this is a length: LLC, such as spanning tree (IEEE 802.3)
_TYPE_AT = {pcapng.ETHERNET: 12, pcapng.LINUX_SLL: 14, pcapng.LINUX_SLL2: 0}
_KNOWN = (*_RAW, pcapng.NULL, pcapng.LOOP, *_TYPE_AT)


def network_packet(link: int, octets: bytes) -> bytes | None:
    """The IP packet in a captured frame; None where the link carries something else, or is not known."""
    if link in _RAW:
        return octets if octets and octets[0] >> 4 in (4, 6) else None
    if link in (pcapng.NULL, pcapng.LOOP):
        family = octets[:4]
        numbers = (int.from_bytes(family, "little"), int.from_bytes(family, "big"))
        known = 2 in numbers or any(number in _FAMILIES_IP6 for number in numbers)
        return octets[4:] if known and len(octets) >= 4 else None
    if link == pcapng.LINUX_SLL2:
        kind = int.from_bytes(octets[:2], "big")
        return octets[20:] if kind in (_ETHER_IP, _ETHER_IP6) and len(octets) > 20 else None
    return _tagged(octets, _TYPE_AT[link]) if link in _TYPE_AT else None


def _tagged(octets: bytes, at: int) -> bytes | None:
    """Behind an EtherType at `at`, and up to four VLAN tags."""
    kind, at = _behind_tags(octets, at)
    return octets[at + 2 :] or None if kind in (_ETHER_IP, _ETHER_IP6) else None


def _behind_tags(octets: bytes, at: int) -> tuple[int, int]:
    """The EtherType behind up to `_MOST_TAGS` VLAN tags, and where it stands."""
    kind = int.from_bytes(octets[at : at + 2], "big")
    for _ in range(_MOST_TAGS):
        if kind not in _ETHER_TAGS:
            break
        at += 4
        kind = int.from_bytes(octets[at : at + 2], "big")
    return kind, at


def without_ip(link: int, octets: bytes) -> tuple[str, str]:
    """What a frame carries that is no IP: its name, and why it is not read; without a reason where it is overhead."""
    if link not in _KNOWN:
        return f"frames of link type {link}", "a link type that is not known here"
    at = _TYPE_AT.get(link)
    kind = -1
    if at is not None:      # Linux cooked v2 has its type first, and no tags behind it
        kind = _behind_tags(octets, at)[0] if at else int.from_bytes(octets[:2], "big")
    if kind in _OVERHEAD:
        return _OVERHEAD[kind], ""
    if link == pcapng.ETHERNET and 0 < kind <= _MOST_LENGTH:
        return "LLC (spanning tree and the like)", ""
    return ("frames without IP" if kind < 0 else f"EtherType 0x{kind:04x}"), "no IP, and not read here"


def tunnelled(ip: Ip) -> bytes | None:
    """The packet inside a tunnel's; None: this is no tunnel, or carries no IP."""
    inner: bytes | None = None
    if ip.protocol in (IP_IN_IP, IP6_IN_IP):
        inner = ip.payload
    elif ip.protocol == GRE:
        inner = _inside_gre(ip.payload)
    elif ip.protocol == UDP:
        inner = _inside_gtp(ip.payload)
    return inner or None


def _inside_gre(octets: bytes) -> bytes | None:
    """C, K and S each add four octets; R (RFC 1701) and other versions are not read."""
    if len(octets) < 4 or octets[1] & 7 or octets[0] & 0x40:
        return None
    size = 4 + sum(4 for bit in (0x80, 0x20, 0x10) if octets[0] & bit)
    return octets[size:] if int.from_bytes(octets[2:4], "big") in (_ETHER_IP, _ETHER_IP6) else None


def _inside_gtp(octets: bytes) -> bytes | None:
    """A G-PDU from or to the port of GTP-U: version 1, PT, and a T-PDU that begins like IP, behind extensions."""
    if len(octets) < 16 or octets[9] != 0xFF or octets[8] & 0xF8 != 0x30 or (
            GTP_PORT not in (int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:4], "big"))):
        return None
    at = 16
    if octets[8] & 7:
        at = 20
        kind = octets[19] if octets[8] & 4 and len(octets) > 19 else 0
        for _ in range(_MOST_TAGS):
            if not kind:
                break
            size = 4 * octets[at] if at < len(octets) else 0
            if not size or at + size > len(octets):
                return None
            kind, at = octets[at + size - 1], at + size
        if kind:
            return None
    return octets[at:] if at < len(octets) and octets[at] >> 4 in (4, 6) else None
