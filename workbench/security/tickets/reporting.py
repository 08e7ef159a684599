"""How machines report what they refuse: as values, never raised for something that a peer did."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from workbench.errors import LocalProtocolError, MalformedMessageError, PeerError, TicketRefusedError
from workbench.protocols.mikey import wire
from workbench.protocols.mikey.messages import Header
from workbench.protocols.mikey.registry import DataType, Error
from workbench.security.tickets.protecting import error_message
from workbench.security.tickets.terms import Refused

_V = TypeVar("_V")


def reported(check: Callable[[], _V], now: float, octets: bytes = b"", *, answered: bool = True) -> _V | Refused:
    """What `check` gives, or why it refused; `answered`: with the Error message for who sent `octets`."""
    try:
        return check()
    except PeerError as error:
        number = error.error if isinstance(error, TicketRefusedError) else Error.UNSPECIFIED
        text = str(error) if isinstance(error, MalformedMessageError) and error.offset is not None else error.what
        return Refused(text.partition(" [")[0], error.clause, Error(number), _answer(octets, number, now, answered))
    except LocalProtocolError as error:             # a value of the peer that none of our functions takes
        return Refused(str(error), "RFC 6043 §5", Error.UNSPECIFIED, _answer(octets, 12, now, answered))


def _answer(octets: bytes, number: int, now: float, answered: bool) -> bytes:
    head = _header(octets)
    if not answered or (head is not None and head.data_type == DataType.ERROR):
        return b""                                  # an Error is never answered with one (RFC 3830 §5.1.2)
    return error_message(head, number, now)


def _header(octets: bytes) -> Header | None:
    try:
        return wire.decode(octets).header
    except MalformedMessageError:
        return None
