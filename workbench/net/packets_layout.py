"""Where each field of a frame lies, from the link header (if the capture has one) to the transport payload.

Source: RFC 791, RFC 8200, RFC 768, RFC 9293, RFC 792, RFC 4443; IEEE 802.3; Linux cooked capture (SLL, SLL2). SCTP:
`sctp_layout`.
"""

from __future__ import annotations

from workbench.errors import MalformedMessageError
from workbench.net import sctp_layout
from workbench.net.packets import (
    ICMP,
    ICMP_V6,
    TCP,
    UDP,
    Ip,
    decode_ip,
    flag_names,
    protocol_name,
    unpack_address,
)
from workbench.net.sctp import SCTP
from workbench.protocols.layout import Row, Span

_ETHER_TYPES = {0x0800: "IPv4", 0x86DD: "IPv6", 0x0806: "ARP", 0x8100: "802.1Q VLAN", 0x88A8: "802.1ad VLAN"}
_OPTION_NAMES = {0: "end", 1: "no_operation", 2: "mss", 3: "window_scale", 4: "sack_permitted", 5: "sack",
                 8: "timestamps"}
_ICMP_TYPES = {0: "echo reply", 3: "destination unreachable", 4: "source quench", 5: "redirect", 8: "echo request",
               11: "time exceeded", 12: "parameter problem"}
_ICMP_V6_TYPES = {1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem",
                  128: "echo request", 129: "echo reply", 133: "router solicitation", 134: "router advertisement",
                  135: "neighbor solicitation", 136: "neighbor advertisement"}
_ICMP_CODES = {0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
               4: "fragmentation needed", 13: "administratively prohibited"}
_ICMP_V6_CODES = {0: "no route", 1: "administratively prohibited", 3: "address unreachable", 4: "port unreachable"}
_EXTENSION_NAMES = {0: "hop_by_hop", 43: "routing", 44: "fragment", 51: "authentication", 60: "destination_options"}
_MAX_QUOTATIONS = 2


def spans(octets: bytes, link: str = "ip") -> tuple[Span, ...]:
    """Lay out one captured frame.

    Args:
        octets: the frame.
        link: what it starts with: `ip`, `ethernet`, `sll`, `sll2` or `null` (BSD loopback). Anything else is not
            laid out.

    Returns:
        Spans at the top: the link header if any, `ip` (or `ip6`), `udp`, `tcp` or `icmp` with their fields, then
        `udp.payload` or `tcp.payload`; `sctp` is followed by one `sctp.chunk` a chunk, which has an `sctp.payload`
        where it carries user data. What does not decode is one `ip.undecoded`. Never raises.
    """
    found: list[Span] = []
    at = 0
    if link != "ip":
        header = _link(octets, link)
        if header is None:
            return (Span("ip.undecoded", 0, len(octets), "not an IP frame"),) if octets else ()
        found.append(header)
        at = header.end
    found += _packet(octets, at, 0)
    return tuple(found)


def _link(octets: bytes, link: str) -> Span | None:
    """The header in front of the IP packet; None: there is none that we know, or no IP behind it."""
    row = Row(octets, 0)
    if link == "ethernet" and len(octets) >= 14:
        row.add("ethernet.destination", 6, octets[:6].hex(":"))
        row.add("ethernet.source", 6, octets[6:12].hex(":"))
        while row.number(2) in (0x8100, 0x88A8) and len(octets) >= row.at + 6:
            row.add("ethernet.type", 2, _ether_type(row.number(2)))
            row.add("ethernet.vlan", 2, f"VLAN {row.number(2) & 0xFFF}, priority {row.number(2) >> 13}")
        kind = row.number(2)
        row.add("ethernet.type", 2, _ether_type(kind))
    elif link == "sll" and len(octets) >= 16:
        row.add("sll.packet_type", 2)
        row.add("sll.address_type", 2)
        row.add("sll.address_length", 2)
        row.add("sll.address", 8, octets[6 : 6 + min(octets[5], 8)].hex(":"))
        kind = row.number(2)
        row.add("sll.protocol", 2, _ether_type(kind))
    elif link == "sll2" and len(octets) >= 20:
        kind = row.number(2)
        row.add("sll.protocol", 2, _ether_type(kind))
        row.add("sll.reserved", 2)
        row.add("sll.interface", 4)
        row.add("sll.address_type", 2)
        row.add("sll.packet_type", 1)
        row.add("sll.address_length", 1)
        row.add("sll.address", 8, octets[12 : 12 + min(octets[11], 8)].hex(":"))
    elif link == "null" and len(octets) >= 5:
        kind = 0x0800 if octets[4] >> 4 == 4 else 0x86DD if octets[4] >> 4 == 6 else 0
        row.add("null.family", 4, octets[:4].hex())
    else:
        return None
    return row.parent(link, "") if kind in (0x0800, 0x86DD) else None


