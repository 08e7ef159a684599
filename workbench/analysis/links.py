"""What a captured frame carries: the IP packet behind the link's header, and the one inside a tunnel.

Whatever stands in front of IP is told by an EtherType here (`behind`), so that links and tunnels share one walk.
`columns.headers` reads the same for all frames at once.

Source: IEEE 802.1Q; RFC 1661, RFC 1662 (PPP), RFC 2516 (PPPoE); RFC 3032, RFC 4448 (MPLS, Ethernet in MPLS);
    RFC 2003, RFC 2473, RFC 4213 (IP in IP); RFC 2784, RFC 2890 (GRE); RFC 3378 (EtherIP); RFC 4023 (MPLS in IP);
    RFC 7348 (VXLAN); RFC 8926 (Geneve); ERSPAN as draft-foschiano-erspan describes it; 3GPP TS 29.281 §5.1 (GTP-U).
"""

from __future__ import annotations

from workbench.analysis import pcapng
from workbench.net.packets import UDP, Ip

MOST_TUNNELS = 4
MOST_HEADERS = 12
"""Tags, labels and headers in front of one IP packet."""
IP_IN_IP, IP6_IN_IP, GRE, ETHER_IP, MPLS_IN_IP = 4, 41, 47, 97, 137
GTP_PORT, VXLAN_PORT, GENEVE_PORT = 2152, 4789, 6081
MOST_EXTENSIONS = 4     # of GTP-U
IP4, IP6, BRIDGED, PPP, PPPOE = 0x0800, 0x86DD, 0x6558, 0x880B, 0x8864
"""EtherTypes; BRIDGED is a whole Ethernet frame (RFC 1701: transparent Ethernet bridging)."""
TAGS, MPLS = (0x8100, 0x88A8, 0x9100), (0x8847, 0x8848)
IN_FRONT = (*TAGS, *MPLS, BRIDGED, PPP, PPPOE)
"""What `behind` looks behind."""
ERSPAN, ERSPAN_3 = 0x88BE, 0x22EB
IN_PPP = {0x0021: IP4, 0x0057: IP6, 0x0281: MPLS[0], 0x0283: MPLS[1]}
RAW = (pcapng.RAW, pcapng.IPV4, pcapng.IPV6, 12, 14)
# Address families that BSD systems write for IPv6 in front of a packet (link types NULL and LOOP).
FAMILIES_IP6 = (10, 23, 24, 28, 30)
BEGINS = {pcapng.ETHERNET: (BRIDGED, 0), pcapng.PPP: (PPP, 0), pcapng.PPP_WITH_DIR: (PPP, 1),
          pcapng.PPP_ETHER: (PPPOE, 0), pcapng.MPLS: (MPLS[0], 0)}
"""Link types whose header tells no EtherType: which one they begin with, and where."""
TYPE_AT = {pcapng.LINUX_SLL: (14, 16), pcapng.LINUX_SLL2: (0, 20), pcapng.CISCO_HDLC: (2, 4)}
"""Link types whose header has an EtherType: where it stands, and where what it names begins."""
# EtherTypes of what keeps a link going and says nothing of calls.
_OVERHEAD = {0x0806: "ARP", 0x8035: "RARP", 0x88CC: "LLDP", 0x8809: "slow protocols", 0x888E: "802.1X",
             0x9000: "loopback tests", 0x8863: "PPPoE discovery", 0x22F0: "AVTP", 0x88F7: "PTP"}
_MOST_LENGTH = 1500     # an EtherType up to this is a length: LLC, such as spanning tree (IEEE 802.3)
_CONTROL = 0x8000       # protocols of PPP from here on set up the link or its addresses (RFC 1661 §2)
_SLARP = 0x8035         # Cisco's keepalive has the EtherType of RARP
_KNOWN = (*RAW, pcapng.NULL, pcapng.LOOP, pcapng.PPP_HDLC, *BEGINS, *TYPE_AT)


