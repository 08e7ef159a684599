"""BFCP on the wire (RFC 8855 §5): octets to values and back. Nothing here keeps state.

What was decoded encodes to the same octets again, but for what receivers ignore: padding and reserved bits, and the
R and F bits of version 1. Those are written as zeros.
"""

from __future__ import annotations

import struct

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.bfcp.messages import (
    RELIABLE,
    UNRELIABLE,
    Attribute,
    Failure,
    Group,
    Message,
    RequestStatus,
    Value,
)
from workbench.protocols.bfcp.registry import FORMATS, ErrorCode, Format, Kind, attribute_name

HEADER_OCTETS = 12
"""The COMMON-HEADER without the fields of a fragment."""
FRAGMENT_OCTETS = 4
"""Fragment Offset and Fragment Length, where F says that they are there."""
UNIT = 4
"""Octets that a length of the header counts as one."""
MAX_OCTETS = HEADER_OCTETS + UNIT * 0xFFFF
"""The longest message there can be."""

_HEADER = struct.Struct("!BBHIHH")
_FRAGMENT = struct.Struct("!HH")
_RESPONDER = 0x10
_FRAGMENTED = 0x08
_MAX_DEPTH = 8


class Header(msgspec.Struct, frozen=True):
    """The COMMON-HEADER, and of a fragment which part it is.

    Args:
        version: also those that nobody here speaks.
        responder: the R bit; False with version 1, where it says nothing.
        primitive, conference, transaction, user: as in `Message`.
        size: octets of the payload of the whole message.
        part: of a fragment, its first octet in that payload and how many it has; None for a whole message.
        octets: the size of the header itself.
    """

    version: int
    responder: bool
    primitive: int
    size: int
    conference: int
    transaction: int
    user: int
    part: tuple[int, int] | None = None
    octets: int = HEADER_OCTETS


class Fragment(msgspec.Struct, frozen=True):
    """A part of a message over an unreliable transport (RFC 8855 §6.2.3)."""

    header: Header
    payload: bytes

    @property
    def offset(self) -> int:
        """Where in the message's payload it begins, in octets."""
        return 0 if self.header.part is None else self.header.part[0]


class RefusedMessageError(MalformedMessageError):
    """The octets do not decode; what a server answers and to whom.

    Args:
        code: the error code of the answer (RFC 8855 §5.2.6).
        header: of the message that is refused; None where it can't be read, and then nothing can be answered.
    """

    def __init__(
        self, what: str, *, code: int = ErrorCode.UNABLE_TO_PARSE, header: Header | None = None,
        clause: str = "RFC 8855 §5", offset: int | None = None,
    ) -> None:
        super().__init__(what, clause=clause, offset=offset)
        self.code = code
        self.header = header


def decode_header(octets: bytes | bytearray) -> Header:
    """Read the COMMON-HEADER that a message starts with. The version is not judged: see `decode`.

    Args:
        octets: the first 12 octets of a message, or more (16 of a fragment).

    Raises:
        RefusedMessageError: there are fewer.

    Source: RFC 8855 §5.1.
    """
    if len(octets) < HEADER_OCTETS:
        raise RefusedMessageError("header cut short", clause="RFC 8855 §5.1", offset=len(octets))
    flags, primitive, size, conference, transaction, user = _HEADER.unpack_from(octets)
    version = flags >> 5
    responder = version != RELIABLE and bool(flags & _RESPONDER)
    header = Header(version, responder, primitive, UNIT * size, conference, transaction, user)
    if version == RELIABLE or not flags & _FRAGMENTED:
        return header
    if len(octets) < HEADER_OCTETS + FRAGMENT_OCTETS:
        raise _wrong_length(header, "header of a fragment cut short", len(octets))
    offset, length = _FRAGMENT.unpack_from(octets, HEADER_OCTETS)
    return msgspec.structs.replace(
        header, part=(UNIT * offset, UNIT * length), octets=HEADER_OCTETS + FRAGMENT_OCTETS)


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
            raise _wrong_length(header, f"{len(payload)} octets of payload where {header.size} are announced", 2)
        return _message(header, payload, header.octets)
    offset, length = header.part
    if len(payload) != length:
        raise _wrong_length(header, f"{len(payload)} octets of a fragment where {length} are announced", 14)
    if offset + length > header.size:
        raise _wrong_length(
            header, f"a fragment that ends at octet {offset + length} of {header.size}", HEADER_OCTETS)
    return Fragment(header, payload)