def _ether_type(value: int) -> str:
    name = _ETHER_TYPES.get(value)
    return f"0x{value:04x} {name}" if name else f"0x{value:04x}"


def _packet(octets: bytes, start: int, depth: int) -> list[Span]:
    """An IP packet from `start` to the end of the octets; `depth` counts quotations."""
    try:
        ip = decode_ip(octets[start:], whole=False)
    except MalformedMessageError as error:
        return [Span("ip.undecoded", start, len(octets), str(error))] if start < len(octets) else []
    found = [_ipv4(octets, start, ip) if ip.version == 4 else _ipv6(octets, start, ip)]
    at = start + ip.header_octets
    end = at + len(ip.payload)
    body = octets[:end]
    if ip.fragment_offset:
        found += _rest(body, at, "ip.fragment_data")
    elif ip.protocol == TCP:
        found += _tcp(body, at)
    elif ip.protocol == UDP:
        found += _udp(body, at)
    elif ip.protocol in (ICMP, ICMP_V6):
        found += _icmp(body, at, ip.version, depth)
    elif ip.protocol == SCTP:
        found += sctp_layout.spans(body, at, whole=ip.header_octets + len(ip.payload) >= ip.total_octets)
    else:
        found += _rest(body, at, "ip.payload")
    if end < len(octets):
        found.append(Span("ip.padding", end, len(octets), f"{len(octets) - end} octets behind the packet"))
    return found


def _rest(octets: bytes, at: int, name: str, value: str = "") -> list[Span]:
    return [Span(name, at, len(octets), value)] if at < len(octets) else []


def _ipv4(octets: bytes, start: int, ip: Ip) -> Span:
    row = Row(octets, start)
    row.add("ip.version", 1, f"version 4, header {octets[start] % 16 * 4} octets")
    row.add("ip.traffic_class", 1, f"DSCP {ip.traffic_class >> 2}, ECN {ip.traffic_class & 3}")
    row.add("ip.total_length", 2, f"{row.number(2)} octets")
    row.add("ip.identification", 2, f"0x{ip.ident:04x}")
    flags = "don't fragment, " * ip.dont_fragment + "more fragments, " * ip.more_fragments
    row.add("ip.fragment", 2, f"{flags}offset {ip.fragment_offset}")
    row.add("ip.ttl", 1)
    row.add("ip.protocol", 1, f"{ip.protocol} {protocol_name(ip.protocol)}")
    row.add("ip.checksum", 2, f"0x{row.number(2):04x} {'right' if ip.checksum_ok else 'wrong'}")
    row.add("ip.source", 4, ip.source)
    row.add("ip.destination", 4, ip.destination)
    row.add("ip.options", start + ip.header_octets - row.at, "")
    return row.parent("ip", f"{ip.source} to {ip.destination}")


def _ipv6(octets: bytes, start: int, ip: Ip) -> Span:
    row = Row(octets, start)
    flow = row.number(4) & 0xFFFFF
    row.add("ip6.version", 4, f"version 6, traffic class {ip.traffic_class}, flow label 0x{flow:05x}")
    row.add("ip6.payload_length", 2, f"{row.number(2)} octets")
    following = row.number(1)
    row.add("ip6.next_header", 1, f"{following} {protocol_name(following)}")
    row.add("ip6.hop_limit", 1)
    row.add("ip6.source", 16, ip.source)
    row.add("ip6.destination", 16, unpack_address(octets[row.at : row.at + 16]))
    while row.at < start + ip.header_octets:
        at = row.at
        size = 8 if following == 44 else (octets[at + 1] + 2) * 4 if following == 51 else (octets[at + 1] + 1) * 8
        name = _EXTENSION_NAMES.get(following, "other")
        following = octets[at]
        row.add(f"ip6.extension.{name}", min(size, start + ip.header_octets - at), f"then {protocol_name(following)}")
    return row.parent("ip6", f"{ip.source} to {ip.destination}")


