"""One stream endpoint of a gateway: a TCP connection, TLS on it where the m= line says so, and payload to its partner.

    IDLE       a=setup:active; a trigger, a signal (or EAGER) and a Remote address  -> CONNECTING, SYN
    LISTENING  SYN of the right source             -> ACCEPTED, SYN-ACK; the partner is triggered
               the same with `hold_incoming`       -> OFFERED; when the partner is UP -> ACCEPTED
    CONNECTING, ACCEPTED   established             -> UP
               refused, or `tcp_guard` over        -> OVER, reported; the partner gives up
    UP         no TLS                              payload
               TLS signal                          handshake as client
               octets of the peer, no signal       handshake as server
               certificate matches its fingerprint payload; if that is not known yet, payload is held
               TLS failed, or `tls_guard` over     alert, FIN, reported; the partner is released
               close_notify of the peer            close_notify, FIN, reported; the partner is released
               FIN, no TLS                         passed on behind all payload (half-close)
               RST                                 -> OVER, reported, mirrored
               Subtract, release signal            close_notify, FIN; RST after `drain`, `linger`
    OVER       only `a=connection:new` leads out of it

More than two endpoints in a stream (a context with three terminations or more):
    - Octets that come in go out at every endpoint to which the topology lets them flow, whose mode sends and whose
      connection is ready. Those that are not ready miss them; where none is ready the octets wait.
    - One that is full holds all of them back: what is connected loses nothing.
    - Octets of several sources go out in the order in which they came in, each portion whole.
    - A connection that comes in triggers every outgoing one; the end of one releases none of the others.

Everything a peer does is answered with commands and observations; nothing is raised.

Source: TS 23.334 §5.4, §5.16, §6.2.10.3, §6.2.18; H.248.89 (TCP), H.248.90 (TLS).
"""

from __future__ import annotations

import enum
from collections import deque

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Drop,
    EndStream,
    Failure,
    Listen,
    LogKeys,
    Note,
    OpenStream,
    PauseStream,
    RefuseStream,
    SendStream,
    Stream,
    StreamOffered,
    Unlisten,
)
from workbench.nodes.gateway.settings import Change, Interlinkage, Observed, Outbox, Policy, Role, Setting
from workbench.security import tls
from workbench.security.identities import Identity

_TCP = "TS 23.334 §5.16.2.2"
_TLS = "TS 23.334 §6.2.10.3"


class State(enum.StrEnum):
    """Where the TCP connection of an endpoint stands."""

    IDLE = "idle"
    LISTENING = "listening"
    OFFERED = "offered"        # a SYN waits for our answer until the other endpoint is up
    ACCEPTED = "accepted"
    CONNECTING = "connecting"
    UP = "up"
    OVER = "over"


