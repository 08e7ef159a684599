"""UDPTL: in clear on m= lines announced as `udptl` by SDP or H.248, inside DTLS, and in clear where DTLS was announced.

What nothing has announced stays `unknown` in UDP, and its summary says what it may be. On a `udptl` line the first
octet is that of a sequence number and tells nothing; on a `UDP/TLS/UDPTL` line it does (RFC 7345 §5.2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.carried import fax
from workbench.analysis.carried.announced import FaxLine, Line
from workbench.analysis.carried.clear_flows import ClearFlow, ClearFlows
from workbench.analysis.drafts import Draft, counted
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols.stun import looks_like_stun
from workbench.protocols.t38 import udptl
from workbench.protocols.tls.datagrams import looks_like_dtls

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector

ON_DTLS = "clear UDPTL on a DTLS leg: "
"""How the summary of a packet begins that is not inside DTLS where it has to be."""
STRAY = "neither DTLS nor STUN, on a DTLS leg: "
"""How the summary of other octets begins that must not be there."""
BY_CONTENT = " (by its content: nothing announced it)"
_RTP_HEADER = 12


class FaxReader:
    """Reads the datagrams and records of fax streams for a dissector.

    Attributes:
        flows: those in clear, in order of their beginning.
    """

    def __init__(self, dissector: Dissector) -> None:
        self._flows = ClearFlows(dissector, "UDPTL")
        self.flows = self._flows.found
        self._dissector = dissector

    def datagram(self, wire: str, source: Endpoint, destination: Endpoint, data: bytes, frames: tuple[int, ...],
                 time: float) -> Draft | None:
        """A datagram where `udptl` was announced; None: it was not, or something else is on its way there."""
        line = self._dissector.announced.fax_between(source, destination)
        clear = line is not None and (line.line is Line.CLEAR or self._dissector.is_twin(frames))
        if not clear or not data.strip(b"\r\n\0") or (not _is_udptl(data) and _is_other(data)):
            return None
        draft = self._dissector.emit("UDPTL", frames, time, wire, source, destination, "")
        draft.octets = self._dissector.keep(data)
        flow = self._flow(draft, line)
        self._tell(draft, data, fax.Hearing() if flow is None else flow.add(draft), line)
        return draft

    def record(self, hearing: fax.Hearing, wire: str, source: Endpoint, destination: Endpoint, data: bytes,
               frames: tuple[int, ...], time: float) -> Draft | None:
        """What a record of DTLS holds where UDPTL was announced; None where it was not."""
        line = self._dissector.announced.fax_between(source, destination)
        if line is None:
            return None
        draft = self._dissector.emit("UDPTL", frames, time, wire, source, destination, "")
        draft.octets = self._dissector.keep(data)
        self._tell(draft, data, hearing, line)
        return draft

    def by_content(self, draft: Draft, data: bytes, hearing: fax.Hearing) -> None:
        """What nobody announced, in a record: UDPTL where it can be, and the summary says that nothing announced it."""
        if fax.by_content(data) is not None:
            draft.protocol = "UDPTL"
            self._tell(draft, data, hearing, None)
            draft.summary += BY_CONTENT

    def unknown(self, draft: Draft, data: bytes) -> None:
        """A datagram that no protocol claims."""
        line = self._dissector.announced.fax_between(draft.source, draft.destination)
        packet = fax.by_content(data)
        if line is None:
            if packet is not None and self._dissector.is_twin(draft.frames):
                flow = self._flow(draft, None)
                if flow is not None:
                    self.by_content(draft, data, flow.add(draft))
            elif packet is not None:
                draft.summary += f"; may be {fax.told(packet, None)}{BY_CONTENT}"
        elif line.line is Line.CLEAR:
            draft.summary += ", where UDPTL was announced; may be RTP by its first octet"
        else:
            self._unprotected(draft, data, line)

    def _unprotected(self, draft: Draft, data: bytes, line: FaxLine) -> None:
        flow = self._flow(draft, line)
        hearing = None if flow is None else flow.add(draft)
        if hearing is None or fax.by_content(data) is None:
            draft.summary = f"{STRAY}{counted(len(data))}{_taken_for(data[0])}"
            return
        draft.protocol = "UDPTL"
        self._tell(draft, data, hearing, line, whole=False)
        draft.summary = f"{ON_DTLS}{draft.summary}{_taken_for(data[0])}"

    @staticmethod
    def _tell(draft: Draft, data: bytes, hearing: fax.Hearing, line: FaxLine | None, *, whole: bool = True) -> None:
        try:
            packet = udptl.decode(data)
        except PeerError as error:
            draft.summary, draft.error = f"UDPTL that does not decode, {counted(len(data))}", str(error)
            return
        draft.value = packet
        version = None if line is None else line.version
        draft.summary = hearing.take(data, packet, version, draft.time, whole=whole)

    def _flow(self, draft: Draft, line: FaxLine | None) -> ClearFlow | None:
        return self._flows.of(draft, 0 if line is None else line.number)


def _is_udptl(data: bytes) -> bool:
    try:
        udptl.decode(data)
    except PeerError:
        return False
    return True


def _is_other(data: bytes) -> bool:
    """Something else that may be there: STUN, DTLS, or audio still on its way when a call has switched to fax."""
    return _may_be_rtp(data) or looks_like_stun(data) or looks_like_dtls(data)


def _may_be_rtp(data: bytes) -> bool:
    """Version 2 and room for a header (RFC 3550 §5.1)."""
    return len(data) >= _RTP_HEADER and data[0] >> 6 == 2


def _taken_for(first: int) -> str:
    """What a receiver takes a datagram for (RFC 7345 §5.2.2)."""
    what = "taken for STUN" if first <= 1 else "taken for DTLS" if 20 <= first <= 63 else "dropped"
    return f"; first octet {first}: {what}"
