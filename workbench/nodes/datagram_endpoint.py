"""One end of a media session over UDP: DTLS on top where the SDP says so, and above it what a subclass speaks.

Nothing is handed up from a session whose certificate was not checked, and with DTLS nothing leaves or is taken in clear
(RFC 7345 §4, RFC 8122 §6.2). Who is DTLS client follows a=setup (RFC 8842 §5.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.net.values import (
    BindDatagrams,
    Command,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Happening,
    LogKeys,
    SendDatagram,
    UnbindDatagrams,
)
from workbench.net.values import Endpoint as Address
from workbench.nodes.media_news import Down, News, Remark, Up
from workbench.nodes.procedure import earliest
from workbench.protocols.sdp.model import Fingerprint
from workbench.security import dtls


class DatagramEndpoint:
    """One end of a media session; a subclass is the protocol in it.

    Args:
        local: where we receive, and send from.
        secure: a DTLS session, made by this function from "are we DTLS client?"; None: in clear.
    """

    def __init__(self, local: Address, *, secure: Callable[[bool], dtls.DtlsSession] | None) -> None:
        self.local = local
        self.up = False
        self.over = False
        self.news: list[News] = []
        self.remote: Address | None = None
        """The other end; None while its SDP is not there."""
        self._make_dtls = secure
        self._dtls: dtls.DtlsSession | None = None
        self._bound = False

    @property
    def finished(self) -> bool:
        """Nothing more happens here."""
        return self.over and not self._bound

    @property
    def alive(self) -> bool:
        """It is there, or still to come: nobody has ended it, and it has not failed."""
        return not self.over

    def listen(self) -> list[Command]:
        """Receive from now on; an offer names this address."""
        if self._bound or self.over:
            return []
        self._bound = True
        return [BindDatagrams(self.local)]

    def meet(
        self, remote: Address, fingerprints: Sequence[Fingerprint], now: float, *, begins: bool
    ) -> list[Command]:
        """Offer and answer are complete: where the other end is, its certificate, and whether we are DTLS client."""
        commands = self.listen()
        if self.over:
            return commands
        self.remote = remote
        if self._make_dtls is None:
            return commands + self._rise(now)
        if self._dtls is None:
            self._dtls = self._make_dtls(begins)
            commands += self._protected(self._dtls.start(now), now)
        return commands + self._protected(self._dtls.announce(fingerprints), now)

    def pause(self, paused: bool, now: float) -> list[Command]:
        """A direction has no meaning for what a terminal says."""
        return []

    def close(self, now: float, why: str = "the call is over") -> list[Command]:
        """Release: close_notify where there is DTLS, and nothing more is received."""
        commands: list[Command] = []
        if self._dtls is not None and not self.over:
            commands += [
                SendDatagram(self.local, self.remote, event.octets, f"close_notify: {why} [RFC 6347 §4.1]")
                for event in self._dtls.close() if isinstance(event, dtls.Transmit) and self.remote is not None]
        return commands + self._down("") + self._unbind()

    def reset(self, now: float, why: str = "the session is given up") -> list[Command]:
        """End it without a word."""
        return self._down("") + self._unbind()

    def concerns(self, happened: Happening) -> bool:
        """Whether a happening is about this session."""
        return isinstance(happened, DatagramReceived | DatagramFailed) and happened.local == self.local and self._bound

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening that `concerns` us."""
        match happened:
            case DatagramFailed(reason=reason):
                self.news.append(Remark(f"a datagram did not arrive: {reason}"))
            case DatagramReceived() if self.over:
                return [Drop(happened, "the session is over")]
            case DatagramReceived(remote=source) if source != self.remote:
                return [Drop(happened, "not from the other end, as its SDP says where that is")]
            case DatagramReceived(data=data) if self._dtls is None:
                return self._receive(data, now)
            case DatagramReceived(data=data, remote=source):
                assert self._dtls is not None
                before = self._dtls.dropped
                events = self._dtls.receive_datagram(data, now, str(source))
                if self._dtls.dropped > before:
                    return [Drop(happened, "nothing of the DTLS association: in clear nothing is taken [RFC 7345 §4]")]
                return self._protected(events, now)
        return []

    def next_wakeup(self) -> float | None:
        """When a flight of DTLS has to be repeated, or what is above wants to be woken."""
        if self.over:
            return None
        return earliest([None if self._dtls is None else self._dtls.next_wakeup(), self._timer()])

    def wake(self, now: float) -> list[Command]:
        """Let timers run out."""
        commands = [] if self._dtls is None or self.over else self._protected(self._dtls.wake(now), now)
        moment = None if self.over else self._timer()
        return commands + (self._woken(now) if moment is not None and moment <= now else [])

    # What a subclass speaks

    def _begin(self, now: float) -> list[Command]:
        """Payload can be sent, with its security."""
        raise NotImplementedError

    def _receive(self, octets: bytes, now: float) -> list[Command]:
        """A datagram of the other end, or what one record brought."""
        raise NotImplementedError

    def _timer(self) -> float | None:
        """When it wants to be woken."""
        return None

    def _woken(self, now: float) -> list[Command]:
        """Its time has come."""
        return []

    # For a subclass

    def _say(self, octets: bytes, why: str, now: float) -> list[Command]:
        """One datagram for the other end, protected where there is DTLS; none where it can't be."""
        if not self.up or self.remote is None:
            return []
        if self._dtls is not None:
            return self._protected(self._dtls.send(octets), now, f"{why}, in DTLS")
        return [SendDatagram(self.local, self.remote, octets, why)]

    def _rise(self, now: float) -> list[Command]:
        if self.up:
            return []
        self.up = True
        self.news.append(Up())
        return self._begin(now)

    def _protected(self, events: Sequence[dtls.Event], now: float, why: str = "DTLS") -> list[Command]:
        """What DTLS events mean for the session and for what is above."""
        commands: list[Command] = []
        for event in events:
            match event:
                case dtls.Transmit(octets=octets) if self.remote is not None:
                    commands.append(SendDatagram(self.local, self.remote, octets, why))
                case dtls.KeyLine(line=line):
                    commands.append(LogKeys(line))
                case dtls.Verified():
                    commands += self._rise(now)
                case dtls.Data(octets=octets):
                    commands += self._receive(octets, now)
                case dtls.PeerClosed():
                    commands += self.close(now, "the other end has closed DTLS")
                case dtls.Failed(reason=reason):
                    commands += self._down(f"DTLS failed: {reason}")
        return commands

    def _down(self, reason: str) -> list[Command]:
        if not self.over:
            self.over = True
            self.up = False
            self.news.append(Down(reason))
        return []

    def _unbind(self) -> list[Command]:
        if not self._bound:
            return []
        self._bound = False
        return [UnbindDatagrams(self.local)]
