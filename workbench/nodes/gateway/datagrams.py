"""One datagram endpoint of a gateway: whose datagrams are let in, where they go, and DTLS where it ends here.

    clear        a datagram of the peer goes out at the other endpoints of the stream, octet by octet the same
    DTLS         only what the association brings is payload, and only once the peer's certificate has matched the
                 fingerprint that the controller gave: one UDPTL packet is one record. All else is dropped.

Who the peer is:

    Remote       its address; the port may be another one, unless a gate says so (package gm)
    latching     the source of the first datagram that is let in; with DTLS, of the first whose certificate has matched
                 (`candidates`), or that has the association's keys. All other sources are dropped from then on.

A new DTLS association is ordered by another a=tls-id (in Local or Remote), another fingerprint of the peer, the other
role, or, where no a=tls-id is told, another address of the peer (RFC 8842 §3.1, RFC 7345 §4.5); see `associating`.

Nothing waits here: what can't be passed on is dropped and the trace says why. UDPTL makes losses good by itself.

Source: TS 23.334 §5.11.2, §6.2.10.4; RFC 7345 (UDPTL over DTLS); H.248.37 (latching).
"""

from __future__ import annotations

import msgspec

from workbench.net.values import BindDatagrams, DatagramReceived, Drop, Endpoint, Note, UnbindDatagrams
from workbench.nodes.gateway import converting
from workbench.nodes.gateway.associating import Association
from workbench.nodes.gateway.candidates import TIMER, Candidates
from workbench.nodes.gateway.datagram_flow import CLAUSE, DatagramFlow
from workbench.nodes.gateway.settings import Change, Role, Setting
from workbench.nodes.gateway.states import State
from workbench.protocols.tls.datagrams import is_of_running

_RECORDS = range(20, 26)


