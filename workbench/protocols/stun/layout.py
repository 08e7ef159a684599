"""Where each field of a STUN message lies (RFC 8489 §5, §14). Never raises: what does not decode is shown as such."""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.protocols.layout import Row, Span
from workbench.protocols.stun import wire
from workbench.protocols.stun.messages import (
    BINDING,
    COOKIE,
    HEADER_OCTETS,
    Attribute,
    Class,
    Kind,
    Message,
    class_of,
    mapped_address,
    method_of,
)

UNDECODED = "stun.undecoded"
"""The name of octets that no rule fits."""

_CLASSES = {Class.REQUEST: "request", Class.INDICATION: "indication", Class.SUCCESS: "success response",
            Class.ERROR: "error response"}
_NAMES = {kind: kind.name.replace("_", "-") for kind in Kind}
_FAMILIES = {1: "IPv4", 2: "IPv6"}


def spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out messages that stand one behind the other; the last may be cut short."""
    found: list[Span] = []
    at = 0
    while at < len(octets):
        rest = octets[at:]
        if len(rest) < HEADER_OCTETS or not wire.looks_like_stun(rest):
            found.append(Span(UNDECODED, at, len(octets)))
            break
        message = _message(rest[: HEADER_OCTETS + int.from_bytes(rest[2:4], "big")])
        found.append(message.moved(at))
        at = found[-1].end
    return tuple(found)


def _message(octets: bytes) -> Span:
    row = Row(octets, 0)
    kind = row.number(2)
    what = f"{'Binding' if method_of(kind) == BINDING else f'method {method_of(kind)}'} {_CLASSES[class_of(kind)]}"
    row.add("stun.type", 2, f"{kind:#06x} {what}")
    row.add("stun.length", 2)
    row.add("stun.cookie", 4, f"{COOKIE:#010x}")
    row.add("stun.transaction", 12, octets[8:HEADER_OCTETS].hex())
    while row.at < len(octets):
        size = int.from_bytes(octets[row.at + 2 : row.at + 4], "big")
        if row.at + 4 + size > len(octets):
            row.add(UNDECODED, len(octets) - row.at, "")
            break
        attribute = _attribute(octets, row.at, size)
        row.spans.append(attribute)
        row.at = attribute.end
    return row.parent("stun", what)


def _attribute(octets: bytes, start: int, size: int) -> Span:
    row = Row(octets, start)
    kind = row.number(2)
    name = _NAMES.get(Kind(kind), "") if kind in _NAMES else ""
    row.add("stun.attribute.type", 2, f"{kind:#06x} {name}".strip())
    row.add("stun.attribute.length", 2)
    _value(row, kind, size)
    row.add("stun.attribute.padding", min(-size % 4, len(octets) - row.at), "")
    return row.parent("stun.attribute", name or f"{kind:#06x}")


def _value(row: Row, kind: int, size: int) -> None:
    value = row.octets[row.at : row.at + size]
    match kind:
        case Kind.MAPPED_ADDRESS | Kind.XOR_MAPPED_ADDRESS if size in (8, 20):
            _address(row, kind, value)
        case Kind.ERROR_CODE if size >= 4:
            row.add("stun.error.reserved", 2)
            row.add("stun.error.class", 1, str(value[2] & 7))
            row.add("stun.error.number", 1)
            row.add("stun.error.reason", size - 4, value[4:].decode(errors="replace"))
        case Kind.UNKNOWN_ATTRIBUTES if not size % 2:
            for _ in range(size // 2):
                row.add("stun.unknown_type", 2, f"{row.number(2):#06x}")
        case Kind.SOFTWARE:
            row.add("stun.software", size, value.decode(errors="replace"))
        case Kind.FINGERPRINT if size == 4:
            right = wire.fingerprint_of(row.octets[: row.at - 4]).to_bytes(4, "big") == value
            row.add("stun.fingerprint", 4, f"{value.hex()}, {'matches' if right else 'does not match'}")
        case _:
            row.add("stun.value", size, "")


def _address(row: Row, kind: int, value: bytes) -> None:
    """Family, port and address; hidden ones with what they say once the cookie is taken out again."""
    hidden = "xor_" if kind == Kind.XOR_MAPPED_ADDRESS else ""
    message = Message(Class.SUCCESS, row.octets[8:HEADER_OCTETS], (Attribute(kind, value),))
    try:
        host, port = mapped_address(message)
    except PeerError:
        row.add(UNDECODED, len(value), "")
        return
    row.add("stun.address.reserved", 1)
    row.add("stun.address.family", 1, f"{value[1]} {_FAMILIES[value[1]]}")
    row.add(f"stun.address.{hidden}port", 2, str(port))
    row.add(f"stun.address.{hidden}host", len(value) - 4, host)
