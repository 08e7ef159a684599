"""DTLS at a datagram endpoint: datagrams to payload and back. Nothing is payload before the certificate has matched.

A server keeps nothing for a client before its cookie has come back (RFC 6347 §4.2.1); then there is one session for
the endpoint and no other, and what comes before its fingerprint is known is held up to a limit.

A new association, once it is ordered, replaces the one in place: that one carries payload until the new one is up, is
heard a while longer, and is closed then. There are never more than these two.

Source: TS 23.334 §5.11.2, §6.2.10.4; RFC 7345 §4 (its §4.5: replacement); RFC 8842; RFC 6347 §4.2.8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from workbench.net.values import Command, DatagramReceived, Drop, Endpoint, LogKeys, Note
from workbench.nodes.gateway.settings import Change
from workbench.security import dtls

if TYPE_CHECKING:
    from workbench.nodes.gateway.settings import Means, Setting
    from workbench.protocols.sdp import Fingerprint

CLAUSE = "TS 23.334 §6.2.10.4"
LONGEST = 16_384
"""Octets of payload that one record can have."""


class Holder(Protocol):
    """Whose an association is: a datagram endpoint, or one source at an endpoint that latches (`candidates`)."""

    source: Endpoint | None

    @property
    def means(self) -> Means:
        """What all endpoints share."""

    @property
    def setting(self) -> Setting:
        """What the controller has said."""

    @property
    def termination(self) -> str:
        """Its name, for people."""

    def order(self, *commands: Command) -> None:
        """Have the network do this."""

    def say(self, octets: bytes, why: str, to: Endpoint | None = None) -> None:
        """A datagram for the peer, or for this place."""

    def take(self, payload: bytes, now: float) -> str:
        """Payload of the peer; why it goes no further, empty if it does."""

    def arm(self, name: str, moment: float) -> None:
        """Wake the association at that moment."""

    def disarm(self, *names: str) -> None:
        """Wake it no more."""

    def engaged(self, source: Endpoint, now: float) -> None:
        """The association has taken something from this source."""

    def trusted(self, now: float) -> None:
        """The peer's certificate has matched."""

    def given_up(self, change: Change, what: str) -> None:
        """It has failed or has been closed."""

    def replaced(self, why: str) -> None:
        """It was the former one, and has no part in anything any more."""


