"""The media half of a UE: one MSRP session over TCP, with TLS in between where the SDP says so.

TCP first, TLS on top with the fingerprints of the SDP, MSRP above. Nothing is handed up from a session whose
certificate was not checked (RFC 4975 §14.4, RFC 8122 §6.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Command,
    Drop,
    EndStream,
    Failure,
    Happening,
    Listen,
    LogKeys,
    OpenStream,
    RefuseStream,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
    Unlisten,
)
from workbench.net.values import Endpoint as Address
from workbench.protocols.msrp import machine as msrp
from workbench.protocols.sdp.model import Fingerprint
from workbench.security import tls

_MOST_EARLY = 65_536


class Heard(msgspec.Struct, frozen=True):
    """The other end said something, complete."""

    content_type: str
    body: bytes


class Told(msgspec.Struct, frozen=True):
    """The other end reported that it has this message of ours."""

    message_id: str


class NotTold(msgspec.Struct, frozen=True):
    """A message of ours did not get through: status as in a response or REPORT, 0 where there was none."""

    message_id: str
    status: int
    reason: str


class Up(msgspec.Struct, frozen=True):
    """Messages can be sent now."""


class Down(msgspec.Struct, frozen=True):
    """The session is over; `reason` is empty after an orderly release."""

    reason: str = ""


News = Heard | Told | NotTold | Up | Down


class MsrpEndpoint:
    """One end of an MSRP session.

    Args:
        local: where we listen, and what our own connection starts from.
        secure: a TLS session over the connection, made by this function from "are we TLS client?"; None: plain TCP.
        session: makes the MSRP session, from "do we open the connection?".
    """

    def __init__(
        self,
        local: Address,
        *,
        secure: Callable[[bool], tls.TlsSession] | None,
        session: Callable[[bool], msrp.Session],
    ) -> None:
        self.local = local
        self.up = False
        self.over = False
        self.news: list[News] = []
        self._make_tls = secure
        self._make_session = session
        self._tls: tls.TlsSession | None = None
        self._session: msrp.Session | None = None
        self._stream: Stream | None = None
        self._listening = False
        self._connected = False
        self._early = b""
        self._announced: Sequence[Fingerprint] | None = None
        self._closing = False

    def listen(self) -> list[Command]:
        """Be ready for the peer's connection: offered `actpass`, or settled on `passive`."""
        if self._listening:
            return []
        self._listening = True
        return [Listen(self.local)]

    def connect(self, remote: Address) -> list[Command]:
        """Open the connection: settled on `active`. `remote` is the peer's c=/m= address (RFC 6714 §4)."""
        commands: list[Command] = []
        if self._listening:
            self._listening = False
            commands.append(Unlisten(self.local))
        self._stream = Stream(self.local, remote)
        commands.append(OpenStream(self._stream, "a=setup:active: the TCP client opens the connection [RFC 4145 §4]"))
        return commands

    def agree(self, fingerprints: Sequence[Fingerprint], now: float) -> list[Command]:
        """Offer and answer are complete: what the peer's SDP says of its certificate.

        A connection may be here before the answer is; until now nothing of it was handed up.
        """
        self._announced = tuple(fingerprints)
        if self._tls is not None:
            return self._protected(self._tls.announce(self._announced), now)
        return self._rise(now) if self._connected and self._make_tls is None else []

    def send(self, text: str, now: float) -> tuple[str, list[Command]]:
        """Say something; the id of the message and what leaves."""
        assert self._session is not None, "asked before Up"
        message_id, events = self._session.send(text.encode(), "text/plain", now, success_report=True)
        return message_id, self._spoken(events, now)

    def close(self, now: float) -> list[Command]:
        """Release: close_notify first where there is TLS, then FIN (RFC 8446 §6.1)."""
        commands: list[Command] = []
        if self._closing:
            return commands
        self._closing = True
        if self._listening:
            self._listening = False
            commands.append(Unlisten(self.local))
        if self._stream is None or self.over:
            return commands
        if self._tls is not None:
            commands += self._protected(self._tls.close(), now)
        commands.append(EndStream(self._stream, "the call is over: FIN behind everything sent"))
        return commands

    def concerns(self, happened: Happening) -> bool:
        """Whether a happening is about this session's connection or listener."""
        match happened:
            case StreamOffered(stream=stream):
                return stream.local == self.local
            case (StreamOpened(stream=stream) | StreamFailed(stream=stream) | StreamData(stream=stream)
                  | StreamEnded(stream=stream) | StreamClosed(stream=stream)):
                return stream == self._stream
        return False

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening that `concerns` us."""
        match happened:
            case StreamOffered(stream=stream):
                if self._stream is not None or not self._listening:
                    return [RefuseStream(stream), Drop(happened, "this session has its connection")]
                self._stream = stream
                return [AcceptStream(stream, "a=setup:passive: the TCP server accepts [RFC 4145 §4]")]
            case StreamOpened(stream=stream):
                return self._opened(now)
            case StreamData(stream=stream, data=data):
                if self._tls is not None:
                    return self._protected(self._tls.receive_data(data), now)
                return self._heard(data, now)
            case StreamEnded(stream=stream):
                return self._ended(stream, now)
            case StreamFailed(reason=reason):
                return self._down(str(reason))
            case StreamClosed(reason=closed):
                # RFC 4975 §5.4: what was not confirmed by now has failed.
                unfinished = self._session.ended(now) if self._session is not None and not self.over else []
                return self._spoken(unfinished, now) + self._down("" if closed is None else str(closed))
        return []

    def next_wakeup(self) -> float | None:
        """When the MSRP session wants to be woken."""
        return self._session.next_wakeup() if self._session is not None and not self.over else None

    def wake(self, now: float) -> list[Command]:
        """Let MSRP timers run out."""
        if self._session is None or self.over:
            return []
        moment = self._session.next_wakeup()
        return self._spoken(self._session.wake(now), now) if moment is not None and moment <= now else []

    @property
    def _opener(self) -> bool:
        return not self._listening

    def _opened(self, now: float) -> list[Command]:
        self._connected = True
        if self._make_tls is None:
            return self._rise(now) if self._announced is not None else []
        # MSRP: the TCP client is the TLS client (RFC 4975 §14.4, RFC 8122 §4).
        self._tls = self._make_tls(self._opener)
        commands = self._protected(self._tls.start(), now)
        if self._announced is not None:
            commands += self._protected(self._tls.announce(self._announced), now)
        return commands

    def _rise(self, now: float) -> list[Command]:
        self._session = self._make_session(self._opener)
        self.up = True
        self.news.append(Up())
        commands = self._spoken(self._session.opened(now), now)
        early, self._early = self._early, b""
        return commands + (self._heard(early, now) if early else [])

    def _protected(self, events: Sequence[tls.Event], now: float) -> list[Command]:
        """What TLS events mean for the connection and for MSRP."""
        assert self._stream is not None
        commands: list[Command] = []
        for event in events:
            match event:
                case tls.Transmit(octets=octets):
                    commands.append(SendStream(self._stream, octets))
                case tls.KeyLine(line=line):
                    commands.append(LogKeys(line))
                case tls.Verified():
                    commands += self._rise(now)
                case tls.Data(octets=octets):
                    commands += self._heard(octets, now)
                case tls.PeerClosed():
                    commands += self._ended(self._stream, now)
                case tls.Failed(reason=reason):
                    self._closing = True
                    commands.append(EndStream(self._stream, f"TLS failed: {reason}"))
                    commands += self._down(reason)
        return commands

    def _heard(self, octets: bytes, now: float) -> list[Command]:
        if self.over or self._stream is None:
            return []
        if self._session is None:
            self._early += octets
            if len(self._early) > _MOST_EARLY:
                reason = "too much before the answer"
                return [AbortStream(self._stream, reason), *self._down(reason)]
            return []
        return self._spoken(self._session.receive_data(octets, now), now)

    def _spoken(self, events: Sequence[msrp.Event], now: float) -> list[Command]:
        """What MSRP events mean for the connection and for the person."""
        assert self._stream is not None
        commands: list[Command] = []
        for event in events:
            match event:
                case msrp.Transmit(octets=octets):
                    if self._tls is not None:
                        commands += self._protected(self._tls.send(octets), now)
                    else:
                        commands.append(SendStream(self._stream, octets, "MSRP"))
                case msrp.MessageReceived(content_type=content_type, body=body):
                    self.news.append(Heard(content_type, body))
                case msrp.Delivered(message_id=message_id):
                    self.news.append(Told(message_id))
                case msrp.MessageFailed(message_id=message_id, status=status, reason=reason):
                    self.news.append(NotTold(message_id, status, reason))
                case msrp.PeerViolation(error=error):
                    commands.append(AbortStream(self._stream, f"the peer broke MSRP: {error}"))
                    commands += self._down(str(error))
        return commands

    def _ended(self, stream: Stream, now: float) -> list[Command]:
        """The peer has nothing more to say: close our half too."""
        if self._closing:
            return []
        return self.close(now)

    def _down(self, reason: str) -> list[Command]:
        if self.over:
            return []
        self.over = True
        self.up = False
        self.news.append(Down("" if self._closing and reason in ("", Failure.RESET) else reason))
        return []
