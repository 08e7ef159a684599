"""Who may be the peer of a DTLS endpoint that latches: all who begin a handshake, until one of them has shown its key.

H.248.37 latches on the source of the first datagram. With DTLS that would give the endpoint to whoever is faster than
the UE, and the call would fail when its certificate does not match. So a source is latched on when its certificate has
matched the fingerprint that the controller gave, and until then several are heard beside one another:

    DTLS server    sources whose cookie has come back
    DTLS client    sources of any datagram (behind a NAT, a keep-alive): to each of them goes a ClientHello

There are few of them, and a forged source costs no more than a ClientHello to it. One more takes the place of the
oldest from its own address, else of the oldest of all, so that a stranger with one address never keeps others out. One
that fails is forgotten: that is the failure of this source, and of the endpoint only when time is up (`tls_guard`).

Source: TS 23.334 §6.2.10.4 (R-6.2.10.4-11); H.248.37; RFC 7362 §5 (latching and its risks); RFC 6347 §4.2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from workbench.net.values import Command, DatagramReceived, Endpoint, Note
from workbench.nodes.gateway.associating import Association
from workbench.nodes.gateway.settings import Change, Means, Setting

if TYPE_CHECKING:
    from workbench.nodes.gateway.datagrams import DatagramBearer
    from workbench.protocols.sdp import Fingerprint

MOST = 8
"""Sources that are heard beside one another at one endpoint."""
TIMER = "candidates"


class Candidate:
    """One source: what its association takes for its bearer until it is chosen (`associating.Holder`).

    It doesn't know its association, so that one that is let go of frees its memory at once.
    """

    __slots__ = ("_bearer", "_others", "moment", "source")

    def __init__(self, others: Candidates, bearer: DatagramBearer, source: Endpoint) -> None:
        self._others = others
        self._bearer = bearer
        self.source: Endpoint | None = source
        self.moment: float | None = None

    @property
    def means(self) -> Means:
        """What all endpoints share."""
        return self._bearer.means

    @property
    def setting(self) -> Setting:
        """What the controller has said."""
        return self._bearer.setting

    @property
    def termination(self) -> str:
        """Whose endpoint it is, and which source is meant."""
        return f"{self._bearer.termination} towards {self.source}"

    def order(self, *commands: Command) -> None:
        """Have the network do this."""
        self._bearer.order(*commands)

    def say(self, octets: bytes, why: str, to: Endpoint | None = None) -> None:
        """A datagram for this source."""
        self._bearer.say(octets, why, to or self.source)

    def take(self, payload: bytes, now: float) -> str:
        """Payload: it is chosen by then."""
        return self._bearer.take(payload, now)

    def arm(self, name: str, moment: float) -> None:
        """A flight has to be repeated at that moment."""
        self.moment = moment
        self._others.armed()

    def disarm(self, *names: str) -> None:
        """Nothing has to be repeated."""
        self.moment = None

    def engaged(self, source: Endpoint, now: float) -> None:
        """Its source is known."""

    def trusted(self, now: float) -> None:
        """The certificate has matched."""
        self._others.chosen(self, now)

    def given_up(self, change: Change, what: str) -> None:
        """It has failed."""
        self._others.failed(self, what)

    def replaced(self, why: str) -> None:
        """Nothing is replaced here."""


class _Known(NamedTuple):
    """A candidate and its association."""

    candidate: Candidate
    association: Association


class Candidates:
    """All of them. `failure` says of what the last one died."""

    __slots__ = ("_bearer", "_fresh", "_known", "failure")

    def __init__(self, bearer: DatagramBearer) -> None:
        self.failure = ""
        self._bearer = bearer
        self._known: dict[Endpoint, _Known] = {}
        self._fresh: _Known | None = None       # a server's, for which nothing is kept yet

    def __len__(self) -> int:
        return len(self._known)

    def receive(self, happened: DatagramReceived, now: float) -> bool:
        """A datagram of a source that may be the peer. False: nothing of an association."""
        source = happened.remote
        known = self._known.get(source)
        if known is not None:
            return known.association.receive(happened, now)
        if self._bearer.begins:
            # What it brings is not believed, but it says where somebody is.
            begun = self._made(source)
            self._enter(source, begun)
            begun.association.start(now)
            return False
        if self._fresh is None:
            self._fresh = self._made(source)
            self._fresh.association.start(now)
        fresh = self._fresh
        fresh.candidate.source = source
        taken = fresh.association.receive(happened, now)
        if fresh.association.begun:
            self._fresh = None
            self._enter(source, fresh)
        return taken

    def announce(self, fingerprints: Sequence[Fingerprint], now: float) -> None:
        """The controller has said what the peer's certificate has to match."""
        self._fresh = None
        for one in self._all():
            one.association.announce(fingerprints, now)

    def wake(self, now: float) -> None:
        """Repeat the flights whose time has come."""
        for candidate, association in self._all():
            if candidate.moment is not None and candidate.moment <= now:
                association.wake(now)
        self.armed()

    def dismiss(self, why: str) -> None:
        """Nobody of them is the peer any more."""
        everybody, self._known, self._fresh = self._all(), {}, None
        for one in everybody:
            one.association.close(why)

    # What candidates tell

    def armed(self) -> None:
        """One of them wants to be woken."""
        moments = [one.moment for one, _ in self._known.values() if one.moment is not None]
        if moments:
            self._bearer.arm(TIMER, min(moments))

    def chosen(self, one: Candidate, now: float) -> None:
        """This one is the peer."""
        source = one.source
        assert source is not None
        association = self._known.pop(source).association
        self.dismiss("another source has shown that it is the peer")
        self._bearer.choose(association, source, now)

    def failed(self, one: Candidate, what: str) -> None:
        """This one is not."""
        assert one.source is not None
        self._known.pop(one.source, None)
        self.failure = f"{one.source}: {what}"
        self._bearer.order(Note(f"{one.termination}: {what}; others may still be the peer"))

    def _all(self) -> list[_Known]:
        return list(self._known.values())

    def _made(self, source: Endpoint) -> _Known:
        candidate = Candidate(self, self._bearer, source)
        return _Known(candidate, Association(candidate, client=self._bearer.begins))

    def _enter(self, source: Endpoint, one: _Known) -> None:
        if len(self._known) >= MOST:
            same = [known for known in self._known if known.host == source.host]
            del self._known[same[0] if same else next(iter(self._known))]
        self._known[source] = one
        self.armed()
