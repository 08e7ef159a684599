"""RTP packets as values (RFC 3550 §5.1), and the payload types that have fixed numbers (RFC 3551 §6)."""

from __future__ import annotations

import msgspec

VERSION = 2
HEADER_OCTETS = 12
MOST_SOURCES = 15
MOST_PADDING = 255

PCMU, PCMA, COMFORT_NOISE = 0, 8, 13

PAYLOAD_NAMES = {
    PCMU: "PCMU", 3: "GSM", 4: "G723", 5: "DVI4/8000", 6: "DVI4/16000", 7: "LPC", PCMA: "PCMA", 9: "G722",
    10: "L16, two channels", 11: "L16", 12: "QCELP", COMFORT_NOISE: "CN", 14: "MPA", 15: "G728", 16: "DVI4/11025",
    17: "DVI4/22050", 18: "G729", 25: "CelB", 26: "JPEG", 28: "nv", 31: "H261", 32: "MPV", 33: "MP2T", 34: "H263",
}
RTCP_NAMES = {200: "SR", 201: "RR", 202: "SDES", 203: "BYE", 204: "APP", 205: "RTPFB", 206: "PSFB", 207: "XR"}


class Extension(msgspec.Struct, frozen=True):
    """A header extension (RFC 3550 §5.3.1).

    Args:
        profile: the first 16 bits, which a profile defines.
        octets: whole words of four.
    """

    profile: int
    octets: bytes


class RtpPacket(msgspec.Struct, frozen=True):
    """An RTP packet.

    Args:
        payload_type: 0 to 127.
        sequence: 16 bits, one more with each packet.
        timestamp: 32 bits, in samples.
        ssrc: the source.
        payload: without the padding.
        marker: with sound, the first packet behind a silence (RFC 3551 §4.1).
        csrcs: who contributed, behind a mixer; 15 at most.
        padding: octets behind the payload, the last one of which says how many; 0: none.
    """

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: Extension | None = None
    padding: int = 0


def payload_name(payload_type: int) -> str:
    """What a payload type is where its number is fixed; its number where SDP gives it a meaning."""
    return PAYLOAD_NAMES.get(payload_type, f"payload type {payload_type}")
