"""One end of a stream, and both together: what each sends, and what has to come."""

from __future__ import annotations

import enum
import socket

import msgspec

from load.client import Client
from load.content import LONGEST, Content
from load.controller import Context

_TLS_PIECE = 16_384
_PIECE = LONGEST
# One for all ends: what is read is checked at once.
_BUFFER = memoryview(bytearray(_PIECE))


class State(enum.StrEnum):
    """Of one end."""

    OPENING = "opening"
    SHAKING_HANDS = "in the TLS handshake"
    OPEN = "open"
    OVER = "over"


class End:
    """One end of a stream.

    Args:
        sock: its socket, non-blocking.
        name: for people.
        sends: what it sends.
        hears: what has to come.
        octets: how many it sends; None: without end.
    """

    def __init__(self, sock: socket.socket, name: str, sends: Content, hears: Content, octets: int | None) -> None:
        self.sock = sock
        self.name = name
        self.state = State.OPENING
        self.octets = octets
        self.sent = 0
        self.received = 0
        self.reads = True
        """False: a peer that does not read."""
        self.checks = True
        """False: what comes is counted and not looked at."""
        self.heard_end = False
        self.trouble = ""
        self.sends = sends
        self.hears = hears
        self._piece = _PIECE

    def secure(self, client: Client) -> None:
        """TLS from here on, as client."""
        self.sock = client.context.wrap_socket(self.sock, do_handshake_on_connect=False)
        self._piece = _TLS_PIECE
        self.state = State.SHAKING_HANDS

    def has_more(self) -> bool:
        """Whether there is something to send."""
        return self.octets is None or self.sent < self.octets

    def send(self) -> None:
        """Send a piece, or what fits of it. Raises OSError."""
        piece = self._piece if self.octets is None else min(self._piece, self.octets - self.sent)
        self.sent += self.sock.send(self.sends.piece(self.sent, piece))

    def receive(self) -> None:
        """Take what is there and check it. Raises OSError."""
        got = self.sock.recv_into(_BUFFER)
        if not got:
            self.heard_end = True
            return
        data = _BUFFER[:got]
        if self.checks and not self.hears.same(self.received, data):
            self.fail(f"octet {self.hears.first_wrong(self.received, data)} is wrong")
        self.received += got

    def fail(self, why: str) -> None:
        """The first thing that went wrong is kept."""
        self.trouble = self.trouble or f"{self.name}: {why} while {self.state}"


class Pair(msgspec.Struct):
    """A stream through the gateway: the UE's end, and the far end once the gateway has connected."""

    context: Context
    ue: End
    far: End | None = None
    octets_back: int | None = None

    @property
    def arrived(self) -> int:
        """Octets that have arrived and were right, both ways."""
        return self.ue.received + (self.far.received if self.far is not None else 0)

    @property
    def through(self) -> bool:
        """All octets have arrived both ways."""
        far = self.far
        return far is not None and far.received == self.ue.octets and self.ue.received == far.octets

    @property
    def trouble(self) -> str:
        """What went wrong first, or nothing."""
        return self.ue.trouble or (self.far.trouble if self.far is not None else "")
