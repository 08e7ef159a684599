"""STUN on the wire: octets to messages and back, in datagrams and streams.

What was decoded encodes to the same octets again, but for padding, which is written as zeros and read as anything.

Source: RFC 8489 (§5 header, §6.2 transports, §14.7 FINGERPRINT).
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from workbench.errors import IncompatiblePeerError, LocalProtocolError, MalformedMessageError, PeerError
from workbench.protocols.stun.messages import (
    COOKIE,
    HEADER_OCTETS,
    TRANSACTION_OCTETS,
    Attribute,
    Kind,
    Message,
    class_of,
    method_of,
    type_of,
)

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_FINGERPRINT_MASK = 0x5354554E


def looks_like_stun(octets: bytes | bytearray) -> bool:
    """Whether octets begin as a STUN message does: two zero bits, a length of whole words, the magic cookie."""
    return (len(octets) >= 8 and octets[0] < 0x40 and not octets[3] % 4
            and int.from_bytes(octets[4:8], "big") == COOKIE)


def encode(message: Message, *, fingerprint: bool = False) -> bytes:
    """The octets of a message, with FINGERPRINT as its last attribute if asked for (RFC 8489 §14.7).

    Raises:
        LocalProtocolError: a transaction id of another size, an unknown method, or too many octets.
    """
    if len(message.transaction) != TRANSACTION_OCTETS or not 0 <= message.method < 1 << 12:
        raise LocalProtocolError("a STUN transaction id has 12 octets, and a method 12 bits")
    body = b"".join(_attribute(one) for one in message.attributes)
    size = len(body) + 8 * fingerprint
    if size > 0xFFFF:
        raise LocalProtocolError(f"{size} octets of STUN attributes")
    octets = _HEADER.pack(type_of(message), size, COOKIE, message.transaction) + body
    if fingerprint:
        octets += _attribute(Attribute(Kind.FINGERPRINT, fingerprint_of(octets).to_bytes(4, "big")))
    return octets


def size_of(octets: bytes | bytearray) -> int | None:
    """How many octets the message that starts here has; None: that can't be told yet (a stream, RFC 8489 §6.2.2).

    Raises:
        MalformedMessageError: what is here already shows that it is no STUN message.
    """
    clause = "RFC 8489 §5"
    if octets and octets[0] & 0xC0:
        raise MalformedMessageError("the first two bits are not zero: no STUN message", clause=clause, offset=0)
    if len(octets) >= 4 and octets[3] % 4:
        size = int.from_bytes(octets[2:4], "big")
        raise MalformedMessageError(f"length {size} is no multiple of 4", clause=clause, offset=2)
    if len(octets) < 8:
        return None
    if int.from_bytes(octets[4:8], "big") != COOKIE:
        raise MalformedMessageError("no magic cookie", clause=clause, offset=4)
    return HEADER_OCTETS + int.from_bytes(octets[2:4], "big")


def decode(octets: bytes) -> Message:
    """Read exactly one message, as it fills a datagram.

    Raises:
        MalformedMessageError: cut short, too long, no STUN at all, or a FINGERPRINT that does not match.

    Source: RFC 8489 §5, §14, §14.7.
    """
    size = size_of(octets)
    if size is None or size != len(octets):
        what = f"{len(octets)} of {size} octets" if size is not None else "header cut short"
        raise MalformedMessageError(what, clause="RFC 8489 §5", offset=min(len(octets), size or len(octets)))
    first, _, _, transaction = _HEADER.unpack_from(octets)
    return Message(class_of(first), transaction, _attributes(octets), method_of(first))


def _attributes(octets: bytes) -> tuple[Attribute, ...]:
    found: list[Attribute] = []
    at = HEADER_OCTETS
    while at < len(octets):
        kind, size = _ATTRIBUTE.unpack_from(octets, at)
        if at + 4 + size > len(octets):
            raise MalformedMessageError("attribute longer than the message", clause="RFC 8489 §14", offset=at + 2)
        value = octets[at + 4 : at + 4 + size]
        if kind == Kind.FINGERPRINT and value != fingerprint_of(octets[:at]).to_bytes(4, "big"):
            raise MalformedMessageError("FINGERPRINT does not match", clause="RFC 8489 §14.7", offset=at)
        found.append(Attribute(kind, value))
        at += 4 + size + -size % 4
    return tuple(found)


def _attribute(one: Attribute) -> bytes:
    return _ATTRIBUTE.pack(one.kind, len(one.value)) + one.value + bytes(-len(one.value) % 4)


def fingerprint_of(before: bytes) -> int:
    """CRC-32 of the message up to the attribute, whose length counts already in the header."""
    return zlib.crc32(before) ^ _FINGERPRINT_MASK


class Received(msgspec.Struct, frozen=True):
    """A whole message has arrived."""

    message: Message


class PeerViolation(msgspec.Struct, frozen=True):
    """The peer broke a rule; nothing more is read from this stream."""

    error: PeerError


Event = Received | PeerViolation


class Incoming:
    """One direction of a TCP connection with STUN messages one behind the other (RFC 8489 §6.2.2).

    Args:
        max_octets: of one message; a longer one breaks the stream.
    """

    def __init__(self, *, max_octets: int = 2048) -> None:
        self._max_octets = max_octets
        self._inbox = bytearray()
        self._broken = False

    def receive_data(self, data: bytes) -> list[Event]:
        """Take octets in any portions; return the messages that are complete now, oldest first. Raises nothing."""
        events: list[Event] = []
        if not self._broken:
            self._inbox += data
            try:
                while (message := self._take()) is not None:
                    events.append(Received(message))
            except PeerError as error:
                self._broken = True
                self._inbox.clear()
                events.append(PeerViolation(error))
        return events

    def _take(self) -> Message | None:
        size = size_of(self._inbox)
        if size is not None and size > self._max_octets:
            raise IncompatiblePeerError(f"message of {size} octets; {self._max_octets} are taken", offset=2)
        if size is None or len(self._inbox) < size:
            return None
        octets = bytes(self._inbox[:size])
        del self._inbox[:size]
        return decode(octets)
