"""Which encoding an association speaks: long text, short text or binary, all three from and to the one message tree.

A receiver of text takes both token lengths, so `pretty` and `compact` differ in what is sent only. An association keeps
to one encoding (TS 29.334 §5.9), which its port tells (2944 text, 2945 binary).

Source: H.248.1 Annex A (binary), Annex B (text).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

from workbench.protocols.h248 import reading, text

if TYPE_CHECKING:
    from workbench.protocols.h248.message import Message

Coding = Literal["pretty", "compact", "binary"]


class _Codec(Protocol):
    def decode(self, octets: bytes, *, max_octets: int = ...) -> Message: ...
    def encode(self, message: Message) -> bytes: ...
    def is_error_message(self, octets: bytes) -> bool: ...


def _binary() -> _Codec:
    return cast("_Codec", import_module("workbench.protocols.h248.binary"))


def decode(octets: bytes, coding: Coding, *, max_octets: int = 262_144) -> Message:
    """Octets to the message tree.

    Raises:
        MalformedMessageError: with the offset, what was expected, and the clause.
    """
    if coding == "binary":
        return _binary().decode(octets, max_octets=max_octets)
    return text.decode(octets, max_octets=max_octets)


def encode(message: Message, coding: Coding) -> bytes:
    """The message tree to octets.

    Raises:
        LocalProtocolError: the encoding can't carry it.
    """
    if coding == "binary":
        return _binary().encode(message)
    return text.encode(message, coding)


def is_error_message(octets: bytes, coding: Coding) -> bool:
    """Whether a message that may be broken only reports an error itself, or is no message at all."""
    return _binary().is_error_message(octets) if coding == "binary" else reading.is_error_message(octets)
