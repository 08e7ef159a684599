"""Where each field of an RTP packet lies (RFC 3550 §5.1). Never raises: RTCP and what does not decode show as such.

Fields of a few bits share an octet: they share a span, and its value says them all.
"""

from __future__ import annotations

from workbench.errors import MalformedMessageError
from workbench.protocols.layout import Row, Span
from workbench.protocols.rtp import wire
from workbench.protocols.rtp.messages import RTCP_NAMES, RtpPacket, payload_name

UNDECODED = "rtp.undecoded"
"""The name of octets that no rule fits."""


def spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out one RTP packet, or RTCP on the same port.

    Source: RFC 3550 §5.1, §5.3.1; RFC 5761 §4.
    """
    if not octets:
        return ()
    if wire.looks_like_rtcp(octets):
        name = RTCP_NAMES.get(octets[1], f"packet type {octets[1]}")
        return (Span("rtp.rtcp", 0, len(octets), f"RTCP {name}"),)
    try:
        packet = wire.decode(octets)
    except MalformedMessageError:
        return (Span(UNDECODED, 0, len(octets)),)
    row = Row(octets, 0)
    row.add("rtp.flags", 1, _flags(packet))
    row.add("rtp.type", 1, ("marker, " if packet.marker else "") + _type(packet))
    row.add("rtp.sequence", 2)
    row.add("rtp.timestamp", 4)
    row.add("rtp.ssrc", 4, f"{packet.ssrc:#010x}")
    for source in packet.csrcs:
        row.add("rtp.csrc", 4, f"{source:#010x}")
    if packet.extension is not None:
        row.add("rtp.extension.profile", 2, f"{packet.extension.profile:#06x}")
        row.add("rtp.extension.length", 2)
        row.add("rtp.extension.value", len(packet.extension.octets), "")
    row.add("rtp.payload", len(packet.payload), f"{len(packet.payload)} octets")
    row.add("rtp.padding", packet.padding - 1, "")
    row.add("rtp.padding_count", min(packet.padding, 1), str(packet.padding))
    return (row.parent("rtp", f"RTP {_type(packet)}"),)


def _flags(packet: RtpPacket) -> str:
    said = ["version 2"]
    said += ["padding"] if packet.padding else []
    said += ["extension"] if packet.extension is not None else []
    return ", ".join([*said, f"{len(packet.csrcs)} contributing sources"])


def _type(packet: RtpPacket) -> str:
    name = payload_name(packet.payload_type)
    return name if str(packet.payload_type) in name else f"{packet.payload_type} {name}"
