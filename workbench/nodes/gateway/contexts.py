"""Contexts and terminations: what a controller has made, and which endpoints are joined."""

from __future__ import annotations

from workbench.nodes.gateway.bearer import Bearer
from workbench.nodes.gateway.settings import Limits, Refused
from workbench.protocols.h248.message import (
    ContextProperties,
    Event,
    Events,
    LocalControl,
    Mode,
    Property,
    Signals,
    Statistics,
)
from workbench.protocols.sdp import SessionDescription

HEARTBEAT = "hangterm/thb"


class Termination:
    """One ephemeral termination, or ROOT.

    Args:
        name: TerminationID.
        realm: where its addresses come from; empty for ROOT.
        now: when it was made, or last spoken of.
    """

    def __init__(self, name: str, realm: str, now: float) -> None:
        self.name = name
        self.realm = realm
        self.bearers: dict[int, Bearer] = {}
        self.locals: dict[int, SessionDescription] = {}
        self.remotes: dict[int, SessionDescription] = {}
        self.properties: dict[int, dict[str, Property]] = {}
        self.events: Events | None = None
        self.signals: Signals | None = None
        self.made = now
        self.spoken_of = now

    def armed(self, name: str, stream: int | None = None) -> Event | None:
        """The event of that name, for that stream or for all, if the controller asked for it."""
        if self.events is None:
            return None
        return next((
            event for event in self.events.events
            if event.name.lower() == name.lower() and (stream is None or event.stream in (None, stream))
        ), None)

    def next_wakeup(self) -> float | None:
        """When its heartbeat is due: so long after anybody spoke of it as the controller asked (H.248.36)."""
        event = self.armed(HEARTBEAT)
        seconds = event.parameter("timerx") if event is not None else None
        if seconds is None or int(seconds.value) == 0:
            return None
        return self.spoken_of + int(seconds.value)

    def control(self, number: int) -> LocalControl:
        """The stream's LocalControl as it stands now."""
        bearer = self.bearers.get(number)
        mode = bearer.setting.mode if bearer is not None else Mode.INACTIVE
        return LocalControl(mode, properties=tuple(self.properties.get(number, {}).values()))

    def statistics(self, now: float) -> Statistics:
        """Octets of payload sent and received, and milliseconds in the context (package nt)."""
        bearers = self.bearers.values()
        return Statistics((
            Property("nt/os", (str(sum(bearer.octets_out for bearer in bearers)),)),
            Property("nt/or", (str(sum(bearer.octets_in for bearer in bearers)),)),
            Property("nt/dur", (str(round(1000 * (now - self.made))),)),
        ))


class Context:
    """Terminations that are joined: streams with the same number are partners."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.terminations: dict[str, Termination] = {}
        self.properties = ContextProperties()

    def relink(self) -> None:
        """Join the endpoints of each stream after a termination came or went."""
        for number in {number for t in self.terminations.values() for number in t.bearers}:
            ends = [t.bearers[number] for t in self.terminations.values() if number in t.bearers]
            for end in ends:
                end.partner = next((other for other in ends if other is not end), None)

    def settle(self, now: float) -> None:
        """Tell endpoints whose stream is configured and open at both ends that waiting has an end from here on."""
        for termination in self.terminations.values():
            for bearer in termination.bearers.values():
                if bearer.partner is not None and _ready(bearer) and _ready(bearer.partner):
                    bearer.due(now)


class Contexts:
    """All contexts of a gateway, and the numbers and names it gives out."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._contexts: dict[int, Context] = {}
        self._where: dict[str, Context] = {}
        self._last_context = 0
        self._last_termination = 0

    def all(self) -> list[Context]:
        """Every context, oldest first."""
        return list(self._contexts.values())

    def get(self, number: int) -> Context:
        """The context of that number. Raises Refused (411)."""
        if number not in self._contexts:
            raise Refused(411, "unknown ContextID")
        return self._contexts[number]

    def find(self, name: str) -> tuple[Context, Termination] | None:
        """Where a termination is, or None."""
        context = self._where.get(name)
        return None if context is None else (context, context.terminations[name])

    def put(self, context: Context, termination: Termination) -> None:
        """The termination is in this context from now on."""
        context.terminations[termination.name] = termination
        self._where[termination.name] = context

    def take_out(self, context: Context, termination: Termination) -> None:
        """The termination is gone; and with its last termination the context is (H.248.1 §6.1)."""
        termination.events = None
        del context.terminations[termination.name]
        del self._where[termination.name]
        context.relink()
        if not context.terminations:
            del self._contexts[context.number]

    def room(self, context: Context | None) -> None:
        """Whether one more termination fits, into `context` or into a new one. Raises Refused (412, 434)."""
        if context is None and len(self._contexts) >= self._limits.contexts:
            raise Refused(412, f"{self._limits.contexts} contexts")
        if context is not None and len(context.terminations) >= self._limits.terminations_per_context:
            raise Refused(434, f"{self._limits.terminations_per_context} terminations")

    def new_context(self) -> Context:
        """A context with a number that was never used before."""
        self._last_context += 1
        context = self._contexts[self._last_context] = Context(self._last_context)
        return context

    def new_name(self, prefix: str) -> str:
        """A TerminationID that was never used before."""
        self._last_termination += 1
        return f"{prefix}/{self._last_termination}"


def _ready(bearer: Bearer) -> bool:
    setting = bearer.setting
    return setting.mode is not Mode.INACTIVE and (setting.remote is not None or setting.latch)
