"""What audits are answered with: what is now (AuditValue), and what could be (AuditCapability).

Source: H.248.1 §7.1.12, §7.2.5, §7.2.6; H.248.8 (532: an audited item that is not there).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from workbench.nodes.gateway import playing
from workbench.nodes.gateway.addresses import Addresses
from workbench.nodes.gateway.contexts import Context, StreamEnd, Termination
from workbench.nodes.gateway.settings import Limits, Profile, Refused
from workbench.nodes.gateway.vocabulary import LOCAL_CONTROL, ROOT_STATE, TERMINATION_STATE, Vocabulary
from workbench.protocols import sdp
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Form, Property
from workbench.protocols.h248.packages import Item, ItemKind, Registry

_Named = TypeVar("_Named", h248.Event, h248.ObservedEvent)
_TOKENS = {"mode", "reservedvalue", "reservedgroup", "servicestates", "buffer"}
_AUDITS = frozenset({
    "Media", "Events", "EventBuffer", "Signals", "DigitMap", "Statistics", "Packages", "ObservedEvents", "Mux",
    "Modem"})


class Auditor:
    """Shows what terminations and contexts are, and what they might be."""

    def __init__(
        self, profile: Profile, limits: Limits, registry: Registry, vocabulary: Vocabulary, addresses: Addresses,
        per_context: int,
    ) -> None:
        self._profile = profile
        self._limits = limits
        self._registry = registry
        self._vocabulary = vocabulary
        self._addresses = addresses
        self._per_context = per_context

    # Values

    def audited(self, termination: Termination, audit: h248.Audit, now: float) -> list[h248.Descriptor]:
        """What the termination's descriptors say now; an empty Audit asks for nothing."""
        shown: list[h248.Descriptor] = []
        for item in audit.items:
            if item.name == "DigitMap" and item.only is None and termination.more is not None:
                shown += termination.more.digit_maps or (h248.Token("DigitMap"),)
            else:
                shown.append(self._value(termination, item, now))
        return shown

    def _value(self, termination: Termination, item: h248.AuditItem, now: float) -> h248.Descriptor:
        more = termination.more
        match item.name:
            case "Media":
                return self._media(termination, item.only if isinstance(item.only, h248.Media) else None)
            case "Events":
                return self._events(termination, item.only)
            case "Signals":
                return self._signals(termination, item.only)
            case "Statistics":
                return self._statistics(termination, item.only, now)
            case "Packages":
                return self._packages(item.only)
            case "DigitMap" if more is not None and isinstance(item.only, h248.DigitMap):
                return self._digit_map(more.digit_maps, item.only)
            case "EventBuffer" if more is not None and more.buffer:
                return self._buffer(more.buffer, item.only)
            case "ObservedEvents" if more is not None and more.queue:
                return h248.ObservedEvents(termination.request_id or 0, tuple(one.event for one in more.queue))
            case name if name in _AUDITS:
                if item.only is not None:
                    raise Refused(532, name)
                return h248.Token(name)
            case name:
                raise Refused(444, name)

    def _media(self, termination: Termination, only: h248.Media | None) -> h248.Media:
        root = termination.name == h248.ROOT
        asked = only.termination_state if only is not None else None
        state = None
        if only is None or asked is not None:
            shown = self._root_properties(termination) if root else _properties(termination)
            state = self._state(termination, shown, asked)
        streams: list[h248.StreamDescriptor] = []
        if only is None:
            streams = [_stream(end) for end in sorted(termination.streams, key=lambda one: one.number)]
        elif only.streams:
            for one in only.streams:
                end = termination.stream(one.id)
                if end is None:
                    raise Refused(532, f"Stream = {one.id}")
                streams.append(self._part(termination, end, one))
        return h248.Media(tuple(streams), state, only.implicit_stream if only is not None and streams else False)

    def _state(
        self, termination: Termination, values: Sequence[Property], asked: h248.TerminationState | None
    ) -> h248.TerminationState:
        buffer = termination.more.buffer_control if termination.more is not None else h248.EventBufferControl.OFF
        shown = buffer if self._profile.event_buffer else None
        if asked is None or not asked.properties:
            return h248.TerminationState(termination.state, shown, tuple(values))
        names = {item.name.lower() for item in asked.properties}
        return h248.TerminationState(
            termination.state if "servicestates" in names else None,
            buffer if "buffer" in names else None,
            self._named(values, asked.properties, ItemKind.PROPERTY))

    def _part(self, termination: Termination, end: StreamEnd, asked: h248.StreamDescriptor) -> h248.StreamDescriptor:
        """Those parts of a stream that an audit names."""
        whole = _stream(end)
        control = None
        if asked.local_control is not None and whole.local_control is not None:
            control = self._control(whole.local_control, asked.local_control)
        nothing = asked.local_control is None and asked.local is None and asked.remote is None
        if nothing and asked.statistics is None:
            return whole
        statistics = None
        if asked.statistics is not None:
            self._vocabulary.statistics(asked.statistics.items, stream=True)
            statistics = _only(termination.stream_statistics(end.number).items, asked.statistics.items)
        return h248.StreamDescriptor(
            end.number, control,
            _lines(whole.local, asked.local), _lines(whole.remote, asked.remote),
            h248.Statistics(statistics) if statistics is not None else None)

    def _control(self, whole: h248.LocalControl, asked: h248.LocalControl) -> h248.LocalControl:
        if not asked.properties:
            return whole
        names = {item.name.lower() for item in asked.properties}
        return h248.LocalControl(
            whole.mode if "mode" in names else None,
            bool(whole.reserved_value) if "reservedvalue" in names else None,
            bool(whole.reserved_group) if "reservedgroup" in names else None,
            self._named(whole.properties, asked.properties, ItemKind.PROPERTY))

    def _named(self, values: Sequence[Property], asked: Sequence[Property], kind: ItemKind) -> tuple[Property, ...]:
        """The items that an audit names, in its order."""
        by_name = {item.name.lower(): item for item in values}
        shown = []
        for item in asked:
            name = item.name.lower()
            if name in _TOKENS:
                continue
            self._vocabulary.known(item.name, kind)
            if name not in by_name:
                raise Refused(532, item.name)
            shown.append(by_name[name])
        return tuple(shown)

    def _events(self, termination: Termination, only: object) -> h248.Descriptor:
        if termination.request_id is None:
            if only is not None:
                raise Refused(532, "Events")
            return h248.Token("Events")
        events = termination.events
        if isinstance(only, h248.Events):
            if only.request_id not in (None, h248.ALL, termination.request_id):
                raise Refused(532, f"Events = {only.request_id}")
            events = _picked(events, only.events)
        return h248.Events(termination.request_id, events)

    def _signals(self, termination: Termination, only: object) -> h248.Descriptor:
        active = termination.more.playing if termination.more is not None else []
        if isinstance(only, h248.Signals) and only.items:
            chosen = [
                next((one for one in active if _is(one, item)), None) for item in only.items]
            if None in chosen:
                item = only.items[chosen.index(None)]
                raise Refused(532, item.name if isinstance(item, h248.Signal) else f"SignalList = {item.id}")
            active = [one for one in chosen if one is not None]
        return playing.shown(active) if active else h248.Token("Signals")

    def _statistics(self, termination: Termination, only: object, now: float) -> h248.Statistics:
        whole = termination.statistics(now)
        if isinstance(only, h248.Statistics) and only.items:
            self._vocabulary.statistics(only.items, stream=False)
            return h248.Statistics(_only(whole.items, only.items))
        return whole

    def _packages(self, only: object) -> h248.Packages:
        packages = {
            name.lower(): h248.PackageVersion(name, version) for name, version in self._profile.packages.items()}
        if not isinstance(only, h248.Packages):
            return h248.Packages(tuple(packages.values()))
        for one in only.items:
            if one.name.lower() not in packages:
                raise Refused(532, one.name)
        return h248.Packages(tuple(packages[one.name.lower()] for one in only.items))

    @staticmethod
    def _digit_map(maps: Sequence[h248.DigitMap], only: h248.DigitMap) -> h248.DigitMap:
        for one in maps:
            if (one.name or "").lower() == (only.name or "").lower():
                return one
        raise Refused(532, only.name or "DigitMap")

    @staticmethod
    def _buffer(buffer: tuple[h248.ObservedEvent, ...], only: object) -> h248.EventBuffer:
        return h248.EventBuffer(
            _picked(buffer, only.events) if isinstance(only, h248.EventBuffer) and only.events else buffer)

    def _root_properties(self, root: Termination) -> tuple[Property, ...]:
        """Properties of ROOT: what cannot be written, and what was."""
        realms = tuple(h248.Quoted(realm) for realm in self._addresses.realms)
        return (
            Property("ipra/ar", realms, Form.LIST),
            Property("root/maxNumberOfContexts", (str(self._limits.contexts),)),
            Property("root/maxTerminationsPerContext", (str(self._per_context),)),
            *_properties(root),
        )

    # Capabilities

    def capable(self, termination: Termination, audit: h248.Audit) -> list[h248.Descriptor]:
        """What the termination's descriptors might say; an empty Audit asks for nothing."""
        return [self._capability(termination, item) for item in audit.items]

    def _capability(self, termination: Termination, item: h248.AuditItem) -> h248.Descriptor:
        root = termination.name == h248.ROOT
        match item.name:
            case "Media":
                media = self._possible_media(root)
                return media if not isinstance(item.only, h248.Media) else self._possible_part(media, item.only)
            case "Events":
                return self._possible_events(root)
            case "EventBuffer" if self._profile.event_buffer:
                events = self._possible_events(root).events
                return h248.EventBuffer(tuple(h248.ObservedEvent(event.name) for event in events))
            case "Signals" if not root:
                found = self._items(self._profile.signals, ItemKind.SIGNAL)
                return h248.Signals(tuple(
                    h248.Signal(one.wire_name, parameters=_possible_parameters(one)) for one in found))
            case "Statistics" if not root:
                found = self._items(self._profile.statistics, ItemKind.STATISTIC)
                return h248.Statistics(tuple(h248.named(one.wire_name) for one in found))
            case "Packages":
                return self._packages(item.only)
            case name if name in _AUDITS:
                return h248.Token(name)
            case name:
                raise Refused(444, name)

    def _possible_media(self, root: bool) -> h248.Media:
        properties = [
            self._possible(item)
            for item in self._items(self._profile.properties | self._profile.kept, ItemKind.PROPERTY)
            if item.descriptor == (ROOT_STATE if root else LOCAL_CONTROL)]
        state = h248.TerminationState(h248.ServiceState.IN_SERVICE, properties=tuple(
            [one for one in properties if root] + [
                self._possible(item) for item in self._items(self._profile.properties, ItemKind.PROPERTY)
                if item.descriptor == TERMINATION_STATE]))
        if root:
            return h248.Media((), state)
        groups = tuple(sdp.decode(f"v=0\r\nc=IN IP{version} $\r\nm=- $ {_registered(proto)} *\r\n".encode())
                       for proto in self._profile.transports for version in self._versions())
        control = h248.LocalControl(h248.Mode.SEND_RECEIVE, properties=tuple(properties))
        return h248.Media((h248.StreamDescriptor(1, control, groups, groups),), state)

    def _possible_part(self, whole: h248.Media, only: h248.Media) -> h248.Media:
        stream = whole.streams[0] if whole.streams else h248.StreamDescriptor()
        streams = []
        for asked in only.streams:
            control = None
            if asked.local_control is not None and stream.local_control is not None:
                control = self._control(stream.local_control, asked.local_control)
            streams.append(h248.StreamDescriptor(
                asked.id, control, stream.local if asked.local is not None else None,
                stream.remote if asked.remote is not None else None))
        state = whole.termination_state
        asked_state = only.termination_state
        if asked_state is None:
            state = None
        elif state is not None and asked_state.properties:
            state = h248.TerminationState(
                state.service_state, None, self._named(state.properties, asked_state.properties, ItemKind.PROPERTY))
        return h248.Media(tuple(streams), state, only.implicit_stream)

    def _possible(self, item: Item) -> Property:
        if item.wire_name.lower() == "ipdc/realm":
            return Property(item.wire_name, tuple(h248.Quoted(one) for one in self._addresses.realms), Form.ANY_OF)
        if item.wire_name.lower() == "ipra/ar":
            return Property(item.wire_name, tuple(h248.Quoted(one) for one in self._addresses.realms), Form.LIST)
        if item.wire_name.lower() == "root/maxnumberofcontexts":
            return Property(item.wire_name, (str(self._limits.contexts),))
        if item.wire_name.lower() == "root/maxterminationspercontext":
            return Property(item.wire_name, (str(self._per_context),))
        if item.type == "boolean":
            return Property(item.wire_name, ("ON", "OFF"), Form.ANY_OF)
        if item.type in ("integer", "double"):
            return Property(item.wire_name, ("0", "999999999"), Form.RANGE)
        if item.type == "octet string":
            return Property(item.wire_name, ("00", "3F"), Form.RANGE)
        return Property(item.wire_name, ("$",))

    def _possible_events(self, root: bool) -> h248.Events:
        found = [
            item for item in self._items(self._profile.events, ItemKind.EVENT) if (item.descriptor == "ROOT") is root]
        return h248.Events(h248.ALL, tuple(
            h248.Event(item.wire_name, parameters=_possible_parameters(item)) for item in found))

    def _items(self, names: Iterable[str], kind: ItemKind) -> list[Item]:
        found = [self._registry.lookup(name, kind) for name in sorted(names)]
        return [item for item in found if item is not None]

    def _versions(self) -> list[int]:
        return sorted({version for realm in self._addresses.realms for version in self._addresses.versions(realm)})

    # Contexts

    def context(self, context: Context, audit: h248.ContextAudit) -> h248.ContextProperties:
        """Those attributes of a context that an audit names; all where it names none."""
        own = context.properties
        names = {item.lower() for item in audit.items}
        everything = not names
        topology = context.flows.triples() if context.flows is not None else ()
        by_name = {item.name.lower(): item for item in own.properties}
        asked = [item for item in audit.items if "/" in item]
        for item in asked:
            self._vocabulary.known(item, ItemKind.PROPERTY)
            if item.lower() not in by_name:
                raise Refused(532, item)
        return h248.ContextProperties(
            (own.priority or 0) if "priority" in names or (everything and own.priority) else None,
            bool(own.emergency) if "emergency" in names or (everything and own.emergency) else None,
            (topology or None) if everything or "topology" in names else None,
            bool(own.ieps) if "iepscall" in names or (everything and own.ieps) else None,
            own.properties if everything else tuple(by_name[item.lower()] for item in asked),
        )


