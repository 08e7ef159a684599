"""a=key-mgmt: messages of key management protocols in offer and answer (RFC 4567 §3.1).

`mikey` and base64; what the octets say is not SDP's business.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.sdp.model import Media, SessionDescription

MIKEY = "mikey"
_CLAUSE = "RFC 4567 §3.1"
_MOST_CHARACTERS = 1 << 18


class KeyManagement(msgspec.Struct, frozen=True):
    """One a=key-mgmt.

    Args:
        protocol: `mikey`, in lower case.
        message: octets of that protocol.
    """

    protocol: str
    message: bytes

    @classmethod
    def decode(cls, value: str) -> KeyManagement:
        """Read the value of the attribute.

        Raises:
            MalformedMessageError: no protocol and message, or no base64; `offset` counts characters of the value.
        """
        protocol, _, text = value.strip(" ").partition(" ")
        text = text.strip(" ")
        if not protocol or not text:
            raise MalformedMessageError("a=key-mgmt without protocol and message", clause=_CLAUSE, offset=0)
        if len(text) > _MOST_CHARACTERS:
            raise MalformedMessageError(f"{len(text)} characters of base64", clause=_CLAUSE, offset=len(protocol) + 1)
        try:
            return cls(protocol.lower(), base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            raise MalformedMessageError("not base64", clause=_CLAUSE, offset=len(protocol) + 1) from None

    def encode(self) -> str:
        """The value of the attribute."""
        return f"{self.protocol} {base64.b64encode(self.message).decode()}"


def offered_protocols(description: SessionDescription, media: Media) -> tuple[str, ...]:
    """The key management protocols of a stream in the order of its lines, in lower case (RFC 4567 §4.1.4)."""
    return tuple(protocol_of(value) for value in key_management(description, media))


def protocol_of(value: str) -> str:
    """The protocol that the value of an a=key-mgmt begins with, in lower case; empty where there is none."""
    return value.strip(" ").partition(" ")[0].lower()


def key_management(description: SessionDescription, media: Media) -> tuple[str, ...]:
    """Values of a=key-mgmt that hold for a stream: its own, else those of the session (RFC 4567 §3)."""
    return media.attributes("key-mgmt") or description.attributes("key-mgmt")
