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
from workbench.protocols.tls.datagrams import is_of_running
from workbench.security import dtls

OVERLAP = 2.0
"""Seconds for which a former association is heard once the one in its place is up (RFC 7345 §4.5 says no figure)."""

LONGEST_OVERLAP = 30.0
"""The same where the other end says nothing in the new one, so that it is not known to have it."""

Secure = Callable[[bool], dtls.DtlsSession]


class Association:
    """Two addresses and what protects datagrams between them; without DTLS nothing does."""

    __slots__ = ("heard", "local", "remote", "session")

    def __init__(self, local: Address, remote: Address, session: dtls.DtlsSession | None) -> None:
        self.local = local
        self.remote = remote
        self.session = session
        self.heard = False

    @property
    def up(self) -> bool:
        """Payload can be sent."""
        return self.session is None or self.session.state is dtls.State.UP

    @property
    def sure(self) -> bool:
        """It is up at the other end, too: a server's last flight may be lost, so what it hears shows it."""
        return self.up and (self.session is None or self.session.client or self.heard)


class DatagramEndpoint:
    """One end of a media session; a subclass is the protocol in it.

    A new exchange may replace the association of the session. Until the new one is up the former one serves, then it is
    heard for a while and closed; there are never more than the two (RFC 7345 §4.5).

    Args:
        local: where we receive, and send from.
        secure: a DTLS session, made by this function from "are we DTLS client?"; None: in clear.
        keepalive: seconds between empty datagrams for a DTLS client that can't reach us, or does not know where we are,
            before a NAT has seen something of ours (RFC 6263 §4.1); 0: none are sent.
    """

    def __init__(self, local: Address, *, secure: Secure | None, keepalive: float = 0.0) -> None:
        self.local = local
        self.up = False
        self.over = False
        self.news: list[News] = []
        self._make_dtls = secure
        self._association: Association | None = None
        self._former: Association | None = None
        self._heard_until: float | None = None
        self._keepalive = keepalive
        self._keep_at: float | None = None
        self._bound: list[Address] = []

    @property
    def remote(self) -> Address | None:
        """The other end; None while its SDP is not there."""
        return None if self._association is None else self._association.remote

    @property
    def finished(self) -> bool:
        """Nothing more happens here."""
        return self.over and not self._bound

    @property
    def alive(self) -> bool:
        """It is there, or still to come: nobody has ended it, and it has not failed."""
        return not self.over

    @property
    def met(self) -> bool:
        """The other end is known: what comes next is another association."""
        return self._association is not None

    def listen(self, local: Address | None = None) -> list[Command]:
        """Receive from now on, there or at a further address; an offer names it."""
        local = local or self.local
        if local in self._bound or self.over:
            return []
        self._bound.append(local)
        return [BindDatagrams(local)]

    def forget(self, local: Address) -> list[Command]:
        """Receive no longer at a further address that an offer has named in vain."""
        used = {one.local for one in (self._association, self._former) if one is not None} | {self.local}
        return [] if local in used else self._unbind(local)

    def meet(
        self, remote: Address, fingerprints: Sequence[Fingerprint], now: float, *, begins: bool
    ) -> list[Command]:
        """Offer and answer are complete: where the other end is, its certificate, and whether we are DTLS client."""
        commands = self.listen()
        if self.over:
            return commands
        if self._association is None:
            return commands + self._associate(remote, self._make_dtls, begins, fingerprints, now)
        self._association.remote = remote
        session = self._association.session
        return commands + (self._rise(now) if session is None else self._protected(
            session.announce(fingerprints), now, self._association))

    def renew(
        self, local: Address, remote: Address, fingerprints: Sequence[Fingerprint], now: float, *, begins: bool,
        secure: Secure | None,
    ) -> list[Command]:
        """A new exchange puts another association in the place of the one that is there."""
        commands = self.listen(local)
        if self.over:
            return commands
        if self._association is not None and self._association.up:
            commands += self._end_former("a further association takes its place")
            self._former = self._association
        self.local, self._make_dtls = local, secure
        commands += self._associate(remote, secure, begins, fingerprints, now)
        if secure is None:
            self._heard_until = now + OVERLAP
        serving = (self.local, None if self._former is None else self._former.local)
        return commands + self._unbind(*(one for one in self._bound if one not in serving))

    def move(self, local: Address, remote: Address) -> list[Command]:
        """The association goes on between other addresses."""
        commands = self.listen(local)
        if self._association is not None:
            self.local, before = local, self.local
            self._association.local, self._association.remote = local, remote
            commands += [] if before == local else self._unbind(before)
        return commands

    def pause(self, paused: bool, now: float) -> list[Command]:
        """A direction has no meaning for what a terminal says."""
        return []

    def close(self, now: float, why: str = "the call is over") -> list[Command]:
        """Release: close_notify where there is DTLS, and nothing more is received."""
        commands = self._end_former(why)
        if self._association is not None and not self.over:
            commands += self._end(self._association, why)
        return commands + self._down("") + self._unbind(*self._bound)

    def reset(self, now: float, why: str = "the session is given up") -> list[Command]:
        """End it without a word."""
        self._former = None
        return self._down("") + self._unbind(*self._bound)

    def speak_clear(self, octets: bytes) -> list[Command]:
        """Send octets as they are, whatever protects the session."""
        if not self._bound or self.over or self.remote is None:
            return []
        return [SendDatagram(self.local, self.remote, octets, "in the clear, although DTLS is up")]

    def concerns(self, happened: Happening) -> bool:
        """Whether a happening is about this session."""
        return isinstance(happened, DatagramReceived | DatagramFailed) and happened.local in self._bound

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening that `concerns` us."""
        match happened:
            case DatagramFailed(reason=reason):
                self.news.append(Remark(f"a datagram did not arrive: {reason}"))
            case DatagramReceived() if self.over:
                return [Drop(happened, "the session is over")]
            case DatagramReceived():
                return self._arrived(happened, now)
        return []

    def _arrived(self, happened: DatagramReceived, now: float) -> list[Command]:
        """A datagram is tried on the associations with who sent it: the one that has the keys takes it.

        Which port of ours it came to does not matter: the other end may have heard of a new one before us.
        """
        both = (self._association, self._former)
        turns = [one for one in both if one is not None and one.remote == happened.remote]
        if not turns:
            return [Drop(happened, "not from the other end, as its SDP says where that is")]
        if not turns[0].up and is_of_running(happened.data):
            turns.reverse()
        for one in turns:
            if one.session is None:
                return self._receive(happened.data, now)
            before = one.session.dropped
            events = one.session.receive_datagram(happened.data, now, str(happened.remote))
            if one.session.dropped == before:
                return self._protected(events, now, one)
        return [Drop(happened, "nothing of the DTLS association: in clear nothing is taken [RFC 7345 §4]")]

    def next_wakeup(self) -> float | None:
        """When a flight of DTLS has to be repeated, a former association ends, or what is above wants to be woken."""
        if self.over:
            return None
        session = None if self._association is None else self._association.session
        return earliest([None if session is None else session.next_wakeup(), self._heard_until, self._keep_at,
                         self._timer()])

    def wake(self, now: float) -> list[Command]:
        """Let timers run out."""
        commands: list[Command] = []
        if self._association is not None and self._association.session is not None and not self.over:
            commands += self._protected(self._association.session.wake(now), now, self._association)
        if self._heard_until is not None and self._heard_until <= now:
            commands += self._end_former("another association has taken its place")
        if self._keep_at is not None and self._keep_at <= now:
            commands += self._keep_alive(now)
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
        newest, former = self._association, self._former
        association = former if former is not None and newest is not None and not newest.sure else newest
        if not self.up or association is None or not association.up:
            return []
        if association.session is not None and not association.session.sends:
            return []
        if association.session is not None:
            return self._protected(association.session.send(octets), now, association, f"{why}, in DTLS")
        return [SendDatagram(association.local, association.remote, octets, why)]

    def _associate(
        self, remote: Address, secure: Secure | None, begins: bool, fingerprints: Sequence[Fingerprint], now: float,
    ) -> list[Command]:
        session = None if secure is None else secure(begins)
        self._association = association = Association(self.local, remote, session)
        if session is None:
            return self._rise(now)
        commands = self._protected(session.start(now), now, association) + self._keep_alive(now)
        return commands + self._protected(session.announce(fingerprints), now, association)

    def _keep_alive(self, now: float) -> list[Command]:
        """Be heard of while a DTLS client is waited for."""
        self._keep_at = None
        association = self._association
        if not self._keepalive or self.over or association is None or association.session is None:
            return []
        session = association.session
        if session.client or session.state not in (dtls.State.IDLE, dtls.State.HANDSHAKE):
            return []
        self._keep_at = now + self._keepalive
        why = "keep-alive: a NAT lets in the DTLS client behind it, who learns where we are [RFC 6263 §4.1]"
        return [SendDatagram(association.local, association.remote, b"", why)]

    def _rise(self, now: float) -> list[Command]:
        if self.up:
            return []
        self.up = True
        self.news.append(Up())
        return self._begin(now)

    def _protected(
        self, events: Sequence[dtls.Event], now: float, of: Association, why: str = "DTLS",
    ) -> list[Command]:
        """What DTLS events of an association mean for the session and for what is above."""
        commands: list[Command] = []
        for event in events:
            match event:
                case dtls.Transmit(octets=octets):
                    commands.append(SendDatagram(of.local, of.remote, octets, why))
                case dtls.KeyLine(line=line):
                    commands.append(LogKeys(line))
                case dtls.Verified():
                    commands += self._verified(now)
                case dtls.Data(octets=octets):
                    self._is_heard(of, now)
                    commands += self._receive(octets, now)
                case dtls.PeerClosed() if of is self._former:
                    commands += self._end_former("the other end has closed it")
                case dtls.PeerClosed():
                    commands += self.close(now, "the other end has closed DTLS")
                case dtls.Failed() if of is self._former:
                    commands += self._end_former("it has failed")
                case dtls.Failed(reason=reason):
                    commands += self._down(f"DTLS failed: {reason}")
        return commands

    def _is_heard(self, association: Association, now: float) -> None:
        """Payload has come in an association, so it is up at the other end."""
        if not association.heard and association is self._association and self._former is not None:
            self._heard_until = now + OVERLAP
        association.heard = True

    def _verified(self, now: float) -> list[Command]:
        if self._former is not None:
            sure = self._association is not None and self._association.sure
            self._heard_until = now + (OVERLAP if sure else LONGEST_OVERLAP)
            self.news.append(Remark("another DTLS association has taken the place of the former one"))
        return self._rise(now)

    def _end(self, association: Association, why: str) -> list[Command]:
        """close_notify, where there is DTLS."""
        events = [] if association.session is None else association.session.close()
        return [
            SendDatagram(association.local, association.remote, event.octets, f"close_notify: {why} [RFC 6347 §4.1]")
            for event in events if isinstance(event, dtls.Transmit)]

    def _end_former(self, why: str) -> list[Command]:
        former, self._former = self._former, None
        self._heard_until = None
        if former is None:
            return []
        return self._end(former, why) + ([] if former.local == self.local else self._unbind(former.local))

    def _down(self, reason: str) -> list[Command]:
        if not self.over:
            self.over = True
            self.up = False
            self.news.append(Down(reason))
        return []

    def _unbind(self, *locals_: Address) -> list[Command]:
        gone = [one for one in locals_ if one in self._bound]
        self._bound = [one for one in self._bound if one not in gone]
        return [UnbindDatagrams(one) for one in gone]
