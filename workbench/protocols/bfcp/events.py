"""What a BFCP participant, chair or server tells its owner."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from workbench.errors import PeerError
from workbench.protocols.bfcp.messages import Request, User


class Transmit(msgspec.Struct, frozen=True):
    """Octets for the server: of a stream in this order, or one datagram."""

    octets: bytes


class Ready(msgspec.Struct, frozen=True):
    """The server has answered our Hello, with what it understands."""

    primitives: tuple[int, ...]
    attributes: tuple[int, ...]


class RequestChanged(msgspec.Struct, frozen=True):
    """A floor request stands like this now. `transaction` is that of our message which this answers; 0: unasked."""

    request: Request
    transaction: int = 0


class FloorReported(msgspec.Struct, frozen=True):
    """Who holds a floor and who waits for it. No floor: the answer to a query that named none."""

    floor: int | None
    requests: tuple[Request, ...]
    transaction: int = 0


class UserReported(msgspec.Struct, frozen=True):
    """The floor requests of a user (None: our own)."""

    beneficiary: User | None
    requests: tuple[Request, ...]
    transaction: int


class DecisionTaken(msgspec.Struct, frozen=True):
    """The server has taken our decision as chair (ChairActionAck)."""

    transaction: int


class Refused(msgspec.Struct, frozen=True):
    """The server refused a message of ours (Error)."""

    primitive: int
    transaction: int
    code: int
    details: bytes
    info: str


class TransactionTimedOut(msgspec.Struct, frozen=True):
    """A message of ours was never answered, however often it was sent (RFC 8855 §8.3.1)."""

    primitive: int
    transaction: int


class Left(msgspec.Struct, frozen=True):
    """Our Goodbye has been answered."""


class PeerLeft(msgspec.Struct, frozen=True):
    """The server said Goodbye; it has been answered."""


class MessageDropped(msgspec.Struct, frozen=True):
    """A message was of no use; what comes behind it is read as before."""

    error: PeerError


class PeerViolation(msgspec.Struct, frozen=True):
    """The stream can't be read any further; the connection is to be closed (RFC 8855 §6.1)."""

    error: PeerError


Event = (Transmit | Ready | RequestChanged | FloorReported | UserReported | DecisionTaken | Refused
         | TransactionTimedOut | Left | PeerLeft | MessageDropped | PeerViolation)
"""What a participant or chair tells."""

Peer = Hashable
"""A server's name for one connection or flow; the node that owns the server chooses it."""


class TransmitTo(msgspec.Struct, frozen=True):
    """Octets for a client: of a stream in this order, or one datagram."""

    peer: Peer
    octets: bytes


class FloorRequestChanged(msgspec.Struct, frozen=True):
    """A floor request stands like this now; `holder` is who has the floor, or would get it."""

    request: Request
    holder: int


class GrantDecided(msgspec.Struct, frozen=True):
    """A floor request is to be granted, and waits until the server's owner confirms it; `holder` gets the floors."""

    request: Request
    holder: int


class HoldersChanged(msgspec.Struct, frozen=True):
    """These users hold a floor now: what media has to follow."""

    floor: int
    holders: tuple[int, ...]


class MessageRefused(msgspec.Struct, frozen=True):
    """A client's message was refused; `answered` says whether it was told (Error)."""

    peer: Peer
    code: int
    error: PeerError
    answered: bool


class ClientLeft(msgspec.Struct, frozen=True):
    """A client said Goodbye, its connection ended, or it no longer acknowledges."""

    peer: Peer
    reason: str


class ClientViolation(msgspec.Struct, frozen=True):
    """A client's stream can't be read any further; its connection is to be closed (RFC 8855 §6.1)."""

    peer: Peer
    error: PeerError


ServerEvent = (TransmitTo | FloorRequestChanged | GrantDecided | HoldersChanged | MessageRefused | ClientLeft
               | ClientViolation)
"""What a floor control server tells."""
