"""What a MIKEY-TICKET message may not say, as far as the message alone tells (RFC 6043 §4, §6).

Each fault has the number by which an Error message would name it. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.mikey import registry as r
from workbench.protocols.mikey import times, wire
from workbench.protocols.mikey.messages import CryptoSession, Kemac, Message, Ticket, TicketPolicy, listed, validity
from workbench.protocols.mikey.registry import DataType, Error, Flag, MapType, TimestampRole

TRANSFER = (DataType.TRANSFER_INIT, DataType.TRANSFER_RESP)
WITH_KMS = (DataType.REQUEST_INIT_PSK, DataType.REQUEST_INIT_PK, DataType.REQUEST_RESP, DataType.RESOLVE_INIT_PSK,
            DataType.RESOLVE_INIT_PK, DataType.RESOLVE_RESP)

# If the first flag is set (or, with False, not set), the second has to be (RFC 6043 §6.10).
_IMPLIED = ((Flag.D, False, Flag.L), (Flag.G, True, Flag.F), (Flag.G, False, Flag.H), (Flag.H, False, Flag.G),
            (Flag.I, True, Flag.E), (Flag.K, True, Flag.D), (Flag.M, True, Flag.F))


_SUPPLIERS: dict[int, tuple[str, Flag]] = {
    DataType.TRANSFER_INIT: ("initiator", Flag.L), DataType.TRANSFER_RESP: ("responder", Flag.M)}


class Fault(msgspec.Struct, frozen=True):
    """What is wrong: in words, where that stands, and the number for ERR."""

    what: str
    clause: str
    error: Error


def flag_faults(policy: TicketPolicy) -> tuple[Fault, ...]:
    """Flags of a ticket that contradict each other (K4, K5)."""
    wrong = [(f"{one.name}={int(given)} without {other.name}=1") for one, given, other in _IMPLIED
             if policy.has(one) is given and not policy.has(other)]
    return tuple(Fault(what, "RFC 6043 §6.10", Error.INVALID_TP_PARAMETERS) for what in wrong)


def asked_faults(policy: TicketPolicy) -> tuple[Fault, ...]:
    """What a TP may not ask for: flags as of `flag_faults`, and forked keys of which the initiator never learns.

    A TP without KEMAC asks for a TGK (RFC 6043 §4.2.1). Of a ticket only who opens it can tell.
    """
    kinds = next((_kinds(one.data) for one in policy.data if isinstance(one, Kemac)), (r.KeyType.TGK,))
    faults = flag_faults(policy)
    if policy.has(Flag.I) and not policy.has(Flag.F) and {r.KeyType.TGK, r.KeyType.TGK_SALT} & set(kinds):
        what = "I=1 with a TGK, without F=1"
        return (*faults, Fault(what, "RFC 6043 §6.10", Error.INVALID_TP_PARAMETERS))
    return faults


def _kinds(octets: bytes) -> tuple[int, ...]:
    try:
        return tuple(one.kind for one in wire.decode_keys(octets))
    except MalformedMessageError:
        return ()


def session_faults(message: Message) -> tuple[Fault, ...]:
    """How a Transfer names its crypto sessions (K3, K22)."""
    head = message.header
    if head.data_type not in TRANSFER:
        return ()
    if head.map_type != MapType.GENERIC_ID:
        kind = r.named(head.map_type, MapType).partition(" ")[2]
        return (Fault(f"CS ID map {kind}, and a Transfer has GENERIC_ID", "RFC 6043 §6.1", Error.UNSPECIFIED),)
    if head.data_type != DataType.TRANSFER_RESP:
        return ()
    found: list[Fault] = []
    for one in head.sessions:
        if isinstance(one, CryptoSession) and (len(one.policies) != 1 or not one.spi):
            lacks = f"{len(one.policies)} security policies" if len(one.policies) != 1 else "no SPI"
            what = f"crypto session {one.number} of the response has {lacks}, and it chooses one policy and one key"
            found.append(Fault(what, "RFC 6043 §6.1.1", Error.UNSPECIFIED))
    return tuple(found)


def key_faults(message: Message) -> tuple[Fault, ...]:
    """Keys where none may be: in a granted ticket's policy, or readable (K6, K7)."""
    found: list[Fault] = []
    for ticket in message.all(Ticket):
        if any(isinstance(one, Kemac) for one in ticket.policy.data):
            found.append(Fault("KEMAC in the policy of a granted ticket", "RFC 6043 §6.10", Error.INVALID_TICKET))
    policies = [*message.all(TicketPolicy), *(ticket.policy for ticket in message.all(Ticket))]
    carried = [*message.all(Kemac), *(one for policy in policies for one in policy.data if isinstance(one, Kemac))]
    if any(kemac.encryption == r.Encryption.NULL and _has_key(kemac.data) for kemac in carried):
        found.append(Fault("a key that nothing encrypts", "RFC 6043 §6.6, §6.10", Error.INVALID_TP_PARAMETERS))
    return tuple(found)


def supply_faults(message: Message, policy: TicketPolicy) -> tuple[Fault, ...]:
    """Keys in a Transfer of somebody whom the ticket does not let supply any (L, M)."""
    sender, flag = _SUPPLIERS.get(message.header.data_type, ("", None))
    if flag is None or message.first(Kemac) is None or policy.has(flag):
        return ()
    what = f"keys of the {sender}, and the ticket has {flag.name}=0"
    return (Fault(what, "RFC 6043 §6.10", Error.INVALID_TICKET),)


def _has_key(octets: bytes) -> bool:
    try:
        return any(any(key.key) for key in wire.decode_keys(octets))
    except MalformedMessageError:
        return bool(octets)


def list_fault(message: Message, offered: Sequence[str]) -> Fault | None:
    """Another list of key management protocols in the message than in the offer that carries it (RFC 4567 §4.1.4).

    A message without a list is no fault: RFC 6043 §4.2.2 has none in TRANSFER_INIT, and nobody can take one out of a
    message, whose MAC covers it.

    Args:
        offered: protocols of the offer's a=key-mgmt lines, in order and in lower case.
    """
    named = listed(message)
    if named is None or named == tuple(offered):
        return None
    what = f"the message was made for an offer of {', '.join(named)}, and came in one of {', '.join(offered)}"
    return Fault(what, "RFC 4567 §4.1.4", Error.AUTHENTICATION_FAILURE)


def time_fault(policy: TicketPolicy, seconds: float) -> Fault | None:
    """A ticket used before or after its time (K12). `seconds`: since 1900."""
    begin, end = (_seconds(policy, role) for role in (TimestampRole.START, TimestampRole.END))
    if begin is not None and seconds < begin:
        return Fault("the ticket does not hold yet", "RFC 6043 §6.10", Error.INVALID_TICKET)
    if end is not None and seconds > end:
        return Fault("the ticket holds no longer", "RFC 6043 §6.10", Error.INVALID_TICKET)
    return None


def _seconds(policy: TicketPolicy, role: TimestampRole) -> float | None:
    stamp = validity(policy, role)
    return None if stamp is None else times.seconds(stamp.kind, stamp.value)
