"""The COMMON-HEADER of BFCP (RFC 8855 §5.1), and the error for what does not decode."""

from __future__ import annotations

import struct

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.bfcp.messages import RELIABLE, UNRELIABLE
from workbench.protocols.bfcp.registry import ErrorCode

HEADER_OCTETS = 12
"""The COMMON-HEADER without the fields of a fragment."""
FRAGMENT_OCTETS = 4
"""Fragment Offset and Fragment Length, where F says that they are there."""
UNIT = 4
"""Octets that a length of the header counts as one."""
FRAGMENTED = 0x08
"""F, in the first octet of version 2."""

_HEADER = struct.Struct("!BBHIHH")
_FRAGMENT = struct.Struct("!HH")
_RESPONDER = 0x10


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
    if version == RELIABLE or not flags & FRAGMENTED:
        return header
    if len(octets) < HEADER_OCTETS + FRAGMENT_OCTETS:
        raise wrong_length(header, "header of a fragment cut short", len(octets))
    offset, length = _FRAGMENT.unpack_from(octets, HEADER_OCTETS)
    return msgspec.structs.replace(
        header, part=(UNIT * offset, UNIT * length), octets=HEADER_OCTETS + FRAGMENT_OCTETS)


def encode_header(header: Header) -> bytes:
    """The octets of a COMMON-HEADER. Raises LocalProtocolError: a number that has no room in its field."""
    if header.version not in (RELIABLE, UNRELIABLE) or (header.version == RELIABLE and (
            header.responder or header.part is not None)):
        raise LocalProtocolError(f"BFCP version {header.version} with these flags")
    flags = header.version << 5 | header.responder * _RESPONDER | (header.part is not None) * FRAGMENTED
    try:
        octets = _HEADER.pack(
            flags, header.primitive, header.size // UNIT, header.conference, header.transaction, header.user)
        if header.part is not None:
            octets += _FRAGMENT.pack(header.part[0] // UNIT, header.part[1] // UNIT)
    except struct.error:
        raise LocalProtocolError(f"a BFCP header has no room for {header}") from None
    return octets


def wrong_length(header: Header, what: str, offset: int) -> RefusedMessageError:
    """The error for octets that are not as many as they say (error code 13)."""
    return RefusedMessageError(
        what, code=ErrorCode.INCORRECT_MESSAGE_LENGTH, header=header, clause="RFC 8855 §5.1", offset=offset)
