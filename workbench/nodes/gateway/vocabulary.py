"""Packages, properties, events and signals: what a controller may name, and what this gateway can do of it.

Source: H.248.1 §12; H.248.8 (error codes); TS 29.334 §5.14.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from workbench.net.values import Note
from workbench.nodes import floor_control
from workbench.nodes.gateway import keying
from workbench.nodes.gateway.settings import Outbox, Profile, Refused
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Form, Property
from workbench.protocols.h248.packages import Item, ItemKind, Label, Parameter, Registry
from workbench.protocols.sdp import CHOOSE

LATCH = "ipnapt/latch"
REALM = "ipdc/realm"
SOURCE_PORTS = "gm/spr"
LOCAL_CONTROL = "LocalControl"
TERMINATION_STATE = "TerminationState"
ROOT_STATE = "TerminationState of ROOT"
CONTEXT = "Context"
_MISSING = {ItemKind.PROPERTY: 450, ItemKind.EVENT: 451, ItemKind.SIGNAL: 452, ItemKind.STATISTIC: 453}
_ROLES = ("tcp-establish", "tcp-release", "tls-establish", "tls-release", "floor-confirm")
_PATTERNS = {
    "boolean": re.compile(r"on|off|true|false", re.I),
    "integer": re.compile(r"[0-9]{1,9}"),
    "double": re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?"),
    "octet string": re.compile(r"(?:[0-9A-Fa-f]{2})+"),
}


class SignalOrder(msgspec.Struct, frozen=True):
    """A signal that orders something, and the stream it is for; `role` is what, such as `tls-establish` or `latch`.

    `request` is the floor request that `floor-confirm` is about.
    """

    role: str
    number: int
    reset: bool = False
    request: int = 0


def is_on(item: Property | None) -> bool:
    """Whether a boolean property is there and ON."""
    return item is not None and item.value.lower() in ("on", "true")


class Vocabulary:
    """What names mean to this gateway. Every method raises Refused for what it does not know or can't do."""

    def __init__(self, profile: Profile, registry: Registry, out: Outbox) -> None:
        self._profile = profile
        self._registry = registry
        self._out = out
        self.keys = keying.Names(registry)
        self.floors = floor_control.Names(registry)
        self._roles = {registry.wire_name(role).lower(): role for role in _ROLES}

    # Properties

    def property(self, item: Property, where: str) -> Property:
        """A property that is known, may be written and may stand there; with the value chosen where there is a choice.

        Args:
            where: `LOCAL_CONTROL`, `TERMINATION_STATE`, `ROOT_STATE` or `CONTEXT`.
        """
        found = self.known(item.name, ItemKind.PROPERTY)
        name = item.name.lower()
        if name not in self._profile.properties and name not in self._profile.kept:
            raise Refused(445, item.name)
        if found.descriptor and not _stands(found.descriptor, where):
            raise Refused(455, f"{item.name} in {where}")
        if found.read_only:
            raise Refused(534, item.name)
        settled = self._settled(item, found)
        if name in self._profile.kept:
            self._out.order(Note(f"{settled.name} = {settled.value} is kept; this gateway does not act on it"))
        return settled

    def properties(self, items: Sequence[Property], where: str) -> list[Property]:
        """All properties of a descriptor, each named once."""
        seen: set[str] = set()
        for item in items:
            if item.name.lower() in seen:
                raise Refused(456, item.name)
            seen.add(item.name.lower())
        return [self.property(item, where) for item in items]

    def _settled(self, item: Property, found: Item) -> Property:
        """The value that the property gets (H.248.1 §7.1.7, Annex B: alternatives, ranges, `$`)."""
        if item.form is Form.LIST and found.type.startswith("sub-list of "):
            kind = found.type.removeprefix("sub-list of ")
            for value in item.values:
                _check(item.name, kind, (), value, 449)
            return item
        if item.name.lower() == SOURCE_PORTS and item.form is Form.RANGE:  # a range is what it is made for
            return item
        if item.name.lower() == REALM:  # what there is to choose from, `Addresses` knows
            return item
        for value in _candidates(item, found):
            try:
                _check(item.name, found.type, (), value, 449)
            except Refused:
                if item.form is Form.ONE:
                    raise
                continue
            if item.form is Form.ONE and value == item.value:
                return item
            return Property(item.name, (value,))
        raise Refused(449, f"{item.name} {item.form} {' '.join(item.values)}")

    # Events

    def events(self, events: h248.Events, *, root: bool, streams: Mapping[int, object],
               maps: Sequence[h248.DigitMap], depth: int = 0) -> None:
        """All events of a descriptor can be detected at that termination."""
        if events.request_id is None and events.events:
            raise Refused(472, "RequestID")
        for event in events.events:
            self._event(event, root=root, streams=streams, maps=maps, depth=depth)

    def _event(self, event: h248.Event, *, root: bool, streams: Mapping[int, object],
               maps: Sequence[h248.DigitMap], depth: int) -> None:
        found = self.known(event.name, ItemKind.EVENT)
        if event.name.lower() not in self._profile.events or (found.descriptor == "ROOT") is not root:
            raise Refused(512, event.name)
        self._parameters(event.name, event.parameters, found)
        if event.stream is not None and streams and event.stream not in streams:
            raise Refused(449, f"{event.name} {{ Stream = {event.stream} }}")
        if event.digit_map is not None:
            self.digit_map(event.digit_map, maps)
        for embed in (event.embed, event.regulated_embed):
            if embed is None:
                continue
            if not self._profile.embedded or depth:
                raise Refused(501, f"{event.name} with embedded descriptors")
            if embed.signals is not None:
                self.signals(embed.signals, streams)
            if embed.events is not None:
                self.events(embed.events, root=root, streams=streams, maps=maps, depth=depth + 1)

    def digit_map(self, given: h248.DigitMap, known: Sequence[h248.DigitMap]) -> None:
        """A digit map that the profile has a place for, and that is there."""
        if "DigitMap" not in self._profile.descriptors:
            raise Refused(444, "DigitMap")
        if given.pattern is None and all(one.name != given.name for one in known):
            raise Refused(520, given.name or "")

    def buffered(self, events: Sequence[h248.ObservedEvent], *, root: bool) -> None:
        """Events that the event buffer may be asked for."""
        for event in events:
            found = self.known(event.name, ItemKind.EVENT)
            if event.name.lower() not in self._profile.events or (found.descriptor == "ROOT") is not root:
                raise Refused(512, event.name)

    # Signals

    def signals(self, signals: h248.Signals, streams: Mapping[int, object]) -> list[SignalOrder]:
        """What all signals of a descriptor order, those of lists too, for a termination with these streams."""
        found: list[SignalOrder] = []
        lists: set[int] = set()
        for item in signals.items:
            if isinstance(item, h248.SignalList):
                if not item.signals or item.id in lists:
                    raise Refused(442, f"SignalList = {item.id}")
                lists.add(item.id)
            for signal in item.signals if isinstance(item, h248.SignalList) else (item,):
                order = self.signal(signal, streams)
                if order is not None:
                    found.append(order)
        return found

    def signal(self, signal: h248.Signal, streams: Mapping[int, object]) -> SignalOrder | None:
        """What one signal orders, None where it only takes time; without Stream it is for the only stream there is."""
        found = self.known(signal.name, ItemKind.SIGNAL)
        if signal.name.lower() not in self._profile.signals:
            raise Refused(513, signal.name)
        self._parameters(signal.name, signal.parameters, found)
        role = LATCH if signal.name.lower() == LATCH else self._roles.get(signal.name.lower())
        number = signal.stream if signal.stream is not None else next(iter(streams), None)
        if role is None:
            if signal.stream is not None and signal.stream not in streams:
                raise Refused(449, f"{signal.name} {{ Stream = {number} }}")
            return None
        if signal.type not in (None, h248.SignalType.BRIEF):
            raise Refused(449, f"SignalType = {signal.type}")
        if signal.stream is None and len(streams) > 1:
            raise Refused(472, f"{signal.name} for which of {len(streams)} streams")
        if number is None or number not in streams:
            raise Refused(449, f"{signal.name} {{ Stream = {number} }}")
        if role == LATCH:
            napt = signal.parameter("napt")
            off = napt is not None and napt.value.upper() in ("OFF", "0")
            return SignalOrder("unlatch" if off else "latch", number)
        return SignalOrder(role, number, is_on(signal.parameter("reset")), self.floors.confirmed(signal) or 0)

    def type_of(self, name: str) -> h248.SignalType:
        """How long a signal lasts whose SignalType the controller leaves out."""
        found = self._registry.lookup(name, ItemKind.SIGNAL)
        words = {kind.value.lower(): kind for kind in h248.SignalType}
        return words.get(found.type.lower() if found is not None else "", h248.SignalType.TIME_OUT)

    # Statistics

    def statistics(self, items: Sequence[Property], *, stream: bool) -> tuple[str, ...]:
        """Statistics that are counted, by their names in lower case; for a stream those that a stream has."""
        for item in items:
            self.known(item.name, ItemKind.STATISTIC)
            each = self._profile.statistics.get(item.name.lower())
            if each is None:
                raise Refused(453, item.name)
            if stream and not each:
                raise Refused(460, item.name)
        return tuple(item.name.lower() for item in items)

    # Names

    def known(self, name: str, kind: ItemKind) -> Item:
        """The item of that name, in a package that the profile has."""
        package, slash, _ = name.partition("/")
        if not slash:
            raise Refused(445, name)
        if package.lower() not in self._profile.packages:
            raise Refused(440, package)
        found = self._registry.lookup(name, kind)
        if found is None:
            raise Refused(_MISSING[kind], name)
        return found

    def _parameters(self, name: str, given: Sequence[Property], found: Item) -> None:
        for item in given:
            parameter = found.parameter(item.name)
            if parameter is None and not _reset(name, item, self._roles):
                raise Refused(446, f"{name} {{ {item.name} }}")
            for value in item.values:
                kind, labels = _type(parameter)
                _check(item.name, kind, labels, value, 449)
        missing = [
            one for one in self._profile.required.get(name.lower(), ())
            if all(item.name.lower() != one.lower() for item in given)]
        if missing:
            raise Refused(457, f"{name} without {missing[0]}")


