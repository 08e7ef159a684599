"""Values of properties, parameters and statistics: text in the tree, octets in the binary encoding.

A value is encoded by BER as its declared type says, and that TLV is put into an OCTET STRING ("double wrapping"):
boolean as BOOLEAN, integer and double as INTEGER (a double is an integer of eight octets), enumeration as ENUMERATED
with its number, string and character as IA5String (UTF8String where ASCII does not do), octet string as OCTET STRING.
The lines of a session description are strings of Annex C and are wrapped alike, as IA5String.

What a peer sends is read leniently. Another type than the declared one is read as what it is; octets that are no TLV
of these types are kept as text where they are printable (Erlang's megaco puts bare text there), else as `0x` and hex.
A text that does not fit its declared type is written as a string, so that the receiver can refuse it by name.

`Values` is the one switch: `RAW` writes bare text everywhere, as Erlang's megaco does and expects.

Source: H.248.1 Annex A.2 (comments of PropertyParm), §12.2 (types), Annex C (strings are IA5String, bits are octets).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary.ber import integer_contents, tlv
from workbench.protocols.h248.message import Quoted

CHOOSE_VALUE = "$"
"""The value that the gateway is asked to choose: in binary an empty list of values."""

_BOOLEAN, _INTEGER, _OCTET_STRING, _ENUMERATED, _UTF8_STRING, _IA5_STRING = 0x01, 0x02, 0x04, 0x0A, 0x0C, 0x16
_STRINGS = {_UTF8_STRING, _IA5_STRING, 0x13, 0x1A}  # PrintableString and VisibleString are taken for strings as well
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_VERBATIM = re.compile(r"0x(?:[0-9A-Fa-f]{2})*")
_TEXT = re.compile(r'[^"\x00-\x08\x0a-\x1f\x7f-\xa0\ud800-\udfff]*')
_SWITCH = {"on": b"\x01\x01\xff", "true": b"\x01\x01\xff", "off": b"\x01\x01\x00", "false": b"\x01\x01\x00"}
_REMEMBERED = 256
_SHORT = 64
_TEXTUAL = ("string", "character")


class Values(StrEnum):
    """How values stand in their OCTET STRINGs."""

    WRAPPED = "wrapped"
    """Encoded by BER as their type says; CHOOSE is an empty list (the specification)."""
    RAW = "raw"
    """Bare text, CHOOSE a dollar sign (Erlang/OTP's megaco)."""


class Label(Protocol):
    """A word of an enumeration and its number."""

    @property
    def label(self) -> str:
        """The word."""

    @property
    def number(self) -> int | None:
        """Its number, None where nobody here knows it."""


def printable(octets: bytes) -> str | None:
    """The octets as text that may stand in a quoted string; None where they are no such text."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if _TEXT.fullmatch(text) else None


def verbatim(octets: bytes) -> str:
    """Octets that are not looked into: as printable text, else `0x` and hexadecimal digits."""
    text = printable(octets)
    return f"0x{octets.hex().upper()}" if text is None or _VERBATIM.match(text) else text


def from_verbatim(text: str) -> bytes:
    """The octets behind what `verbatim` made of them."""
    return bytes.fromhex(text[2:]) if _VERBATIM.fullmatch(text) else text.encode("utf-8", "surrogateescape")


class ValueCodec:
    """Reads and writes the values of one item.

    Args:
        kind: the item's declared type in the words of the registry; empty where it is not known: then octets are
            carried `verbatim`.
        labels: of an enumeration.
        what: the item's name, for errors.
        values: the policy for writing.
    """

    def __init__(
        self, kind: str, labels: Iterable[Label] = (), what: str = "", values: Values = Values.WRAPPED
    ) -> None:
        self.kind = kind.removeprefix("sub-list of ")
        self.what = what
        self.labels = {label.label.lower(): label for label in labels}
        self.words = {label.number: label.label for label in self.labels.values() if label.number is not None}
        self.values = values
        self._written: dict[str, bytes] = {}
        self._read: dict[bytes, str] = {}
        self._writer: Callable[[str], bytes | None] = {
            "": from_verbatim,
            "boolean": lambda text: _SWITCH.get(text.lower()),
            "integer": self._integer,
            "double": self._integer,
            "enumeration": self._enumeration,
            "octet string": self._octets,
        }.get(self.kind, _string)

    def read(self, octets: bytes) -> str:
        """One value as text."""
        text = self._read.get(octets)
        if text is None:
            text = self._reading(octets)
            if len(octets) <= _SHORT:
                if len(self._read) >= _REMEMBERED:
                    self._read.clear()
                self._read[octets] = text
        return text

    def write(self, text: str) -> bytes:
        """One value as octets.

        Raises:
            LocalProtocolError: a word of the enumeration whose number is not known.
        """
        octets = self._written.get(text)
        if octets is None:
            if self.values is Values.RAW and self.kind:
                octets = text.encode("utf-8", "surrogateescape")
            else:
                octets = self._writer(text)
                if octets is None:
                    octets = from_verbatim(text) if _VERBATIM.fullmatch(text) else _string(text)
            if len(text) <= _SHORT:
                if len(self._written) >= _REMEMBERED:
                    self._written.clear()
                self._written[text] = octets
        return octets

    def _reading(self, octets: bytes) -> str:
        unwrapped = _unwrapped(octets) if self.kind else None
        if unwrapped is None:
            return verbatim(octets)
        tag, contents = unwrapped
        if tag == _BOOLEAN and len(contents) == 1:
            return "ON" if contents[0] else "OFF"
        if tag in (_INTEGER, _ENUMERATED) and 0 < len(contents) <= 8:
            number = int.from_bytes(contents, "big", signed=True)
            return self.words.get(number, f"{number}")
        if tag == _OCTET_STRING and self.kind in ("octet string", "signal name"):
            return contents.hex().upper()
        if tag == _OCTET_STRING or tag in _STRINGS:
            try:
                text = contents.decode("utf-8")
            except UnicodeDecodeError:
                text = CHOOSE_VALUE
            if text != CHOOSE_VALUE:
                return Quoted(text) if self.kind in _TEXTUAL else self._usual(text)
        return f"0x{octets.hex().upper()}"

    def _usual(self, text: str) -> str:
        """A number, word or switch that came as a string, as it is read where it comes in its own type."""
        try:
            octets = self._writer(text) if self.kind and self.kind not in _TEXTUAL else None
        except LocalProtocolError:
            octets = None
        return text if octets is None or octets[0] in _STRINGS else self._reading(octets)

    def _integer(self, text: str) -> bytes | None:
        if not _NUMBER.fullmatch(text):
            return None
        contents = integer_contents(int(text))
        return bytes((_INTEGER, len(contents))) + contents if len(contents) <= 8 else None

    def _enumeration(self, text: str) -> bytes | None:
        label = self.labels.get(text.lower())
        if label is None:
            return tlv(_ENUMERATED, integer_contents(int(text))) if _NUMBER.fullmatch(text) else None
        if label.number is None:
            raise LocalProtocolError(
                f"the value {label.label} of {self.what} has no number that is known: binary can't carry it. "
                "An override file of the registry may say the number in `values`."
            )
        return tlv(_ENUMERATED, integer_contents(label.number))

    def _octets(self, text: str) -> bytes | None:
        return tlv(_OCTET_STRING, bytes.fromhex(text)) if _HEX.fullmatch(text) else None


def _string(text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    return tlv(_IA5_STRING if text.isascii() else _UTF8_STRING, octets)


def _unwrapped(octets: bytes) -> tuple[int, bytes] | None:
    """Tag and contents, if the octets are one TLV of a universal type and nothing else."""
    if len(octets) < 2 or octets[0] & 0xE0:
        return None
    length, start = octets[1], 2
    if length & 0x80:
        start = 2 + (length & 0x7F)
        if not 2 < start <= min(len(octets), 6):
            return None
        length = int.from_bytes(octets[2:start], "big")
    return (octets[0], octets[start:]) if length == len(octets) - start else None


LINE = ValueCodec("string", what="a line of SDP")
"""For the lines of session descriptions and the reason of a ServiceChange."""
RAW_LINE = ValueCodec("string", what="a line of SDP", values=Values.RAW)
