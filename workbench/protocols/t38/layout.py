"""Where each field of a UDPTL packet and of the IFP packets inside lies (T.38 annex A). Never raises.

PER packs bits without regard to octets: fields that share an octet share a span, and its value says them all. What does
not decode is shown as such.
"""

from __future__ import annotations

from workbench.errors import MalformedMessageError
from workbench.protocols.layout import Row, Span
from workbench.protocols.t38 import ifp, t30, udptl
from workbench.protocols.t38.messages import FIELD_NAMES, FieldType, IfpPacket
from workbench.protocols.t38.per import BitReader

UNDECODED = "t38.undecoded"
"""The name of octets that no rule fits."""


def spans(octets: bytes, version: int | None = None) -> tuple[Span, ...]:
    """Lay out one UDPTL packet.

    Args:
        octets: of a datagram, or of a DTLS record once it is decrypted; whole or cut.
        version: T38FaxVersion; None: what fits the IFP packets in it (`ifp.version_of`), which may not be enough.

    Source: T.38 annex A, §9.
    """
    if not octets:
        return ()
    row = Row(octets, 0)
    try:
        packet = udptl.decode(octets)
    except MalformedMessageError:
        return (Span(UNDECODED, 0, len(octets)),)
    if version is None:
        version = ifp.version_of(packet.primary, *(one for one in packet.secondary if one))
    row.add("t38.udptl.sequence", 2)
    _ifp(row, packet.primary, version, "t38.udptl.primary")
    if packet.fec is None:
        row.add("t38.udptl.recovery", 1, "secondary packets")
        _length(row, "t38.udptl.count", len(packet.secondary))
        for back, secondary in enumerate(packet.secondary, 1):
            _ifp(row, secondary, version, "t38.udptl.secondary", f"packet {(packet.sequence - back) & 0xFFFF}: ")
        return (row.parent("t38.udptl", _title(packet.primary, version)),)
    row.add("t38.udptl.recovery", 1, "FEC")
    size = BitReader(octets, row.at).length()
    _length(row, "t38.udptl.fec_span_length", size)
    row.add("t38.udptl.fec_span", size, str(packet.fec.span))
    _length(row, "t38.udptl.count", len(packet.fec.entries))
    for number, entry in enumerate(packet.fec.entries):
        _length(row, "t38.udptl.length", len(entry))
        members = ", ".join(str(one & 0xFFFF) for one in packet.fec.members(packet.sequence, number))
        row.add("t38.udptl.fec_entry", len(entry), f"XOR of {members}" if packet.fec.span < 32 else "")
    return (row.parent("t38.udptl", _title(packet.primary, version)),)


def ifp_spans(octets: bytes, version: int | None = None) -> tuple[Span, ...]:
    """Lay out one IFP packet. Source: T.38 annex A."""
    used = ifp.version_of(octets) if version is None else version
    try:
        packet = ifp.decode(octets, 3 if used is None else used)
    except MalformedMessageError:
        return (Span(UNDECODED, 0, len(octets)),) if octets else ()
    row = Row(octets, 0)
    kind = packet.indicator if packet.indicator is not None else packet.data or 0
    root = 16 if packet.indicator is not None else 9
    row.add("t38.ifp.type", 1 if kind < root else 2, _type(packet))
    if packet.fields is not None:
        _length(row, "t38.ifp.field_count", len(packet.fields))
        _fields(row, packet, used == 0)
    return (row.parent("t38.ifp", str(packet)),)


def _title(primary: bytes, version: int | None) -> str:
    span = ifp_spans(primary, version)[0]
    return span.value or "UDPTL"


def _type(packet: IfpPacket) -> str:
    what = "indicator" if packet.indicator is not None else "data"
    with_fields = "" if packet.indicator is not None and packet.fields is None else (
        ", without fields" if packet.fields is None else ", with fields")
    name = str(packet) if packet.indicator is not None else str(packet).split(" ")[0]
    return f"{what} {name}{with_fields}"


def _ifp(row: Row, octets: bytes, version: int | None, name: str, before: str = "") -> None:
    """The length of an IFP packet, and the packet."""
    _length(row, "t38.udptl.length", len(octets))
    inside = tuple(span.moved(row.at) for span in ifp_spans(octets, version))
    if inside:
        row.spans.append(Span(name, row.at, row.at + len(octets), before + inside[0].value, inside))
        row.at += len(octets)


def _length(row: Row, name: str, count: int) -> None:
    row.add(name, 1 if row.octets[row.at] < 0x80 else 2, str(count))


def _fields(row: Row, packet: IfpPacket, old: bool) -> None:
    """The elements: bits of their types, which run on from one to the next, and octets behind a boundary."""
    started = 8 * row.at
    bits = started
    names: list[str] = []
    for field in packet.fields or ():
        extension = 0 if old else 1
        bits += 1 + extension + (7 if field.kind >= 8 else 3)
        names.append(FIELD_NAMES.get(field.kind, f"field type {field.kind}"))
        if field.octets is not None:
            row.add("t38.ifp.field_type", (bits + 7) // 8 - row.at, ", ".join(names))
            row.add("t38.ifp.field_length", 2, f"{len(field.octets) - 1}: {_octets(field.octets)}")
            _content(row, field.kind, field.octets)
            bits, names = 8 * row.at, []
    if names:
        row.add("t38.ifp.field_type", (bits + 7) // 8 - row.at, ", ".join(names))


def _content(row: Row, kind: int, octets: bytes) -> None:
    """What a field holds; the beginning of a T.30 frame is taken apart."""
    if kind == FieldType.HDLC_DATA and len(octets) >= 3 and (name := t30.frame_name(octets)):
        start = row.at
        inner = Row(row.octets, start)
        inner.add("t38.t30.address", 1, "")
        inner.add("t38.t30.control", 1, t30.CONTROLS[octets[1]])
        said = t30.MEANINGS.get(name.split("-")[0] if name.startswith("PPS") else name, "")
        inner.add("t38.t30.control_field", 1, f"{name} {said}".strip())
        inner.add("t38.t30.content", len(octets) - 3, t30.content_of(octets))
        row.spans.append(inner.parent("t38.t30.frame", name))
        row.at = inner.at
        return
    name = {FieldType.HDLC_DATA: "t38.ifp.hdlc_data", FieldType.T4_NON_ECM_DATA: "t38.ifp.t4_data",
            FieldType.T4_NON_ECM_SIG_END: "t38.ifp.t4_data"}.get(FieldType(kind), "") if kind in FIELD_NAMES else ""
    row.add(name or "t38.ifp.field_data", len(octets), _octets(octets))


def _octets(octets: bytes) -> str:
    return f"{len(octets)} octet" + ("s" if len(octets) != 1 else "")


