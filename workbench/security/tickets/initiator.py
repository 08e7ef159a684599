"""Who wants to call: gets a ticket or makes one, sends it, and learns the key from the answer (RFC 6043 §4.1, §4.2).

One machine serves one call. Octets and `now` (seconds since 1900) come in; octets and values go out.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from workbench.errors import LocalProtocolError
from workbench.protocols.mikey import coverage, wire
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
    Policy,
    Rand,
    Spi,
    Ticket,
    TicketPolicy,
    Verification,
    sdp_ids,
    validity,
)
from workbench.protocols.mikey.registry import (
    DataType,
    Error,
    Flag,
    IdRole,
    KeyType,
    MapType,
    RandRole,
    TimestampRole,
)
from workbench.protocols.mikey.rules import asked_faults, key_faults, session_faults, supply_faults
from workbench.security.source import Source
from workbench.security.tickets.asking import question
from workbench.security.tickets.protecting import (
    Protection,
    base_ticket,
    first_spi,
    forked,
    read,
    refused,
    split,
    stamp_of,
    traffic,
)
from workbench.security.tickets.replays import Replays
from workbench.security.tickets.reporting import reported
from workbench.security.tickets.terms import (
    RAND_OCTETS,
    TGK_SPI,
    TLS_PROTOCOL,
    Credential,
    Granted,
    Keyed,
    Refused,
    Shared,
    Suite,
    Wanted,
    suite_of,
)

MOST_ANSWERS = 16
"""Responders of one forked call whose answers are taken."""


class State(enum.Enum):
    """Where an initiator is in its call."""

    IDLE = "idle"
    REQUESTED = "requested"
    TICKETED = "ticketed"
    TRANSFERRED = "transferred"
    KEYED = "keyed"
    FAILED = "failed"


MAY = {
    "request": (State.IDLE,),
    "make a ticket": (State.IDLE,),
    "use a ticket": (State.IDLE,),
    "read REQUEST_RESP": (State.REQUESTED,),
    "transfer": (State.TICKETED,),
    "read TRANSFER_RESP": (State.TRANSFERRED, State.KEYED),
    "go without an answer": (State.TRANSFERRED,),
}
"""What is legal in which state (RFC 6043 §4)."""


class Initiator:
    """The initiator of one call.

    Args:
        identity: IDRi.
        kms: IDRkms.
        credential: its key at the KMS, or its certificate; in modes 3 and 4 only the ticket protection key of `make` is
            needed.
        skew: seconds by which clocks may differ.
        tek_octets: of the key that is derived.
    """

    def __init__(self, identity: Identity, kms: Identity, credential: Credential | None, source: Source, *,
                 skew: float = 300.0, tek_octets: int = 16, protocol: int = TLS_PROTOCOL) -> None:
        self.state = State.IDLE
        self.granted: Granted | None = None
        self._identity, self._kms, self._credential, self._source = identity, kms, credential, source
        self._replays = Replays(skew, 2 * MOST_ANSWERS)
        self._tek_octets, self._protocol = tek_octets, protocol
        self._sent = b""
        self._wanted: Wanted | None = None
        self._keys: Protection | None = None
        self._supplied: tuple[KeyData, ...] = ()

    def request(self, wanted: Wanted, now: float) -> bytes:
        """REQUEST_INIT_PSK or REQUEST_INIT_PK: ask the KMS for a ticket (RFC 6043 §4.2.1)."""
        self._only("request")
        if self._credential is None:
            raise LocalProtocolError("neither key nor certificate to ask the KMS with (RFC 6043 §4.2.1)")
        self._wanted = wanted
        init = question(wanted.policy(self._identity, self._kms, asked=True), self._identity, self._kms,
                        self._credential, wanted.suite, self._source, now)
        self._sent, self._keys = init.octets, init.keys
        self.state = State.REQUESTED
        return self._sent

    def receive_response(self, octets: bytes, now: float) -> Granted | Refused:
        """Read REQUEST_RESP; after a refusal it may be asked again."""
        self._only("read REQUEST_RESP")
        found = reported(lambda: self._response(octets, now), now, answered=False)
        self.state = State.IDLE if isinstance(found, Refused) else State.TICKETED
        return found

    def _response(self, octets: bytes, now: float) -> Granted:
        assert self._keys is not None and self._wanted is not None
        message = read(octets, DataType.REQUEST_RESP)
        response = self._keys.response()
        _answers(message, self._keys)
        response.check(octets, message, self._sent)
        self._replays.check(message.timestamp(), octets[-20:], now)
        ticket = message.first(Ticket)
        if ticket is None or ticket.initiator_data:
            raise refused("no ticket, or one that was in use", "RFC 6043 §4.2.1", Error.INVALID_TICKET)
        for fault in key_faults(message):
            raise refused(fault.what, fault.clause, fault.error)
        _acceptable(self._wanted.policy(self._identity, self._kms, asked=False), ticket.policy)
        mpki, mpkr, keys = split(response.unwrap(message))
        if ticket.policy.has(Flag.I) and not mpkr:
            raise refused("no MPKr for a ticket whose keys are forked", "RFC 6043 §4.2.1", Error.UNSPECIFIED)
        self.granted = Granted(ticket, mpki, keys, mpkr)
        return self.granted

    def make(self, wanted: Wanted, tpk: Shared, now: float) -> Granted:
        """Make a ticket oneself, under a key shared with the KMS (mode 3) or with the responder (mode 4).

        Flags D and E are set as the mode says by `wanted.flags`; L has to be there (RFC 6043 §6.10).
        """
        self._only("make a ticket")
        if wanted.flags & Flag.D or not wanted.flags & Flag.L:
            raise LocalProtocolError("a ticket made by its initiator has D=0 and L=1 (RFC 6043 §6.10)")
        sizes = RAND_OCTETS, wanted.suite.key_octets, wanted.key_octets
        rand, mpk, tgk = (self._source.octets(size) for size in sizes)
        held = (KeyData(KeyType.TGK, tgk, None, Spi(TGK_SPI)),)
        policy = wanted.policy(self._identity, self._kms, asked=False)
        for fault in asked_faults(policy):
            raise LocalProtocolError(f"{fault.what} ({fault.clause})")
        ticket = base_ticket(tpk, wanted.suite, policy, mpk, held, rand, now)
        mpki, mpkr = derived.protection_keys(policy.prf, mpk, rand)
        return self.use(Granted(ticket, mpki, held, mpkr))

    def use(self, granted: Granted) -> Granted:
        """Take a ticket that is there already; one that was used before has flag J."""
        self._only("use a ticket")
        self.granted, self.state = granted, State.TICKETED
        return granted

    def transfer(self, responder: Identity, now: float, *, suite: Suite | None = None,
                 offered: Sequence[str] = (), supplies: Sequence[KeyData] = ()) -> bytes:
        """TRANSFER_INIT for a=key-mgmt of an offer (RFC 6043 §4.2.2).

        Args:
            offered: protocols of all its a=key-mgmt lines, in order, for the list against bidding down (RFC 4567
                §4.1.4); empty: the message is in no SDP.
            supplies: keys, each with an SPI, in place of those of the ticket, which has to have flag L.
        """
        self._only("transfer")
        assert self.granted is not None
        ticket, policy = self.granted.ticket, self.granted.ticket.policy
        algorithms = suite or suite_of(policy.prf)
        csb_id, rand = self._draw()
        self._keys = Protection(algorithms.prf, self.granted.mpki, Direction.INIT, csb_id, rand)
        if supplies and not policy.has(Flag.L):
            raise LocalProtocolError("keys of the initiator, and the ticket has L=0 (RFC 6043 §6.10)")
        self._supplied = tuple(supplies)
        session = CryptoSession(1, self._protocol, (0,), b"", first_spi([*supplies, *self.granted.keys]))
        head = Header(DataType.TRANSFER_INIT, csb_id, algorithms.prf, policy.has(Flag.F), (session,),
                      MapType.GENERIC_ID, 1)
        stamp = stamp_of(now)
        chain: tuple[Payload, ...] = (
            stamp, Rand(rand, RandRole.INITIATOR), self._identity, responder, Policy(0, self._protocol), ticket,
            *([self._keys.wrap(algorithms.encryption, stamp, supplies)] if supplies else []),
            *([sdp_ids(offered)] if offered else []))
        self._sent = self._keys.seal(Message(head, chain), algorithms.mac, self._identity.data, responder.data)
        if policy.has(Flag.I):
            self._sent = _with_initiator_data(self._sent, self.granted)
        self.state = State.TRANSFERRED
        return self._sent

    def receive_answer(self, octets: bytes, now: float) -> Keyed | Refused:
        """Read TRANSFER_RESP of an answer. With forking each responder's answer gives a key of its own."""
        self._only("read TRANSFER_RESP")
        found = reported(lambda: self._answer(octets, now), now, answered=False)
        if self.state is State.TRANSFERRED:
            self.state = State.FAILED if isinstance(found, Refused) else State.KEYED
        return found

    def _answer(self, octets: bytes, now: float) -> Keyed:
        assert self._keys is not None and self.granted is not None
        message = read(octets, DataType.TRANSFER_RESP)
        policy = self.granted.ticket.policy
        if self.state is State.KEYED and not policy.has(Flag.I):
            raise refused("a second answer, and keys are not forked", "RFC 6043 §5.1.1", Error.UNSPECIFIED)
        _answers(message, self._keys)
        for fault in (*session_faults(message), *supply_faults(message, policy)):
            raise refused(fault.what, fault.clause, fault.error)
        rand = message.rand(RandRole.RESPONDER)
        if policy.has(Flag.G) and rand is None:
            raise refused("no RANDRr, and the ticket asks for it", "RFC 6043 §6.10", Error.UNSPECIFIED)
        rand_r = rand.data if rand is not None and policy.has(Flag.G) else b""
        if len(self._keys.rand_i) + len(rand_r) < self._tek_octets:
            raise refused("RANDRi and RANDRr are shorter than the key", "RFC 6043 §12.1", Error.UNSPECIFIED)
        master, keys = self._of(message)
        response = self._keys.response(key=master, rand_r=rand_r)
        response.check(octets, message, self._sent)
        self._replays.check(message.timestamp(), octets[-20:], now)
        self._replays.keep(octets[-20:], now)
        keys = (*response.supplied(message), *self._supplied, *keys)
        tek = traffic(message, policy, keys, 1, self._tek_octets, self._keys.rand_i, rand_r)
        return Keyed(tek, message.header.csb_id, 1, message.identity(IdRole.RESPONDER))

    def _of(self, message: Message) -> tuple[bytes, tuple[KeyData, ...]]:
        """The key of the answer's MAC, and the keys for traffic: forked with I, else as they are."""
        assert self.granted is not None
        policy = self.granted.ticket.policy
        if not policy.has(Flag.I):
            return self.granted.mpki, self.granted.keys
        who, rand = message.identity(IdRole.RESPONDER), message.rand(RandRole.KMS)
        if who is None or rand is None:
            raise refused("no IDRr or no RANDRkms, and keys are forked", "RFC 6043 §4.2.2", Error.UNSPECIFIED)
        master = derived.forked(policy.prf, self.granted.mpkr, Constant.FORKED_MPKR, who.data, rand.data)
        return master, forked(policy.prf, self.granted.keys, who.data, rand.data)

    def unanswered(self) -> Keyed | Refused:
        """The answer came without a=key-mgmt. With flag F the call ends: no falling back to plain text (K8)."""
        self._only("go without an answer")
        assert self.granted is not None and self._keys is not None
        policy = self.granted.ticket.policy
        if policy.has(Flag.F):
            self.state = State.FAILED
            return Refused("no TRANSFER_RESP, and the ticket asks for it", "RFC 6043 §4.2.2", Error.UNSPECIFIED)
        self.state = State.KEYED
        keys = (*self._supplied, *self.granted.keys)
        tek = traffic(wire.decode(self._sent), policy, keys, 1, self._tek_octets, self._keys.rand_i, b"")
        return Keyed(tek, self._keys.csb_id, 1, None)

    def _draw(self) -> tuple[int, bytes]:
        return int.from_bytes(self._source.octets(4)), self._source.octets(RAND_OCTETS)

    def _only(self, what: str) -> None:
        if self.state not in MAY[what]:
            raise LocalProtocolError(f"{what} while {self.state.value} (RFC 6043 §4)")


