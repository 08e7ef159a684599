"""Contexts and terminations: what a controller has made, and which endpoints are joined.

A gateway holds tens of thousands of them, so they are small: SDP is kept as its text, equal values are kept once
(`Shared`), and what few terminations need (`More`) is made when it is needed.

Source: H.248.1 §6.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from math import inf
from typing import TypeVar

from workbench.net.values import Endpoint
from workbench.nodes.gateway.bearer import Bearer
from workbench.nodes.gateway.datagrams import DatagramBearer
from workbench.nodes.gateway.playing import Playing
from workbench.nodes.gateway.reporting import Detected
from workbench.nodes.gateway.settings import Limits, Refused
from workbench.nodes.gateway.topology import Flows
from workbench.protocols import sdp
from workbench.protocols.h248.message import (
    ALL,
    CHOOSE,
    ContextProperties,
    DigitMap,
    Event,
    EventBuffer,
    EventBufferControl,
    Events,
    LocalControl,
    Mode,
    ObservedEvent,
    Property,
    ServiceState,
    Statistics,
)
from workbench.protocols.sdp import SessionDescription

HEARTBEAT = "hangterm/thb"
IP_STOP = "adid/ipstop"
_LONG_TEXT = 1_024
_V = TypeVar("_V", bound=Hashable)
_E = TypeVar("_E", Bearer, DatagramBearer)
AnyBearer = Bearer | DatagramBearer
"""An endpoint of a TCP connection or of datagrams."""


class Shared:
    """One copy of values that are equal in many places; it begins anew when there are too many different ones."""

    def __init__(self, most: int = 1_024) -> None:
        self._most = most
        self._known: dict[object, object] = {}

    def one(self, value: _V) -> _V:
        """The copy that everybody uses. Long texts are nobody else's, and not kept."""
        if isinstance(value, bytes) and len(value) > _LONG_TEXT:
            return value
        known = self._known.get(value)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[value] = known = value
        return known  # type: ignore[return-value]


_HOST, _PORT, _PRINT, _AS_IT_IS = b"\x01", b"\x02", b"\x03", b"\x00"


