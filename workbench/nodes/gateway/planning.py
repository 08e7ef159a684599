"""From the descriptors of a command to what a termination will be, before anything is changed.

A command on a termination either takes effect completely or not at all: all that can be refused is refused here.

Source: H.248.1 §7.1, §7.1.7, §7.1.8; TS 29.334 §5.7.
"""

from __future__ import annotations

import ipaddress
import re

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.nodes.gateway import describing, keying
from workbench.nodes.gateway.addresses import Addresses
from workbench.nodes.gateway.contexts import AnyBearer, Context, StreamEnd, Termination
from workbench.nodes.gateway.settings import Gate, Limits, Profile, Refused, Role, Setting, is_datagrams
from workbench.nodes.gateway.vocabulary import (
    LOCAL_CONTROL,
    REALM,
    ROOT_STATE,
    TERMINATION_STATE,
    SignalOrder,
    Vocabulary,
    is_on,
)
from workbench.protocols.h248 import message as h248
from workbench.protocols.sdp import SessionDescription
from workbench.security.identities import Identity

# port = number / "[" number ":" number "]" / number "-" number      gm/spr, H.248.43
_PORTS = re.compile(r"\[?([0-9]{1,5})(?:[:-]([0-9]{1,5}))?\]?")
_RTCP = ("rtcph/rsb", "gm/rsb")


class PlannedStream(msgspec.Struct):
    """A stream as it will be, once the whole command is known to be right.

    Args:
        number: H.248 stream.
        setting: None as long as the controller has not described it.
        locals: what the groups of Local ask for, with their texts; filled in by `Planner.reserve`. None: not given.
        remotes: groups of Remote; None: not given, empty: taken away.
        clears_local: an empty Local takes the endpoint away.
        properties: of LocalControl.
        chosen: those among them that the gateway chose: the reply shows them.
        reserve: ReservedValue and ReservedGroup.
        renew: a new connection is asked for.
        counted: statistics of the stream that are counted anew; None: as before.
        latch_only: nothing is new but whether the endpoint latches.
        key: the pre-shared key that was given.
        told_floors: something was said of floors.
    """

    number: int
    setting: Setting | None = None
    locals: list[tuple[describing.Local, SessionDescription]] | None = None
    remotes: tuple[SessionDescription, ...] | None = None
    clears_local: bool = False
    properties: tuple[h248.Property, ...] = ()
    chosen: tuple[h248.Property, ...] = ()
    reserve: tuple[bool, bool] = (False, False)
    renew: bool = False
    counted: tuple[str, ...] | None = None
    latch_only: bool = False
    key: keying.Given = keying.Given()
    told_floors: bool = False

    @property
    def underspecified(self) -> bool:
        """Local left something to the gateway."""
        return any(local.underspecified for local, _ in self.locals or ())


class Plan(msgspec.Struct):
    """What a command makes of a termination; None: as before.

    Args:
        realm: where its addresses come from.
        properties: of TerminationState, as they will all be.
    """

    realm: str
    streams: list[PlannedStream] = []
    state: h248.ServiceState | None = None
    buffer_control: h248.EventBufferControl | None = None
    properties: tuple[h248.Property, ...] | None = None
    events: h248.Events | None = None
    buffer: h248.EventBuffer | None = None
    signals: h248.Signals | None = None
    digit_maps: tuple[h248.DigitMap, ...] | None = None
    counted: tuple[str, ...] | None = None


