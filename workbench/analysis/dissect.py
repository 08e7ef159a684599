"""From flows to messages: which protocol it is (by content, never by port), where each message ends, what it says.

A message is a `Draft` here; the report makes a `values.Message` of it when nodes and sessions are known.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from workbench.analysis import summaries
from workbench.analysis.associations import Association, Associations, UserMessage
from workbench.analysis.flows import Connection, Fragments, payload_of
from workbench.analysis.pcapng import Packet
from workbench.analysis.reassembly import Piece, Places
from workbench.analysis.tls_stream import KeyLog, RecordRead, TlsObserver
from workbench.errors import MalformedMessageError
from workbench.net.packets import (
    ICMP,
    ICMP_V6,
    TCP,
    UDP,
    Ip,
    decode_icmp,
    decode_tcp,
    decode_udp,
    protocol_name,
)
from workbench.net.sctp import (
    DATA,
    HEARTBEAT,
    HEARTBEAT_ACK,
    SACK,
    SCTP,
    Sctp,
    chunk_name,
    decode_data,
    decode_sctp,
    payload_name,
)
from workbench.net.values import Endpoint
from workbench.protocols import sip, stun
from workbench.protocols.h248 import coding, tpkt
from workbench.protocols.h248.recognise import TELLING_OCTETS, looks_like_h248
from workbench.protocols.h248.transport import BINARY_PORT, SCTP_PAYLOAD_PROTOCOL, TEXT_PORT
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp import wire as msrp_wire
from workbench.protocols.tls import messages as tls
from workbench.protocols.tls.wire import looks_like_tls

MOST_MESSAGES = 1_000_000
MOST_KEPT_OCTETS = 192 * 2**20
MOST_CONTENT_OCTETS = 8 * 2**20
TWIN_COMMENT = "decrypted twin: TLS is taken off this connection"
_MOST_REPEATS = 4096
_REPEAT_SECONDS = 120.0
_RECOGNISED_IN = 8
_TPKT_RECOGNISED_IN = tpkt.HEADER_OCTETS + TELLING_OCTETS
_MOST_STREAM_MESSAGE = 65_535
_MOST_LIVE_CONNECTIONS = 20_000
_MOST_CONNECTIONS = 100_000
_MOST_SEGMENTS = 4_000_000

_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,7})", re.IGNORECASE)
_PORTS = (TEXT_PORT, BINARY_PORT)
# Chunks that come all the time and change nothing, as acknowledgments of TCP do.
_QUIET_CHUNKS = (DATA, SACK, HEARTBEAT, HEARTBEAT_ACK)
_SUMMARIES: dict[str, Callable[[Any], str]] = {
    "SIP": summaries.of_sip, "H.248": summaries.of_h248, "STUN": summaries.of_stun}
_OCTETS = ("octet", "octets")
_SINGULAR = {"are": "is", "carry": "carries", "hold": "holds", "have": "has"}


class Draft:
    """A message before its ends have names.

    Fields as in `values.Message`; `connection` where TCP carried it, `association` where SCTP did.
    """

    __slots__ = ("association", "comment", "connection", "destination", "direction", "error", "frames", "octets",
                 "protected", "protocol", "repeated", "session", "source", "summary", "time", "value", "wire")

    def __init__(self, protocol: str, frames: tuple[int, ...], time: float, wire: str, source: Endpoint,
                 destination: Endpoint, summary: str) -> None:
        self.protocol = protocol
        self.frames = frames
        self.time = time
        self.wire = wire
        self.source = source
        self.destination = destination
        self.summary = summary
        self.value: Any = None
        self.octets = b""
        self.protected = False
        self.repeated = False
        self.error = ""
        self.comment = ""
        self.connection: Connection | None = None
        self.association: Association | None = None
        self.direction = 0
        self.session: str | None = None


def counted(number: int) -> str:
    """`1 octet`, `20 octets`."""
    return f"{number} {_OCTETS[number != 1]}"


def _recognised(octets: bytes, source: Endpoint, destination: Endpoint) -> str:
    """The protocol of a datagram or user message: by content; what only may be BER, by H.248's ports too."""
    if sip.looks_like_sip(octets.lstrip(b"\r\n")):
        return "SIP"
    if stun.looks_like_stun(octets):
        return "STUN"
    if looks_like_h248(octets) or (octets[:1] == b"\x30" and (source.port in _PORTS or destination.port in _PORTS)):
        return "H.248"
    return ""


