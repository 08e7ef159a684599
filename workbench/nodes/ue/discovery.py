"""Asking a STUN server over TCP, from the media port, which address the outside sees.

A NAT with endpoint-independent mapping gives the same outside address to every connection from that port. The
connection to the server stays until the call ends, so that the NAT keeps the binding.

Source: RFC 8489 §6.2.2 (TCP), §14.2 (XOR-MAPPED-ADDRESS); RFC 5382 REQ-1.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.errors import PeerError
from workbench.net.values import (
    AbortStream,
    Command,
    Endpoint,
    EndStream,
    Happening,
    Note,
    OpenStream,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOpened,
)
from workbench.protocols import stun

PATIENCE_SECONDS = 39.5
"""How long a transaction over a reliable transport may take (RFC 8489 §6.2.2: Ti)."""
LINGER_SECONDS = 10.0
"""How long we wait for the server's FIN behind our own before RST."""


class Discovery:
    """One question to a STUN server, and the connection it was asked on.

    Args:
        local: the media address and port.
        server: the STUN server.
        octets: makes that many unpredictable octets.
    """

    def __init__(self, local: Endpoint, server: Endpoint, octets: Callable[[int], bytes]) -> None:
        self.stream = Stream(local, server)
        self.mapped: Endpoint | None = None
        self.failed = ""
        self._transaction = octets(stun.TRANSACTION_OCTETS)
        self._incoming = stun.Incoming()
        self._deadline: float | None = None
        self._open = False
        self._ended = False

    @property
    def over(self) -> bool:
        """The question is answered, or won't be."""
        return self.mapped is not None or bool(self.failed)

    @property
    def finished(self) -> bool:
        """The connection is gone."""
        return not self._open

    def start(self, now: float) -> list[Command]:
        """Connect to the server."""
        self._open = True
        self._deadline = now + PATIENCE_SECONDS
        return [OpenStream(self.stream, "STUN over TCP from the media port [RFC 8489 §6.2.2]")]

    def concerns(self, happened: Happening) -> bool:
        """Whether a happening is about the connection to the server."""
        return getattr(happened, "stream", None) == self.stream

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening that `concerns` us."""
        match happened:
            case StreamOpened():
                request = stun.encode(stun.binding_request(self._transaction))
                return [SendStream(self.stream, request, "STUN: which address does the outside see?")]
            case StreamData(data=data):
                return self._heard(data)
            case StreamEnded() if not self._ended:
                return self._fail("the STUN server ended the connection") + self.close(now)
            case StreamFailed(reason=reason):
                self._open, self._deadline = False, None
                return self._fail(f"no connection to the STUN server: {reason}")
            case StreamClosed():
                self._open, self._deadline = False, None
                return self._fail("the connection to the STUN server is gone")
        return []

    def close(self, now: float) -> list[Command]:
        """The call is over, or the server is of no use: FIN, and the NAT may forget the binding."""
        if not self._open or self._ended:
            return []
        if not self.over:
            return self._abort("the call is over before STUN has answered")
        self._ended = True
        self._deadline = now + LINGER_SECONDS
        return [EndStream(self.stream, "the call is over: the binding is not needed any more")]

    def reset(self) -> list[Command]:
        """End the connection with RST, if it is still there."""
        return self._abort("the connection to the STUN server is closing for too long") if self._open else []

    def next_wakeup(self) -> float | None:
        """When we give up waiting: for the answer, or for the server's FIN."""
        return self._deadline

    def wake(self, now: float) -> list[Command]:
        """Give up what takes too long."""
        if self._deadline is None or self._deadline > now:
            return []
        return self._abort("the STUN server takes too long")

    def _abort(self, why: str) -> list[Command]:
        self._open, self._deadline = False, None
        return [AbortStream(self.stream, why), *self._fail(why)]

    def _heard(self, data: bytes) -> list[Command]:
        for event in self._incoming.receive_data(data):
            if self.over:
                break
            match event:
                case stun.Received(message=message) if message.transaction == self._transaction:
                    return self._answered(message)
                case stun.PeerViolation(error=error):
                    return self._abort(f"the STUN server broke a rule: {error}")
        return []

    def _answered(self, message: stun.Message) -> list[Command]:
        if message.kind is not stun.Class.SUCCESS:
            return self._abort("the STUN server refused")
        try:
            self.mapped = Endpoint(*stun.mapped_address(message))
        except PeerError as error:
            return self._abort(f"the STUN server's answer can't be used: {error}")
        self._deadline = None
        return [Note(f"the outside sees us as {self.mapped}")]

    def _fail(self, why: str) -> list[Command]:
        if self.over:
            return []
        self.failed = why
        return [Note(f"no mapped address: {why}")]
