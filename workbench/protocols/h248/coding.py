"""Which encoding an association speaks: long text, short text or binary, all three from and to the one message tree.

A receiver of text takes both token lengths, so `pretty` and `compact` differ in what is sent only. An association keeps
to one encoding (TS 29.334 §5.9), which its port tells (2944 text, 2945 binary).

Source: H.248.1 Annex A (binary), Annex B (text).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from workbench.protocols.h248 import binary, reading, text
from workbench.protocols.h248.binary import TerminationNaming, Values
from workbench.protocols.h248.message import Message
from workbench.protocols.h248.packages import Registry

Coding = Literal["pretty", "compact", "binary"]


class Codec(msgspec.Struct, frozen=True):
    """How the messages of an association are read and written.

    Args:
        coding: which encoding.
        registry: numbers of packages and their items, for binary; the built-in one by default.
        naming: octets of terminations, for binary; hexadecimal digits by default.
        values: how values stand in their OCTET STRINGs, for binary.
    """

    coding: Coding = "pretty"
    registry: Registry | None = None
    naming: TerminationNaming | None = None
    values: Values = Values.WRAPPED

    def decode(self, octets: bytes, *, max_octets: int = 262_144) -> Message:
        """Octets to the message tree.

        Raises:
            MalformedMessageError: with the offset, what was expected, and the clause.
        """
        if self.coding == "binary":
            return binary.decode(octets, max_octets=max_octets, registry=self.registry, naming=self.naming)
        return text.decode(octets, max_octets=max_octets)

    def encode(self, message: Message) -> bytes:
        """The message tree to octets.

        Raises:
            LocalProtocolError: the encoding can't carry it.
        """
        if self.coding == "binary":
            return binary.encode(message, registry=self.registry, naming=self.naming, values=self.values)
        return text.encode(message, self.coding)

    def is_error_message(self, octets: bytes) -> bool:
        """Whether a message that may be broken only reports an error itself, or is no message at all."""
        return binary.is_error_message(octets) if self.coding == "binary" else reading.is_error_message(octets)


_CODECS: dict[Coding, Codec] = {"pretty": Codec("pretty"), "compact": Codec("compact"), "binary": Codec("binary")}


def codec_of(coding: Coding | Codec) -> Codec:
    """The codec of an encoding with everything as the specification says, or the codec itself."""
    return coding if isinstance(coding, Codec) else _CODECS[coding]


def coding_of(octets: bytes) -> Coding:
    """Which encoding a message can only be in: BER begins with 0x30, no text does. Any text is `pretty`."""
    return "binary" if octets[:1] == b"\x30" else "pretty"


def decode(octets: bytes, coding: Coding | Codec, *, max_octets: int = 262_144) -> Message:
    """Octets to the message tree, as `Codec.decode`."""
    return codec_of(coding).decode(octets, max_octets=max_octets)


def encode(message: Message, coding: Coding | Codec) -> bytes:
    """The message tree to octets, as `Codec.encode`."""
    return codec_of(coding).encode(message)


def is_error_message(octets: bytes, coding: Coding | Codec) -> bool:
    """As `Codec.is_error_message`."""
    return codec_of(coding).is_error_message(octets)
