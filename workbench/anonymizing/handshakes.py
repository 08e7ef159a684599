"""TLS and DTLS with other keys, names and certificates in them, octet for octet as long (RFC 8446, RFC 5246, RFC 6347).

What is protected becomes noise, as do random numbers, session ids, key shares and signatures. A certificate keeps its
form; its signature does not hold any more. Its new digest takes the place of the old one wherever SDP or H.248 name it.
"""

from __future__ import annotations

import hashlib

from workbench.anonymizing.mapping import Mapping

ALERT, HANDSHAKE, CHANGE_CIPHER_SPEC = 21, 22, 20
_CLIENT_HELLO, _SERVER_HELLO, _NEW_TICKET, _CERTIFICATE = 1, 2, 4, 11
_SERVER_KEYS, _REQUEST, _VERIFY, _CLIENT_KEYS = 12, 13, 15, 16
_IN_CLEAR = (0, 1, 2, 3, 4, 8, 11, 12, 13, 14, 15, 16, 22)
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_DOWNGRADE = b"DOWNGRD"
# Extensions that name or key something. SNI is a name; those of the others are noise behind their lengths.
_SNI, _KEY_SHARE, _TICKET, _COOKIE, _PRE_SHARED, _AUTHORITIES = 0, 51, 35, 44, 41, 47
# server_name and what else stays: versions, groups, signature algorithms, ALPN, SRTP, record size, EMS, EtM, modes.
_STAY = frozenset((1, 5, 10, 11, 13, 14, 15, 16, 17, 18, 20, 22, 23, 28, 43, 45, 49, 50, 53, 54, 0xFF01))
_DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_TEXTS = (0x0C, 0x12, 0x13, 0x14, 0x16, 0x1E, 0x82, 0x86, 0x81)


