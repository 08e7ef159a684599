"""What a TCP connection carries: which protocol it is, by content, and where each of its messages ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.analysis import summaries
from workbench.analysis.carried.base import Base, Bulk, Layer, Unknown
from workbench.analysis.carried.bfcp import Bfcp, begins_with_bfcp
from workbench.analysis.carried.http import Http, carries_mikey, head_to_come
from workbench.analysis.carried.msrp import Msrp
from workbench.analysis.carried.sip import Sip
from workbench.analysis.carried.tls_stream import RecordRead, TlsObserver
from workbench.analysis.drafts import Content, counted
from workbench.analysis.flows import Connection
from workbench.analysis.reassembly import Places
from workbench.protocols import sip, stun
from workbench.protocols.bfcp.wire import looks_like_bfcp
from workbench.protocols.h248 import tpkt
from workbench.protocols.h248.recognise import TELLING_OCTETS, looks_like_h248
from workbench.protocols.h248.transport import BINARY_PORT, TEXT_PORT
from workbench.protocols.tls import messages as tls
from workbench.protocols.tls.wire import HEADER_OCTETS as RECORD_OCTETS
from workbench.protocols.tls.wire import begins_with_records, looks_like_tls

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector

CONTROL_PORTS = (TEXT_PORT, BINARY_PORT)
_RECOGNISED_IN = 8
NO_RECORD = "not a TLS record"
"""How a message is told that should be TLS and is none."""
_TPKT_RECOGNISED_IN = tpkt.HEADER_OCTETS + TELLING_OCTETS


class Recogniser(Base):
    """Waits for enough octets to tell which protocol a connection carries, then hands over to its layer."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool = False) -> None:
        super().__init__(dissector, content, protected)
        self._waiting: list[tuple[int, bytes, tuple[int, ...], float, int]] = []
        self._layer: Layer | None = None
        self._begun = [False, False]
        self._answers: tuple[int, Layer] | None = None

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        if isinstance(self._layer, Unknown) and len(octets) >= _RECOGNISED_IN:
            # Of a connection that began before the capture: a later segment may begin where a message does.
            self._layer = self._choose(octets, later=True)
        if self._layer is not None:
            self._layer_of(direction, octets).feed(direction, octets, frames, time, missing)
            return
        self._waiting.append((direction, octets, frames, time, missing))
        start = b"".join(part for towards, part, *_ in self._waiting if towards == direction)
        if head_to_come(start):
            return
        if len(start) >= (_TPKT_RECOGNISED_IN if start[:2] == b"\x03\x00" else _RECOGNISED_IN) or (
                start[:2] == b"\x03\x00" and looks_like_h248(start[tpkt.HEADER_OCTETS:])):
            layer = self._choose(start)
            if isinstance(layer, Unknown) and self.content.connection.opened is None:
                layer = self._choose(octets, later=True)    # behind the rest of a message
            self._decide(layer)

    def finish(self) -> None:
        """See `Layer`."""
        if self._layer is None:
            if not self._waiting:
                return
            self._decide(Unknown(self.dissector, self.content, self.protected))
        assert self._layer is not None
        self._layer.finish()

    def _decide(self, layer: Layer) -> None:
        self._layer = layer
        waiting, self._waiting = self._waiting, []
        for part in waiting:
            self._layer_of(*part[:2]).feed(*part)

    def bulk(self) -> Bulk | None:
        """The connection's layer, if it may pass over messages now."""
        layer = self._layer
        if not all(self._begun) or self._answers is not None or self.protected:
            return None
        return layer if isinstance(layer, _Tls | Msrp) and layer.is_between else None

    def _layer_of(self, direction: int, octets: bytes) -> Layer:
        """That of the connection; but what is in the clear may be answered in TLS, with an alert."""
        assert self._layer is not None
        if not self._begun[direction]:
            self._begun[direction] = True
            clear = not self.protected and not isinstance(self._layer, _Tls)
            if clear and self._begun[1 - direction] and len(octets) >= RECORD_OCTETS and looks_like_tls(octets):
                self._answers = direction, _Tls(self.dissector, self.content)
                self.content.observer = None
        answers = self._answers
        return answers[1] if answers is not None and answers[0] == direction else self._layer

    def _choose(self, start: bytes, later: bool = False) -> Layer:
        """The layer of a connection; `later`: these octets are from its middle, and chance has to be ruled out."""
        shared = (self.dissector, self.content, self.protected)
        connection = self.content.connection
        name: str
        layer: Layer
        if (begins_with_records if later else looks_like_tls)(start) and not self.protected:
            name, layer = "TLS", _Tls(self.dissector, self.content)
        elif start.startswith(b"MSRP "):
            name, layer = "MSRP", Msrp(*shared)
        elif begins_with_bfcp(start) if later else looks_like_bfcp(start) or (
                start[0] >> 5 == 1 and self.dissector.announced.bfcp_at(connection.sides)):
            name, layer = "BFCP", Bfcp(*shared)
        elif sip.looks_like_sip(start.lstrip(b"\r\n")) or _SIP_START.match(start):
            name, layer = "SIP", Sip(*shared)
        elif carries_mikey(start):
            name, layer = "HTTP", Http(*shared)
        elif stun.looks_like_stun(start):
            name, layer = "STUN", _Stun(*shared)
        elif _is_control(start, connection):
            name, layer = "H.248", _H248(*shared)
        elif later and self._layer is not None:
            return self._layer
        else:
            name, layer = "unknown", Unknown(*shared)
        connection.protocol = f"TLS/{name}" if self.protected else name
        return layer


