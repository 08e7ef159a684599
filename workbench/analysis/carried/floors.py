"""BFCP in datagrams (version 2), in clear or inside DTLS: one message or one fragment in each (RFC 8855 §6.2, §6.2.3).

Where SDP announced it, any version that is one; elsewhere what can only be a message, and then what follows it there.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from workbench.analysis import summaries
from workbench.analysis.carried.clear_flows import ClearFlows
from workbench.analysis.drafts import Draft, counted
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols.bfcp.messages import Message
from workbench.protocols.bfcp.reassembly import Reassembly
from workbench.protocols.bfcp.registry import primitive_name
from workbench.protocols.bfcp.wire import Fragment, decode_datagram, looks_like_bfcp, looks_like_bfcp_datagram

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector

_HOLD_SECONDS = 10.0
"""How long fragments of a message are waited for (T2, RFC 8855 §8.3.2)."""
_MOST_WAYS = 4096

Way = tuple[str, Endpoint, Endpoint]


class FloorReader:
    """Reads BFCP in datagrams for a dissector.

    Attributes:
        flows: those in clear, in order of their beginning.
    """

    def __init__(self, dissector: Dissector) -> None:
        self._flows = ClearFlows(dissector, "BFCP")
        self.flows = self._flows.found
        self._dissector = dissector
        self._fragments: OrderedDict[Way, Reassembly] = OrderedDict()

    def datagram(self, wire: str, source: Endpoint, destination: Endpoint, data: bytes, frames: tuple[int, ...],
                 time: float) -> Draft | None:
        """A datagram in clear; None: it is no BFCP."""
        draft = self.record(wire, source, destination, data, frames, time)
        flow = None if draft is None else self._flows.of(draft)
        if draft is not None and flow is not None:
            flow.add(draft)
        return draft

    def record(self, wire: str, source: Endpoint, destination: Endpoint, data: bytes, frames: tuple[int, ...],
               time: float) -> Draft | None:
        """What a record of DTLS holds; None: it is no BFCP."""
        is_version_2 = looks_like_bfcp_datagram(data)
        if not is_version_2 and not looks_like_bfcp(data):
            return None
        known = self._dissector.announced.floors_between(source, destination) or (
            is_version_2 and self._goes_on(wire, source, destination))
        whole, why = None, ""
        try:
            found = decode_datagram(data)
            if not known and not (is_version_2 and _can_only_be(found)):
                return None
            whole = self._reassembly(wire, source, destination).take(found, time)
            summary = _told(found, whole)
        except PeerError as error:
            if not known:
                return None
            summary, why = f"{primitive_name(data[1])} that does not decode, {counted(len(data))}", str(error)
        draft = self._dissector.emit("BFCP", frames, time, wire, source, destination, summary)
        draft.octets, draft.value, draft.error = self._dissector.keep(data), whole, why
        return draft

    def _goes_on(self, wire: str, source: Endpoint, destination: Endpoint) -> bool:
        """There has been BFCP between these places."""
        return (wire, source, destination) in self._fragments or (wire, destination, source) in self._fragments

    def _reassembly(self, *way: *Way) -> Reassembly:
        reassembly = self._fragments.setdefault(way, Reassembly(_HOLD_SECONDS))
        self._fragments.move_to_end(way)
        if len(self._fragments) > _MOST_WAYS:
            self._fragments.popitem(last=False)
        return reassembly


def _can_only_be(found: Message | Fragment) -> bool:
    """A whole message with attributes: a header alone is too little to tell by."""
    return isinstance(found, Message) and bool(found.attributes)


def _told(found: Message | Fragment, whole: Message | None) -> str:
    if isinstance(found, Message):
        return summaries.of_bfcp(found)
    header, end = found.header, found.offset + len(found.payload)
    part = f"octets {found.offset} to {end} of {header.size}"
    if whole is None:
        return f"{primitive_name(header.primitive)} {header.transaction}, fragment: {part}"
    return f"{summaries.of_bfcp(whole)}, last fragment: {part}"