def selected(context: Context, audit: h248.ContextAudit | None) -> bool:
    """Whether a context has the attributes that the selectors of an audit name (version 3)."""
    wanted = audit.select if audit is not None else None
    if audit is None or wanted is None:
        return True
    own = context.properties
    tests: list[Callable[[], bool]] = []
    if wanted.priority is not None:
        tests.append(lambda: (own.priority or 0) == wanted.priority)
    if wanted.emergency is not None:
        tests.append(lambda: bool(own.emergency) is wanted.emergency)
    if wanted.ieps is not None:
        tests.append(lambda: bool(own.ieps) is wanted.ieps)
    for item in wanted.properties:
        tests.append(lambda item=item: any(  # type: ignore[misc]
            one.name.lower() == item.name.lower() and one.values == item.values for one in own.properties))
    if wanted.contexts:
        tests.append(lambda: context.number in wanted.contexts)
    if not tests:
        return True
    return any(test() for test in tests) if audit.logic is h248.SelectLogic.OR else all(test() for test in tests)


def _stream(end: StreamEnd) -> h248.StreamDescriptor:
    return h248.StreamDescriptor(end.number, end.control, end.local, end.remote)


def _properties(termination: Termination) -> tuple[Property, ...]:
    return termination.more.properties if termination.more is not None else ()


