"""SCTP packets: octets to values and back, and the CRC32c that guards them.

Nothing here keeps state: what belongs together (an association, the fragments of a message) is for others to find. A
wrong checksum is a fact (`checksum_ok`), as in `net.packets`; chunks behind a broken one can't be found, and `broken`
says why.

Source: RFC 9260 §3 (packets and chunks), Appendix A (CRC32c).
"""

from __future__ import annotations

import struct
from functools import lru_cache

import msgspec

from workbench.errors import MalformedMessageError
from workbench.net.packets import Ip, encode_ip
from workbench.net.values import Endpoint

SCTP = 132
HEADER_OCTETS = 12
CHUNK_OCTETS = 4

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR = range(10)
COOKIE_ECHO, COOKIE_ACK, ECNE, CWR, SHUTDOWN_COMPLETE, AUTH = range(10, 16)

# Behind RFC 9260: AUTH (RFC 4895), I-DATA (RFC 8260), ASCONF (RFC 5061), RE-CONFIG (RFC 6525), PAD (RFC 4820),
# FORWARD TSN (RFC 3758).
CHUNKS = {
    DATA: "DATA", INIT: "INIT", INIT_ACK: "INIT ACK", SACK: "SACK", HEARTBEAT: "HEARTBEAT",
    HEARTBEAT_ACK: "HEARTBEAT ACK", ABORT: "ABORT", SHUTDOWN: "SHUTDOWN", SHUTDOWN_ACK: "SHUTDOWN ACK", ERROR: "ERROR",
    COOKIE_ECHO: "COOKIE ECHO", COOKIE_ACK: "COOKIE ACK", ECNE: "ECNE", CWR: "CWR",
    SHUTDOWN_COMPLETE: "SHUTDOWN COMPLETE", AUTH: "AUTH", 0x40: "I-DATA", 0x80: "ASCONF-ACK", 0x82: "RE-CONFIG",
    0x84: "PAD", 0xC0: "FORWARD TSN", 0xC1: "ASCONF", 0xC2: "I-FORWARD TSN",
}
PAYLOADS = {
    0: "unspecified", 1: "IUA", 2: "M2UA", 3: "M3UA", 4: "SUA", 5: "M2PA", 6: "V5UA", 7: "H.248", 8: "BICC", 9: "TALI",
    10: "DUA", 11: "ASAP", 12: "ENRP", 13: "H.323", 14: "Q.IPC", 46: "Diameter", 47: "Diameter over DTLS",
    50: "WebRTC control", 51: "WebRTC string", 53: "WebRTC binary",
}
_MOST_CHUNKS = 4096
_HEADER = struct.Struct("!HHII")
_DATA = struct.Struct("!IHHI")
DATA_OCTETS = _DATA.size
"""What stands in a DATA chunk between its length and the user data."""
_POLYNOMIAL = 0x82F63B78


class Chunk(msgspec.Struct, frozen=True):
    """A chunk: its type, its flags, and the octets behind its length (without padding).

    `offset` counts from the SCTP header; it has no meaning for a chunk that is to be encoded.
    """

    type: int
    flags: int = 0
    value: bytes = b""
    offset: int = 0


class Data(msgspec.Struct, frozen=True):
    """A DATA chunk: a user message, or a fragment of one (RFC 9260 §3.3.1).

    Args:
        tsn: transmission sequence number; fragments of one message have consecutive ones.
        stream: stream identifier.
        sequence: stream sequence number, the same for all fragments of a message.
        payload_protocol: what the message is; 7 is H.248.
        begins, ends: first and last fragment; both are set for a message that is whole.
        unordered: delivered without regard to `sequence`.
        immediate: the receiver is not to delay its SACK (RFC 7053).
    """

    tsn: int
    stream: int
    sequence: int
    payload_protocol: int
    octets: bytes
    begins: bool = True
    ends: bool = True
    unordered: bool = False
    immediate: bool = False


class Sctp(msgspec.Struct, frozen=True):
    """An SCTP packet.

    Args:
        tag: verification tag: the number by which the receiver of the packet knows the association.
        checksum_ok: also where the capture has cut the packet, so that nothing can be said.
        broken: why what stands behind the last of `chunks` is no chunk; empty if all are read.
    """

    source: Endpoint
    destination: Endpoint
    tag: int
    chunks: tuple[Chunk, ...]
    checksum_ok: bool = True
    broken: str = ""


def chunk_name(kind: int) -> str:
    """The name of a chunk type, such as `INIT ACK`; `chunk type 99` where it has none here."""
    return CHUNKS.get(kind, f"chunk type {kind}")


