"""SIP, SDP, H.248 text and MSRP with other identities in them, octet for octet as long.

What is replaced is not what looks like an identity but all that is no word of the protocol (`words`), so an unknown
header can't carry one through. Numbers stay (they are lengths, ports, counters) but in names, ids and keys.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

from workbench.anonymizing.handshakes import Handshakes
from workbench.anonymizing.keying import Others, other_message, other_octets
from workbench.anonymizing.mapping import Mapping
from workbench.anonymizing.words import METHODS, known
from workbench.protocols.h248.packages import registry

_WORD = re.compile(r"[A-Za-z0-9]+")
_PIECES = re.compile(r"""
    (?P<print>(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}:){15,}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:]))
  | (?P<path>(?i:msrps?)://(?P<authority>[^/\s;<>"]+)/(?P<session>[^;\s<>"?]+))
  | (?P<scheme>(?i:sips?|im|pres|mailto|xmpp|h323):)(?P<user>[^\s<>@"]+)@
  | (?P<tel>(?i:tel):)(?P<number>[-+0-9A-Fa-f.()*\#]+)
  | (?P<quoted>"(?:[^"\\]|\\.)*")
  | (?P<param>(?<![A-Za-z0-9-])(?i:tag|from-tag|to-tag|branch|call-id|icid-value|icid-generated-at|orig-ioi|term-ioi
      |transit-ioi|related-icid|ecid|[-a-z0-9]*cell-id[-a-z0-9]*|cgi-3gpp|ci-3gpp2?|dsl-location|i-wlan-node-id|inline
      |cnonce|nonce|response|opaque|username|boundary|phone-context|gruu|temp-gruu|pub-gruu|instance|cname)=)
    (?P<value>"[^"]*"|[^\s;,>"]*)
  | (?P<name>[^\s<>@"=,;:/(]+)@
  | (?P<six>(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:)[0-9A-Fa-f:.]{2,45}(?![0-9A-Za-z:]))
  | (?P<four>(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9]|\.[0-9]))
  | (?P<dotted>[0-9]+(?:\.[0-9]+){3,})
  | (?P<word>[A-Za-z0-9]+)
  | (?P<high>[\x80-\xff]+)
""", re.VERBOSE)
_FEATURES = re.compile(r'"(?:auth|auth-int|auth,auth-int|)"', re.IGNORECASE)
_URI = re.compile(r'"(?:sips?|tel|msrps?):', re.IGNORECASE)
# Headers whose whole value is somebody's; compact forms as well (RFC 3261 §7.3.3).
_WHOLE = frozenset((
    "call-id", "i", "subject", "s", "organization", "message-id", "p-charging-vector", "p-visited-network-id",
    "session-id", "x-call-id", "in-reply-to", "replaces", "target-dialog", "join",
    "geolocation", "identity", "identity-info", "p-charging-function-addresses"))
_TIME = re.compile(r"\d{8}T\d{8}")     # H.248.1 annex B: TimeStamp
_SDP_NAME = re.compile(r"a=([^:\s]+)")
# Numbers of seven digits in a header may be somebody's, but for those that count; over 32 bits nothing counts.
_PHONE, _NO_NUMBER = 7, 11
_USUAL = 400    # octets of a line
_NUMBERS = frozenset((
    "cseq", "content-length", "l", "max-forwards", "expires", "timestamp", "rseq", "rack", "byte-range", "contact", "m",
    "min-expires", "session-expires", "x", "min-se", "retry-after", "status"))
_SDP_LINE = re.compile(r"^[a-z]=")
# The name of a key management protocol stays: MIKEY messages list them (RFC 4567 §4.1.4).
_SDP_WHOLE = re.compile(r"a=(?:(?:ice-ufrag|ice-pwd|tls-id|dtls-id|msid|label|cname|ssrc|identity|crypto"
                        r"|file-selector|file-transfer-id|chatroom|T38VendorInfo):"
                        r"|key-mgmt:(?:[a-z0-9-]{1,16}(?= ))?)", re.IGNORECASE)
_MIKEY = re.compile(r"(a=key-mgmt:mikey +)([A-Za-z0-9+/]+=*)(\s*)", re.IGNORECASE)
_KEPT_IN_KEYS = re.compile(
    r"(?i:AES_(?:CM_)?\d+_\w+|AEAD_AES_\w+|F8_128_\w+|\b(?:mikey|inline|cname|name|size|type|hash)\b)")

_KEY_ROLES = ("pre-shared-key", "pre-shared-key-identity")


class Texts:
    """Rewrites texts. All of them go through it, so that one value becomes the same everywhere."""

    def __init__(self, mapping: Mapping) -> None:
        self._map = mapping
        self._known = known()
        names = "|".join(re.escape(registry().wire_name(role)) for role in _KEY_ROLES)
        self._keys = re.compile(rf"((?:{names})\s*=\s*)([0-9A-F]+)", re.IGNORECASE)
        # Lines come again in each message of a dialog, on each leg.
        self._header, self._sdp_line, self._h248_line = (
            _remembered(one) for one in (self._make_header, self._make_sdp_line, self._make_h248_line))
        self._others = Others(self.whole, mapping.token, self._certificate)

    # --- whole messages

    def sip(self, octets: bytes) -> bytes:
        """A SIP message, or as much of one as there is."""
        head, between, body = _halves(octets)
        lines = head.decode("latin-1").split("\r\n")
        kind = next((_after(line) for line in lines if line.lower().startswith(("content-type:", "c:"))), "")
        made = [self._start(lines[0]), *map(self._header, lines[1:])]
        return "\r\n".join(made).encode("latin-1") + between + self._body(body, kind)

    def msrp(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """The lines of an MSRP message in front of its body, and that."""
        lines = head.decode("latin-1").split("\r\n")
        first = lines[0].split(" ", 2)
        if len(first) > 1:
            first[1] = self.whole(first[1])
        start = " ".join(first[:2] + [self.words(one) for one in first[2:]])
        return "\r\n".join([start, *map(self._header, lines[1:])]).encode("latin-1"), self.content(body)

    def http(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """The start line and header fields of an HTTP message in front of its body, and that: MIKEY, or words."""
        start, *lines = head.decode("latin-1").split("\r\n")
        parts = start.split(" ", 2)
        if len(parts) == 3 and not start.startswith("HTTP/"):
            start = " ".join((parts[0], self.whole(parts[1]), parts[2]))
        kept = [line if line.lower().startswith("content-") else self._header(line) for line in lines]
        made = other_octets(body, self._others) or self.content(body)
        return "\r\n".join([start, *kept]).encode("latin-1"), made

    def _certificate(self, octets: bytes) -> bytes:
        """A certificate in MIKEY, as one in TLS; what is none becomes noise."""
        try:
            return Handshakes(self._map).certificate(octets)
        except (IndexError, ValueError):
            return self._map.octets(octets)

    def h248(self, octets: bytes) -> bytes:
        """An H.248 message in text, with the SDP in it."""
        return "\n".join(map(self._h248_line, octets.decode("latin-1").split("\n"))).encode("latin-1")

    def sdp(self, octets: bytes) -> bytes:
        """A session description."""
        return "\n".join(map(self._sdp_line, octets.decode("latin-1").split("\n"))).encode("latin-1")

    def content(self, octets: bytes) -> bytes:
        """What people said: an x for each letter and a 0 for each digit."""
        for word in re.findall(rb"[A-Za-z0-9]{6,}", octets[:65536]):
            if word.lower().decode() not in self._known and len(set(word)) > 2:
                self._map.note(word.decode())
        return octets.translate(_TABLE)

    # --- pieces

    def whole(self, text: str) -> str:
        """All letters and digits, addresses as addresses."""
        return self._in(text, self._map.token)

    def words(self, text: str, *, quoted: bool = True, longest: int = _NO_NUMBER) -> str:
        """All that is no word of the protocol.

        Args:
            text: a line, or a part of one.
            quoted: what stands in quotes is somebody's, word or not.
            longest: numbers of so many digits are somebody's, too.
        """
        return _PIECES.sub(lambda found: self._piece(found, quoted, longest), text)

    def _in(self, text: str, change: Callable[[str], str]) -> str:
        def piece(found: re.Match[str]) -> str:
            if found["six"] or found["four"]:
                return self._address(found[0]) or _WORD.sub(lambda one: change(one[0]), found[0])
            if found["high"]:
                return "x" * len(found[0])
            return _WORD.sub(lambda one: change(one[0]), found[0])
        return _ADDRESSES.sub(piece, text)

    def _piece(self, found: re.Match[str], quoted: bool, longest: int) -> str:
        text = found[0]
        if found["print"]:
            return self._fingerprint(text)
        if found["path"]:
            scheme = text[: text.index("//") + 2]
            return f"{scheme}{self.words(found['authority'])}/{self.whole(found['session'])}"
        if found["scheme"]:
            return f"{found['scheme']}{self.whole(found['user'])}@"
        if found["tel"]:
            return found["tel"] + self.whole(found["number"])
        if found["quoted"]:
            if not quoted:
                return f'"{self.words(text[1:-1])}"'
            if _URI.match(text):
                return f'"{self.words(text[1:-1])}"'
            return text if _FEATURES.fullmatch(text) else self.whole(text)
        if found["param"]:
            return found["param"] + self._value(found["value"])
        if found["name"]:
            return self.whole(text)
        if found["six"] or found["four"]:
            return self._address(text) or self.whole(text)
        if found["high"]:
            return "x" * len(text)
        if found["dotted"] or (text.isdigit() and len(text) >= longest):
            return self.whole(text)
        return self._word(text)

    def _value(self, text: str) -> str:
        if text.startswith("z9hG4bK"):
            return text[:7] + self.whole(text[7:])
        return self.whole(text)

    def _words_of(self, text: str) -> str:
        return _WORD.sub(lambda one: self._word(one[0]), text)

    def _word(self, text: str) -> str:
        if text.isdigit() or text.lower() in self._known or _TIME.fullmatch(text):
            return text
        return self._map.token(text)

    def _address(self, text: str) -> str:
        """The same length is certain: the digits of each octet, and the zeros, stay as many."""
        try:
            old = ipaddress.ip_address(text)
        except ValueError:
            return ""
        new = ipaddress.ip_address(self._map.address(old.packed))
        if new == old:
            return text
        self._map.note(text)
        if len(str(new)) == len(text):
            return str(new) if text == text.lower() else str(new).upper()
        return self._spelt(text, new.packed)

    def _spelt(self, text: str, packed: bytes) -> str:
        """As `text` is spelt: which zeros are left out, and which are written."""
        if "." in text and ":" in text:
            head, _, _ = text.rpartition(":")
            return f"{head}:{ipaddress.ip_address(packed[12:])}"
        front, _, back = text.partition("::")
        before = front.split(":") if front else []
        after = back.split(":") if back else []
        groups = [packed[at : at + 2].hex() for at in range(0, 16, 2)]
        new = [groups[at][-len(one):] for at, one in enumerate(before)]
        tail = [groups[8 - len(after) + at][-len(one):] for at, one in enumerate(after)]
        made = ":".join(new) + ("::" if "::" in text else "") + ":".join(tail)
        return made.upper() if text != text.lower() else made

    def _fingerprint(self, text: str) -> str:
        old = bytes.fromhex(text.replace(":", ""))
        self._map.note(text)
        new = self._map.fingerprint(old).hex(":")
        return new.upper() if text == text.upper() else new

    def _start(self, line: str) -> str:
        method, space, rest = line.partition(" ")
        if method in METHODS or line.startswith("SIP/2.0 "):
            return method + space + self.words(rest)
        return self.words(line)

    def _make_header(self, line: str) -> str:
        name, colon, value = line.partition(":")
        if not colon or line[:1] in " \t":
            return self.words(line)
        lower = name.strip().lower()
        if lower == "date":
            return self._words_of(name) + colon + value
        if lower in _WHOLE or any(word not in self._known for word in _WORD.findall(lower)):
            return self._words_of(name) + colon + self._labelled(value)
        longest = _NO_NUMBER if lower in _NUMBERS else _PHONE
        return self._words_of(name) + colon + self.words(value, longest=longest)

    def _labelled(self, value: str) -> str:
        """Names of parameters stay where they are words; all else goes."""
        def piece(found: re.Match[str]) -> str:
            return self._words_of(found[1]) + self.whole(found[2])
        return re.sub(r"((?:;\s*[-\w]+=)?)([^;]*)", piece, value)

    def _body(self, body: bytes, kind: str) -> bytes:
        kind = kind.strip().lower()
        if kind.startswith("application/sdp") or (not kind and body.startswith(b"v=0")):
            return self.sdp(body)
        if kind.startswith("multipart/"):
            return "\n".join(self._sdp_line(line) if _SDP_LINE.match(line) else
                             self._header(line) if ":" in line else self.whole(line)
                             for line in body.decode("latin-1").split("\n")).encode("latin-1")
        return self.content(body)

    def _make_h248_line(self, line: str) -> str:
        if _SDP_LINE.match(line):
            return self._sdp_line(line)
        at, made = 0, ""
        for key in self._keys.finditer(line):
            made += self.words(line[at : key.start()], quoted=False) + key[1] + self._octets_of(key[2])
            at = key.end()
        return made + self.words(line[at:], quoted=False)

    def _octets_of(self, digits: str) -> str:
        """A key or its name: the octets that stand for them in TLS, too."""
        if len(digits) % 2:
            return self.whole(digits)
        self._map.note(digits)
        new = self._map.octets(bytes.fromhex(digits)).hex()
        return new.upper() if digits == digits.upper() else new

    def _make_sdp_line(self, line: str) -> str:
        if line.startswith("o="):
            return self._origin(line)
        if line[:2] in ("i=", "u=", "e=", "p=", "k=") or (line.startswith("s=") and line.strip() not in ("s=-", "s=")):
            return line[:2] + self.whole(line[2:])
        keyed = _MIKEY.fullmatch(line)
        if keyed and (other := other_message(keyed[2], self._others)) is not None:
            self._map.note(keyed[2])
            return keyed[1] + other + keyed[3]
        named = _SDP_WHOLE.match(line)
        if named:
            at, made = named.end(), line[: named.end()]
            for kept in _KEPT_IN_KEYS.finditer(line, named.end()):
                made += self._long(line[at : kept.start()]) + kept[0]
                at = kept.end()
            return made + self._long(line[at:])
        named = _SDP_NAME.match(line)
        if named and any(word not in self._known for word in _WORD.findall(named[1].lower())):
            return line[:2] + self.whole(line[2:])
        return self.words(line)

    def _long(self, text: str) -> str:
        """Keys and names, but no counters of one or two digits."""
        return self._in(text, lambda word: word if word.isdigit() and len(word) < 3 else self._map.token(word))

    def _origin(self, line: str) -> str:
        """The version stays as far from the id as it was: it is one more with each change (RFC 3264 §8)."""
        parts = line[2:].split(" ")
        if len(parts) < 4:
            return "o=" + self.whole(line[2:])
        new = [self.whole(parts[0]), self.whole(parts[1]), parts[2]]
        if all(part.isascii() and part.isdigit() for part in parts[1:3]) and len(parts[1]) > 3:
            moved = str((int(new[1]) + int(parts[2]) - int(parts[1])) % 10 ** len(parts[2])).rjust(len(parts[2]), "0")
            new[2] = moved if abs(int(parts[2]) - int(parts[1])) < 1000 else self.whole(parts[2])
        return "o=" + " ".join([*new, *(self.words(part) for part in parts[3:])])


# The pieces from IPv6 addresses on: in what goes as a whole, only addresses are told from the rest.
_ADDRESSES = re.compile(_PIECES.pattern[_PIECES.pattern.index("(?P<six>"):], re.VERBOSE)


def _remembered(rewrite: Callable[[str], str]) -> Callable[[str], str]:
    """The last lines of usual length are not made again."""
    held = lru_cache(maxsize=10_000)(rewrite)
    return lambda line: held(line) if len(line) < _USUAL else rewrite(line)


def _content_table() -> bytes:
    return bytes(0x30 if 0x30 <= one < 0x3A else 0x78 if chr(one).isalnum() or one >= 0x80 else one
                 for one in range(256))


_TABLE = _content_table()


def _halves(octets: bytes) -> tuple[bytes, bytes, bytes]:
    at = octets.find(b"\r\n\r\n")
    return (octets, b"", b"") if at < 0 else (octets[:at], octets[at : at + 4], octets[at + 4 :])


def _after(line: str) -> str:
    return line.partition(":")[2]