def _only(values: Sequence[Property], asked: Sequence[Property]) -> tuple[Property, ...]:
    names = {item.name.lower() for item in asked}
    return tuple(item for item in values if not names or item.name.lower() in names)


def _picked(events: Sequence[_Named], asked: Sequence[h248.Event | h248.ObservedEvent]) -> tuple[_Named, ...]:
    """Those events that an audit names, for its stream if it names one."""
    shown = []
    for item in asked:
        found = [
            event for event in events
            if event.name.lower() == item.name.lower() and item.stream in (None, event.stream)]
        if not found:
            raise Refused(532, item.name)
        shown += found
    return tuple(shown) if asked else tuple(events)


def _is(active: playing.Playing, asked: h248.Signal | h248.SignalList) -> bool:
    if isinstance(asked, h248.SignalList):
        return active.list_id == asked.id
    return active.signal.name.lower() == asked.name.lower() and asked.stream in (None, active.signal.stream)


def _lines(
    groups: tuple[sdp.SessionDescription, ...] | None, asked: tuple[sdp.SessionDescription, ...] | None
) -> tuple[sdp.SessionDescription, ...] | None:
    """Of Local or Remote those lines whose types an audit names (version 3); all where it names none."""
    if asked is None:
        return None
    if groups is None:
        raise Refused(532, "Local or Remote")
    if not asked:
        return groups
    # An audit writes `v=`, `m=`, `a=setup`: types, and of attributes the names.
    wanted = {_key(line) for group in asked for line in _all_lines(group)}
    return tuple(_reduced(group, wanted) for group in groups)


