"""Events, signals and digit maps.

Source: H.248.1 Annex A (EventsDescriptor to DigitMapValue).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary.encoding.values import Base, Chosen, Parts
from workbench.protocols.h248.binary.words import COMPLETIONS
from workbench.protocols.h248.message import (
    DigitMap,
    Embed,
    Event,
    Events,
    NotifyBehaviour,
    ObservedEvent,
    ObservedEvents,
    Signal,
    SignalList,
)

_COMPLETION_BITS = {reason: bit for bit, reason in enumerate(COMPLETIONS)}
_NOTHING = Embed()


class EventTypes(Base):
    """What is watched for, seen and played."""

    def events_descriptor(self, events: Events) -> Parts:
        return events.request_id, events.events

    second_events_descriptor = events_descriptor

    def requested_event(self, event: Event) -> Parts:
        codec = self._events[event.name]
        plain = (
            not event.keep_active
            and event.digit_map is None
            and event.embed is None
            and event.behaviour is None
            and not event.reset_events
        )
        return codec.octets, event.stream, None if plain else event, self._parameters(codec, event.parameters)

    second_requested_event = requested_event

    def requested_actions(self, event: Event) -> Parts:
        embed = event.embed or _NOTHING
        signals = None if embed.signals is None else embed.signals.items
        behaviour = None if event.behaviour is None else (event.behaviour, event.regulated_embed)
        reset = event.reset_events or None
        return event.keep_active or None, event.digit_map, embed.events, signals, behaviour, reset

    def second_requested_actions(self, event: Event) -> Parts:
        keep, digit_map, events, *rest = self.requested_actions(event)
        if events is not None:
            raise LocalProtocolError(f"{event.name}: an embedded event embeds signals only")
        return keep, digit_map, *rest

    def regulated_embedded_descriptor(self, embed: Embed) -> Parts:
        return embed.events, None if embed.signals is None else embed.signals.items

    def event_spec(self, event: ObservedEvent) -> Parts:
        if event.time is not None:
            raise LocalProtocolError(f"{event.name} in an EventBuffer has a time")
        codec = self._events[event.name]
        return codec.octets, event.stream, self._parameters(codec, event.parameters)

    def observed_event(self, event: ObservedEvent) -> Parts:
        codec = self._events[event.name]
        return codec.octets, event.stream, self._parameters(codec, event.parameters), event.time

    def observed_events_descriptor(self, observed: ObservedEvents) -> Parts:
        return observed.request_id, observed.events

    def time_notation(self, time: str) -> Parts:
        date, _, clock = time.partition("T")
        return date, clock

    def signal(self, signal: Signal) -> Parts:
        codec = self._signals[signal.name]
        completion = [_COMPLETION_BITS[reason] for reason in signal.notify_completion]
        return (
            codec.octets,
            signal.stream,
            signal.type,
            signal.duration,
            completion or None,
            signal.keep_active or None,
            self._parameters(codec, signal.parameters),
            signal.direction,
            signal.request_id,
            signal.intersignal_delay,
        )

    def seq_sig_list(self, signals: SignalList) -> Parts:
        return signals.id, signals.signals

    def event_digit_map(self, digit_map: DigitMap) -> Chosen:
        """The digit map of an event: a name or a value."""
        if digit_map.pattern is None:
            return 0, self._naming.digit_map_octets(digit_map.name or "")
        if digit_map.name is not None:
            raise LocalProtocolError(f"in an event digit map {digit_map.name!r} has a name or a value, not both")
        return 1, digit_map

    def digit_map_descriptor(self, digit_map: DigitMap) -> Parts:
        name = None if digit_map.name is None else self._naming.digit_map_octets(digit_map.name)
        return name, None if digit_map.pattern is None else digit_map

    def digit_map_value(self, digit_map: DigitMap) -> Parts:
        timers = (digit_map.start_timer, digit_map.short_timer, digit_map.long_timer)
        return *timers, digit_map.pattern, digit_map.duration_timer


def behaviour_of(behaviour: tuple[NotifyBehaviour, Embed | None]) -> Chosen:
    """When an event is notified, and what RegulatedNotify embeds."""
    how, embed = behaviour
    if how is NotifyBehaviour.REGULATED:
        return 1, embed or Embed()
    return (0 if how is NotifyBehaviour.IMMEDIATE else 2), True
