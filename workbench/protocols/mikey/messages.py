"""MIKEY messages as frozen values: a common header and a chain of payloads.

Keys show in no repr. Source: RFC 3830 §6, RFC 4563, RFC 6043 §6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from workbench.protocols.mikey.registry import (
    ExtensionType,
    Flag,
    IdRole,
    MapType,
    PayloadType,
    Prf,
    RandRole,
    TimestampRole,
)


class SrtpSession(msgspec.Struct, frozen=True):
    """A crypto session in an SRTP-ID map (RFC 3830 §6.1.1)."""

    policy: int
    ssrc: int
    roc: int = 0


class CryptoSession(msgspec.Struct, frozen=True):
    """A crypto session in a GENERIC-ID map (RFC 6043 §6.1.1).

    Args:
        number: CS ID, from 1.
        protocol: security protocol, as in SP.
        policies: numbers of the SP payloads that it offers; exactly one in a response.
        data: session data as the protocol has it.
        spi: which key it uses; has to be there in a response.
        flag: the S bit; for SRTP: the data holds ROC and SEQ.
    """

    number: int
    protocol: int
    policies: tuple[int, ...] = ()
    data: bytes = b""
    spi: bytes = b""
    flag: bool = False


class Header(msgspec.Struct, frozen=True):
    """The common header (RFC 3830 §6.1).

    Args:
        data_type: what the message is.
        csb_id: 32 bits, the crypto session bundle; responses repeat it.
        prf: pseudo-random function, 7 bits.
        verify: the V bit. Receivers ignore it (RFC 6043 §4.2, §6.1).
        sessions: as many as #CS says, in the form of `map_type`; none with EMPTY.
        map_type: SRTP_ID, EMPTY or GENERIC_ID.
        count: #CS where the map is empty or unknown; otherwise the number of sessions.
    """

    data_type: int
    csb_id: int
    prf: int = Prf.MIKEY_1
    verify: bool = False
    sessions: tuple[CryptoSession | SrtpSession, ...] = ()
    map_type: int = MapType.EMPTY
    count: int = 0
    version: int = 1


class Timestamp(msgspec.Struct, frozen=True):
    """T, or TR where it has a role: seconds or a count as `kind` says (RFC 3830 §6.6, RFC 6043 §6.3).

    The value is 64 bits with NTP-UTC and NTP (seconds since 1900 and their fraction), else 32.
    """

    kind: int
    value: int
    role: int | None = None


class Rand(msgspec.Struct, frozen=True):
    """RAND, or RANDR where it has a role: at least 16 random octets (RFC 3830 §6.11, RFC 6043 §6.5)."""

    data: bytes
    role: int | None = None


class Identity(msgspec.Struct, frozen=True):
    """ID, or IDR where it has a role (RFC 3830 §6.7, RFC 6043 §6.4)."""

    kind: int
    data: bytes
    role: int | None = None

    @property
    def text(self) -> str:
        """The identity as text; octets that are no UTF-8 as hexadecimal."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return self.data.hex()


class Certificate(msgspec.Struct, frozen=True):
    """CERT (RFC 3830 §6.7)."""

    kind: int
    data: bytes


class CertificateHash(msgspec.Struct, frozen=True):
    """CHASH: which certificate a key was encrypted for (RFC 3830 §6.8)."""

    function: int
    value: bytes


class Kemac(msgspec.Struct, frozen=True):
    """KEMAC: key data, encrypted, and a MAC (RFC 3830 §6.2)."""

    encryption: int
    data: bytes
    mac_algorithm: int = 0
    mac: bytes = b""

    def __repr__(self) -> str:
        return f"Kemac(encryption={self.encryption}, {len(self.data)} octets, mac_algorithm={self.mac_algorithm})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("encryption", self.encryption), ("octets", len(self.data)), ("mac_algorithm", self.mac_algorithm)]


class Envelope(msgspec.Struct, frozen=True):
    """PKE: the envelope key under the receiver's public key (RFC 3830 §6.3). `cache`: 0 no, 1 yes, 2 for this CSB."""

    data: bytes
    cache: int = 0


class DiffieHellman(msgspec.Struct, frozen=True):
    """DH: a public value, and how long the key that comes of it holds (RFC 3830 §6.4). `reserved`: 4 bits, 0."""

    group: int
    value: bytes
    validity: Spi | Interval | None = None
    reserved: int = 0


class Sign(msgspec.Struct, frozen=True):
    """SIGN: always the last payload; it has no Next Payload (RFC 3830 §6.5)."""

    kind: int
    signature: bytes


class Verification(msgspec.Struct, frozen=True):
    """V: a MAC over the message and what belongs to it (RFC 3830 §6.9, RFC 6043 §5.5)."""

    algorithm: int
    mac: bytes


class Policy(msgspec.Struct, frozen=True):
    """SP: a security policy of a protocol; parameters are type and value (RFC 3830 §6.10)."""

    number: int
    protocol: int
    parameters: tuple[tuple[int, bytes], ...] = ()


class Failure(msgspec.Struct, frozen=True):
    """ERR (RFC 3830 §6.12). `reserved`: 16 bits, 0."""

    code: int
    reserved: int = 0


class Extension(msgspec.Struct, frozen=True):
    """General extension (RFC 3830 §6.15)."""

    kind: int
    data: bytes


class Spi(msgspec.Struct, frozen=True):
    """Key validity by index: security parameter index or MKI (RFC 3830 §6.14)."""

    data: bytes


class Interval(msgspec.Struct, frozen=True):
    """Key validity by numbers: from and to, each of its own length (RFC 3830 §6.14)."""

    begin: bytes
    end: bytes


