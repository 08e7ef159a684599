"""Events, signals and digit maps.

Source: H.248.1 Annex A (EventsDescriptor to DigitMapValue).
"""

# ruff: noqa: D102 (each method is the type of annex_a.txt that it is named after)

from __future__ import annotations

import re

from workbench.protocols.h248.binary.decoding.values import Base, Parm
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
    SignalDirection,
    SignalList,
    Signals,
    SignalType,
)

Behaviour = tuple[NotifyBehaviour, Embed | None]
MapValue = tuple[str, int | None, int | None, int | None, int | None]
_DATE = re.compile(r"[0-9]{8}")


class EventTypes(Base):
    """What is watched for, seen and played."""

    def events_descriptor(self, number: int | None, events: tuple[Event, ...]) -> Events:
        return Events(number, events)

    second_events_descriptor = events_descriptor

    def requested_event(
        self,
        name: bytes,
        stream: int | None,
        actions: tuple[
            bool | None,
            DigitMap | None,
            Events | None,
            tuple[Signal | SignalList, ...] | None,
            Behaviour | None,
            bool | None,
        ]
        | None,
        parms: tuple[Parm, ...],
    ) -> Event:
        item = self._events[name]
        parameters = self._parameters(item, parms)
        if actions is None:
            return Event(item.text, stream, False, parameters)
        keep, digit_map, second, signals, behaviour, reset = actions
        how, regulated = behaviour or (None, None)
        embed = embed_of(signals, second)
        return Event(item.text, stream, keep is True, parameters, digit_map, embed, how, regulated, reset is True)

    def second_requested_event(
        self,
        name: bytes,
        stream: int | None,
        actions: tuple[
            bool | None,
            DigitMap | None,
            tuple[Signal | SignalList, ...] | None,
            Behaviour | None,
            bool | None,
        ]
        | None,
        parms: tuple[Parm, ...],
    ) -> Event:
        if actions is None:
            return self.requested_event(name, stream, None, parms)
        keep, digit_map, *rest = actions
        return self.requested_event(name, stream, (keep, digit_map, None, *rest), parms)  # type: ignore[arg-type]

    def event_spec(self, name: bytes, stream: int | None, parms: tuple[Parm, ...]) -> ObservedEvent:
        return self.observed_event(name, stream, parms, None)

    def observed_event(
        self, name: bytes, stream: int | None, parms: tuple[Parm, ...], time: str | None
    ) -> ObservedEvent:
        item = self._events[name]
        return ObservedEvent(item.text, time, stream, self._parameters(item, parms))

    observed_events_descriptor = staticmethod(ObservedEvents)

    def time_notation(self, date: str, time: str) -> str:
        if not _DATE.fullmatch(date) or not _DATE.fullmatch(time):
            raise ValueError(f"{date!r} and {time!r} are no date and time of eight digits each")
        return f"{date}T{time}"

    def signal(
        self,
        name: bytes,
        stream: int | None,
        kind: SignalType | None,
        duration: int | None,
        completion: tuple[int, ...] | None,
        keep: bool | None,
        parms: tuple[Parm, ...],
        direction: SignalDirection | None,
        request_id: int | None,
        delay: int | None,
    ) -> Signal:
        item = self._signals[name]
        reasons = tuple([COMPLETIONS[bit] for bit in completion or () if bit < len(COMPLETIONS)])
        return Signal(
            item.text,
            stream,
            kind,
            duration,
            reasons,
            keep is True,
            self._parameters(item, parms),
            direction,
            request_id,
            delay,
        )

    seq_sig_list = staticmethod(SignalList)

    def digit_map_descriptor(self, name: bytes | None, value: MapValue | None) -> DigitMap:
        text = None if name is None else self.naming.digit_map_text(name)
        return DigitMap(text) if value is None else DigitMap(text, *value)

    def digit_map_value(
        self, start: int | None, short: int | None, long: int | None, body: str, duration: int | None
    ) -> MapValue:
        return body, start, short, long, duration


def regulated(found: tuple[Events | None, tuple[Signal | SignalList, ...] | None]) -> Behaviour:
    """RegulatedNotify with what it embeds."""
    events, signals = found
    return NotifyBehaviour.REGULATED, embed_of(signals, events)


def embed_of(signals: tuple[Signal | SignalList, ...] | None, events: Events | None) -> Embed | None:
    """What an event embeds; None where that is nothing."""
    if signals is None and events is None:
        return None
    return Embed(None if signals is None else Signals(signals), events)