def _answers(message: Message, asked: Protection) -> None:
    """A response repeats CSB ID and PRF of its INIT (K19)."""
    if (message.header.csb_id, message.header.prf) != (asked.csb_id, asked.prf):
        raise refused("another CSB ID or PRF than that of the INIT", "RFC 6043 §4.2.1", Error.UNSPECIFIED)


def _acceptable(asked: TicketPolicy, granted: TicketPolicy) -> None:
    """The KMS may let a ticket end sooner (K); nothing else may be other than asked for."""
    def rest(policy: TicketPolicy) -> tuple[object, ...]:
        end = validity(policy, TimestampRole.END)
        kept = tuple(one for one in policy.data if one != end and not isinstance(one, Kemac))
        return policy.flags & ~Flag.K, policy.prf, policy.kind, kept

    if rest(asked) != rest(granted):
        raise refused("the ticket allows other things than asked for", "RFC 6043 §4.2.1", Error.INVALID_TP_PARAMETERS)
    if asked.data != granted.data and not granted.has(Flag.K):
        raise refused("the KMS changed the policy and does not say so (K)", "RFC 6043 §6.10",
                      Error.INVALID_TP_PARAMETERS)


def _with_initiator_data(octets: bytes, granted: Granted) -> bytes:
    """Vi is the V of the message, Vr a MAC over it under a key of MPKr (RFC 6043 §4.2.2, §5.5)."""
    message = wire.decode(octets)
    vi = message.payloads[-1]
    assert isinstance(vi, Verification)
    empty = Verification(vi.algorithm, bytes(len(vi.mac)))
    ticket = msgspec.structs.replace(granted.ticket, initiator_data=(vi, empty))
    key = derived.initiator_data_key(ticket.policy.prf, granted.mpkr, len(vi.mac))
    vr = Verification(vi.algorithm, derived.mac(vi.algorithm, key, coverage.initiator_covered(ticket)))
    ticket = msgspec.structs.replace(ticket, initiator_data=(vi, vr))
    chain = tuple(ticket if isinstance(one, Ticket) else one for one in message.payloads)
    return wire.encode(msgspec.structs.replace(message, payloads=chain))
