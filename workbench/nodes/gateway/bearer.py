"""One stream endpoint of a gateway: when its TCP connection comes and goes, and what its partner has to do with it.

The states, and what follows from what, stand in `states`; what is decided before a connection is there, in
`establishing`; what is done to it, in `connection`; what it carries, in `flow`, `payload`, `aware` and `securing`, or,
where the network carries by itself, `splicing`. An endpoint whose packets are claimed has a `carriage`: `relay` (no
role: nothing is known of connections) or `merging` (two handshakes answered, then sequence numbers translated); all
others are streams of the network.

Everything a peer does is answered with commands and observations; nothing is raised.

Source: TS 23.334 §5.4, §5.16, §6.2.10.3, §6.2.18; H.248.89 (TCP), H.248.90 (TLS).
"""

from __future__ import annotations

import msgspec

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    ClaimPackets,
    Drop,
    Failure,
    Listen,
    Note,
    OpenStream,
    RefuseStream,
    Stream,
    StreamOffered,
)
from workbench.nodes.gateway import carriages, establishing, hosting, securing
from workbench.nodes.gateway.flow import Flow
from workbench.nodes.gateway.merging import CLAUSE as MERGE_CLAUSE
from workbench.nodes.gateway.payload import TCP_CLAUSE
from workbench.nodes.gateway.securing import Secured
from workbench.nodes.gateway.settings import Change, Means, Role, Setting
from workbench.nodes.gateway.states import State
from workbench.security import tls

# Types of TLS records (RFC 8446 §5.1).
_RECORDS = range(20, 25)