def network_packet(link: int, octets: bytes) -> bytes | None:
    """The IP packet in a captured frame; None where the link carries something else, or is not known."""
    if link in RAW:
        return octets if octets and octets[0] >> 4 in (4, 6) else None
    if link in (pcapng.NULL, pcapng.LOOP):
        family = octets[:4]
        numbers = (int.from_bytes(family, "little"), int.from_bytes(family, "big"))
        known = 2 in numbers or any(number in FAMILIES_IP6 for number in numbers)
        return octets[4:] if known and len(octets) >= 4 else None
    return _packet(octets, *_begin(link, octets))


def _packet(octets: bytes, kind: int, at: int) -> bytes | None:
    kind, at = behind(octets, kind, at)
    return octets[at:] or None if kind in (IP4, IP6) else None


def _begin(link: int, octets: bytes) -> tuple[int, int]:
    """The EtherType of what a frame carries, and where that begins; -1 where nothing tells."""
    if link == pcapng.PPP_HDLC:     # PPP, or Cisco's framing by its address octet
        link = pcapng.CISCO_HDLC if octets[:1] in (b"\x0f", b"\x8f") else pcapng.PPP
    if link in TYPE_AT:
        at, begin = TYPE_AT[link]
        return _word(octets, at), begin
    return BEGINS.get(link, (-1, 0))


def behind(octets: bytes, kind: int, at: int) -> tuple[int, int]:
    """Behind all headers in front of IP: the EtherType where the walk ends, and where what it names begins.

    Args:
        kind: EtherType of what begins at `at`.
    """
    for _ in range(MOST_HEADERS):
        if kind not in IN_FRONT:
            break
        following, begin = _following(octets, kind, at)
        if begin == at:
            break
        kind, at = following, begin
    return kind, at


def _following(octets: bytes, kind: int, at: int) -> tuple[int, int]:
    """What one header says of what follows it; the same place where it says nothing that is read here."""
    if kind in TAGS:
        return _word(octets, at + 2), at + 4
    if kind == BRIDGED:
        return _word(octets, at + 12), at + 14
    if kind in MPLS:
        return _labelled(octets, kind, at)
    if kind == PPPOE:   # version and type 1, code 0: a session (RFC 2516 §4)
        return (PPP, at + 6) if octets[at : at + 2] == b"\x11\x00" and len(octets) >= at + 6 else (kind, at)
    protocol, begin = _of_ppp(octets, at)
    return (IN_PPP[protocol], begin) if protocol in IN_PPP else (kind, at)


def _of_ppp(octets: bytes, at: int) -> tuple[int, int]:
    """The protocol number and where its packet begins: address, control and its first octet may be left out."""
    if octets[at : at + 2] == b"\xff\x03":
        at += 2
    if len(octets) > at and octets[at] & 1:
        return octets[at], at + 1
    return _word(octets, at), at + 2


def _labelled(octets: bytes, kind: int, at: int) -> tuple[int, int]:
    """Behind one label; behind the last one the first half octet tells IP, or a control word in front of Ethernet."""
    if len(octets) < at + 5:
        return kind, at
    if not octets[at + 2] & 1:
        return kind, at + 4
    first = octets[at + 4] >> 4
    if first:
        return {4: IP4, 6: IP6}.get(first, kind), at + 4 * (first in (4, 6))
    return BRIDGED, at + 8


def _word(octets: bytes, at: int) -> int:
    """Two octets; -1: the frame ends before."""
    return octets[at] << 8 | octets[at + 1] if len(octets) >= at + 2 else -1


