"""DTLS on the wire: records in a datagram, fragments of handshake messages in records (RFC 6347 §4.1, §4.2)."""

from __future__ import annotations

import struct

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.tls.registry import ContentType
from workbench.protocols.tls.wire import FRAGMENT_OCTETS, MESSAGE_OCTETS

HEADER_OCTETS = 13
"""Octets of a DTLS record header."""
FRAGMENT_HEADER_OCTETS = 12
"""Octets in front of each fragment of a handshake message."""
VERSIONS = (0xFEFF, 0xFEFD)
"""DTLS 1.0, which a ClientHello and a HelloVerifyRequest may still say, and DTLS 1.2."""

_HEADER = struct.Struct("!BHHHIH")
_KINDS = frozenset(ContentType)
_RECORD_CLAUSE = "RFC 6347 §4.1"
_FRAGMENT_CLAUSE = "RFC 6347 §4.2.2"
# Handshake messages of one direction that are put together at a time; a flight has five.
_MOST_OPEN = 8
# Pieces of one message that are kept apart; in order there is never more than one.
_MOST_PIECES = 64


class Record(msgspec.Struct, frozen=True):
    """A record and where it stood.

    Args:
        start, end: octets counted from the beginning of the datagram; `end` is one past the last.
        type: content type (20..24).
        version: such as 0xFEFD.
        epoch: 0 before the sender's ChangeCipherSpec, 1 behind it.
        sequence: counts the sender's records of an epoch.
        fragment: the octets behind the header, protected or not.
    """

    start: int
    end: int
    type: int
    version: int
    epoch: int
    sequence: int
    fragment: bytes

    @property
    def header(self) -> bytes:
        """The 13 octets in front of the fragment."""
        return header(self.type, self.version, self.epoch, self.sequence, len(self.fragment))

    @property
    def octets(self) -> bytes:
        """The whole record."""
        return self.header + self.fragment

    def numbered(self, sequence: int) -> Record:
        """The same with another number, as a retransmission has it (RFC 6347 §4.2.4)."""
        return Record(self.start, self.end, self.type, self.version, self.epoch, sequence, self.fragment)


def header(kind: int, version: int, epoch: int, sequence: int, size: int) -> bytes:
    """The header of a record with `size` octets behind it (RFC 6347 §4.1)."""
    return _HEADER.pack(kind, version, epoch, sequence >> 32, sequence & 0xFFFFFFFF, size)


def split(datagram: bytes) -> tuple[list[Record], MalformedMessageError | None]:
    """The records of a datagram, and why the rest of it is none; None where all of it was read.

    Source: RFC 6347 §4.1, §4.1.1: records never go on in another datagram.
    """
    found: list[Record] = []
    at = 0
    while at < len(datagram):
        if len(datagram) - at < HEADER_OCTETS:
            return found, MalformedMessageError("record header cut short", clause=_RECORD_CLAUSE, offset=at)
        kind, version, epoch, high, low, size = _HEADER.unpack_from(datagram, at)
        error = _check(kind, version, size, at)
        if error is not None:
            return found, error
        start, end = at + HEADER_OCTETS, at + HEADER_OCTETS + size
        if end > len(datagram):
            return found, MalformedMessageError("record cut short", clause=_RECORD_CLAUSE, offset=at)
        found.append(Record(at, end, kind, version, epoch, high << 32 | low, datagram[start:end]))
        at = end
    return found, None


def looks_like_dtls(datagram: bytes) -> bool:
    """Whether a datagram begins with a whole record of DTLS 1.0 or 1.2."""
    if len(datagram) < HEADER_OCTETS or datagram[0] not in _KINDS or datagram[1] != 0xFE:
        return False
    kind, version, _, _, _, size = _HEADER.unpack_from(datagram)
    return _check(kind, version, size, 0) is None and HEADER_OCTETS + size <= len(datagram)


def is_of_running(datagram: bytes) -> bool:
    """Whether it begins with a protected record that is no handshake message: for a session that is up, if for any.

    Where a session is being replaced by another one of the same two ends, this says which of them it is tried on first.
    """
    return len(datagram) >= HEADER_OCTETS and any(datagram[3:5]) and datagram[0] != ContentType.HANDSHAKE


