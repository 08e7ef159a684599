"""UDPTL packets on the wire (T.38 §9, annex A): octets to values and back. Nothing here keeps state."""

from __future__ import annotations

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.t38.messages import Fec, UdptlPacket
from workbench.protocols.t38.per import BitReader, BitWriter

MOST_ENTRIES = 255
"""The most secondary packets or FEC entries that are read."""
MOST_SPAN = 255
"""The widest FEC span that is read."""


def decode(octets: bytes) -> UdptlPacket:
    """Read what fills a datagram, or a DTLS record: exactly one UDPTL packet.

    Raises:
        MalformedMessageError: cut short, a primary packet of no octets, or octets behind the end.

    Source: T.38 annex A, X.691.
    """
    reader = BitReader(octets)
    sequence = int.from_bytes(reader.take(2), "big")
    primary = reader.take(reader.length())
    if not primary:
        raise MalformedMessageError("a primary packet of no octets", clause="T.38 §9", offset=2)
    fec: Fec | None = None
    secondary: tuple[bytes, ...] = ()
    if reader.bits(1):
        span = reader.integer()
        if not 0 <= span <= MOST_SPAN:
            raise MalformedMessageError(f"FEC span {span}", clause="T.38 annex C", offset=reader.octet - 1)
        fec = Fec(span, _list(reader))
    else:
        secondary = _list(reader)
    reader.finish()
    return UdptlPacket(sequence, primary, secondary, fec)


def encode(packet: UdptlPacket) -> bytes:
    """The octets of a UDPTL packet.

    Raises:
        LocalProtocolError: a sequence number beyond 16 bits, a primary packet of no octets, secondary packets and FEC
            at once, or more than has room.

    Source: T.38 annex A, X.691.
    """
    if not 0 <= packet.sequence <= 0xFFFF or not packet.primary or (packet.secondary and packet.fec is not None):
        raise LocalProtocolError("not a UDPTL packet: 16 bits of sequence, a primary packet, one kind of correction")
    writer = BitWriter()
    writer.put(packet.sequence.to_bytes(2, "big"))
    writer.length(len(packet.primary))
    writer.put(packet.primary)
    writer.bits(packet.fec is not None, 1)
    if packet.fec is not None:
        if not 0 <= packet.fec.span <= MOST_SPAN:
            raise LocalProtocolError(f"FEC span {packet.fec.span}")
        writer.integer(packet.fec.span)
    entries = packet.secondary if packet.fec is None else packet.fec.entries
    if len(entries) > MOST_ENTRIES:
        raise LocalProtocolError(f"{len(entries)} entries in a UDPTL packet")
    writer.length(len(entries))
    for entry in entries:
        writer.length(len(entry))
        writer.put(entry)
    return writer.octets()


def size_with(primary: int, entries: list[bytes], fec: bool) -> int:
    """Octets of a packet with a primary of this size and these entries (span below 128)."""
    def piece(size: int) -> int:
        return size + (1 if size < 0x80 else 2)

    count = 1 if len(entries) < 0x80 else 2
    return 2 + piece(primary) + 1 + 2 * fec + count + sum(piece(len(entry)) for entry in entries)


def xor(pieces: list[bytes]) -> bytes:
    """The XOR of octets, each filled up with zeros to the longest."""
    size = max(map(len, pieces), default=0)
    total = 0
    for piece in pieces:
        total ^= int.from_bytes(piece, "big") << 8 * (size - len(piece))
    return total.to_bytes(size, "big")


def _list(reader: BitReader) -> tuple[bytes, ...]:
    count = reader.length()
    if count > MOST_ENTRIES:
        raise MalformedMessageError(
            f"{count} entries; {MOST_ENTRIES} are read", clause="T.38 §9", offset=reader.octet - 1)
    return tuple([reader.take(reader.length()) for _ in range(count)])
