"""A frame, or a message, of a report explained octet by octet: what is in it, and what stands behind it."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.rewriting import rewritten
from workbench.analysis.carried.dtls import DtlsFlow
from workbench.analysis.carried.dtls_stream import DTLS_1_2
from workbench.analysis.carried.tls_stream import TLS_1_3, RecordRead
from workbench.analysis.explain.connection import Connection, Side, connect, protocol_of
from workbench.analysis.explain.datagram import fax_spans, flow_of, plaintexts, record_spans
from workbench.analysis.explain.fields import Explained, Field, Layer
from workbench.analysis.explain.keying import keyed_layers
from workbench.analysis.explain.meanings import catalogue
from workbench.analysis.explain.octets import fields_between, fields_of, opened, spans_of
from workbench.analysis.flows import innermost
from workbench.analysis.pcapng import ETHERNET, LINUX_SLL, LINUX_SLL2, NULL, Packet, Reader
from workbench.errors import MalformedMessageError
from workbench.net import packets_layout
from workbench.net.packets import TCP, Ip, Tcp, decode_tcp, decode_udp, pack_address
from workbench.net.sctp import CHUNK_OCTETS, DATA, DATA_OCTETS, HEADER_OCTETS, SCTP, Data, decode_data, decode_sctp
from workbench.protocols.layout import Span
from workbench.protocols.tls import layout as tls_layout
from workbench.protocols.tls.messages import AlertMessage, ChangeCipherSpec
from workbench.protocols.tls.registry import ContentType, enumerated

if TYPE_CHECKING:
    from workbench.analysis.report import FrameView, Report
    from workbench.analysis.values import Message

_LINKS = {ETHERNET: "ethernet", LINUX_SLL: "sll", LINUX_SLL2: "sll2", NULL: "null"}
MESSAGES = ("SIP", "H.248", "MSRP", "BFCP", "STUN", "TLS", "DTLS", "UDPTL", "RTP", "HTTP")
_PAYLOADS = ("udp.payload", "tcp.payload")
_KINDS = {int(ContentType.HANDSHAKE): "handshake", int(ContentType.ALERT): "alert",
          int(ContentType.APPLICATION_DATA): "application data"}
_CONNECTIONS_KEPT = 16
_MOST_HELD = 64 * 2**20
_SEGMENT_OCTETS = 400  # what a decoded segment takes besides its payload, about


def explain_frame(report: Report, number: int) -> Explained:
    """Explain one frame, and what stands behind its octets.

    Args:
        report: of the capture.
        number: of the frame, from 1 as in Wireshark.

    Returns:
        Fields from the first header to the last octet. A payload that holds a part of a message shows that part,
        field by field. Layers follow for what the frame does not show literally: the plaintext of protected
        records, and each message that needed several frames.

    Raises:
        CaptureError: the capture has no such frame.
    """
    tap = _tap(report)
    packet = report.frame(number)
    spans = _frame_spans(packet)
    messages = packet.messages
    payload = next((span for span in spans if span.name in _PAYLOADS), None)
    layers: list[Layer] = []
    inside: tuple[Field, ...] | None = None
    if payload is not None:
        octets = packet.octets[payload.start:payload.end]
        if payload.name == "udp.payload":
            told = next((m for m in messages if m.octets == octets), None)
            known = "" if told is None else told.protocol
            # On a `udptl` line the first octets are a sequence number and may look like anything.
            protocol = known if known == "UDPTL" else protocol_of(octets) or known
            if protocol == "DTLS":
                inside, layers = _of_datagram(report, packet, payload)
            elif protocol:
                laid = fax_spans(report, told, octets) if protocol == "UDPTL" else spans_of(protocol, octets)
                inside = fields_of(tuple(span.moved(payload.start) for span in laid))
        else:
            inside, layers = _of_stream(tap, number, payload)
    layers += [
        _message_layer(message, tap) for message in messages
        if len(message.frames) > 1 and message.octets and message.protocol in MESSAGES
    ]
    words = catalogue()
    fields = []
    for span in spans:
        if span is payload:
            field = words.field(span, inside or ())
            # A payload that nothing could be said of is not explained by being called payload.
            fields.append(field if inside else msgspec.structs.replace(field, known=False))
        elif span.name == "sctp.chunk":
            fields.append(_chunk(span, packet, report))
        else:
            fields.append(words.field(span, fields_of(span.children, words)))
    keyed = keyed_layers(fields, packet.octets, (number,), known=layers)
    for layer in tuple(layers):
        keyed += keyed_layers(layer.fields, layer.octets, layer.frames, protected=layer.protected, known=keyed)
    return Explained(number, packet.octets, tuple(fields), (*layers, *keyed), _title(packet),
                     tuple(message.index for message in messages))


def _of_datagram(report: Report, packet: FrameView, payload: Span) -> tuple[tuple[Field, ...], list[Layer]]:
    """The DTLS records in a UDP payload, and the plaintext of those that are protected."""
    octets = packet.octets[payload.start:payload.end]
    flow, ip = flow_of(report, packet.number), _ip_of(packet)
    fields = fields_of(tuple(span.moved(payload.start) for span in record_spans(octets, flow)))
    if flow is None or ip is None or ip.is_fragment:
        return fields, []
    source = decode_udp(ip).source
    return fields, plaintexts(report, octets, flow, source, packet.number, packet.messages)


def _chunk(span: Span, packet: FrameView, report: Report) -> Field:
    """A chunk of an SCTP packet, with what a DATA chunk carries: a message, or its part of one."""
    words = catalogue()
    parts: list[Field] = []
    for child in span.children:
        field = words.field(child, fields_of(child.children, words))
        if child.name == "sctp.payload":
            inside = _user_data(span, child, packet, report)
            field = (msgspec.structs.replace(field, children=inside) if inside
                     else msgspec.structs.replace(field, known=False))
        parts.append(field)
    return words.field(span, tuple(parts))


def _user_data(span: Span, payload: Span, packet: FrameView, report: Report) -> tuple[Field, ...]:
    sent = {data.tsn: data for data in _data_of(packet)}
    tsn = int.from_bytes(packet.octets[span.start + CHUNK_OCTETS : span.start + CHUNK_OCTETS + 4], "big")
    data = sent.get(tsn)
    if data is None:
        return ()
    if not (data.begins and data.ends):
        for frame in _others(packet, report):
            sent.update({other.tsn: other for other in _data_of(frame) if other.stream == data.stream})
    before: list[Data] = []
    behind = [data]
    while not (before[-1] if before else data).begins and (tsn - len(before) - 1) % 2**32 in sent:
        before.append(sent[(tsn - len(before) - 1) % 2**32])
    while not behind[-1].ends and (tsn + len(behind)) % 2**32 in sent:
        behind.append(sent[(tsn + len(behind)) % 2**32])
    parts = (*reversed(before), *behind)
    octets = b"".join(part.octets for part in parts)
    if not (parts[0].begins and parts[-1].ends):
        return ()
    known = (m.protocol for m in packet.messages if m.octets == octets)
    protocol = protocol_of(octets) or next(known, "")
    if protocol not in MESSAGES:
        return ()
    start = sum(len(part.octets) for part in before)
    return fields_between(spans_of(protocol, octets), start, start + len(data.octets), payload.start - start)


def _others(packet: FrameView, report: Report) -> Iterator[Packet]:
    """The other frames of the messages that a frame helps to carry; the file is read once for them."""
    wanted = {number for message in packet.messages for number in message.frames}
    last = max(wanted, default=0)
    with Reader(report.capture) as reader:
        for other in reader:
            if other.number > last:
                return
            if other.number in wanted and other.number != packet.number:
                yield other


def _data_of(frame: FrameView | Packet) -> tuple[Data, ...]:
    """The DATA chunks of a frame that carries SCTP."""
    ip = _ip_of(frame)
    if ip is None or ip.protocol != SCTP or ip.is_fragment or len(ip.payload) < HEADER_OCTETS:
        return ()
    return tuple(decode_data(chunk) for chunk in decode_sctp(ip).chunks
                 if chunk.type == DATA and len(chunk.value) > DATA_OCTETS)


def explain_message(report: Report, message: Message) -> Layer:
    """Explain one message of a report: its own octets, decrypted if they were protected, without frames around them.

    A TCP segment or ICMP message, which has no octets of its own, is explained as the frame that carries it.
    """
    tap = _tap(report)
    if message.octets and message.protocol in MESSAGES:
        layer = _message_layer(message, tap)
        since = rewritten(report, message) if message.protocol == "MSRP" else None
        return layer if since is None else msgspec.structs.replace(layer, title=f"{layer.title}; {since}")
    if not message.frames:
        return Layer(message.summary, message.protocol, b"", (), message.index)
    packet = report.frame(message.frames[0])
    return Layer(message.summary, message.protocol, packet.octets, fields_of(_frame_spans(packet)), message.index,
                 message.frames)


def _message_layer(message: Message, tap: _Tap) -> Layer:
    frames = ", ".join(map(str, message.frames[:12])) + (" …" if len(message.frames) > 12 else "")
    title = f"{message.protocol} {message.summary}: the whole message, {len(message.octets)} octets"
    if message.protected:
        title += ", decrypted"
    title += f" (frame{'s' if len(message.frames) > 1 else ''} {frames})"
    spans = spans_of(message.protocol, message.octets)
    if message.protocol == "TLS":
        connection = tap.connection(message.frames[-1]) if message.frames else None
        version, suite = (None, None) if connection is None else (connection.version, connection.suite)
        spans = _tls_spans(message, version, suite)
    elif message.protocol == "DTLS":
        flow = tap.flow(message.frames[-1]) if message.frames else None
        spans = _tls_spans(message, DTLS_1_2, None if flow is None else flow.observer.cipher_suite)
    elif message.protocol == "UDPTL" and (report := tap.report) is not None:
        spans = fax_spans(report, message, message.octets)
    return Layer(title, message.protocol, message.octets, fields_of(spans), message.index, message.frames,
                 message.protected)


def _tls_spans(message: Message, version: int | None, suite: int | None) -> tuple[Span, ...]:
    """A handshake message, an alert or a ChangeCipherSpec, with or without its record header."""
    octets = message.octets
    if protocol_of(octets) == "TLS":
        return tls_layout.spans(octets, version=version, suite=suite)
    if isinstance(message.value, AlertMessage):
        return tls_layout.plaintext_spans(octets, ContentType.ALERT, version, suite)
    if isinstance(message.value, ChangeCipherSpec):
        return tls_layout.plaintext_spans(octets, ContentType.CHANGE_CIPHER_SPEC, version, suite)
    return tls_layout.handshake_spans(octets, version, suite)


def _of_stream(tap: _Tap, number: int, payload: Span) -> tuple[tuple[Field, ...] | None, list[Layer]]:
    """What a TCP payload holds of its stream, and the plaintext of the records in it."""
    connection = tap.connection(number)
    side = next((s for s in connection.sides if number in s.direction.places), None) if connection else None
    if side is None or not side.spans:
        return None, []
    start, end = side.direction.places[number]
    end = min(end, len(side.direction.octets), start + payload.end - payload.start)
    spans = opened(side.spans, side.direction.octets, start, end)
    fields = fields_between(spans, start, end, payload.start - start)
    return fields, _plaintexts(side, start, end, connection is not None and connection.version == TLS_1_3)


def _plaintexts(side: Side, start: int, end: int, modern: bool) -> list[Layer]:
    """A layer for each protected record that lies, wholly or in part, in these octets of a direction."""
    layers: list[Layer] = []
    for record in side.records:
        if record.end <= start or record.start >= end:
            continue
        for run in side.runs:
            if record.start not in run.places:
                continue
            first, last = run.places[record.start]
            octets = run.octets[first:last]
            kind = _KINDS.get(record.content_type or 0, "protected")
            frames = side.direction.frames(record.start, record.end)
            title = (f"Plaintext of the {kind} record at octets {record.start} to {record.end - 1} of the stream "
                     f"(frame{'s' if len(frames) > 1 else ''} {', '.join(map(str, frames))}), {len(octets)} octets")
            fields = fields_between(opened(run.spans, run.octets, first, last), first, last, -first)
            if modern:
                octets, hidden = _inner(octets, record)
                fields += fields_of(hidden)
            layers.append(Layer(title, run.protocol or "TLS", octets, fields, None, frames, True))
    return layers


def _inner(octets: bytes, record: RecordRead) -> tuple[bytes, tuple[Span, ...]]:
    """What TLS 1.3 encrypts behind the content: its type, and zeros (TLSInnerPlaintext, RFC 8446 §5.2)."""
    kind = record.content_type or 0
    at, end = len(octets) + 1, len(octets) + 1 + record.padding
    spans = [Span("explain.inner_type", at - 1, at, enumerated(kind, ContentType))]
    if record.padding:
        spans.append(Span("explain.inner_padding", at, end, f"{record.padding} octets"))
    return octets + bytes([kind]) + bytes(record.padding), tuple(spans)


def _frame_spans(frame: FrameView | Packet) -> tuple[Span, ...]:
    return packets_layout.spans(frame.octets, _LINKS.get(frame.link, "ip"))


def _title(frame: FrameView) -> str:
    carried = "; ".join(f"{message.protocol} {message.summary}" for message in frame.messages[:4])
    return (f"Frame {frame.number}: {frame.time:.6f} s on {frame.wire}, {len(frame.octets)} octets"
            + (f": {carried}" if carried else ""))


class _Tap:
    """The TCP connections of one capture, each put together when a frame of it is first asked for."""

    def __init__(self, report: Report) -> None:
        self._report = weakref.ref(report)
        self._capture = report.capture
        self._keylog = report.keylog
        self._connections: OrderedDict[int, Connection] = OrderedDict()
        self._of_frame: dict[int, int] = {}

    def connection(self, number: int) -> Connection | None:
        """The TCP connection that a frame belongs to, or None."""
        first = self._of_frame.get(number)
        if first is not None and first in self._connections:
            self._connections.move_to_end(first)
            return self._connections[first]
        segments = self._segments(number)
        if segments is None:
            return None
        found = connect(segments, number, self._keylog)
        self._connections[number] = found
        self._of_frame[number] = number
        for side in found.sides:
            self._of_frame.update(dict.fromkeys(side.direction.places, number))
        while len(self._connections) > _CONNECTIONS_KEPT:
            self._connections.popitem(last=False)
        return found

    @property
    def report(self) -> Report | None:
        """The report; None once nobody holds it any more."""
        return self._report()

    def flow(self, number: int) -> DtlsFlow | None:
        """The DTLS association that a frame belongs to, or None."""
        report = self._report()
        return None if report is None else flow_of(report, number)

    def _segments(self, number: int) -> list[tuple[int, Tcp]] | None:
        """All segments between the two endpoints of a frame on its wire; the file is read once for them."""
        report = self._report()
        if report is None:
            return None
        frame = report.frame(number)
        tcp = _tcp_of(frame)
        if tcp is None:
            return None
        ends = {tcp.source, tcp.destination}
        # Looking for the addresses in the octets first is much faster than decoding every packet.
        first, second = (pack_address(end.host) for end in (tcp.source, tcp.destination))
        found: list[tuple[int, Tcp]] = []
        held = 0
        with Reader(self._capture) as reader:
            for packet in reader:
                if packet.wire != frame.wire or first not in packet.octets or second not in packet.octets:
                    continue
                other = _tcp_of(packet)
                if other is None or {other.source, other.destination} != ends:
                    continue
                found.append((packet.number, other))
                held += len(other.payload) + _SEGMENT_OCTETS
                if held > _MOST_HELD:
                    break
        return found


def _ip_of(frame: FrameView | Packet) -> Ip | None:
    try:
        return innermost(frame)
    except MalformedMessageError:
        return None


def _tcp_of(frame: FrameView | Packet) -> Tcp | None:
    ip = _ip_of(frame)
    try:
        return decode_tcp(ip) if ip is not None and ip.protocol == TCP and not ip.is_fragment else None
    except MalformedMessageError:
        return None


_TAPS: weakref.WeakKeyDictionary[Report, _Tap] = weakref.WeakKeyDictionary()


def _tap(report: Report) -> _Tap:
    """The connections of a report, kept as long as the report is."""
    tap = _TAPS.get(report)
    if tap is None:
        tap = _TAPS[report] = _Tap(report)
    return tap
