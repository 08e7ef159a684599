"""What the transaction machine reports to its node (`machine.Transactions`)."""

from __future__ import annotations

import msgspec

from workbench.errors import PeerError
from workbench.protocols.h248.message import Action, Authentication, ErrorDescriptor, Reply

Address = tuple[str, int]
"""Where a message came from: host and port."""


class Transmit(msgspec.Struct, frozen=True):
    """One message for the peer.

    Args:
        to: where a request came from that this answers; None for the peer's address of the association.
        why: for the trace, where an association sends it of its own accord.
    """

    octets: bytes
    to: Address | None = None
    why: str = ""


class RequestReceived(msgspec.Struct, frozen=True):
    """A new request of the peer's; it waits for `Transactions.reply`.

    Args:
        source: where it came from, if the node told.
        authentication: the message's header of the interim AH scheme, unchecked.
        version: of the protocol, as the message's header says.
    """

    id: int
    actions: tuple[Action, ...]
    mid: str
    source: Address | None = None
    authentication: Authentication | None = None
    version: int = 2


class ReplyReceived(msgspec.Struct, frozen=True):
    """The reply to a request of ours, whole if it came in segments; there is no further event for it."""

    id: int
    reply: Reply


class PendingReceived(msgspec.Struct, frozen=True):
    """The peer works on a request of ours."""

    id: int


class TimedOut(msgspec.Struct, frozen=True):
    """A request of ours is given up; the peer is suspect.

    Args:
        why: if anything but silence: too many Pendings, or which segments of the reply are missing.
    """

    id: int
    why: str = ""


class Confirmed(msgspec.Struct, frozen=True):
    """The peer has acknowledged a reply of ours."""

    id: int


class MessageRefused(msgspec.Struct, frozen=True):
    """The peer could not read or does not accept a whole message of ours; it does not say which."""

    error: ErrorDescriptor


class PeerViolation(msgspec.Struct, frozen=True):
    """A message or a part of it was dropped, since it breaks a rule."""

    error: PeerError


Event = (
    Transmit | RequestReceived | ReplyReceived | PendingReceived | TimedOut | Confirmed | MessageRefused | PeerViolation
)
