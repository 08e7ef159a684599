"""Names that are numbers in the binary encoding: terminations, wildcards, digit maps.

A binary termination id has 1 to 8 octets, and octets in front of it say where it is wildcarded: the top bit for ALL
(else CHOOSE), the next one for "from here down" (else this level only), the low six for the bit at which the level
starts, counted from the end (H.248.1 Annex A.1). How an id is cut into levels is provisioned, so the text that stands
for it in the tree is a choice: a naming. Two are here.

Source: H.248.1 Annex A.1, §6.2.2 (wildcards), TS 29.334 §5.6 (structure of the ids on Iq).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.message import ROOT

MAX_ID = 8
ROOT_OCTETS = b"\xff" * MAX_ID
"""The ROOT termination (H.248.1 Annex A.2, TerminationID)."""
_ALL_BIT, _DOWN_BIT, _PLACE = 0x80, 0x40, 0x3F


class TerminationNaming(Hashable, Protocol):
    """Between the texts of the tree and the octets of the binary encoding; both ways, and the same back."""

    def text(self, wildcards: Sequence[int], octets: bytes) -> str:
        """The termination's text.

        Args:
            wildcards: the wildcard octets, in their order.
            octets: the id, 1 to 8 octets.

        Raises:
            ValueError: nothing that this naming has a text for.
        """

    def octets(self, text: str) -> tuple[Sequence[int], bytes]:
        """Wildcard octets and id for a termination's text.

        Raises:
            LocalProtocolError: a text that this naming has no id for.
        """

    def digit_map_text(self, octets: bytes) -> str:
        """The text for a digit map's name of two octets."""

    def digit_map_octets(self, text: str) -> bytes:
        """Two octets for a digit map's name.

        Raises:
            LocalProtocolError: a name that has no two octets.
        """


def _whole(wildcards: Sequence[int], octets: bytes) -> str | None:
    """`*` or `$` where one wildcard covers the whole id."""
    if len(wildcards) == 1 and wildcards[0] & (_DOWN_BIT | _PLACE) == _DOWN_BIT | (8 * len(octets) - 1):
        return "*" if wildcards[0] & _ALL_BIT else "$"
    return None


class HexadecimalNaming:
    """Ids as hexadecimal digits: `0x20000011`; any octets have a text, and the text gives the same octets.

    `ROOT` stands for ROOT, `*` and `$` for an id that is wildcarded as a whole (of whatever length it arrives, it
    leaves with `length` octets). Wildcards within an id are written behind it: `0x20000000/$27` for the level that
    starts at bit 27, `0x20000000/*27..0` for it and everything below; several follow each other in their order.

    Args:
        length: octets of an id that is wildcarded as a whole; 4 on the interfaces of 3GPP.
        root: octets of ROOT.
    """

    def __init__(self, length: int = 4, root: bytes = ROOT_OCTETS) -> None:
        if not 1 <= length <= MAX_ID:
            raise LocalProtocolError(f"a termination id has 1 to {MAX_ID} octets, not {length}")
        self._length = length
        self._root = root

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HexadecimalNaming) and (self._length, self._root) == (other._length, other._root)

    def __hash__(self) -> int:
        return hash((self._length, self._root))

    _TEXT = re.compile(r"0x((?:[0-9A-Fa-f]{2}){1,8})((?:/[*$][0-9]{1,2}(?:\.\.0)?)*)")
    _WILDCARD = re.compile(r"/([*$])([0-9]{1,2})(\.\.0)?")
    _MAP = re.compile(r"0x([0-9A-Fa-f]{4})")

    def text(self, wildcards: Sequence[int], octets: bytes) -> str:
        """The termination's text."""
        if not wildcards:
            return ROOT if octets == self._root else f"0x{octets.hex().upper()}"
        return _whole(wildcards, octets) or f"0x{octets.hex().upper()}" + "".join(map(self._wildcard, wildcards))

    @staticmethod
    def _wildcard(octet: int) -> str:
        return f"/{'*' if octet & _ALL_BIT else '$'}{octet & _PLACE}{'..0' if octet & _DOWN_BIT else ''}"

    def octets(self, text: str) -> tuple[Sequence[int], bytes]:
        """Wildcard octets and id for a termination's text."""
        if text == ROOT:
            return (), self._root
        if text in ("*", "$"):
            kind = _ALL_BIT if text == "*" else 0
            return (kind | _DOWN_BIT | (8 * self._length - 1),), bytes(self._length)
        found = self._TEXT.fullmatch(text)
        if found is None:
            raise LocalProtocolError(
                f"termination {text!r} has no octets: in binary a termination is ROOT, *, $ or 0x and 2 to 16 "
                "hexadecimal digits, or another naming is needed"
            )
        wildcards = [
            (_ALL_BIT if kind == "*" else 0) | (_DOWN_BIT if down else 0) | int(place) & _PLACE
            for kind, place, down in self._WILDCARD.findall(found[2])
        ]
        return wildcards, bytes.fromhex(found[1])

    def digit_map_text(self, octets: bytes) -> str:
        """The text for a digit map's name of two octets: `0x0001`."""
        return f"0x{octets.hex().upper()}"

    def digit_map_octets(self, text: str) -> bytes:
        """Two octets for a digit map's name."""
        found = self._MAP.fullmatch(text)
        if found is None:
            raise LocalProtocolError(f"digit map {text!r}: in binary its name is two octets, such as 0x0001")
        return bytes.fromhex(found[1])


