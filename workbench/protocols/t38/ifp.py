"""IFP packets in aligned PER (T.38 §7, annex A): octets to values and back. Nothing here keeps state.

T.38 version 0 (1998) has another field-type than the later ones: no extension bit, so everything behind it lies
elsewhere. a=T38FaxVersion says which one is used; `version_of` finds out where nobody said it.
"""

from __future__ import annotations

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.t38.messages import (
    DATA_ROOT,
    FIELD_ROOT,
    INDICATOR_ROOT,
    Field,
    IfpPacket,
)
from workbench.protocols.t38.per import BitReader, BitWriter

VERSIONS = (0, 1, 2, 3)
"""T38FaxVersion: 0 is the 1998 module, 1 its correction, 2 the 2002 module, 3 has V.34."""
MOST_FIELD_OCTETS = 65_535
MOST_FIELDS = 1024
"""The most elements of a data field that are read; a fax sender never needs more than a few."""

_INDICATOR_BITS, _DATA_BITS, _FIELD_BITS = 4, 4, 3


def decode(octets: bytes, version: int = 3, *, rebuilt: bool = False, wide: bool = False) -> IfpPacket:
    """Read exactly one IFP packet.

    Args:
        octets: the packet.
        version: T38FaxVersion.
        rebuilt: FEC has made it, so zeros may stand behind it (T.38 annex C).
        wide: extension field types have 8 bits in place of 7, as one common library writes them.

    Raises:
        MalformedMessageError: cut short, a value that is none, or octets behind the end.

    Source: T.38 annex A, X.691.
    """
    reader = BitReader(octets)
    has_fields, is_data = reader.bits(1), reader.bits(1)
    root, bits = (DATA_ROOT, _DATA_BITS) if is_data else (INDICATOR_ROOT, _INDICATOR_BITS)
    kind = reader.enumerated(root, bits)
    fields = _fields(reader, version, wide) if has_fields else None
    reader.finish(zeros=rebuilt)
    return IfpPacket(None if is_data else kind, kind if is_data else None, fields)


def encode(packet: IfpPacket, version: int = 3, *, wide: bool = False) -> bytes:
    """The octets of an IFP packet.

    Raises:
        LocalProtocolError: neither indicator nor data or both, a value that the version's layout has no room for, a
            field of no octets or of more than 65535. Values behind the root are written in every version, as they are
            read in every one; only version 3 means something by them.

    Source: T.38 annex A, X.691.
    """
    if (packet.indicator is None) == (packet.data is None):
        raise LocalProtocolError("an IFP packet is an indicator or data")
    is_data = packet.data is not None
    kind = packet.data if packet.data is not None else packet.indicator or 0
    root, bits = (DATA_ROOT, _DATA_BITS) if is_data else (INDICATOR_ROOT, _INDICATOR_BITS)
    if version not in VERSIONS or kind < 0:
        raise LocalProtocolError(f"T.38 version {version} has no value {kind}")
    writer = BitWriter()
    writer.bits(packet.fields is not None, 1)
    writer.bits(is_data, 1)
    writer.enumerated(kind, root, bits)
    if packet.fields is not None:
        writer.length(len(packet.fields))
        for field in packet.fields:
            _write_field(writer, field, version, wide)
    return writer.octets()


def version_of(*packets: bytes) -> int | None:
    """A version in which all of these are IFP packets: 3 where every one would do, 0, or None for neither.

    One packet alone often reads in both ways. Over a call it shows: a frame's end without octets (`c0 01 40` in
    version 0) is cut short in the others, and where octets follow, their length lies elsewhere.
    """
    for version in (3, 0):
        try:
            for octets in packets:
                decode(octets, version)
        except MalformedMessageError:
            continue
        return version
    return None


def _fields(reader: BitReader, version: int, wide: bool) -> tuple[Field, ...]:
    count = reader.length()
    if count > MOST_FIELDS:
        raise MalformedMessageError(f"{count} fields; {MOST_FIELDS} are read", clause="T.38 §7", offset=reader.octet)
    return tuple([_field(reader, version, wide) for _ in range(count)])


def _field(reader: BitReader, version: int, wide: bool) -> Field:
    has_octets = reader.bits(1)
    if version == 0:
        kind = reader.bits(_FIELD_BITS)
    elif wide and reader.bits(1):
        kind = FIELD_ROOT + reader.small(7)
    elif wide:
        kind = reader.bits(_FIELD_BITS)
    else:
        kind = reader.enumerated(FIELD_ROOT, _FIELD_BITS)
    if not has_octets:
        return Field(kind)
    reader.align()
    return Field(kind, reader.take(reader.bits(16) + 1))


def _write_field(writer: BitWriter, field: Field, version: int, wide: bool) -> None:
    if field.kind < 0 or (version == 0 and field.kind >= FIELD_ROOT):
        raise LocalProtocolError(f"T.38 version {version} has no field type {field.kind}")
    writer.bits(field.octets is not None, 1)
    if version == 0:
        writer.bits(field.kind, _FIELD_BITS)
    elif wide and field.kind >= FIELD_ROOT:
        writer.bits(1, 1)
        writer.small(field.kind - FIELD_ROOT, 7)
    else:
        writer.enumerated(field.kind, FIELD_ROOT, _FIELD_BITS)
    if field.octets is not None:
        if not 1 <= len(field.octets) <= MOST_FIELD_OCTETS:
            raise LocalProtocolError(f"a T.38 field of {len(field.octets)} octets")
        writer.put((len(field.octets) - 1).to_bytes(2, "big") + field.octets)