class Content:
    """What one TCP connection carried: application octets of both directions (decrypted where TLS protected them)."""

    __slots__ = ("_kept", "connection", "cut", "observer", "pieces")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.observer: TlsObserver | None = None
        self.pieces: list[tuple[int, int, bytes]] = []    # direction, frame that completed it, octets
        self.cut = False
        self._kept = 0

    def add(self, direction: int, frame: int, octets: bytes) -> None:
        """Keep application octets, up to a limit (`cut`)."""
        if self.cut or self._kept + len(octets) > MOST_CONTENT_OCTETS:
            self.cut = True
            return
        self._kept += len(octets)
        self.pieces.append((direction, frame, octets))

    def payload(self, direction: int) -> bytes:
        """All application octets of a direction, in order."""
        return b"".join(octets for towards, _, octets in self.pieces if towards == direction)


class _Layer(Protocol):
    """Reads one protocol in both directions of a connection."""

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """The next octets of a direction; `missing`: how many the capture lacks in front of them."""

    def finish(self) -> None:
        """Nothing more comes."""


class Dissector:
    """Packets in, drafts out, in the order in which the capture completes messages.

    Args:
        keylog: secrets of TLS connections.
    """

    def __init__(self, keylog: KeyLog) -> None:
        self.drafts: list[Draft] = []
        self.contents: list[Content] = []
        self.notes: list[str] = []
        self.keylog = keylog
        self.kept = 0
        self.left_out = 0
        self.first_ns: int | None = None
        self.last_time = 0.0
        self._associations = Associations()
        self._live: OrderedDict[tuple[str, Endpoint, Endpoint], tuple[Content, _Layer]] = OrderedDict()
        self._fragments = Fragments()
        self._seen: OrderedDict[tuple[str, Endpoint, Endpoint, bytes], float] = OrderedDict()
        self._decoded: OrderedDict[bytes, tuple[Any, str]] = OrderedDict()
        self._comments: dict[int, str] = {}
        self._twin_frames = 0
        self._segments = 0
        self._broken: Counter[str] = Counter()
        self._first_broken: dict[str, tuple[int, str]] = {}

    def take(self, packet: Packet) -> None:
        """Take the next frame of the capture. Raises nothing for what is in it."""
        if self.first_ns is None:
            self.first_ns = packet.time_ns
        time = (packet.time_ns - self.first_ns) / 1e9
        self.last_time = max(self.last_time, time)
        if packet.comment and len(self._comments) < MOST_MESSAGES:
            self._comments[packet.number] = packet.comment
            self._twin_frames += packet.comment == TWIN_COMMENT
        try:
            ip = payload_of(packet)
        except MalformedMessageError as error:
            self.note("are IP that does not decode", packet.number, str(error))
            return
        if ip is None:
            self.note("carry no IP packet", packet.number, f"link type {packet.link}")
            return
        frames: tuple[int, ...] = (packet.number,)
        if ip.is_fragment:
            whole = self._fragments.add(packet.wire, ip, packet.number)
            if whole is None:
                return
            ip, frames = whole
        try:
            self._transport(packet, ip, frames, time)
        except MalformedMessageError as error:
            self.note(f"are {protocol_name(ip.protocol)} that does not decode", packet.number, str(error))

    def _transport(self, packet: Packet, ip: Ip, frames: tuple[int, ...], time: float) -> None:
        if ip.protocol == UDP:
            datagram = decode_udp(ip)
            self._datagram(packet.wire, datagram.source, datagram.destination, datagram.data, frames, time)
        elif ip.protocol == TCP:
            self._segment(packet.wire, ip, frames, time)
        elif ip.protocol == SCTP:
            self._sctp(packet.wire, decode_sctp(ip), frames, time)
        elif ip.protocol in (ICMP, ICMP_V6):
            icmp = decode_icmp(ip)
            draft = self.emit("ICMP", frames, time, packet.wire, Endpoint(ip.source, 0), Endpoint(ip.destination, 0),
                              summaries.of_icmp(icmp))
            draft.value, draft.octets = icmp, self.keep(ip.payload)
        else:
            self.note(f"carry {protocol_name(ip.protocol)}, which is not read", packet.number, "")

    def finish(self) -> None:
        """The capture is over."""
        while self._live:
            self._end(*self._live.popitem(last=False)[1])
        for what, count in self._broken.items():
            number, why = self._first_broken[what]
            frames = f"frame {number}" if count == 1 else f"{count} frames (the first is {number})"
            verb, _, rest = what.partition(" ")
            verb = f"{_SINGULAR[verb]} {rest}" if count == 1 else what
            self.notes.append(f"{frames} {verb}" + (f": {why}" if why else ""))
        self.notes += self._associations.notes()
        if self._fragments.lost:
            self.notes.append(f"{self._fragments.lost} fragmented IP packets were given up")
        if self._twin_frames:
            self.notes.append("a decrypted twin, as its comments say: what is clear in it was inside TLS on the wire")
        if self.left_out:
            self.notes.append(f"{self.left_out} messages are left out: {MOST_MESSAGES} are kept at most")
        if self.kept > MOST_KEPT_OCTETS:
            self.notes.append(f"octets of later messages are not kept: over {MOST_KEPT_OCTETS} octets")
        for content in self.contents:
            missing = sum(stream.missing for stream in content.connection.streams)
            a, b = content.connection.sides
            if missing:
                self.notes.append(f"the capture lacks {counted(missing)} of the TCP connection {a} - {b}")
            if content.cut:
                self.notes.append(f"payload of the TCP connection {a} - {b} is kept up to {MOST_CONTENT_OCTETS} octets")
            changed = sorted(f for stream in content.connection.streams for f in stream.changed)
            if changed:
                self.notes.append(
                    f"frame {changed[0]} repeats octets of the TCP connection {a} - {b} with other content")

    def emit(self, protocol: str, frames: tuple[int, ...], time: float, wire: str, source: Endpoint,
             destination: Endpoint, summary: str) -> Draft:
        """A new draft, kept if there is room."""
        draft = Draft(protocol, frames, time, wire, source, destination, summary)
        draft.comment = self._comments.get(frames[0], "") if frames else ""
        if len(self.drafts) < MOST_MESSAGES:
            self.drafts.append(draft)
        else:
            self.left_out += 1
        return draft

    def keep(self, octets: bytes) -> bytes:
        """The octets, as long as there is room for any."""
        self.kept += len(octets)
        return octets if self.kept <= MOST_KEPT_OCTETS else b""

    def note(self, what: str, frame: int, why: str) -> None:
        """Frames that are all wrong in the same way make one note of the report."""
        self._broken[what] += 1
        self._first_broken.setdefault(what, (frame, why))

    # --- datagrams

    def _datagram(self, wire: str, source: Endpoint, destination: Endpoint, data: bytes, frames: tuple[int, ...],
                  time: float) -> None:
        protocol = _recognised(data, source, destination)
        if protocol:
            draft = self.decoded(protocol, frames, time, wire, source, destination, data)
        elif not data.strip(b"\r\n\0"):
            draft = self.emit("UDP", frames, time, wire, source, destination, f"keep-alive ({counted(len(data))})")
            draft.octets = self.keep(data)
            return
        else:
            draft = self.emit("unknown", frames, time, wire, source, destination, f"UDP, {counted(len(data))}")
            draft.octets = self.keep(data)
            return
        key = (wire, source, destination, data)
        before = self._seen.get(key)
        draft.repeated = before is not None and time - before < _REPEAT_SECONDS
        self._seen[key] = time
        self._seen.move_to_end(key)
        if len(self._seen) > _MOST_REPEATS:
            self._seen.popitem(last=False)

    def decoded(self, protocol: str, frames: tuple[int, ...], time: float, wire: str, source: Endpoint,
                destination: Endpoint, octets: bytes) -> Draft:
        """A draft of a SIP, H.248 or STUN message. Equal octets are decoded once."""
        known = self._decoded.get(octets)
        if known is None:
            known = self._decode(protocol, octets)
            self._decoded[octets] = known
            if len(self._decoded) > 512:
                self._decoded.popitem(last=False)
        value, error = known
        if error:
            first = octets.lstrip()[:200].partition(b"\n")[0].decode("utf-8", "replace").strip()
            if coding.coding_of(octets) == "binary":
                first = f"BER, {counted(len(octets))}"
            summary = summaries.shortened(f"does not decode: {first}", 120)
        else:
            summary = _SUMMARIES[protocol](value)
        draft = self.emit(protocol, frames, time, wire, source, destination, summary)
        draft.value, draft.error, draft.octets = value, error, self.keep(octets)
        return draft

    @staticmethod
    def _decode(protocol: str, octets: bytes) -> tuple[Any, str]:
        try:
            if protocol == "SIP":
                return sip.decode(octets), ""
            if protocol == "STUN":
                return stun.decode(octets), ""
            return coding.decode(octets, coding.coding_of(octets)), ""
        except MalformedMessageError as error:
            return None, str(error)

    # --- SCTP

    def _sctp(self, wire: str, packet: Sctp, frames: tuple[int, ...], time: float) -> None:
        if not packet.checksum_ok:
            self.note("have a wrong SCTP checksum", frames[-1], "CRC32c, RFC 9260 §6.8; read all the same")
        if packet.broken:
            self.note("carry SCTP that does not decode", frames[-1], packet.broken)
        association, direction = self._associations.find(wire, packet)
        told = dict.fromkeys(chunk_name(chunk.type) for chunk in packet.chunks if chunk.type not in _QUIET_CHUNKS)
        if told:
            draft = self.emit("SCTP", frames, time, wire, packet.source, packet.destination,
                              summaries.shortened(", ".join(told), 120))
            draft.association, draft.direction = association, direction
        for chunk in packet.chunks:
            if chunk.type != DATA:
                continue
            try:
                data = decode_data(chunk)
            except MalformedMessageError as error:
                self.note("carry SCTP that does not decode", frames[-1], str(error))
                continue
            message = association.take(direction, data, frames)
            if message is not None:
                draft = self._user_message(wire, packet, message, time)
                draft.association, draft.direction, draft.repeated = association, direction, message.repeated

    def _user_message(self, wire: str, packet: Sctp, message: UserMessage, time: float) -> Draft:
        ends = (packet.source, packet.destination)
        protocol = _recognised(message.octets, *ends)
        if message.payload_protocol == SCTP_PAYLOAD_PROTOCOL:
            protocol = "H.248"
        if protocol:
            return self.decoded(protocol, message.frames, time, wire, *ends, message.octets)
        told = f"SCTP, {counted(len(message.octets))}, payload protocol {payload_name(message.payload_protocol)}"
        draft = self.emit("unknown", message.frames, time, wire, *ends, told)
        draft.octets = self.keep(message.octets)
        return draft

    # --- TCP

    def _segment(self, wire: str, ip: Ip, frames: tuple[int, ...], time: float) -> None:
        segment = decode_tcp(ip)
        a, b = segment.source, segment.destination
        key = (wire, a, b) if a <= b else (wire, b, a)
        live = self._live.get(key)
        if live is not None and live[0].connection.reopens(segment):
            self._end(*live)
            live = None
        if live is None and len(self.contents) >= _MOST_CONNECTIONS:
            self.note(f"are of TCP connections beyond the first {_MOST_CONNECTIONS}", frames[-1], "")
            return
        if live is None:
            content = Content(Connection(len(self.contents), wire, a, b))
            if self._segments > _MOST_SEGMENTS:
                content.connection.forget()
            self.contents.append(content)
            live = self._live[key] = (content, _Recogniser(self, content))
            if len(self._live) > _MOST_LIVE_CONNECTIONS:
                self._end(*self._live.popitem(last=False)[1])
        content, layer = live
        self._segments += 1
        happened = content.connection.take(segment, frames[-1], time)
        if happened.mark.startswith("SYN"):
            self._mark(content.connection, happened.direction, happened.mark, happened.repeated, frames, time)
        for piece in happened.pieces:
            _give(layer, happened.direction, piece, time)
        if happened.mark in ("FIN", "RST"):
            if not happened.repeated:
                layer.finish() if content.connection.ended else None
            mark = "RST, connection refused" if content.connection.refused else happened.mark
            self._mark(content.connection, happened.direction, mark, happened.repeated, frames, time)

    def _mark(self, connection: Connection, direction: int, mark: str, repeated: bool, frames: tuple[int, ...],
              time: float) -> None:
        sides = connection.sides
        draft = self.emit("TCP", frames, time, connection.wire, sides[direction], sides[1 - direction], mark)
        draft.connection, draft.direction, draft.repeated = connection, direction, repeated

    def _end(self, content: Content, layer: _Layer) -> None:
        for direction, piece in content.connection.close():
            _give(layer, direction, piece, self.last_time)
        layer.finish()


