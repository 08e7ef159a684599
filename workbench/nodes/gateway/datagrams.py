"""One datagram endpoint of a gateway: whose datagrams are let in, where they go, and DTLS where it ends here.

    clear        a datagram of the peer goes out at the other endpoints of the stream, octet by octet the same
    DTLS         only what the association brings is payload, and only once the peer's certificate has matched the
                 fingerprint that the controller gave: one UDPTL packet is one record. All else is dropped.

Who the peer is:

    Remote       its address; the port may be another one, unless a gate says so (package gm)
    latching     the source of the first datagram that is let in; with DTLS, of the first whose sender has shown that
                 it hears us (a cookie) or that has the association's keys. All other sources are dropped from then on.

Nothing waits here: what can't be passed on is dropped and the trace says why. UDPTL makes losses good by itself.

Source: TS 23.334 §5.11.2, §6.2.10.4; RFC 7345 (UDPTL over DTLS); H.248.37 (latching).
"""

from __future__ import annotations

import msgspec

from workbench.net.values import BindDatagrams, DatagramReceived, Drop, Endpoint, Note, SendDatagram, UnbindDatagrams
from workbench.nodes.gateway.associating import Association
from workbench.nodes.gateway.connection import Connection
from workbench.nodes.gateway.settings import Change, Means, Role, Setting
from workbench.nodes.gateway.states import State

CLAUSE = "TS 23.334 §6.2.10.4"


