"""What one end of an MSRP session tells its owner."""

from __future__ import annotations

import msgspec

from workbench.errors import PeerError


class Transmit(msgspec.Struct, frozen=True):
    """Octets for the connection, in this order."""

    octets: bytes


class Bound(msgspec.Struct, frozen=True):
    """Connection and session belong together now: the peer's first request or response said so."""


class MessageReceived(msgspec.Struct, frozen=True):
    """A message has arrived completely."""

    message_id: str
    content_type: str
    body: bytes


class MessageDropped(msgspec.Struct, frozen=True):
    """The peer gave a message up before its end (`#`); what we held of it is forgotten."""

    message_id: str


class Delivered(msgspec.Struct, frozen=True):
    """The peer reported that it has all of a message of ours."""

    message_id: str


class MessageFailed(msgspec.Struct, frozen=True):
    """A message of ours failed: a response or REPORT said so, none came in time (408), or the connection ended (0)."""

    message_id: str
    status: int
    reason: str


class RequestRefused(msgspec.Struct, frozen=True):
    """We did not do what a request asked; `status` is what we answered, or would have if an answer were allowed."""

    method: str
    status: int
    reason: str


class PeerViolation(msgspec.Struct, frozen=True):
    """The stream can't be read any further; the connection is of no more use."""

    error: PeerError


Event = Transmit | Bound | MessageReceived | MessageDropped | Delivered | MessageFailed | RequestRefused | PeerViolation