def without_ip(link: int, octets: bytes) -> tuple[str, str]:
    """What a frame carries that is no IP: its name, and why it is not read; without a reason where it is overhead."""
    if link not in _KNOWN:
        return f"frames of link type {link}", "a link type that is not known here"
    if link in (*RAW, pcapng.NULL, pcapng.LOOP):
        return "frames without IP", "no IP, and not read here"
    kind, at = behind(octets, *_begin(link, octets))
    if kind == _SLARP and link in (pcapng.CISCO_HDLC, pcapng.PPP_HDLC):
        return "SLARP", ""
    if kind in _OVERHEAD:
        return _OVERHEAD[kind], ""
    if link == pcapng.ETHERNET and 0 < kind <= _MOST_LENGTH:
        return "LLC (spanning tree and the like)", ""
    if kind < 0:
        return "frames without IP", "the frame ends within the header of its link"
    if kind == PPP:
        protocol, _ = _of_ppp(octets, at)
        return ("PPP control", "") if protocol >= _CONTROL else (
            "PPP" + f" protocol 0x{protocol:04x}" * (protocol >= 0), "no IP, and not read here")
    return f"EtherType 0x{kind:04x}", "no IP, and not read here"


def tunnelled(ip: Ip) -> bytes | None:
    """The packet inside a tunnel's; None: this is no tunnel, or carries no IP."""
    octets = ip.payload
    if ip.protocol in (IP_IN_IP, IP6_IN_IP):
        return octets or None
    if ip.protocol == GRE:
        return _packet(octets, *_in_gre(octets))
    if ip.protocol == MPLS_IN_IP:
        return _packet(octets, MPLS[0], 0)
    if ip.protocol == ETHER_IP:     # version 3, and twelve bits that are zero
        return _packet(octets, BRIDGED, 2) if octets[:2] == b"\x30\x00" else None
    if ip.protocol != UDP or len(octets) < 16:
        return None
    return _inside_gtp(octets) or _packet(octets, *_in_overlay(octets))


def _in_gre(octets: bytes) -> tuple[int, int]:
    """EtherType and begin of what GRE carries. C, K and S add four octets each; R (RFC 1701) is not read."""
    if len(octets) < 4 or octets[1] & 7 or octets[0] & 0x40:
        return -1, 0
    at, kind = 4 + sum(4 for bit in (0x80, 0x20, 0x10) if octets[0] & bit), _word(octets, 2)
    if kind == ERSPAN:              # type I: no sequence number in GRE, no header; type II: 8 octets
        return BRIDGED, at + 8 * (octets[0] >> 4 & 1)
    if kind == ERSPAN_3:            # 12 octets, and 8 more where the last bit says so; frame type 0: Ethernet, 2: IP
        if len(octets) < at + 12:
            return -1, 0
        form, begin = octets[at + 10] >> 2 & 31, at + 12 + 8 * (octets[at + 11] & 1)
        if form == 2 and len(octets) > begin:
            return (IP6 if octets[begin] >> 4 == 6 else IP4), begin
        return (BRIDGED if form == 0 else -1), begin
    return kind, at


def _in_overlay(octets: bytes) -> tuple[int, int]:
    """EtherType and begin of what VXLAN or Geneve carries, by the port it is sent to; -1: neither."""
    port = _word(octets, 2)
    if port == VXLAN_PORT:          # the flag I, and no other
        return (BRIDGED if octets[8:12] == b"\x08\0\0\0" else -1), 16
    if port == GENEVE_PORT:         # version 0, and no control message
        return (_word(octets, 10) if octets[8] < 64 and not octets[9] & 0x80 else -1), 16 + 4 * (octets[8] & 63)
    return -1, 0


def _inside_gtp(octets: bytes) -> bytes | None:
    """A G-PDU from or to the port of GTP-U: version 1, PT, and a T-PDU that begins like IP, behind extensions."""
    if len(octets) < 16 or octets[9] != 0xFF or octets[8] & 0xF8 != 0x30 or (
            GTP_PORT not in (int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:4], "big"))):
        return None
    at = 16
    if octets[8] & 7:
        at = 20
        kind = octets[19] if octets[8] & 4 and len(octets) > 19 else 0
        for _ in range(MOST_EXTENSIONS):
            if not kind:
                break
            size = 4 * octets[at] if at < len(octets) else 0
            if not size or at + size > len(octets):
                return None
            kind, at = octets[at + size - 1], at + size
        if kind:
            return None
    return octets[at:] if at < len(octets) and octets[at] >> 4 in (4, 6) else None