# A SIP start line may be longer than what is waited for.
_SIP_START = re.compile(rb"(?:INVITE|ACK|BYE|CANCEL|OPTIONS|REGISTER|PRACK|UPDATE|MESSAGE|INFO|SUBSCRIBE|NOTIFY|REFER"
                        rb"|PUBLISH) (?:sips?|tel|urn):?|(?:REGISTER|SUBSCRIBE|PUBLISH|OPTIONS)", re.IGNORECASE)


def _is_control(start: bytes, connection: Connection) -> bool:
    """H.248 behind a TPKT header; or without one, or on its port from the middle on, which the framing then tells."""
    if start[:2] == b"\x03\x00" and looks_like_h248(start[tpkt.HEADER_OCTETS:]):
        return True
    return looks_like_h248(start) or any(side.port in CONTROL_PORTS for side in connection.sides)


class _H248(Base):
    """H.248 behind TPKT headers, on a stream."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._framings = (tpkt.Framing(), tpkt.Framing())
        self._places = (Places(), Places())
        self._end = [0, 0]
        self._time = 0.0

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        self._time = time
        framing = self._framings[direction]
        if missing:
            self._tell(direction, framing.skip(missing), time)
        start = self._end[direction] = self._end[direction] + missing
        self._end[direction] += len(octets)
        self._places[direction].add(start, start + len(octets), frames)
        self._tell(direction, framing.receive_data(octets), time)

    def _tell(self, direction: int, pieces: list[tpkt.Framed], time: float) -> None:
        connection = self.content.connection
        sides = connection.sides
        for piece in pieces:
            frames = self._places[direction].frames(piece.start, piece.end)
            size = counted(len(piece.octets))
            if piece.lost:
                self.tell("unknown", direction, frames, time, f"TCP, {size} outside of TPKT packets", piece.octets,
                          error=f"TPKT framing is lost: {piece.problem} [RFC 1006 §6]")
                self.dissector.note("hold octets outside of TPKT packets", frames[-1], piece.problem)
            elif piece.unfinished:
                self.tell("H.248", direction, frames, time, f"unfinished message, {size}", b"",
                          error=f"the connection ended inside a TPKT packet: {piece.problem}")
            else:
                draft = self.dissector.decoded("H.248", frames, time, connection.wire, sides[direction],
                                               sides[1 - direction], piece.octets[tpkt.HEADER_OCTETS:])
                self._place(draft, direction)
                if piece.problem:
                    self.dissector.note("hold a TPKT header with a wrong length", frames[0], piece.problem)

    def finish(self) -> None:
        """See `Layer`."""
        for direction, framing in enumerate(self._framings):
            self._tell(direction, framing.finish(), self._time)


class _Stun(Base):
    """STUN in a stream (RFC 8489 §6.2.2)."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._inboxes = (bytearray(), bytearray())
        self._frames: tuple[list[int], list[int]] = ([], [])
        self._time = 0.0
        self._unknown = Unknown(dissector, content, protected)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        self._time = time
        connection, inbox, held = self.content.connection, self._inboxes[direction], self._frames[direction]
        if missing:
            inbox.clear()
            held.clear()
        inbox += octets
        held += frames
        while len(inbox) >= stun.HEADER_OCTETS and stun.looks_like_stun(inbox):
            size = stun.size_of(inbox) or 0
            if len(inbox) < size:
                return
            sides = connection.sides
            draft = self.dissector.decoded("STUN", tuple(held), time, connection.wire, sides[direction],
                                           sides[1 - direction], bytes(inbox[:size]))
            self._place(draft, direction)
            del inbox[:size]
            del held[: -1 if inbox else None]
        if len(inbox) >= stun.HEADER_OCTETS:
            self._unknown.feed(direction, bytes(inbox), tuple(held), time, missing)
            inbox.clear()
            held.clear()

    def finish(self) -> None:
        """See `Layer`."""
        for direction, inbox in enumerate(self._inboxes):
            if inbox:
                self._unknown.feed(direction, bytes(inbox), tuple(self._frames[direction]), self._time, 0)
                inbox.clear()


