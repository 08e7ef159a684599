"""TLS on the wire: records in a stream, handshake messages in records (RFC 8446 §5.1, RFC 5246 §6.2.1)."""

from __future__ import annotations

import struct

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.cursor import Cursor
from workbench.protocols.tls import grammar
from workbench.protocols.tls.messages import AlertMessage, ChangeCipherSpec, Handshake
from workbench.protocols.tls.registry import ContentType, HandshakeType

HEADER_OCTETS = 5
"""Octets of a TLS record header."""
FRAGMENT_OCTETS = (1 << 14) + 2048
"""The longest fragment that any version allows (RFC 5246 §6.2.3; TLS 1.3 allows 2^14 + 256)."""
MESSAGE_OCTETS = 1 << 18
"""The longest handshake message that is put together; real ones with long certificate chains stay below 64 KiB."""

_HEADER = struct.Struct("!BHH")
_RECORD_CLAUSE = "RFC 8446 §5.1"


class Record(msgspec.Struct, frozen=True):
    """A record and where it stood.

    Args:
        start, end: octets counted from the beginning of the stream; `end` is one past the last.
        type: content type (20..24).
        version: of the record layer, such as 0x0303.
        fragment: the octets behind the header, protected or not.
    """

    start: int
    end: int
    type: int
    version: int
    fragment: bytes

    @property
    def header(self) -> bytes:
        """The five octets in front of the fragment."""
        return _HEADER.pack(self.type, self.version, len(self.fragment))


class Records:
    """Cuts one direction of a stream into records. Holds at most one record that is not whole.

    Args:
        start: where in the stream the first octets stand.
    """

    def __init__(self, start: int = 0) -> None:
        self.error: MalformedMessageError | None = None
        self._buffer = bytearray()
        self._offset = start

    @property
    def held(self) -> int:
        """Octets of an unfinished record that are kept."""
        return len(self._buffer)

    @property
    def offset(self) -> int:
        """Where in the stream the next record starts."""
        return self._offset

    def skip(self, octets: int) -> None:
        """So many octets, which were whole records, were read elsewhere. Only between two records."""
        self._offset += octets

    def receive_data(self, data: bytes) -> list[Record]:
        """Take octets in any portions; return the records that they complete, oldest first.

        What can't be a record ends the reading: `error` says why, with its offset in the stream, and later octets
        are ignored.
        """
        if self.error is not None:
            return []
        self._buffer += data
        found: list[Record] = []
        at = 0
        while len(self._buffer) - at >= HEADER_OCTETS:
            kind, version, size = _HEADER.unpack_from(self._buffer, at)
            self.error = _check_header(kind, version, size, self._offset + at)
            if self.error is not None:
                break
            end = at + HEADER_OCTETS + size
            if len(self._buffer) < end:
                break
            fragment = bytes(self._buffer[at + HEADER_OCTETS : end])
            found.append(Record(self._offset + at, self._offset + end, kind, version, fragment))
            at = end
        del self._buffer[:at]
        self._offset += at
        if self.error is not None:
            self._buffer.clear()
        return found


class Messages:
    """Puts handshake messages of one direction together from the plaintext of handshake records."""

    def __init__(self, max_octets: int = MESSAGE_OCTETS) -> None:
        self.broken = False
        self._max_octets = max_octets
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Octets of an unfinished message that are held."""
        return len(self._buffer)

    def receive_data(self, data: bytes) -> list[bytes]:
        """Take the content of the next handshake record; return the messages that it completes, with their headers.

        Raises:
            MalformedMessageError: a message above the limit. Nothing can be read after it.
        """
        if self.broken:
            return []
        self._buffer += data
        found: list[bytes] = []
        at = 0
        while len(self._buffer) - at >= 4:
            size = 4 + int.from_bytes(self._buffer[at + 1 : at + 4])
            if size > self._max_octets:
                self.broken = True
                raise MalformedMessageError(f"handshake message of {size} octets", clause="RFC 8446 §4", offset=at)
            if len(self._buffer) - at < size:
                break
            found.append(bytes(self._buffer[at : at + size]))
            at += size
        del self._buffer[:at]
        return found


def looks_like_tls(octets: bytes) -> bool:
    """Whether a stream that begins like this may be TLS: at least a record header's beginning fits."""
    if not octets or not 20 <= octets[0] <= 24:
        return False
    if len(octets) >= HEADER_OCTETS:
        kind, version, size = _HEADER.unpack_from(octets)
        return _check_header(kind, version, size, 0) is None
    return len(octets) < 2 or octets[1] == 3


def begins_with_records(octets: bytes) -> bool:
    """Whether octets out of the middle of a stream begin where a record does.

    Stricter than `looks_like_tls`: each header leads to the next one or to the end of the octets, and the first
    record is whole or is the only one.
    """
    at = 0
    while len(octets) - at >= HEADER_OCTETS:
        kind, version, size = _HEADER.unpack_from(octets, at)
        if _check_header(kind, version, size, 0) is not None or version > 0x0304 or not size:
            return False
        at += HEADER_OCTETS + size
    if at > len(octets) > HEADER_OCTETS:
        return octets[0] != ContentType.HANDSHAKE or octets[HEADER_OCTETS] in HandshakeType.__members__.values()
    return at > 0 and (at >= len(octets) or 20 <= octets[at] <= 24)


def decode_handshake(octets: bytes, version: int | None = None, suite: int | None = None) -> Handshake:
    """Read exactly one handshake message.

    Args:
        octets: message type, length and body.
        version: what was negotiated (0x0303 or 0x0304); None tells the form of a message from its lengths.
        suite: the cipher suite, where it is known; it decides what key exchange messages hold.

    Raises:
        MalformedMessageError: the octets are not one message.

    Source: RFC 5246 §7.4, RFC 8446 §4.
    """
    cursor = Cursor(octets, clause="RFC 8446 §4")
    message = grammar.handshake(cursor, version, suite)
    if cursor.left:
        raise cursor.fault("octets behind the handshake message")
    assert message is not None
    return message


def decode_alert(octets: bytes) -> AlertMessage:
    """Read an alert.

    Raises:
        MalformedMessageError: not two octets.

    Source: RFC 8446 §6.
    """
    cursor = Cursor(octets, clause="RFC 8446 §6")
    alert = grammar.alert(cursor)
    if cursor.left:
        raise cursor.fault("octets behind the alert")
    return alert


def decode_change_cipher_spec(octets: bytes) -> ChangeCipherSpec:
    """Read a ChangeCipherSpec.

    Raises:
        MalformedMessageError: not the one octet 1.

    Source: RFC 5246 §7.1.
    """
    if octets != b"\x01":
        raise MalformedMessageError("not a ChangeCipherSpec", clause="RFC 5246 §7.1", offset=0)
    return ChangeCipherSpec()


def _check_header(kind: int, version: int, size: int, offset: int) -> MalformedMessageError | None:
    if kind not in ContentType.__members__.values():
        return MalformedMessageError(f"content type {kind}", clause=_RECORD_CLAUSE, offset=offset)
    if version >> 8 != 3:
        return MalformedMessageError(f"record version 0x{version:04X}", clause=_RECORD_CLAUSE, offset=offset + 1)
    if size > FRAGMENT_OCTETS:
        return MalformedMessageError(f"record of {size} octets", clause=_RECORD_CLAUSE, offset=offset + 3)
    return None
