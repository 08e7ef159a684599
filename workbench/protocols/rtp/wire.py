"""RTP on the wire (RFC 3550 §5.1): octets to values and back. Nothing here keeps state."""

from __future__ import annotations

import struct

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.rtp.messages import (
    HEADER_OCTETS,
    MOST_PADDING,
    MOST_SOURCES,
    VERSION,
    Extension,
    RtpPacket,
)

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
_PADDING, _EXTENDED, _MARKER = 0x20, 0x10, 0x80
_RTCP = range(192, 224)
_MOST_WORDS = 0xFFFF


def looks_like_rtp(octets: bytes) -> bool:
    """Whether octets may be an RTP packet: version 2, a whole header, and no RTCP. Much else looks so, too."""
    return len(octets) >= HEADER_OCTETS and octets[0] >> 6 == VERSION and not looks_like_rtcp(octets)


def looks_like_rtcp(octets: bytes) -> bool:
    """Whether octets may be RTCP on the same port: version 2, and a packet type of 192 to 223 (RFC 5761 §4)."""
    return len(octets) >= 4 and octets[0] >> 6 == VERSION and octets[1] in _RTCP


def decode(octets: bytes) -> RtpPacket:
    """Read the one RTP packet that fills a datagram.

    What was decoded encodes to the same octets again, but for padding, whose octets are written as zeros.

    Raises:
        MalformedMessageError: cut short, another version, RTCP, or more padding than there is payload.

    Source: RFC 3550 §5.1, §5.3.1.
    """
    if len(octets) < HEADER_OCTETS:
        raise MalformedMessageError("header cut short", clause="RFC 3550 §5.1", offset=len(octets))
    flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(octets)
    if flags >> 6 != VERSION:
        raise MalformedMessageError(f"version {flags >> 6}", clause="RFC 3550 §5.1", offset=0)
    if kind in _RTCP:
        raise MalformedMessageError(f"packet type {kind} of RTCP", clause="RFC 5761 §4", offset=1)
    end = HEADER_OCTETS + 4 * (flags & 0x0F)
    if len(octets) < end:
        raise MalformedMessageError("contributing sources cut short", clause="RFC 3550 §5.1", offset=len(octets))
    csrcs = struct.unpack_from(f"!{flags & 0x0F}I", octets, HEADER_OCTETS)
    extension, end = _extension(octets, end) if flags & _EXTENDED else (None, end)
    padding = _padding(octets, end) if flags & _PADDING else 0
    return RtpPacket(kind & 0x7F, sequence, timestamp, ssrc, octets[end : len(octets) - padding],
                     bool(kind & _MARKER), csrcs, extension, padding)


def encode(packet: RtpPacket) -> bytes:
    """The octets of an RTP packet.

    Raises:
        LocalProtocolError: a value beyond the bits of its field, a packet that would be read as RTCP, or an extension
            of other than whole words.

    Source: RFC 3550 §5.1, §5.3.1.
    """
    _check(packet)
    flags = VERSION << 6 | len(packet.csrcs)
    flags |= _PADDING if packet.padding else 0
    flags |= _EXTENDED if packet.extension is not None else 0
    head = _HEADER.pack(flags, packet.payload_type | (_MARKER if packet.marker else 0), packet.sequence,
                        packet.timestamp, packet.ssrc)
    said = struct.pack(f"!{len(packet.csrcs)}I", *packet.csrcs)
    if packet.extension is not None:
        said += _EXTENSION.pack(packet.extension.profile, len(packet.extension.octets) // 4) + packet.extension.octets
    filled = bytes(packet.padding - 1) + bytes([packet.padding]) if packet.padding else b""
    return head + said + packet.payload + filled


def _extension(octets: bytes, start: int) -> tuple[Extension, int]:
    if len(octets) < start + _EXTENSION.size:
        raise MalformedMessageError("header extension cut short", clause="RFC 3550 §5.3.1", offset=len(octets))
    profile, words = _EXTENSION.unpack_from(octets, start)
    begin = start + _EXTENSION.size
    end = begin + 4 * words
    if len(octets) < end:
        raise MalformedMessageError(
            f"header extension of {words} words cut short", clause="RFC 3550 §5.3.1", offset=start + 2)
    return Extension(profile, octets[begin:end]), end


def _padding(octets: bytes, end: int) -> int:
    count = octets[-1]
    if not 0 < count <= len(octets) - end:
        raise MalformedMessageError(f"{count} octets of padding", clause="RFC 3550 §5.1", offset=len(octets) - 1)
    return count


def _check(packet: RtpPacket) -> None:
    words = (packet.timestamp, packet.ssrc, *packet.csrcs)
    fits = (0 <= packet.payload_type < 0x80 and 0 <= packet.sequence <= 0xFFFF
            and all(0 <= word <= 0xFFFF_FFFF for word in words)
            and len(packet.csrcs) <= MOST_SOURCES and 0 <= packet.padding <= MOST_PADDING)
    if not fits:
        raise LocalProtocolError("not an RTP packet: a value has more bits than its field")
    if packet.marker and packet.payload_type | _MARKER in _RTCP:
        raise LocalProtocolError(f"payload type {packet.payload_type} with the marker is read as RTCP [RFC 5761 §4]")
    extension = packet.extension
    if extension is not None and not (0 <= extension.profile <= 0xFFFF and not len(extension.octets) % 4
                                      and len(extension.octets) // 4 <= _MOST_WORDS):
        raise LocalProtocolError("a header extension has 16 bits of profile, and whole words of four octets")
