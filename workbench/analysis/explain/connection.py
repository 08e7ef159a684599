"""A TCP connection as explaining sees it: both directions put together, and the TLS in them read with the key log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.analysis.carried.http import carries_mikey
from workbench.analysis.carried.tls_stream import KeyLog, RecordRead, TlsObserver
from workbench.analysis.explain.octets import spans_of
from workbench.analysis.explain.streams import Direction, Segment, put_together
from workbench.net.packets import SYN, Tcp
from workbench.protocols.bfcp.wire import looks_like_bfcp
from workbench.protocols.h248 import tpkt
from workbench.protocols.h248.recognise import TELLING_OCTETS, looks_like_h248
from workbench.protocols.http.wire import looks_like_http
from workbench.protocols.layout import Span
from workbench.protocols.stun import looks_like_stun
from workbench.protocols.tls import layout as tls_layout
from workbench.protocols.tls.datagrams import looks_like_dtls
from workbench.protocols.tls.registry import ContentType
from workbench.protocols.tls.wire import HEADER_OCTETS, looks_like_tls


class Run(msgspec.Struct, frozen=True):
    """Plaintext of records of one content type, one behind the other, laid out as one.

    Args:
        octets: the plaintext of all its records.
        spans: what it says; `protocol` says in whose words.
        places: for each record (by its start in the protected stream) where its plaintext lies in `octets`.
    """

    octets: bytes
    spans: tuple[Span, ...]
    protocol: str
    places: dict[int, tuple[int, int]]


class Side(msgspec.Struct, frozen=True):
    """One direction: its octets, what they say, the records in it, and the plaintext of those that were protected."""

    direction: Direction
    protocol: str
    spans: tuple[Span, ...]
    records: tuple[RecordRead, ...] = ()
    runs: tuple[Run, ...] = ()


class Connection(msgspec.Struct, frozen=True):
    """Both directions, by the sender's side: 0 is the side that sent the first segment."""

    sides: tuple[Side, Side]
    version: int | None = None
    suite: int | None = None


def connect(segments: Sequence[tuple[int, Tcp]], number: int, keylog: KeyLog) -> Connection:
    """The connection that frame `number` belongs to, out of all segments between its two endpoints on its wire.

    Args:
        segments: frame numbers and segments, both directions, in the order of the capture.
        number: of the frame.
        keylog: the capture's secrets.
    """
    mine = _incarnation(segments, number)
    first = mine[0][1].source if mine else None
    halves: tuple[list[Segment], list[Segment]] = ([], [])
    for frame, tcp in mine:
        halves[tcp.source != first].append(Segment(frame, tcp.sequence, bool(tcp.flags & SYN), tcp.payload))
    directions = (put_together(halves[0], number), put_together(halves[1], number))
    if not any(_is_tls(direction.octets) for direction in directions):
        keyed = any(carries_mikey(direction.octets) for direction in directions)
        return Connection((_clear(directions[0], keyed), _clear(directions[1], keyed)))
    observer = TlsObserver(keylog)
    records = _observe(observer, directions, [frame for frame, _ in mine])
    version, suite = observer.version, observer.cipher_suite
    # One side may have begun in the clear although the other one speaks TLS.
    a, b = (_protected(direction, read, version, suite) if protocol_of(direction.octets) in ("", "TLS")
            else _clear(direction) for direction, read in zip(directions, records, strict=True))
    return Connection((a, b), version, suite)


def _incarnation(segments: Sequence[tuple[int, Tcp]], number: int) -> list[tuple[int, Tcp]]:
    """Of the connections that followed each other between two endpoints, the one with this frame.

    A SYN with another sequence number than that direction's last SYN starts a new one, once octets or a SYN of
    the old one were seen in that direction (so both SYNs of one opening stay together).
    """
    found: list[tuple[int, Tcp]] = []
    opened: dict[object, int] = {}
    seen = False
    for frame, tcp in segments:
        if tcp.flags & SYN:
            if opened.get(tcp.source, tcp.sequence) != tcp.sequence:
                if seen:
                    break
                found, opened = [], {}
            opened[tcp.source] = tcp.sequence
        seen = seen or frame == number
        found.append((frame, tcp))
    return found


