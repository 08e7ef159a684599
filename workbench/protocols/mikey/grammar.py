"""MIKEY messages field by field: header, chain of payloads, tickets. One grammar for values and for spans.

A payload is announced by the Next Payload of what stands before it, so a chain is read from a first number. A payload
of unknown type has no length that could be stepped over: what is left of the message is kept with it (RFC 3830 §5.3).

Source: RFC 3830 §6, RFC 4563, RFC 6043 §6.
"""

from __future__ import annotations

from workbench.protocols.cursor import Cursor
from workbench.protocols.mikey import registry as r
from workbench.protocols.mikey.fields import next_payload, protocol_text, whole
from workbench.protocols.mikey.messages import (
    CryptoSession,
    Header,
    Message,
    Payload,
    SrtpSession,
    Ticket,
    TicketData,
    TicketPolicy,
    Unknown,
)
from workbench.protocols.mikey.payloads import READERS, Reader
from workbench.protocols.mikey.registry import PayloadType, named

MOST_PAYLOADS = 255
"""Payloads of one chain that are read; a message has about ten."""


def message(cursor: Cursor) -> Message:
    """Read one whole message: header and payloads up to the last octet.

    Raises:
        MalformedMessageError: not version 1, a field that ends behind the message, octets left.
    """
    head, first = header(cursor)
    return Message(head, chain(cursor, first, _READERS))


def header(cursor: Cursor) -> tuple[Header, int]:
    """The common header, and which payload comes first (RFC 3830 §6.1)."""
    cursor.clause = "RFC 3830 §6.1"
    found, first = Header(0, 0), 0
    with whole(cursor, "mikey.header") as head:
        found, first = _header(head)
    return found, first


def _header(head: Cursor) -> tuple[Header, int]:
    version = head.octets[head.at] if head.left else r.VERSION
    if version != r.VERSION:
        raise head.fault(f"version {version}")
    head.number("mikey.version", 1)
    data_type = head.number("mikey.data_type", 1, lambda number: named(number, r.DataType))
    head.value = named(data_type, r.DataType).partition(" ")[2]
    first = next_payload(head)
    prf = head.number("mikey.v_prf", 1, _prf)
    csb_id = head.number("mikey.csb_id", 4, "0x{:08X}".format)
    count = head.number("mikey.cs_count", 1)
    kind = head.number("mikey.cs_map_type", 1, lambda number: named(number, r.MapType))
    sessions = _sessions(head, kind, count)
    return Header(data_type, csb_id, prf & 0x7F, bool(prf & 0x80), sessions, kind, count, version), first


def _sessions(cursor: Cursor, kind: int, count: int) -> tuple[CryptoSession | SrtpSession, ...]:
    match kind:
        case r.MapType.SRTP_ID:
            return tuple(_srtp_session(cursor) for _ in range(count))
        case r.MapType.EMPTY:
            return ()
        case r.MapType.GENERIC_ID:
            cursor.clause = "RFC 6043 §6.1.1"
            return tuple(_crypto_session(cursor) for _ in range(count))
    raise cursor.fault(f"CS ID map type {kind} is not known, so its length is not either")


def _prf(octet: int) -> str:
    return f"{'V, ' if octet & 0x80 else ''}PRF {named(octet & 0x7F, r.Prf)}"


def _srtp_session(cursor: Cursor) -> SrtpSession:
    with whole(cursor, "mikey.cs") as one:
        policy = one.number("mikey.cs.policy", 1)
        ssrc = one.number("mikey.cs.ssrc", 4, "0x{:08X}".format)
        one.value = f"SSRC 0x{ssrc:08X}"
        return SrtpSession(policy, ssrc, one.number("mikey.cs.roc", 4))
    return SrtpSession(0, 0)


def _crypto_session(cursor: Cursor) -> CryptoSession:
    with whole(cursor, "mikey.cs") as one:
        number = one.number("mikey.cs.id", 1)
        protocol = one.number("mikey.cs.protocol", 1, protocol_text)
        one.value = f"CS {number}: {protocol_text(protocol)}"
        policies = one.number("mikey.cs.policies", 1, lambda octet: f"{'S, ' if octet & 0x80 else ''}#P {octet & 0x7F}")
        chosen = tuple(one.number("mikey.cs.policy", 1) for _ in range(policies & 0x7F))
        data = one.opaque("mikey.cs.data", 2)
        return CryptoSession(number, protocol, chosen, data, one.opaque("mikey.cs.spi", 1, bytes.hex), policies > 127)
    return CryptoSession(0, 0)


