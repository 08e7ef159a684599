"""What stands in the place of each value: of equal length, the same value wherever the same one stood.

Every mapping is one to one, has no fixed point but where it says so, and follows from the key alone.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

_LOWER, _UPPER, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
_HEX, _HEX_UPPER = "0123456789abcdef", "0123456789ABCDEF"
_HEX_TOKEN = re.compile(r"(?=.*[0-9])(?=.*[A-Fa-f])(?:[0-9a-f]{8,}|[0-9A-F]{8,})")
MOST_VALUES = 200_000
"""Original values that the check at the end looks for."""
# First octets of IPv4 that stay, since what they say of an address matters; of the others each stays in its class.
_FIRST_STAYS = (0, 10, 100, 127, 169, 172, 192, *range(224, 256))


class Mapping:
    """The replacements that follow from a key.

    Attributes:
        values: originals that were replaced, as text; what the check at the end looks for.
        addresses: packed originals of IP and MAC addresses.
        full: there were more than `MOST_VALUES`.
        fingerprints: of certificates that were replaced: old digest to new one.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32).digest()
        self.values: set[str] = set()
        self.addresses: dict[str, bytes] = {}
        self.full = False
        self.fingerprints: dict[bytes, bytes] = {}
        self._token = lru_cache(maxsize=50_000)(self._make_token)
        self._address = lru_cache(maxsize=50_000)(self._make_address)
        self._order = lru_cache(maxsize=100_000)(self._make_order)

    # --- text

    def token(self, text: str) -> str:
        """Letters for letters of the same case, digits for digits; what is neither stays."""
        self.note(text)
        return self._token(text)

    def note(self, value: str) -> None:
        """An original value that must not be seen any more."""
        if len(value) >= 4:
            if len(self.values) < MOST_VALUES:
                self.values.add(value)
            elif value not in self.values:
                self.full = True

    def _make_token(self, text: str) -> str:
        lower = text.lower()
        if _HEX_TOKEN.fullmatch(text):
            alphabets: list[str] = [_HEX] * len(text)
        else:
            alphabets = [_DIGITS if one in _DIGITS else _LOWER if one in _LOWER else one for one in lower]
        found = "".join(self._turned("text", list(lower), alphabets))
        return "".join(new.upper() if old in _UPPER else new for old, new in zip(text, found, strict=True))

    # --- addresses

    def address(self, packed: bytes) -> bytes:
        """An IPv4 or IPv6 address: octets (groups) keep how many digits they have, and equal beginnings stay equal.

        Loopback, multicast, link-local and unspecified addresses stay; a private address stays private.
        """
        new = self._address(packed)
        if new != packed:
            self._know(str(ipaddress.ip_address(packed)), packed)
        return new

    def _know(self, text: str, packed: bytes) -> None:
        if len(self.addresses) < MOST_VALUES:
            self.addresses[text] = packed
        elif text not in self.addresses:
            self.full = True

    def _make_address(self, packed: bytes) -> bytes:
        address = ipaddress.ip_address(packed)
        if address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local:
            return packed
        if len(packed) == 4:
            return self._address4(packed)
        if packed[:12] in (bytes(10) + b"\xff\xff", b"\0\x64\xff\x9b" + bytes(8)):
            return packed[:12] + self._make_address(packed[12:])
        return self._address6(packed)

    def _address4(self, packed: bytes) -> bytes:
        first = packed[0]
        if first >= 240:
            return packed
        new = bytearray(packed)
        if first not in _FIRST_STAYS:
            new[0] = self._within("first", first, [one for one in _class4(first) if one not in _FIRST_STAYS])
        for at in (1, 2, 3):
            old = packed[at]
            choice = _class4(old)
            if at == 1 and first in (172, 192, 169, 100):
                special = {172: range(16, 32), 192: (168,), 169: (254,), 100: range(64, 128)}[first]
                choice = [one for one in choice if (one in special) == (old in special)]
            if at == 3:
                choice = [one for one in choice if one not in (0, 255) or old == one]
            new[at] = old if at == 3 and old in (0, 255) else self._within(packed[:at].hex(), old, choice)
        return bytes(new)

    def _within(self, label: str, old: int, choice: Sequence[int]) -> int:
        order = self._order(label, tuple(choice))
        return order.get(old, old)

    def _make_order(self, label: str, choice: tuple[int, ...]) -> dict[int, int]:
        """One cycle through all of `choice` (Sattolo's shuffle): nothing keeps its place."""
        places = list(choice)
        for at in range(len(places) - 1, 0, -1):
            other = int.from_bytes(self._chance(f"order {label} {at}", 8), "big") % at
            places[at], places[other] = places[other], places[at]
        return dict(zip(choice, places, strict=True))

    def _address6(self, packed: bytes) -> bytes:
        groups = [packed[at : at + 2].hex() for at in range(0, 16, 2)]
        made: list[str] = []
        for at, group in enumerate(groups):
            digits = group.lstrip("0")
            if not digits or (at == 0 and digits[:1] not in "23") or (at == 0 and group == "0064"):
                made.append(group)
                continue
            head = "23" if at == 0 else _HEX[1:]
            alphabets = [head] + [_HEX] * (len(digits) - 1)
            made.append("".join(self._turned("six" + ":".join(groups[:at]), list(digits), alphabets)).rjust(4, "0"))
        return bytes.fromhex("".join(made))

    def mac(self, octets: bytes) -> bytes:
        """A hardware address: multicast and zero stay, and so does what tells them from each other."""
        if len(octets) != 6 or octets[0] & 1 or octets == bytes(6):
            return octets
        self._know(octets.hex(":"), octets)
        new = self._chance(f"mac {octets.hex()}", 6)
        return bytes([octets[0] & 3 | new[0] & 0xFC]) + new[1:]

    # --- octets

    def octets(self, octets: bytes) -> bytes:
        """Others in their place, by their content: random numbers, keys, tickets, protected payload."""
        return hashlib.shake_256(self._key + b"octets" + octets).digest(len(octets)) if octets else b""

    def fingerprint(self, digest: bytes) -> bytes:
        """The digest of the new certificate where the old one was that of a certificate in the capture."""
        return self.fingerprints.get(digest) or self.octets(digest)

    # --- how

    def _turned(self, label: str, items: list[str], alphabets: list[str]) -> list[str]:
        """One to one, each place within its alphabet, and never the same: P, one step on, and P back."""
        mixed = self._mixed(label, items, alphabets)
        for at, alphabet in enumerate(alphabets):
            if len(alphabet) > 1:
                mixed[at] = alphabet[(alphabet.index(mixed[at]) + 1) % len(alphabet)]
                break
        return self._unmixed(label, mixed, alphabets)

    def _mixed(self, label: str, items: list[str], alphabets: list[str]) -> list[str]:
        mixed = list(items)
        for turn in ("a", "b"):
            places = range(len(mixed)) if turn == "a" else range(len(mixed) - 1, -1, -1)
            before = ""
            for at in places:
                old, alphabet = mixed[at], alphabets[at]
                shift = self._shift(label + turn, before, len(mixed), len(alphabet))
                mixed[at] = alphabet[(alphabet.index(old) + shift) % len(alphabet)]
                before += old if turn == "a" else mixed[at]
        return mixed

    def _unmixed(self, label: str, items: list[str], alphabets: list[str]) -> list[str]:
        found = list(items)
        for turn in ("b", "a"):
            # The second turn went from the end and hung on what it had made; the first on what it had found.
            places = range(len(found)) if turn == "a" else range(len(found) - 1, -1, -1)
            before = ""
            for at in places:
                new, alphabet = found[at], alphabets[at]
                shift = self._shift(label + turn, before, len(found), len(alphabet))
                found[at] = alphabet[(alphabet.index(new) - shift) % len(alphabet)]
                before += found[at] if turn == "a" else new
        return found

    def _shift(self, label: str, before: str, size: int, most: int) -> int:
        return int.from_bytes(self._chance(f"{label} {size} {before}", 8), "big") % most

    def _chance(self, label: str, size: int) -> bytes:
        return hashlib.blake2b(label.encode(), key=self._key, digest_size=size).digest()


def _class4(octet: int) -> list[int]:
    """The octets that have as many digits."""
    return list(range(10) if octet < 10 else range(10, 100) if octet < 100 else range(100, 256))
