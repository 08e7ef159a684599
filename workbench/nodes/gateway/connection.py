"""The TCP connection of a stream endpoint: what is ordered for it, its timers, what passed, and how it is ended.

Who opens it and when, and what its end means for the other endpoints, is the business of `bearer`.

Source: TS 23.334 §5.16; R-6.2.10.3-17 (close_notify, then FIN, and no waiting for ever).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.net.values import Command, Endpoint, EndStream, Meter, SendStream, Stream, UnclaimPackets, Unlisten
from workbench.nodes.gateway.settings import Change, Means, Observed, Setting
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from workbench.nodes.floor_control import Decided
    from workbench.nodes.gateway.carriages import Carriage
    from workbench.nodes.gateway.joints import Joint


class Connection:
    """One endpoint's connection, or the want of one.

    Args:
        context, termination, number: whose it is; `number` is the H.248 stream's.
        setting: what the controller has said so far.
        means: what all endpoints share.

    `full` while the network takes no more octets, `fin_sent` behind our FIN, `leaving` while the connection is being
    released; `watched` if somebody wants to know when payload passes. `octets_in` and `octets_out` are what passed
    through the gateway itself, `joint` is what the network carries for it, `meters` are what that is counted on.
    """

    __slots__ = (
        "carriage", "context", "entered", "fin_sent", "full", "joint", "leaving", "listening", "means", "meters",
        "number", "octets_in", "octets_out", "setting", "state", "stream", "termination", "timers", "watched")

    def __init__(self, context: int, termination: str, number: int, setting: Setting, means: Means) -> None:
        self.context = context
        self.termination = termination
        self.number = number
        self.setting = setting
        self.means = means
        self.state = State.IDLE
        self.stream: Stream | None = None
        self.timers: dict[str, float] | None = None
        self.entered: float | None = None
        self.watched = False
        self.octets_in = 0
        self.octets_out = 0
        self.carriage: Carriage | None = None
        self.joint: Joint[Any] | None = None
        self.meters: tuple[tuple[Meter, bool], ...] = ()
        self.listening = False
        self.full = False
        self.fin_sent = False
        self.leaving = False

    # Time

    def next_wakeup(self) -> float | None:
        """The first of this endpoint's timers, or None."""
        return min(self.timers.values(), default=None) if self.timers else None

    def arm(self, name: str, moment: float) -> None:
        """Wake at that moment, under that name."""
        if self.timers is None:
            self.timers = {}
        self.timers[name] = moment
        self.means.out.agenda.add(self)

    def disarm(self, *names: str) -> None:
        """Wake no more for these."""
        for name in names:
            if self.timers is not None:
                self.timers.pop(name, None)

    # What leaves

    def order(self, *commands: Command) -> None:
        """Have the network do this; where packets are claimed, the carriage does it."""
        for command in commands:
            if self.carriage is None or not self.carriage.carry(command):
                self.means.out.order(command)

    def observe(self, change: Change, source: Endpoint | None = None, decided: Decided | None = None) -> None:
        """Something that the controller may want to know."""
        self.means.out.observed.append(Observed(self.context, self.termination, self.number, change, source, decided))

    def write(self, octets: bytes, why: str) -> None:
        """Octets for the peer."""
        if self.stream is not None and self.state is State.UP and not self.fin_sent:
            self.order(SendStream(self.stream, octets, why))

    def count(self, octets: int, *, incoming: bool) -> None:
        """So much payload has passed (package nt), and somebody may watch for that (adid/ipstop)."""
        if incoming:
            self.octets_in += octets
        else:
            self.octets_out += octets
        if self.watched:
            self.means.out.heard.append((self, incoming))

    # Ending

    def end(self, why: str) -> None:
        """FIN behind all that was said."""
        if self.state is State.UP and not self.fin_sent and self.stream is not None:
            self.fin_sent = True
            self.order(EndStream(self.stream, why))

    def unlisten(self) -> None:
        """Nobody is let in any more. The packets of a connection that stands are still ours."""
        if self.listening and (self.carriage is None or self.state in (State.IDLE, State.LISTENING, State.OVER)):
            self.listening = False
            local = self.setting.local
            self.means.out.order(Unlisten(local) if self.carriage is None else UnclaimPackets(local))

    def part(self) -> None:
        """What the network carried by itself is the gateway's business again."""
        if self.joint is not None:
            self.joint.part()

    def depart(self) -> None:
        """The application that this connection ends at has it no longer."""

    def over(self) -> None:
        """The connection has ended, or will never be."""
        self.part()
        self.depart()
        self.state = State.OVER
        self.timers = None
        self.unlisten()
        self.means.out.over.append(self)
