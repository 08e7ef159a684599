"""Where each field of an SCTP packet lies: the common header, and every chunk with its own fields.

Source: RFC 9260 §3; RFC 3758 (FORWARD TSN), RFC 4895, RFC 5061 and RFC 6525 for names of parameters.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.net import sctp
from workbench.net.packets import unpack_address
from workbench.net.sctp import CHUNK_OCTETS, HEADER_OCTETS, checksum_of, chunk_name, payload_name
from workbench.protocols.layout import Row, Span

_PARAMETERS = {
    1: "heartbeat information", 5: "IPv4 address", 6: "IPv6 address", 7: "state cookie", 8: "unrecognized parameter",
    9: "cookie preservative", 11: "host name address", 12: "supported address types", 13: "outgoing SSN reset request",
    14: "incoming SSN reset request", 16: "re-configuration response", 0x8000: "ECN capable", 0x8002: "random",
    0x8003: "chunk list", 0x8004: "requested HMAC algorithm", 0x8005: "padding", 0x8008: "supported extensions",
    0xC000: "forward TSN supported", 0xC001: "add IP address", 0xC002: "delete IP address", 0xC003: "error cause",
    0xC004: "set primary address", 0xC005: "success", 0xC006: "adaptation layer",
}
_CAUSES = {
    1: "invalid stream identifier", 2: "missing mandatory parameter", 3: "stale cookie", 4: "out of resource",
    5: "unresolvable address", 6: "unrecognized chunk type", 7: "invalid mandatory parameter",
    8: "unrecognized parameters", 9: "no user data", 10: "cookie received while shutting down",
    11: "restart with new addresses", 12: "user-initiated abort", 13: "protocol violation",
}
_ADDRESSES = {5: 4, 6: 16}
_MOST_PARTS = 1024


def spans(octets: bytes, start: int, *, whole: bool = True) -> list[Span]:
    """Lay out the SCTP packet from `start` to the end: `sctp`, then one `sctp.chunk` each. Never raises.

    `whole`: the capture has all of the packet, so that its checksum can be judged.
    """
    if len(octets) - start < HEADER_OCTETS:
        return _rest(octets, start, len(octets), "sctp.undecoded", "header cut short [RFC 9260 §3.1]")
    row = Row(octets, start)
    ports = f"{row.number(2)} to {int.from_bytes(octets[start + 2 : start + 4], 'big')}"
    row.add("sctp.source_port", 2)
    row.add("sctp.destination_port", 2)
    row.add("sctp.tag", 4, f"0x{row.number(4):08x}")
    given = octets[row.at : row.at + 4]
    told = "not checked: the packet is cut short"
    if whole:
        told = "right" if checksum_of(octets[start:]) == given else "wrong"
    row.add("sctp.checksum", 4, f"0x{given.hex()} {told}")
    found = [row.parent("sctp", ports)]
    at = row.at
    while at < len(octets):
        size = int.from_bytes(octets[at + 2 : at + 4], "big")
        fits = len(octets) - at >= CHUNK_OCTETS and size >= CHUNK_OCTETS and at + size <= len(octets)
        if not fits or len(found) > _MOST_PARTS:
            return found + _rest(octets, at, len(octets), "sctp.undecoded", "no chunk that fits [RFC 9260 §3.2]")
        end = min(at + size + -size % 4, len(octets))
        found.append(_chunk(octets, at, at + size, end))
        at = end
    return found


def _chunk(octets: bytes, start: int, end: int, padded: int) -> Span:
    """The chunk whose length ends it at `end`, and its padding up to `padded`."""
    row = Row(octets[:end], start)
    kind, flags = octets[start], octets[start + 1]
    name = chunk_name(kind)
    row.add("sctp.chunk.type", 1, f"{kind} {name}" if kind in sctp.CHUNKS else str(kind))
    row.add("sctp.chunk.flags", 1, _flags(kind, flags))
    row.add("sctp.chunk.length", 2, f"{end - start} octets")
    title = _BODIES.get(kind, _other)(row, end)
    if row.at < end:
        row.add("sctp.chunk.value", end - row.at, "")
    row.octets = octets
    row.add("sctp.chunk.padding", padded - end, f"{padded - end} octets")
    return row.parent("sctp.chunk", f"{name} {title}".strip())


def _flags(kind: int, flags: int) -> str:
    if kind == sctp.DATA:
        told = [word for bit, word in ((8, "at once"), (4, "unordered"), (2, "begins"), (1, "ends")) if flags & bit]
        return f"0x{flags:02x} {', '.join(told) or 'a part from the middle'}"
    if kind in (sctp.ABORT, sctp.SHUTDOWN_COMPLETE):
        return f"0x{flags:02x} {'tag reflected' if flags & 1 else 'own tag'}"
    return f"0x{flags:02x}"


def _data(row: Row, end: int) -> str:
    if end - row.at < 12:
        return ""
    tsn = row.number(4)
    row.add("sctp.data.tsn", 4)
    row.add("sctp.data.stream", 2)
    row.add("sctp.data.sequence", 2)
    kind = payload_name(row.number(4))
    row.add("sctp.data.payload_protocol", 4, kind)
    row.add("sctp.payload", end - row.at, "")
    return f"TSN {tsn}, payload {kind}"


def _init(row: Row, end: int) -> str:
    if end - row.at < 16:
        return ""
    tag = row.number(4)
    row.add("sctp.init.tag", 4, f"0x{tag:08x}")
    row.add("sctp.init.window", 4, f"{row.number(4)} octets")
    row.add("sctp.init.outbound", 2)
    row.add("sctp.init.inbound", 2)
    row.add("sctp.init.tsn", 4)
    _parameters(row, end)
    return f"tag 0x{tag:08x}"


def _sack(row: Row, end: int) -> str:
    if end - row.at < 12:
        return ""
    tsn = row.number(4)
    row.add("sctp.sack.tsn", 4)
    row.add("sctp.sack.window", 4, f"{row.number(4)} octets")
    gaps, again = row.number(2), row.number(4) & 0xFFFF
    row.add("sctp.sack.gaps", 2)
    row.add("sctp.sack.duplicates", 2)
    for _ in range(min(gaps, _MOST_PARTS)):
        if end - row.at < 4:
            break
        first, last = row.number(2), row.number(4) & 0xFFFF
        row.add("sctp.sack.gap", 4, f"TSN {tsn + first & 0xFFFFFFFF} to {tsn + last & 0xFFFFFFFF}")
    for _ in range(min(again, _MOST_PARTS)):
        if end - row.at < 4:
            break
        row.add("sctp.sack.duplicate", 4)
    return f"up to TSN {tsn}"


def _shutdown(row: Row, end: int) -> str:
    row.add("sctp.sack.tsn", 4 if end - row.at >= 4 else 0)
    return ""


def _heartbeat(row: Row, end: int) -> str:
    _parameters(row, end)
    return ""


def _errors(row: Row, end: int) -> str:
    return _pieces(row, end, "sctp.cause", _CAUSES)


def _cookie(row: Row, end: int) -> str:
    row.add("sctp.cookie", end - row.at, "")
    return ""


def _forward(row: Row, end: int) -> str:
    if end - row.at < 4:
        return ""
    tsn = row.number(4)
    row.add("sctp.forward.tsn", 4)
    while end - row.at >= 4 and len(row.spans) < _MOST_PARTS:
        row.add("sctp.forward.stream", 4, f"stream {row.number(2)} up to {row.number(4) & 0xFFFF}")
    return f"to TSN {tsn}"


def _address_change(row: Row, end: int) -> str:
    row.add("sctp.asconf.serial", 4 if end - row.at >= 4 else 0)
    _parameters(row, end)
    return ""


def _padding(row: Row, end: int) -> str:
    row.add("sctp.chunk.padding", end - row.at, f"{end - row.at} octets")
    return ""


def _other(row: Row, end: int) -> str:
    return ""


def _parameters(row: Row, end: int) -> None:
    _pieces(row, end, "sctp.parameter", _PARAMETERS)


def _pieces(row: Row, end: int, name: str, names: dict[int, str]) -> str:
    """Parameters or error causes: type, length, value, padding (RFC 9260 §3.2.1). Returns the name of the first."""
    first = ""
    octets = row.octets
    while end - row.at >= 4 and len(row.spans) < _MOST_PARTS:
        kind, size = row.number(2), row.number(4) & 0xFFFF
        if size < 4 or row.at + size > end:
            break
        title = names.get(kind, f"type {kind}")
        first = first or title
        part = Row(octets, row.at)
        part.add(f"{name}.type", 2, f"{kind} {title}" if kind in names else str(kind))
        part.add(f"{name}.length", 2, f"{size} octets")
        value = octets[part.at : part.at + size - 4]
        text = unpack_address(value) if name == "sctp.parameter" and len(value) == _ADDRESSES.get(kind) else ""
        part.add(f"{name}.value", size - 4, text)
        padding = min(-size % 4, end - part.at)
        part.add(f"{name}.padding", padding, f"{padding} octets")
        row.spans.append(part.parent(name, f"{title} {text}".strip()))
        row.at = part.at
    return first


_BODIES: dict[int, Callable[[Row, int], str]] = {
    sctp.DATA: _data, sctp.INIT: _init, sctp.INIT_ACK: _init, sctp.SACK: _sack, sctp.HEARTBEAT: _heartbeat,
    sctp.HEARTBEAT_ACK: _heartbeat, sctp.ABORT: _errors, sctp.ERROR: _errors, sctp.SHUTDOWN: _shutdown,
    sctp.COOKIE_ECHO: _cookie, 0x80: _address_change, 0xC1: _address_change, 0x82: _heartbeat, 0xC0: _forward,
    0x84: _padding,
}


def _rest(octets: bytes, at: int, end: int, name: str, value: str = "") -> list[Span]:
    return [Span(name, at, end, value)] if at < end else []