def payload_name(identifier: int) -> str:
    """`7 H.248`: a payload protocol identifier with its name, where it has one here."""
    return f"{identifier} {PAYLOADS[identifier]}" if identifier in PAYLOADS else str(identifier)


@lru_cache(maxsize=1)
def _table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        for _ in range(8):
            octet = octet >> 1 ^ (_POLYNOMIAL if octet & 1 else 0)
        table.append(octet)
    return tuple(table)


def crc32c(octets: bytes) -> int:
    """The CRC32c of RFC 9260 Appendix A. On the wire its low octet comes first."""
    table = _table()
    value = 0xFFFFFFFF
    for octet in octets:
        value = table[(value ^ octet) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def checksum_of(octets: bytes) -> bytes:
    """The four checksum octets that a packet (from its SCTP header on) has to have."""
    return crc32c(b"%b\0\0\0\0%b" % (octets[:8], octets[12:])).to_bytes(4, "little")


def decode_sctp(ip: Ip) -> Sctp:
    """Read the SCTP packet in an IP packet.

    Raises:
        MalformedMessageError: no complete common header (offsets count from it). Broken chunks are no error:
            `Sctp.broken`.

    Source: RFC 9260 §3.
    """
    octets = ip.payload
    if len(octets) < HEADER_OCTETS:
        raise MalformedMessageError("SCTP header cut short", clause="RFC 9260 §3.1", offset=len(octets))
    source, destination, tag, _ = _HEADER.unpack_from(octets)
    chunks, broken = _chunks(octets)
    cut = ip.header_octets + len(octets) < ip.total_octets
    return Sctp(Endpoint(ip.source, source), Endpoint(ip.destination, destination), tag, tuple(chunks),
                cut or checksum_of(octets) == octets[8:12], broken)


def _chunks(octets: bytes) -> tuple[list[Chunk], str]:
    chunks: list[Chunk] = []
    at = HEADER_OCTETS
    while at < len(octets):
        if len(octets) - at < CHUNK_OCTETS:
            return chunks, f"chunk header cut short at octet {at} [RFC 9260 §3.2]"
        size = int.from_bytes(octets[at + 2 : at + 4], "big")
        name = chunk_name(octets[at])
        if size < CHUNK_OCTETS:
            return chunks, f"{name} with a length of {size} at octet {at + 2} [RFC 9260 §3.2]"
        if at + size > len(octets):
            return chunks, f"{name} of {size} octets in {len(octets) - at} at octet {at + 2} [RFC 9260 §3.2]"
        if len(chunks) >= _MOST_CHUNKS:
            return chunks, f"over {_MOST_CHUNKS} chunks at octet {at}"
        chunks.append(Chunk(octets[at], octets[at + 1], octets[at + 4 : at + size], at))
        at += size + -size % 4
    return chunks, ""


def decode_data(chunk: Chunk) -> Data:
    """Read a DATA chunk.

    Raises:
        MalformedMessageError: fewer than 12 octets behind its length, or no user data (offsets count from the SCTP
            header).

    Source: RFC 9260 §3.3.1.
    """
    value = chunk.value
    if len(value) <= _DATA.size:
        what = "DATA without user data" if len(value) == _DATA.size else "DATA cut short"
        raise MalformedMessageError(what, clause="RFC 9260 §3.3.1", offset=chunk.offset + 2)
    tsn, stream, sequence, payload_protocol = _DATA.unpack_from(value)
    flags = chunk.flags
    return Data(tsn, stream, sequence, payload_protocol, value[_DATA.size :], bool(flags & 2), bool(flags & 1),
                bool(flags & 4), bool(flags & 8))


def encode_data(data: Data) -> Chunk:
    """The chunk that carries a user message, or a fragment of one."""
    flags = data.ends | data.begins << 1 | data.unordered << 2 | data.immediate << 3
    return Chunk(DATA, flags, _DATA.pack(data.tsn, data.stream, data.sequence, data.payload_protocol) + data.octets)


def encode_sctp(source: Endpoint, destination: Endpoint, tag: int, chunks: tuple[Chunk, ...], *, ident: int = 0,
                ttl: int = 64) -> bytes:
    """A complete IP packet with one SCTP packet. Raises LocalProtocolError as `encode_ip`."""
    body = b"".join(
        struct.pack("!BBH", chunk.type, chunk.flags, len(chunk.value) + CHUNK_OCTETS) + chunk.value
        + bytes(-len(chunk.value) % 4) for chunk in chunks)
    octets = _HEADER.pack(source.port, destination.port, tag, 0) + body
    octets = octets[:8] + checksum_of(octets) + octets[12:]
    return encode_ip(source.host, destination.host, SCTP, octets, ident=ident, ttl=ttl)
