"""Where each field of TLS records and handshake messages lies. Never raises: what does not decode is shown as such."""

from __future__ import annotations

from workbench.errors import MalformedMessageError
from workbench.protocols.cursor import Cursor
from workbench.protocols.layout import Span
from workbench.protocols.tls import grammar, registry, wire
from workbench.protocols.tls.messages import ServerHello
from workbench.protocols.tls.registry import UNDECODED, Alert, AlertLevel, ContentType, HandshakeType, enumerated
from workbench.protocols.tls.suites import CIPHER_SUITES

TLS_1_3 = 0x0304


def spans(
    octets: bytes, *, protected: bool = False, version: int | None = None, suite: int | None = None, inside: int = 0
) -> tuple[Span, ...]:
    """Lay out a run of records of one direction, whole or cut at the end.

    What the run itself shows is used: a ServerHello gives version and suite, a ChangeCipherSpec of TLS 1.2 begins
    protection. What went before can be given.

    Args:
        octets: records.
        protected: protection had begun before the run.
        version, suite: as negotiated before the run, or None.
        inside: octets of a handshake message begun before the run that are still to come.

    Source: RFC 8446 §5.1, §5.2, RFC 5246 §6.2.
    """
    run = _Run(octets, protected, version, suite, inside)
    return run.lay_out()


def handshake_spans(
    octets: bytes, version: int | None = None, suite: int | None = None, *, inside: int = 0
) -> tuple[Span, ...]:
    """Lay out handshake messages without record headers, as they are after decryption (RFC 8446 §4).

    Args:
        octets: the content of one or more records.
        version, suite: as negotiated, or None.
        inside: octets at the start that belong to a message begun before.
    """
    cursor = Cursor(octets, clause="RFC 8446 §4", lenient=True)
    if inside:
        size = min(inside, len(octets))
        cursor.take("tls.handshake.fragment", size, _rest_text(size))
    while cursor.left:
        try:
            grammar.handshake(cursor, version, suite)
        except MalformedMessageError:
            cursor.rest("tls.handshake.fragment" if _plausible(octets[cursor.at :]) else UNDECODED)
    return tuple(cursor.spans)


def plaintext_spans(
    octets: bytes, content_type: int, version: int | None = None, suite: int | None = None, *, inside: int = 0
) -> tuple[Span, ...]:
    """Lay out what a protected record carried, of the given inner content type, without padding (RFC 8446 §5.2).

    `inside`: octets at the start that belong to a handshake message begun in an earlier record.
    """
    match content_type:
        case ContentType.HANDSHAKE:
            return handshake_spans(octets, version, suite, inside=inside)
        case ContentType.ALERT if len(octets) == 2:
            return (_alert(octets, 0),)
        case ContentType.CHANGE_CIPHER_SPEC if octets == b"\x01":
            return (Span("tls.change_cipher_spec", 0, 1),)
        case ContentType.APPLICATION_DATA | ContentType.HEARTBEAT if octets:
            return (Span("tls.plaintext", 0, len(octets), registry.counted(len(octets), "octet")),)
    return (Span(UNDECODED, 0, len(octets)),) if octets else ()


def sealed(start: int, end: int, version: int | None, suite: int | None) -> tuple[Span, ...]:
    """Lay out a protected fragment: nonce, ciphertext and tag, as far as the suite is known.

    Source: RFC 8446 §5.2, RFC 5288 §3, RFC 6655 §3, RFC 7905 §2.
    """
    nonce, tag = _shape(version, suite)
    if end - start <= nonce + tag:
        return (Span("tls.record.protected", start, end, registry.counted(end - start, "octet")),)
    parts = [Span("tls.record.nonce", start, start + nonce)] if nonce else []
    size = end - start - nonce - tag
    parts.append(Span("tls.record.protected", start + nonce, end - tag, registry.counted(size, "octet")))
    if tag:
        parts.append(Span("tls.record.tag", end - tag, end))
    return tuple(parts)


def _shape(version: int | None, suite: int | None) -> tuple[int, int]:
    """Octets of explicit nonce and of tag."""
    name = CIPHER_SUITES.get(suite or 0, "")
    aead = "_GCM_" in name or "CCM" in name or "CHACHA20" in name
    if suite is None or not aead:
        return (0, 16) if version == TLS_1_3 else (0, 0)
    tag = 8 if "CCM_8" in name else 16
    return (0, tag) if version == TLS_1_3 or "CHACHA20" in name else (8, tag)


