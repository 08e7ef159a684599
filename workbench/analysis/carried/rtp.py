"""RTP in clear where SDP or H.248 announced it, and RTCP on its port or the next one. By content nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.carried.clear_flows import ClearFlows
from workbench.analysis.drafts import Draft, counted
from workbench.analysis.summaries import shortened
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols.rtp.messages import RTCP_NAMES, RtpPacket, payload_name
from workbench.protocols.rtp.wire import decode, looks_like_rtcp, looks_like_rtp

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector


class SoundReader:
    """Reads the datagrams of RTP for a dissector.

    Attributes:
        flows: between two endpoints on one wire, in order of their beginning.
    """

    def __init__(self, dissector: Dissector) -> None:
        self._flows = ClearFlows(dissector, "RTP")
        self.flows = self._flows.found
        self._dissector = dissector

    def datagram(self, wire: str, source: Endpoint, destination: Endpoint, data: bytes, frames: tuple[int, ...],
                 time: float) -> Draft | None:
        """A datagram where RTP was announced; None: it was not, or this is something else."""
        announced = self._dissector.announced.rtp_between
        names = announced(source, destination)
        report = looks_like_rtcp(data) and (
            names is not None or announced(_before(source), _before(destination)) is not None)
        if not report and (names is None or not looks_like_rtp(data)):
            return None
        draft = self._dissector.emit("RTP", frames, time, wire, source, destination, "")
        draft.octets = self._dissector.keep(data)
        flow = self._flows.of(draft)
        if flow is not None:
            flow.add(draft)
        if report:
            self._dissector.ledger.unread(frames, "RTCP", "only its first type is read", len(data))
            draft.summary = f"RTCP {RTCP_NAMES.get(data[1], data[1])}, {counted(len(data))}, not read"
        else:
            _tell(draft, data, names or {})
        return draft


def _tell(draft: Draft, data: bytes, names: dict[int, str]) -> None:
    try:
        draft.value = packet = decode(data)
    except PeerError as error:
        draft.summary, draft.error = f"RTP that does not decode, {counted(len(data))}", str(error)
    else:
        draft.summary = told(packet, names)


def _before(place: Endpoint) -> Endpoint:
    """Where RTP is if RTCP is here (RFC 3550 §11)."""
    return Endpoint(place.host, max(place.port - 1, 0))


def told(packet: RtpPacket, names: dict[int, str]) -> str:
    """`RTP 4711 PCMA, 160 octets`; `names` are those of SDP."""
    coding = names.get(packet.payload_type) or payload_name(packet.payload_type)
    marked = ", marker" if packet.marker else ""
    return shortened(f"RTP {packet.sequence} {coding}, {counted(len(packet.payload))}{marked}")