def _observe(
    observer: TlsObserver, directions: tuple[Direction, Direction], frames: Sequence[int],
) -> tuple[tuple[RecordRead, ...], tuple[RecordRead, ...]]:
    """Feed both directions as the frames brought them: in order, each octet once."""
    records: tuple[list[RecordRead], list[RecordRead]] = ([], [])
    given = [0, 0]
    early: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for frame in frames:
        for side, direction in enumerate(directions):
            if frame not in direction.places:
                continue
            early[side].append(direction.places[frame])
            early[side].sort()
            end = given[side]
            while early[side] and early[side][0][0] <= end:
                end = max(end, early[side].pop(0)[1])
            for record in observer.feed(side, direction.octets[given[side]:end]):
                records[side].append(record)
            given[side] = end
    return tuple(records[0]), tuple(records[1])


def _is_tls(octets: bytes) -> bool:
    return len(octets) >= HEADER_OCTETS and looks_like_tls(octets[:HEADER_OCTETS])


def protocol_of(octets: bytes) -> str:
    """The protocol of clear octets of a stream or datagram, by how they begin; empty if they tell nothing."""
    if octets.startswith(b"MSRP "):
        return "MSRP"
    if _is_tls(octets):
        return "TLS"
    if carries_mikey(octets):
        return "HTTP"
    if looks_like_dtls(octets):
        return "DTLS"
    if looks_like_bfcp(octets):
        return "BFCP"
    if looks_like_stun(octets):
        return "STUN"
    first = octets.lstrip()[:512].split(b"\n", 1)[0].rstrip()
    if first.startswith(b"SIP/2.0 ") or first.endswith(b" SIP/2.0"):
        return "SIP"
    if looks_like_h248(octets):
        return "H.248"
    if octets[:1] == b"\x03" and tpkt.carries_h248(octets[: tpkt.HEADER_OCTETS + TELLING_OCTETS]):
        return "TPKT"
    return ""


def _clear(direction: Direction, keyed: bool = False) -> Side:
    """A direction in the clear. `keyed`: one of both carries MIKEY over HTTP, so what looks like HTTP is."""
    protocol = "HTTP" if keyed and looks_like_http(direction.octets) else protocol_of(direction.octets)
    if protocol in ("", "H.248") and tpkt.carries_h248(direction.octets):
        protocol = "TPKT"      # from the middle on, or behind something else
    spans = spans_of(protocol, direction.octets) if protocol else ()
    return Side(direction, protocol, spans)


def _protected(
    direction: Direction, records: tuple[RecordRead, ...], version: int | None, suite: int | None,
) -> Side:
    spans = tls_layout.spans(direction.octets, version=version, suite=suite)
    runs: list[Run] = []
    kind: int | None = None
    octets = bytearray()
    places: dict[int, tuple[int, int]] = {}

    def close() -> None:
        if places and kind is not None:
            runs.append(_run(bytes(octets), dict(places), kind, version, suite))

    # Records of application data are one stream whatever comes between them; handshake messages may go on
    # from record to record (RFC 8446 §5.1).
    application = bytearray()
    application_places: dict[int, tuple[int, int]] = {}
    for record in records:
        if not record.protected or record.plaintext is None or record.content_type is None:
            continue
        if record.content_type == ContentType.APPLICATION_DATA:
            application_places[record.start] = (len(application), len(application) + len(record.plaintext))
            application += record.plaintext
            continue
        if record.content_type != kind or kind != ContentType.HANDSHAKE:
            close()
            octets.clear()
            places.clear()
            kind = record.content_type
        places[record.start] = (len(octets), len(octets) + len(record.plaintext))
        octets += record.plaintext
    close()
    if application_places:
        inside = bytes(application)
        protocol = protocol_of(inside)
        laid = spans_of(protocol, inside) if protocol else tls_layout.plaintext_spans(
            inside, ContentType.APPLICATION_DATA)
        runs.append(Run(inside, laid, protocol, application_places))
    return Side(direction, "TLS", spans, records, tuple(runs))


def _run(
    octets: bytes, places: dict[int, tuple[int, int]], kind: int, version: int | None, suite: int | None,
) -> Run:
    return Run(octets, tls_layout.plaintext_spans(octets, kind, version, suite), "TLS", places)