def _give(layer: _Layer, direction: int, piece: Piece, time: float) -> None:
    layer.feed(direction, piece.octets, (piece.frame,), time, piece.missing)


class _Base:
    """What the layers of a connection share: making drafts that lie on it."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        self.dissector = dissector
        self.content = content
        self.protected = protected

    def tell(self, protocol: str, direction: int, frames: tuple[int, ...], time: float, summary: str, octets: bytes,
             value: Any = None, error: str = "") -> Draft:
        """A draft in this connection."""
        connection = self.content.connection
        sides = connection.sides
        draft = self.dissector.emit(protocol, frames, time, connection.wire, sides[direction], sides[1 - direction],
                                    summary)
        self._place(draft, direction)
        draft.value, draft.error, draft.octets = value, error, self.dissector.keep(octets)
        return draft

    def _place(self, draft: Draft, direction: int) -> None:
        draft.connection, draft.direction, draft.protected = self.content.connection, direction, self.protected


class _Recogniser(_Base):
    """Waits for enough octets to tell which protocol a connection carries, then hands over to its layer."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool = False) -> None:
        super().__init__(dissector, content, protected)
        self._waiting: list[tuple[int, bytes, tuple[int, ...], float, int]] = []
        self._layer: _Layer | None = None

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `_Layer`."""
        if self._layer is not None:
            self._layer.feed(direction, octets, frames, time, missing)
            return
        self._waiting.append((direction, octets, frames, time, missing))
        start = b"".join(part for towards, part, *_ in self._waiting if towards == direction)
        if len(start) >= (_TPKT_RECOGNISED_IN if start[:2] == b"\x03\x00" else _RECOGNISED_IN) or (
                start[:2] == b"\x03\x00" and looks_like_h248(start[tpkt.HEADER_OCTETS:])):
            self._decide(self._choose(start))

    def finish(self) -> None:
        """See `_Layer`."""
        if self._layer is None:
            if not self._waiting:
                return
            self._decide(_Unknown(self.dissector, self.content, self.protected))
        assert self._layer is not None
        self._layer.finish()

    def _decide(self, layer: _Layer) -> None:
        self._layer = layer
        waiting, self._waiting = self._waiting, []
        for part in waiting:
            layer.feed(*part)

    def _choose(self, start: bytes) -> _Layer:
        shared = (self.dissector, self.content, self.protected)
        connection = self.content.connection
        name: str
        layer: _Layer
        if looks_like_tls(start) and not self.protected:
            name, layer = "TLS", _Tls(self.dissector, self.content)
        elif start.startswith(b"MSRP "):
            name, layer = "MSRP", _Msrp(*shared)
        elif sip.looks_like_sip(start.lstrip(b"\r\n")) or _SIP_START.match(start):
            name, layer = "SIP", _Sip(*shared)
        elif stun.looks_like_stun(start):
            name, layer = "STUN", _Stun(*shared)
        elif _is_control(start, connection):
            name, layer = "H.248", _H248(*shared)
        else:
            name, layer = "unknown", _Unknown(*shared)
        connection.protocol = f"TLS/{name}" if self.protected else name
        return layer


# A SIP start line may be longer than what is waited for.
_SIP_START = re.compile(rb"(?:INVITE|ACK|BYE|CANCEL|OPTIONS|REGISTER|PRACK|UPDATE|MESSAGE|INFO|SUBSCRIBE|NOTIFY|REFER"
                        rb"|PUBLISH) (?:sips?|tel|urn):?|(?:REGISTER|SUBSCRIBE|PUBLISH|OPTIONS)", re.IGNORECASE)


def _is_control(start: bytes, connection: Connection) -> bool:
    """H.248 behind a TPKT header; or without one, or on its port from the middle on, which the framing then tells."""
    if start[:2] == b"\x03\x00" and looks_like_h248(start[tpkt.HEADER_OCTETS:]):
        return True
    return looks_like_h248(start) or any(side.port in _PORTS for side in connection.sides)


class _Unknown(_Base):
    """Octets that no protocol here knows: kept as they came."""

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `_Layer`."""
        self.content.add(direction, frames[-1] if frames else 0, octets)
        behind = f" (behind {counted(missing)} that the capture lacks)" if missing else ""
        told = f"TCP, {counted(len(octets))}{behind}"
        self.tell("unknown", direction, frames, time, told, octets)

    def finish(self) -> None:
        """See `_Layer`."""


