"""The media half of a UE: one MSRP session over TCP, with TLS in between where the SDP says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.net.values import Command
from workbench.net.values import Endpoint as Address
from workbench.nodes.media_news import Down, Heard, News, NotTold, Told, Up
from workbench.nodes.msrp_listener import Manners
from workbench.nodes.stream_endpoint import LINGER_SECONDS, StreamEndpoint
from workbench.protocols.msrp import machine as msrp
from workbench.security import tls

__all__ = ["LINGER_SECONDS", "Down", "Heard", "MsrpEndpoint", "News", "NotTold", "Told", "Up"]


class MsrpEndpoint(StreamEndpoint):
    """One end of an MSRP session; what it sends before it is answered is bounded by its window.

    Args:
        local, secure, manners: as for any media connection; the TCP client is the TLS client (RFC 4975 §14.4).
        session: makes the MSRP session, from "do we open the connection?".
    """

    def __init__(
        self,
        local: Address,
        *,
        secure: Callable[[bool], tls.TlsSession] | None,
        session: Callable[[bool], msrp.Session],
        manners: Manners | None = None,
    ) -> None:
        super().__init__(local, secure=secure, manners=manners)
        self._make_session = session
        self._session: msrp.Session | None = None
        self._paused = False

    def send(self, body: msrp.Body, kind: str, now: float) -> tuple[str, list[Command]]:
        """Say something; the id of the message and what leaves now. The rest leaves as the peer answers."""
        assert self._session is not None, "asked before Up"
        message_id, events = self._session.send(body, kind, now, success_report=True)
        return message_id, self._spoken(events, now)

    def pause(self, paused: bool, now: float) -> list[Command]:
        """Send no content for now, or go on with it: what the direction in the SDP says (RFC 4975 §8)."""
        self._paused = paused
        return [] if self._session is None or not self.up else self._spoken(self._session.pause(paused, now), now)

    def _begin(self, opener: bool, now: float) -> list[Command]:
        self._session = self._make_session(opener)
        return self._spoken(self._session.opened(now) + self._session.pause(self._paused, now), now)

    def _receive(self, octets: bytes, now: float) -> list[Command]:
        assert self._session is not None
        return self._spoken(self._session.receive_data(octets, now), now)

    def _cease(self, now: float) -> list[Command]:
        """What was not confirmed by now has failed (RFC 4975 §5.4)."""
        if self._session is not None:
            self.news += [NotTold(one.message_id, one.status, one.reason) for one in self._session.ended(now)
                          if isinstance(one, msrp.MessageFailed)]
        return []

    def _timer(self) -> float | None:
        return None if self._session is None else self._session.next_wakeup()

    def _woken(self, now: float) -> list[Command]:
        assert self._session is not None
        return self._spoken(self._session.wake(now), now)

    def _spoken(self, events: Sequence[msrp.Event], now: float) -> list[Command]:
        """What MSRP events mean for the connection and for the person."""
        commands: list[Command] = []
        for event in events:
            match event:
                case msrp.Transmit(octets=octets):
                    commands += self._say(octets, "MSRP", now)
                case msrp.MessageReceived(content_type=content_type, body=body):
                    self.news.append(Heard(content_type, body))
                case msrp.Delivered(message_id=message_id):
                    self.news.append(Told(message_id))
                case msrp.MessageFailed(message_id=message_id, status=status, reason=reason):
                    self.news.append(NotTold(message_id, status, reason))
                case msrp.PeerViolation(error=error):
                    commands += self._abort(f"the peer broke MSRP: {error}", now)
        if self._session is not None and self._session.state is msrp.State.FAILED and not self._closing:
            # RFC 4975 §7.1: 481 and 506 say that the peer knows no such session, or that it is another connection's.
            why = "the peer does not know the MSRP session"
            commands += [*self.close(now, why), *self._down(why)]
        return commands