class _Run:
    """A run of records being laid out."""

    def __init__(self, octets: bytes, protected: bool, version: int | None, suite: int | None, inside: int) -> None:
        self.octets = octets
        self.protected = protected
        self.version = version
        self.suite = suite
        self.inside = inside

    def lay_out(self) -> tuple[Span, ...]:
        found: list[Span] = []
        at = 0
        while at < len(self.octets):
            record = self._record(at)
            found.append(record)
            at = record.end
        return tuple(found)

    def _record(self, at: int) -> Span:
        octets = self.octets
        kind = octets[at]
        if len(octets) - at < wire.HEADER_OCTETS or not wire.looks_like_tls(octets[at : at + wire.HEADER_OCTETS]):
            return Span(UNDECODED, at, len(octets))
        version, size = int.from_bytes(octets[at + 1 : at + 3]), int.from_bytes(octets[at + 3 : at + 5])
        start, end = at + wire.HEADER_OCTETS, min(at + wire.HEADER_OCTETS + size, len(octets))
        name = enumerated(kind, ContentType)
        header = (
            Span("tls.record.type", at, at + 1, name),
            Span("tls.record.version", at + 1, at + 3, registry.version_text(version)),
            Span("tls.record.length", at + 3, start, registry.counted(size, "octet")),
        )
        if end - start < size:
            content: tuple[Span, ...] = (Span("tls.record.cut", start, end, f"{end - start} of {size} octets"),)
        else:
            content = self._content(kind, start, end)
        return Span("tls.record", at, end, name.partition(" ")[2] or name,
                    header + tuple(part for part in content if part.start < part.end))

    def _content(self, kind: int, start: int, end: int) -> tuple[Span, ...]:
        octets = self.octets[start:end]
        if kind == ContentType.CHANGE_CIPHER_SPEC and octets == b"\x01":
            # A dummy in TLS 1.3, where protected records have another content type anyway (RFC 8446 App. D.4).
            self.protected = self.version != TLS_1_3
            return (Span("tls.change_cipher_spec", start, end),)
        if self.protected or kind in (ContentType.APPLICATION_DATA, ContentType.HEARTBEAT):
            return sealed(start, end, self.version, self.suite)
        if kind == ContentType.ALERT:
            if len(octets) == 2 and octets[0] in (1, 2):
                return (_alert(octets, start),)
            return sealed(start, end, self.version, self.suite)
        if kind == ContentType.HANDSHAKE:
            return self._handshake(start, end)
        return (Span(UNDECODED, start, end),)

    def _handshake(self, start: int, end: int) -> tuple[Span, ...]:
        found: list[Span] = []
        at = start
        if self.inside:
            at = min(end, start + self.inside)
            self.inside -= at - start
            found.append(Span("tls.handshake.fragment", start, at, _rest_text(at - start)))
        while at < end:
            size = 4 + int.from_bytes(self.octets[at + 1 : at + 4])
            if end - at < 4 or size > end - at:
                return (*found, *self._open_end(at, end, size, started=at > start))
            found.append(self._message(at, size))
            at += size
        return tuple(found)

    def _message(self, at: int, size: int) -> Span:
        cursor = Cursor(self.octets, at, at + size, clause="RFC 8446 §4", lenient=True)
        message = grammar.handshake(cursor, self.version, self.suite)
        if message is not None and isinstance(message.body, ServerHello):
            self.version, self.suite = message.body.selected_version, message.body.cipher_suite
        return cursor.spans[0]

    def _open_end(self, at: int, end: int, size: int, *, started: bool) -> tuple[Span, ...]:
        """The beginning of a message that goes on in the next record; or no handshake at all."""
        if not _plausible(self.octets[at:end]):
            return (Span(UNDECODED, at, end),) if started else sealed(at, end, self.version, self.suite)
        if end - at < 4:
            return (Span("tls.handshake.fragment", at, end, "the beginning of a message"),)
        kind = self.octets[at]
        self.inside = size - (end - at)
        parts = [
            Span("tls.handshake.type", at, at + 1, enumerated(kind, HandshakeType)),
            Span("tls.handshake.length", at + 1, at + 4, f"{size - 4}"),
        ]
        if end > at + 4:
            told = f"{end - at - 4} of {size - 4} octets"
            parts.append(Span("tls.handshake.fragment", at + 4, end, told))
        return (Span("tls.handshake", at, end, registry.handshake_name(kind), tuple(parts)),)


def _rest_text(size: int) -> str:
    return f"{registry.counted(size, 'octet')} of a message begun before"


def _alert(octets: bytes, at: int) -> Span:
    level, description = octets[0], octets[1]
    return Span("tls.alert", at, at + 2, registry.alert_name(description), (
        Span("tls.alert.level", at, at + 1, enumerated(level, AlertLevel)),
        Span("tls.alert.description", at + 1, at + 2, enumerated(description, Alert)),
    ))


def _plausible(octets: bytes) -> bool:
    """Whether octets may begin a handshake message: a known type, and a length that is not absurd."""
    if octets[0] not in registry.HANDSHAKE_NAMES:
        return False
    return len(octets) < 4 or int.from_bytes(octets[1:4]) <= wire.MESSAGE_OCTETS