def _cut_sip(buffer: bytearray) -> int:
    """Octets of the first SIP message in a stream; 0: not all here; below 0: not SIP (RFC 3261 §18.3)."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return 0 if len(buffer) <= _MOST_STREAM_MESSAGE else -1
    if not sip.looks_like_sip(bytes(buffer[:end])):
        return -1
    length = _LENGTH.search(bytes(buffer[: end + 2]))
    size = end + 4 + (int(length[1]) if length is not None else 0)
    if size > _MOST_STREAM_MESSAGE:
        return -1
    return size if len(buffer) >= size else 0


class _Sip(_Base):
    """SIP on a stream."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._buffers = (bytearray(), bytearray())
        self._places = (Places(), Places())
        self._at = [0, 0]       # offset of the buffers' first octets
        self._lost = [False, False]
        self._unknown = _Unknown(dissector, content, protected)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `_Layer`."""
        if missing:
            self._lost[direction] = True
        if self._lost[direction]:
            self._unknown.feed(direction, octets, frames, time, missing)
            return
        buffer = self._buffers[direction]
        end = self._at[direction] + len(buffer)
        self._places[direction].add(end, end + len(octets), frames)
        buffer += octets
        self.content.add(direction, frames[-1], octets)
        while buffer:
            if buffer[0] in b"\r\n":
                self._drop(direction, 1)       # keep-alives between messages (RFC 5626 §3.5.1)
                continue
            size = _cut_sip(buffer)
            if size == 0:
                return
            if size < 0:
                self._lost[direction] = True
                self.tell("unknown", direction, frames, time, f"TCP, {counted(len(buffer))}", bytes(buffer),
                          error="SIP framing is lost")
                buffer.clear()
                return
            start = self._at[direction]
            sides, connection = self.content.connection.sides, self.content.connection
            draft = self.dissector.decoded(
                "SIP", self._places[direction].frames(start, start + size), time, connection.wire,
                sides[direction], sides[1 - direction], bytes(buffer[:size]))
            self._place(draft, direction)
            self._drop(direction, size)

    def _drop(self, direction: int, size: int) -> None:
        del self._buffers[direction][:size]
        self._at[direction] += size

    def finish(self) -> None:
        """See `_Layer`."""


class _H248(_Base):
    """H.248 behind TPKT headers, on a stream."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._framings = (tpkt.Framing(), tpkt.Framing())
        self._places = (Places(), Places())
        self._end = [0, 0]
        self._time = 0.0

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `_Layer`."""
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
        """See `_Layer`."""
        for direction, framing in enumerate(self._framings):
            self._tell(direction, framing.finish(), self._time)


class _Stun(_Base):
    """STUN in a stream (RFC 8489 §6.2.2)."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._inboxes = (bytearray(), bytearray())
        self._frames: tuple[list[int], list[int]] = ([], [])
        self._time = 0.0
        self._unknown = _Unknown(dissector, content, protected)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `_Layer`."""
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
        """See `_Layer`."""
        for direction, inbox in enumerate(self._inboxes):
            if inbox:
                self._unknown.feed(direction, bytes(inbox), tuple(self._frames[direction]), self._time, 0)
                inbox.clear()


class _Msrp(_Base):
    """MSRP in a stream."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._readers = [msrp_wire.Reader(), msrp_wire.Reader()]
        self._base = [0, 0]     # where in the direction each reader began
        self._end = [0, 0]
        self._places = (Places(), Places())
        self._syncing = [False, False]
        self._time = 0.0
        self._unknown = _Unknown(dissector, content, protected)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `_Layer`."""
        self._time = time
        if missing:
            self._readers[direction] = msrp_wire.Reader()
            self._end[direction] += missing
            self._syncing[direction] = True
        if self._syncing[direction]:
            at = 0 if octets.startswith(b"MSRP ") else octets.find(b"\r\nMSRP ") + 2
            if at == 1:
                self._end[direction] += len(octets)
                self._unknown.feed(direction, octets, frames, time, missing)
                return
            if at:
                self._unknown.feed(direction, octets[:at], frames, time, missing)
            self._end[direction] += at
            octets = octets[at:]
            self._base[direction] = self._end[direction]
            self._syncing[direction] = False
        reader = self._readers[direction]
        if reader.broken:
            self._unknown.feed(direction, octets, frames, time, 0)
            return
        start = self._end[direction]
        self._end[direction] = start + len(octets)
        self._places[direction].add(start, start + len(octets), frames)
        self.content.add(direction, frames[-1], octets)
        base = self._base[direction]
        for framed in reader.receive_data(octets):
            places = self._places[direction].frames(base + framed.start, base + framed.end)
            error = "" if framed.error is None else str(framed.error)
            value = None if isinstance(framed.message, msrp.Broken) else framed.message
            if framed.message is None:
                told = f"not MSRP, {counted(framed.end - framed.start)}"
            else:
                told = summaries.of_msrp(framed.message)
            self.tell("MSRP", direction, places, time, told, framed.octets, value, error)

    def finish(self) -> None:
        """See `_Layer`."""
        for direction, reader in enumerate(self._readers):
            if reader.held:
                end = self._end[direction]
                frames = self._places[direction].frames(end - reader.held, end)
                self.tell("MSRP", direction, frames, self._time, f"unfinished message, {counted(reader.held)}", b"",
                          error="the connection ended inside a message")
                self._readers[direction] = msrp_wire.Reader()


_CONTENT_NAMES = {20: "ChangeCipherSpec", 21: "Alert", 22: "Handshake", 23: "Application Data", 24: "Heartbeat"}


class _Tls(_Base):
    """TLS in a stream, and what is inside where the key log opens it."""

    def __init__(self, dissector: Dissector, content: Content) -> None:
        super().__init__(dissector, content, False)
        self.observer = content.observer = TlsObserver(dissector.keylog)
        self._inner: _Recogniser = _Recogniser(dissector, content, protected=True)
        self._places = (Places(), Places())
        self._end = [0, 0]
        self._lost = [False, False]
        self._unknown = _Unknown(dissector, content, False)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `_Layer`."""
        if missing and not self._lost[direction]:
            # Records behind a hole can neither be cut nor decrypted: the AEAD counts them.
            self._lost[direction] = True
        if self._lost[direction]:
            behind = f", behind {counted(missing)} that the capture lacks" if missing else ""
            self.tell("TLS", direction, frames, time, f"octets behind a break ({counted(len(octets))}{behind})", octets,
                      error="records can't be told apart any more")
            return
        start = self._end[direction]
        self._end[direction] = start + len(octets)
        self._places[direction].add(start, start + len(octets), frames)
        for record in self.observer.feed(direction, octets):
            self._record(record, time)
        error = self.observer.error(direction)
        if error is not None:
            self._lost[direction] = True
            self.tell("TLS", direction, frames, time, "not a TLS record", octets, error=str(error))

    def finish(self) -> None:
        """See `_Layer`."""
        self._inner.finish()

    def _record(self, record: RecordRead, time: float) -> None:
        direction = record.direction
        first = self._places[direction].frames(min(record.begun, record.start), record.end)
        own = self._places[direction].frames(record.start, record.end)
        if record.plaintext is None:
            kind = _CONTENT_NAMES.get(record.outer_type, f"content type {record.outer_type}")
            why = "no key" if record.problem == "no key for it" else record.problem
            size = counted(record.end - record.start - 5)
            self.tell("TLS", direction, own, time, f"{kind} ({size}, not readable: {why})", b"").protected = True
            return
        if record.content_type == 23:
            if record.plaintext:
                self._inner.feed(direction, record.plaintext, own, time, 0)
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
