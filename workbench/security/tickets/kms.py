"""The KMS: grants tickets and resolves them (RFC 6043 §4.2.1, §4.2.3). It remembers no ticket.

`now` is in seconds since 1900. Order of checks and their error numbers where the RFC leaves them open: a local choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.mikey import coverage, times, wire
from workbench.protocols.mikey import keys as derived
from workbench.protocols.mikey.keys import Constant
from workbench.protocols.mikey.messages import (
    Header,
    Identity,
    Kemac,
    KeyData,
    Message,
    Payload,
    Rand,
    Spi,
    Ticket,
    TicketPolicy,
    Timestamp,
    Verification,
    identities,
    validity,
)
from workbench.protocols.mikey.registry import (
    DataType,
    Error,
    Flag,
    IdRole,
    KeyType,
    RandRole,
    TicketType,
    TimestampRole,
    TimestampType,
)
from workbench.protocols.mikey.rules import asked_faults, flag_faults, key_faults, time_fault
from workbench.security.source import Source
from workbench.security.tickets.protecting import (
    OpenTicket,
    Protection,
    base_ticket,
    forked,
    opened,
    read,
    refused,
    stamp_of,
    tpk_name,
)
from workbench.security.tickets.replays import Replays
from workbench.security.tickets.reporting import reported
from workbench.security.tickets.terms import MPK_SPI, MPKR_SPI, RAND_OCTETS, Refused, Shared, Suite, suite_of
from workbench.security.tickets.users import REQUESTS, Authority, User, Users

MOST_KEYS = 8
"""Keys that one ticket is given."""
_USUAL_KEY = KeyData(KeyType.TGK, bytes(16))


class Answered(msgspec.Struct, frozen=True):
    """The response to a request, and what it is in words."""

    octets: bytes
    what: str


class Kms:
    """A KMS.

    Args:
        identity: IDRkms.
        users: who may ask.
        tpk: under which it makes tickets.
        longest: seconds for which it grants a ticket; one asked for longer ends sooner (flag K).
        authority: for who asks by certificate; None: nobody does.
    """

    def __init__(self, identity: Identity, users: Sequence[User], tpk: Shared, source: Source, *,
                 replays: Replays | None = None, longest: float = 30 * 86_400.0,
                 authority: Authority | None = None) -> None:
        self._identity, self._tpk, self._source, self._longest = identity, tpk, source, longest
        self._users = Users(identity, users, authority)
        self._makers: dict[bytes, User | None] = {tpk.name.data: None}
        self._makers |= {user.tpk.name.data: user for user in users if user.tpk is not None}
        self._replays = Replays() if replays is None else replays

    def receive(self, octets: bytes, now: float) -> Answered | Refused:
        """Answer REQUEST_INIT and RESOLVE_INIT, with key or certificate; a refusal brings the Error message."""
        return reported(lambda: self._receive(octets, now), now, octets)

    def _receive(self, octets: bytes, now: float) -> Answered:
        message = read(octets, *self._users.kinds)
        user, keys = self._users.caller(octets, message, now)
        self._replays.check(message.timestamp(), octets[-20:], now)
        self._replays.keep(octets[-20:], now)
        if message.header.data_type in REQUESTS:
            return self._grant(octets, message, user, keys, now)
        return self._resolve(octets, message, user, keys, now)

    # Request: RFC 6043 §4.2.1

    def _grant(self, octets: bytes, message: Message, user: User, keys: Protection, now: float) -> Answered:
        asked = message.first(TicketPolicy)
        if asked is None:
            raise refused("no TP", "RFC 6043 §4.2.1", Error.INVALID_TP_PARAMETERS)
        responders = self._allowed(asked, user, now)
        policy = self._granted(asked, now)
        tpk = self._tpk if policy.has(Flag.E) else self._tpk_of(responders)
        suite = _suite(message)
        rand, mpk = self._source.octets(RAND_OCTETS), self._source.octets(suite.key_octets)
        held = self._keys_as_asked(asked)
        ticket = base_ticket(tpk, suite, policy, mpk, held, rand, now)
        mpki, mpkr = derived.protection_keys(policy.prf, mpk, rand)
        given = [KeyData(KeyType.MPK, mpki, None, Spi(MPK_SPI))]
        given += [KeyData(KeyType.MPK, mpkr, None, Spi(MPKR_SPI))] if policy.has(Flag.I) else []
        response, stamp = keys.response(), stamp_of(now)
        chain = (stamp, self._identity, ticket, response.wrap(suite.encryption, stamp, (*given, *held)))
        head = Header(DataType.REQUEST_RESP, message.header.csb_id, message.header.prf)
        names = ", ".join(one.text for one in responders)
        return Answered(response.seal(Message(head, chain), suite.mac, octets), f"a ticket for {names}")

    def _allowed(self, asked: TicketPolicy, user: User, now: float) -> tuple[Identity, ...]:
        """Whether this user may have what it asks for."""
        for fault in asked_faults(asked):
            raise refused(fault.what, fault.clause, fault.error)
        if asked.kind != TicketType.MIKEY_BASE or not asked.has(Flag.D) or asked.has(Flag.K):
            raise refused("not a base ticket that the KMS makes", "RFC 6043 §6.10", Error.INVALID_TP_PARAMETERS)
        responders = identities(asked, IdRole.RESPONDER)
        makers = identities(asked, IdRole.INITIATOR)
        if not responders or any(one.data not in user.identities for one in makers):
            raise refused("IDRi of somebody else, or no IDRr", "RFC 6043 §6.10", Error.INVALID_TP_PARAMETERS)
        if user.may_call is not None and any(one.data not in user.may_call for one in responders):
            raise refused("no ticket for that responder", "RFC 6043 §4.2.1", Error.INVALID_TP_PARAMETERS)
        late = time_fault(asked, now)
        if late is not None and _end(asked) < now:
            raise refused("the time asked for is over", late.clause, Error.INVALID_TP_PARAMETERS)
        return responders

    def _granted(self, asked: TicketPolicy, now: float) -> TicketPolicy:
        """The policy without its kinds of keys, and not longer than this KMS grants."""
        kept = tuple(one for one in asked.data if not isinstance(one, Kemac))
        latest = now + self._longest
        if _end(asked) <= latest:
            return msgspec.structs.replace(asked, data=kept)
        kind = TimestampType.NTP_UTC_32
        sooner = Timestamp(kind, times.stamp(kind, latest), TimestampRole.END)
        end = validity(asked, TimestampRole.END)
        cut = tuple(sooner if one == end else one for one in kept)
        return msgspec.structs.replace(asked, data=cut, flags=asked.flags | Flag.K)

    def _keys_as_asked(self, asked: TicketPolicy) -> tuple[KeyData, ...]:
        """New keys of the kinds and lengths that TP names; what octets it has are never looked at (K6)."""
        found = next((one for one in asked.data if isinstance(one, Kemac)), None)
        try:
            kinds = wire.decode_keys(found.data) if found is not None else (_USUAL_KEY,)
        except MalformedMessageError:
            kinds = ()
        if not 1 <= len(kinds) <= MOST_KEYS or any(not 16 <= len(one.key) <= 64 or one.kind > 5 for one in kinds):
            raise refused("kinds of keys that nobody can make", "RFC 6043 §6.10", Error.INVALID_TP_PARAMETERS)
        return tuple(KeyData(one.kind & ~1, self._source.octets(len(one.key)), None, Spi(bytes((2 + at,))))
                     for at, one in enumerate(kinds))

    def _tpk_of(self, responders: Sequence[Identity]) -> Shared:
        """Mode 2: the responder opens the ticket itself, with a key that it shares with the KMS."""
        for user in self._users.all:
            if user.tpk is not None and all(one.data in user.identities for one in responders):
                return user.tpk
        raise refused("E=0, and that responder shares no ticket protection key", "RFC 6043 §6.10",
                      Error.INVALID_TP_PARAMETERS)

    # Resolve: RFC 6043 §4.2.3

    def _resolve(self, octets: bytes, message: Message, user: User, keys: Protection, now: float) -> Answered:
        ticket, who = message.first(Ticket), message.identity(IdRole.RESPONDER)
        if ticket is None:
            raise refused("no ticket", "RFC 6043 §4.2.3", Error.INVALID_TICKET)
        for fault in (*flag_faults(ticket.policy), *key_faults(message)):
            raise refused(fault.what, fault.clause, Error.INVALID_TICKET)
        held = self._opened(ticket)
        late = time_fault(ticket.policy, now)
        if late is not None:
            raise refused(late.what, late.clause, late.error)
        allowed = {one.data for one in identities(ticket.policy, IdRole.RESPONDER)}
        if not allowed & set(user.identities):
            raise refused("the ticket names another responder", "RFC 6043 §4.2.3", Error.ID_NOT_SUPPORTED)
        given, tail = self._for_responder(ticket, held, who or Identity(1, user.identities[0], IdRole.RESPONDER))
        suite, response, stamp = _suite(message), keys.response(), stamp_of(now)
        chain = (stamp, self._identity, response.wrap(suite.encryption, stamp, given), *tail)
        head = Header(DataType.RESOLVE_RESP, message.header.csb_id, message.header.prf)
        caller = ", ".join(one.text for one in identities(ticket.policy, IdRole.INITIATOR))
        return Answered(response.seal(Message(head, chain), suite.mac, octets), f"the keys of a ticket of {caller}")

    def _opened(self, ticket: Ticket) -> OpenTicket:
        """The ticket's keys, and whether who holds its protection key could make it (flag D)."""
        name = tpk_name(ticket).data
        if name not in self._makers:
            raise refused("nobody has the key that opens the ticket", "RFC 6043 §4.2.3", Error.INVALID_TICKET)
        maker = self._makers[name]
        tpk = self._tpk if maker is None or maker.tpk is None else maker.tpk
        held = opened(ticket, tpk)
        makers = {one.data for one in identities(ticket.policy, IdRole.INITIATOR)}
        own = maker is None if ticket.policy.has(Flag.D) else maker is not None and makers <= set(maker.identities)
        if not own:
            raise refused("the ticket was made by somebody else than it says (D)", "RFC 6043 §6.10",
                          Error.INVALID_TICKET)
        return held

    def _for_responder(self, ticket: Ticket, held: OpenTicket, who: Identity) -> tuple[list[KeyData], list[Payload]]:
        """Keys of the response, and IDRr and RANDRkms behind them where they are forked."""
        prf = ticket.policy.prf
        given = [KeyData(KeyType.MPK, held.mpki, None, Spi(MPK_SPI))]
        if not ticket.policy.has(Flag.I):
            return [*given, *held.keys], []
        _check_initiator_data(ticket, held.mpkr)
        rand = self._source.octets(RAND_OCTETS)
        mpkr = derived.forked(prf, held.mpkr, Constant.FORKED_MPKR, who.data, rand)
        given.append(KeyData(KeyType.MPK, mpkr, None, Spi(MPKR_SPI)))
        return [*given, *forked(prf, held.keys, who.data, rand)], [who, Rand(rand, RandRole.KMS)]


def _check_initiator_data(ticket: Ticket, mpkr: bytes) -> None:
    """Vr: who used the ticket holds MPKr (RFC 6043 §4.2.3.4; K10)."""
    match ticket.initiator_data:
        case (Verification(), Verification(algorithm=algorithm, mac=mac)):
            key = derived.initiator_data_key(ticket.policy.prf, mpkr, len(mac) or 1)
            if derived.mac_holds(algorithm, key, coverage.initiator_covered(ticket), mac):
                return
    raise refused("Vr is wrong", "RFC 6043 §4.2.3.4", Error.AUTHENTICATION_FAILURE)


def _suite(message: Message) -> Suite:
    """The algorithms of a message, for its response."""
    last = message.payloads[-1]
    return suite_of(message.header.prf, last.algorithm if isinstance(last, Verification) else None)


def _end(policy: TicketPolicy) -> float:
    end = validity(policy, TimestampRole.END)
    at = None if end is None else times.seconds(end.kind, end.value)
    return float("inf") if at is None else at
