"""MIKEY messages field by field: one grammar for values and for spans.

A payload is announced by the Next Payload of what stands before it, so a chain is read from a first number. A payload
of unknown type has no length that could be stepped over: there a message ends (RFC 3830 §5.3).

Source: RFC 3830 §6, RFC 4563, RFC 6043 §6.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.errors import MalformedMessageError
from workbench.protocols.cursor import Cursor
from workbench.protocols.mikey import registry as r
from workbench.protocols.mikey.messages import (
    Certificate,
    CertificateHash,
    CryptoSession,
    DiffieHellman,
    Envelope,
    Extension,
    Failure,
    Header,
    Identity,
    Interval,
    Kemac,
    KeyData,
    Message,
    Payload,
    Policy,
    Rand,
    Sign,
    Spi,
    SrtpSession,
    Ticket,
    TicketData,
    TicketPolicy,
    Timestamp,
    Verification,
)
from workbench.protocols.mikey.registry import PayloadType, named

MOST_PAYLOADS = 255
"""Payloads of one chain that are read; a message has about ten."""


def message(cursor: Cursor) -> Message:
    """Read one whole message: header and payloads up to the last octet.

    Raises:
        MalformedMessageError: not version 1, a field that ends behind the message, an unknown payload, octets left.
    """
    head, first = header(cursor)
    return Message(head, chain(cursor, first))


def header(cursor: Cursor) -> tuple[Header, int]:
    """The common header, and which payload comes first (RFC 3830 §6.1)."""
    cursor.clause = "RFC 3830 §6.1"
    with _whole(cursor, "mikey.header") as head:
        version = head.number("mikey.version", 1)
        if version != r.VERSION and not cursor.lenient:
            raise MalformedMessageError(f"version {version}", clause=cursor.clause, offset=cursor.at)
        data_type = head.number("mikey.data_type", 1, lambda number: named(number, r.DataType))
        head.value = named(data_type, r.DataType).partition(" ")[2]
        first = _next(head)
        prf = head.number("mikey.v_prf", 1, _prf)
        csb_id = head.number("mikey.csb_id", 4, lambda number: f"0x{number:08X}")
        count = head.number("mikey.cs_count", 1)
        kind = head.number("mikey.cs_map_type", 1, lambda number: named(number, r.MapType))
        sessions: tuple[CryptoSession | SrtpSession, ...] = ()
        if kind == r.MapType.SRTP_ID:
            sessions = tuple(_srtp_session(head) for _ in range(count))
        elif kind == r.MapType.GENERIC_ID:
            sessions = tuple(_crypto_session(head) for _ in range(count))
        elif kind != r.MapType.EMPTY:
            raise head.fault(f"CS ID map type {kind} is not known, so its length is not either")
    return Header(data_type, csb_id, prf & 0x7F, bool(prf & 0x80), sessions, kind, count, version), first


def _prf(octet: int) -> str:
    return f"{'V, ' if octet & 0x80 else ''}PRF {named(octet & 0x7F, r.Prf)}"


def _next(cursor: Cursor) -> int:
    return cursor.number("mikey.next_payload", 1, lambda number: named(number, PayloadType))


def _srtp_session(cursor: Cursor) -> SrtpSession:
    return SrtpSession(cursor.number("mikey.cs.policy", 1), cursor.number("mikey.cs.ssrc", 4, "0x{:08X}".format),
                       cursor.number("mikey.cs.roc", 4))


def _crypto_session(cursor: Cursor) -> CryptoSession:
    number = cursor.number("mikey.cs.id", 1)
    protocol = cursor.number("mikey.cs.protocol", 1, protocol_text)
    policies = cursor.number("mikey.cs.policies", 1, lambda octet: f"{'S, ' if octet & 0x80 else ''}#P {octet & 0x7F}")
    chosen = tuple(cursor.number("mikey.cs.policy", 1) for _ in range(policies & 0x7F))
    data = cursor.opaque("mikey.cs.data", 2)
    spi = cursor.opaque("mikey.cs.spi", 1)
    return CryptoSession(number, protocol, chosen, data, spi, bool(policies & 0x80))


def protocol_text(number: int) -> str:
    """`0 SRTP`; `241 (private use)`."""
    known = r.PROTOCOLS.get(number)
    return f"{number} {known}" if known else f"{number} ({'private use' if number > 240 else 'unassigned'})"


def chain(cursor: Cursor, first: int) -> tuple[Payload, ...]:
    """Payloads from the one that `first` announces up to the last, which has to end where the cursor does."""
    found: list[Payload] = []
    kind = first
    while kind != PayloadType.LAST:
        reader = _READERS.get(kind)
        if reader is None:
            raise cursor.fault(f"payload {kind} is not known, so its length is not either")
        if len(found) == MOST_PAYLOADS:
            raise cursor.fault(f"more than {MOST_PAYLOADS} payloads")
        name, clause, read = reader
        cursor.clause = clause
        following = PayloadType.LAST
        with _whole(cursor, name) as one:
            if kind != PayloadType.SIGN:
                following = PayloadType(0) if not one.left else _following(one)
            found.append(read(one))
        kind = following
    if cursor.left:
        raise cursor.fault(f"{cursor.left} octets behind the last payload")
    return tuple(found)


def _following(cursor: Cursor) -> int:
    return _next(cursor)
