"""Protection of MIKEY-TICKET messages and tickets: MAC over a message, keys in a KEMAC, base tickets.

Source: RFC 6043 §5, §6.6, Appendix A.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.errors import AuthenticationError, LocalProtocolError, MalformedMessageError, TicketRefusedError
from workbench.protocols.mikey import coverage, times, wire
from workbench.protocols.mikey import keys as derived
from workbench.protocols.mikey.keys import Constant, Direction
from workbench.protocols.mikey.messages import (
    CryptoSession,
    Header,
    Identity,
    Kemac,
    KeyData,
    Message,
    Payload,
    Rand,
    Spi,
    Ticket,
    TicketData,
    TicketPolicy,
    Timestamp,
    Verification,
)
from workbench.protocols.mikey.registry import (
    MAC_OCTETS,
    DataType,
    Encryption,
    Error,
    IdRole,
    KeyType,
    Mac,
    Prf,
    TimestampType,
)
from workbench.security import kemac
from workbench.security.tickets.terms import MPK_SPI, TGK_SPI, Shared, Suite

_BUNDLE = 0xFFFFFFFF
"""CSB ID in the IV of a base ticket."""


class Protection(msgspec.Struct, frozen=True):
    """Keys of one message, derived from a PSK, an envelope key, MPKi or MPKr' (RFC 6043 §5.1.2)."""

    prf: int
    key: bytes
    direction: Direction
    csb_id: int
    rand_i: bytes = b""
    rand_r: bytes = b""

    def __repr__(self) -> str:
        return f"Protection({self.direction.name}, {self.csb_id:08x})"

    def derive(self, constant: Constant, size: int) -> bytes:
        """One of its keys."""
        return derived.message_key(self.prf, self.key, constant, self.direction, self.csb_id, size,
                                   rand_i=self.rand_i, rand_r=self.rand_r)

    def response(self, *, key: bytes = b"", rand_r: bytes = b"") -> Protection:
        """Those of the response to a message."""
        return msgspec.structs.replace(self, direction=Direction.RESPONSE, key=key or self.key,
                                       rand_r=rand_r or self.rand_r)

    def seal(self, message: Message, mac: int, *bound: bytes) -> bytes:
        """A message with V at its end, over itself and what belongs to it."""
        open_end = msgspec.structs.replace(
            message, payloads=(*message.payloads, Verification(mac, bytes(MAC_OCTETS[mac]))))
        said = coverage.covered(wire.encode(open_end), *bound)
        key = self.derive(Constant.AUTHENTICATION, MAC_OCTETS[mac])
        return wire.encode(coverage.with_mac(open_end, derived.mac(mac, key, said)))

    def check(self, octets: bytes, message: Message, *bound: bytes) -> None:
        """Refuse a message whose V is not right. Raises TicketRefusedError with error 0."""
        last = message.payloads[-1] if message.payloads else None
        if not isinstance(last, Verification) or last.algorithm not in (Mac.HMAC_SHA_1_160, Mac.HMAC_SHA_256_256):
            raise refused("no V with a MAC at its end", "RFC 6043 §5.5", Error.MAC_NOT_SUPPORTED)
        key = self.derive(Constant.AUTHENTICATION, len(last.mac))
        if not derived.mac_holds(last.algorithm, key, coverage.covered(octets, *bound), last.mac):
            raise refused("the MAC is wrong", "RFC 6043 §5.5", Error.AUTHENTICATION_FAILURE)

    def wrap(self, encryption: int, stamp: Timestamp, keys: Sequence[KeyData]) -> Kemac:
        """Keys for the other end."""
        made = kemac.encrypt(encryption, *self._cipher(encryption), self.csb_id, coverage.iv_timestamp(stamp),
                             wire.encode_keys(keys))
        return Kemac(encryption, made)

    def supplied(self, message: Message) -> tuple[KeyData, ...]:
        """Keys that a Transfer brings beside those of the ticket; most bring none. Raises as `unwrap`."""
        return () if message.first(Kemac) is None else self.unwrap(message)

    def unwrap(self, message: Message) -> tuple[KeyData, ...]:
        """Keys that the other end sent. Raises TicketRefusedError."""
        found, stamp = message.first(Kemac), message.timestamp()
        if found is None or stamp is None or found.encryption == Encryption.NULL:
            raise refused("no encrypted keys", "RFC 6043 §4.2", Error.UNSPECIFIED)
        known(found.encryption)
        return _opened(found, *self._cipher(found.encryption), self.csb_id, stamp)

    def _cipher(self, encryption: int) -> tuple[bytes, bytes]:
        size = kemac.KEY_OCTETS[Encryption(encryption)]
        return self.derive(Constant.ENCRYPTION, size), self.derive(Constant.SALT, kemac.SALT_OCTETS)


