"""IP packets: octets to values and back (IPv4, IPv6, UDP, TCP, ICMP), checksums, and what a NAT rewrites.

Nothing here keeps state. Decoders raise `MalformedMessageError` and nothing else; a wrong checksum is a fact
(`checksum_ok`), not an error, because captures are full of checksums that were left to the network card.

Source: RFC 791, RFC 8200, RFC 768, RFC 9293, RFC 792, RFC 4443, RFC 1071 (checksum), RFC 1624 (its update).
"""

from __future__ import annotations

import enum
import ipaddress
import struct
from functools import lru_cache

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.net.values import Endpoint

ICMP = 1
TCP = 6
UDP = 17
ICMP_V6 = 58

_PROTOCOL_NAMES = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP", ICMP_V6: "ICMPv6", 0: "hop-by-hop options", 2: "IGMP",
                   43: "routing", 44: "fragment", 50: "ESP", 51: "AH", 59: "no next header",
                   60: "destination options", 132: "SCTP"}

_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_UDP = struct.Struct("!HHHH")
_TCP = struct.Struct("!HHIIBBHHH")
_ICMP = struct.Struct("!BBH4s")

# IPv6 extension headers that stand between the header and the payload (RFC 8200 §4). ESP hides what follows.
_EXTENSIONS = frozenset((0, 43, 44, 51, 60))
_MAX_EXTENSIONS = 16
_MAX_PACKET = 65535

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
_FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


class Unreachable(enum.IntEnum):
    """Codes of ICMP destination unreachable (RFC 792); `encode_unreachable` maps them to ICMPv6."""

    NETWORK = 0
    HOST = 1
    PROTOCOL = 2
    PORT = 3
    PROHIBITED = 13


class Ip(msgspec.Struct, frozen=True):
    """An IP packet's header and what it carries.

    Args:
        version: 4 or 6.
        source, destination: addresses in canonical text form.
        protocol: of `payload`: behind all IPv6 extension headers.
        ttl: time to live, or hop limit.
        payload: what the packet carries, without padding of the link.
        header_octets: size of header, IPv4 options and IPv6 extension headers.
        total_octets: size of the packet as its header gives it; octets behind it are padding.
        traffic_class: IPv4 TOS or IPv6 traffic class.
        ident: identification of fragments; 0 where IPv6 has no fragment header.
        dont_fragment: IPv4 DF; always true for IPv6.
        more_fragments, fragment_offset: this is a fragment if either is set; the offset is in octets.
        checksum_ok: IPv4 header checksum; always true for IPv6.
    """

    version: int
    source: str
    destination: str
    protocol: int
    ttl: int
    payload: bytes
    header_octets: int
    total_octets: int
    traffic_class: int = 0
    ident: int = 0
    dont_fragment: bool = True
    more_fragments: bool = False
    fragment_offset: int = 0
    checksum_ok: bool = True

    @property
    def is_fragment(self) -> bool:
        """The payload is a part only."""
        return self.more_fragments or self.fragment_offset > 0


class Udp(msgspec.Struct, frozen=True):
    """A UDP datagram. `checksum_ok` is also true where the sender computed none (IPv4 only)."""

    source: Endpoint
    destination: Endpoint
    data: bytes
    checksum_ok: bool = True