class Field(NamedTuple):
    """A level of an id that is written as a word or a decimal number.

    Args:
        width: in bits.
        words: numbers by word; other numbers are written in decimal.
    """

    width: int
    words: Mapping[str, int] = {}

    def text(self, number: int) -> str:
        """The word or number of this level."""
        return next((word for word, value in self.words.items() if value == number), f"{number}")

    def number(self, text: str) -> int | None:
        """The number behind it; None where there is none, or where the level is too narrow."""
        number = self.words.get(text)
        if number is None and text.isdecimal() and len(text) <= 20 and f"{int(text)}" == text:
            number = int(text)
        return number if number is not None and number < 1 << self.width else None


class Bits(NamedTuple):
    """A level of an id that is written as all its binary digits."""

    width: int

    def text(self, number: int) -> str:
        """The binary digits."""
        return f"{number:0{self.width}b}"

    def number(self, text: str) -> int | None:
        """The number behind them; None where there are not as many as are due."""
        return int(text, 2) if len(text) == self.width and not text.strip("01") else None


class PerLevelNaming:
    """Ids as levels with slashes between them.

    As Erlang/OTP's megaco names them, each level is its binary digits: `11111111/00000000/00000000`. With fields a
    level is a word or a number, and `ip/1/access/17` is

        PerLevelNaming([Field(3, {"ip": 1}), Field(5), Field(8, {"access": 1, "core": 2}), Field(16)])

    A level may be `*` or `$`; the whole id too. A wildcard that reaches from a level down to the last one is written
    once, `11111111/*`; one for a level alone stands in its place, `11111111/*/00000000`. Digit maps are
    `dialplan00` to `dialplan99`, for two octets of one digit each, as with megaco.

    Args:
        levels: from the first; a number stands for `Bits` of that width.
        root: octets of ROOT.
    """

    def __init__(self, levels: Sequence[int | Bits | Field] = (8, 8, 8), root: bytes = ROOT_OCTETS) -> None:
        fields = [Bits(level) if isinstance(level, int) else level for level in levels]
        self._bits = left = sum(field.width for field in fields)
        if left % 8 or not 0 < left <= 8 * MAX_ID or any(field.width < 1 for field in fields):
            raise LocalProtocolError(f"levels of {[field.width for field in fields]} bits are not 1 to 8 octets")
        self._root = root
        self._levels: list[tuple[int, Bits | Field]] = []  # each with the bit it starts at
        for field in fields:
            self._levels.append((left - 1, field))
            left -= field.width
        self._key = (
            root,
            *((field.width, *sorted(getattr(field, "words", {}).items()), type(field)) for field in fields),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PerLevelNaming) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def text(self, wildcards: Sequence[int], octets: bytes) -> str:
        """The termination's text."""
        if octets == self._root and not wildcards:
            return ROOT
        if 8 * len(octets) != self._bits:
            raise ValueError(f"a termination id of {len(octets)} octets where {self._bits // 8} are provisioned")
        whole = _whole(wildcards, octets)
        if whole:
            return whole
        wild = {octet & _PLACE: octet for octet in wildcards}
        if len(wild) != len(wildcards) or not wild.keys() <= {place for place, _ in self._levels}:
            raise ValueError("a wildcard that starts at no level of a termination id")
        number = int.from_bytes(octets, "big")
        texts: list[str] = []
        for place, field in self._levels:
            octet = wild.pop(place, None)
            if octet is None:
                texts.append(field.text(number >> (place + 1 - field.width) & (1 << field.width) - 1))
                continue
            texts.append("*" if octet & _ALL_BIT else "$")
            if octet & _DOWN_BIT:
                break
        if wild:
            raise ValueError("a wildcard below one that covers everything down")
        return "/".join(texts)

    def octets(self, text: str) -> tuple[Sequence[int], bytes]:
        """Wildcard octets and id for a termination's text."""
        if text == ROOT:
            return (), self._root
        parts = text.split("/")
        last = len(parts) - 1
        if last >= len(self._levels) or (last < len(self._levels) - 1 and parts[last] not in ("*", "$")):
            raise LocalProtocolError(f"termination {text!r} has not {len(self._levels)} levels")
        number = 0
        wildcards: list[int] = []
        for index, (part, (place, field)) in enumerate(zip(parts, self._levels, strict=False)):
            if part in ("*", "$"):
                down = index == last and (index == 0 or index < len(self._levels) - 1)
                wildcards.append((_ALL_BIT if part == "*" else 0) | (_DOWN_BIT if down else 0) | place)
                continue
            value = field.number(part)
            if value is None:
                raise LocalProtocolError(f"level {part!r} of termination {text!r} is nothing that has a number")
            number |= value << (place + 1 - field.width)
        return wildcards, number.to_bytes(self._bits // 8, "big")

    def digit_map_text(self, octets: bytes) -> str:
        """The text for a digit map's name of two octets."""
        if max(octets) > 9:
            raise ValueError(f"digit map name 0x{octets.hex()} has other than digits")
        return f"dialplan{octets[0]}{octets[1]}"

    def digit_map_octets(self, text: str) -> bytes:
        """Two octets for a digit map's name."""
        found = re.fullmatch(r"dialplan([0-9])([0-9])", text)
        if found is None:
            raise LocalProtocolError(f"digit map {text!r}: this naming has dialplan00 to dialplan99 only")
        return bytes((int(found[1]), int(found[2])))


HEXADECIMAL = HexadecimalNaming()
