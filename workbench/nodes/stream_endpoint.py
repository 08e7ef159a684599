"""One end of a media connection: TCP, TLS on top where the SDP says so, and above it what a subclass speaks.

Nothing is handed up from a session whose peer has not shown who it is: by its certificate (RFC 4975 §14.4, RFC 8122
§6.2), or by a pre-shared key (RFC 4279).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from workbench.net.values import (
    AbortStream,
    Command,
    Drop,
    EndStream,
    Failure,
    Happening,
    LogKeys,
    OpenStream,
    RefuseStream,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFlushed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
)
from workbench.net.values import Endpoint as Address
from workbench.nodes.media_news import Down, News, Up
from workbench.nodes.msrp_listener import Listener, Manners
from workbench.protocols.sdp.model import Fingerprint
from workbench.security import tls
from workbench.security.psk import KeyRing, PreSharedKey, PskSession

LINGER_SECONDS = 10.0
"""How long we wait for the peer's FIN behind our own before RST."""
_MOST_EARLY = 65_536
_INTERNAL_ERROR = 80


class StreamEndpoint:
    """One end of a media connection; a subclass is the protocol on it.

    Args:
        local: where we listen, and what our own connection starts from.
        secure: a TLS session over the connection, made by this function from "are we TLS client?"; None: plain TCP.
            A `PskSession` may be made without its key: `provide` brings it.
        greets: we are TLS client whoever opens TCP, or server (BFCP, RFC 8856 §8); None: who opens TCP is TLS client.
        manners: what it does with its role; others than usual are for showing what goes wrong then.
    """

    def __init__(
        self,
        local: Address,
        *,
        secure: Callable[[bool], tls.TlsSession] | None,
        greets: bool | None = None,
        manners: Manners | None = None,
    ) -> None:
        self.local = local
        self.up = False
        self.over = False
        self.news: list[News] = []
        self._make_tls = secure
        self._greets = greets
        self._passive = False
        self._manners = Manners() if manners is None else manners
        self._tls: tls.TlsSession | None = None
        self._stream: Stream | None = None
        self._opener = False
        self._listener = Listener(local, self._manners)
        self._connected = False
        self._begun = False
        self._early = b""
        self._announced: Sequence[Fingerprint] | None = None
        self._keys: PreSharedKey | KeyRing | None = None
        self._closing = False
        self._silent = False
        self._gone = False
        self._abort_at: float | None = None

    @property
    def finished(self) -> bool:
        """Nothing more happens here: the connection is gone, or was never there when the session was closed."""
        return self._gone or (self._stream is None and self._closing)

    @property
    def alive(self) -> bool:
        """The connection is there, or still to come: nobody has ended it, and it has not failed."""
        return not (self.over or self._closing or self._gone)

    @property
    def remote(self) -> Address | None:
        """The other end of the connection; None while there is none."""
        return None if self._stream is None else self._stream.remote

    def listen(self) -> list[Command]:
        """Be ready for the peer's connection: offered `actpass`, or settled on `passive`."""
        return self._listener.listen()

    def connect(self, remote: Address, *, passive: bool = False) -> list[Command]:
        """Open the connection: settled on `active`, or on `passive` and open it too (TR 29.828 Annex D).

        Args:
            remote: where the peer's SDP says it can be reached.
            passive: who opens TCP is TLS client, but not we.
        """
        self._passive = passive
        commands = self._listener.unlisten()
        if self._stream is not None:
            commands.append(AbortStream(self._stream, "it came before the answer, which made us the TCP client"))
        self._forget()
        self._opener = True
        if not self._manners.connects:
            return commands
        self._stream = Stream(self.local, remote)
        commands.append(OpenStream(self._stream, "a=setup:active: the TCP client opens the connection [RFC 4145 §4]"))
        return commands

    def agree(self, fingerprints: Sequence[Fingerprint], now: float) -> list[Command]:
        """Offer and answer are complete: what the peer's SDP says of its certificate.

        A connection may be here before the answer is; until now nothing of it was handed up.
        """
        self._announced = tuple(fingerprints)
        if self._closing or self.over:
            return []
        if self._tls is not None:
            commands = self._protected(self._tls.announce(self._announced), now)
            return commands if self._begun or self._tls.state is not tls.State.UP else [*commands, *self._rise(now)]
        return self._rise(now) if self._connected and self._make_tls is None else []

    def provide(self, keys: PreSharedKey | KeyRing, now: float) -> list[Command]:
        """The pre-shared key is there: a TLS session that waits for it goes on, and one that is to come begins."""
        self._keys = keys
        session = self._tls
        if not isinstance(session, PskSession) or self._closing or self.over:
            return []
        return self._protected(session.provide(keys), now)

    def pause(self, paused: bool, now: float) -> list[Command]:
        """Send no content for now, or go on with it; what a direction means is the subclass's."""
        return []

    def close(self, now: float, why: str = "the call is over") -> list[Command]:
        """Release: close_notify first where there is TLS, then FIN (RFC 8446 §6.1). RST where TCP is not up yet."""
        commands = self._listener.unlisten()
        if self._closing:
            return commands
        self._closing = True
        self.up = False
        if self._stream is None or self.over:
            return commands
        if self._listener.waiting:
            self._listener.forget()
            self._gone = True
            return [*commands, RefuseStream(self._stream, f"{why} before its connection is answered")]
        if not self._connected:
            self._gone = True
            return [*commands, AbortStream(self._stream, f"{why} before its connection is there")]
        if self._tls is not None:
            commands += self._protected(self._tls.close(), now)
        return commands + self._end(f"{why}: FIN behind everything sent", now)

    def reset(self, now: float, why: str = "the connection is reset on purpose") -> list[Command]:
        """End the connection with RST. What was not confirmed has failed."""
        if self._stream is None or self._gone or not self._connected:
            return self.close(now, why)
        return self._abort(why, now)

    def break_off(self, how: Literal["cut", "notify", "alert"], now: float) -> list[Command]:
        """End the session as `CloseMedia` says: against the rules, or leaving TCP to the other end."""
        if not self.up or self._tls is None or self._stream is None:
            return self.close(now)
        self.up = False
        self._silent = True
        match how:
            case "cut":
                return self._end("FIN without close_notify", now)
            case "notify":
                return self._protected(self._tls.close(), now)
            case "alert":
                return self._protected(self._tls.abort(_INTERNAL_ERROR, "a fault of our own"), now)

    def speak_clear(self, octets: bytes) -> list[Command]:
        """Send octets as they are, whatever protects the connection."""
        there = self._stream is not None and self._connected and not self._closing
        return [SendStream(self._stream, octets, "in the clear, although TLS is up")] if there and self._stream else []

    def concerns(self, happened: Happening) -> bool:
        """Whether a happening is about this session's connection or listener."""
        match happened:
            case StreamOffered(stream=stream):
                return stream.local == self.local
            case (StreamOpened(stream=stream) | StreamFailed(stream=stream) | StreamData(stream=stream)
                  | StreamFull(stream=stream) | StreamWritable(stream=stream) | StreamFlushed(stream=stream)
                  | StreamEnded(stream=stream)
                  | StreamClosed(stream=stream)):
                return stream == self._stream
        return False

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening that `concerns` us."""
        match happened:
            case StreamOffered(stream=stream):
                if self._stream is not None or not self._listener.open:
                    return [RefuseStream(stream), Drop(happened, "this session has its connection")]
                self._stream = stream
                return self._listener.offered(stream, now)
            case StreamOpened(stream=stream):
                return self._opened(now)
            case StreamData(stream=stream, data=data):
                if self._tls is not None:
                    return self._protected(self._tls.receive_data(data), now)
                return self._heard(data, now)
            case StreamEnded() if self._unsettled and self._tls is None:
                return self._dismiss("it ended before the answer")
            case StreamEnded():
                # Without close_notify before it, FIN may be an attacker's (RFC 8446 §6.1).
                if self._tls is None:
                    return self.close(now, "the peer has ended the connection")
                return self._protected(self._tls.transport_ended(), now)
            case StreamFailed() if not self._opener and self._listener.open:
                self._forget()
            case StreamClosed() if self._unsettled:
                self._forget()
            case StreamFailed(reason=reason):
                self._gone = True
                return self._down(str(reason))
            case StreamClosed(reason=closed):
                self._gone = True
                return self._lost("" if closed is None else str(closed), now)
        return []  # StreamFull among them: what is above says little before it is answered

    def next_wakeup(self) -> float | None:
        """When what is above wants to be woken, or the peer should have closed."""
        if self._gone:
            return None
        moments = (None if self.over else self._timer(), self._listener.next_wakeup(), self._abort_at)
        return min((moment for moment in moments if moment is not None), default=None)

    def wake(self, now: float) -> list[Command]:
        """Let timers run out."""
        if self._stream is not None and self._abort_at is not None and self._abort_at <= now and not self._gone:
            self._gone = True
            return [AbortStream(self._stream, "the peer did not close in time"), *self._lost("", now)]
        if self._listener.waiting:
            return self._listener.wake(now)
        moment = None if self.over else self._timer()
        return self._woken(now) if moment is not None and moment <= now else []

    # What a subclass speaks

    def _begin(self, opener: bool, now: float) -> list[Command]:
        """The connection is up, with its security. `opener`: we have opened it."""
        raise NotImplementedError

    def _receive(self, octets: bytes, now: float) -> list[Command]:
        """The next octets of the other end."""
        raise NotImplementedError

    def _cease(self, now: float) -> list[Command]:
        """The connection is of no more use: what was not confirmed has failed."""
        raise NotImplementedError

    def _timer(self) -> float | None:
        """When it wants to be woken."""
        return None

    def _woken(self, now: float) -> list[Command]:
        """Its time has come."""
        return []

    # For a subclass

    def _say(self, octets: bytes, why: str, now: float) -> list[Command]:
        """Octets for the other end, protected where there is TLS; none once FIN or RST has left, or TLS has failed."""
        if self._closing or self._silent or self.over or self._stream is None:
            return []
        if self._tls is not None:
            return self._protected(self._tls.send(octets), now) if self._tls.sends else []
        return [SendStream(self._stream, octets, why)]

    @property
    def _unsettled(self) -> bool:
        """We listen, and the answer is not there: whose connection this is nobody knows, so losing it ends nothing."""
        return self._announced is None and self._listener.open

    def _forget(self) -> None:
        """As before any connection: the peer may still come, or we go to it."""
        self._stream, self._connected, self._tls, self._early = None, False, None, b""
        self._listener.forget()

    def _dismiss(self, why: str) -> list[Command]:
        assert self._stream is not None
        stream = self._stream
        self._forget()
        return [AbortStream(stream, why)]

    def _end(self, why: str, now: float) -> list[Command]:
        """FIN, and a limit for the peer's."""
        assert self._stream is not None
        self._closing = True
        if self._abort_at is not None:
            return []
        self._abort_at = now + LINGER_SECONDS
        return [EndStream(self._stream, why)]

    def _opened(self, now: float) -> list[Command]:
        self._connected = True
        if self._make_tls is None:
            return self._rise(now) if self._announced is not None else []
        # As a rule the TCP client is the TLS client (RFC 4975 §14.4, RFC 8122 §4).
        active = self._opener and not self._passive
        self._tls = self._make_tls(active if self._greets is None else self._greets)
        if isinstance(self._tls, PskSession) and self._keys is not None:
            self._tls.provide(self._keys)
        commands = self._protected(self._tls.start(), now)
        if self._announced is not None:
            commands += self._protected(self._tls.announce(self._announced), now)
        return commands

    def _rise(self, now: float) -> list[Command]:
        self.up = self._begun = True
        self.news.append(Up())
        commands = self._begin(self._opener, now)
        early, self._early = self._early, b""
        return commands + (self._heard(early, now) if early else [])

    def _protected(self, events: Sequence[tls.Event], now: float) -> list[Command]:
        """What TLS events mean for the connection and for what is above."""
        assert self._stream is not None
        commands: list[Command] = []
        for event in events:
            match event:
                case tls.Transmit() if self._abort_at is not None:
                    pass  # FIN has left: an alert would be too late
                case tls.Transmit(octets=octets):
                    commands.append(SendStream(self._stream, octets))
                case tls.KeyLine(line=line):
                    commands.append(LogKeys(line))
                case tls.Verified() if self._announced is None:
                    pass  # a key was enough; what comes now waits for the answer all the same
                case tls.Verified():
                    commands += self._rise(now)
                case tls.Data(octets=octets):
                    commands += self._heard(octets, now)
                case tls.PeerClosed():
                    commands += self.close(now, "the peer has ended TLS")
                case tls.Failed(reason=reason) if self._unsettled:
                    return commands + self._dismiss(f"TLS failed: {reason}")
                case tls.Failed(reason=reason):
                    commands += [*self._end(f"TLS failed: {reason}", now), *self._lost(reason, now)]
        return commands

    def _heard(self, octets: bytes, now: float) -> list[Command]:
        if self.over or self._closing or self._silent or self._stream is None:
            return []
        if not self._begun:
            self._early += octets
            if len(self._early) > _MOST_EARLY:
                return self._dismiss("too much before the answer")
            return []
        return self._receive(octets, now)

    def _abort(self, reason: str, now: float) -> list[Command]:
        assert self._stream is not None
        self._closing = self._gone = True
        return [AbortStream(self._stream, reason), *self._lost(reason, now)]

    def _lost(self, reason: str, now: float) -> list[Command]:
        """The connection is of no more use. What was not confirmed by now has failed (RFC 4975 §5.4)."""
        commands = self._cease(now) if self._begun and not self.over else []
        return commands + self._down(reason)

    def _down(self, reason: str) -> list[Command]:
        if self.over:
            return []
        self.over = True
        self.up = False
        self.news.append(Down("" if self._closing and reason in ("", Failure.RESET) else reason))
        return self._listener.unlisten()