def pack(groups: tuple[SessionDescription, ...], marks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Descriptions of a Local or Remote descriptor as one text; each ends with a line end.

    Args:
        marks: what is different in every call, as octets that stand for it and the octets themselves. With it taken out
            most texts are equal, and are kept once.
    """
    texts = [sdp.encode(group) for group in groups]
    text = b"".join(text if text.endswith(b"\n") else text + b"\n" for text in texts)
    if any(mark in text for mark in (_HOST, _PORT, _PRINT, _AS_IT_IS)):
        return _AS_IT_IS + text
    for mark, own in marks:
        text = text.replace(own, mark)
    return text


def unpack(text: bytes, marks: Sequence[tuple[bytes, bytes]]) -> tuple[SessionDescription, ...]:
    """The descriptions again."""
    if text.startswith(_AS_IT_IS):
        return sdp.decode_groups(text[1:])
    for mark, own in reversed(marks):
        text = text.replace(mark, own)
    return sdp.decode_groups(text)


def _marks(where: Endpoint | None, prints: tuple[sdp.Fingerprint, ...] | None) -> list[tuple[bytes, bytes]]:
    marks = [(_PRINT, one.encode().encode()) for one in (prints or ())[:1]]
    if where is not None:
        marks += [(_HOST, where.host.encode()), (b" " + _PORT + b" ", b" %d " % where.port)]
    return marks


class StreamEnd:
    """One stream of a termination: what Media has said of it, and the bearer that came of it.

    Args:
        number: H.248 stream.

    `reserve` is ReservedValue and ReservedGroup.
    """

    __slots__ = ("_local", "_remote", "bearer", "number", "properties", "reserve")

    def __init__(self, number: int) -> None:
        self.number = number
        self.bearer: AnyBearer | None = None
        self._local: bytes | None = None
        self._remote: bytes | None = None
        self.properties: tuple[Property, ...] = ()
        self.reserve: tuple[bool, bool] = (False, False)

    @property
    def local(self) -> tuple[SessionDescription, ...] | None:
        """Local as it stands now; None: not given."""
        where = self.bearer.setting.local if self.bearer is not None else None
        return unpack(self._local, _marks(where, None)) if self._local is not None else None

    @property
    def remote(self) -> tuple[SessionDescription, ...] | None:
        """Remote as it stands now; None: not given."""
        return unpack(self._remote, self._remote_marks()) if self._remote is not None else None

    def keep_local(self, groups: tuple[SessionDescription, ...] | None, shared: Shared) -> None:
        """Local from now on, in the terms of the bearer's setting, which is there by now."""
        where = self.bearer.setting.local if self.bearer is not None else None
        self._local = None if groups is None else shared.one(pack(groups, _marks(where, None)))

    def keep_remote(self, groups: tuple[SessionDescription, ...] | None, shared: Shared) -> None:
        """Remote likewise."""
        self._remote = None if groups is None else shared.one(pack(groups, self._remote_marks()))

    def give_up(self) -> None:
        """There is no bearer any more, and no Local; Remote stays."""
        remote = self.remote
        self.bearer = self._local = None
        self._remote = None if remote is None else pack(remote, ())

    def _remote_marks(self) -> list[tuple[bytes, bytes]]:
        setting = self.bearer.setting if self.bearer is not None else None
        return _marks(setting.remote, setting.remote_fingerprints) if setting is not None else []

    @property
    def control(self) -> LocalControl:
        """LocalControl as it stands now."""
        mode = self.bearer.setting.mode if self.bearer is not None else Mode.INACTIVE
        value, group = self.reserve
        return LocalControl(mode, value or None, group or None, self.properties)


class Quiet:
    """An inactivity detection (adid/ipstop): for how long nothing passes, in which directions.

    `told` once it was; it is told again only when something has passed in between.
    """

    __slots__ = ("incoming", "outgoing", "seconds", "since", "stream", "told")

    def __init__(self, seconds: int, incoming: bool, outgoing: bool, stream: int | None, now: float) -> None:
        self.seconds = seconds
        self.incoming = incoming
        self.outgoing = outgoing
        self.stream = stream
        self.since = now
        self.told = False


class More:
    """What most terminations never need.

    `ordered` is the Events descriptor that the controller sent, while embedded ones are in force in its place.
    """

    __slots__ = (
        "base", "buffer", "buffer_control", "counted", "digit_maps", "full", "graceful_at", "ordered", "playing",
        "properties", "queue", "quiet", "state", "waiting")

    def __init__(self) -> None:
        self.state = ServiceState.IN_SERVICE
        self.properties: tuple[Property, ...] = ()
        self.buffer_control = EventBufferControl.OFF
        self.buffer: tuple[ObservedEvent, ...] = ()
        self.queue: list[Detected] = []
        self.waiting = False
        self.ordered: Events | None = None
        self.playing: list[Playing] = []
        self.digit_maps: tuple[DigitMap, ...] = ()
        self.counted: tuple[str, ...] | None = None
        self.base: dict[tuple[int, str], float] = {}
        self.quiet: list[Quiet] = []
        self.graceful_at: float | None = None  # infinity: when its work is done, however long that takes
        self.full = False


class Termination:
    """One ephemeral termination, or ROOT.

    Args:
        name: TerminationID.
        realm: where its addresses come from; empty for ROOT.
        now: when it was made, or last spoken of.
    """

    __slots__ = (
        "beats", "context", "entered", "events", "made", "more", "name", "realm", "request_id", "spoken_of", "streams")

    def __init__(self, name: str, realm: str, now: float) -> None:
        self.name = name
        self.realm = realm
        self.context: Context | None = None
        self.streams: tuple[StreamEnd, ...] = ()
        self.request_id: int | None = None
        self.events: tuple[Event, ...] = ()
        self.beats = 0
        self.more: More | None = None
        self.entered: float | None = None
        self.made = now
        self.spoken_of = now

    @property
    def extra(self) -> More:
        """The rarely needed part, from now on there."""
        if self.more is None:
            self.more = More()
        return self.more

    def stream(self, number: int) -> StreamEnd | None:
        """The stream of that number, or None."""
        for end in self.streams:
            if end.number == number:
                return end
        return None

    @property
    def bearers(self) -> dict[int, AnyBearer]:
        """Stream to bearer, for those streams that have one."""
        return {end.number: end.bearer for end in self.streams if end.bearer is not None}

    @property
    def state(self) -> ServiceState:
        """Its service state."""
        return self.more.state if self.more is not None else ServiceState.IN_SERVICE

    def armed(self, name: str, stream: int | None = None) -> Event | None:
        """The event of that name, for that stream or for all, if the controller asked for it."""
        for event in self.events:
            if (stream is None or event.stream in (None, stream)) and event.name.lower() == name.lower():
                return event
        return None

    def watch(self, request_id: int | None, events: tuple[Event, ...]) -> None:
        """From now on watch for these events."""
        self.request_id = request_id
        self.events = events
        beat = self.armed(HEARTBEAT)
        seconds = beat.parameter("timerx") if beat is not None else None
        self.beats = int(seconds.value) if seconds is not None else 0

    def next_wakeup(self) -> float | None:
        """Its first timer: heartbeat (H.248.36), end of a signal, inactivity of the bearer, end of service."""
        more = self.more
        if more is None:
            return self.spoken_of + self.beats if self.beats else None
        moments = [playing.ends_at for playing in more.playing]
        moments += [quiet.since + quiet.seconds for quiet in more.quiet if not quiet.told]
        moments += [more.graceful_at, self.spoken_of + self.beats if self.beats else None]
        return min((moment for moment in moments if moment is not None and moment < inf), default=None)

    def statistics(self, now: float, names: tuple[str, ...] = ("nt/os", "nt/or", "nt/dur")) -> Statistics:
        """Octets of payload sent and received, and milliseconds in the context (package nt)."""
        if self.more is not None and self.more.counted is not None:
            names = tuple(name for name in names if name.lower() in self.more.counted)
        return Statistics(tuple(Property(name, (str(round(self.count(name, now))),)) for name in names))

    def stream_statistics(self, number: int) -> Statistics:
        """The same for one stream (version 3); the time in the context is no stream's."""
        base = self.more.base if self.more is not None else {}
        end = self.stream(number)
        items = []
        for name in ("nt/os", "nt/or"):
            counted = _octets(end, name) - base.get((number, name), 0)
            items.append(Property(name, (str(round(counted)),)))
        return Statistics(tuple(items))

    def count(self, name: str, now: float) -> float:
        """A statistic since it was last reset."""
        lowered = name.lower()
        base = self.more.base if self.more is not None else {}
        if lowered == "nt/dur":
            return 1000 * (now - self.made) - base.get((0, lowered), 0)
        return sum(_octets(end, lowered) - base.get((end.number, lowered), 0) for end in self.streams)

    def reset(self, names: tuple[str, ...], now: float, number: int | None = None) -> None:
        """Count these from 0 again, for one stream or for all."""
        base = self.extra.base
        for name in names:
            if name == "nt/dur":
                base[0, name] = 1000 * (now - self.made)
                continue
            for end in self.streams:
                if number in (None, end.number):
                    base[end.number, name] = _octets(end, name)


def _octets(end: StreamEnd | None, name: str) -> int:
    if end is None or end.bearer is None:
        return 0
    came, went = end.bearer.passed
    return went if name.lower() == "nt/os" else came


class Context:
    """Terminations that are joined: streams with the same number are partners."""

    __slots__ = ("flows", "number", "properties", "terminations")

    def __init__(self, number: int) -> None:
        self.number = number
        self.terminations: tuple[Termination, ...] = ()
        self.properties = _NO_PROPERTIES
        self.flows: Flows | None = None

    def termination(self, name: str) -> Termination | None:
        """The termination of that name (lower case), if it is here."""
        for termination in self.terminations:
            if termination.name == name:
                return termination
        return None

    def relink(self) -> None:
        """Join the endpoints of each stream after a termination came or went, or flows were changed.

        Connections are joined with connections and datagrams with datagrams: nothing turns one into the other.
        """
        if self.flows is None and len(self.terminations) <= 2:
            self._pair()
            return
        numbers = {end.number for termination in self.terminations for end in termination.streams}
        for number in numbers:
            streams: list[tuple[str, Bearer]] = []
            datagrams: list[tuple[str, DatagramBearer]] = []
            for termination in self.terminations:
                end = termination.stream(number)
                if end is not None and isinstance(end.bearer, Bearer):
                    streams.append((termination.name, end.bearer))
                elif end is not None and isinstance(end.bearer, DatagramBearer):
                    datagrams.append((termination.name, end.bearer))
            self._join(number, streams)
            self._join(number, datagrams)

    def _join(self, number: int, ends: list[tuple[str, _E]]) -> None:
        for name, bearer in ends:
            links = tuple(other for _, other in ends if other is not bearer and bearer.means.host is None)
            bearer.links = links
            bearer.sinks = links if self.flows is None or not links else self.flows.sinks(name, number, ends)

    def _pair(self) -> None:
        """The same for the common case: two terminations, and everything flows."""
        for termination in self.terminations:
            for end in termination.streams:
                if end.bearer is None:
                    continue
                mate: AnyBearer | None = None
                for other in self.terminations:
                    found = other.stream(end.number) if other is not termination else None
                    if found is not None and found.bearer is not None:
                        mate = found.bearer
                if isinstance(end.bearer, Bearer):
                    _pair(end.bearer, mate if isinstance(mate, Bearer) else None)
                else:
                    _pair(end.bearer, mate if isinstance(mate, DatagramBearer) else None)

    def settle(self, now: float) -> None:
        """Tell endpoints whose stream is configured and open at both ends that waiting has an end from here on."""
        for termination in self.terminations:
            for end in termination.streams:
                bearer = end.bearer
                hosted = bearer is not None and bearer.means.host is not None
                if bearer is not None and _ready(bearer) and (hosted or any(_ready(other) for other in bearer.links)):
                    bearer.due(now)
                if isinstance(bearer, DatagramBearer):
                    bearer.pump(now)


_NO_PROPERTIES = ContextProperties()


class Contexts:
    """All contexts of a gateway, and the numbers and names it gives out."""

    def __init__(self, limits: Limits, terminations_per_context: int) -> None:
        self._limits = limits
        self.per_context = limits.terminations_per_context or terminations_per_context
        self._contexts: dict[int, Context] = {}
        self._terminations: dict[str, Termination] = {}
        self._last_context = 0
        self._last_termination = 0

    def __len__(self) -> int:
        return len(self._contexts)

    def all(self) -> list[Context]:
        """Every context, oldest first."""
        return list(self._contexts.values())

    def terminations(self) -> Iterator[Termination]:
        """Every termination that is in a context."""
        return iter(list(self._terminations.values()))

    def get(self, number: int) -> Context:
        """The context of that number. Raises Refused (411)."""
        if number not in self._contexts:
            raise Refused(411, "unknown ContextID")
        return self._contexts[number]

    def find(self, name: str) -> tuple[Context, Termination] | None:
        """Where a termination is, or None."""
        termination = self._terminations.get(name)
        if termination is None or termination.context is None:
            return None
        return termination.context, termination

    def put(self, context: Context, termination: Termination) -> None:
        """The termination is in this context from now on."""
        termination.context = context
        context.terminations = (*context.terminations, termination)
        self._terminations[termination.name] = termination

    def move(self, termination: Termination, target: Context) -> None:
        """The termination leaves its context, which vanishes if it was the last one there, and is in `target`."""
        source = termination.context
        assert source is not None
        self.take_out(source, termination)
        for bearer in termination.bearers.values():
            bearer.context = target.number
        self.put(target, termination)
        target.relink()

    def take_out(self, context: Context, termination: Termination) -> None:
        """The termination is gone; and with its last termination the context is (H.248.1 §6.1)."""
        context.terminations = tuple(other for other in context.terminations if other is not termination)
        termination.context = None
        del self._terminations[termination.name]
        if context.flows is not None:
            context.flows.forget(termination.name)
        if context.terminations:
            context.relink()
        else:
            del self._contexts[context.number]

    def room(self, context: Context | None, *, new: bool = True) -> None:
        """Whether one more termination fits, into `context` or into a new one. Raises Refused (412, 432, 434)."""
        if context is None and len(self._contexts) >= self._limits.contexts:
            raise Refused(412, f"{self._limits.contexts} contexts")
        if context is not None and len(context.terminations) >= self.per_context:
            raise Refused(434, f"{self.per_context} terminations")
        if new and len(self._terminations) >= self._limits.terminations:
            raise Refused(432, f"{self._limits.terminations} terminations")

    def new_context(self) -> Context:
        """A context with a number that no other one has; a number is not used again until all have been."""
        number = self._last_context
        while True:
            number = number + 1 if number + 1 < min(CHOOSE, ALL) else 1
            if number not in self._contexts:
                break
        self._last_context = number
        context = self._contexts[number] = Context(number)
        return context

    def new_number(self) -> int:
        """The number in the name of a new termination; never used before."""
        self._last_termination += 1
        return self._last_termination


def _pair(bearer: _E, mate: _E | None) -> None:
    links = () if mate is None or bearer.means.host is not None else (mate,)
    if bearer.links != links or bearer.sinks is not bearer.links:
        bearer.links = bearer.sinks = links


def _ready(bearer: AnyBearer) -> bool:
    setting = bearer.setting
    return setting.mode is not Mode.INACTIVE and (setting.remote is not None or setting.latch)


__all__ = [
    "HEARTBEAT", "IP_STOP", "Context", "Contexts", "EventBuffer", "More", "Quiet", "Shared", "StreamEnd", "Termination",
    "pack", "unpack"]