def _udp(octets: bytes, start: int) -> list[Span]:
    if len(octets) < start + 8:
        return _rest(octets, start, "ip.undecoded", "UDP header cut short [RFC 768]")
    row = Row(octets, start)
    ports = f"{row.number(2)} to {int.from_bytes(octets[start + 2 : start + 4], 'big')}"
    row.add("udp.source_port", 2)
    row.add("udp.destination_port", 2)
    length = row.number(2)
    row.add("udp.length", 2, f"{length} octets")
    row.add("udp.checksum", 2, f"0x{row.number(2):04x}" if row.number(2) else "none computed")
    found = [row.parent("udp", ports)]
    end = min(len(octets), start + length) if length >= 8 else len(octets)
    found += _rest(octets[:end], row.at, "udp.payload")
    return found + _rest(octets, max(end, row.at), "udp.surplus")


def _tcp(octets: bytes, start: int) -> list[Span]:
    if len(octets) < start + 20:
        return _rest(octets, start, "ip.undecoded", "TCP header cut short [RFC 9293 §3.1]")
    row = Row(octets, start)
    ports = f"{row.number(2)} to {int.from_bytes(octets[start + 2 : start + 4], 'big')}"
    header = (octets[start + 12] >> 4) * 4
    flags = octets[start + 13]
    row.add("tcp.source_port", 2)
    row.add("tcp.destination_port", 2)
    row.add("tcp.sequence", 4)
    row.add("tcp.acknowledgment", 4, str(row.number(4)) if flags & 0x10 else "not used (no ACK)")
    row.add("tcp.header_length", 1, f"{header} octets")
    row.add("tcp.flags", 1, flag_names(flags) or "none")
    row.add("tcp.window", 2)
    row.add("tcp.checksum", 2, f"0x{row.number(2):04x}")
    row.add("tcp.urgent", 2)
    end = start + header
    if header < 20 or end > len(octets):
        what = "data offset out of range [RFC 9293 §3.1]"
        return [row.parent("tcp", ports), *_rest(octets, row.at, "ip.undecoded", what)]
    _tcp_options(row, end)
    return [row.parent("tcp", f"{ports}, {flag_names(flags) or 'no flags'}"), *_rest(octets, end, "tcp.payload")]


def _tcp_options(row: Row, end: int) -> None:
    octets = row.octets
    while row.at < end:
        kind = octets[row.at]
        if kind == 0:
            row.add("tcp.option.end", 1, "end of options")
            row.add("tcp.option.padding", end - row.at, "")
            return
        if kind == 1:
            row.add("tcp.option.no_operation", 1, "no operation")
            continue
        size = octets[row.at + 1] if row.at + 1 < end else 0
        if size < 2 or row.at + size > end:
            row.add("tcp.option.undecoded", end - row.at, f"kind {kind}, cut short")
            return
        value = int.from_bytes(octets[row.at + 2 : row.at + size], "big")
        name = _OPTION_NAMES.get(kind, "other")
        if name == "mss":
            text = f"{value} octets"
        elif name == "window_scale":
            text = f"shift by {value} (times {1 << min(value, 14)})"
        elif name == "timestamps" and size == 10:
            text = f"value {value >> 32}, echo {value & 0xFFFFFFFF}"
        elif name == "sack_permitted":
            text = "selective acknowledgment is understood"
        else:
            text = f"kind {kind}"
        row.add(f"tcp.option.{name}", size, text)


def _icmp(octets: bytes, start: int, version: int, depth: int) -> list[Span]:
    if len(octets) < start + 8:
        return _rest(octets, start, "ip.undecoded", "ICMP header cut short [RFC 792]")
    row = Row(octets, start)
    kind, code = octets[start], octets[start + 1]
    names, codes = (_ICMP_TYPES, _ICMP_CODES) if version == 4 else (_ICMP_V6_TYPES, _ICMP_V6_CODES)
    name = names.get(kind, f"type {kind}")
    unreachable = kind == (3 if version == 4 else 1)
    row.add("icmp.type", 1, f"{kind} {names[kind]}" if kind in names else str(kind))
    row.add("icmp.code", 1, f"{code} {codes[code]}" if unreachable and code in codes else str(code))
    row.add("icmp.checksum", 2, f"0x{row.number(2):04x}")
    if kind in ((0, 8) if version == 4 else (128, 129)):
        row.add("icmp.identifier", 2)
        row.add("icmp.sequence", 2)
    else:
        row.add("icmp.rest", 4, f"0x{row.number(4):08x}")
    found = [row.parent("icmp", name)]
    is_error = kind in (3, 4, 5, 11, 12) if version == 4 else kind < 128
    if row.at >= len(octets):
        return found
    if not is_error or depth >= _MAX_QUOTATIONS:
        return [*found, Span("icmp.payload", row.at, len(octets))]
    quoted = tuple(_packet(octets, row.at, depth + 1))
    return [*found, Span("icmp.quoted", row.at, len(octets), "the packet that caused it", quoted)]