def _reset(name: str, item: Property, roles: Mapping[str, str]) -> bool:
    # gb/RelBNC has Reset (Q.1950 A.6); that the release signals of TCP and TLS have it too is believed, not seen.
    return item.name.lower() == "reset" and roles.get(name.lower(), "").endswith("release")


def _type(parameter: Parameter | None) -> tuple[str, Sequence[Label]]:
    return ("boolean", ()) if parameter is None else (parameter.type.removeprefix("sub-list of "), parameter.values)


def _check(name: str, kind: str, labels: Sequence[Label], value: str, code: int) -> None:
    """A value is one of its type."""
    if labels:
        numbers = {str(label.number) for label in labels if label.number is not None}
        if value.lower() not in {label.label.lower() for label in labels} and value not in numbers:
            raise Refused(454, f"{name} = {value}")
        return
    pattern = _PATTERNS.get(kind)
    if pattern is not None and not pattern.fullmatch(value):
        raise Refused(code, f"{name} = {value}")


def _stands(descriptor: str, where: str) -> bool:
    return descriptor == where or (where == ROOT_STATE and descriptor == TERMINATION_STATE)


def _candidates(item: Property, found: Item) -> list[str]:
    """The values that would do, the first one best."""
    value = item.value
    number = int(value) if _PATTERNS["integer"].fullmatch(value) else None
    defaults = [found.default] if found.default else ["OFF"] if found.type == "boolean" else []
    match item.form:
        case Form.ONE:
            return defaults if value == CHOOSE else [value]
        case Form.ANY_OF | Form.RANGE:
            return list(item.values)
        case Form.GREATER if number is not None:
            return [str(number + 1)]
        case Form.LESS if number:
            return [str(number - 1)]
        case Form.DIFFERENT if found.type == "boolean":
            return ["OFF" if value.lower() in ("on", "true") else "ON"]
        case Form.DIFFERENT if number is not None:
            return [str(number + 1)]
        case _:
            return []
