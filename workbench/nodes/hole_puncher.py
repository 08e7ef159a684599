"""One end of a TCP connection that two peers behind NATs try to make without a gateway, with MSRP on top.

It learns its mapped address from a STUN server, over TCP and from the port that it will use; the connection to the
server stays open so that the binding does. Then it is told where the other end was seen, and opens.

Source: RFC 5382 REQ-2 (simultaneous open through NATs), RFC 5128 §3.4 (TCP hole punching), RFC 8489.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Asked,
    Command,
    Drop,
    Endpoint,
    Happening,
    Listen,
    Note,
    OpenStream,
    RefuseStream,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamFailed,
    StreamOffered,
    StreamOpened,
    Woke,
)
from workbench.protocols import stun
from workbench.protocols.msrp import machine as msrp
from workbench.security.source import Source


class Punch(msgspec.Struct, frozen=True):
    """Open to the address that the other end was seen at.

    Args:
        remote: where a STUN server saw the other end.
        path: the other end's MSRP path.
        at: when to open, in seconds since the run's start.
        text: what to say once there is a connection; empty: nothing.
    """

    remote: Endpoint
    path: str
    at: float = 0.0
    text: str = ""


class HolePuncher:
    """A peer without signalling.

    Args:
        local: the port of its connections.
        server: the STUN server that it asks.
        path: its MSRP path.
        active: it sends the first MSRP request; the other end waits for one.
        listens: it also takes a connection that comes to its port; False: simultaneous open or nothing.
        most: connections that it considers at a time; one more is refused.
    """

    def __init__(self, name: str, *, local: Endpoint, server: Endpoint, path: str, active: bool, source: Source,
                 listens: bool = True, most: int = 16) -> None:
        self.name = name
        self._local = local
        self._server = Stream(local, server)
        self._path = path
        self._active = active
        self._source = source
        self._listens = listens
        self._most = most
        self._answers = stun.Incoming()
        self._transaction = b""
        self._punch: Punch | None = None
        self._opened = False
        self._tried: list[Stream] = []
        self._waiting: list[Stream] = []
        self._chosen: Stream | None = None
        self._session: msrp.Session | None = None

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        match happened:
            case Started():
                listen = [Listen(self._local)] if self._listens else []
                return [*listen, OpenStream(self._server, "to learn how the other side of the NAT sees this port")]
            case Asked(order=Punch() as punch):
                self._punch = punch
                return self._open(now)
            case Woke():
                return self._open(now) if not self._opened else self._wake(now)
            case StreamOpened(stream=self._server):
                self._transaction = self._source.octets(stun.TRANSACTION_OCTETS)
                return [SendStream(self._server, stun.encode(stun.binding_request(self._transaction)), "STUN")]
            case StreamData(stream=self._server, data=data):
                return self._told(data)
            case StreamOffered(stream=stream):
                if len(self._waiting) + len(self._tried) >= self._most:
                    return [RefuseStream(stream, f"{self._most} connections are considered already")]
                self._waiting.append(stream)
                return self._take_waiting() if self._opened else []
            case StreamOpened(stream=stream) if self._active:
                return self._use(stream, now)
            case StreamData(stream=stream, data=data):
                return self._heard(stream, data, now)
            case StreamFailed(stream=stream, reason=reason) | StreamClosed(stream=stream, reason=reason):
                return self._lost(stream, f"{stream}: {reason or 'closed'}")
        return []

    def next_wakeup(self) -> float | None:
        """When it opens, or a timer of MSRP."""
        if self._punch is not None and not self._opened:
            return self._punch.at
        return self._session.next_wakeup() if self._session is not None else None

    def _told(self, data: bytes) -> list[Command]:
        commands: list[Command] = []
        for event in self._answers.receive_data(data):
            match event:
                case stun.Received(message=message) if message.transaction == self._transaction:
                    commands.append(Note("the STUN server has answered"))
                case stun.Received():
                    commands.append(Drop(event, "an answer to nothing that was asked"))
                case stun.PeerViolation(error=error):
                    commands.append(AbortStream(self._server, str(error)))
        return commands

    # The connection

    def _open(self, now: float) -> list[Command]:
        punch = self._punch
        if punch is None or self._opened or now < punch.at:
            return []
        self._opened = True
        stream = Stream(self._local, punch.remote)
        self._tried.append(stream)
        # Its SYN may be waiting already: to open then is to answer it with a SYN of our own (RFC 9293 §3.5).
        self._waiting = [one for one in self._waiting if one != stream]
        why = "to where the STUN server of the other side saw it [RFC 5128 §3.4]"
        return [OpenStream(stream, why), *self._take_waiting()]

    def _take_waiting(self) -> list[Command]:
        """Answer the SYNs that came from addresses that we did not open to ourselves."""
        taken, self._waiting = self._waiting, []
        self._tried += taken
        return [AcceptStream(stream, "it comes from another address than the one that was seen") for stream in taken]

    def _use(self, stream: Stream, now: float) -> list[Command]:
        """The first connection that is there is the one; other attempts are given up."""
        if self._chosen is not None or self._punch is None:
            return []
        self._chosen = stream
        others = [AbortStream(one, "another connection is there") for one in self._tried if one != stream]
        self._session = msrp.Session(self._path, self._punch.path, active=self._active, accept_types=("text/plain",),
                                     token=self._source.token)
        said = self._said(self._session.opened(now))
        if self._punch.text:
            said += self._said(self._session.send(self._punch.text.encode(), "text/plain", now)[1])
        return [*others, *said]

    def _heard(self, stream: Stream, data: bytes, now: float) -> list[Command]:
        """The passive end takes the connection on which the active one speaks."""
        commands = self._use(stream, now) if self._chosen is None else []
        if self._session is None or stream != self._chosen:
            return commands
        return commands + self._said(self._session.receive_data(data, now))

    def _wake(self, now: float) -> list[Command]:
        return self._said(self._session.wake(now)) if self._session is not None else []

    def _lost(self, stream: Stream, why: str) -> list[Command]:
        self._tried = [one for one in self._tried if one != stream]
        self._waiting = [one for one in self._waiting if one != stream]
        if stream == self._chosen:
            self._session = None
        return [Note(why)]

    def _said(self, events: Sequence[msrp.Event]) -> list[Command]:
        assert self._chosen is not None
        commands: list[Command] = []
        for event in events:
            match event:
                case msrp.Transmit(octets=octets):
                    commands.append(SendStream(self._chosen, octets, "MSRP"))
                case msrp.MessageReceived(body=body):
                    commands.append(Note(f"heard: {body.decode(errors='replace')}"))
                case msrp.PeerViolation(error=error):
                    self._session = None
                    return [*commands, AbortStream(self._chosen, str(error))]
        return commands