def chain(cursor: Cursor, first: int, readers: dict[int, Reader] = READERS) -> tuple[Payload, ...]:
    """Payloads from the one that `first` announces up to the last, which has to end where the cursor does.

    Tickets stand in messages only, never in tickets; `readers` of a message have them too.
    """
    found: list[Payload] = []
    kind = first
    while kind != PayloadType.LAST and (cursor.left or not cursor.lenient):
        if len(found) == MOST_PAYLOADS:
            raise cursor.fault(f"more than {MOST_PAYLOADS} payloads")
        reader = readers.get(kind)
        if reader is None and kind in _READERS:
            raise cursor.fault(f"{PayloadType(kind).name} in a ticket")
        if reader is None:
            found.append(Unknown(kind, cursor.rest("mikey.unknown", f"payload {named(kind, PayloadType)}")))
            return tuple(found)
        kind = _payload(cursor, kind, reader, found)
    if cursor.left:
        raise cursor.fault(f"{cursor.left} octets behind the last payload")
    return tuple(found)


def _payload(cursor: Cursor, kind: int, reader: Reader, found: list[Payload]) -> int:
    """Read one payload into `found`; return what follows it."""
    name, cursor.clause, read = reader
    following: int = PayloadType.LAST
    with whole(cursor, name) as one:
        if kind != PayloadType.SIGN:
            following = next_payload(one)
        found.append(read(one))
    return following


def ticket_data(cursor: Cursor) -> TicketData:
    """What a base ticket holds: THDR and what it announces (RFC 6043 §6.11, Appendix A.1)."""
    cursor.clause = "RFC 6043 §6.11"
    first, data = 0, b""
    with whole(cursor, "mikey.thdr") as head:
        first = next_payload(head)
        data = head.opaque("mikey.thdr.data", 2)
    return TicketData(chain(cursor, first), data)


def _policy(cursor: Cursor) -> TicketPolicy:
    """TP, and the first part of TICKET (RFC 6043 §6.10)."""
    kind = cursor.number("mikey.ticket.type", 2, lambda number: named(number, r.TicketType))
    subtype = cursor.number("mikey.ticket.subtype", 1)
    version = cursor.number("mikey.ticket.version", 1)
    bits = cursor.number("mikey.ticket.flags", 3, _flags)
    cursor.value = r.flag_letters(bits >> 5 & 0xFFF)
    data: tuple[Payload, ...] = ()
    with cursor.vector("mikey.ticket.policy", 2) as inner:
        inner.clause = cursor.clause
        data = chain(inner, next_payload(inner))
    return TicketPolicy(bits >> 5 & 0xFFF, data, kind, subtype, version, bits >> 17, bits & 0x1F)


def _flags(bits: int) -> str:
    return f"PRF {named(bits >> 17, r.Prf)}, flags {r.flag_letters(bits >> 5 & 0xFFF)}"


def _ticket(cursor: Cursor) -> Ticket:
    """TICKET (RFC 6043 §6.10)."""
    policy = _policy(cursor)
    if cursor.lenient and policy.kind == r.TicketType.MIKEY_BASE:
        start, data = cursor.at + 2, b""
        with cursor.vector("mikey.ticket.data", 2) as inside:
            if inside.left:
                ticket_data(inside)
        data = cursor.octets[start : cursor.at]
    else:
        data = cursor.opaque("mikey.ticket.data", 2)
    made: tuple[Payload, ...] = ()
    with cursor.vector("mikey.ticket.initiator", 2) as inner:
        if inner.left:
            made = chain(inner, next_payload(inner))
            if not made:
                raise inner.fault("initiator data without a payload")
    return Ticket(policy, data, made)


_READERS: dict[int, Reader] = READERS | {
    PayloadType.TP: ("mikey.tp", "RFC 6043 §6.10", _policy),
    PayloadType.TICKET: ("mikey.ticket", "RFC 6043 §6.10", _ticket),
}