class Association:
    """The DTLS association of one endpoint.

    Args:
        bearer: whose it is.
        client: the gateway begins; otherwise it waits for a ClientHello.

    `verified` once the peer's certificate has been checked: from then on payload passes. `peer` is where the other end
    is once another association takes its place; None as long as the bearer's peer is. `heard`: payload has come.
    """

    __slots__ = ("_bearer", "_session", "heard", "peer", "verified")

    def __init__(self, bearer: Holder, *, client: bool) -> None:
        means = bearer.means
        self._bearer = bearer
        self.verified = False
        self.heard = False
        self.peer: Endpoint | None = None
        self._session = dtls.DtlsSession(
            means.identity, client, announced=bearer.setting.remote_fingerprints,
            verify=means.policy.verify_fingerprints, log_keys=means.policy.log_keys, max_held=means.policy.held,
            cookies=None if client else means.cookies)

    def adopt(self, bearer: Holder) -> None:
        """It is this bearer's from now on."""
        self._bearer = bearer

    @property
    def begun(self) -> bool:
        """There is a session: ours, or with a client whose cookie came back."""
        return self._session.begun

    def start(self, now: float) -> None:
        """Begin, or wait for a ClientHello."""
        self._happened(self._session.start(now), now)

    def receive(self, happened: DatagramReceived, now: float) -> bool:
        """A datagram of a source that may be the peer. False: nothing of this association."""
        session, source = self._session, happened.remote
        before, begun = session.dropped, session.begun
        events = session.receive_datagram(happened.data, now, str(source))
        if session.dropped > before:
            return False
        new = session.begun is not begun or (self.verified and bool(events))
        if self.peer is None and self._bearer.source is None and new:
            self._bearer.engaged(source, now)
        self._happened(events, now, source, happened)
        return True

    @property
    def open(self) -> Callable[[bytes], bytes | None]:
        """Gives the payload of a record where nothing else is to be done about it (see `converting`)."""
        return self._session.open

    @property
    def seal(self) -> Callable[[bytes], bytes | None]:
        """Protects payload likewise."""
        return self._session.seal

    def announce(self, fingerprints: Sequence[Fingerprint], now: float) -> None:
        """The controller has said what the peer's certificate has to match."""
        self._happened(self._session.announce(fingerprints), now)

    def send(self, payload: bytes, why: str, now: float) -> str:
        """Payload for the peer, in one record; why it does not leave, empty if it does."""
        if not self.verified or self._session.state is not dtls.State.UP:
            return "DTLS is not up"
        if len(payload) > LONGEST:
            return f"{len(payload)} octets, more than a record can have,"
        for event in self._session.send(payload):
            match event:
                case dtls.Transmit(octets=octets):
                    self._bearer.say(octets, why, self.peer)
                case dtls.Failed():
                    self._failed(event)
                    return "DTLS has failed"
        return ""

    def wake(self, now: float) -> None:
        """Repeat a flight whose time has come, or give up."""
        self._happened(self._session.wake(now), now)

    def close(self, why: str) -> None:
        """close_notify; what else the session says at its end is nobody's business any more."""
        for event in self._session.close():
            if isinstance(event, dtls.Transmit):
                self._bearer.say(event.octets, f"close_notify: {why}", self.peer)

    def _happened(
        self, events: list[dtls.Event], now: float, source: Endpoint | None = None,
        happened: DatagramReceived | None = None,
    ) -> None:
        bearer, session = self._bearer, self._session
        role = "client" if session.client else "server"
        for event in events:
            match event:
                case dtls.Transmit(octets=octets):
                    bearer.say(octets, self._why(role), source)
                case dtls.KeyLine(line=line):
                    bearer.order(LogKeys(line))
                case dtls.Established(version=version, suite=suite):
                    wait = "; payload waits for the fingerprint" if session.state is dtls.State.HELD else ""
                    bearer.order(Note(f"{bearer.termination}: DTLS {version} is up as {role}, {suite}{wait}"))
                case dtls.Verified():
                    self.verified = True
                    bearer.order(Note(f"{bearer.termination}: the peer's certificate matches its fingerprint"))
                    bearer.trusted(now)
                case dtls.Data(octets=octets):
                    self.heard = True
                    self._taken(bearer.take(octets, now), happened)
                case dtls.PeerClosed():
                    self.close("the peer has closed DTLS")
                    self._gone(Change.RELEASED, "the peer closed DTLS")
                case dtls.Failed():
                    self._failed(event)
        if self.peer is not None:
            return
        moment = session.next_wakeup()
        if moment is None:
            bearer.disarm("flight")
        else:
            bearer.arm("flight", moment)

    def _taken(self, refusal: str, happened: DatagramReceived | None) -> None:
        if refusal:
            self._bearer.order(Note(refusal) if happened is None else Drop(happened, refusal))

    def _failed(self, event: dtls.Failed) -> None:
        change = Change.LOST if self.verified else Change.TLS_FAILED
        self.verified = False
        self._gone(change, f"DTLS: {event.reason}")

    def _gone(self, change: Change, what: str) -> None:
        """It has ended: of one that is being replaced nobody has to hear."""
        if self.peer is None:
            self._bearer.given_up(change, what)
        else:
            self._bearer.replaced(f"the former association: {what}")

    def _why(self, role: str) -> str:
        where = self._bearer.termination
        if self._session.state is dtls.State.FAILED:
            return f"fatal alert: DTLS at {where} is given up"
        step = "handshake" if self._session.begun else "HelloVerifyRequest: nothing is kept before the cookie returns,"
        return f"DTLS {step} at {where}, the gateway is DTLS {role}"
