"""Octets of one protocol to fields: the room's spans, other protocols nested in them, and the catalogue's meanings."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from workbench.analysis.explain.fields import Field, Layer
from workbench.analysis.explain.meanings import Catalogue, catalogue
from workbench.protocols.layout import Span

# Which room lays out a protocol, by the name that `Message.protocol` uses.
_ROOMS = {
    "SIP": "workbench.protocols.sip.layout",
    "SDP": "workbench.protocols.sdp.layout",
    "H.248": "workbench.protocols.h248.layout",
    "TPKT": "workbench.protocols.h248.tpkt",
    "MSRP": "workbench.protocols.msrp.layout",
    "HTTP": "workbench.protocols.http.layout",
    "STUN": "workbench.protocols.stun.layout",
    "BFCP": "workbench.protocols.bfcp.layout",
    "UDPTL": "workbench.protocols.t38.layout",
    "RTP": "workbench.protocols.rtp.layout",
    "MIKEY": "workbench.protocols.mikey.layout",
    "TLS": "workbench.protocols.tls.layout",
    "DTLS": "workbench.protocols.tls.datagram_layout",
}

# Leaf spans that hold another protocol's message.
_SDP_LEAVES = frozenset({"h248.sdp"})
_BODY_LEAVES = frozenset({"sip.body", "msrp.body"})
_MIKEY_LEAF = "http.body.mikey"
_LINE_LEAF = "ber.sdp."     # a line of SDP without its letter and equals sign; the letter ends the name
_PACKET = "tpkt"


def spans_of(protocol: str, octets: bytes) -> tuple[Span, ...]:
    """What the protocol's room says of these octets, with SDP nested where they hold it. Never raises for octets."""
    room = _ROOMS.get(protocol)
    if room is None:
        return (Span("octets.undecoded", 0, len(octets)),) if octets else ()
    layout: Callable[[bytes], tuple[Span, ...]] = import_module(room).spans
    return tuple(_nested(span, octets) for span in layout(octets))


def fields_of(spans: tuple[Span, ...], words: Catalogue | None = None) -> tuple[Field, ...]:
    """Spans said in words."""
    words = words or catalogue()
    return tuple(words.field(span, fields_of(span.children, words)) for span in spans)


def explain_octets(protocol: str, octets: bytes, title: str = "") -> Layer:
    """Octets that come from no capture, such as a message that was just built. Never raises for octets.

    Args:
        protocol: as in `Message.protocol`, such as `H.248`.
        title: what they are, for people.
    """
    return Layer(title or f"{protocol}, {len(octets)} octets", protocol, octets, fields_of(spans_of(protocol, octets)))


def clipped(spans: tuple[Span, ...], start: int, end: int) -> tuple[tuple[Span, tuple[int, int, int] | None], ...]:
    """The top-level spans that lie in `start` to `end`, each with the part of it that does (None: all of it)."""
    found: list[tuple[Span, tuple[int, int, int] | None]] = []
    for span in spans:
        if span.end <= start or span.start >= end:
            continue
        first, last = max(span.start, start), min(span.end, end)
        whole = (first, last) == (span.start, span.end)
        found.append((span, None if whole else (first - span.start, last - span.start, span.end - span.start)))
    return tuple(found)


def fields_between(
    spans: tuple[Span, ...], start: int, end: int, moved: int = 0, words: Catalogue | None = None,
) -> tuple[Field, ...]:
    """Fields of those octets of a longer run that lie in `start` to `end`, `moved` octets further on.

    A field that reaches over the edge is cut there and says in `part` which of its octets remain.
    """
    words = words or catalogue()
    found: list[Field] = []
    for span, part in clipped(spans, start, end):
        children = fields_between(span.children, start, end, moved, words)
        field = words.field(span, children)
        found.append(Field(
            field.name, field.label, max(span.start, start) + moved, min(span.end, end) + moved, field.value,
            field.meaning, field.clause, field.provisional, field.own, field.known, part, children))
    return tuple(found)


def _nested(span: Span, octets: bytes) -> Span:
    if span.children:
        return Span(span.name, span.start, span.end, span.value, tuple(_nested(c, octets) for c in span.children))
    inside = octets[span.start:span.end]
    if inside and (span.name in _SDP_LEAVES or (span.name in _BODY_LEAVES and inside.lstrip().startswith(b"v="))):
        parts = tuple(part.moved(span.start) for part in spans_of("SDP", inside))
        return Span(span.name, span.start, span.end, span.value, parts)
    if inside and span.name == _MIKEY_LEAF:
        parts = tuple(part.moved(span.start) for part in spans_of("MIKEY", inside))
        return Span(span.name, span.start, span.end, span.value, parts)
    if inside and span.name.startswith(_LINE_LEAF):
        return _line(span, inside)
    return span


def _line(span: Span, value: bytes) -> Span:
    """The value of a line of SDP, laid out as if the whole line stood there."""
    first, *more = spans_of("SDP", span.name[-1:].encode() + b"=" + value)
    parts = (*(part for part in first.children if part.start >= 2), *more)
    if not parts or parts[0].start != 2:
        return span
    moved = tuple(part.moved(span.start - 2) for part in parts)
    return Span(span.name, span.start, span.end, span.value, moved)


def opened(spans: tuple[Span, ...], octets: bytes, start: int, end: int) -> tuple[Span, ...]:
    """The spans that reach into `start` to `end`; TPKT packets among them with the H.248 message inside laid out."""
    return tuple(_opened(span, octets) if span.name == _PACKET else span
                 for span in spans if span.start < end and span.end > start)


def _opened(packet: Span, octets: bytes) -> Span:
    *header, message = packet.children
    if message.name != "tpkt.payload":
        return packet
    inside = spans_of("H.248", octets[message.start : message.end])
    laid = Span(message.name, message.start, message.end, message.value,
                tuple(span.moved(message.start) for span in inside))
    return Span(packet.name, packet.start, packet.end, packet.value, (*header, laid))