class Planner:
    """Reads commands for a gateway. Every method raises Refused for what can't be."""

    def __init__(
        self, profile: Profile, limits: Limits, vocabulary: Vocabulary, addresses: Addresses, identity: Identity
    ) -> None:
        self._profile = profile
        self._limits = limits
        self._vocabulary = vocabulary
        self._addresses = addresses
        self._identity = identity

    def plan(
        self, command: h248.Command, termination: Termination, prefix: str, context: Context | None = None,
    ) -> Plan:
        """What a command makes of a termination in a context (None: a new one).

        `prefix` is what stands before the number in its TerminationID.

        Addresses are taken (`reserve`) when everything else is known to be right; nothing else is changed.
        """
        plan = Plan(termination.realm)
        media = command.descriptor(h248.Media) or h248.Media()
        self._state(media.termination_state, termination, plan, root=False)
        self._streams(media, termination, prefix, plan)
        self._orders(command, termination, plan)
        if not plan.realm and not prefix:
            raise Refused(472, REALM)
        self._check_chairs(plan, termination, context)
        self.reserve(plan, termination)
        return plan

    def root(self, command: h248.Command, root: Termination) -> Plan:
        """The same for ROOT, which has no streams."""
        plan = Plan("")
        media = command.descriptor(h248.Media) or h248.Media()
        if media.streams:
            raise Refused(442, "ROOT has no streams")
        self._state(media.termination_state, root, plan, root=True)
        self._orders(command, root, plan)
        return plan

    # TerminationState

    def _state(
        self, state: h248.TerminationState | None, termination: Termination, plan: Plan, *, root: bool
    ) -> None:
        if state is None:
            return
        if state.service_state not in (None, termination.state):
            if not self._profile.service_states or root:
                raise Refused(501, f"ServiceStates = {state.service_state}")
            if state.service_state is h248.ServiceState.TEST:
                raise Refused(501, "ServiceStates = Test")
            plan.state = state.service_state
        if state.buffer is not None:
            if not self._profile.event_buffer and state.buffer is not h248.EventBufferControl.OFF:
                raise Refused(501, f"Buffer = {state.buffer}")
            plan.buffer_control = state.buffer
        given = self._vocabulary.properties(state.properties, ROOT_STATE if root else TERMINATION_STATE)
        if given:
            before = termination.more.properties if termination.more is not None else ()
            plan.properties = _merged(before, given)

    # Streams

    def _streams(self, media: h248.Media, termination: Termination, prefix: str, plan: Plan) -> None:
        numbers = [stream.id for stream in media.streams]
        if len(set(numbers)) < len(numbers):
            raise Refused(448, "Stream")
        known = {end.number for end in termination.streams}
        if len(set(numbers) | known) > self._limits.streams_per_termination:
            raise Refused(510, f"{self._limits.streams_per_termination} streams")
        for asked in media.streams:
            plan.streams.append(self._stream(asked, termination, prefix, plan))

    def _stream(
        self, asked: h248.StreamDescriptor, termination: Termination, prefix: str, plan: Plan
    ) -> PlannedStream:
        end = termination.stream(asked.id) or StreamEnd(asked.id)
        bearer = end.bearer
        before = bearer.setting if bearer is not None else None
        stream = PlannedStream(asked.id, properties=end.properties, reserve=end.reserve)
        mode = before.mode if before is not None else h248.Mode.INACTIVE
        if asked.local_control is not None:
            mode = self._control(asked.local_control, stream, mode)
        self._settle_realm(stream, prefix, plan)
        if asked.statistics is not None:
            stream.counted = self._vocabulary.statistics(asked.statistics.items, stream=True) or ("nt/os", "nt/or")
        remotes = self._remotes(asked.remote) if asked.remote else None
        if remotes is not None:
            stream.remotes = remotes[1]
        elif asked.remote == ():
            stream.remotes = ()
        if asked.local == ():
            stream.clears_local = True
            before = None
        elif asked.local is not None:
            wanted = remotes[0].proto if remotes is not None else self._known_proto(end)
            stream.locals = self._locals(asked.local, plan.realm, stream.reserve[1], wanted)
        if stream.locals is None and before is None:
            if remotes is not None or mode is not h248.Mode.INACTIVE:
                raise Refused(441, "Local")
            return stream
        setting = before if before is not None else Setting("", False, Endpoint("", 0), Role.NONE)
        if stream.locals is not None:
            setting = self._with_local(setting, stream.locals[0][0], bearer if before is not None else None)
            stream.renew = stream.locals[0][0].renew and before is not None and before.remote is not None
        remote = remotes[0] if remotes is not None else None
        if remote is None and stream.remotes is None and before is None:
            remote = self._known_remote(end)
        if remote is not None:
            setting = msgspec.structs.replace(
                setting, remote=remote.address, remote_fingerprints=remote.fingerprints, remote_path=remote.path,
                remote_tls_id=remote.tls_id or setting.remote_tls_id)
        elif stream.remotes == ():
            setting = msgspec.structs.replace(setting, remote=None, remote_fingerprints=None, remote_path=None)
        role = setting.role
        if stream.locals is not None or stream.remotes is not None:
            peer = remote.role if remote is not None else self._known_role(end) if stream.remotes is None else None
            role = describing.settled(role, peer)
        setting = msgspec.structs.replace(setting, mode=mode, role=role, gate=_gate(stream.properties))
        setting = keying.applied(setting, stream.key)
        if stream.told_floors:
            setting = self._with_floors(setting, stream.properties)
        self._check_version(stream, setting)
        stream.setting = setting
        return stream

    def _control(self, control: h248.LocalControl, stream: PlannedStream, before: h248.Mode) -> h248.Mode:
        """LocalControl: properties, what is reserved, and the mode."""
        if control.mode is h248.Mode.LOOP_BACK:
            raise Refused(517, "Loopback")
        asked = control.properties
        given = self._vocabulary.properties(asked, LOCAL_CONTROL)
        keys = self._vocabulary.keys
        if any(keys.names(item) for item in given):
            given, stream.key = keys.taken(given)
            asked = tuple(item for item in asked if not keys.names(item))
        for item in given:
            if item.name.lower() in _RTCP and is_on(item):
                raise Refused(473, f"{item.name} = ON: a TCP stream has no RTCP")
        stream.properties = _merged(stream.properties, given)
        stream.told_floors = self._vocabulary.floors.tells(given)
        stream.chosen = tuple(
            item for item, wanted in zip(given, asked, strict=True) if item is not wanted)
        if control.reserved_value is not None or control.reserved_group is not None:
            value, group = stream.reserve
            stream.reserve = (
                value if control.reserved_value is None else control.reserved_value,
                group if control.reserved_group is None else control.reserved_group)
        return control.mode or before

    def _with_floors(self, setting: Setting, items: tuple[h248.Property, ...]) -> Setting:
        """The setting with floors of its conference, and those that its user decides on (TS 23.333 §8.45, §8.46)."""
        try:
            told, chairs = self._vocabulary.floors.read(items)
        except PeerError as error:
            raise Refused(449, str(error)) from None
        if setting.floor is None:
            raise Refused(473, f"floors, and Local of {setting.proto} has no a=confid")
        if told is not None and told.conference != setting.floor.conference:
            raise Refused(473, f"conference {told.conference}, and a=confid:{setting.floor.conference} in Local")
        if told is not None and not set(chairs) <= {one.floor for one in told.floors}:
            raise Refused(473, "the chair of a floor that the conference does not have")
        return msgspec.structs.replace(setting, floor_control=told, chairs=chairs)

    @staticmethod
    def _check_chairs(plan: Plan, termination: Termination, context: Context | None) -> None:
        """A floor has one chair in a context (H.248 error 479)."""
        wanted = {floor for stream in plan.streams if stream.setting is not None for floor in stream.setting.chairs}
        if not wanted or context is None:
            return
        taken = {floor for one in context.terminations if one is not termination
                 for bearer in one.bearers.values() for floor in bearer.setting.chairs}
        if wanted & taken:
            raise Refused(479, f"floor {min(wanted & taken)} has a chair")

    def _settle_realm(self, stream: PlannedStream, prefix: str, plan: Plan) -> None:
        item = next((one for one in stream.properties if one.name.lower() == REALM), None)
        if item is None and plan.realm:
            return
        realm = self._addresses.realm(item, prefix)
        if plan.realm not in ("", realm):
            raise Refused(473, f"{REALM} = {realm}: the realm of a termination stays")
        plan.realm = realm
        if item is not None and (item.form is not h248.Form.ONE or item.value == "$"):
            settled = h248.Property(item.name, (h248.Quoted(realm),))
            stream.properties = _merged(stream.properties, [settled])
            stream.chosen = (*(one for one in stream.chosen if one.name.lower() != REALM), settled)

    @staticmethod
    def _with_local(before: Setting, local: describing.Local, bearer: AnyBearer | None) -> Setting:
        """The setting with a new Local; where the endpoint lives can't change any more, nor TLS under a connection."""
        where = Endpoint(local.host or "", local.port or 0)
        if bearer is not None:
            where = before.local
            if local.host not in (None, where.host) or local.port not in (None, where.port):
                raise Refused(501, "another local address on a running stream")
            if is_datagrams(local.proto) is not before.datagrams:
                raise Refused(501, f"{before.proto} to {local.proto}: the endpoint has to be given up first")
            if local.tls != before.tls and bearer.stream is not None:
                raise Refused(501, f"{before.proto} to {local.proto} on a running connection")
        return msgspec.structs.replace(
            before, proto=local.proto, tls=local.tls, role=local.role, local=where, path=local.path,
            tls_id=local.tls_id or before.tls_id, floor=local.floor)

    @staticmethod
    def _known_remote(end: StreamEnd) -> describing.Remote | None:
        theirs = end.remote
        return None if not theirs else describing.read_remote(theirs[0])

    def _known_role(self, end: StreamEnd) -> Role | None:
        remote = self._known_remote(end)
        return None if remote is None else remote.role

    def _known_proto(self, end: StreamEnd) -> str:
        remote = self._known_remote(end)
        return "" if remote is None else remote.proto

    def _check_version(self, stream: PlannedStream, setting: Setting) -> None:
        """Local and Remote are of one IP version."""
        local = stream.locals[0][0].version if stream.locals is not None else setting.local.version
        if setting.remote is not None and setting.remote.version != local:
            raise Refused(473, f"IP{setting.remote.version} in Remote, IP{local} in Local")

    def _locals(
        self, groups: tuple[SessionDescription, ...], realm: str, many: bool, wanted: str
    ) -> list[tuple[describing.Local, SessionDescription]]:
        """The alternatives that the gateway can do: the first one, or with ReservedGroup all of them.

        Of several that are kept the one of Remote's transport is carried out, and until there is one, the first.
        """
        able: list[tuple[describing.Local, SessionDescription]] = []
        first: Refused | None = None
        for described in groups:
            try:
                local = describing.read_local(described, self._profile.transports, self._identity)
                if local.version not in self._addresses.versions(realm):
                    raise Refused(449, f"IP{local.version} in realm {realm}")
                able.append((local, described))
            except Refused as refused:
                first = first or refused
        if not able:
            assert first is not None
            raise first if len(groups) == 1 else Refused(510, f"no alternative can be had: {first.text}")
        able.sort(key=lambda one: not many or one[0].proto.lower() != wanted.lower())
        return able if many else able[:1]

    @staticmethod
    def _remotes(
        groups: tuple[SessionDescription, ...]
    ) -> tuple[describing.Remote, tuple[SessionDescription, ...]]:
        """The first alternative of Remote that can be had, and all of them."""
        first: Refused | None = None
        for described in groups:
            try:
                return describing.read_remote(described), groups
            except Refused as refused:
                first = first or refused
        assert first is not None
        raise first if len(groups) == 1 else Refused(510, f"no alternative can be had: {first.text}")

    # Events, signals and the rest

    def _orders(self, command: h248.Command, termination: Termination, plan: Plan) -> None:
        """Check events, signals and what else there is against what the termination is going to be."""
        root = termination.name == h248.ROOT
        future = {number: bearer.setting for number, bearer in termination.bearers.items()}
        for stream in plan.streams:
            if stream.clears_local:
                future.pop(stream.number, None)
            if stream.setting is not None:
                future[stream.number] = stream.setting
        maps = termination.more.digit_maps if termination.more is not None else ()
        for descriptor in command.descriptors:
            match descriptor:
                case h248.DigitMap():
                    self._vocabulary.digit_map(descriptor, maps)
                    if len(maps) >= self._limits.digit_maps and all(one.name != descriptor.name for one in maps):
                        raise Refused(519, f"{self._limits.digit_maps} digit maps")
                    maps = plan.digit_maps = (*(one for one in maps if one.name != descriptor.name), descriptor)
                case h248.Statistics(items=items):
                    plan.counted = self._vocabulary.statistics(items, stream=False) or tuple(self._profile.statistics)
                case h248.EventBuffer(events=events):
                    if len(events) > self._limits.events_per_termination:
                        raise Refused(510, f"{self._limits.events_per_termination} events")
                    self._vocabulary.buffered(events, root=root)
                    plan.buffer = descriptor
        plan.events = command.descriptor(h248.Events)
        if plan.events is not None:
            if len(plan.events.events) > self._limits.events_per_termination:
                raise Refused(510, f"{self._limits.events_per_termination} events")
            self._vocabulary.events(plan.events, root=root, streams=future, maps=maps)
        plan.signals = command.descriptor(h248.Signals)
        if plan.signals is not None:
            if _size(plan.signals) > self._limits.signals_per_termination:
                raise Refused(510, f"{self._limits.signals_per_termination} signals")
            for order in self._vocabulary.signals(plan.signals, future):
                self._order(order, future, termination, plan)

    def _order(
        self, order: SignalOrder, future: dict[int, Setting], termination: Termination, plan: Plan
    ) -> None:
        """A signal that orders something can be carried out; a latch is taken over into the setting."""
        setting = future[order.number]
        if order.role.startswith("tcp") and setting.datagrams:
            raise Refused(513, f"no TCP with {setting.proto}")
        if order.role == "tcp-establish":
            if setting.role in (Role.PASSIVE, Role.HOLDCONN):
                raise Refused(473, f"establish signal with a=setup:{setting.role}")
            if setting.remote is None:
                raise Refused(441, "establish signal without Remote")
        elif order.role.startswith("tls") and not setting.tls:
            raise Refused(513, f"no TLS with {setting.proto}")
        elif order.role == "tls-establish" and setting.datagrams and setting.role is Role.PASSIVE:
            raise Refused(473, f"establish signal with a=setup:{setting.role}: here it is the role in DTLS")
        elif order.role in ("latch", "unlatch"):
            latched = future[order.number] = msgspec.structs.replace(setting, latch=order.role == "latch")
            planned = next((stream for stream in plan.streams if stream.number == order.number), None)
            if planned is None:
                end = termination.stream(order.number)
                assert end is not None
                planned = PlannedStream(
                    order.number, properties=end.properties, reserve=end.reserve, latch_only=True)
                plan.streams.append(planned)
            planned.setting = latched

    def reserve(self, plan: Plan, termination: Termination) -> None:
        """Give addresses and ports, and fill them into Local; nothing is taken if one can't be had."""
        taken: list[Endpoint] = []
        try:
            for stream in plan.streams:
                setting = stream.setting
                if setting is None:
                    continue
                end = termination.stream(stream.number)
                if end is None or end.bearer is None:
                    assert stream.locals is not None
                    version = stream.locals[0][0].version
                    where = self._addresses.endpoint(setting.local, plan.realm, version)
                    taken.append(where)
                    setting = stream.setting = msgspec.structs.replace(setting, local=where)
                if stream.locals is not None:
                    stream.locals = [
                        (local, describing.filled(described, setting.local, self._identity, local.hash_name))
                        for local, described in stream.locals]
        except Refused:
            self._addresses.give_back(*taken)
            raise


