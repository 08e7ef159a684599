"""What a call of the TLS library came to."""

from __future__ import annotations

import enum

import msgspec


class Progress(enum.Enum):
    """The session goes on, or ends in order."""

    DONE = enum.auto()
    MORE = enum.auto()   # octets of the peer are missing
    ENDED = enum.auto()  # the peer has sent close_notify


class Fault(msgspec.Struct, frozen=True):
    """The library gave up the session.

    Args:
        reason: in OpenSSL's words.
        alert: description of the peer's fatal alert; None: the fault was found here.
    """

    reason: str
    alert: int | None