def _reduced(group: sdp.SessionDescription, wanted: set[str]) -> sdp.SessionDescription:
    kept = [
        line for line in sdp.encode(group).decode("utf-8", "surrogateescape").splitlines(keepends=True)
        if line.lstrip()[:1] == "v" or _key_of(line.strip()) & wanted]
    return sdp.decode("".join(line.lstrip() for line in kept).encode("utf-8", "surrogateescape"))


def _all_lines(group: sdp.SessionDescription) -> list[str]:
    return [line.strip() for line in sdp.encode(group).decode("utf-8", "surrogateescape").splitlines() if line.strip()]


def _key(line: str) -> str:
    return line[2:].partition(":")[0].lower() if line.startswith("a=") and len(line) > 2 else line[:1]


def _key_of(line: str) -> set[str]:
    return {line[:1], _key(line)}


def _possible_parameters(item: Item) -> tuple[Property, ...]:
    """The parameters of an event or signal whose values are a known set."""
    return tuple(
        Property(one.name, tuple(label.label for label in one.values), Form.ANY_OF)
        for one in item.parameters if one.values)


def _registered(proto: str) -> str:
    """A transport as IANA registers it: in capitals, except UDP alone and that of T.38 itself."""
    return proto if proto in ("udp", "udptl") else proto.upper()
