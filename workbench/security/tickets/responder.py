"""Who is called with a ticket: checks it, has it resolved, and answers (RFC 6043 §4.2.2, §4.2.3).

One machine serves one call; `Replays` is shared by the calls of a node. `now` is in seconds since 1900.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

import msgspec

from workbench.errors import LocalProtocolError
from workbench.protocols.mikey import times, wire
from workbench.protocols.mikey.keys import Direction
from workbench.protocols.mikey.messages import (
    CryptoSession,
    Header,
    Identity,
    KeyData,
    Message,
    Payload,
    Rand,
    Ticket,
    Verification,
    identities,
    validity,
)
from workbench.protocols.mikey.registry import (
    DataType,
    Error,
    Flag,
    IdRole,
    MapType,
    RandRole,
    TicketType,
    TimestampRole,
)
from workbench.protocols.mikey.rules import (
    flag_faults,
    key_faults,
    list_fault,
    session_faults,
    supply_faults,
    time_fault,
)
from workbench.security.source import Source
from workbench.security.tickets.asking import question
from workbench.security.tickets.protecting import (
    Protection,
    first_spi,
    opened,
    read,
    refused,
    split,
    stamp_of,
    tpk_name,
    traffic,
)
from workbench.security.tickets.replays import Replays
from workbench.security.tickets.reporting import reported
from workbench.security.tickets.terms import RAND_OCTETS, TLS_PROTOCOL, Credential, Keyed, Refused, Shared, suite_of


class State(enum.Enum):
    """Where a responder is in its call."""

    IDLE = "idle"
    RESOLVING = "resolving"
    KEYED = "keyed"


MAY = {"read TRANSFER_INIT": (State.IDLE,), "read RESOLVE_RESP": (State.RESOLVING,), "give up": (State.RESOLVING,)}
"""What is legal in which state (RFC 6043 §4). A refusal leads back to IDLE."""


class Resolve(msgspec.Struct, frozen=True):
    """The KMS has to be asked; `octets` is the RESOLVE_INIT."""

    octets: bytes


class Responder:
    """The responder of one call.

    Args:
        identity: its own IDRr.
        kms: IDRkms that it trusts.
        credential: its key at the KMS, or its certificate; None where it resolves tickets itself only.
        replays: what this node accepted before.
        groups: identities of groups that it answers for.
        tpks: ticket protection keys that it holds, by the data of their IDRpsk (modes 2 and 4).
        supplies: keys, each with an SPI, that it prefers to those of a ticket with flag M.
    """

    def __init__(self, identity: Identity, kms: Identity, credential: Credential | None, source: Source, *,
                 replays: Replays, groups: Sequence[Identity] = (), tpks: Mapping[bytes, Shared] | None = None,
                 tek_octets: int = 16, protocols: frozenset[int] = frozenset({TLS_PROTOCOL}),
                 supplies: tuple[KeyData, ...] = ()) -> None:
        self.state = State.IDLE
        self._identity, self._kms, self._credential, self._source = identity, kms, credential, source
        self._replays, self._tpks, self._protocols = replays, tpks or {}, protocols
        self._named = {identity.data, *(one.data for one in groups)}
        self._tek_octets, self._supplies = tek_octets, supplies
        self._offer = b""
        self._resolve = b""
        self._keys: Protection | None = None

    def receive_offer(self, octets: bytes, now: float, offered: Sequence[str] = ()) -> Resolve | Keyed | Refused:
        """Read TRANSFER_INIT of an offer. What is unacceptable is refused before the KMS hears of it (K20).

        `offered`: protocols of all its a=key-mgmt lines, in order; empty: the message was in no SDP.
        """
        self._only("read TRANSFER_INIT")
        found = reported(lambda: self._check(octets, now, offered), now, octets)
        if isinstance(found, Resolve):
            self.state = State.RESOLVING
        elif isinstance(found, Keyed):
            self.state = State.KEYED
        return found

    def receive_resolved(self, octets: bytes, now: float) -> Keyed | Refused:
        """Read RESOLVE_RESP; the answer to the offer is in what comes back."""
        self._only("read RESOLVE_RESP")
        found = reported(lambda: self._resolved(octets, now), now, answered=False)
        self.state = State.KEYED if isinstance(found, Keyed) else State.IDLE
        return found

    def timed_out(self) -> Refused:
        """The KMS did not answer: the call is refused."""
        self._only("give up")
        self.state = State.IDLE
        return Refused("the KMS did not answer", "RFC 6043 §4.2.3", Error.UNSPECIFIED)

    def _check(self, octets: bytes, now: float, offered: Sequence[str]) -> Resolve | Keyed:
        message = read(octets, DataType.TRANSFER_INIT)
        outbid = list_fault(message, offered) if offered else None
        if outbid is not None:
            raise refused(outbid.what, outbid.clause, outbid.error)
        ticket = _ticket(message)
        self._replays.check(message.timestamp(), _mark(octets), now)
        self._acceptable(message, ticket, now)
        if not ticket.policy.has(Flag.J):
            self._replays.unseen(ticket.data[-32:], now)
        self._offer = octets
        if ticket.policy.has(Flag.E) or tpk_name(ticket).data not in self._tpks:
            return self._ask(ticket, now)
        held = opened(ticket, self._tpks[tpk_name(ticket).data])
        return self._verified(held.mpki, b"", held.keys, None, None, now)

    def _acceptable(self, message: Message, ticket: Ticket, now: float) -> None:
        for fault in (*session_faults(message), *flag_faults(ticket.policy), *key_faults(message),
                      *supply_faults(message, ticket.policy)):
            raise refused(fault.what, fault.clause, fault.error)
        if ticket.policy.kind != TicketType.MIKEY_BASE:
            raise refused(f"ticket type {ticket.policy.kind}", "RFC 6043 §6.10", Error.INVALID_TICKET)
        late = time_fault(ticket.policy, now)
        if late is not None:
            raise refused(late.what, late.clause, late.error)
        asked = message.identity(IdRole.RESPONDER)
        allowed = {one.data for one in identities(ticket.policy, IdRole.RESPONDER)}
        if not self._named & allowed or (asked is not None and asked.data not in self._named):
            raise refused("the ticket is for somebody else", "RFC 6043 §4.2.2", Error.ID_NOT_SUPPORTED)
        if self._kms not in identities(ticket.policy, IdRole.KMS):
            raise refused("another KMS", "RFC 6043 §4.2.2", Error.ID_NOT_SUPPORTED)
        protocols = [one.protocol for one in message.header.sessions if isinstance(one, CryptoSession)]
        if len(protocols) != 1 or protocols[0] not in self._protocols:
            raise refused("not one crypto session of a protocol known here", "TS 23.333 §6.2.19",
                          Error.SP_TYPE_NOT_SUPPORTED)
        rand = message.rand(RandRole.INITIATOR)
        own = RAND_OCTETS if ticket.policy.has(Flag.G) else 0
        if rand is None or len(rand.data) + own < self._tek_octets:
            raise refused("RANDRi and RANDRr are shorter than the key", "RFC 6043 §12.1", Error.UNSPECIFIED)

    def _ask(self, ticket: Ticket, now: float) -> Resolve:
        if self._credential is None:
            raise refused("the ticket has to be resolved, and there is nothing to ask the KMS with", "RFC 6043 §4.2.3",
                          Error.INVALID_TICKET)
        init = question(ticket, self._identity, self._kms, self._credential, suite_of(ticket.policy.prf), self._source,
                        now)
        self._resolve, self._keys = init.octets, init.keys
        return Resolve(self._resolve)

    def _resolved(self, octets: bytes, now: float) -> Keyed:
        assert self._keys is not None
        message = read(octets, DataType.RESOLVE_RESP)
        if (message.header.csb_id, message.header.prf) != (self._keys.csb_id, self._keys.prf):
            raise refused("another CSB ID or PRF than that of the INIT", "RFC 6043 §4.2.3", Error.UNSPECIFIED)
        response = self._keys.response()
        response.check(octets, message, self._resolve)
        self._replays.check(message.timestamp(), _mark(octets), now)
        mpki, mpkr, keys = split(response.unwrap(message))
        who, rand = message.identity(IdRole.RESPONDER), message.rand(RandRole.KMS)
        return self._verified(mpki, mpkr, keys, who, rand, now)

    def _verified(self, mpki: bytes, mpkr: bytes, keys: tuple[KeyData, ...], who: Identity | None,
                  rand_kms: Rand | None, now: float) -> Keyed:
        """TRANSFER_INIT under MPKi; then the answer (RFC 6043 §4.2.2)."""
        message = read(self._offer, DataType.TRANSFER_INIT)
        ticket, policy = _ticket(message), _ticket(message).policy
        rand, caller, called = (message.rand(RandRole.INITIATOR), message.identity(IdRole.INITIATOR),
                                message.identity(IdRole.RESPONDER))
        assert rand is not None
        caller = caller or next(iter(identities(policy, IdRole.INITIATOR)), None)
        called = called or next(iter(identities(policy, IdRole.RESPONDER)), None)
        init = Protection(message.header.prf, mpki, Direction.INIT, message.header.csb_id, rand.data)
        init.check(self._offer, message, caller.data if caller else b"", called.data if called else b"")
        if policy.has(Flag.I) and (not mpkr or who is None or rand_kms is None
                                   or ticket.initiator_data[:1] != message.payloads[-1:]):
            raise refused("Vi is not V, or the KMS forked no keys", "RFC 6043 §4.2.3.4", Error.AUTHENTICATION_FAILURE)
        self._remember(ticket, now)
        rand_r = self._source.octets(RAND_OCTETS) if policy.has(Flag.G) else b""
        own = self._supplies if policy.has(Flag.M) else ()
        keys = (*own, *init.supplied(message), *keys)
        if not policy.has(Flag.F):
            tek = traffic(message, policy, keys, 1, self._tek_octets, rand.data, rand_r)
            return Keyed(tek, message.header.csb_id, 1, caller)
        response = init.response(key=mpkr if policy.has(Flag.I) else mpki, rand_r=rand_r)
        answer = self._answer(message, response, keys, own, who or called, rand_kms, now)
        tek = traffic(wire.decode(answer), policy, keys, 1, self._tek_octets, rand.data, rand_r)
        return Keyed(tek, message.header.csb_id, 1, caller, answer)

    def _answer(self, message: Message, response: Protection, keys: Sequence[KeyData], own: Sequence[KeyData],
                who: Identity | None, rand_kms: Rand | None, now: float) -> bytes:
        """TRANSFER_RESP: each crypto session has one policy and one key; `own`: those that come with it."""
        sessions = tuple(
            msgspec.structs.replace(one, policies=one.policies[:1] or (0,),
                                    spi=first_spi(own) if own else one.spi or first_spi(keys))
            for one in message.header.sessions if isinstance(one, CryptoSession))
        head = Header(DataType.TRANSFER_RESP, message.header.csb_id, message.header.prf, False, sessions,
                      MapType.GENERIC_ID, len(sessions))
        stamp = stamp_of(now)
        chain: list[Payload] = [stamp]
        chain += [Rand(response.rand_r, RandRole.RESPONDER)] if response.rand_r else []
        chain += [one for one in (who, rand_kms) if one is not None]
        last = message.payloads[-1]
        assert isinstance(last, Verification)
        suite = suite_of(message.header.prf, last.algorithm)
        chain += [response.wrap(suite.encryption, stamp, own)] if own else []
        return response.seal(Message(head, tuple(chain)), last.algorithm, self._offer)

    def _remember(self, ticket: Ticket, now: float) -> None:
        self._replays.keep(_mark(self._offer), now)
        end = validity(ticket.policy, TimestampRole.END)
        if not ticket.policy.has(Flag.J):
            until = times.seconds(end.kind, end.value) if end is not None else None
            self._replays.keep(ticket.data[-32:], now, until)

    def _only(self, what: str) -> None:
        if self.state not in MAY[what]:
            raise LocalProtocolError(f"{what} while {self.state.value} (RFC 6043 §4)")


def _ticket(message: Message) -> Ticket:
    tickets = message.all(Ticket)
    if len(tickets) != 1:
        raise refused(f"{len(tickets)} tickets", "RFC 6043 §4.2.2", Error.INVALID_TICKET)
    return tickets[0]


def _mark(octets: bytes) -> bytes:
    """What tells accepted messages apart: their MAC."""
    return octets[-20:]
