"""BFCP, STUN, RTP and RTCP with other names and addresses in them, octet for octet as long."""

from __future__ import annotations

import zlib

from workbench.anonymizing.mapping import Mapping
from workbench.anonymizing.texts import Texts

# BFCP attributes that hold text (RFC 8855 §5.2): error and status information, what participants and floors are called.
_TEXTS = (7, 8, 9, 11, 12, 13)
_GROUPS = (14, 15, 16, 17, 18)
_COOKIE = bytes.fromhex("2112a442")


def bfcp(octets: bytes, texts: Texts) -> bytes:
    """One message: all numbers stay, all texts go."""
    return octets[:12] + _attributes(octets[12:], texts, 0)


def _attributes(octets: bytes, texts: Texts, depth: int) -> bytes:
    made, at = b"", 0
    while at + 2 <= len(octets):
        kind, size = octets[at] >> 1, octets[at + 1]
        content = octets[at + 2 : at + size]
        if size < 2 or at + size > len(octets):
            break
        if kind in _GROUPS and depth < 4:
            content = content[:2] + _attributes(content[2:], texts, depth + 1)
        elif kind in _TEXTS:
            content = texts.whole(content.decode("latin-1")).encode("latin-1")
        made += octets[at : at + 2] + content + bytes(min(-size % 4, len(octets) - at - size))
        at += size + -size % 4
    return made + bytes(len(octets) - len(made))


def stun(octets: bytes, mapping: Mapping, texts: Texts) -> bytes:
    """Addresses and names; FINGERPRINT is right again if it was (RFC 8489 §14)."""
    made, at = bytearray(octets[:20]), 20
    while at + 4 <= len(octets):
        kind, size = int.from_bytes(octets[at : at + 2], "big"), int.from_bytes(octets[at + 2 : at + 4], "big")
        value = octets[at + 4 : at + 4 + size]
        if kind in (0x0001, 0x0020, 0x8023, 0x802B, 0x802C, 0x0012, 0x0016) and len(value) in (8, 20):
            mask = octets[4:20] if kind in (0x0020, 0x0012, 0x0016) else bytes(16)
            packed = _xor(value[4:], mask)
            value = value[:4] + _xor(mapping.address(packed), mask)
        elif kind == 0x8028 and size == 4:
            right = zlib.crc32(octets[:at]) ^ 0x5354554E == int.from_bytes(value, "big")
            value = (zlib.crc32(bytes(made)) ^ 0x5354554E).to_bytes(4, "big") if right else value
        elif kind in (0x0006, 0x0014, 0x0015, 0x8022, 0x8003):
            value = texts.whole(value.decode("latin-1")).encode("latin-1")
        elif kind not in (0x0009, 0x000A, 0x0024, 0x0025, 0x000D, 0x0019):
            value = mapping.octets(value)
        made += octets[at : at + 4] + value + bytes(min(-size % 4, max(len(octets) - at - 4 - size, 0)))
        at += 4 + size + -size % 4
    return bytes(made[: len(octets)]) + bytes(max(len(octets) - len(made), 0))


def _xor(octets: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(octets, mask, strict=False))


def rtp(octets: bytes, mapping: Mapping) -> bytes:
    """The header stays; extension and sound become noise."""
    at = 12 + 4 * (octets[0] & 15)
    if octets[0] & 0x10 and len(octets) >= at + 4:
        at += 4
    return octets[:at] + mapping.octets(octets[at:])


def rtcp(octets: bytes) -> bytes:
    """Headers and senders stay; names and reports are zeros."""
    made, at = b"", 0
    while at + 4 <= len(octets):
        size = 4 + 4 * int.from_bytes(octets[at + 2 : at + 4], "big")
        part = octets[at : at + size]
        kept = 8 if part[1] not in (200, 201) else len(part)
        made += part[:kept] + bytes(len(part) - len(part[:kept]))
        at += size
    return made + bytes(len(octets) - len(made))