class DatagramBearer(DatagramFlow):
    """A datagram endpoint: termination and H.248 stream. Arguments as for `Connection`; its face is that of `Bearer`.

    `state` is LISTENING while the peer or its certificate is not known, UP when payload may pass, OVER when DTLS has
    failed or has been closed. `source` is the peer, once it has been found out.
    """

    __slots__ = ()

    # What the controller orders

    def apply(self, setting: Setting, now: float, *, renew: bool = False) -> None:
        """Take a new setting, which may ask for a new association: see above."""
        before, self.setting = self.setting, setting
        self._bind()
        if setting.tls is not before.tls:
            self._abandon("another bearer type is asked for", now)
        elif renew or self._is_another(before):
            self._replace("a new association is ordered [RFC 8842 §3.1]", now)
        elif self.verified and setting.tls_id and setting.remote != before.remote:
            self._moved(now)
        elif self._is_stranger(before):
            self._stranger(now)
        elif setting.remote_fingerprints is not None and self._association is not None:
            self._association.announce(setting.remote_fingerprints, now)
        elif setting.remote_fingerprints is not None and self._candidates is not None:
            self._candidates.announce(setting.remote_fingerprints, now)
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
        if wanted and not self.verified:
            self._association = None    # it may have been the wrong one's
        converting.weigh(self)

    def relinked(self, now: float) -> None:
        """Something is new here: a client whose peer is known by now begins."""
        self._start(now)
        if not self.setting.tls and self.state is not State.OVER:
            self.state = State.UP if self.peer is not None else State.LISTENING
        converting.weigh(self)

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
        for one in (self._former, self._association):
            if one is not None and not reset and self.means.policy.close_tls:
                one.close(why)
        self._dismiss(why)
        self._association = self._former = None
        self.over()

    def give_up(self, now: float, why: str, *, hard: bool) -> None:
        """The other endpoint failed. Datagrams ask for nothing: this one stays until the controller releases it."""

    def watch(self, wanted: bool) -> None:
        """Say when payload passes, or no longer."""
        self.watched = wanted
        converting.weigh(self)

    def pump(self, now: float) -> None:
        """Nothing waits here; but the network may carry by itself from now on, or no longer."""
        converting.weigh(self)

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
            elif name == "left":
                self._left = None
                converting.weigh(self)
            elif name == TIMER and self._candidates is not None:
                self._candidates.wake(now)
            elif name == "former":
                self.replaced("the new association has taken its place")
            elif name == "tls" and not self.verified:
                self._guarded(now)

    # DTLS, as the association tells

    def trusted(self, now: float) -> None:
        """The peer's certificate has matched."""
        self.state = State.UP
        self.disarm("tls")
        self._assured(now)
        converting.weigh(self)
        self.observe(Change.TLS_ESTABLISHED)

    def given_up(self, change: Change, what: str) -> None:
        """DTLS has failed or has been closed: nothing passes any more, and the controller is told."""
        self.replaced(what)
        self._dismiss(what)
        self.state = State.OVER
        self.timers = None
        converting.weigh(self)
        self.order(Note(f"{self.termination}: {what}"))
        self.observe(change)

    def replaced(self, why: str) -> None:
        """The former association has no part in anything any more."""
        former, self._former = self._former, None
        self.disarm("former")
        if former is not None:
            former.close(why)
            self.state = State.UP if self.verified else State.LISTENING
            converting.weigh(self)

    def _assured(self, now: float) -> None:
        """Once the new association is up there as well as here, the former one is heard for a while and no longer."""
        moment = now + self.means.policy.overlap
        if self._former is not None and self._sure and self.timers is not None and self.timers["former"] > moment:
            self.arm("former", moment)

    # Who the peer is

    def _found(self, source: Endpoint, now: float) -> None:
        """This source is the peer: for a latch, and for the time of an association."""
        if self.source is not None or source == self._left or not (self.setting.latch or self.setting.tls):
            return
        self.source, self._left = source, None
        if self.setting.latch and source != self.setting.remote:
            self.observe(Change.SOURCE, source)
        self.relinked(now)

    def _is_stranger(self, before: Setting) -> bool:
        remote, source = self.setting.remote, self.source
        if self.setting.latch or remote is None or source is None:
            return False
        return remote.host != source.host or (source == before.remote and source != remote)

    # DTLS

    def _start(self, now: float) -> None:
        """Begin, as client whose peer is known."""
        waits = self.setting.tls and self._association is None and self.state is not State.OVER
        if waits and self.begins and self.peer is not None:
            self.source = self.peer
            self._association = Association(self, client=True)
            self._association.start(now)

    def _protected(self, happened: DatagramReceived, now: float) -> None:
        if self.state is State.OVER:
            self.order(Drop(happened, f"DTLS is over at {self.termination} [{CLAUSE}]"))
            return
        if self.means.policy.takes_clear and happened.data and happened.data[0] not in _RECORDS:
            self._noted(self.take(happened.data, now), happened)
            return
        taker = self._taker(now)
        if self._former is not None:
            taken = self._either(taker, self._former, happened, now)
        else:
            taken = taker is not None and taker.receive(happened, now)
        if not taken:
            what = "nothing of the DTLS association: in clear nothing passes" if happened.data else "a keep-alive"
            self.order(Drop(happened, f"{what} [{CLAUSE}]"))

    def _either(
        self, new: Association | Candidates | None, former: Association, happened: DatagramReceived, now: float,
    ) -> bool:
        """A datagram while one association takes the place of another: who has the keys takes it. False: neither."""
        turns = [new, former if happened.remote == former.peer else None]
        if not self.verified and is_of_running(happened.data):
            turns.reverse()
        taken = any(one is not None and one.receive(happened, now) for one in turns)
        self._assured(now)
        return taken

    def _taker(self, now: float) -> Association | Candidates | None:
        """Who takes a datagram of DTLS, beside a former association."""
        if self.setting.latch and self.source is None and not self.verified:
            if self._candidates is None:
                self._candidates = Candidates(self)
            return self._candidates
        if self._association is None and not self.begins:
            self._association = Association(self, client=False)
            self._association.start(now)
        return self._association

    def choose(self, association: Association, source: Endpoint, now: float) -> None:
        """Of all that have begun here this one is the peer's: it is latched on."""
        self._association, self._candidates = association, None
        association.adopt(self)
        self._found(source, now)
        self.trusted(now)

    def _dismiss(self, why: str) -> None:
        candidates, self._candidates = self._candidates, None
        if candidates is not None:
            candidates.dismiss(why)

    def engaged(self, source: Endpoint, now: float) -> None:
        """The association has taken something from this source: it hears us, or it has the keys."""
        self._found(source, now)
        self._guard(now)

    def _guard(self, now: float) -> None:
        armed = self.timers is not None and "tls" in self.timers
        if self.setting.tls and self._due and not armed and not self.verified and self.state is not State.OVER:
            self.arm("tls", now + self.means.policy.tls_guard)

    def _guarded(self, now: float) -> None:
        candidates = self._candidates
        tried = candidates is not None and (len(candidates) > 0 or bool(candidates.failure))
        begun = tried or (self._association is not None and self._association.begun)
        what = "DTLS was not established" if begun else "no ClientHello"
        if not begun and self._association is None and self.begins:
            what = "the peer's address did not become known"
        last = f" ({candidates.failure})" if candidates is not None and candidates.failure else ""
        self._association = None
        self.given_up(Change.TLS_FAILED, f"{what} within {self.means.policy.tls_guard:g} s{last}")

    # A new association, and the end of one

    def _is_another(self, before: Setting) -> bool:
        """Whether the controller means another association than the one that it has described in full before."""
        now = self.setting
        if not now.tls or before.remote_fingerprints is None:
            return False
        turned = {before.role, now.role} == {Role.ACTIVE, Role.PASSIVE}
        return turned or (now.tls_id, now.remote_tls_id) != (before.tls_id, before.remote_tls_id) or (
            now.remote_fingerprints not in (None, before.remote_fingerprints))

    def _stranger(self, now: float) -> None:
        """The peer so far is not the one that Remote names: with DTLS that is another association (RFC 7345 §4.5)."""
        if self.setting.tls:
            self._replace(f"the peer is not {self.source} but {self.setting.remote}", now)
        self.source = None

    def _moved(self, now: float) -> None:
        """The association goes on from another address (RFC 8842 §4). The peer may still be at the former one."""
        self._left, self.source = self.source or self._left, None
        self.arm("left", now + self.means.policy.overlap)

    def _replace(self, why: str, now: float) -> None:
        """A new association is due. The one in place, if it is up, serves until the new one does (RFC 7345 §4.5)."""
        if self.verified and self.source is not None and self.means.policy.overlaps:
            self.replaced("a further association is ordered")
            assert self._association is not None
            self._former, self._association.peer = self._association, self.source
        elif self._association is not None:
            self._association.close(why)
        self._dismiss(why)
        self._association, self._ordered = None, False
        self.source = self._left = self.timers = None
        self.state = State.LISTENING
        if self._former is not None:
            self.state = State.UP
            self.arm("former", now + self.means.policy.tls_guard + self.means.policy.overlap)
        converting.weigh(self)
        self._guard(now)

    def _abandon(self, why: str, now: float) -> None:
        if self._association is not None:
            self._association.close(why)
        self.replaced(why)
        self._forget()
        self._guard(now)

    def _forget(self) -> None:
        self._dismiss("it begins anew here")
        self._association = None
        self.source = self._left = None
        self.timers = None
        self.state = State.LISTENING
        converting.weigh(self)

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