class DatagramBearer(Connection):
    """A datagram endpoint: termination and H.248 stream. Arguments as for `Connection`; its face is that of `Bearer`.

    `state` is LISTENING while the peer or its certificate is not known, UP when payload may pass, OVER when DTLS has
    failed or has been closed. `source` is the peer, once it has been found out.
    """

    __slots__ = ("_association", "_due", "_ordered", "links", "sinks", "source")

    def __init__(self, context: int, termination: str, number: int, setting: Setting, means: Means) -> None:
        super().__init__(context, termination, number, setting, means)
        self.links: tuple[DatagramBearer, ...] = ()
        self.sinks: tuple[DatagramBearer, ...] = ()
        self.source: Endpoint | None = None
        self._association: Association | None = None
        self._ordered = False
        self._due = False

    # What the controller orders

    def apply(self, setting: Setting, now: float, *, renew: bool = False) -> None:
        """Take a new setting; another fingerprint or another address of the peer asks for a new association."""
        before, self.setting = self.setting, setting
        self._bind()
        if setting.tls is not before.tls or renew:
            self._abandon("another bearer type is asked for", now)
        elif self._is_stranger(before):
            self._abandon(f"the peer is not {self.source} but {setting.remote}", now)
        elif setting.remote_fingerprints not in (None, before.remote_fingerprints):
            self._announce(before, now)
        self.relinked(now)

    def establish_tcp(self, now: float) -> None:
        """Has no meaning here; the controller is refused before."""

    def establish_tls(self, now: float) -> None:
        """Establish signal for (D)TLS: be its client, now or as soon as the peer's address is known."""
        self._ordered = True
        if self.state is State.OVER or self.means.policy.renews_tls:
            self._abandon("a new association is ordered", now)
        self._start(now)

    def latch(self, wanted: bool) -> None:
        """Latch signal: the next source that is let in is the peer; or whatever Remote says again."""
        self.setting = msgspec.structs.replace(self.setting, latch=wanted)
        self.source = None

    def relinked(self, now: float) -> None:
        """Something is new here: a client whose peer is known by now begins."""
        self._start(now)
        if not self.setting.tls and self.state is not State.OVER:
            self.state = State.UP if self.peer is not None else State.LISTENING

    def revive(self) -> None:
        """Back in service: as before any datagram."""
        if self.state is State.OVER:
            self._forget()
            self._bind()

    def due(self, now: float) -> None:
        """Both endpoints of the stream are configured and open: from here on waiting for DTLS has an end."""
        if not self._due:
            self._due = True
            self._guard(now)

    def release(self, now: float, why: str, *, reset: bool = False) -> None:
        """End this endpoint: close_notify, and nothing more is received."""
        if self._association is not None and not reset:
            self._association.close(why)
        self._association = None
        self.over()

    def give_up(self, now: float, why: str, *, hard: bool) -> None:
        """The other endpoint failed. Datagrams ask for nothing: this one stays until the controller releases it."""

    # What the network tells

    def arrived(self, happened: DatagramReceived, now: float) -> None:
        """A datagram."""
        refusal = self._refusal(happened.remote)
        if refusal:
            self.order(Drop(happened, f"{refusal} [{CLAUSE}]"))
        elif self.setting.tls:
            self._protected(happened, now)
        else:
            self._found(happened.remote, now)
            self._noted(self.take(happened.data, now), happened)

    def failed(self, reason: str, now: float) -> None:
        """ICMP said that a datagram of ours did not arrive; DTLS repeats it, UDPTL has redundancy."""
        self.order(Note(f"{self.termination}: a datagram did not arrive: {reason}"))

    def wake(self, now: float) -> None:
        """Let timers run out."""
        for name in [name for name, moment in (self.timers or {}).items() if moment <= now]:
            self.disarm(name)
            if name == "flight" and self._association is not None:
                self._association.wake(now)
            elif name == "tls" and not self.verified:
                self._guarded(now)

    # What passes

    @property
    def partner(self) -> DatagramBearer | None:
        """The other endpoint of the stream, where there is exactly one."""
        return self.links[0] if len(self.links) == 1 else None

    @property
    def passed(self) -> tuple[int, int]:
        """Octets of payload that have come in here, and gone out, until now."""
        return self.octets_in, self.octets_out

    @property
    def verified(self) -> bool:
        """DTLS is up, and the peer's certificate is the one that was announced."""
        return self._association is not None and self._association.verified

    @property
    def peer(self) -> Endpoint | None:
        """Where datagrams go; None: not known yet."""
        return self.source if self.source is not None or self.setting.latch else self.setting.remote

    def watch(self, wanted: bool) -> None:
        """Say when payload passes, or no longer."""
        self.watched = wanted

    def pump(self, now: float) -> None:
        """Nothing waits here."""

    def take(self, payload: bytes, now: float) -> str:
        """Payload of the peer; why it goes no further, empty if it does."""
        if not self.setting.receives:
            return f"{self.setting.mode} at {self.termination}"
        self.count(len(payload), incoming=True)
        reasons = [sink.put(payload, self.termination, now) for sink in self.sinks]
        return "" if "" in reasons else next(iter(reasons), "no other endpoint in this stream")

    def put(self, payload: bytes, origin: str, now: float) -> str:
        """Payload for the peer; why it does not leave, empty if it does."""
        if not self.setting.sends:
            return f"{self.setting.mode} at {self.termination}"
        if self.state is State.OVER:
            return f"{self.termination} is over"
        if self.peer is None:
            return f"the peer of {self.termination} is not known"
        why = f"passed on from {origin} to {self.termination}"
        if self.setting.tls:
            refusal = "DTLS is not up" if self._association is None else self._association.send(payload, why, now)
            if refusal:
                return f"{refusal} at {self.termination}"
        else:
            self.order(SendDatagram(self.setting.local, self.peer, payload, f"{why} [{CLAUSE}]"))
        self.count(len(payload), incoming=False)
        return ""

    # DTLS, as the association tells

    def say(self, octets: bytes, why: str, to: Endpoint | None = None) -> None:
        """A datagram of the association's."""
        remote = to or self.peer
        if remote is not None:
            self.order(SendDatagram(self.setting.local, remote, octets, f"{why} [{CLAUSE}]"))

    def trusted(self) -> None:
        """The peer's certificate has matched."""
        self.state = State.UP
        self.disarm("tls")
        self.observe(Change.TLS_ESTABLISHED)

    def given_up(self, change: Change, what: str) -> None:
        """DTLS has failed or has been closed: nothing passes any more, and the controller is told."""
        self.state = State.OVER
        self.timers = None
        self.order(Note(f"{self.termination}: {what}"))
        self.observe(change)

    # Who the peer is

    def _refusal(self, source: Endpoint) -> str:
        if self.source is not None:
            return "" if source == self.source else f"not from {self.source}, which is the peer"
        if not self.setting.latch and self.setting.remote is None:
            return "Remote has not said yet where the peer is"
        return self.setting.refusal(source)

    def _found(self, source: Endpoint, now: float) -> None:
        """This source is the peer: for a latch, and for the time of an association."""
        if self.source is not None or not (self.setting.latch or self.setting.tls):
            return
        self.source = source
        if self.setting.latch and source != self.setting.remote:
            self.observe(Change.SOURCE, source)
        self.relinked(now)

    def _is_stranger(self, before: Setting) -> bool:
        remote, source = self.setting.remote, self.source
        if self.setting.latch or remote is None or source is None:
            return False
        return remote.host != source.host or (source == before.remote and source != remote)

    # DTLS

    @property
    def _begins(self) -> bool:
        """We are the DTLS client (R-6.2.10.4-3, R-6.2.10.4-6)."""
        return self._ordered or self.setting.role is Role.ACTIVE

    def _start(self, now: float) -> None:
        """Begin, as client whose peer is known."""
        waits = self.setting.tls and self._association is None and self.state is not State.OVER
        if waits and self._begins and self.peer is not None:
            self.source = self.peer
            self._association = Association(self, client=True)
            self._association.start(now)

    def _protected(self, happened: DatagramReceived, now: float) -> None:
        if self.state is State.OVER:
            self.order(Drop(happened, f"DTLS is over at {self.termination} [{CLAUSE}]"))
            return
        if self._association is None and self._begins:
            # A client that latches has nobody to begin with before this; what the datagram brings is not believed.
            self._found(happened.remote, now)
            self.order(Drop(happened, f"in clear, or before our ClientHello [{CLAUSE}]"))
            return
        if self._association is None:
            self._association = Association(self, client=False)
            self._association.start(now)
        self._association.receive(happened, now)

    def engaged(self, source: Endpoint, now: float) -> None:
        """The association has taken something from this source: it hears us, or it has the keys."""
        self._found(source, now)
        self._guard(now)

    def _guard(self, now: float) -> None:
        armed = self.timers is not None and "tls" in self.timers
        if self.setting.tls and self._due and not armed and not self.verified and self.state is not State.OVER:
            self.arm("tls", now + self.means.policy.tls_guard)

    def _guarded(self, now: float) -> None:
        begun = self._association is not None and self._association.begun
        what = "DTLS was not established" if begun else "no ClientHello"
        if self._association is None and self._begins:
            what = "the peer's address did not become known"
        self._association = None
        self.given_up(Change.TLS_FAILED, f"{what} within {self.means.policy.tls_guard:g} s")

    def _announce(self, before: Setting, now: float) -> None:
        """The peer's fingerprints: the first ones, or others, which mean another association (RFC 8842 §5)."""
        if before.remote_fingerprints is not None:
            self._abandon("another fingerprint of the peer: a new association", now)
        elif self._association is not None:
            self._association.announce(self.setting.remote_fingerprints or (), now)

    # Coming and going

    def _abandon(self, why: str, now: float) -> None:
        if self._association is not None:
            self._association.close(why)
        self._forget()
        self._guard(now)

    def _forget(self) -> None:
        self._association = None
        self.source = None
        self.timers = None
        self.state = State.LISTENING

    def _bind(self) -> None:
        if not self.listening:
            self.listening = True
            self.state = State.LISTENING
            self.order(BindDatagrams(self.setting.local))

    def unlisten(self) -> None:
        """Nothing is received any more."""
        if self.listening:
            self.listening = False
            self.order(UnbindDatagrams(self.setting.local))

    def _noted(self, refusal: str, happened: DatagramReceived) -> None:
        if refusal:
            self.order(Drop(happened, refusal))