def _check(kind: int, version: int, size: int, at: int) -> MalformedMessageError | None:
    if kind not in _KINDS:
        return MalformedMessageError(f"content type {kind}", clause=_RECORD_CLAUSE, offset=at)
    if version not in VERSIONS:
        return MalformedMessageError(f"record version 0x{version:04X}", clause=_RECORD_CLAUSE, offset=at + 1)
    if size > FRAGMENT_OCTETS:
        return MalformedMessageError(f"record of {size} octets", clause=_RECORD_CLAUSE, offset=at + 11)
    return None


class Fragment(msgspec.Struct, frozen=True):
    """A part of a handshake message; the whole message where it is not cut.

    Args:
        type: message type.
        length: octets of the whole message, without header.
        message_seq: number of the message, the same in every retransmission.
        offset: where in the message `octets` lie.
    """

    type: int
    length: int
    message_seq: int
    offset: int
    octets: bytes

    @property
    def whole(self) -> bool:
        """It is all of the message."""
        return len(self.octets) == self.length

    @property
    def message(self) -> bytes:
        """Type, length and body, as TLS writes a message; for a fragment that is whole."""
        return bytes([self.type]) + self.length.to_bytes(3) + self.octets

    def encode(self) -> bytes:
        """The fragment with its header."""
        return (bytes([self.type]) + self.length.to_bytes(3) + self.message_seq.to_bytes(2) + self.offset.to_bytes(3)
                + len(self.octets).to_bytes(3) + self.octets)


def fragments(octets: bytes) -> list[Fragment]:
    """The fragments of handshake messages in the content of a record, in clear.

    Raises:
        MalformedMessageError: the octets are not whole fragments.

    Source: RFC 6347 §4.2.2.
    """
    found: list[Fragment] = []
    at = 0
    while at < len(octets):
        if len(octets) - at < FRAGMENT_HEADER_OCTETS:
            raise MalformedMessageError("handshake header cut short", clause=_FRAGMENT_CLAUSE, offset=at)
        length, offset = int.from_bytes(octets[at + 1 : at + 4]), int.from_bytes(octets[at + 6 : at + 9])
        size = int.from_bytes(octets[at + 9 : at + 12])
        start = at + FRAGMENT_HEADER_OCTETS
        if length > MESSAGE_OCTETS:
            raise MalformedMessageError(f"handshake message of {length} octets", clause=_FRAGMENT_CLAUSE, offset=at + 1)
        if offset + size > length:
            raise MalformedMessageError("fragment beyond its message", clause=_FRAGMENT_CLAUSE, offset=at + 6)
        if start + size > len(octets):
            raise MalformedMessageError("fragment cut short", clause=_FRAGMENT_CLAUSE, offset=at + 9)
        message_seq = int.from_bytes(octets[at + 4 : at + 6])
        found.append(Fragment(octets[at], length, message_seq, offset, octets[start : start + size]))
        at = start + size
    return found


class Assembler:
    """Puts the handshake messages of one direction together, from fragments in any order (RFC 6347 §4.2.3).

    Holds a bounded number of messages of bounded size; the oldest go first.
    """

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    @property
    def held(self) -> int:
        """Octets of unfinished messages."""
        return sum(len(octets) for one in self._open.values() for octets in one.pieces.values())

    def add(self, fragment: Fragment) -> bytes | None:
        """Take a fragment; the message with the header of TLS (type and length) once all of it is here."""
        if fragment.whole:
            self._open.pop(fragment.message_seq, None)
            return fragment.message
        held = self._open.get(fragment.message_seq)
        if held is None or (held.type, held.length) != (fragment.type, fragment.length):
            held = self._open[fragment.message_seq] = _Open(fragment.type, fragment.length)
        while len(self._open) > _MOST_OPEN:
            del self._open[next(iter(self._open))]
        octets = held.add(fragment)
        if octets is None:
            return None
        self._open.pop(fragment.message_seq, None)
        return bytes([held.type]) + held.length.to_bytes(3) + octets


class _Open:
    """A message some of whose fragments are missing: pieces that neither touch nor overlap, by their offset."""

    def __init__(self, kind: int, length: int) -> None:
        self.type = kind
        self.length = length
        self.pieces: dict[int, bytes] = {}

    def add(self, fragment: Fragment) -> bytes | None:
        start, octets = fragment.offset, fragment.octets
        for at, piece in sorted(self.pieces.items()):
            if at > start + len(octets) or at + len(piece) < start:
                continue
            del self.pieces[at]
            if at < start:
                octets, start = piece[: start - at] + octets, at
            octets += piece[max(0, start + len(octets) - at) :]
        if len(self.pieces) < _MOST_PIECES:
            self.pieces[start] = octets
        return octets if len(octets) == self.length else None
