"""RTP in clear where SDP or H.248 announced it, and RTCP on its port or the next one. By content nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.drafts import Draft, counted
from workbench.analysis.summaries import shortened
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols.rtp import wire
from workbench.protocols.rtp.messages import RTCP_NAMES, RtpPacket, payload_name

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector


def read(dissector: Dissector, on: str, source: Endpoint, destination: Endpoint, data: bytes, frames: tuple[int, ...],
         time: float) -> Draft | None:
    """A datagram on a wire, `on`, where RTP was announced; None: it was not, or this is something else."""
    announced = dissector.announced.rtp_between
    if wire.looks_like_rtcp(data):
        if announced(source, destination) is None and announced(_before(source), _before(destination)) is None:
            return None
        draft = dissector.emit("RTP", frames, time, on, source, destination,
                               f"RTCP {RTCP_NAMES.get(data[1], data[1])}, {counted(len(data))}, not read")
        draft.octets = dissector.keep(data)
        return draft
    names = announced(source, destination)
    if names is None or not wire.looks_like_rtp(data):
        return None
    draft = dissector.emit("RTP", frames, time, on, source, destination, "")
    draft.octets = dissector.keep(data)
    try:
        draft.value = packet = wire.decode(data)
    except PeerError as error:
        draft.summary, draft.error = f"RTP that does not decode, {counted(len(data))}", str(error)
        return draft
    draft.summary = told(packet, names)
    return draft


def _before(place: Endpoint) -> Endpoint:
    """Where RTP is if RTCP is here (RFC 3550 §11)."""
    return Endpoint(place.host, max(place.port - 1, 0))


def told(packet: RtpPacket, names: dict[int, str]) -> str:
    """`RTP 4711 PCMA, 160 octets`; `names` are those of SDP."""
    coding = names.get(packet.payload_type) or payload_name(packet.payload_type)
    marked = ", marker" if packet.marker else ""
    return shortened(f"RTP {packet.sequence} {coding}, {counted(len(packet.payload))}{marked}")
