"""Fragments on the wires: put together before a claim looks for ports in them, and cut where a link is too small.

A later fragment has no ports (RFC 791 §2.3, RFC 8200 §4.5), so a host that claims endpoints has to see whole packets.
A node therefore gets whole packets, and gives whole packets, as on a network without an MTU.
"""

from __future__ import annotations

import struct

import msgspec

from workbench.net.packets import Ip, checksum

MTU = 1500

_FRAGMENT = 44
# What may stand before a fragment header (RFC 8200 §4.1): hop-by-hop options, routing, destination options.
_BEFORE = frozenset({0, 43, 60})
_MOST_OCTETS = 65_535
# RFC 1122 §3.3.2: between 60 and 120 s; RFC 8200 §4.5: 60 s.
_SECONDS = 60.0

_Key = tuple[str, str, int, int]


class _Parts(msgspec.Struct):
    """Fragments of one packet: as they came, and their payload by offset."""

    moment: float
    packets: list[bytes] = msgspec.field(default_factory=list)
    pieces: dict[int, bytes] = msgspec.field(default_factory=dict)
    header: bytes | None = None      # of the fragment with offset 0
    end: int | None = None           # octets of the whole payload, once its last fragment was seen


class Fragments:
    """What has reached one host of packets that are not whole.

    Args:
        most: packets at a time; of one more the oldest is given up (RFC 8504 §5.3 asks for a limit).
        pieces: fragments a packet; one of more is given up.
    """

    def __init__(self, *, most: int = 64, pieces: int = 256) -> None:
        self._most = most
        self._pieces = pieces
        self._waiting: dict[_Key, _Parts] = {}

    def take(self, packet: bytes, ip: Ip, now: float) -> tuple[bytes, list[bytes]] | None:
        """Take a fragment. When nothing of its packet is missing: the whole packet, and the fragments as they came.

        Fragments that overlap are given up, together with their packet (RFC 5722 §4); so are those of a packet that
        would be too long.
        """
        key = (ip.source, ip.destination, ip.protocol if ip.version == 4 else 0, ip.ident)
        self._forget(now)
        parts = self._waiting.get(key)
        if parts is None:
            while len(self._waiting) >= self._most:
                del self._waiting[next(iter(self._waiting))]
            parts = self._waiting[key] = _Parts(now)
        if parts.pieces.get(ip.fragment_offset) == ip.payload:      # the same again
            return None
        if not self._add(parts, packet, ip):
            del self._waiting[key]
            return None
        if parts.header is None or parts.end is None or sum(map(len, parts.pieces.values())) < parts.end:
            return None
        del self._waiting[key]
        payload = b"".join(parts.pieces[offset] for offset in sorted(parts.pieces))
        return _whole(parts.header, payload), parts.packets

    def _add(self, parts: _Parts, packet: bytes, ip: Ip) -> bool:
        """Whether the fragment fits to the others."""
        start, end = ip.fragment_offset, ip.fragment_offset + len(ip.payload)
        if not ip.more_fragments:
            if parts.end is not None and parts.end != end:
                return False
            parts.end = end
        if end > _MOST_OCTETS or len(parts.pieces) >= self._pieces or (ip.more_fragments and len(ip.payload) % 8):
            return False
        if parts.end is not None and max([end, *(at + len(piece) for at, piece in parts.pieces.items())]) > parts.end:
            return False
        if any(at < end and start < at + len(piece) for at, piece in parts.pieces.items()):
            return False
        parts.packets.append(packet)
        parts.pieces[start] = ip.payload
        if start == 0:
            parts.header = packet[:ip.header_octets]
            return ip.version == 4 or _link_to_fragment(parts.header) is not None
        return True

    def _forget(self, now: float) -> None:
        for key in [key for key, parts in self._waiting.items() if parts.moment + _SECONDS <= now]:
            del self._waiting[key]


def cut(packet: bytes, ip: Ip, ident: int, mtu: int = MTU) -> list[bytes]:
    """The fragments of a packet that is longer than the link takes; of one that is not, itself.

    Args:
        ip: the packet, decoded.
        ident: of the fragments of one packet, where it has none of its own.
    """
    if ip.total_octets <= mtu:
        return [packet]
    header = packet[:ip.header_octets] if ip.version == 4 else _before_fragments(packet, ip)
    room = mtu - len(header) - (8 if ip.version == 6 else 0)
    size = room - room % 8
    found = []
    for start in range(0, len(ip.payload), size):
        piece = ip.payload[start:start + size]
        more = start + len(piece) < len(ip.payload) or ip.more_fragments
        offset = ip.fragment_offset + start
        if ip.version == 4:
            found.append(_ipv4(header, piece, ip.ident or ident & 0xFFFF, offset // 8 | more << 13))
        else:
            extension = struct.pack("!BBHI", ip.protocol, 0, offset | more, ip.ident or ident & 0xFFFFFFFF)
            found.append(_ipv6(header, extension + piece))
    return found


def _whole(header: bytes, payload: bytes) -> bytes:
    """The packet whose first fragment had this header."""
    if header[0] >> 4 == 4:
        return _ipv4(header, payload, int.from_bytes(header[4:6], "big"), 0)
    place = _link_to_fragment(header)
    assert place is not None    # or the fragment would not have been taken
    short = bytearray(header[:-8])
    short[place] = header[-8]
    return _ipv6(bytes(short), payload)


def _ipv4(header: bytes, payload: bytes, ident: int, field: int) -> bytes:
    made = bytearray(header)
    struct.pack_into("!HHH", made, 2, len(header) + len(payload), ident, field)
    made[10:12] = b"\0\0"
    made[10:12] = checksum(bytes(made)).to_bytes(2, "big")
    return bytes(made) + payload


def _ipv6(header: bytes, payload: bytes) -> bytes:
    made = bytearray(header)
    struct.pack_into("!H", made, 4, len(header) - 40 + len(payload))
    return bytes(made) + payload


def _before_fragments(packet: bytes, ip: Ip) -> bytes:
    """An IPv6 header that says that a fragment header follows; extension headers are not repeated."""
    made = bytearray(packet[:40])
    made[6] = _FRAGMENT
    return bytes(made)


def _link_to_fragment(header: bytes) -> int | None:
    """Where it is said that a fragment header follows; None unless that is the last header."""
    place, at = 6, 40
    while header[place] in _BEFORE and at + 8 < len(header):
        place, at = at, at + (header[at + 1] + 1) * 8
    return place if header[place] == _FRAGMENT and at + 8 == len(header) else None
