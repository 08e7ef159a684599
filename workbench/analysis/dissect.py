"""From flows to messages: which protocol it is (by content, never by port), where each message ends, what it says.

A message is a `Draft` here; the report makes a `values.Message` of it when nodes and sessions are known.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.analysis import drafts, summaries
from workbench.analysis.associations import Associations, UserMessage
from workbench.analysis.carried.announced import Announced
from workbench.analysis.carried.base import Layer
from workbench.analysis.carried.dtls import DtlsFlow
from workbench.analysis.carried.floors import FloorReader
from workbench.analysis.carried.recogniser import CONTROL_PORTS, Recogniser
from workbench.analysis.carried.rtp import SoundReader
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.carried.udptl import FaxReader
from workbench.analysis.drafts import Content, Draft, counted
from workbench.analysis.flows import Connection, Fragments, inside, is_cut, payload_of
from workbench.analysis.links import MOST_TUNNELS, without_ip
from workbench.analysis.pcapng import Packet
from workbench.analysis.reassembly import Piece
from workbench.analysis.unread import Ledger
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
from workbench.protocols.h248 import coding
from workbench.protocols.h248.recognise import looks_like_h248
from workbench.protocols.h248.transport import SCTP_PAYLOAD_PROTOCOL
from workbench.protocols.tls.datagrams import is_of_running, looks_like_dtls, split

if TYPE_CHECKING:
    from workbench.analysis.table import Drafts

__all__ = ["MOST_MESSAGES", "TWIN_COMMENT", "Content", "Dissector", "Draft"]

MOST_MESSAGES = 1_000_000
AT_THE_END = 2**32 - 1
MOST_KEPT_OCTETS = 192 * 2**20
TWIN_COMMENT = "decrypted twin: TLS is taken off this connection"
_MOST_REPEATS = 4096
_REPEAT_SECONDS = 120.0
_MOST_LIVE_CONNECTIONS = 20_000
_MOST_CONNECTIONS = 100_000
_MOST_SEGMENTS = 4_000_000

# Chunks that come all the time and change nothing, as acknowledgments of TCP do.
_QUIET_CHUNKS = (DATA, SACK, HEARTBEAT, HEARTBEAT_ACK)
_SUMMARIES: dict[str, Callable[[Any], str]] = {
    "SIP": summaries.of_sip, "H.248": summaries.of_h248, "STUN": summaries.of_stun}
_OVERHEAD = {2: "IGMP", 59: "IP without content", 89: "OSPF", 103: "PIM", 112: "VRRP"}
_ESP, _ENCRYPTED = 50, "encrypted by IPsec, and no key for it"
_NO_MESSAGE = "part of no whole message in the capture"
_TOO_MANY = f"only the first {_MOST_CONNECTIONS} are read"
_SINGULAR = {"are": "is", "carry": "carries", "hold": "holds", "have": "has"}


def _recognised(octets: bytes, source: Endpoint, destination: Endpoint) -> str:
    """The protocol of a datagram or user message: by content; what only may be BER, by H.248's ports too."""
    if sip.looks_like_sip(octets.lstrip(b"\r\n")):
        return "SIP"
    if stun.looks_like_stun(octets):
        return "STUN"
    may_be_ber = octets[:1] == b"\x30" and (source.port in CONTROL_PORTS or destination.port in CONTROL_PORTS)
    return "H.248" if may_be_ber or looks_like_h248(octets) else ""


def _cut_or_broken(packet: Packet) -> str:
    return "cut by the capture's limit on octets of a frame" if is_cut(packet) else "broken"