def refused(what: str, clause: str, error: Error) -> TicketRefusedError:
    """For one `raise`."""
    return TicketRefusedError(what, clause=clause, error=error)


def known(encryption: int) -> None:
    """Refuse an encryption that nobody knows."""
    if encryption not in tuple(Encryption):
        raise refused(f"encryption {encryption}", "RFC 6043 §6.6", Error.ENCRYPTION_NOT_SUPPORTED)


def _opened(found: Kemac, key: bytes, salt: bytes, csb_id: int, stamp: Timestamp) -> tuple[KeyData, ...]:
    try:
        octets = kemac.decrypt(found.encryption, key, salt, csb_id, coverage.iv_timestamp(stamp), found.data)
        return wire.decode_keys(octets)
    except (AuthenticationError, MalformedMessageError):
        raise refused("the keys do not open", "RFC 6043 §6.6", Error.AUTHENTICATION_FAILURE) from None


def stamp_of(now: float) -> Timestamp:
    """T: this moment, `now` in seconds since 1900."""
    return Timestamp(TimestampType.NTP_UTC, times.stamp(TimestampType.NTP_UTC, now))


def error_message(header: Header | None, error: int, now: float) -> bytes:
    """An Error message for what was refused (RFC 3830 §5.1.2). Without a MAC: nobody may rely on it."""
    from workbench.protocols.mikey.messages import Failure

    head = Header(DataType.ERROR, header.csb_id if header else 0)
    return wire.encode(Message(head, (stamp_of(now), Failure(error))))


def read(octets: bytes, *kinds: DataType) -> Message:
    """Decode a message that has to be one of these (K1, K2, K24).

    Raises:
        TicketRefusedError: it is another one, or its PRF is not known.
        MalformedMessageError: it is none.
    """
    message = wire.decode(octets)
    head = message.header
    if head.data_type == DataType.ERROR:
        raise refused("the other end sent an Error", "RFC 3830 §5.1.2", Error.UNSPECIFIED)
    if head.data_type not in kinds:
        error = (Error.UNSUPPORTED_MESSAGE_TYPE if head.data_type in tuple(DataType)
                 else Error.DATA_TYPE_NOT_SUPPORTED)
        raise refused(f"data type {head.data_type}", "RFC 6043 §5.4", error)
    if head.prf not in tuple(Prf):
        raise refused(f"PRF {head.prf}", "RFC 6043 §6.1", Error.PRF_NOT_SUPPORTED)
    return message


def base_ticket(tpk: Shared, suite: Suite, policy: TicketPolicy, mpk: bytes, keys: Sequence[KeyData],
                rand: bytes, now: float) -> Ticket:
    """A ticket that who holds `tpk` can open (RFC 6043 Appendix A)."""
    def one(constant: Constant, size: int) -> bytes:
        return derived.ticket_key(policy.prf, tpk.key, constant, rand, size)

    issued = stamp_of(now)
    inside = wire.encode_keys([KeyData(KeyType.MPK, mpk, None, Spi(MPK_SPI)), *keys])
    sealed = kemac.encrypt(suite.encryption, one(Constant.ENCRYPTION, suite.key_octets),
                           one(Constant.SALT, kemac.SALT_OCTETS), _BUNDLE, coverage.iv_timestamp(issued), inside)
    chain: tuple[Payload, ...] = (issued, Rand(rand), Kemac(suite.encryption, sealed), tpk.name,
                                  Verification(suite.mac, bytes(suite.mac_octets)))
    found = TicketData(chain)
    said = coverage.ticket_covered(Ticket(policy, wire.encode_ticket_data(found)))
    right = derived.mac(suite.mac, one(Constant.AUTHENTICATION, suite.mac_octets), said)
    return Ticket(policy, coverage.sealed_ticket(found, right))


class OpenTicket(msgspec.Struct, frozen=True):
    """What a ticket holds: the MPK, its two keys, and those for traffic."""

    mpki: bytes
    mpkr: bytes
    keys: tuple[KeyData, ...]

    def __repr__(self) -> str:
        return f"OpenTicket({len(self.keys)} keys)"


def tpk_name(ticket: Ticket) -> Identity:
    """By which key a ticket is protected. Raises TicketRefusedError."""
    names = [one for one in _inside(ticket).payloads if isinstance(one, Identity) and one.role == IdRole.PSK]
    if not names:
        raise refused("the ticket names no key that opens it", "RFC 6043 Appendix A", Error.INVALID_TICKET)
    return names[0]


