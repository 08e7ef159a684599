"""Where each field of a DTLS datagram lies. Never raises: what does not decode is shown as such.

The bodies of handshake messages are those of TLS (`layout`); only what is around them differs (RFC 6347 §4.1, §4.2.2).
"""

from __future__ import annotations

from workbench.errors import MalformedMessageError
from workbench.protocols.layout import Row, Span
from workbench.protocols.tls import datagrams, layout, registry
from workbench.protocols.tls.datagrams import FRAGMENT_HEADER_OCTETS, HEADER_OCTETS, Fragment, Record
from workbench.protocols.tls.registry import UNDECODED, ContentType, HandshakeType, enumerated

_DTLS_1_2 = 0xFEFD
# Octets that the fragment header has more than the header of a TLS message.
_MORE = FRAGMENT_HEADER_OCTETS - 4


def spans(datagram: bytes, suite: int | None = None) -> tuple[Span, ...]:
    """Lay out the records of a datagram.

    Args:
        datagram: whole, or cut at its end.
        suite: the cipher suite, where it is known; a ServerHello in the datagram gives it, too.
    """
    records, error = datagrams.split(datagram)
    found: list[Span] = []
    for record in records:
        found.append(_record(record, datagram, suite))
        suite = _told(record, suite)
    at = records[-1].end if records else 0
    if error is not None:
        found.append(Span(UNDECODED, at, len(datagram)))
    return tuple(found)


def content_spans(octets: bytes, kind: int, suite: int | None = None) -> tuple[Span, ...]:
    """Lay out what a record carries, in clear or decrypted, of the given content type."""
    if kind == ContentType.HANDSHAKE:
        return _handshake(octets, 0, suite)
    return layout.plaintext_spans(octets, kind, _DTLS_1_2, suite)


def _record(record: Record, datagram: bytes, suite: int | None) -> Span:
    row = Row(datagram, record.start)
    name = enumerated(record.type, ContentType)
    row.add("tls.record.type", 1, name)
    row.add("tls.record.version", 2, registry.version_text(record.version))
    row.add("tls.record.epoch", 2)
    row.add("tls.record.sequence", 6)
    row.add("tls.record.length", 2, registry.counted(len(record.fragment), "octet"))
    start = record.start + HEADER_OCTETS
    if record.epoch:
        content = layout.sealed(start, record.end, record.version, suite) if record.fragment else ()
    else:
        content = tuple(span.moved(start) for span in content_spans(record.fragment, record.type, suite))
    told = name.partition(" ")[2] or name
    return Span("tls.record", record.start, record.end, told, (*row.spans, *content))


def _told(record: Record, suite: int | None) -> int | None:
    """The suite, if a whole ServerHello in this record names one (RFC 5246 §7.4.1.3)."""
    if record.type != ContentType.HANDSHAKE or record.epoch:
        return suite
    try:
        first = next(iter(datagrams.fragments(record.fragment)), None)
    except MalformedMessageError:
        return suite
    if first is None or first.type != HandshakeType.SERVER_HELLO or not first.whole:
        return suite
    at = 35 + int.from_bytes(first.octets[34:35])
    return int.from_bytes(first.octets[at : at + 2]) if len(first.octets) >= at + 2 else suite


def _handshake(octets: bytes, at: int, suite: int | None) -> tuple[Span, ...]:
    try:
        found = datagrams.fragments(octets[at:])
    except MalformedMessageError:
        return (Span(UNDECODED, at, len(octets)),)
    spans: list[Span] = []
    for fragment in found:
        spans.append(_fragment(octets, at, fragment, suite))
        at = spans[-1].end
    return tuple(spans)


def _fragment(octets: bytes, at: int, fragment: Fragment, suite: int | None) -> Span:
    row = Row(octets, at)
    row.add("tls.handshake.type", 1, enumerated(fragment.type, HandshakeType))
    row.add("tls.handshake.length", 3)
    row.add("tls.handshake.message_seq", 2)
    row.add("tls.handshake.fragment_offset", 3)
    row.add("tls.handshake.fragment_length", 3)
    name, size = registry.handshake_name(fragment.type), len(fragment.octets)
    inside: tuple[Span, ...] = ()
    if not fragment.whole:
        name += ", in pieces"
        told = f"octets {fragment.offset} to {fragment.offset + size - 1} of {fragment.length}"
        inside = (Span("tls.handshake.fragment", row.at, row.at + size, told),) if size else ()
    elif size:
        message = layout.handshake_spans(fragment.message, _DTLS_1_2, suite)[0]
        inside = tuple(span.moved(at + _MORE) for span in message.children[2:])
    return Span("tls.handshake", at, row.at + size, name, (*row.spans, *inside))