class Dissector:
    """Packets in, drafts out, in the order in which the capture completes messages.

    Args:
        keylog: secrets of TLS connections.

    Attributes:
        completed: the frame that completed each of `drafts`; `AT_THE_END` where the end of the capture did.
        held: `drafts` and messages that were read elsewhere; None: there are no others.
        touched: the connection that the last frame was of, and its reader.
    """

    def __init__(self, keylog: KeyLog) -> None:
        self.drafts: list[Draft] = []
        self.completed = array("I")
        self.held: Drafts | None = None
        self.touched: tuple[Content, Recogniser] | None = None
        self.contents: list[Content] = []
        self.notes: list[str] = []
        self.ledger = Ledger()
        self.keylog = keylog
        self.kept = 0
        self.left_out = 0
        self.first_ns: int | None = None
        self.last_time = 0.0
        self._associations = Associations()
        self._live: OrderedDict[tuple[str, Endpoint, Endpoint], tuple[Content, Recogniser]] = OrderedDict()
        self.dtls: list[DtlsFlow] = []
        self._dtls_flows: OrderedDict[tuple[str, Endpoint, Endpoint], DtlsFlow] = OrderedDict()
        self._dtls_at: OrderedDict[tuple[str, Endpoint], DtlsFlow] = OrderedDict()
        self._fragments = Fragments()
        self._seen: OrderedDict[tuple[str, Endpoint, Endpoint, bytes], float] = OrderedDict()
        self._decoded: OrderedDict[bytes, tuple[Any, str]] = OrderedDict()
        self.announced = Announced()
        self.fax = FaxReader(self)
        self.sound = SoundReader(self)
        self.floors = FloorReader(self)
        self._comments: dict[int, str] = {}
        self._twin_frames = 0
        self._segments = 0
        self._out_of_order = False
        self._now = 0
        self._broken: Counter[str] = Counter()
        self._first_broken: dict[str, tuple[int, str]] = {}

    def take(self, packet: Packet) -> None:
        """Take the next frame of the capture. Raises nothing for what is in it."""
        if self.first_ns is None:
            self.first_ns = packet.time_ns
        self._now, self.touched = packet.number, None
        time = (packet.time_ns - self.first_ns) / 1e9
        self.last_time = max(self.last_time, time)
        if packet.comment and len(self._comments) < MOST_MESSAGES:
            self._comments[packet.number] = packet.comment
            self._twin_frames += packet.comment.startswith(TWIN_COMMENT)
        try:
            found = self._network(packet)
        except MalformedMessageError as error:
            self.note("are IP that does not decode", packet.number, str(error))
            self.ledger.unread((packet.number,), "IP that does not decode", _cut_or_broken(packet), len(packet.octets))
            return
        if found is None:
            return
        ip, frames = found
        for number in frames[:-1]:
            self.ledger.plain(number, "parts of fragmented IP packets")
        try:
            self._transport(packet, ip, frames, time)
        except MalformedMessageError as error:
            name = protocol_name(ip.protocol)
            self.note(f"are {name} that does not decode", packet.number, str(error))
            self.ledger.unread(frames, f"{name} that does not decode", _cut_or_broken(packet), len(ip.payload))

    def _network(self, packet: Packet) -> tuple[Ip, tuple[int, ...]] | None:
        """The innermost IP packet, whole, with its frames; None: none there, or more fragments have to come."""
        ip = payload_of(packet)
        frames: tuple[int, ...] = (packet.number,)
        if ip is None:
            what, why = without_ip(packet.link, packet.octets)
            if why:
                self.note("carry no IP packet", packet.number, f"link type {packet.link}")
                self.ledger.unread(frames, what, why, len(packet.octets))
            else:
                self.ledger.plain(packet.number, what)
            return None
        for depth in range(MOST_TUNNELS + 1):
            if ip.is_fragment:
                self.ledger.waits(packet.number, "IP fragments", "the packet is not whole in the capture",
                                  len(ip.payload))
                whole = self._fragments.add(packet.wire, ip, frames)
                if whole is None:
                    return None
                ip, frames = whole
            inner = inside(ip, packet) if depth < MOST_TUNNELS else None
            if inner is None:
                break
            ip = inner
        return ip, frames

    def _transport(self, packet: Packet, ip: Ip, frames: tuple[int, ...], time: float) -> None:
        if ip.protocol == UDP:
            datagram = decode_udp(ip)
            self.ledger.waits(packet.number, "UDP", _NO_MESSAGE, len(datagram.data))
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
        elif ip.protocol in _OVERHEAD:
            self.ledger.plain(packet.number, _OVERHEAD[ip.protocol])
        else:
            name = protocol_name(ip.protocol)
            self.note(f"carry {name}, which is not read", packet.number, "")
            self.ledger.unread(frames, f"IP protocol {name}", _ENCRYPTED if ip.protocol == _ESP else "not read here",
                               len(ip.payload))

    def finish(self) -> None:
        """The capture is over."""
        self._now = AT_THE_END
        while self._live:
            self._end(*self._live.popitem(last=False)[1])
        if self._out_of_order:      # what lay behind a hole was read later than it came
            self.drafts.sort(key=_last_frame)
            self.completed = array("I", map(_last_frame, self.drafts))
        self.ledger.messages(self.drafts)
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
            for stream in content.connection.streams:
                stream.forget()
            missing = sum(stream.missing for stream in content.connection.streams)
            a, b = content.connection.sides
            if missing:
                self.notes.append(f"the capture lacks {counted(missing)} of the TCP connection {a} - {b}")
            if content.cut:
                most = drafts.MOST_CONTENT_OCTETS
                self.notes.append(f"payload of the TCP connection {a} - {b} is kept up to {most} octets")
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
            self.completed.append(self._now)
        else:
            self.left_out += 1
            self.ledger.unread(frames, "later messages", f"{MOST_MESSAGES} are kept at most", 0)
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
        draft = self.fax.datagram(wire, source, destination, data, frames, time)
        if draft is None and self.sound.datagram(wire, source, destination, data, frames, time) is not None:
            return
        if draft is None:
            draft = self.floors.datagram(wire, source, destination, data, frames, time)
        if draft is None and looks_like_dtls(data):
            self._dtls(wire, source, destination, data, frames, time)
            return
        if draft is None:
            draft = self.inside(wire, source, destination, data, frames, time)
            if draft.protocol == "unknown":
                self.fax.unknown(draft, data)
        if draft.protocol not in ("UDP", "unknown"):
            draft.repeated = self.repeats(draft, data)

    def repeats(self, draft: Draft, octets: bytes) -> bool:
        """Whether the same octets have gone the same way lately; they have from now on."""
        key = (draft.wire, draft.source, draft.destination, octets)
        before = self._seen.get(key)
        self._seen[key] = draft.time
        self._seen.move_to_end(key)
        if len(self._seen) > _MOST_REPEATS:
            self._seen.popitem(last=False)
        return before is not None and draft.time - before < _REPEAT_SECONDS

    def is_twin(self, frames: tuple[int, ...]) -> bool:
        """These frames were written in place of protected ones (`write_twin`)."""
        return bool(self._twin_frames) and self._comments.get(frames[-1], "").startswith(TWIN_COMMENT)

    def inside(self, wire: str, source: Endpoint, destination: Endpoint, data: bytes, frames: tuple[int, ...],
               time: float) -> Draft:
        """What a datagram carries, in clear or decrypted."""
        protocol = _recognised(data, source, destination)
        if protocol:
            return self.decoded(protocol, frames, time, wire, source, destination, data)
        if not data.strip(b"\r\n\0"):
            draft = self.emit("UDP", frames, time, wire, source, destination, f"keep-alive ({counted(len(data))})")
        else:
            draft = self.emit("unknown", frames, time, wire, source, destination, f"UDP, {counted(len(data))}")
        draft.octets = self.keep(data)
        return draft

    def _dtls(self, wire: str, source: Endpoint, destination: Endpoint, data: bytes, frames: tuple[int, ...],
              time: float) -> None:
        key = (wire, source, destination) if source <= destination else (wire, destination, source)
        flow = self._dtls_flows.get(key)
        if flow is None or flow.observer.begins_anew(data):
            if len(self.dtls) >= _MOST_CONNECTIONS:
                self.note(f"are of DTLS associations beyond the first {_MOST_CONNECTIONS}", frames[-1], "")
                self.ledger.unread(frames, "DTLS", _TOO_MANY, len(data))
                return
            former, flow = flow, self._moved(wire, source, destination, data, time) if flow is None else None
            flow = self._dtls_flows[key] = flow or DtlsFlow(self, wire, source, destination, time)
            if former is not None:
                flow.former, former.former = former, None
            self.dtls.append(flow)
            for end in (source, destination):
                self._dtls_at[wire, end] = flow
        self._dtls_flows.move_to_end(key)
        if len(self._dtls_flows) > _MOST_LIVE_CONNECTIONS:
            self._dtls_flows.popitem(last=False)
        while len(self._dtls_at) > 2 * _MOST_LIVE_CONNECTIONS:
            self._dtls_at.popitem(last=False)
        flow.of(source, data).feed(source, data, frames, time)

    def _moved(self, wire: str, source: Endpoint, destination: Endpoint, data: bytes, time: float) -> DtlsFlow | None:
        """The association that goes on between these endpoints: one end has moved, and the keys are the same."""
        records = split(data)[0] if is_of_running(data) else []
        for end in (source, destination) if records else ():
            known = self._dtls_at.get((wire, end))
            if known is not None and known.opens(source if end == source else known.other(end), records[0]):
                return known.goes_on(source, destination, time)
        return None

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
        self.announced.take(value, octets)
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
        if not any(chunk.type == DATA for chunk in packet.chunks):
            self.ledger.plain(frames[-1], "SCTP acknowledgments and heartbeats")
        if packet.broken:
            self.ledger.unread(frames, "SCTP that does not decode", "broken, or cut short", 0)
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
                self.ledger.unread(frames, "SCTP that does not decode", "broken, or cut short", len(chunk.value))
                continue
            again = association.directions[direction].repeated
            message = association.take(direction, data, frames)
            if message is None and association.directions[direction].repeated > again:
                self.ledger.plain(frames[-1], "SCTP retransmissions")
            elif message is None:
                self.ledger.waits(frames[-1], "SCTP", _NO_MESSAGE, len(data.octets))
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
            self.ledger.unread(frames, "TCP", _TOO_MANY, len(segment.payload))
            return
        if live is None:
            content = Content(Connection(len(self.contents), wire, a, b))
            if self._segments > _MOST_SEGMENTS:
                content.connection.forget()
            self.contents.append(content)
            live = self._live[key] = (content, Recogniser(self, content))
            if len(self._live) > _MOST_LIVE_CONNECTIONS:
                self._end(*self._live.popitem(last=False)[1])
        content, layer = live
        self._segments += 1
        self.touched = live
        happened = content.connection.take(segment, frames[-1], time)
        if happened.again < len(segment.payload):
            self.ledger.waits(frames[-1], "TCP", _NO_MESSAGE, len(segment.payload))
        else:
            self.ledger.plain(frames[-1], "TCP retransmissions" if happened.again else "TCP acknowledgments")
        if happened.mark.startswith("SYN"):
            self._mark(content.connection, happened.direction, happened.mark, happened.repeated, frames, time)
        for towards, late, when in happened.late:
            _give(layer, towards, late, when)
            self._out_of_order = True
        for piece in happened.pieces:
            _give(layer, happened.direction, piece, time)
        if happened.mark in ("FIN", "RST"):
            if not happened.repeated:
                layer.finish() if content.connection.ended else None
            mark = "RST, connection refused" if content.connection.refused else happened.mark
            self._mark(content.connection, happened.direction, mark, happened.repeated, frames, time)

    def is_live(self, content: Content) -> bool:
        """The connection may still go on."""
        a, b = sorted(content.connection.sides)
        live = self._live.get((content.connection.wire, a, b))
        return live is not None and live[0] is content

    def passed(self, segments: int) -> None:
        """So many segments were read elsewhere."""
        self._segments += segments

    def segment_codes(self) -> tuple[int, int]:
        """The states of frames with octets that wait to be read, and of those that acknowledge only."""
        return self.ledger.waits_code("TCP", _NO_MESSAGE), self.ledger.plain_code("TCP acknowledgments")

    def _mark(self, connection: Connection, direction: int, mark: str, repeated: bool, frames: tuple[int, ...],
              time: float) -> None:
        sides = connection.sides
        draft = self.emit("TCP", frames, time, connection.wire, sides[direction], sides[1 - direction], mark)
        draft.connection, draft.direction, draft.repeated = connection, direction, repeated

    def _end(self, content: Content, layer: Layer) -> None:
        for direction, piece, time in content.connection.close(self.last_time):
            _give(layer, direction, piece, time)
            self._out_of_order = True
        layer.finish()


def _last_frame(draft: Draft) -> int:
    return draft.frames[-1] if draft.frames else 0


def _give(layer: Layer, direction: int, piece: Piece, time: float) -> None:
    layer.feed(direction, piece.octets, (piece.frame,), time, piece.missing)
