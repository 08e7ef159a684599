"""Where each field of a BFCP message lies (RFC 8855 §5). Never raises: what does not decode is shown as such.

Bits of one octet share a span; its value says them all, most significant first.
"""

from __future__ import annotations

from workbench.protocols.bfcp.messages import RELIABLE, UNRELIABLE
from workbench.protocols.bfcp.registry import (
    ERROR_NAMES,
    FORMATS,
    ErrorCode,
    Format,
    attribute_name,
    primitive_name,
    priority_of,
    status_name,
)
from workbench.protocols.bfcp.wire import FRAGMENT_OCTETS, HEADER_OCTETS, UNIT
from workbench.protocols.layout import Row, Span

UNDECODED = "bfcp.undecoded"
"""The name of octets that no rule fits."""

_GROUP_NUMBERS = {14: "bfcp.user_id", 15: "bfcp.floor_request_id", 16: "bfcp.user_id", 17: "bfcp.floor_id",
                  18: "bfcp.floor_request_id"}
_NUMBERS = {1: "bfcp.user_id", 2: "bfcp.floor_id", 3: "bfcp.floor_request_id"}
_TEXTS = {7: "bfcp.error_info", 8: "bfcp.participant_provided_info", 9: "bfcp.status_info",
          12: "bfcp.user_display_name", 13: "bfcp.user_uri"}
_MAX_DEPTH = 8


def spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out messages that stand one behind the other; the last may be cut short.

    A fragment is laid out up to its payload: where its attributes begin and end, only the whole message tells.

    Source: RFC 8855 §5.
    """
    found: list[Span] = []
    at = 0
    while at < len(octets):
        message = _message(octets, at)
        found.append(message)
        at = message.end
    return tuple(found)


def _message(octets: bytes, start: int) -> Span:
    row = Row(octets, start)
    version = octets[start] >> 5
    if len(octets) - start < HEADER_OCTETS or version not in (RELIABLE, UNRELIABLE):
        return Span(UNDECODED, start, len(octets))
    fragment = version == UNRELIABLE and bool(octets[start] & 8)
    if fragment and len(octets) - start < HEADER_OCTETS + FRAGMENT_OCTETS:
        return Span(UNDECODED, start, len(octets))
    what = primitive_name(octets[start + 1])
    size = UNIT * int.from_bytes(octets[start + 2 : start + 4], "big")
    row.add("bfcp.flags", 1, _flags(octets[start]))
    row.add("bfcp.primitive", 1, f"{octets[start + 1]} {what}")
    row.add("bfcp.payload_length", 2, f"{size // UNIT} words, {size} octets")
    row.add("bfcp.conference_id", 4)
    row.add("bfcp.transaction_id", 2)
    row.add("bfcp.user_id", 2)
    if fragment:
        offset, length = row.number(2), int.from_bytes(octets[row.at + 2 : row.at + 4], "big")
        row.add("bfcp.fragment_offset", 2, f"{offset} words, {UNIT * offset} octets")
        row.add("bfcp.fragment_length", 2, f"{length} words, {UNIT * length} octets")
        row.add("bfcp.fragment", min(UNIT * length, len(octets) - row.at), "")
        return row.parent("bfcp", f"{what}, fragment")
    _attributes(row, min(row.at + size, len(octets)), 1)
    return row.parent("bfcp", what)


def _flags(octet: int) -> str:
    version = octet >> 5
    if version == RELIABLE:
        return "version 1"
    bits = ("R" if octet & 0x10 else "", "F" if octet & 8 else "")
    return " ".join(filter(None, ("version 2", *bits)))


def _attributes(row: Row, end: int, depth: int) -> None:
    """Attributes up to `end`; the rest as undecoded from the first one that does not fit."""
    while row.at < end:
        size = row.octets[row.at + 1] if end - row.at >= 2 else 0
        if size < 2 or row.at + size > end:
            row.add(UNDECODED, end - row.at, "")
            return
        attribute = _attribute(row.octets, row.at, size, end, depth)
        row.spans.append(attribute)
        row.at = attribute.end


def _attribute(octets: bytes, start: int, size: int, end: int, depth: int) -> Span:
    row = Row(octets, start)
    kind = octets[start] >> 1
    name = attribute_name(kind)
    row.add("bfcp.attribute.type", 1, f"{kind} {name}, M={octets[start] & 1}")
    row.add("bfcp.attribute.length", 1)
    _value(row, kind, start + size, depth)
    row.add("bfcp.attribute.padding", min(-size % UNIT, end - row.at), "")
    return row.parent(f"bfcp.attribute.{kind}" if kind in FORMATS else "bfcp.attribute", name)


def _value(row: Row, kind: int, end: int, depth: int) -> None:
    size = end - row.at
    value = row.octets[row.at : end]
    match FORMATS.get(kind, Format.OPAQUE):
        case Format.UNSIGNED_16 if size == 2:
            row.add(_NUMBERS[kind], 2)
        case Format.PRIORITY if size == 2:
            row.add("bfcp.priority", 2, f"{value[0] >> 5} {priority_of(value[0] >> 5).name.lower()}")
        case Format.STATUS if size == 2:
            row.add("bfcp.request_status", 1, f"{value[0]} {status_name(value[0])}")
            row.add("bfcp.queue_position", 1)
        case Format.ERROR if size >= 1:
            _error(row, value)
        case Format.TEXT:
            row.add(_TEXTS[kind], size, value.decode(errors="replace"))
        case Format.ATTRIBUTES:
            for octet in value:
                row.add("bfcp.supported_attribute", 1, f"{octet >> 1} {attribute_name(octet >> 1)}")
        case Format.PRIMITIVES:
            for octet in value:
                row.add("bfcp.supported_primitive", 1, f"{octet} {primitive_name(octet)}")
        case Format.GROUPED if size >= 2 and depth <= _MAX_DEPTH:
            row.add(_GROUP_NUMBERS[kind], 2)
            _attributes(row, end, depth + 1)
        case Format.OPAQUE:
            row.add("bfcp.attribute.value", size, "")
        case _:
            row.add(UNDECODED, size, "")


def _error(row: Row, value: bytes) -> None:
    row.add("bfcp.error_code", 1, f"{value[0]} {ERROR_NAMES.get(value[0], 'error')}")
    if value[0] != ErrorCode.UNKNOWN_MANDATORY_ATTRIBUTE:
        row.add("bfcp.error_details", len(value) - 1, value[1:].hex())
        return
    for octet in value[1:]:
        row.add("bfcp.unknown_attribute", 1, f"{octet >> 1} {attribute_name(octet >> 1)}")
