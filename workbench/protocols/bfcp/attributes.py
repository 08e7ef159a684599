"""BFCP attributes on the wire (RFC 8855 §5.2): a reader and a writer for each format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.errors import LocalProtocolError
from workbench.protocols.bfcp.header import UNIT, RefusedMessageError
from workbench.protocols.bfcp.messages import Attribute, Failure, Group, RequestStatus, Value
from workbench.protocols.bfcp.registry import FORMATS, Format, Kind, attribute_name

SUPPORTED_ATTRIBUTES = tuple(int(kind) for kind in Kind)
"""What a HelloAck of ours names."""

_MAX_DEPTH = 8
_PADDING = (b"", b"\0", b"\0\0", b"\0\0\0")


def decode_attributes(octets: bytes, at: int, end: int, depth: int = 1) -> tuple[Attribute, ...]:
    """The attributes between two places, inside `depth - 1` groups. The last one's padding has to be there too.

    Raises:
        RefusedMessageError: one does not decode; its offset counts from the first of `octets`.

    Source: RFC 8855 §5.2.
    """
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
        value = _READER_OF[kind](kind, octets, at + 2, at + size, depth)
        found.append(Attribute(kind, value, first & 1 == 1))
        at = after
    return tuple(found)


# Readers of values: kind, octets, first octet of the value, one past its last, how many groups it is inside

def _number(kind: int, octets: bytes, at: int, end: int, depth: int) -> int:
    if end - at != 2:
        raise _wrong_size(kind, at, end)
    return octets[at] << 8 | octets[at + 1]


def _priority(kind: int, octets: bytes, at: int, end: int, depth: int) -> int:
    if end - at != 2:
        raise _wrong_size(kind, at, end)
    return octets[at] >> 5


def _status(kind: int, octets: bytes, at: int, end: int, depth: int) -> RequestStatus:
    if end - at != 2:
        raise _wrong_size(kind, at, end)
    return RequestStatus(octets[at], octets[at + 1])


def _failure(kind: int, octets: bytes, at: int, end: int, depth: int) -> Failure:
    if at == end:
        raise _empty(kind, at)
    return Failure(octets[at], octets[at + 1 : end])


def _text(kind: int, octets: bytes, at: int, end: int, depth: int) -> str:
    try:
        return octets[at:end].decode()
    except UnicodeDecodeError as error:
        raise RefusedMessageError(
            f"{attribute_name(kind)} is not UTF-8", clause=_clause(kind), offset=at + error.start) from None


def _kinds(kind: int, octets: bytes, at: int, end: int, depth: int) -> tuple[int, ...]:
    return tuple([octet >> 1 for octet in octets[at:end]])


def _codes(kind: int, octets: bytes, at: int, end: int, depth: int) -> tuple[int, ...]:
    return tuple(octets[at:end])


def _opaque(kind: int, octets: bytes, at: int, end: int, depth: int) -> bytes:
    return octets[at:end]


def _group(kind: int, octets: bytes, at: int, end: int, depth: int) -> Group:
    if end - at < 2:
        raise _empty(kind, at)
    if depth > _MAX_DEPTH:
        raise RefusedMessageError(f"{depth} groups inside one another", clause="RFC 8855 §5.2", offset=at)
    return Group(octets[at] << 8 | octets[at + 1], decode_attributes(octets, at + 2, end, depth + 1))


def _wrong_size(kind: int, at: int, end: int) -> RefusedMessageError:
    return RefusedMessageError(
        f"{attribute_name(kind)} with {end - at} octets of value, not 2", clause=_clause(kind), offset=at - 1)


def _empty(kind: int, at: int) -> RefusedMessageError:
    return RefusedMessageError(f"{attribute_name(kind)} without its number", clause=_clause(kind), offset=at - 1)


def _clause(kind: int) -> str:
    return f"RFC 8855 §5.2.{kind}"


_READERS: dict[Format, Callable[[int, bytes, int, int, int], Value]] = {
    Format.UNSIGNED_16: _number, Format.PRIORITY: _priority, Format.STATUS: _status, Format.ERROR: _failure,
    Format.TEXT: _text, Format.ATTRIBUTES: _kinds, Format.PRIMITIVES: _codes, Format.GROUPED: _group,
    Format.OPAQUE: _opaque,
}
_READER_OF = [_READERS[FORMATS.get(kind, Format.OPAQUE)] for kind in range(128)]


# Writers of values. Each gives the octets, or raises what Python raises for a value of another type or size.

def _write_number(value: Any) -> bytes:
    return int.to_bytes(value, 2, "big")


def _write_priority(value: Any) -> bytes:
    return bytes((value << 5, 0))


def _write_status(value: Any) -> bytes:
    return bytes((value.status, value.position))


def _write_failure(value: Any) -> bytes:
    return b"".join((bytes((value.code,)), value.details))


def _write_kinds(value: Any) -> bytes:
    return bytes([kind << 1 for kind in value])


def _write_group(value: Any) -> bytes:
    inner = b"".join([encode_attribute(one) for one in value.attributes])
    return int.to_bytes(value.number, 2, "big") + inner


_WRITERS: dict[Format, tuple[type, Callable[[Any], bytes]]] = {
    Format.UNSIGNED_16: (int, _write_number), Format.PRIORITY: (int, _write_priority),
    Format.STATUS: (RequestStatus, _write_status), Format.ERROR: (Failure, _write_failure),
    Format.TEXT: (str, str.encode), Format.ATTRIBUTES: (tuple, _write_kinds), Format.PRIMITIVES: (tuple, bytes),
    Format.GROUPED: (Group, _write_group), Format.OPAQUE: (bytes, bytes),
}
_WRITER_OF = [_WRITERS[FORMATS.get(kind, Format.OPAQUE)] for kind in range(128)]


def encode_attribute(one: Attribute) -> bytes:
    """The octets of an attribute with its padding. Raises LocalProtocolError: its value does not go into it."""
    if not 0 <= one.kind < 128:
        raise LocalProtocolError(f"BFCP attribute {one.kind}; the type has 7 bits")
    wanted, write = _WRITER_OF[one.kind]
    try:
        value = write(one.value) if isinstance(one.value, wanted) else None
    except (OverflowError, ValueError, TypeError):   # a number that its field has no room for; said below
        value = None
    if value is None:
        raise LocalProtocolError(f"{attribute_name(one.kind)} can't hold {type(one.value).__name__} {one.value!r}")
    size = 2 + len(value)
    if size > 255:
        raise LocalProtocolError(f"{attribute_name(one.kind)} of {size} octets; 255 is the most")
    return bytes((one.kind << 1 | one.mandatory, size)) + value + _PADDING[-size % UNIT]
