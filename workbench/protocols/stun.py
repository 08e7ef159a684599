"""STUN: octets to values and back, in datagrams and streams. The Binding method is what is used here.

A message keeps attributes that nobody here knows as octets, so what was decoded encodes to the same octets again.
Padding is written as zeros and read as anything.

Source: RFC 8489 (§5 header, §6.2 transports, §14 attributes).
"""

from __future__ import annotations

import enum
import ipaddress
import struct
import zlib

import msgspec

from workbench.errors import IncompatiblePeerError, LocalProtocolError, MalformedMessageError, PeerError

PORT = 3478
BINDING = 0x001
HEADER_OCTETS = 20
TRANSACTION_OCTETS = 12
COOKIE = 0x2112A442

Address = tuple[str, int]
"""A transport address: an IP address in canonical text form, and a port."""

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_FINGERPRINT_MASK = 0x5354554E
_FAMILIES = {1: 4, 2: 16}


class Class(enum.IntEnum):
    """What a message is (RFC 8489 §5)."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


class Kind(enum.IntEnum):
    """Attribute types that are understood here (RFC 8489 §18.3). From 0x8000 on they may be ignored."""

    MAPPED_ADDRESS = 0x0001
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    XOR_MAPPED_ADDRESS = 0x0020
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028


_KNOWN = frozenset(int(kind) for kind in Kind)


class Attribute(msgspec.Struct, frozen=True):
    """A type and the octets of its value, without padding."""

    kind: int
    value: bytes


class Message(msgspec.Struct, frozen=True):
    """A STUN message: `transaction` are the 96 bits that tie a response to its request."""

    kind: Class
    transaction: bytes
    attributes: tuple[Attribute, ...] = ()
    method: int = BINDING

    def attribute(self, kind: Kind) -> bytes | None:
        """The value of the first attribute of a type; later ones of the same type are ignored (RFC 8489 §14)."""
        return next((one.value for one in self.attributes if one.kind == kind), None)

    @property
    def unknown(self) -> tuple[int, ...]:
        """Types of attributes that have to be understood and are not (RFC 8489 §14: below 0x8000)."""
        return tuple(one.kind for one in self.attributes if one.kind < 0x8000 and one.kind not in _KNOWN)


# What is said with messages.

def binding_request(transaction: bytes, *, software: str = "") -> Message:
    """Ask for the source address of this very message. `transaction`: 12 octets that nobody can guess."""
    return Message(Class.REQUEST, transaction, _software(software))


def binding_success(request: Message, seen: Address, *, software: str = "") -> Message:
    """The answer to a Binding request that came from `seen` (RFC 8489 §6.3.1.1: XOR-MAPPED-ADDRESS)."""
    return Message(Class.SUCCESS, request.transaction, (xor_mapped(seen, request.transaction), *_software(software)))


def error_response(request: Message, code: int, reason: str) -> Message:
    """A refusal; with 420 it names the attributes of the request that are not understood (RFC 8489 §6.3.1, §14.8)."""
    value = struct.pack("!HBB", 0, code // 100, code % 100) + reason.encode()
    attributes = [Attribute(Kind.ERROR_CODE, value)]
    if code == 420:
        names = b"".join(kind.to_bytes(2, "big") for kind in request.unknown)
        attributes.append(Attribute(Kind.UNKNOWN_ATTRIBUTES, names))
    return Message(Class.ERROR, request.transaction, tuple(attributes), request.method)


def mapped(address: Address) -> Attribute:
    """MAPPED-ADDRESS: the address as it is, for peers of before RFC 5389 (RFC 8489 §14.1)."""
    octets, family = _packed(address[0])
    return Attribute(Kind.MAPPED_ADDRESS, struct.pack("!xBH", family, address[1]) + octets)


def xor_mapped(address: Address, transaction: bytes) -> Attribute:
    """XOR-MAPPED-ADDRESS: hidden from NATs that rewrite addresses wherever they find them (RFC 8489 §14.2)."""
    octets, family = _packed(address[0])
    port = address[1] ^ COOKIE >> 16
    return Attribute(Kind.XOR_MAPPED_ADDRESS, struct.pack("!xBH", family, port) + _masked(octets, transaction))


def mapped_address(response: Message) -> Address:
    """The address that a success response tells: XOR-MAPPED-ADDRESS if it is there, else MAPPED-ADDRESS.

    Raises:
        MalformedMessageError: neither is there, or it does not decode.

    Source: RFC 8489 §14.1, §14.2.
    """
    hidden = response.attribute(Kind.XOR_MAPPED_ADDRESS)
    plain = response.attribute(Kind.MAPPED_ADDRESS)
    value = hidden if hidden is not None else plain
    if value is None:
        raise MalformedMessageError("no mapped address", clause="RFC 8489 §14.2")
    clause = "RFC 8489 §14.1" if hidden is None else "RFC 8489 §14.2"
    if len(value) < 4 or _FAMILIES.get(value[1], -1) != len(value) - 4:
        raise MalformedMessageError(f"address of {len(value)} octets", clause=clause)
    port, octets = int.from_bytes(value[2:4], "big"), value[4:]
    if hidden is not None:
        port, octets = port ^ COOKIE >> 16, _masked(octets, response.transaction)
    return str(ipaddress.ip_address(octets)), port


def error_code(response: Message) -> tuple[int, str]:
    """Number and reason of an error response. Raises MalformedMessageError: they are not there. RFC 8489 §14.8."""
    value = response.attribute(Kind.ERROR_CODE)
    if value is None or len(value) < 4:
        raise MalformedMessageError("no error code", clause="RFC 8489 §14.8")
    return (value[2] & 7) * 100 + value[3], value[4:].decode(errors="replace")


# Octets.

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
    octets = _HEADER.pack(_type(message), size, COOKIE, message.transaction) + body
    if fingerprint:
        octets += _attribute(Attribute(Kind.FINGERPRINT, _fingerprint(octets).to_bytes(4, "big")))
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
    kind = Class(first >> 7 & 2 | first >> 4 & 1)
    method = first & 0xF | first >> 1 & 0x70 | first >> 2 & 0xF80
    return Message(kind, transaction, _attributes(octets), method)


def _attributes(octets: bytes) -> tuple[Attribute, ...]:
    found: list[Attribute] = []
    at = HEADER_OCTETS
    while at < len(octets):
        kind, size = _ATTRIBUTE.unpack_from(octets, at)
        if at + 4 + size > len(octets):
            raise MalformedMessageError("attribute longer than the message", clause="RFC 8489 §14", offset=at + 2)
        value = octets[at + 4 : at + 4 + size]
        if kind == Kind.FINGERPRINT and value != _fingerprint(octets[:at]).to_bytes(4, "big"):
            raise MalformedMessageError("FINGERPRINT does not match", clause="RFC 8489 §14.7", offset=at)
        found.append(Attribute(kind, value))
        at += 4 + size + -size % 4
    return tuple(found)


def _attribute(one: Attribute) -> bytes:
    return _ATTRIBUTE.pack(one.kind, len(one.value)) + one.value + bytes(-len(one.value) % 4)


def _type(message: Message) -> int:
    """The class's two bits stand between the method's (RFC 8489 §5, figure 3): M11..M7 C1 M6..M4 C0 M3..M0."""
    method = message.method
    spread = method & 0xF | (method & 0x70) << 1 | (method & 0xF80) << 2
    return spread | (message.kind & 1) << 4 | (message.kind & 2) << 7


def _fingerprint(before: bytes) -> int:
    """CRC-32 of the message up to the attribute, whose length counts already in the header."""
    return zlib.crc32(before) ^ _FINGERPRINT_MASK


def _software(name: str) -> tuple[Attribute, ...]:
    return (Attribute(Kind.SOFTWARE, name.encode()),) if name else ()


def _packed(host: str) -> tuple[bytes, int]:
    try:
        octets = ipaddress.ip_address(host).packed
    except ValueError:
        raise LocalProtocolError(f"{host!r} is not an IP address") from None
    return octets, 1 if len(octets) == 4 else 2


def _masked(octets: bytes, transaction: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(octets, COOKIE.to_bytes(4, "big") + transaction, strict=False))


# A stream.

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
