"""STUN messages as values, and what is said with them. Attributes that nobody here knows stay octets.

Source: RFC 8489 (§5 header, §14 attributes).
"""

from __future__ import annotations

import enum
import ipaddress
import struct

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError

PORT = 3478
BINDING = 0x001
HEADER_OCTETS = 20
TRANSACTION_OCTETS = 12
COOKIE = 0x2112A442

Address = tuple[str, int]
"""A transport address: an IP address in canonical text form, and a port."""

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


def class_of(kind: int) -> Class:
    """The class in a type field: its two bits stand between the method's (RFC 8489 §5, figure 3)."""
    return Class(kind >> 7 & 2 | kind >> 4 & 1)


def method_of(kind: int) -> int:
    """The method in a type field: M11..M7 C1 M6..M4 C0 M3..M0."""
    return kind & 0xF | kind >> 1 & 0x70 | kind >> 2 & 0xF80


def type_of(message: Message) -> int:
    """The type field of a message."""
    method = message.method
    spread = method & 0xF | (method & 0x70) << 1 | (method & 0xF80) << 2
    return spread | (message.kind & 1) << 4 | (message.kind & 2) << 7
