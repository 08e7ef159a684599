"""MIKEY payloads to octets; the chain is announced from the front, each by the one before it (RFC 3830 §6)."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import LocalProtocolError
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
    Payload,
    Policy,
    Rand,
    Sign,
    Spi,
    SrtpSession,
    Ticket,
    TicketPolicy,
    Timestamp,
    Unknown,
    Verification,
    payload_type,
)
from workbench.protocols.mikey.registry import PayloadType


def header(header: Header, first: int) -> bytes:
    """The common header (RFC 3830 §6.1)."""
    count = header.count if header.map_type == r.MapType.EMPTY else len(header.sessions)
    if header.map_type == r.MapType.EMPTY and header.sessions:
        raise LocalProtocolError("an empty CS ID map holds no crypto session (RFC 4563 §4)")
    return b"".join((
        _number(header.version, 1), _number(header.data_type, 1), _number(first, 1),
        _bits(header.verify, 1, header.prf, 7), _number(header.csb_id, 4), _number(count, 1),
        _number(header.map_type, 1), *(_session(one, header.map_type) for one in header.sessions)))


def _session(session: CryptoSession | SrtpSession, map_type: int) -> bytes:
    match session:
        case SrtpSession() if map_type == r.MapType.SRTP_ID:
            return _number(session.policy, 1) + _number(session.ssrc, 4) + _number(session.roc, 4)
        case CryptoSession() if map_type == r.MapType.GENERIC_ID:
            return b"".join((
                _number(session.number, 1), _number(session.protocol, 1),
                _bits(session.flag, 1, len(session.policies), 7), bytes(session.policies),
                _opaque(session.data, 2), _opaque(session.spi, 1)))
    raise LocalProtocolError(f"no crypto session of CS ID map type {map_type} (RFC 6043 §6.1)")


def chain(payloads: Sequence[Payload]) -> bytes:
    """Payloads one behind the other, each with what follows it."""
    parts: list[bytes] = []
    for place, payload in enumerate(payloads):
        following = announced(payloads[place + 1 :])
        if isinstance(payload, Sign | Unknown):
            if following != PayloadType.LAST:
                raise LocalProtocolError("nothing follows SIGN or a payload of unknown type (RFC 3830 §6.5)")
            parts.append(_body(payload))
        else:
            parts.append(_number(following, 1) + _body(payload))
    return b"".join(parts)


def announced(payloads: Sequence[Payload]) -> int:
    """The number that announces the first of these; 0 where there is none."""
    return payload_type(payloads[0]) if payloads else PayloadType.LAST


def ticket_policy(policy: TicketPolicy) -> bytes:
    """TP, or the first part of TICKET, behind its Next Payload (RFC 6043 §6.10)."""
    if not 0 <= policy.flags < 1 << 12:
        raise LocalProtocolError(f"flags 0x{policy.flags:X}: there are twelve (RFC 6043 §6.10)")
    return b"".join((
        _number(policy.kind, 2), _number(policy.subtype, 1), _number(policy.version, 1),
        _number(policy.prf << 17 | policy.flags << 5 | policy.reserved, 3), _opaque(led(policy.data), 2)))


def ticket(ticket: Ticket) -> bytes:
    """TICKET behind its Next Payload (RFC 6043 §6.10)."""
    made = led(ticket.initiator_data) if ticket.initiator_data else b""
    return ticket_policy(ticket.policy) + _opaque(ticket.data, 2) + _opaque(made, 2)


def led(payloads: Sequence[Payload]) -> bytes:
    """A chain behind an octet that announces its first payload."""
    return _number(announced(payloads), 1) + chain(payloads)


def _body(payload: Payload) -> bytes:
    """A payload behind its Next Payload."""
    match payload:
        case Timestamp():
            return _role(payload.role) + _timestamp(payload)
        case Rand():
            return _role(payload.role) + _opaque(payload.data, 1)
        case Identity():
            return _role(payload.role) + _number(payload.kind, 1) + _opaque(payload.data, 2)
        case Certificate() | Extension():
            return _number(payload.kind, 1) + _opaque(payload.data, 2)
        case CertificateHash():
            return _sized(payload.function, payload.value, r.HASH_OCTETS, "hash")
        case Kemac():
            mac = _sized(payload.mac_algorithm, payload.mac, r.MAC_OCTETS, "MAC")
            return _number(payload.encryption, 1) + _opaque(payload.data, 2) + mac
        case Verification():
            return _sized(payload.algorithm, payload.mac, r.MAC_OCTETS, "MAC")
        case KeyData():
            return _key_data(payload)
        case TicketPolicy():
            return ticket_policy(payload)
        case Ticket():
            return ticket(payload)
    return _rarer(payload)


def _rarer(payload: Payload) -> bytes:
    match payload:
        case Envelope():
            return _bits(payload.cache, 2, len(payload.data), 14) + payload.data
        case DiffieHellman():
            kind, octets = _validity(payload.validity)
            value = _sized(payload.group, payload.value, r.DH_OCTETS, "DH value")
            return value + _bits(payload.reserved, 4, kind, 4) + octets
        case Sign():
            return _bits(payload.kind, 4, len(payload.signature), 12) + payload.signature
        case Policy():
            parameters = b"".join(_number(kind, 1) + _opaque(value, 1) for kind, value in payload.parameters)
            return _number(payload.number, 1) + _number(payload.protocol, 1) + _opaque(parameters, 2)
        case Failure():
            return _number(payload.code, 1) + _number(payload.reserved, 2)
        case Unknown():
            return payload.octets
    raise LocalProtocolError(f"{type(payload).__name__} is no payload (RFC 3830 §6)")


def _key_data(key: KeyData) -> bytes:
    kind, validity = _validity(key.validity)
    salted = key.kind in (r.KeyType.TGK_SALT, r.KeyType.TEK_SALT, r.KeyType.GTGK_SALT)
    if salted != (key.salt is not None):
        needs = "needs a salt" if salted else "has no salt"
        raise LocalProtocolError(f"key data of type {key.kind} {needs} (RFC 3830 §6.13)")
    salt = b"" if key.salt is None else _opaque(key.salt, 2)
    return _bits(key.kind, 4, kind, 4) + _opaque(key.key, 2) + salt + validity


def _validity(validity: Spi | Interval | None) -> tuple[int, bytes]:
    match validity:
        case Spi(data=data):
            return r.KeyValidity.SPI, _opaque(data, 1)
        case Interval(begin=begin, end=end):
            return r.KeyValidity.INTERVAL, _opaque(begin, 1) + _opaque(end, 1)
    return r.KeyValidity.NULL, b""


def _timestamp(stamp: Timestamp) -> bytes:
    size = r.TIMESTAMP_OCTETS.get(stamp.kind)
    if size is None:
        raise LocalProtocolError(f"timestamp type {stamp.kind} has no known size (RFC 3830 §6.6)")
    return _number(stamp.kind, 1) + _number(stamp.value, size)


def _role(role: int | None) -> bytes:
    return b"" if role is None else _number(role, 1)


def _sized(kind: int, octets: bytes, sizes: dict[int, int], what: str) -> bytes:
    if sizes.get(kind) != len(octets):
        raise LocalProtocolError(f"a {what} of type {kind} with {len(octets)} octets (RFC 3830 §6)")
    return _number(kind, 1) + octets


def _number(number: int, size: int) -> bytes:
    if not 0 <= number < 1 << 8 * size:
        raise LocalProtocolError(f"{number} does not fit into {size} octets (RFC 3830 §6)")
    return int(number).to_bytes(size)


def _bits(upper: int, upper_bits: int, lower: int, lower_bits: int) -> bytes:
    if not (0 <= upper < 1 << upper_bits and 0 <= lower < 1 << lower_bits):
        raise LocalProtocolError(f"{upper}, {lower} do not fit into {upper_bits} and {lower_bits} bits (RFC 3830 §6)")
    return _number(upper << lower_bits | lower, (upper_bits + lower_bits) // 8)


def _opaque(octets: bytes, length_size: int) -> bytes:
    return _number(len(octets), length_size) + octets