def _inside(ticket: Ticket) -> TicketData:
    try:
        return wire.decode_ticket_data(ticket.data)
    except MalformedMessageError as error:
        raise refused(f"ticket data: {error.what}", "RFC 6043 Appendix A", Error.INVALID_TICKET) from None


def opened(ticket: Ticket, tpk: Shared) -> OpenTicket:
    """Open a ticket. Raises TicketRefusedError with error 14: another key, or it was changed."""
    inside, prf = Message(Header(0, 0), _inside(ticket).payloads), ticket.policy.prf
    stamp, found = inside.timestamp(), inside.first(Kemac)
    rand = next((one.data for one in inside.all(Rand) if one.role is None), None)
    last = inside.payloads[-1]
    if stamp is None or found is None or rand is None or not isinstance(last, Verification) or prf not in tuple(Prf):
        raise refused("not a base ticket", "RFC 6043 Appendix A", Error.INVALID_TICKET)
    key = derived.ticket_key(prf, tpk.key, Constant.AUTHENTICATION, rand, len(last.mac) or 1)
    try:
        right = derived.mac_holds(last.algorithm, key, coverage.ticket_covered(ticket), last.mac)
    except LocalProtocolError:
        right = False
    if not right:
        raise refused("the ticket's MAC is wrong", "RFC 6043 §5.5", Error.INVALID_TICKET)
    known(found.encryption)
    size = kemac.KEY_OCTETS[Encryption(found.encryption)]
    cipher = derived.ticket_key(prf, tpk.key, Constant.ENCRYPTION, rand, size)
    salt = derived.ticket_key(prf, tpk.key, Constant.SALT, rand, kemac.SALT_OCTETS)
    held = _opened(found, cipher, salt, _BUNDLE, stamp)
    mpk = [one for one in held if one.kind == KeyType.MPK and one.key]
    if len(mpk) != 1:
        raise refused("not exactly one MPK in the ticket", "RFC 6043 §6.12", Error.INVALID_TICKET)
    mpki, mpkr = derived.protection_keys(prf, mpk[0].key, rand)
    return OpenTicket(mpki, mpkr, tuple(one for one in held if one.kind != KeyType.MPK))


def traffic(message: Message, policy: TicketPolicy, keys: Sequence[KeyData], session: int, size: int,
            rand_i: bytes, rand_r: bytes) -> bytes:
    """The TEK of a crypto session: derived from a TGK or GTGK, or as it is given.

    It comes of the key that the session names by its SPI in this message; of the first one where it names none.
    """
    from workbench.protocols.mikey.registry import Flag

    named = next((one.spi for one in message.header.sessions
                  if isinstance(one, CryptoSession) and one.number == session), b"")
    for one in keys:
        if named and (not isinstance(one.validity, Spi) or one.validity.data != named):
            continue
        if one.kind in (KeyType.TEK, KeyType.TEK_SALT):
            return one.key
        if one.kind in (KeyType.TGK, KeyType.TGK_SALT, KeyType.GTGK, KeyType.GTGK_SALT) and one.key:
            return derived.traffic_key(message.header.prf, one.key, session, size,
                                       rand_i=rand_i if policy.has(Flag.H) else b"",
                                       rand_r=rand_r if policy.has(Flag.G) else b"")
    what = f"no key for traffic of SPI {named.hex()}" if named else "no key for traffic"
    raise refused(what, "RFC 6043 §5.1.3, §6.1.1", Error.INVALID_TICKET)


def split(keys: Sequence[KeyData]) -> tuple[bytes, bytes, tuple[KeyData, ...]]:
    """MPKi, MPKr (or MPKr') and the rest of a KEMAC, in this order (RFC 6043 §4.2.1, §4.2.3)."""
    masters = [one.key for one in keys if one.kind == KeyType.MPK]
    rest = tuple(one for one in keys if one.kind != KeyType.MPK)
    if not masters or len(masters) > 2 or not all(masters):
        raise refused("not one or two MPKs", "RFC 6043 §4.2", Error.UNSPECIFIED)
    return masters[0], masters[1] if len(masters) == 2 else b"", rest


def first_spi(keys: Sequence[KeyData]) -> bytes:
    """How the first key for traffic is called."""
    return next((one.validity.data for one in keys if isinstance(one.validity, Spi) and one.validity.data), TGK_SPI)


def forked(prf: int, keys: Sequence[KeyData], identity: bytes, rand_kms: bytes) -> tuple[KeyData, ...]:
    """Keys of the one who answered: each TGK is forked, others are not (RFC 6043 §5.1.1)."""
    return tuple(
        msgspec.structs.replace(one, key=derived.forked(prf, one.key, Constant.FORKED_TGK, identity, rand_kms))
        if one.kind in (KeyType.TGK, KeyType.TGK_SALT) else one for one in keys)
