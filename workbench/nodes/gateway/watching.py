"""Events from arming to notification (H.248.1 §7.1.9, §7.1.10, §7.1.17).

    detected, EventBufferControl OFF        armed: signals stop (unless KeepActive), Notify, embedded descriptors
    detected, LockStep, in EventBuffer      at the end of the queue; its head is matched when nothing waits for an
                                            answer in the form of a new Events descriptor
    new Events descriptor                   replaces the old one whole; the queue goes on

A Notify carries the request id of the descriptor that armed the event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from workbench.net.values import Note
from workbench.nodes.gateway.connection import Connection
from workbench.nodes.gateway.contexts import HEARTBEAT, IP_STOP, Quiet, Shared, Termination
from workbench.nodes.gateway.playing import Player
from workbench.nodes.gateway.reporting import Detected
from workbench.nodes.gateway.settings import Limits, Outbox
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import NULL, Event, EventBufferControl, NotifyBehaviour, ObservedEvent, Property

_DEEPEST = 8


class Notification(msgspec.Struct, frozen=True):
    """A Notify that is to be sent."""

    context: int
    termination: str
    observed: h248.ObservedEvents
    error: h248.ErrorDescriptor | None = None


class Watcher:
    """Watches for events on behalf of the controller; `notifications` is what it has to say.

    Args:
        stamp: the time stamp of a moment.
        regulation: percentage of those events that the controller asked to be regulated that is notified.
    """

    def __init__(
        self, limits: Limits, player: Player, shared: Shared, out: Outbox, stamp: Callable[[float], str],
        regulation: int = 100,
    ) -> None:
        self.notifications: list[Notification] = []
        self._limits = limits
        self._player = player
        self._shared = shared
        self._out = out
        self._stamp = stamp
        self._regulation = regulation
        self._credit = 0
        self._depth = 0
        player.completed = self.detected_event

    # What is armed

    def replace(self, termination: Termination, events: h248.Events, now: float) -> None:
        """A new Events descriptor of the controller's."""
        if termination.more is not None:
            termination.more.ordered = None
        self._arm(termination, events, now)
        if termination.more is not None:
            termination.more.waiting = False
            self._drain(termination, now)

    def buffer(self, termination: Termination, buffer: h248.EventBuffer | None,
               control: EventBufferControl | None, now: float) -> None:
        """What is buffered from now on, and whether."""
        more = termination.extra
        if buffer is not None:
            more.buffer = buffer.events
        if control is not None:
            more.buffer_control = control
        if more.buffer_control is EventBufferControl.OFF:
            more.waiting = False
            self._drain(termination, now)

    def _arm(self, termination: Termination, events: h248.Events, now: float) -> None:
        request_id = events.request_id if events.events else None
        termination.watch(request_id, self._shared.one(events.events))
        quiet = [found for event in events.events if (found := _quiet(event, now)) is not None]
        if quiet or termination.more is not None:
            termination.extra.quiet = quiet
            self.attend(termination)
        self._out.agenda.add(termination)

    @staticmethod
    def attend(termination: Termination) -> None:
        """Have bearers say when payload passes, if anybody wants to know."""
        watched = termination.more is not None and bool(termination.more.quiet)
        for bearer in termination.bearers.values():
            if bearer.watched is not watched:
                bearer.watch(watched)

    # What was detected

    def detected_event(
        self, termination: Termination, name: str, stream: int | None, parameters: Sequence[Property], now: float
    ) -> None:
        """An event was detected."""
        event = ObservedEvent(name, self._stamp(now), stream, tuple(parameters))
        self.detected(termination, [Detected(event, stream)], now)

    @staticmethod
    def watches(termination: Termination) -> bool:
        """Whether the controller asked for any event of a termination, or for events to be kept."""
        more = termination.more
        return bool(termination.events) or (more is not None and more.buffer_control is not EventBufferControl.OFF)

    def detected(self, termination: Termination, found: Sequence[Detected], now: float) -> None:
        """Something was detected of which these events tell; the best one that is asked for counts."""
        more = termination.more
        if more is None or more.buffer_control is EventBufferControl.OFF:
            self._process(termination, found, now)
            return
        for one in found:
            if any(one.suits(armed) for armed in more.buffer) or self._armed(termination, one) is not None:
                if len(more.queue) >= self._limits.buffered_events:
                    more.full = True
                else:
                    more.queue.append(one)
                break
        self._drain(termination, now)

    def _drain(self, termination: Termination, now: float) -> None:
        """Process the queue as far as one may: up to the first event that is notified."""
        more = termination.more
        while more is not None and more.queue and not more.waiting:
            one = more.queue.pop(0)
            more.waiting = self._process(termination, [one], now) and (
                more.buffer_control is EventBufferControl.LOCK_STEP)

    def _process(self, termination: Termination, found: Sequence[Detected], now: float) -> bool:
        for one in found:
            armed = self._armed(termination, one)
            if armed is not None:
                self._act(termination, armed, one.event, now)
                return True
        return False

    @staticmethod
    def _armed(termination: Termination, found: Detected) -> Event | None:
        name = found.event.name.lower()
        for event in termination.events:
            if event.name.lower() == name and found.suits(event):
                return event
        return None

    def _act(self, termination: Termination, armed: Event, seen: ObservedEvent, now: float) -> None:
        """Do what the Events descriptor says for this event."""
        if self._depth >= _DEEPEST:  # embedded signals whose end is the event that starts them
            self._out.order(Note(f"{termination.name}: {seen.name} starts itself again; it is left at that"))
            return
        self._depth += 1
        try:
            ordered = h248.Events(termination.request_id, termination.events)
            told = self._told(armed.behaviour)
            if told:
                self._notify(termination, msgspec.structs.replace(seen, name=armed.name))
            if not armed.keep_active:
                self._player.interrupt(termination, now)
            embed = armed.embed if told or armed.regulated_embed is None else armed.regulated_embed
            if embed is not None and embed.events is not None:
                if termination.extra.ordered is None:
                    termination.extra.ordered = ordered
                self._arm(termination, embed.events, now)
            if embed is not None and embed.signals is not None:
                self._player.replace(termination, embed.signals, now)
            if armed.reset_events and termination.extra.ordered is not None:
                original, termination.extra.ordered = termination.extra.ordered, None
                self._arm(termination, original, now)
        finally:
            self._depth -= 1

    def _told(self, behaviour: NotifyBehaviour | None) -> bool:
        if behaviour is NotifyBehaviour.NEVER:
            return False
        if behaviour is not NotifyBehaviour.REGULATED:
            return True
        self._credit += self._regulation
        told = self._credit >= 100
        self._credit -= 100 if told else 0
        return told

    def _notify(self, termination: Termination, seen: ObservedEvent) -> None:
        if termination.request_id is None:
            return
        error = None
        if termination.more is not None and termination.more.full:
            termination.more.full = False
            error = h248.ErrorDescriptor(518, "event buffer full")
        number = termination.context.number if termination.context is not None else NULL
        observed = h248.ObservedEvents(termination.request_id, (seen,))
        self.notifications.append(Notification(number, termination.name, observed, error))

    # Time

    def wake(self, termination: Termination, now: float) -> None:
        """Heartbeat and inactivity whose time has come."""
        if termination.beats and termination.spoken_of + termination.beats <= now:
            termination.spoken_of = now
            self.detected_event(termination, HEARTBEAT, None, (), now)
        for quiet in termination.more.quiet if termination.more is not None else ():
            if not quiet.told and quiet.since + quiet.seconds <= now:
                quiet.told = True
                self.detected_event(termination, IP_STOP, quiet.stream, (), now)

    def heard(self, termination: Termination, bearer: Connection, incoming: bool, now: float) -> None:
        """Payload passed: the time of quiet begins anew."""
        for quiet in termination.more.quiet if termination.more is not None else ():
            if quiet.stream in (None, bearer.number) and (quiet.incoming if incoming else quiet.outgoing):
                quiet.since = now
                if quiet.told:
                    quiet.told = False
                    self._out.agenda.add(termination)


def _quiet(event: Event, now: float) -> Quiet | None:
    """What adid/ipstop asks for: `dt` seconds, and `dir`; 0 seconds: nothing."""
    if event.name.lower() != IP_STOP:
        return None
    seconds, direction = event.parameter("dt"), event.parameter("dir")
    if seconds is None or int(seconds.value) == 0:
        return None
    way = direction.value.upper() if direction is not None else "BOTH"
    return Quiet(int(seconds.value), way != "OUT", way != "IN", event.stream, now)
