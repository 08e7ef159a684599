"""Which octets a MAC of MIKEY-TICKET covers (RFC 6043 §5.5). Always without the MAC itself, which stands last."""

from __future__ import annotations

import msgspec

from workbench.errors import LocalProtocolError
from workbench.protocols.mikey import wire, writing
from workbench.protocols.mikey.messages import (
    Kemac,
    Message,
    Payload,
    Sign,
    Ticket,
    TicketData,
    Timestamp,
    Verification,
)
from workbench.protocols.mikey.registry import DataType


def covered(octets: bytes, *bound: bytes) -> bytes:
    """What the V (or SIGN) at the end of a message covers.

    Args:
        octets: the whole message. TRANSFER_INIT counts without its initiator data, so that this can hold the MAC.
        bound: what belongs to it: the identities as bare data in an INIT (`Identity_i, Identity_kms`; in RESOLVE_INIT
            `Identity_r, Identity_kms`; in TRANSFER_INIT `Identity_i, Identity_r`), the whole INIT in a response.

    Raises:
        MalformedMessageError: the octets are no message.
        LocalProtocolError: no MAC at its end.
    """
    message = wire.decode(octets)
    kept = octets[: len(octets) - _mac_octets(message)]
    if message.header.data_type == DataType.TRANSFER_INIT:
        kept = _without_initiator_data(kept, message)
    return b"".join((kept, *bound))


def _mac_octets(message: Message) -> int:
    last = message.payloads[-1] if message.payloads else None
    match last:
        case Verification() | Kemac():
            return len(last.mac)
        case Sign():
            return len(last.signature)
    raise LocalProtocolError("the message ends without V, KEMAC or SIGN (RFC 6043 §5.5)")


def _without_initiator_data(kept: bytes, message: Message) -> bytes:
    """The message without length and octets of initiator data, wherever its TICKET stands."""
    at = next((place for place, one in enumerate(message.payloads) if isinstance(one, Ticket)), None)
    if at is None:
        return kept
    ticket = message.payloads[at]
    assert isinstance(ticket, Ticket)
    end = len(writing.header(message.header, 0)) + len(writing.chain(message.payloads[: at + 1]))
    made = 2 + len(wire.initiator_octets(ticket))
    return kept[: end - made] + kept[end:]


def ticket_covered(ticket: Ticket) -> bytes:
    """What the V inside a base ticket covers: TICKET without Next Payload, initiator data and the MAC itself.

    `ticket.data` is whole, MAC included: lengths count the finished message.
    """
    found = wire.decode_ticket_data(ticket.data)
    last = found.payloads[-1] if found.payloads else None
    if not isinstance(last, Verification):
        raise LocalProtocolError("ticket data ends without V (RFC 6043 §5.5)")
    whole = writing.ticket_policy(ticket.policy) + len(ticket.data).to_bytes(2) + ticket.data
    return whole[: len(whole) - len(last.mac)]


def initiator_covered(ticket: Ticket) -> bytes:
    """What Vr covers: the initiator data without the MAC of Vr (RFC 6043 §5.5)."""
    match ticket.initiator_data:
        case (Verification(), Verification(mac=mac)):
            octets = wire.initiator_octets(ticket)
            return octets[: len(octets) - len(mac)]
    raise LocalProtocolError("initiator data is Vi and Vr (RFC 6043 §6.10)")


def with_mac(message: Message, mac: bytes) -> Message:
    """The message with this MAC in the V at its end."""
    *front, last = message.payloads
    if not isinstance(last, Verification):
        raise LocalProtocolError("the message ends without V (RFC 6043 §5.5)")
    sealed: tuple[Payload, ...] = (*front, Verification(last.algorithm, mac))
    return msgspec.structs.replace(message, payloads=sealed)


def iv_timestamp(stamp: Timestamp) -> bytes:
    """The 64 bits of a timestamp that enter an IV: shorter ones are extended by zeros behind (RFC 6043 §6.3)."""
    size = 8 if stamp.kind in (0, 1) else 4
    return stamp.value.to_bytes(size).ljust(8, b"\0")


def sealed_ticket(found: TicketData, mac: bytes) -> bytes:
    """Ticket data with this MAC in the V at its end."""
    *front, last = found.payloads
    if not isinstance(last, Verification):
        raise LocalProtocolError("ticket data ends without V (RFC 6043 §5.5)")
    return wire.encode_ticket_data(TicketData((*front, Verification(last.algorithm, mac)), found.header))