class Handshakes:
    """Rewrites handshake messages."""

    def __init__(self, mapping: Mapping) -> None:
        self._map = mapping

    def message(self, kind: int, body: bytes, *, datagrams: bool = False) -> bytes:
        """A handshake message without its header; what does not read like one becomes noise."""
        try:
            made = self._message(kind, body, datagrams)
        except (IndexError, ValueError):
            made = self._map.octets(body)
        return made if len(made) == len(body) else self._map.octets(body)

    def _message(self, kind: int, body: bytes, datagrams: bool) -> bytes:
        if kind in (_CLIENT_HELLO, _SERVER_HELLO):
            return self._hello(kind, body, datagrams)
        if kind == _CERTIFICATE:
            return self._certificates(body)
        if kind == _NEW_TICKET:
            return body[:6] + self._map.octets(body[6:])
        if kind == _SERVER_KEYS:
            if body[:1] == b"\x03":
                end = 4 + body[3]
                return body[:4] + self._point(body[4:end]) + body[end : end + 4] + self._map.octets(body[end + 4 :])
            return self._named(body)
        if kind == _CLIENT_KEYS:
            return body[:1] + self._point(body[1:]) if body[0] == len(body) - 1 else self._named(body)
        if kind == _VERIFY:
            return body[:4] + self._map.octets(body[4:])
        if kind == _REQUEST:
            return self._request(body)
        if kind == 3:   # HelloVerifyRequest
            return body[:3] + self._map.octets(body[3:])
        return body if kind in (0, 14) else self._map.octets(body)

    def _named(self, body: bytes) -> bytes:
        """Behind their lengths: a PSK identity or its hint (RFC 4279 §2), values of Diffie-Hellman, a premaster."""
        made, at = b"", 0
        while at + 2 <= len(body):
            size = int.from_bytes(body[at : at + 2], "big")
            if not 0 <= size <= len(body) - at - 2:
                break
            made += body[at : at + 2] + self._map.octets(body[at + 2 : at + 2 + size])
            at += 2 + size
        rest = body[at:]
        if made and rest[:1] == b"\x03" and len(rest) > 4:       # ECDHE_PSK: a named curve behind the hint
            return made + rest[:4] + self._point(rest[4:])
        if made and rest and rest[0] == len(rest) - 1:           # the same: a point behind the identity
            return made + rest[:1] + self._point(rest[1:])
        return made + self._map.octets(rest)

    def _point(self, octets: bytes) -> bytes:
        return octets[:1] + self._map.octets(octets[1:]) if octets[:1] == b"\x04" else self._map.octets(octets)

    def _random(self, octets: bytes) -> bytes:
        if octets == _RETRY:
            return octets
        kept = octets[24:] if octets[24:31] == _DOWNGRADE else b""
        return (self._map.octets(octets)[: 32 - len(kept)] + kept) if len(octets) == 32 else self._map.octets(octets)

    def _hello(self, kind: int, body: bytes, datagrams: bool) -> bytes:
        made = body[:2] + self._random(body[2:34])
        at = 34
        for _ in range(2 if datagrams and kind == _CLIENT_HELLO else 1):    # session id, cookie
            size = body[at]
            made += body[at : at + 1] + self._map.octets(body[at + 1 : at + 1 + size])
            at += 1 + size
        if kind == _CLIENT_HELLO:
            end = at + 2 + int.from_bytes(body[at : at + 2], "big")
            end += 1 + body[end]
        else:
            end = at + 3
        made += body[at : end + 2]
        at = end + 2
        while at + 4 <= len(body):
            number, size = int.from_bytes(body[at : at + 2], "big"), int.from_bytes(body[at + 2 : at + 4], "big")
            made += body[at : at + 4] + self._extension(number, body[at + 4 : at + 4 + size], kind)
            at += 4 + size
        return made + self._map.octets(body[at:])

    def _extension(self, number: int, octets: bytes, kind: int) -> bytes:
        if number in _STAY or not octets:
            return octets
        if number == _SNI and len(octets) > 5:
            return octets[:5] + self._text(octets[5:])
        if number == _KEY_SHARE and len(octets) > 2:
            if kind == _SERVER_HELLO:
                return octets if len(octets) <= 4 else octets[:4] + self._point(octets[4:])
            made, at = octets[:2], 2
            while at + 4 <= len(octets):
                size = int.from_bytes(octets[at + 2 : at + 4], "big")
                made += octets[at : at + 4] + self._point(octets[at + 4 : at + 4 + size])
                at += 4 + size
            return made
        if number == _PRE_SHARED and kind == _SERVER_HELLO:
            return octets
        if number == _PRE_SHARED:
            return self._offered(octets)
        if number == _COOKIE:
            return octets[:2] + self._map.octets(octets[2:])
        return self._map.octets(octets)

    def _offered(self, octets: bytes) -> bytes:
        made, at, end = octets[:2], 2, 2 + int.from_bytes(octets[:2], "big")
        while at + 2 <= end:
            size = int.from_bytes(octets[at : at + 2], "big")
            behind = at + 2 + size
            made += octets[at : at + 2] + self._map.octets(octets[at + 2 : behind])
            age = octets[behind : behind + 4]
            made += self._map.octets(age) if any(age) else age      # 0: of no ticket (RFC 8446 §4.2.11)
            at = behind + 4
        made += octets[at : at + 2]
        at += 2
        while at < len(octets):
            size = octets[at]
            made += octets[at : at + 1] + self._map.octets(octets[at + 1 : at + 1 + size])
            at += 1 + size
        return made

    def _request(self, body: bytes) -> bytes:
        """Certificate types, algorithms, and the names of authorities (RFC 5246 §7.4.4)."""
        at = 1 + body[0]
        at += 2 + int.from_bytes(body[at : at + 2], "big")
        made, at = body[: at + 2], at + 2
        while at + 2 <= len(body):
            size = int.from_bytes(body[at : at + 2], "big")
            made += body[at : at + 2] + self._der(body[at + 2 : at + 2 + size])
            at += 2 + size
        return made

    def _certificates(self, body: bytes) -> bytes:
        made, at = body[:3], 3
        while at + 3 <= len(body):
            size = int.from_bytes(body[at : at + 3], "big")
            old = body[at + 3 : at + 3 + size]
            made += body[at : at + 3] + self.certificate(old)
            at += 3 + size
        return made

    def certificate(self, old: bytes) -> bytes:
        """A certificate of the same form; `Mapping.fingerprints` learns its digests."""
        new = self._der(old)
        for name in _DIGESTS:
            self._map.fingerprints[hashlib.new(name, old, usedforsecurity=False).digest()] = hashlib.new(
                name, new, usedforsecurity=False).digest()
        return new

    def _der(self, octets: bytes, depth: int = 0) -> bytes:
        """Object identifiers, times, booleans and small numbers stay."""
        made, at = b"", 0
        while at + 2 <= len(octets) and depth < 20:
            kind, size, head = octets[at], octets[at + 1], 2
            if size & 0x80:
                head += size & 0x7F
                size = int.from_bytes(octets[at + 2 : at + head], "big")
            content = octets[at + head : at + head + size]
            if len(content) < size:
                break
            made += octets[at : at + head] + self._leaf(kind, content, depth)
            at += head + size
        return made + self._map.octets(octets[at:])

    def _leaf(self, kind: int, content: bytes, depth: int) -> bytes:
        if kind & 0x20:
            return self._der(content, depth + 1)
        if kind in _TEXTS:
            return self._text(content)
        if kind == 2 and len(content) > 2:
            new = self._map.octets(content)
            return bytes([content[0] & 0x80 | new[0] & 0x7F or 1]) + new[1:] if content[0] else b"\0\x80" + new[2:]
        if kind == 3:       # BIT STRING: the number of unused bits stays; the key inside an RSA one is DER
            if content[1:2] == b"\x30":
                return content[:1] + self._der(content[1:], depth + 1)
            return content[:1] + (self._point(content[1:]) if len(content) > 2 else content[1:])
        if kind == 4:
            whole = len(content) > 1 and content[0] in (0x30, 0x04, 0x03, 0x01) and content[1] == len(content) - 2
            return self._der(content, depth + 1) if whole else self._map.octets(content)
        if kind in (0x87,):
            return self._map.address(content) if len(content) in (4, 16) else self._map.octets(content)
        return content if kind in (1, 2, 5, 6, 10, 0x17, 0x18) else self._map.octets(content)

    def _text(self, octets: bytes) -> bytes:
        from workbench.anonymizing.texts import Texts

        return Texts(self._map).whole(octets.decode("latin-1")).encode("latin-1")

    # --- records over TCP

    def clear(self, kind: int, fragment: bytes, protected: bool) -> bool:
        """Whether a record is in the clear. A second ClientHello stands behind ChangeCipherSpec (RFC 8446 D.4)."""
        if kind == HANDSHAKE:
            whole = (len(fragment) >= 4 and fragment[0] in _IN_CLEAR
                     and (int.from_bytes(fragment[1:4], "big") == len(fragment) - 4))
            return whole and fragment[0] in (_CLIENT_HELLO, _SERVER_HELLO) if protected else True
        return kind == CHANGE_CIPHER_SPEC or (kind == ALERT and len(fragment) == 2)