def unreadable(kind: int, size: int, problem: str) -> str:
    """`Application Data (64 octets, not readable: no key)`; `size`: of the record with its header."""
    name = _CONTENT_NAMES.get(kind, f"content type {kind}")
    why = "no key" if problem == "no key for it" else problem
    return f"{name} ({counted(size - RECORD_OCTETS)}, not readable: {why})"


_CONTENT_NAMES = {20: "ChangeCipherSpec", 21: "Alert", 22: "Handshake", 23: "Application Data", 24: "Heartbeat"}


class _Tls(Base):
    """TLS in a stream, and what is inside where the key log opens it."""

    protocol = "TLS"

    def __init__(self, dissector: Dissector, content: Content) -> None:
        super().__init__(dissector, content, False)
        self.observer = content.observer = TlsObserver(dissector.keylog)
        self._inner: Recogniser = Recogniser(dissector, content, protected=True)
        self._places = (Places(), Places())
        self._end = [0, 0]
        self._lost = [False, False]
        self._syncing = [False, False]      # behind a hole: until a segment begins where a record does
        self._lacking = [0, 0]
        self._behind = [0, 0]               # octets that what is inside lacks in front of the next record

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        start = self._end[direction] = self._end[direction] + missing
        begins = not start and self.content.connection.opened is None and not looks_like_tls(octets)
        if missing or begins:
            self._syncing[direction], self._lacking[direction] = True, self._lacking[direction] + missing
        if self._syncing[direction] and begins_with_records(octets):
            self.observer.resume(direction, start, self._lacking[direction])
            self._syncing[direction] = self._lost[direction] = False
            missing, self._lacking[direction] = self._lacking[direction], 0
            self._behind[direction] = max(missing, 1)
        if self._lost[direction] or self._syncing[direction]:
            self._end[direction] += len(octets)
            behind = f", behind {counted(missing)} that the capture lacks" if missing else ""
            self.tell("TLS", direction, frames, time, f"octets behind a break ({counted(len(octets))}{behind})", octets,
                      error="records can't be told apart any more" if self._lost[direction] else
                      "no record begins here, and the capture lacks what stood in front")
            return
        self._end[direction] = start + len(octets)
        self._places[direction].add(start, start + len(octets), frames)
        for record in self.observer.feed(direction, octets):
            self._record(record, time)
        error = self.observer.error(direction)
        if error is not None:
            self._lost[direction] = True
            self.tell("TLS", direction, frames, time, NO_RECORD, octets, error=str(error))

    @property
    def is_between(self) -> bool:
        """Nothing unfinished is held, and application data can't be read."""
        return not any(self._lost) and not any(self._syncing) and self.observer.is_opaque

    def passed(self, direction: int, octets: int, messages: int, tail: Sequence[tuple[bytes, int]]) -> None:
        """See `Bulk`."""
        self._end[direction] += octets
        self.observer.passed(direction, octets, messages)
        for part, frame in tail:
            start = self._end[direction]
            self._end[direction] = start + len(part)
            self._places[direction].add(start, start + len(part), (frame,))
            found = self.observer.feed(direction, part)
            assert not found

    def finish(self) -> None:
        """See `Layer`."""
        self._inner.finish()

    def _record(self, record: RecordRead, time: float) -> None:
        direction = record.direction
        first = self._places[direction].frames(min(record.begun, record.start), record.end)
        own = self._places[direction].frames(record.start, record.end)
        if record.plaintext is None:
            told = unreadable(record.outer_type, record.end - record.start, record.problem)
            self.tell("TLS", direction, own, time, told, b"").protected = True
            self.dissector.ledger.unread(own, "TLS records", record.problem or "not readable",
                                         record.end - record.start - RECORD_OCTETS)
            return
        if record.content_type == 23:
            if record.plaintext:
                missing, self._behind[direction] = self._behind[direction], 0
                self._inner.feed(direction, record.plaintext, own, time, missing)
            return
        for index, message in enumerate(record.messages):
            match message:
                case tls.Handshake():
                    told, octets = summaries.of_handshake(message), message.octets
                case tls.AlertMessage():
                    told, octets = summaries.of_alert(message), record.plaintext
                case _:
                    told, octets = "ChangeCipherSpec", record.plaintext
            draft = self.tell("TLS", direction, first if index == 0 else own, time, told, octets, message)
            draft.protected = record.protected
        if record.problem:
            kind = _CONTENT_NAMES.get(record.content_type or 0, f"content type {record.content_type}")
            self.tell("TLS", direction, own, time, f"{kind} that does not decode", record.plaintext,
                      error=record.problem).protected = record.protected
