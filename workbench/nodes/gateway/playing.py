"""Signals and how long they last (H.248.1 §7.1.11): Brief, TimeOut, OnOff, lists one after the other, completion.

A signal that orders something (latch, establish, release) is carried out at once and is over with that. One that only
takes time, such as a tone, is active until its time is over, an event or a new Signals descriptor ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from workbench.nodes.gateway.settings import Outbox
from workbench.protocols.h248.message import Completion, Property, Signal, SignalList, Signals, SignalType

if TYPE_CHECKING:
    from workbench.nodes.gateway.contexts import Termination

METHODS = {
    Completion.TIME_OUT: "TO", Completion.BY_EVENT: "EV", Completion.BY_SIGNALS_DESCRIPTOR: "SD",
    Completion.OTHER_REASON: "NC", Completion.ITERATION: "PI",
}  # fmt: skip
"""How `Meth` of g/sc writes the end of a signal (H.248.1 Annex E.1.2)."""


class Playing:
    """A signal that is active at a termination.

    Args:
        signal: as ordered.
        list_id, rest: of the signal list it stands in, and what comes after it there.
        ends_at: when its time is over; None: not by itself.
    """

    __slots__ = ("ends_at", "list_id", "rest", "signal")

    def __init__(
        self, signal: Signal, list_id: int | None, rest: tuple[Signal, ...], ends_at: float | None
    ) -> None:
        self.signal = signal
        self.list_id = list_id
        self.rest = rest
        self.ends_at = ends_at

    @property
    def shown(self) -> Signal | SignalList:
        """As an audit shows it."""
        return self.signal if self.list_id is None else SignalList(self.list_id, (self.signal, *self.rest))

    def same(self, signal: Signal, list_id: int | None) -> bool:
        """Whether that is this signal, ordered again."""
        own = self.signal
        return (
            (own.name.lower(), own.stream, own.parameters, self.list_id)
            == (signal.name.lower(), signal.stream, signal.parameters, list_id))


class Player:
    """Starts and ends the signals of terminations.

    Args:
        seconds: signal, in lower case, to how long it lasts where the controller does not say.
        act: carries out a signal that orders something, and says whether it is one.
        completed: is told of every end, with its reason, of a signal whose NotifyCompletion asks for that reason.
    """

    def __init__(
        self,
        seconds: Mapping[str, float],
        types: Callable[[str], SignalType],
        act: Callable[[Termination, Signal, float], bool],
        out: Outbox,
    ) -> None:
        self._seconds = seconds
        self._types = types
        self._act = act
        self._out = out
        self.completed: Callable[[Termination, str, int | None, tuple[Property, ...], float], None] = _nobody

    def replace(self, termination: Termination, signals: Signals, now: float) -> None:
        """A new Signals descriptor: what it does not repeat with KeepActive ends, and what it names begins."""
        before = termination.more.playing if termination.more is not None else []
        ordered = [_first(item) for item in signals.items]
        goes_on = [
            playing for playing in before
            if any(signal.keep_active and playing.same(signal, list_id) for signal, list_id, _ in ordered)]
        if before:
            termination.extra.playing = list(goes_on)
        for playing in before:
            if playing not in goes_on:
                self._ended(termination, playing, Completion.BY_SIGNALS_DESCRIPTOR, now)
        for signal, list_id, rest in ordered:
            if not (signal.keep_active and any(playing.same(signal, list_id) for playing in goes_on)):
                self._begin(termination, signal, list_id, rest, now)

    def interrupt(self, termination: Termination, now: float) -> None:
        """An event was detected that does not keep signals active: those that are not marked KeepActive end."""
        if termination.more is None or not termination.more.playing:
            return
        playing, termination.more.playing = termination.more.playing, []
        termination.more.playing = [one for one in playing if one.signal.keep_active]
        for one in playing:
            if not one.signal.keep_active:
                self._ended(termination, one, Completion.BY_EVENT, now)

    def stop(self, termination: Termination, now: float) -> None:
        """The termination goes out of service: nothing is played any more."""
        if termination.more is None:
            return
        playing, termination.more.playing = termination.more.playing, []
        for one in playing:
            self._ended(termination, one, Completion.OTHER_REASON, now)

    def wake(self, termination: Termination, now: float) -> None:
        """End what is over; in a list the next one begins."""
        more = termination.more
        if more is None:
            return
        for one in [one for one in more.playing if one.ends_at is not None and one.ends_at <= now]:
            if one not in more.playing:  # an event that the end of another one was has stopped it
                continue
            more.playing.remove(one)
            if one.rest:
                self._begin(termination, one.rest[0], one.list_id, one.rest[1:], now)
            self._ended(termination, one, Completion.TIME_OUT, now)

    def _begin(
        self, termination: Termination, signal: Signal, list_id: int | None, rest: tuple[Signal, ...], now: float
    ) -> None:
        if self._act(termination, signal, now):
            self._ended(termination, Playing(signal, list_id, rest, now), Completion.TIME_OUT, now)
            if rest:
                self._begin(termination, rest[0], list_id, rest[1:], now)
            return
        playing = Playing(signal, list_id, rest, self._end(signal, now))
        termination.extra.playing.append(playing)
        self._out.agenda.add(termination)

    def _end(self, signal: Signal, now: float) -> float | None:
        kind = signal.type or self._types(signal.name)
        if kind is SignalType.ON_OFF:
            return None
        begins = now + (signal.intersignal_delay or 0) / 100
        seconds = signal.duration / 100 if signal.duration is not None else self._seconds.get(signal.name.lower(), 0.0)
        # A signal without any time of its own takes the least that Duration can say (10 ms), or goes on like OnOff.
        return begins + (seconds or 0.01) if seconds or kind is SignalType.BRIEF else None

    def _ended(self, termination: Termination, playing: Playing, why: Completion, now: float) -> None:
        signal = playing.signal
        if why not in signal.notify_completion:
            return
        parameters = [Property("SigID", (signal.name,)), Property("Meth", (METHODS[why],))]
        if playing.list_id is not None:
            parameters.append(Property("SLID", (str(playing.list_id),)))
        if signal.request_id is not None:
            parameters.append(Property("RID", (str(signal.request_id),)))
        self.completed(termination, "g/sc", signal.stream, tuple(parameters), now)


def _nobody(*_: object) -> None:
    """Nobody wants to know."""


def _first(item: Signal | SignalList) -> tuple[Signal, int | None, tuple[Signal, ...]]:
    if isinstance(item, Signal):
        return item, None, ()
    return item.signals[0], item.id, item.signals[1:]


def shown(playing: Sequence[Playing]) -> Signals:
    """Active signals, as an audit shows them."""
    return Signals(tuple(one.shown for one in playing))
