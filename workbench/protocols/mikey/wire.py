"""MIKEY on the wire: octets to values and back (RFC 3830, RFC 6043). Nothing here keeps state.

What decodes encodes to the same octets. A payload of unknown type is kept as it came.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.cursor import Cursor
from workbench.protocols.mikey import grammar, payloads, writing
from workbench.protocols.mikey.messages import KeyData, Message, Ticket, TicketData

MESSAGE_OCTETS = 1 << 17
"""The longest message that is read: a ticket of 65,535 octets and as much again."""

_V = TypeVar("_V")


def decode(octets: bytes) -> Message:
    """Read exactly one message.

    Raises:
        MalformedMessageError: the octets are not one message of version 1, or more than `MESSAGE_OCTETS`.

    Source: RFC 3830 §6, RFC 6043 §6.
    """
    if len(octets) > MESSAGE_OCTETS:
        raise MalformedMessageError(f"message of {len(octets)} octets", clause="RFC 3830 §6", offset=MESSAGE_OCTETS)
    return _read(octets, grammar.message, "RFC 3830 §6.1")


def encode(message: Message) -> bytes:
    """Write a message.

    Raises:
        LocalProtocolError: a value that its field can't hold.
    """
    return writing.header(message.header, writing.announced(message.payloads)) + writing.chain(message.payloads)


def decode_keys(octets: bytes) -> tuple[KeyData, ...]:
    """Read what a KEMAC encrypts, after decryption: one or more key data (RFC 3830 §6.13).

    Raises:
        MalformedMessageError: not key data up to the last octet.
    """
    return _read(octets, payloads.keys, "RFC 3830 §6.13")


def encode_keys(keys: Sequence[KeyData]) -> bytes:
    """Write key data for a KEMAC to encrypt."""
    return writing.chain(keys)


def decode_ticket_data(octets: bytes) -> TicketData:
    """Read what a base ticket holds (RFC 6043 §6.11, Appendix A.1).

    Raises:
        MalformedMessageError: not THDR and payloads up to the last octet.
    """
    return _read(octets, grammar.ticket_data, "RFC 6043 §6.11")


def encode_ticket_data(ticket: TicketData) -> bytes:
    """Write what a base ticket holds."""
    if len(ticket.header) > 0xFFFF:
        raise LocalProtocolError("THDR data above 65535 octets (RFC 6043 §6.11)")
    head = bytes((writing.announced(ticket.payloads),)) + len(ticket.header).to_bytes(2) + ticket.header
    return head + writing.chain(ticket.payloads)


def initiator_octets(ticket: Ticket) -> bytes:
    """The initiator data of a TICKET behind its length; empty where keys are not forked (RFC 6043 §6.10)."""
    return writing.led(ticket.initiator_data) if ticket.initiator_data else b""


def decode_base64(text: str) -> bytes:
    """The octets of a message as SDP carries it (RFC 4567 §3.1).

    Raises:
        MalformedMessageError: not base64 with padding; `offset` counts characters.
    """
    if len(text) > 4 * MESSAGE_OCTETS // 3 + 4:
        raise MalformedMessageError(f"{len(text)} characters of base64", clause="RFC 4567 §3.1", offset=0)
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessageError("not base64", clause="RFC 4567 §3.1", offset=0) from None
    return octets


def encode_base64(octets: bytes) -> str:
    """A message as SDP carries it (RFC 4567 §3.1)."""
    return base64.b64encode(octets).decode()


def _read(octets: bytes, read: Callable[[Cursor], _V], clause: str) -> _V:
    return read(Cursor(octets, clause=clause))