class Tcp(msgspec.Struct, frozen=True):
    """A TCP segment. `options` are the octets between header and payload, padding included."""

    source: Endpoint
    destination: Endpoint
    sequence: int
    acknowledgment: int
    flags: int
    window: int
    payload: bytes = b""
    options: bytes = b""
    urgent: int = 0
    checksum_ok: bool = True

    @property
    def flag_names(self) -> str:
        """The flags as people write them, such as `SYN, ACK`; empty where none is set."""
        return flag_names(self.flags)

    @property
    def length(self) -> int:
        """Octets of sequence space that the segment takes: SEG.LEN (SYN and FIN count)."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)

    def option(self, kind: int) -> bytes | None:
        """The octets of the first option of this kind, without kind and length; None: not there, or cut short."""
        options, at = self.options, 0
        while at < len(options):
            found = options[at]
            if found == 0:
                break
            if found == 1:
                at += 1
                continue
            size = options[at + 1] if at + 1 < len(options) else 0
            if size < 2 or at + size > len(options):
                break
            if found == kind:
                return options[at + 2 : at + size]
            at += size
        return None

    @property
    def mss(self) -> int | None:
        """Maximum segment size option in octets (RFC 9293 §3.7.1)."""
        value = self.option(2)
        return int.from_bytes(value, "big") if value is not None and len(value) == 2 else None

    @property
    def window_scale(self) -> int | None:
        """Shift count (RFC 7323 §2.2); a larger one than 14 counts as 14 (§2.3)."""
        value = self.option(3)
        return min(value[0], 14) if value is not None and len(value) == 1 else None


class Icmp(msgspec.Struct, frozen=True):
    """An ICMP or ICMPv6 message: `rest` are the four octets behind the checksum, `body` all others."""

    version: int
    type: int
    code: int
    rest: bytes
    body: bytes
    checksum_ok: bool = True

    @property
    def is_error(self) -> bool:
        """An error message: `body` quotes the packet that caused it."""
        return self.type in (3, 4, 5, 11, 12) if self.version == 4 else self.type < 128

    @property
    def is_echo_request(self) -> bool:
        """Asks for an echo reply."""
        return self.type == (8 if self.version == 4 else 128)

    @property
    def is_echo_reply(self) -> bool:
        """Answers an echo request."""
        return self.type == (0 if self.version == 4 else 129)


def protocol_name(protocol: int) -> str:
    """The name of an IP protocol number, or the number as text."""
    return _PROTOCOL_NAMES.get(protocol, str(protocol))


def flag_names(flags: int) -> str:
    """TCP flags as people write them: `SYN, ACK`."""
    order = (1, 0, 2, 3, 4, 5, 6, 7)   # SYN first: "SYN, ACK", "FIN, ACK"
    return ", ".join(_FLAG_NAMES[bit] for bit in order if flags >> bit & 1)


@lru_cache(maxsize=4096)
def pack_address(host: str) -> bytes:
    """The 4 or 16 octets of an address. Raises LocalProtocolError for text that is none."""
    try:
        return ipaddress.ip_address(host).packed
    except ValueError:
        raise LocalProtocolError(f"{host!r} is not an IP address") from None


@lru_cache(maxsize=4096)
def unpack_address(octets: bytes) -> str:
    """The canonical text of 4 or 16 octets."""
    return str(ipaddress.ip_address(octets))


@lru_cache(maxsize=4096)
def _endpoint(host: str, port: int) -> Endpoint:
    return Endpoint(host, port)


_BLOCK = 4096


def checksum(octets: bytes, start: int = 0) -> int:
    """The Internet checksum of `octets`, with `start` added to the sum (a pseudo-header's words). RFC 1071.

    A message that holds its own correct checksum gives 0.
    """
    # 2**16 is 1 modulo 65535: the remainder of the whole number is the end-around-carry sum of its words.
    if len(octets) % 2:
        octets = octets + b"\0"
    if len(octets) <= _BLOCK:
        total = int.from_bytes(octets, "big") + start
    else:  # long numbers cost more than their share
        total = sum(int.from_bytes(octets[at : at + _BLOCK], "big") for at in range(0, len(octets), _BLOCK)) + start
    return 0xFFFF - ((total - 1) % 0xFFFF + 1 if total else 0)


@lru_cache(maxsize=4096)
def _pseudo(source: str, destination: str, protocol: int) -> int:
    """Sum of the pseudo-header's words without the length (RFC 9293 §3.1, RFC 8200 §8.1)."""
    return int.from_bytes(pack_address(source) + pack_address(destination), "big") % 0xFFFF + protocol


# Decoding.

def transport_checksum(ip: Ip, place: int) -> bytes:
    """The checksum of a TCP segment or UDP datagram, which has its own at `place` of the payload."""
    rest = ip.payload[:place] + b"\0\0" + ip.payload[place + 2 :]
    start = _pseudo(ip.source, ip.destination, ip.protocol) + len(rest)
    value = checksum(rest, start)
    return (0xFFFF if ip.protocol == UDP and not value else value).to_bytes(2, "big")


def decode_ip(octets: bytes, *, whole: bool = True) -> Ip:
    """Read an IP packet.

    Args:
        octets: from the first octet of the IP header; octets behind the packet's end are taken for padding.
        whole: False accepts a packet whose end is missing (a quotation in ICMP, a short capture): `payload` is
            what there is, `total_octets` what the header claims.

    Raises:
        MalformedMessageError: cut short, no IP version 4 or 6, or lengths that contradict each other.

    Source: RFC 791 §3.1; RFC 8200 §3 and §4.
    """
    if not octets:
        raise MalformedMessageError("no octets", clause="RFC 791 §3.1", offset=0)
    version = octets[0] >> 4
    if version == 4:
        return _decode_ipv4(octets, whole)
    if version == 6:
        return _decode_ipv6(octets, whole)
    raise MalformedMessageError(f"IP version {version}", clause="RFC 791 §3.1", offset=0)


def _decode_ipv4(octets: bytes, whole: bool) -> Ip:
    clause = "RFC 791 §3.1"
    if len(octets) < 20:
        raise MalformedMessageError("IPv4 header cut short", clause=clause, offset=len(octets))
    first, tos, total, ident, fragment, ttl, protocol, _, source, destination = _IPV4.unpack_from(octets)
    header = (first & 15) * 4
    if header < 20:
        raise MalformedMessageError(f"header length of {header} octets", clause=clause, offset=0)
    # A network card that cuts large segments itself lets captures show total length 0: take what there is.
    total = total or len(octets)
    if total < header:
        raise MalformedMessageError(f"total length {total} below the header's {header}", clause=clause, offset=2)
    if header > len(octets):
        raise MalformedMessageError("IPv4 options cut short", clause=clause, offset=len(octets))
    if whole and total > len(octets):
        raise MalformedMessageError(f"{len(octets)} of {total} octets: cut short", clause=clause, offset=len(octets))
    return Ip(4, unpack_address(source), unpack_address(destination), protocol, ttl, bytes(octets[header:total]),
              header, total, tos, ident, bool(fragment & 0x4000), bool(fragment & 0x2000), (fragment & 0x1FFF) * 8,
              checksum(octets[:header]) == 0)


def _decode_ipv6(octets: bytes, whole: bool) -> Ip:
    clause = "RFC 8200 §3"
    if len(octets) < 40:
        raise MalformedMessageError("IPv6 header cut short", clause=clause, offset=len(octets))
    first, length, protocol, ttl, source, destination = _IPV6.unpack_from(octets)
    total = 40 + length if length else len(octets)
    if whole and total > len(octets):
        raise MalformedMessageError(f"{len(octets)} of {total} octets: cut short", clause=clause, offset=len(octets))
    end, at = min(total, len(octets)), 40
    ident = offset = 0
    more = False
    for _ in range(_MAX_EXTENSIONS):
        if protocol not in _EXTENSIONS or offset:
            break
        if at + 8 > end:
            raise MalformedMessageError("extension header cut short", clause="RFC 8200 §4", offset=at)
        size = 8 if protocol == 44 else (octets[at + 1] + 2) * 4 if protocol == 51 else (octets[at + 1] + 1) * 8
        if at + size > end:
            raise MalformedMessageError("extension header longer than the packet", clause="RFC 8200 §4", offset=at + 1)
        if protocol == 44:
            field, ident = struct.unpack_from("!HI", octets, at + 2)
            offset, more = field & 0xFFF8, bool(field & 1)
        protocol = octets[at]
        at += size
    else:
        raise MalformedMessageError(f"more than {_MAX_EXTENSIONS} extension headers", clause="RFC 8200 §4", offset=at)
    return Ip(6, unpack_address(source), unpack_address(destination), protocol, ttl, bytes(octets[at:end]), at, total,
              first >> 20 & 0xFF, ident, True, more, offset, True)


def decode_udp(ip: Ip) -> Udp:
    """Read the UDP datagram in a packet. Raises MalformedMessageError (offsets count from the UDP header). RFC 768."""
    payload = ip.payload
    if len(payload) < 8:
        raise MalformedMessageError("UDP header cut short", clause="RFC 768", offset=len(payload))
    source, destination, length, given = _UDP.unpack_from(payload)
    length = length or len(payload)
    if not 8 <= length <= len(payload):
        raise MalformedMessageError(f"UDP length {length} in {len(payload)} octets", clause="RFC 768", offset=4)
    pseudo = _pseudo(ip.source, ip.destination, UDP)
    right = checksum(payload[:length], pseudo + length) == 0 if given else ip.version == 4
    return Udp(_endpoint(ip.source, source), _endpoint(ip.destination, destination), payload[8:length], right)


def decode_tcp(ip: Ip) -> Tcp:
    """Read the TCP segment in a packet. Raises MalformedMessageError (offsets count from the TCP header).

    Source: RFC 9293 §3.1.
    """
    payload = ip.payload
    if len(payload) < 20:
        raise MalformedMessageError("TCP header cut short", clause="RFC 9293 §3.1", offset=len(payload))
    source, destination, sequence, acknowledgment, offset, flags, window, _, urgent = _TCP.unpack_from(payload)
    header = (offset >> 4) * 4
    if not 20 <= header <= len(payload):
        what = f"data offset of {header} octets in {len(payload)}"
        raise MalformedMessageError(what, clause="RFC 9293 §3.1", offset=12)
    right = checksum(payload, _pseudo(ip.source, ip.destination, TCP) + len(payload)) == 0
    return Tcp(_endpoint(ip.source, source), _endpoint(ip.destination, destination), sequence, acknowledgment, flags,
               window, payload[header:], payload[20:header], urgent, right)


def decode_icmp(ip: Ip) -> Icmp:
    """Read the ICMP or ICMPv6 message in a packet. Raises MalformedMessageError. RFC 792, RFC 4443 §2.1."""
    payload = ip.payload
    if len(payload) < 8:
        raise MalformedMessageError("ICMP header cut short", clause="RFC 792", offset=len(payload))
    kind, code, _, rest = _ICMP.unpack_from(payload)
    start = _pseudo(ip.source, ip.destination, ICMP_V6) + len(payload) if ip.version == 6 else 0
    return Icmp(ip.version, kind, code, rest, payload[8:], checksum(payload, start) == 0)


def decode_quoted(icmp: Icmp) -> tuple[int, Endpoint, Endpoint, bytes]:
    """What an ICMP error quotes: protocol, source and destination of the packet, and its transport octets (8 or more).

    Raises:
        MalformedMessageError: not an error message, or the quotation does not reach to the ports.

    Source: RFC 792; RFC 4443 §2.4.
    """
    if not icmp.is_error:
        raise MalformedMessageError(f"ICMP type {icmp.type} quotes no packet", clause="RFC 792", offset=0)
    ip = decode_ip(icmp.body, whole=False)
    if ip.fragment_offset or ip.protocol not in (TCP, UDP, ICMP, ICMP_V6) or len(ip.payload) < 8:
        raise MalformedMessageError("quotation without ports", clause="RFC 792", offset=8 + ip.header_octets)
    source, destination = _ports(ip)
    return ip.protocol, _endpoint(ip.source, source), _endpoint(ip.destination, destination), ip.payload


def destination_of(packet: bytes) -> str | None:
    """Where a packet goes, read without looking at anything else; None: no IP header is there."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        return unpack_address(packet[16:20])
    if version == 6 and len(packet) >= 40:
        return unpack_address(packet[24:40])
    return None


def endpoints(ip: Ip) -> tuple[Endpoint, Endpoint] | None:
    """Source and destination with ports; for ICMP echo both ports are the identifier (RFC 5508 §3.1).

    None where there are no ports: other protocols, later fragments, ICMP errors.
    """
    if ip.fragment_offset or len(ip.payload) < 8 or ip.protocol not in (TCP, UDP, ICMP, ICMP_V6):
        return None
    if ip.protocol in (ICMP, ICMP_V6) and ip.payload[0] not in ((0, 8) if ip.version == 4 else (128, 129)):
        return None
    source, destination = _ports(ip)
    return _endpoint(ip.source, source), _endpoint(ip.destination, destination)


def _ports(ip: Ip) -> tuple[int, int]:
    if ip.protocol in (ICMP, ICMP_V6):
        ident = int.from_bytes(ip.payload[4:6], "big")
        return ident, ident
    return int.from_bytes(ip.payload[:2], "big"), int.from_bytes(ip.payload[2:4], "big")


# Encoding.

def encode_ip(source: str, destination: str, protocol: int, payload: bytes, *, ident: int = 0, ttl: int = 64) -> bytes:
    """A complete packet: IPv4 (don't fragment) or IPv6, as the addresses say.

    Raises:
        LocalProtocolError: addresses of two versions, or more octets than the length field can say.
    """
    sender, receiver = pack_address(source), pack_address(destination)
    if len(sender) != len(receiver):
        raise LocalProtocolError(f"{source} and {destination} are of two IP versions")
    if len(payload) + 20 * (len(sender) == 4) > _MAX_PACKET:
        raise LocalProtocolError(f"{len(payload)} octets do not fit into one packet")
    if len(sender) == 16:
        return _IPV6.pack(6 << 28, len(payload), protocol, ttl, sender, receiver) + payload
    total = 20 + len(payload)
    words = (0x4500 + total + ident + 0x4000 + (ttl << 8 | protocol)
             + int.from_bytes(sender, "big") + int.from_bytes(receiver, "big"))
    return _IPV4.pack(0x45, 0, total, ident, 0x4000, ttl, protocol, 0xFFFF - ((words - 1) % 0xFFFF + 1),
                      sender, receiver) + payload


def encode_udp(source: Endpoint, destination: Endpoint, data: bytes, *, ident: int = 0, ttl: int = 64) -> bytes:
    """A complete IP packet with one UDP datagram. Raises LocalProtocolError as `encode_ip`."""
    length = 8 + len(data)
    if length > _MAX_PACKET:
        raise LocalProtocolError(f"{len(data)} octets do not fit into one datagram")
    header = _UDP.pack(source.port, destination.port, length, 0)
    # A computed checksum of zero is sent as all ones, because zero says "none computed" (RFC 768).
    value = checksum(header + data, _pseudo(source.host, destination.host, UDP) + length) or 0xFFFF
    octets = header[:6] + value.to_bytes(2, "big") + data
    return encode_ip(source.host, destination.host, UDP, octets, ident=ident, ttl=ttl)


def encode_tcp(segment: Tcp, *, ident: int = 0, ttl: int = 64) -> bytes:
    """A complete IP packet with one TCP segment; `segment.checksum_ok` is not looked at.

    Raises:
        LocalProtocolError: options that are no multiple of 4 octets or more than 40, or as `encode_ip`.
    """
    options, payload = segment.options, segment.payload
    if len(options) % 4 or len(options) > 40:
        raise LocalProtocolError(f"{len(options)} octets of TCP options")
    source, destination = segment.source, segment.destination
    header = _TCP.pack(source.port, destination.port, segment.sequence, segment.acknowledgment,
                       (5 + len(options) // 4) << 4, segment.flags, segment.window, 0, segment.urgent)
    length = 20 + len(options) + len(payload)
    value = checksum(header + options + payload, _pseudo(source.host, destination.host, TCP) + length)
    octets = b"".join((header[:16], value.to_bytes(2, "big"), header[18:], options, payload))
    return encode_ip(source.host, destination.host, TCP, octets, ident=ident, ttl=ttl)


def encode_icmp(source: str, destination: str, kind: int, code: int, rest: bytes, body: bytes, *,
                ident: int = 0, ttl: int = 64) -> bytes:
    """A complete IP packet with one ICMP (IPv4) or ICMPv6 message of type `kind`; `rest` is 4 octets."""
    version6 = ":" in source
    protocol = ICMP_V6 if version6 else ICMP
    octets = _ICMP.pack(kind, code, 0, rest) + body
    value = checksum(octets, _pseudo(source, destination, ICMP_V6) + len(octets) if version6 else 0)
    octets = octets[:2] + value.to_bytes(2, "big") + octets[4:]
    return encode_ip(source, destination, protocol, octets, ident=ident, ttl=ttl)


# ICMPv6 codes of destination unreachable (RFC 4443 §3.1) for the ICMP ones.
_UNREACHABLE_V6 = {Unreachable.NETWORK: 0, Unreachable.HOST: 3, Unreachable.PROTOCOL: 4, Unreachable.PORT: 4,
                   Unreachable.PROHIBITED: 1}


def encode_unreachable(packet: bytes, ip: Ip, source: str, code: Unreachable = Unreachable.PORT, *,
                       ident: int = 0) -> bytes:
    """The ICMP or ICMPv6 destination unreachable that `source` sends about `packet` (decoded: `ip`).

    Quotes the header and 8 octets or more, so that the whole stays under 576 octets (RFC 1812 §4.3.2.3), or
    under 1,280 for IPv6 (RFC 4443 §2.4).
    """
    if ip.version == 4:
        return encode_icmp(source, ip.source, 3, code, bytes(4), packet[:548], ident=ident)
    return encode_icmp(source, ip.source, 1, _UNREACHABLE_V6[code], bytes(4), packet[:1232], ident=ident)


# Rewriting, as NATs do it.

def rewrite(packet: bytes, *, source: Endpoint | None = None, destination: Endpoint | None = None,
            ttl: int | None = None) -> bytes:
    """The packet with another source or destination; checksums are updated, so a damaged packet stays damaged.

    The port of an ICMP echo is its identifier. Protocols and fragments without ports get the addresses only.

    Raises:
        MalformedMessageError: the packet does not decode.
        LocalProtocolError: an address of another IP version than the packet's.

    Source: RFC 1624 §3 (the update); RFC 3022 §4.1.
    """
    ip = decode_ip(packet)
    octets = bytearray(packet[: ip.total_octets])
    _rewrite(octets, ip, source, destination, ttl)
    return bytes(octets)


def rewrite_error(packet: bytes, *, source: str | None = None, destination: str | None = None,
                  quoted_source: Endpoint | None = None, quoted_destination: Endpoint | None = None,
                  quoted_sequence: int | None = None, ttl: int | None = None) -> bytes:
    """An ICMP error with other addresses outside, and other endpoints (and TCP sequence number) in what it quotes.

    Raises:
        MalformedMessageError: the packet is no ICMP error, or quotes nothing that has ports.
        LocalProtocolError: an address of another IP version.

    Source: RFC 5508 §4.2 (what a NAT does with ICMP errors).
    """
    ip = decode_ip(packet)
    if ip.protocol not in (ICMP, ICMP_V6) or ip.is_fragment:
        raise MalformedMessageError("not an ICMP message", clause="RFC 5508 §4", offset=ip.header_octets)
    icmp = decode_icmp(ip)
    decode_quoted(icmp)
    inner = bytearray(icmp.body)
    quoted = decode_ip(icmp.body, whole=False)
    _rewrite(inner, quoted, quoted_source, quoted_destination, None)
    if quoted_sequence is not None and quoted.protocol == TCP:
        _resequence(inner, quoted.header_octets, quoted_sequence)
    sender, receiver = source or ip.source, destination or ip.destination
    if (":" in sender) != (ip.version == 6):
        raise LocalProtocolError(f"{sender} in an IPv{ip.version} packet")
    return encode_icmp(sender, receiver, icmp.type, icmp.code, icmp.rest, bytes(inner), ident=ip.ident,
                       ttl=ip.ttl if ttl is None else ttl)


def _rewrite(octets: bytearray, ip: Ip, source: Endpoint | None, destination: Endpoint | None, ttl: int | None) -> None:
    """Change addresses, ports and TTL in place, with RFC 1624 updates of both checksums."""
    size = 4 if ip.version == 4 else 16
    at = 12 if ip.version == 4 else 8
    has_ports = not ip.fragment_offset and ip.protocol in (TCP, UDP) and len(octets) >= ip.header_octets + 4
    is_echo = endpoints(ip) is not None and not has_ports
    change = transport_change = 0
    for end, where, port_at in ((source, at, ip.header_octets), (destination, at + size, ip.header_octets + 2)):
        if end is None:
            continue
        address = pack_address(end.host)
        if len(address) != size:
            raise LocalProtocolError(f"{end.host} in an IPv{ip.version} packet")
        change += int.from_bytes(address, "big") - int.from_bytes(octets[where : where + size], "big")
        octets[where : where + size] = address
        if is_echo:
            port_at = ip.header_octets + 4
        if has_ports or is_echo:
            transport_change += end.port - int.from_bytes(octets[port_at : port_at + 2], "big")
            octets[port_at : port_at + 2] = end.port.to_bytes(2, "big")
    if ttl is not None:
        octets[8 if ip.version == 4 else 7] = ttl
    if ip.version == 4:
        _update(octets, 10, change + ((ttl - ip.ttl) << 8 if ttl is not None else 0))
    if ip.fragment_offset:
        return
    pseudo = change if ip.protocol != ICMP else 0
    place = {TCP: 16, UDP: 6, ICMP: 2, ICMP_V6: 2}.get(ip.protocol)
    if place is None or ip.header_octets + place + 2 > len(octets):
        return
    place += ip.header_octets
    if ip.protocol == UDP:
        if octets[place : place + 2] == b"\0\0":
            return
        _update(octets, place, pseudo + transport_change)
        if octets[place : place + 2] == b"\0\0":
            octets[place : place + 2] = b"\xff\xff"
    else:
        _update(octets, place, pseudo + transport_change)


def _resequence(octets: bytearray, header: int, sequence: int) -> None:
    """Another sequence number in a TCP header, which may be quoted no further than that."""
    before = int.from_bytes(octets[header + 4 : header + 8], "big")
    octets[header + 4 : header + 8] = sequence.to_bytes(4, "big")
    if len(octets) >= header + 18:
        _update(octets, header + 16, sequence - before)


def _update(octets: bytearray, place: int, change: int) -> None:
    if change:
        total = 0xFFFF - int.from_bytes(octets[place : place + 2], "big") + change
        octets[place : place + 2] = (0xFFFF - ((total - 1) % 0xFFFF + 1)).to_bytes(2, "big")