def _merged(before: tuple[h248.Property, ...], given: list[h248.Property]) -> tuple[h248.Property, ...]:
    """Properties with new values for those given (H.248.1 §7.1.7: those not named keep theirs)."""
    if not given:
        return before
    fresh = {item.name.lower(): item for item in given}
    kept = [fresh.pop(item.name.lower(), item) for item in before]
    return (*kept, *fresh.values())


def _gate(properties: tuple[h248.Property, ...]) -> Gate | None:
    """The source filters of package gm; None where none is on."""
    named = {item.name.lower(): item for item in properties if item.name.lower().startswith("gm/")}
    if not named:
        return None
    by_address, by_port = is_on(named.get("gm/saf")), is_on(named.get("gm/spf"))
    network, ports = "", None
    if (sam := named.get("gm/sam")) is not None:
        try:
            network = str(ipaddress.ip_network(sam.value.strip("[]"), strict=False))
        except ValueError:
            raise Refused(449, f"gm/sam = {sam.value}") from None
    if (spr := named.get("gm/spr")) is not None:
        match = _PORTS.fullmatch("-".join(spr.values))
        first, last = (int(match[1]), int(match[2] or match[1])) if match is not None else (1, 0)
        if not first <= last < 65_536:
            raise Refused(449, f"gm/spr = {'-'.join(spr.values)}")
        ports = (first, last)
    if not by_address and not by_port:
        return None
    return Gate(network, by_address, by_port, ports)


def _size(signals: h248.Signals) -> int:
    return sum(len(item.signals) if isinstance(item, h248.SignalList) else 1 for item in signals.items)
