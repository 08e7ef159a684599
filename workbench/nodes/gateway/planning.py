"""From the descriptors of a command to what the streams of a termination will be, before anything is changed.

A command on a termination either takes effect completely or not at all: all that can be refused is refused here.

Source: H.248.1 §7.1, §7.1.7, §7.1.8; TS 29.334 §5.7.
"""

from __future__ import annotations

import msgspec

from workbench.net.values import Endpoint
from workbench.nodes.gateway import describing
from workbench.nodes.gateway.addresses import Addresses
from workbench.nodes.gateway.bearer import Bearer
from workbench.nodes.gateway.contexts import Termination
from workbench.nodes.gateway.settings import Limits, Profile, Refused, Role, Setting
from workbench.nodes.gateway.vocabulary import REALM, Vocabulary
from workbench.protocols.h248 import message as h248
from workbench.protocols.sdp import SessionDescription
from workbench.security.identities import Identity


class PlannedStream(msgspec.Struct):
    """A stream as it will be, once the whole command is known to be right.

    Args:
        number: H.248 stream.
        setting: None as long as the controller has not described it.
        local, described: what Local asks for, and its text; filled in by `Planner.reserve`.
        remote, clears_remote: Remote as given; whether an empty one takes it away.
        properties: of LocalControl, by their names in lower case.
        renew: a new connection is asked for.
    """

    number: int
    setting: Setting | None
    local: describing.Local | None
    described: SessionDescription | None
    remote: SessionDescription | None
    clears_remote: bool
    properties: dict[str, h248.Property]
    renew: bool


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

    def streams(self, media: h248.Media, termination: Termination, prefix: str) -> list[PlannedStream]:
        """What Media makes of the streams. `prefix` is what stands before the number in the TerminationID."""
        state = media.termination_state
        if state is not None and (state.service_state not in (None, h248.ServiceState.IN_SERVICE) or state.buffer):
            raise Refused(501, "TerminationState")
        if state is not None:
            for item in state.properties:
                self._vocabulary.property(item)
        numbers = [stream.id for stream in media.streams]
        if len(set(numbers)) < len(numbers):
            raise Refused(448, "Stream")
        if len(set(numbers) | set(termination.bearers)) > self._limits.streams_per_termination:
            raise Refused(510, f"{self._limits.streams_per_termination} streams")
        return [self._stream(stream, termination, prefix) for stream in media.streams]

    def orders(self, command: h248.Command, termination: Termination, streams: list[PlannedStream]) -> None:
        """Check events and signals against what the termination is going to be; and take over the latch."""
        events = command.descriptor(h248.Events)
        if events is not None:
            if len(events.events) > self._limits.events_per_termination:
                raise Refused(510, f"{self._limits.events_per_termination} events")
            for event in events.events:
                self._vocabulary.event(event)
        signals = command.descriptor(h248.Signals)
        if signals is None:
            return
        future = {number: bearer.setting for number, bearer in termination.bearers.items()}
        future.update({stream.number: stream.setting for stream in streams if stream.setting is not None})
        for signal in self._vocabulary.signals(signals, future):
            setting = future[signal.number]
            if signal.role == "tcp-establish":
                if setting.role is Role.PASSIVE:
                    raise Refused(473, "establish signal with a=setup:passive")
                if setting.remote is None:
                    raise Refused(441, "establish signal without Remote")
            elif signal.role.startswith("tls") and not setting.tls:
                raise Refused(513, f"no TLS with {setting.proto}")
            elif signal.role in ("latch", "unlatch"):
                future[signal.number] = msgspec.structs.replace(setting, latch=signal.role == "latch")
        for stream in streams:
            if stream.setting is not None:
                stream.setting = future[stream.number]
        for number, bearer in termination.bearers.items():
            if all(stream.number != number for stream in streams):
                bearer.setting = future[number]

    def reserve(self, streams: list[PlannedStream], termination: Termination) -> None:
        """Give addresses and ports, and fill them into Local; nothing is taken if one can't be had."""
        taken: list[Endpoint] = []
        try:
            for stream in streams:
                setting = stream.setting
                if setting is None:
                    continue
                if stream.number not in termination.bearers:
                    where = self._addresses.endpoint(setting.local, termination.realm)
                    taken.append(where)
                    setting = stream.setting = msgspec.structs.replace(setting, local=where)
                if stream.local is not None and stream.described is not None:
                    stream.described = describing.filled(
                        stream.described, setting.local, self._identity, stream.local.hash_name)
        except Refused:
            self._addresses.give_back(*taken)
            raise

    def _stream(self, asked: h248.StreamDescriptor, termination: Termination, prefix: str) -> PlannedStream:
        bearer = termination.bearers.get(asked.id)
        before = bearer.setting if bearer is not None else None
        properties = dict(termination.properties.get(asked.id, {}))
        mode = before.mode if before is not None else h248.Mode.INACTIVE
        if asked.local_control is not None:
            mode = self._mode(asked.local_control, mode)
            for item in asked.local_control.properties:
                self._vocabulary.property(item)
                properties[item.name.lower()] = item
        self._settle_realm(properties.get(REALM), termination, prefix)
        if asked.local == ():
            raise Refused(501, "an empty Local descriptor")
        local, described = self._local(asked.local) if asked.local is not None else (None, None)
        remote, theirs = self._remote(asked.remote) if asked.remote else (None, None)
        stream = PlannedStream(asked.id, None, local, described, theirs, asked.remote == (), properties, False)
        if local is None and before is None:
            if remote is not None or mode is not h248.Mode.INACTIVE:
                raise Refused(441, "Local")
            return stream
        setting = before if before is not None else Setting("", False, Endpoint("", 0), Role.NONE)
        if local is not None:
            setting = self._with_local(setting, local, bearer)
            stream.renew = local.renew and before is not None and before.remote is not None
        if remote is not None:
            setting = msgspec.structs.replace(
                setting, remote=remote.address, remote_fingerprints=remote.fingerprints)
        elif asked.remote == ():
            setting = msgspec.structs.replace(setting, remote=None, remote_fingerprints=None)
        peer = remote.role if remote is not None else self._known_role(termination, asked.id)
        stream.setting = msgspec.structs.replace(setting, mode=mode, role=describing.settled(setting.role, peer))
        self._check_version(local, stream.setting, termination)
        return stream

    def _settle_realm(self, item: h248.Property | None, termination: Termination, prefix: str) -> None:
        realm = self._addresses.realm(item, prefix)
        if termination.realm not in ("", realm):
            raise Refused(473, f"{REALM} = {realm}: the realm of a termination stays")
        termination.realm = realm

    @staticmethod
    def _with_local(before: Setting, local: describing.Local, bearer: Bearer | None) -> Setting:
        """The setting with a new Local; where the endpoint lives can't change any more, nor TLS under a connection."""
        where = Endpoint(local.host or "", local.port or 0)
        if bearer is not None:
            where = before.local
            if local.host not in (None, where.host) or local.port not in (None, where.port):
                raise Refused(501, "another local address on a running stream")
            if local.tls != before.tls and bearer.stream is not None:
                raise Refused(501, f"{before.proto} to {local.proto} on a running connection")
        return msgspec.structs.replace(before, proto=local.proto, tls=local.tls, role=local.role, local=where)

    def _known_role(self, termination: Termination, number: int) -> Role | None:
        theirs = termination.remotes.get(number)
        return None if theirs is None else describing.read_remote(theirs).role

    def _check_version(self, local: describing.Local | None, setting: Setting, termination: Termination) -> None:
        version = self._addresses.version(termination.realm)
        if local is not None and local.version != version:
            raise Refused(449, f"IP{local.version} in realm {termination.realm}")
        if setting.remote is not None and setting.remote.version != version:
            raise Refused(473, f"IP{setting.remote.version} in Remote, IP{version} in Local")

    def _local(self, groups: tuple[SessionDescription, ...]) -> tuple[describing.Local, SessionDescription]:
        """The first alternative that the gateway can do (ReservedGroup is OFF: one is picked)."""
        first: Refused | None = None
        for described in groups:
            try:
                return describing.read_local(described, self._profile.transports, self._identity), described
            except Refused as refused:
                first = first or refused
        assert first is not None
        raise first

    @staticmethod
    def _remote(groups: tuple[SessionDescription, ...]) -> tuple[describing.Remote, SessionDescription]:
        return describing.read_remote(groups[0]), groups[0]

    @staticmethod
    def _mode(control: h248.LocalControl, before: h248.Mode) -> h248.Mode:
        if control.mode is h248.Mode.LOOP_BACK:
            raise Refused(517, "Loopback")
        return control.mode or before