def decode_payload(header: Header, payload: bytes) -> Message:
    """A message from its header and the payload of all its fragments (RFC 8855 §6.2.3).

    Raises:
        RefusedMessageError: an attribute does not decode. The offset counts from the start of an unfragmented message.
    """
    return _message(header, payload, HEADER_OCTETS)


def encode(message: Message) -> bytes:
    """The octets of a message.

    Raises:
        LocalProtocolError: a number that has no room in its field, an attribute of more than 255 octets, a value that
            is not of its type's format, R with version 1, or a payload of more than 65535 words.

    Source: RFC 8855 §5.
    """
    payload = b"".join(encode_attribute(one) for one in message.attributes)
    return encode_header(_header_of(message, len(payload))) + payload


def encode_header(header: Header) -> bytes:
    """The octets of a COMMON-HEADER. Raises LocalProtocolError: a number that has no room in its field."""
    if header.version not in (RELIABLE, UNRELIABLE) or (header.version == RELIABLE and (
            header.responder or header.part is not None)):
        raise LocalProtocolError(f"BFCP version {header.version} with these flags")
    flags = header.version << 5 | header.responder * _RESPONDER | (header.part is not None) * _FRAGMENTED
    try:
        octets = _HEADER.pack(
            flags, header.primitive, header.size // UNIT, header.conference, header.transaction, header.user)
        if header.part is not None:
            octets += _FRAGMENT.pack(header.part[0] // UNIT, header.part[1] // UNIT)
    except struct.error:
        raise LocalProtocolError(f"a BFCP header has no room for {header}") from None
    return octets


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


def encode_attribute(one: Attribute) -> bytes:
    """The octets of an attribute with its padding. Raises LocalProtocolError as `encode`."""
    value = _value_octets(one)
    size = 2 + len(value)
    if not 0 <= one.kind < 128 or size > 255:
        raise LocalProtocolError(f"{attribute_name(one.kind)} of {size} octets; 255 is the most")
    return bytes((one.kind << 1 | one.mandatory, size)) + value + bytes(-size % UNIT)


def _header_of(message: Message, size: int) -> Header:
    return Header(message.version, message.responder, message.primitive, size, message.conference,
                  message.transaction, message.user)


def _wrong_length(header: Header, what: str, offset: int) -> RefusedMessageError:
    return RefusedMessageError(
        what, code=ErrorCode.INCORRECT_MESSAGE_LENGTH, header=header, clause="RFC 8855 §5.1", offset=offset)


def _message(header: Header, payload: bytes, base: int) -> Message:
    try:
        attributes = _attributes(payload, 0, len(payload), 1)
    except RefusedMessageError as error:
        error.header = header
        error.offset = base + (error.offset or 0)
        raise
    return Message(header.primitive, header.conference, header.transaction, header.user, attributes, header.version,
                   header.responder)


def _attributes(octets: bytes, at: int, end: int, depth: int) -> tuple[Attribute, ...]:
    """The attributes between two places. The padding of the last one has to be there too (RFC 8855 §5.2)."""
    clause = "RFC 8855 §5.2"
    found: list[Attribute] = []
    while at < end:
        if end - at < 2:
            raise RefusedMessageError("an attribute cut short", clause=clause, offset=at)
        first, size = octets[at], octets[at + 1]
        kind = first >> 1
        if size < 2:
            raise RefusedMessageError(f"{attribute_name(kind)} of {size} octets", clause=clause, offset=at + 1)
        after = at + size + -size % UNIT
        if after > end:
            raise RefusedMessageError(
                f"{attribute_name(kind)} of {size} octets where {end - at} are left", clause=clause, offset=at + 1)
        value = _value(kind, octets, at + 2, at + size, depth)
        found.append(Attribute(kind, value, bool(first & 1)))
        at = after
    return tuple(found)


def _value(kind: int, octets: bytes, at: int, end: int, depth: int) -> Value:
    value = octets[at:end]
    match FORMATS.get(kind, Format.OPAQUE):
        case Format.UNSIGNED_16:
            return int.from_bytes(_sized(kind, value, 2, at), "big")
        case Format.PRIORITY:
            return _sized(kind, value, 2, at)[0] >> 5
        case Format.STATUS:
            return RequestStatus(*_sized(kind, value, 2, at))
        case Format.ERROR:
            if not value:
                raise _empty(kind, at)
            return Failure(value[0], value[1:])
        case Format.TEXT:
            return _text(kind, value, at)
        case Format.ATTRIBUTES:
            return tuple(octet >> 1 for octet in value)
        case Format.PRIMITIVES:
            return tuple(value)
        case Format.GROUPED:
            return _group(kind, octets, at, end, depth)
    return value


def _group(kind: int, octets: bytes, at: int, end: int, depth: int) -> Group:
    if end - at < 2:
        raise _empty(kind, at)
    if depth > _MAX_DEPTH:
        raise RefusedMessageError(f"{depth} groups inside one another", clause="RFC 8855 §5.2", offset=at)
    return Group(int.from_bytes(octets[at : at + 2], "big"), _attributes(octets, at + 2, end, depth + 1))


def _sized(kind: int, value: bytes, size: int, at: int) -> bytes:
    if len(value) != size:
        raise RefusedMessageError(
            f"{attribute_name(kind)} with {len(value)} octets of value, not {size}", clause=_clause(kind),
            offset=at - 1)
    return value


def _empty(kind: int, at: int) -> RefusedMessageError:
    return RefusedMessageError(f"{attribute_name(kind)} without its number", clause=_clause(kind), offset=at - 1)


def _text(kind: int, value: bytes, at: int) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise RefusedMessageError(
            f"{attribute_name(kind)} is not UTF-8", clause=_clause(kind), offset=at + error.start) from None


def _clause(kind: int) -> str:
    return f"RFC 8855 §5.2.{kind}"


def _value_octets(one: Attribute) -> bytes:
    """The octets of a value; its Python type has to be the one that the attribute's format asks for."""
    try:
        match FORMATS.get(one.kind, Format.OPAQUE), one.value:
            case Format.UNSIGNED_16, int(number):
                return number.to_bytes(2, "big")
            case Format.PRIORITY, int(number) if 0 <= number < 8:
                return bytes((number << 5, 0))
            case Format.STATUS, RequestStatus(status=status, position=position):
                return bytes((status, position))
            case Format.ERROR, Failure(code=code, details=details):
                return bytes((code,)) + details
            case Format.TEXT, str(text):
                return text.encode()
            case Format.ATTRIBUTES, tuple(kinds):
                return bytes(kind << 1 for kind in kinds)
            case Format.PRIMITIVES, tuple(codes):
                return bytes(codes)
            case Format.GROUPED, Group(number=number, attributes=inner):
                return number.to_bytes(2, "big") + b"".join(encode_attribute(each) for each in inner)
            case Format.OPAQUE, bytes(octets):
                return octets
    except (OverflowError, ValueError):
        pass  # a number that its field has no room for; said below
    raise LocalProtocolError(f"{attribute_name(one.kind)} can't hold {type(one.value).__name__} {one.value!r}")


SUPPORTED_ATTRIBUTES = tuple(int(kind) for kind in Kind)
"""What a HelloAck of ours names."""