class Bearer(Flow):
    """A stream endpoint: termination and H.248 stream. Arguments as for `Connection`.

    What a connection needs (queue, timers, TLS) is made with the connection. `came_in`: the peer opened it;
    `tcp_ordered`: an establish signal did.
    """

    __slots__ = ("_due", "_tls_ordered", "came_in", "tcp_ordered")

    def __init__(self, context: int, termination: str, number: int, setting: Setting, means: Means) -> None:
        super().__init__(context, termination, number, setting, means)
        self._due = False
        self._reset()

    def _reset(self) -> None:
        """As before any connection."""
        self.tcp_ordered = False
        self.full = False
        self.fin_sent = False
        self.leaving = False
        self.fin_seen = False
        self.came_in = False
        self._tls_ordered = False
        self._secured = None
        self._payload = None

    # What the controller orders

    def apply(self, setting: Setting, now: float, *, renew: bool = False) -> None:
        """Take a new setting. A connection in place stays, unless `renew` asks for a new one (`a=connection:new`)."""
        before, self.setting = self.setting, setting
        self.review()
        if renew and self.state is not State.LISTENING:
            self._abandon("a=connection:new: the former connection is given up [RFC 4145 §5]")
        self._listen()
        if establishing.is_stranger(self):
            self._abandon(f"the connection is not from {setting.remote} [TS 23.334 §5.4]")
            self._listen()
        if self._secured is not None and setting.remote_fingerprints not in (None, before.remote_fingerprints):
            self._secured.announce(setting.remote_fingerprints or (), now)
        if self._secured is not None and setting.pre_shared_key not in (None, before.pre_shared_key):
            self._secured.provide(setting.pre_shared_key, now)
        self.relinked(now)

    def establish_tcp(self, now: float) -> None:
        """Establish signal for TCP: open now, whatever the other endpoint does."""
        self.tcp_ordered = True
        self.relinked(now)

    def establish_tls(self, now: float) -> None:
        """Establish signal for TLS: be its client, now or as soon as TCP is up."""
        self._tls_ordered = True
        if self.means.policy.renews_tls:
            self._secured = None
        self._start_tls(now)

    def latch(self, wanted: bool) -> None:
        """Latch signal: the next source that is let in is the peer; or whatever Remote says again."""
        self.setting = msgspec.structs.replace(self.setting, latch=wanted)
        if self.carriage is not None:
            self.carriage.relatch()

    def relinked(self, now: float) -> None:
        """Something is new at this endpoint or in its stream: what waits may go on."""
        for one in (self, *self.links):
            one.review()
        for one in (self, *self.links):
            one.choose_carriage()
        for one in (self, *self.links):
            one.consider(now)
            one.pump(now)

    def revive(self) -> None:
        """Back in service after the connection was taken away: as before any connection."""
        if self.state is State.OVER or self.leaving:
            self._abandon("back in service: what is left of the former connection is given up")
            self._listen()

    def due(self, now: float) -> None:
        """Both endpoints of the stream are configured and open: from here on waiting has an end."""
        if self._due:
            return
        self._due = True
        if self.state is State.LISTENING and self.watches:
            self.arm("tcp", now + self.means.policy.tcp_guard)
        elif self.state is State.UP and self.setting.tls and not self.verified:
            self.arm("tls", now + self.means.policy.tls_guard)

    def release(self, now: float, why: str, *, reset: bool = False) -> None:
        """End this endpoint: close_notify, FIN, and RST for a peer that does not answer in time."""
        self.part()
        if self.carriage is not None and self.carriage.part(now):
            return
        if self.stream is not None and self.state is not State.OVER:
            self.unlisten()
            if self.state is State.OFFERED:
                self.order(RefuseStream(self.stream, why))
            elif self.state is not State.UP or reset:
                self.order(AbortStream(self.stream, why))
            else:
                if self._payload is not None:
                    self._payload.forget()
                self.leave(now, why)
                return
        self.over()

    # What the network tells

    def offered(self, happened: StreamOffered, now: float) -> None:
        """A SYN. The first one from the right source is accepted, and triggers the outgoing connection."""
        stream = happened.stream
        refusal = establishing.refusal(self, stream)
        if refusal:
            self.order(RefuseStream(stream, f"{refusal} [TS 23.334 §5.4]"), Drop(happened, refusal))
            return
        self.stream = stream
        self.came_in = True
        held = self.means.policy.hold_incoming and any(establishing.may_open(other) for other in self.links)
        self.arm("tcp", now + self.means.policy.tcp_guard)
        if held:
            self.state = State.OFFERED
        else:
            self._accept()
        for other in self.links:
            other.consider(now)

    def opened(self, now: float) -> None:
        """TCP is up. TLS comes next where it ends here, payload otherwise."""
        self.state = State.UP
        self.disarm("tcp")
        self.observe(Change.TCP_ESTABLISHED)
        for other in self.links:
            if other.state is State.OFFERED:
                other._accept()
        if self.setting.tls:
            if self._due:
                self.arm("tls", now + self.means.policy.tls_guard)
            self._start_tls(now)
        self.pump_both(now)

    def failed(self, reason: Failure, now: float) -> None:
        """The connection was not established: reported, and the other endpoint is released (F2)."""
        self.stream = None
        self._fail_tcp(f"TCP was not established: {reason}", now)

    def arrived(self, data: bytes, now: float) -> None:
        """The next octets of the connection."""
        if self.state is not State.UP or self.fin_seen:
            return
        if not self.setting.tls:
            self.take(data, now)
            return
        if self._secured is None:
            if self.means.policy.takes_clear and data[0] not in _RECORDS:
                self.setting = msgspec.structs.replace(self.setting, tls=False)
                self.arrived(data, now)
                return
            # Octets before an establish signal: the peer speaks first, so it is the TLS client.
            self._secured = Secured(self, client=False)
            self._secured.start(now)
        self._secured.receive(data, now)

    def flushed(self, now: float) -> None:
        """All we sent has arrived, FIN included: what is left to wait for is the peer's FIN."""
        if self.leaving:
            self.arm("linger", min((self.timers or {}).get("linger", now), now + self.means.policy.linger))

    def writable(self, now: float) -> None:
        """The connection takes octets again."""
        self.full = False
        self.pump_both(now)

    def ended(self, now: float) -> None:
        """The peer's FIN: half-close for plain TCP; with TLS the end of the session, in order or not."""
        self.fin_seen = True
        if self.setting.tls:
            if self._secured is None:
                securing.failed(self, tls.Failed("the connection ended before a ClientHello", None, True), now)
            else:
                self._secured.ended(now)
            return
        if not self.leaving and not self.fin_sent:
            self.observe(Change.RELEASED)
        self.brought.end_due = True
        self.pump_both(now)

    def closed(self, reason: Failure | None, now: float) -> None:
        """The connection is gone: an RST or a timeout is mirrored, an orderly end was dealt with before (F9)."""
        was, leaving = self.state, self.leaving
        self.over()
        self._free_others(now)
        if reason is None or was is not State.UP or leaving:
            return
        handshake = self.setting.tls and not self.verified
        self.observe(Change.TLS_FAILED if handshake else Change.LOST)
        self._payload = None
        if self.partner is not None and self.means.policy.release_linked:
            self.partner.give_up(now, f"{reason} at {self.termination} is mirrored [{TCP_CLAUSE}]", hard=True)

    def wake(self, now: float) -> None:
        """Let timers run out."""
        policy = self.means.policy
        for name in [name for name, moment in (self.timers or {}).items() if moment <= now]:
            self.disarm(name)
            if name == "tcp":
                self._fail_tcp(f"no TCP connection within {policy.tcp_guard:g} s", now)
            elif name == "tls" and not self.verified:
                heard = "no ClientHello" if self._secured is None else "TLS was not established"
                securing.failed(self, tls.Failed(f"{heard} within {policy.tls_guard:g} s", None, True), now)
            elif name == "linger" and self.stream is not None and self.state is not State.OVER:
                self.order(AbortStream(self.stream, "the peer did not close in time"))
                self.over()
            elif name == hosting.TIMER and self.means.host is not None:
                self.means.host.woken(self, now)
            elif name == "again" and self.carriage is not None:
                self.carriage.wake(now)

    # TCP

    @property
    def watches(self) -> bool:
        """A connection that does not come is missed: not where packets are relayed."""
        return self.carriage is None or self.carriage.watches

    def consider(self, now: float) -> None:
        """Open the connection if the role, the address and a reason are there."""
        if self.carriage is not None:
            self.carriage.consider(now)
            return
        if self.state is State.IDLE and self.setting.role is not Role.ACTIVE:
            self._listen()
        why, remote = establishing.reason_to_open(self), self.setting.remote
        if not why or remote is None:
            return
        self.unlisten()
        self.stream = Stream(self.setting.local, remote)
        self.state = State.CONNECTING
        self.arm("tcp", now + self.means.policy.tcp_guard)
        self.order(OpenStream(self.stream, why))

    def _accept(self) -> None:
        assert self.stream is not None
        self.state = State.ACCEPTED
        carriages.explain(self)
        how = f"latched on {self.stream.remote}" if self.setting.latch else "a=setup:passive"
        clause = MERGE_CLAUSE if carriages.merges(self) else TCP_CLAUSE
        self.order(AcceptStream(self.stream, f"incoming TCP at {self.termination}, {how} [{clause}]"))
        if self.setting.latch and self.stream.remote != self.setting.remote:
            self.observe(Change.SOURCE, self.stream.remote)

    def choose_carriage(self) -> None:
        """Packets or streams, as long as no connection is there."""
        if self.state not in (State.IDLE, State.LISTENING) or carriages.suits(self):
            return
        self.part()
        self.unlisten()
        self.carriage = carriages.made_for(self)
        self._listen()

    def _listen(self) -> None:
        wanted = establishing.listens(self)
        if wanted and not self.listening and self.means.policy.listens:
            if self.state in (State.IDLE, State.LISTENING) and not carriages.suits(self):
                self.carriage = carriages.made_for(self)
            self.listening = True
            local = self.setting.local
            self.means.out.order(Listen(local) if self.carriage is None else ClaimPackets(local))
        elif not wanted:
            self.unlisten()
        if self.state in (State.IDLE, State.LISTENING):
            self.state = State.LISTENING if wanted else State.IDLE

    def _abandon(self, why: str) -> None:
        self.part()
        if self.stream is not None and self.state is not State.OVER:
            refused = self.state is State.OFFERED
            self.order(RefuseStream(self.stream, why) if refused else AbortStream(self.stream, why))
        self.stream = None
        self.state = State.IDLE
        self.timers = None
        self._due = False
        self._reset()

    def _fail_tcp(self, what: str, now: float) -> None:
        if self.state is State.OVER:
            return
        linked = establishing.failure_is_linked(self)
        if self.stream is not None and self.state is State.OFFERED:
            self.order(RefuseStream(self.stream, what))
        elif self.stream is not None and self.state in (State.ACCEPTED, State.CONNECTING):
            self.order(AbortStream(self.stream, what))
        self.over()
        self.order(Note(f"{self.termination}: {what}"))
        self.observe(Change.TCP_FAILED)
        if self.partner is not None and linked:
            self.partner.give_up(now, f"{what} at {self.termination} [{TCP_CLAUSE}]", hard=True)

    def give_up(self, now: float, why: str, *, hard: bool) -> None:
        """The other endpoint failed: this one is released, with RST if `hard` unless TLS is up here."""
        if not self.watches:
            return  # a relay has no part in what its peers do
        self.unlisten()
        if self.state is State.UP and (self.verified or not hard):
            self.leave(now, why)
        else:
            self.release(now, why, reset=True)

    def _start_tls(self, now: float) -> None:
        if self.state is State.UP and self.setting.tls and self._secured is None and self._tls_ordered:
            self._secured = Secured(self, client=True)
            if self._due:
                self.arm("tls", now + self.means.policy.tls_guard)
            self._secured.start(now)
