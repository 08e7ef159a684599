"""BFCP on the wire (RFC 8855 §5): octets to values and back. Nothing here keeps state.

What was decoded encodes to the same octets again, but for what receivers ignore: padding and reserved bits, and the
R and F bits of version 1. Those are written as zeros.
"""

from __future__ import annotations

import msgspec

from workbench.errors import LocalProtocolError
from workbench.protocols.bfcp.attributes import SUPPORTED_ATTRIBUTES, decode_attributes, encode_attribute
from workbench.protocols.bfcp.header import (
    FRAGMENT_OCTETS,
    FRAGMENTED,
    HEADER_OCTETS,
    UNIT,
    Header,
    RefusedMessageError,
    decode_header,
    encode_header,
    wrong_length,
)
from workbench.protocols.bfcp.messages import RELIABLE, UNRELIABLE, Message
from workbench.protocols.bfcp.registry import ErrorCode, Primitive

__all__ = [
    "FRAGMENT_OCTETS", "HEADER_OCTETS", "SUPPORTED_ATTRIBUTES", "UNIT", "Fragment", "Header", "RefusedMessageError",
    "decode", "decode_datagram", "decode_header", "decode_payload", "encode", "encode_attribute", "encode_datagrams",
    "encode_header", "looks_like_bfcp", "looks_like_bfcp_datagram",
]


class Fragment(msgspec.Struct, frozen=True):
    """A part of a message over an unreliable transport (RFC 8855 §6.2.3)."""

    header: Header
    payload: bytes

    @property
    def offset(self) -> int:
        """Where in the message's payload it begins, in octets."""
        return 0 if self.header.part is None else self.header.part[0]


def decode(octets: bytes) -> Message:
    """Read exactly one whole message.

    Raises:
        RefusedMessageError: not version 1 or 2, cut short, too long, a fragment, or an attribute that does not decode.

    Source: RFC 8855 §5.
    """
    found = decode_datagram(octets)
    if isinstance(found, Fragment):
        raise RefusedMessageError("a fragment, not a message", header=found.header, clause="RFC 8855 §6.2.3", offset=0)
    return found


def decode_datagram(octets: bytes) -> Message | Fragment:
    """Read what fills a datagram: exactly one message, or one fragment (RFC 8855 §6.2).

    Raises:
        RefusedMessageError: as for `decode`, and for a fragment that ends behind its message.
    """
    header = decode_header(octets)
    if header.version not in (RELIABLE, UNRELIABLE):
        raise RefusedMessageError(
            f"version {header.version}", code=ErrorCode.UNSUPPORTED_VERSION, header=header, clause="RFC 8855 §5.1",
            offset=0)
    payload = bytes(octets[header.octets :])
    if header.part is None:
        if len(payload) != header.size:
            raise wrong_length(header, f"{len(payload)} octets of payload where {header.size} are announced", 2)
        return _message(header, payload, header.octets)
    offset, length = header.part
    if len(payload) != length:
        raise wrong_length(header, f"{len(payload)} octets of a fragment where {length} are announced", 14)
    if offset + length > header.size:
        raise wrong_length(
            header, f"a fragment that ends at octet {offset + length} of {header.size}", HEADER_OCTETS)
    return Fragment(header, payload)


def decode_payload(header: Header, payload: bytes) -> Message:
    """A message from its header and the payload of all its fragments (RFC 8855 §6.2.3).

    Raises:
        RefusedMessageError: an attribute does not decode. The offset counts from the start of an unfragmented message.
    """
    return _message(header, payload, HEADER_OCTETS)


def looks_like_bfcp(octets: bytes) -> bool:
    """Whether a stream begins like version 1: no reserved bit set, and a primitive of those that it has.

    Told from 4 octets on; text does not begin with a space and a control character (RFC 8855 §5.1).
    """
    return len(octets) >= 4 and octets[0] == RELIABLE << 5 and 1 <= octets[1] <= Primitive.ERROR


def looks_like_bfcp_datagram(octets: bytes) -> bool:
    """Whether a datagram has a header of version 2 with one of its primitives, and the length that the header says.

    Neither STUN, DTLS nor RTP begins with such an octet (RFC 8855 §5.1, §6.2; RFC 7983 §7).
    """
    if len(octets) < HEADER_OCTETS or octets[0] >> 5 != UNRELIABLE or not (
            Primitive.FLOOR_REQUEST <= octets[1] <= Primitive.GOODBYE_ACK):
        return False
    if not octets[0] & FRAGMENTED:
        return len(octets) == HEADER_OCTETS + UNIT * int.from_bytes(octets[2:4], "big")
    return len(octets) >= HEADER_OCTETS + FRAGMENT_OCTETS and (
        len(octets) == HEADER_OCTETS + FRAGMENT_OCTETS + UNIT * int.from_bytes(octets[14:16], "big"))


def encode(message: Message) -> bytes:
    """The octets of a message.

    Raises:
        LocalProtocolError: a number that has no room in its field, an attribute of more than 255 octets, a value that
            is not of its type's format, R with version 1, or a payload of more than 65535 words.

    Source: RFC 8855 §5.
    """
    payload = b"".join(encode_attribute(one) for one in message.attributes)
    return encode_header(_header_of(message, len(payload))) + payload


def encode_datagrams(message: Message, max_octets: int) -> list[bytes]:
    """A message as the datagrams that carry it: itself, or fragments where it is longer than `max_octets`.

    Raises:
        LocalProtocolError: as for `encode`, no room for a single word, or version 1, which has no fragments.

    Source: RFC 8855 §6.2.3.
    """
    whole = encode(message)
    if len(whole) <= max_octets:
        return [whole]
    room = (max_octets - HEADER_OCTETS - FRAGMENT_OCTETS) // UNIT * UNIT
    if message.version == RELIABLE or room < UNIT:
        raise LocalProtocolError(f"{len(whole)} octets of BFCP do not go into datagrams of {max_octets}")
    payload = whole[HEADER_OCTETS:]
    header = _header_of(message, len(payload))
    datagrams = []
    for offset in range(0, len(payload), room):
        piece = payload[offset : offset + room]
        part = msgspec.structs.replace(header, part=(offset, len(piece)))
        datagrams.append(encode_header(part) + piece)
    return datagrams


def _header_of(message: Message, size: int) -> Header:
    return Header(message.version, message.responder, message.primitive, size, message.conference,
                  message.transaction, message.user)


def _message(header: Header, payload: bytes, base: int) -> Message:
    try:
        attributes = decode_attributes(payload, 0, len(payload))
    except RefusedMessageError as error:
        error.header = header
        error.offset = base + (error.offset or 0)
        raise
    return Message(header.primitive, header.conference, header.transaction, header.user, attributes, header.version,
                   header.responder)
