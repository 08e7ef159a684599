"""What a connection has brought, on its way to the other endpoints of its stream.

More than two endpoints in a stream (a context with three terminations or more):
    - Octets that come in go out at every endpoint to which the topology lets them flow, whose mode sends and whose
      connection is ready. Those that are not ready miss them; where none is ready the octets wait.
    - One that is full holds all of them back: what is connected loses nothing.
    - Octets of several sources go out in the order in which they came in, each portion whole.
    - A connection that comes in triggers every outgoing one; the end of one releases none of the others.

Source: TS 23.334 §5.16.2.2 (flush before release, back-pressure: R-5.16.2.2-8, -9), §5.16.2.3 (early payload is kept:
R-5.16.2.3-9); H.248.1 §7.1.18 (topology).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from workbench.net.values import PauseStream
from workbench.nodes.gateway import aware, securing
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from workbench.nodes.gateway.flow import Flow
    from workbench.nodes.gateway.hosting import Host
    from workbench.protocols.msrp.rewriting import Rewriter
    from workbench.protocols.msrp.uri import Path

TCP_CLAUSE = "TS 23.334 §5.16.2.2"


class Payload:
    """What came in at one endpoint and waits.

    Args:
        bearer: the endpoint.

    `heard` once there was any; `end_due` once the peer has ended and the others have not been told; `rewriting` is what
    an application-aware stream does with it, and the paths that it does it with.
    """

    __slots__ = ("_bearer", "_inbox", "_paused", "_waiting", "end_due", "heard", "rewriting")

    def __init__(self, bearer: Flow) -> None:
        self._bearer = bearer
        self._inbox: deque[bytes] = deque()
        self._waiting = 0
        self._paused = False
        self.heard = False
        self.end_due = False
        self.rewriting: tuple[tuple[Path, ...], Rewriter] | None = None

    @property
    def rests(self) -> bool:
        """Nothing waits, and nothing is rewritten."""
        return not self._inbox and not self._paused and not self.end_due and self.rewriting is None

    def take(self, data: bytes, now: float) -> None:
        """The next octets."""
        self.heard = True
        self._inbox.append(data)
        self._waiting += len(data)
        self.pump(now)
        if self._waiting > self._bearer.means.policy.held:
            self.pause()

    def pump(self, now: float) -> None:
        """Pass on what waits, as far as modes, topology, certificates, paths and the other connections allow."""
        bearer = self._bearer
        if bearer.means.host is not None:
            self._hand_in(bearer.means.host, now)
            return
        if not bearer.links:
            return
        while self._inbox and bearer.setting.receives and aware.ready(bearer):
            open_ = [sink for sink in bearer.sinks if sink.setting.sends]
            ready = [sink for sink in open_ if sink.takes]
            if not ready or any(sink.full and sink.state is State.UP and not sink.fin_sent for sink in open_):
                break
            data = self._inbox.popleft()
            self._waiting -= len(data)
            if aware.concerns(bearer):
                aware.pass_on(bearer, data, now)
            else:
                for sink in ready:
                    sink.transmit(data, bearer, now)
        if self._paused and self._waiting <= bearer.means.policy.held // 2 and not bearer.held_by_tls:
            self.resume()
        if self.end_due:
            self._pass_end(now)

    def _hand_in(self, host: Host, now: float) -> None:
        """Give what waits to the application that it is for; behind the peer's end, close."""
        bearer = self._bearer
        while self._inbox and bearer.setting.receives and not bearer.leaving:
            data = self._inbox.popleft()
            self._waiting -= len(data)
            host.heard(bearer, data, now)
        if self._paused and self._waiting <= bearer.means.policy.held // 2 and not bearer.held_by_tls:
            self.resume()
        if self.end_due:
            self.end_due = False
            self.forget()
            bearer.leave(now, f"the peer at {bearer.termination} has ended")

    def pause(self) -> None:
        """Read no more until what waits has become less."""
        stream = self._bearer.stream
        if not self._paused and stream is not None and self._bearer.state is State.UP:
            self._paused = True
            self._bearer.order(PauseStream(stream))

    def resume(self) -> None:
        """Read on."""
        stream = self._bearer.stream
        if self._paused:
            self._paused = False
            if stream is not None and self._bearer.state is State.UP:
                self._bearer.order(PauseStream(stream, paused=False))

    def forget(self) -> None:
        """What waits is nobody's any more."""
        self._inbox.clear()
        self._waiting = 0

    def _pass_end(self, now: float) -> None:
        """The peer has ended: when all it said is through, the other connection ends too."""
        bearer, partner = self._bearer, self._bearer.partner
        if partner is None:
            self._end_alone(now)
            return
        linked = bearer.setting.tls or partner.setting.tls
        shut = not (bearer.setting.receives and partner.setting.sends and partner in bearer.sinks)
        if self._inbox and not (linked and shut) and partner.state in (State.CONNECTING, State.ACCEPTED, State.UP):
            return
        self.end_due = False
        self.forget()
        if bearer.setting.tls and not bearer.means.policy.release_linked:
            return
        if partner.state is not State.UP:
            partner.give_up(now, f"the connection at {bearer.termination} has ended", hard=True)
            bearer.leave(now, "the other connection is over as well")
            return
        aware.end(bearer, now)
        if linked:
            partner.leave(
                now, f"released at {bearer.termination}: the other connection is released too [{securing.CLAUSE}]")
            bearer.leave(now, "both connections of the stream are released")
        else:
            partner.finish(f"FIN of {bearer.termination} is passed on [{TCP_CLAUSE}]")

    def _end_alone(self, now: float) -> None:
        """One of several endpoints has ended: what it said is passed on if it can be, and the others go on."""
        bearer = self._bearer
        if self._inbox and any(sink.state is State.UP for sink in bearer.sinks):
            return
        self.end_due = False
        self.forget()
        bearer.leave(now, f"the peer at {bearer.termination} has ended; the other connections of the stream go on")
