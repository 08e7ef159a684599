"""Packages, properties, events and signals: what a controller may name, and what this gateway can do of it.

Source: H.248.1 §12; H.248.8 (error codes); TS 29.334 §5.14.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from workbench.net.values import Note
from workbench.nodes.gateway.settings import Outbox, Profile, Refused
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import ItemKind, Registry
from workbench.protocols.sdp import CHOOSE

LATCH = "ipnapt/latch"
REALM = "ipdc/realm"
_MISSING = {ItemKind.PROPERTY: 450, ItemKind.EVENT: 451, ItemKind.SIGNAL: 452, ItemKind.STATISTIC: 453}
_ROLES = ("tcp-establish", "tcp-release", "tls-establish", "tls-release")


class SignalOrder(msgspec.Struct, frozen=True):
    """A signal to start, with the stream it is for; `role` is what it does, such as `tls-establish` or `latch`."""

    role: str
    number: int
    reset: bool = False


class Vocabulary:
    """What names mean to this gateway. Every method raises Refused for what it does not know or can't do."""

    def __init__(self, profile: Profile, registry: Registry, out: Outbox) -> None:
        self._profile = profile
        self._registry = registry
        self._out = out
        self._roles = {registry.wire_name(role).lower(): role for role in _ROLES}

    def property(self, item: h248.Property) -> None:
        """A property is known, may be written, and its value makes sense."""
        self._known(item.name, ItemKind.PROPERTY)
        found = self._registry.lookup(item.name, ItemKind.PROPERTY)
        if found is not None and found.read_only:
            raise Refused(534, item.name)
        if item.form is not h248.Form.ONE or item.value == CHOOSE:
            raise Refused(449, f"{item.name} = {' '.join(item.values)}")
        if item.name.lower() != REALM:
            self._out.order(Note(f"{item.name} = {item.value} is kept; this gateway does not act on it"))

    def event(self, event: h248.Event) -> None:
        """An event that can be detected, with timers that are numbers."""
        self._known(event.name, ItemKind.EVENT)
        if event.name.lower() not in self._profile.events:
            raise Refused(512, event.name)
        if event.embed is not None or event.digit_map is not None:
            raise Refused(501, f"{event.name} with embedded descriptors")
        for name in ("timerx", "mit"):
            given = event.parameter(name)
            if given is not None and not (given.value.isascii() and given.value.isdigit() and len(given.value) < 10):
                raise Refused(449, f"{name} = {given.value}")

    def signals(self, signals: h248.Signals, streams: Mapping[int, object]) -> list[SignalOrder]:
        """All signals of a descriptor, those of lists too, for a termination with these streams."""
        found: list[SignalOrder] = []
        for item in signals.items:
            for signal in item.signals if isinstance(item, h248.SignalList) else (item,):
                found.append(self.signal(signal, streams))
        return found

    def signal(self, signal: h248.Signal, streams: Mapping[int, object]) -> SignalOrder:
        """One signal; without Stream it is for the only stream there is."""
        self._known(signal.name, ItemKind.SIGNAL)
        if signal.name.lower() not in self._profile.signals:
            raise Refused(513, signal.name)
        number = signal.stream if signal.stream is not None else next(iter(streams), None)
        if signal.stream is None and len(streams) > 1:
            raise Refused(472, f"{signal.name} for which of {len(streams)} streams")
        if number is None or number not in streams:
            raise Refused(449, f"{signal.name} {{ Stream = {number} }}")
        if signal.name.lower() == LATCH:
            napt = signal.parameter("napt")
            value = napt.value.upper() if napt is not None else "LATCH"
            if value not in ("OFF", "LATCH", "RELATCH"):
                raise Refused(449, f"napt = {value}")
            return SignalOrder("unlatch" if value == "OFF" else "latch", number)
        reset = signal.parameter("reset")
        hard = reset is not None and reset.value.lower() in ("on", "true")
        return SignalOrder(self._roles[signal.name.lower()], number, hard)

    def _known(self, name: str, kind: ItemKind) -> None:
        package, slash, _ = name.partition("/")
        if not slash:
            raise Refused(445, name)
        if package.lower() not in self._profile.packages:
            raise Refused(440, package)
        if self._registry.lookup(name, kind) is None:
            raise Refused(_MISSING[kind], name)