class KeyData(msgspec.Struct, frozen=True):
    """One key inside KEMAC (RFC 3830 §6.13, RFC 6043 §6.12). A salt belongs to types with SALT in their name."""

    kind: int
    key: bytes
    salt: bytes | None = None
    validity: Spi | Interval | None = None

    def __repr__(self) -> str:
        return f"KeyData(kind={self.kind}, {8 * len(self.key)} bits, validity={self.validity})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("kind", self.kind), ("bits", 8 * len(self.key)), ("validity", self.validity)]


class TicketPolicy(msgspec.Struct, frozen=True):
    """What TP and TICKET say of a ticket (RFC 6043 §6.10).

    Args:
        flags: the twelve bits D to O.
        data: IDRkms, IDRi, TRs, TRe, TRr, KEMAC (never in a granted ticket), IDRapp, IDRr, in this order.
        reserved: five bits behind the flags, 0.
    """

    flags: int
    data: tuple[Payload, ...] = ()
    kind: int = 1
    subtype: int = 1
    version: int = 1
    prf: int = Prf.MIKEY_1
    reserved: int = 0

    def has(self, flag: Flag) -> bool:
        """Whether a flag is set."""
        return bool(self.flags & flag)


class Ticket(msgspec.Struct, frozen=True):
    """TICKET (RFC 6043 §6.10).

    Args:
        policy: what was granted.
        data: ticket data; only who holds the ticket protection key reads it.
        initiator_data: Vi and Vr where keys are forked; else empty.
    """

    policy: TicketPolicy
    data: bytes
    initiator_data: tuple[Payload, ...] = ()


class TicketData(msgspec.Struct, frozen=True):
    """What a base ticket holds: THDR and a chain of payloads (RFC 6043 §6.11, Appendix A.1). `header`: THDR's data."""

    payloads: tuple[Payload, ...]
    header: bytes = b""


class Unknown(msgspec.Struct, frozen=True):
    """A payload of a type that is not known, and all that follows: only its own type says how long it is.

    Args:
        number: the type by which it was announced.
        octets: from its first octet to the end of the message or of the payload around it.
    """

    number: int
    octets: bytes


Payload = (Timestamp | Rand | Identity | Certificate | CertificateHash | Kemac | Envelope | DiffieHellman | Sign
           | Verification | Policy | Failure | Extension | KeyData | TicketPolicy | Ticket | Unknown)

_P = TypeVar("_P")


class Message(msgspec.Struct, frozen=True):
    """One MIKEY message."""

    header: Header
    payloads: tuple[Payload, ...] = ()

    def first(self, kind: type[_P]) -> _P | None:
        """The first payload of a kind; None where there is none."""
        return next((one for one in self.payloads if isinstance(one, kind)), None)

    def all(self, kind: type[_P]) -> tuple[_P, ...]:
        """All payloads of a kind, in order."""
        return tuple(one for one in self.payloads if isinstance(one, kind))

    def timestamp(self) -> Timestamp | None:
        """T; None where there is none."""
        return next((one for one in self.all(Timestamp) if one.role is None), None)

    def identity(self, role: IdRole) -> Identity | None:
        """IDR of this role; None where there is none."""
        return next((one for one in self.all(Identity) if one.role == role), None)

    def rand(self, role: RandRole) -> Rand | None:
        """RANDR of this role; None where there is none."""
        return next((one for one in self.all(Rand) if one.role == role), None)


def sdp_ids(protocols: Sequence[str]) -> Extension:
    """The list of key management protocols that an offer has, in its order (RFC 3830 §6.15, RFC 4567 §4.1.4)."""
    return Extension(ExtensionType.SDP_IDS, ";".join(protocols).encode())


def listed(message: Message) -> tuple[str, ...] | None:
    """The key management protocols that a message lists, in lower case; None: it has no list."""
    found = next((one for one in message.all(Extension) if one.kind == ExtensionType.SDP_IDS), None)
    return None if found is None else tuple(found.data.decode("ascii", "replace").lower().split(";"))


def identities(policy: TicketPolicy, role: IdRole) -> tuple[Identity, ...]:
    """The identities of a role that a ticket policy names."""
    return tuple(one for one in policy.data if isinstance(one, Identity) and one.role == role)


def validity(policy: TicketPolicy, role: TimestampRole) -> Timestamp | None:
    """TRs, TRe or TRr of a ticket policy; None where it has none."""
    return next((one for one in policy.data if isinstance(one, Timestamp) and one.role == role), None)


def payload_type(payload: Payload) -> int:
    """The number by which the payload before it announces this one."""
    match payload:
        case Timestamp(role=role):
            return PayloadType.TR if role is not None else PayloadType.T
        case Rand(role=role):
            return PayloadType.RANDR if role is not None else PayloadType.RAND
        case Identity(role=role):
            return PayloadType.IDR if role is not None else PayloadType.ID
        case Unknown(number=number):
            return number
    return _TYPES[type(payload)]


_TYPES: dict[type, PayloadType] = {
    Certificate: PayloadType.CERT, CertificateHash: PayloadType.CHASH, Kemac: PayloadType.KEMAC,
    Envelope: PayloadType.PKE, DiffieHellman: PayloadType.DH, Sign: PayloadType.SIGN, Verification: PayloadType.V,
    Policy: PayloadType.SP, Failure: PayloadType.ERR, Extension: PayloadType.GENERAL_EXTENSION,
    KeyData: PayloadType.KEY_DATA, TicketPolicy: PayloadType.TP, Ticket: PayloadType.TICKET}
