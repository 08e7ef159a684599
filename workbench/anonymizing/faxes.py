"""UDPTL with white pages and other numbers, octet for octet as long (T.38, T.30).

The commands of T.30 stay, so that a call keeps its course. What names somebody (TSI, CSI, CIG, PWD, SUB, non-standard
facilities) and what stands on the pages does not.
"""

from __future__ import annotations

from collections import OrderedDict

from workbench.anonymizing.mapping import Mapping
from workbench.errors import MalformedMessageError, WorkbenchError
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import Field, IfpPacket, UdptlPacket
from workbench.protocols.t38.t30 import frame_name, turned

_V21, _HDLC, _PAGE_HEAD = 0, 0, 4
_ENDS = (2, 3, 4, 5)
# Frames whose content is a command; of any other it may name somebody.
_COMMANDS = ("DIS", "DTC", "DCS", "PPS", "PPR", "CTC", "RCP", "EOR")
_KEPT_ADDRESSES = 3
_MOST_KNOWN = 512


class Faxes:
    """Rewrites UDPTL packets of all flows; what it holds of each is bounded."""

    def __init__(self, mapping: Mapping) -> None:
        self._map = mapping
        self._flows: OrderedDict[object, _Flow] = OrderedDict()

    def packet(self, flow: object, octets: bytes) -> bytes:
        """One datagram; zeros where it is no UDPTL packet, or would not be written as it was."""
        held = self._flows.setdefault(flow, _Flow(self._map))
        self._flows.move_to_end(flow)
        if len(self._flows) > 4096:
            self._flows.popitem(last=False)
        try:
            packet = udptl.decode(octets)
            if udptl.encode(packet) != octets:
                return bytes(len(octets))
            # Oldest first: what stands here again has been seen, or its frame goes on with the next.
            count = len(packet.secondary)
            secondary = [held.rewritten((packet.sequence - count + at) & 0xFFFF, one)
                         for at, one in enumerate(reversed(packet.secondary))]
            primary = held.rewritten(packet.sequence, packet.primary)
            fec = packet.fec
            if fec is not None:
                fec = type(fec)(fec.span, tuple(bytes(len(entry)) for entry in fec.entries))
            made = udptl.encode(UdptlPacket(packet.sequence, primary, tuple(reversed(secondary)), fec))
        except WorkbenchError:
            return bytes(len(octets))
        return made if len(made) == len(octets) else bytes(len(octets))


class _Flow:
    """One direction."""

    def __init__(self, mapping: Mapping) -> None:
        self._map = mapping
        self._known: OrderedDict[tuple[int, bytes], bytes] = OrderedDict()
        self._frame = bytearray()

    def rewritten(self, sequence: int, octets: bytes) -> bytes:
        known = self._known.get((sequence, octets))
        if known is None:
            known = self._known[sequence, octets] = self._packet(octets)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return known

    def _packet(self, octets: bytes) -> bytes:
        for version in (3, 0):
            try:
                packet = ifp.decode(octets, version)
                if ifp.encode(packet, version) == octets:
                    break
            except MalformedMessageError:
                continue
        else:
            return bytes(len(octets))
        if packet.data is None:
            self._frame.clear()
            return octets
        fields = tuple(self._field(packet.data, field) for field in packet.fields or ())
        return ifp.encode(IfpPacket(None, packet.data, fields if packet.fields is not None else None), version)

    def _field(self, data: int, field: Field) -> Field:
        if field.kind in _ENDS or field.octets is None:
            self._frame.clear()
            return field
        if field.kind != _HDLC:
            return Field(field.kind, bytes(len(field.octets)))
        return Field(field.kind, bytes(self._octet(data, one) for one in field.octets))

    def _octet(self, data: int, octet: int) -> int:
        at = len(self._frame)
        if at < 8:
            self._frame.append(octet)
        if at < (_KEPT_ADDRESSES if data == _V21 else _PAGE_HEAD):
            return octet
        if data != _V21:
            return 0
        if frame_name(bytes(self._frame)).startswith(_COMMANDS):
            return octet
        digit = turned(octet)
        if 0x30 <= digit < 0x3A:
            return turned(ord(self._map.token(chr(digit))))
        return octet if digit in (0x20, 0x2B) else self._map.octets(bytes([octet]))[0]