class Bearer:
    """A stream endpoint: termination and H.248 stream.

    Args:
        context, termination, number: which one it is; `number` is the H.248 stream's.
        setting: what the controller has said so far.

    `links` are the other endpoints of the stream, `sinks` those at which the octets go out that come in here. What a
    connection needs (queue, timers, TLS) is made with the connection.
    """

    __slots__ = (
        "_came_in", "_due", "_end_due", "_fin_seen", "_fin_sent", "_full", "_heard_payload", "_identity", "_inbox",
        "_leaving", "_listening", "_out", "_paused", "_policy", "_shaken", "_tcp_ordered", "_tls", "_tls_ordered",
        "_verified", "_waiting", "context", "entered", "links", "number", "octets_in", "octets_out", "setting", "sinks",
        "state", "stream", "termination", "timers", "watched")

    def __init__(
        self,
        context: int,
        termination: str,
        number: int,
        setting: Setting,
        *,
        policy: Policy,
        identity: Identity,
        out: Outbox,
    ) -> None:
        self.context = context
        self.termination = termination
        self.number = number
        self.setting = setting
        self.state = State.IDLE
        self.stream: Stream | None = None
        self.links: tuple[Bearer, ...] = ()
        self.sinks: tuple[Bearer, ...] = ()
        self.timers: dict[str, float] | None = None
        self.entered: float | None = None
        self.watched = False
        self.octets_in = 0
        self.octets_out = 0
        self._policy = policy
        self._identity = identity
        self._out = out
        self._listening = False
        self._due = False
        self._reset()

    def _reset(self) -> None:
        """As before any connection."""
        self._came_in = False
        self._tcp_ordered = False
        self._tls_ordered = False
        self._tls: tls.TlsSession | None = None
        self._shaken = False
        self._verified = False
        self._heard_payload = False
        self._inbox: deque[bytes] | None = None
        self._waiting = 0
        self._paused = False
        self._full = False
        self._fin_seen = False
        self._fin_sent = False
        self._end_due = False
        self._leaving = False

    @property
    def partner(self) -> Bearer | None:
        """The other endpoint of the stream, where there is exactly one: with it this one comes and goes."""
        return self.links[0] if len(self.links) == 1 else None

    # What the controller orders

    def apply(self, setting: Setting, now: float, *, renew: bool = False) -> None:
        """Take a new setting. A connection in place stays, unless `renew` asks for a new one (`a=connection:new`)."""
        before, self.setting = self.setting, setting
        if renew and self.state is not State.LISTENING:
            self._abandon("a=connection:new: the former connection is given up [RFC 4145 §5]")
        self._listen()
        self._check_early_source()
        if self._tls is not None and setting.remote_fingerprints not in (None, before.remote_fingerprints):
            self._secured(self._tls.announce(setting.remote_fingerprints or ()), now)
        self.consider(now)
        self.pump(now)
        for other in self.links:
            other.consider(now)
            other.pump(now)

    def establish_tcp(self, now: float) -> None:
        """Establish signal for TCP: open now, whatever the other endpoint does."""
        self._tcp_ordered = True
        self.consider(now)

    def establish_tls(self, now: float) -> None:
        """Establish signal for TLS: be its client, now or as soon as TCP is up."""
        self._tls_ordered = True
        self._start_tls(now)

    def relinked(self, now: float) -> None:
        """Other endpoints are in the stream now: what waits may go on."""
        for one in (self, *self.links):
            one.consider(now)
            one.pump(now)

    def revive(self) -> None:
        """Back in service after the connection was taken away: as before any connection."""
        if self.state is State.OVER or self._leaving:
            self._abandon("back in service: what is left of the former connection is given up")
            self._listen()

    def due(self, now: float) -> None:
        """Both endpoints of the stream are configured and open: from here on waiting has an end."""
        if self._due:
            return
        self._due = True
        if self.state is State.LISTENING:
            self._arm("tcp", now + self._policy.tcp_guard)
        elif self.state is State.UP and self.setting.tls and not self._verified:
            self._arm("tls", now + self._policy.tls_guard)

    def release(self, now: float, why: str, *, reset: bool = False) -> None:
        """End this endpoint: close_notify, FIN, and RST for a peer that does not answer in time."""
        self._unlisten()
        if self.stream is not None and self.state is not State.OVER:
            if self.state is State.OFFERED:
                self._out.order(RefuseStream(self.stream, why))
            elif self.state is not State.UP or reset:
                self._out.order(AbortStream(self.stream, why))
            else:
                self._forget_inbox()
                self._leave(now, why)
                return
        self._over()

    # What the network tells

    def offered(self, happened: StreamOffered, now: float) -> None:
        """A SYN. The first one from the right source is accepted, and triggers the outgoing connection."""
        stream = happened.stream
        refusal = self._refusal(stream)
        if refusal:
            self._out.order(RefuseStream(stream, f"{refusal} [TS 23.334 §5.4]"), Drop(happened, refusal))
            return
        self.stream = stream
        self._came_in = True
        held = self._policy.hold_incoming and any(other.will_open for other in self.links)
        self._arm("tcp", now + self._policy.tcp_guard)
        if held:
            self.state = State.OFFERED
        else:
            self._accept()
        for other in self.links:
            other.consider(now)

    def opened(self, now: float) -> None:
        """TCP is up. TLS comes next where it ends here, payload otherwise."""
        self.state = State.UP
        self._disarm("tcp")
        self._observe(Change.TCP_ESTABLISHED)
        for other in self.links:
            if other.state is State.OFFERED:
                other._accept()
        if self.setting.tls:
            if self._due:
                self._arm("tls", now + self._policy.tls_guard)
            self._start_tls(now)
        self._pump_both(now)

    def failed(self, reason: Failure, now: float) -> None:
        """The connection was not established: reported, and the other endpoint is released (F2)."""
        self.stream = None
        self._fail_tcp(f"TCP was not established: {reason}", now)

    def arrived(self, data: bytes, now: float) -> None:
        """The next octets of the connection."""
        if self.state is not State.UP or self._fin_seen:
            return
        if not self.setting.tls:
            self._take(data, now)
            return
        if self._tls is None:
            # Octets before an establish signal: the peer speaks first, so it is the TLS client.
            self._tls = self._session(client=False)
            self._secured(self._tls.start(), now)
        self._secured(self._tls.receive_data(data), now)

    def flushed(self, now: float) -> None:
        """All we sent has arrived, FIN included: what is left to wait for is the peer's FIN."""
        if self._leaving:
            self._arm("linger", min((self.timers or {}).get("linger", now), now + self._policy.linger))

    def full(self) -> None:
        """The connection takes no more for now: what the other endpoint reads stays there, and its reading stops."""
        self._full = True

    def writable(self, now: float) -> None:
        """The connection takes octets again."""
        self._full = False
        for other in self.links:
            other.pump(now)

    def ended(self, now: float) -> None:
        """The peer's FIN: half-close for plain TCP; with TLS the end of the session, in order or not."""
        self._fin_seen = True
        if self.setting.tls:
            if self._tls is None:
                self._tls_failed(tls.Failed("the connection ended before a ClientHello", None, True), now)
            else:
                self._secured(self._tls.transport_ended(), now)
            return
        if not self._leaving and not self._fin_sent:
            self._observe(Change.RELEASED)
        self._end_due = True
        self._pump_both(now)

    def closed(self, reason: Failure | None, now: float) -> None:
        """The connection is gone: an RST or a timeout is mirrored, an orderly end was dealt with before (F9)."""
        was, leaving = self.state, self._leaving
        self._over()
        self._free_others(now)
        if reason is None or was is not State.UP or leaving:
            return
        handshake = self.setting.tls and not self._verified
        self._observe(Change.TLS_FAILED if handshake else Change.LOST)
        self._forget_inbox()
        if self.partner is not None and self._policy.release_linked:
            self.partner.give_up(now, f"{reason} at {self.termination} is mirrored [TS 23.334 §5.16.2.2]", hard=True)

    def wake(self, now: float) -> None:
        """Let timers run out."""
        for name in [name for name, moment in (self.timers or {}).items() if moment <= now]:
            self._disarm(name)
            if name == "tcp":
                self._fail_tcp(f"no TCP connection within {self._policy.tcp_guard:g} s", now)
            elif name == "tls" and not self._verified:
                heard = "no ClientHello" if self._tls is None else "TLS was not established"
                self._tls_failed(tls.Failed(f"{heard} within {self._policy.tls_guard:g} s", None, True), now)
            elif name == "linger" and self.stream is not None and self.state is not State.OVER:
                self._out.order(AbortStream(self.stream, "the peer did not close in time"))
                self._over()

    def next_wakeup(self) -> float | None:
        """The first of this endpoint's timers, or None."""
        return min(self.timers.values(), default=None) if self.timers else None

    def _arm(self, name: str, moment: float) -> None:
        if self.timers is None:
            self.timers = {}
        self.timers[name] = moment
        self._out.agenda.add(self)

    def _disarm(self, *names: str) -> None:
        for name in names:
            if self.timers is not None:
                self.timers.pop(name, None)

    # TCP

    @property
    def will_open(self) -> bool:
        """This endpoint opens its connection when the other one's comes in."""
        return self.setting.role in (Role.ACTIVE, Role.NONE) and self.state in (State.IDLE, State.LISTENING)

    @property
    def incoming(self) -> bool:
        """A connection of the peer is here: it triggers the outgoing one."""
        return self._came_in and self.state in (State.OFFERED, State.ACCEPTED, State.UP)

    def consider(self, now: float) -> None:
        """Open the connection if the role, the address and a reason are there."""
        if self.state is State.IDLE and self.setting.role is not Role.ACTIVE:
            self._listen()
        remote = self.setting.remote
        if not self.will_open or remote is None:
            return
        if self._tcp_ordered:
            why = "establish signal: TCP is opened now [H.248.89 §7]"
        elif self._policy.interlinkage is Interlinkage.ON_SIGNAL:
            return
        elif (incoming := next((other for other in self.links if other.incoming), None)) is not None:
            why = f"incoming TCP at {incoming.termination} triggers outgoing TCP [TS 23.334 §6.2.10.3.1.1.1]"
        elif self._policy.interlinkage is Interlinkage.EAGER and self.setting.role is Role.ACTIVE:
            why = "opened as soon as configured, although no connection came in"
        else:
            return
        self._unlisten()
        self.stream = Stream(self.setting.local, remote)
        self.state = State.CONNECTING
        self._arm("tcp", now + self._policy.tcp_guard)
        self._out.order(OpenStream(self.stream, why))

    def _refusal(self, stream: Stream) -> str:
        if self.state is not State.LISTENING:
            return "a connection is in place, the first one wins"
        remote = self.setting.remote
        if not self.setting.latch and remote is not None and remote.host != stream.remote.host:
            return f"not from {remote.host}, and latching was not asked for"
        gate = self.setting.gate
        return gate.refusal(stream.remote, remote) if gate is not None else ""

    def _accept(self) -> None:
        assert self.stream is not None
        self.state = State.ACCEPTED
        how = f"latched on {self.stream.remote}" if self.setting.latch else "a=setup:passive"
        self._out.order(AcceptStream(self.stream, f"incoming TCP at {self.termination}, {how} [{_TCP}]"))
        if self.setting.latch and self.stream.remote != self.setting.remote:
            self._observe(Change.SOURCE)

    def _check_early_source(self) -> None:
        # A connection that came before Remote did is kept only if it turns out to be the peer's.
        remote, stream = self.setting.remote, self.stream
        if (
            remote is not None and stream is not None and self._came_in and not self.setting.latch
            and self.state in (State.OFFERED, State.ACCEPTED, State.UP) and stream.remote.host != remote.host
        ):
            self._abandon(f"the connection is not from {remote.host} [TS 23.334 §5.4]")
            self._listen()

    def _listen(self) -> None:
        wanted = self.setting.role is not Role.ACTIVE and self.state is not State.OVER
        if wanted and not self._listening:
            self._listening = True
            self._out.order(Listen(self.setting.local))
        elif not wanted:
            self._unlisten()
        if self.state in (State.IDLE, State.LISTENING):
            self.state = State.LISTENING if wanted else State.IDLE

    def _unlisten(self) -> None:
        if self._listening:
            self._listening = False
            self._out.order(Unlisten(self.setting.local))

    def _abandon(self, why: str) -> None:
        if self.stream is not None and self.state is not State.OVER:
            refused = self.state is State.OFFERED
            self._out.order(RefuseStream(self.stream, why) if refused else AbortStream(self.stream, why))
        self.stream = None
        self.state = State.IDLE
        self.timers = None
        self._due = False
        self._reset()

    def _over(self) -> None:
        self.state = State.OVER
        self.timers = None
        self._unlisten()
        self._out.over.append(self)

    def _fail_tcp(self, what: str, now: float) -> None:
        if self.state is State.OVER:
            return
        if self.stream is not None and self.state is State.OFFERED:
            self._out.order(RefuseStream(self.stream, what))
        elif self.stream is not None and self.state in (State.ACCEPTED, State.CONNECTING):
            self._out.order(AbortStream(self.stream, what))
        self._over()
        self._out.order(Note(f"{self.termination}: {what}"))
        self._observe(Change.TCP_FAILED)
        if self.partner is not None:
            self.partner.give_up(now, f"{what} at {self.termination} [TS 23.334 §5.16.2.2]", hard=True)

    def give_up(self, now: float, why: str, *, hard: bool) -> None:
        """The other endpoint failed: this one is released, with RST if `hard` unless TLS is up here."""
        self._unlisten()
        if self.state is State.UP and (self._verified or not hard):
            self._leave(now, why)
        else:
            self.release(now, why, reset=True)

    # TLS

    def _session(self, *, client: bool) -> tls.TlsSession:
        return tls.TlsSession(
            self._identity, client, versions=self._policy.tls_versions, announced=self.setting.remote_fingerprints,
            verify=self._policy.verify_fingerprints, log_keys=self._policy.log_keys,
            max_held=4 * self._policy.held + 65_536,
        )

    def _start_tls(self, now: float) -> None:
        if self.state is State.UP and self.setting.tls and self._tls is None and self._tls_ordered:
            self._tls = self._session(client=True)
            if self._due:
                self._arm("tls", now + self._policy.tls_guard)
            self._secured(self._tls.start(), now)

    def _secured(self, events: list[tls.Event], now: float, why: str = "") -> None:
        session = self._tls
        assert session is not None
        role = "client" if session.client else "server"
        for event in events:
            match event:
                case tls.Transmit(octets=octets):
                    self._write(octets, why or self._tls_why(role, failing=session.state is tls.State.FAILED))
                case tls.KeyLine(line=line):
                    self._out.order(LogKeys(line))
                case tls.Established(version=version, suite=suite):
                    self._shaken = True
                    wait = "; payload is held until the fingerprint is known" if session.state is tls.State.HELD else ""
                    self._out.order(Note(f"{self.termination}: TLS {version} is up as {role}, {suite}{wait}"))
                case tls.Verified():
                    self._verified = True
                    self._disarm("tls")
                    self._out.order(Note(f"{self.termination}: the peer's certificate matches its fingerprint"))
                    self._observe(Change.TLS_ESTABLISHED)
                    self._pump_both(now)
                case tls.Data(octets=octets):
                    self._take(octets, now)
                case tls.PeerClosed():
                    self._tls_closed(now)
                case tls.Failed():
                    self._tls_failed(event, now)
        if session.held > self._policy.held:
            self._pause()

    def _tls_why(self, role: str, *, failing: bool) -> str:
        if failing:
            return f"fatal alert: TLS at {self.termination} is given up [{_TLS}]"
        step = "post-handshake message" if self._shaken else "handshake"
        return f"TLS {step} at {self.termination}, the gateway is TLS {role} [{_TLS}]"

    def _tls_closed(self, now: float) -> None:
        """close_notify of the peer: TCP underneath goes, then the other endpoint (F8)."""
        if self._leaving:
            return
        self._observe(Change.RELEASED)
        self._leave(now, "the peer closed TLS: its TCP connection is released")
        self._end_due = True
        self._pump_both(now)

    def _tls_failed(self, failed: tls.Failed, now: float) -> None:
        """No session, or no longer one: TCP goes, then the other endpoint; nothing unchecked was passed on (F5, F6)."""
        self._disarm("tls")
        if self._leaving or self.state is not State.UP:
            return
        self._out.order(Note(f"{self.termination}: TLS: {failed.reason}"))
        # In TLS 1.3 a server refuses our certificate after the handshake has succeeded for us (RFC 8446 §4.4.2.4).
        running = self._verified and (failed.ours or self._heard_payload)
        self._observe(Change.LOST if running else Change.TLS_FAILED)
        self._leave(now, f"TLS is over ({failed.reason}): its TCP connection is released")
        self._end_due = True
        if self._verified:
            self._pump_both(now)
        elif self.partner is not None and self._policy.release_linked:
            self.partner.give_up(now, f"TLS at {self.termination} failed: the other connection is released", hard=False)

    # Payload

    @property
    def takes(self) -> bool:
        """Payload can be sent to the peer now."""
        return (
            self.state is State.UP and not self._fin_sent and not self._full
            and (not self.setting.tls or (self._verified and self._tls is not None
                                          and self._tls.state is tls.State.UP))
        )

    def pump(self, now: float) -> None:
        """Pass on what waits, as far as modes, topology, certificates and the other connections allow."""
        if not self.links:
            return
        while self._inbox and self.setting.receives:
            open_ = [sink for sink in self.sinks if sink.setting.sends]
            ready = [sink for sink in open_ if sink.takes]
            if not ready or any(sink._full and sink.state is State.UP and not sink._fin_sent for sink in open_):
                break
            data = self._inbox.popleft()
            self._waiting -= len(data)
            for sink in ready:
                sink._transmit(data, self, now)
        if self._paused and self._waiting <= self._policy.held // 2 and not self._held_by_tls:
            self._paused = False
            if self.stream is not None and self.state is State.UP:
                self._out.order(PauseStream(self.stream, paused=False))
        if self._end_due:
            self._pass_end(now)

    def _pump_both(self, now: float) -> None:
        self.pump(now)
        for other in self.links:
            other.pump(now)

    @property
    def _held_by_tls(self) -> bool:
        return self._tls is not None and self._tls.held > self._policy.held // 2

    def _take(self, data: bytes, now: float) -> None:
        self.octets_in += len(data)
        self._heard_payload = True
        if self.watched:
            self._out.heard.append((self, True))
        if self._leaving:
            return
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append(data)
        self._waiting += len(data)
        self.pump(now)
        if self._waiting > self._policy.held:
            self._pause()

    def _pause(self) -> None:
        if not self._paused and self.stream is not None and self.state is State.UP:
            self._paused = True
            self._out.order(PauseStream(self.stream))

    def _transmit(self, data: bytes, sender: Bearer, now: float) -> None:
        self.octets_out += len(data)
        if self.watched:
            self._out.heard.append((self, False))
        if self._tls is not None:
            why = f"payload of {sender.termination}, protected at {self.termination} [{_TLS}]"
            self._secured(self._tls.send(data), now, why)
        else:
            clause = _TLS if sender.setting.tls else _TCP
            self._write(data, f"payload of {sender.termination}, in the clear at {self.termination} [{clause}]")

    def _write(self, octets: bytes, why: str) -> None:
        if self.stream is not None and self.state is State.UP and not self._fin_sent:
            self._out.order(SendStream(self.stream, octets, why))

    # Ending

    def _pass_end(self, now: float) -> None:
        """The peer has ended: when all it said is through, the other connection ends too."""
        partner = self.partner
        if partner is None:
            self._end_alone(now)
            return
        linked = self.setting.tls or partner.setting.tls
        shut = not (self.setting.receives and partner.setting.sends and partner in self.sinks)
        if self._inbox and not (linked and shut) and partner.state in (State.CONNECTING, State.ACCEPTED, State.UP):
            return
        self._end_due = False
        self._forget_inbox()
        if self.setting.tls and not self._policy.release_linked:
            return
        if partner.state is not State.UP:
            partner.give_up(now, f"the connection at {self.termination} has ended", hard=True)
            self._leave(now, "the other connection is over as well")
        elif linked:
            partner._leave(now, f"released at {self.termination}: the other connection is released too [{_TLS}]")
            self._leave(now, "both connections of the stream are released")
        else:
            partner._finish(f"FIN of {self.termination} is passed on [{_TCP}]")

    def _end_alone(self, now: float) -> None:
        """One of several endpoints has ended: what it said is passed on if it can be, and the others go on."""
        if self._inbox and any(sink.state is State.UP for sink in self.sinks):
            return
        self._end_due = False
        self._forget_inbox()
        self._leave(now, f"the peer at {self.termination} has ended; the other connections of the stream go on")

    def _free_others(self, now: float) -> None:
        """What the others of several had to say waits for this endpoint no longer."""
        if len(self.links) > 1:
            for other in self.links:
                other.pump(now)

    def _forget_inbox(self) -> None:
        self._inbox = None
        self._waiting = 0

    def _leave(self, now: float, why: str) -> None:
        """Release this connection for good: close_notify, FIN, and a time limit for the peer's FIN."""
        if self.state is not State.UP or self._leaving:
            return
        self._leaving = True
        self._disarm("tls")
        self._arm("linger", now + self._policy.drain)
        self._unlisten()
        if self._paused and self.stream is not None:
            self._paused = False
            self._out.order(PauseStream(self.stream, paused=False))
        self._finish(why)
        self._free_others(now)

    def _finish(self, why: str) -> None:
        if self.state is not State.UP or self._fin_sent or self.stream is None:
            return
        if self._tls is not None and self._policy.close_tls:
            for event in self._tls.close():
                if isinstance(event, tls.Transmit):
                    self._write(event.octets, f"close_notify before FIN [{_TLS}]")
        self._fin_sent = True
        self._out.order(EndStream(self.stream, why))

    def _observe(self, change: Change) -> None:
        source = self.stream.remote if change is Change.SOURCE and self.stream is not None else None
        self._out.observed.append(Observed(self.context, self.termination, self.number, change, source))
