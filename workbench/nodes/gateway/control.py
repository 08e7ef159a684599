"""What a gateway does with the commands of its controller: all of a command on a termination, or nothing and an error.

Source: H.248.1 §6, §7, §8; H.248.8 (error codes); TS 29.334 §5.7, §5.8, §5.17 (Iq).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping

import msgspec

from workbench.net.values import Endpoint, Note
from workbench.nodes.gateway import describing
from workbench.nodes.gateway.bearer import Bearer
from workbench.nodes.gateway.contexts import Context, Contexts, Termination
from workbench.nodes.gateway.settings import Limits, Outbox, Policy, Profile, Refused, Role, Setting
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Kind
from workbench.protocols.h248.packages import ItemKind, Registry
from workbench.protocols.sdp import SessionDescription
from workbench.security.identities import Identity

LATCH = "ipnapt/latch"
REALM = "ipdc/realm"
HEARTBEAT = "hangterm/thb"
_ORDERS = (h248.Media, h248.Events, h248.Signals, h248.Audit)
_MISSING = {ItemKind.PROPERTY: 450, ItemKind.EVENT: 451, ItemKind.SIGNAL: 452, ItemKind.STATISTIC: 453}
_CONTEXT_WORDS = {h248.NULL: "-", h248.CHOOSE: "$", h248.ALL: "*"}


class _Stream(msgspec.Struct):
    """A stream as it will be, once the whole command is known to be right."""

    number: int
    setting: Setting | None
    local: describing.Local | None
    described: SessionDescription | None
    remote: SessionDescription | None
    clears_remote: bool
    properties: dict[str, h248.Property]
    renew: bool


class _Signal(msgspec.Struct, frozen=True):
    """A signal to start, with the stream it is for; `role` is what it does."""

    role: str
    number: int
    reset: bool = False


class Control:
    """Contexts and the commands on them.

    Args:
        addresses: realm, or the first label of its name, to the gateway's address there.
        ports: first and last local port for media.
        free: whether a local endpoint is not in use by a connection that still ends.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        limits: Limits,
        policy: Policy,
        identity: Identity,
        addresses: Mapping[str, str],
        ports: tuple[int, int],
        registry: Registry,
        out: Outbox,
        free: Callable[[Endpoint], bool],
    ) -> None:
        self.contexts = Contexts(limits)
        self.root = Termination(h248.ROOT, "", 0.0)
        self._profile = profile
        self._limits = limits
        self._policy = policy
        self._identity = identity
        self._addresses = dict(addresses)
        self._ports = ports
        self._next_port = ports[0]
        self._registry = registry
        self._out = out
        self._free = free
        self._used: set[Endpoint] = set()
        self._roles = {registry.wire_name(role).lower(): role for role in
                       ("tcp-establish", "tcp-release", "tls-establish", "tls-release")}
        self.leaving: list[Bearer] = []
        self.restart_ordered = False

    # Transactions

    def execute(self, actions: Iterable[h248.Action], now: float) -> tuple[h248.ActionReply, ...]:
        """Carry out the actions of one request in order; the first command that fails ends it, unless optional."""
        replies: list[h248.ActionReply] = []
        for action in actions:
            for one in self._each_context(action):
                reply, going_on = self._action(one, now)
                replies.append(reply)
                if not going_on:
                    return tuple(replies)
        return tuple(replies)

    def _each_context(self, action: h248.Action) -> list[h248.Action]:
        """`Context = *` stands for every context there is, the null context not included (H.248.1 §6.1.2)."""
        if action.context != h248.ALL:
            return [action]
        numbers = [context.number for context in self.contexts.all()]
        return [msgspec.structs.replace(action, context=number) for number in numbers] or [action]

    def _action(self, action: h248.Action, now: float) -> tuple[h248.ActionReply, bool]:
        replies: list[h248.CommandReply] = []
        context: Context | None = None
        shown = action.context
        properties = None
        try:
            if action.context == h248.ALL:
                raise Refused(411, "no context")
            if action.context not in (h248.NULL, h248.CHOOSE):
                context = self.contexts.get(action.context)
            self._check_properties(action.properties)
            if context is not None:
                self._set_properties(context, action.properties)
                if action.audit is not None:
                    properties = context.properties
        except Refused as refused:
            return h248.ActionReply(action.context, (), _error(refused)), False
        going_on = True
        for command in action.commands:
            try:
                answers, made = self._command(command, action.context, context, now)
            except Refused as refused:
                answers, made = [h248.CommandReply(command.kind, command.terminations, (_error(refused),))], None
            if made is not None and made is not context:
                context, shown = made, made.number
                self._set_properties(context, action.properties)
            replies += answers
            if any(answer.error is not None for answer in answers) and not command.optional:
                going_on = False
                break
        if context is not None:
            context.settle(now)
        return h248.ActionReply(shown, tuple(replies), None, properties), going_on

    def _command(
        self, command: h248.Command, number: int, context: Context | None, now: float
    ) -> tuple[list[h248.CommandReply], Context | None]:
        """One command on all that its TerminationIDs match; and the context, where the command made one."""
        if command.kind is Kind.ADD:
            if number == h248.NULL:
                raise Refused(421, "Add in the null context")
            reply, made = self._add(command, context, now)
            return [reply], made
        if command.kind in (Kind.MOVE, Kind.AUDIT_CAPABILITY):
            raise Refused(501, command.kind)
        if command.kind is Kind.NOTIFY:
            raise Refused(443, "Notify comes from gateways")
        replies: list[h248.CommandReply] = []
        for termination in self._matching(command.terminations, number, context):
            try:
                replies.append(self._on(command, context, termination, now))
            except Refused as refused:
                replies.append(h248.CommandReply(command.kind, (termination.name,), (_error(refused),)))
                if not command.optional:
                    break
        if command.wildcard_response and all(reply.error is None for reply in replies):
            return [h248.CommandReply(command.kind, command.terminations)], None
        return replies, None

    def _on(
        self, command: h248.Command, context: Context | None, termination: Termination, now: float
    ) -> h248.CommandReply:
        termination.spoken_of = now
        audit = command.descriptor(h248.Audit)
        descriptors: list[h248.Descriptor]
        match command.kind:
            case Kind.MODIFY:
                descriptors = self._modify(command, context, termination, now)
            case Kind.SUBTRACT:
                if context is None:
                    raise Refused(421, "Subtract in the null context")
                self._only(command, (h248.Audit,))
                descriptors = [termination.statistics(now)] if audit is None else self._audited(termination, audit, now)
                self._subtract(context, termination, now)
            case Kind.AUDIT_VALUE:
                self._only(command, (h248.Audit,))
                descriptors = [] if audit is None else self._audited(termination, audit, now)
            case Kind.SERVICE_CHANGE:
                descriptors = self._service_change(command, context, termination, now)
            case _:
                raise Refused(443, command.kind)
        return h248.CommandReply(command.kind, (termination.name,), tuple(descriptors))

    def _matching(
        self, names: tuple[str, ...], number: int, context: Context | None
    ) -> list[Termination]:
        found: list[Termination] = []
        for name in names:
            if name.upper() == h248.ROOT:
                if number != h248.NULL:
                    raise Refused(435, "ROOT is in the null context")
                found.append(self.root)
            elif "$" in name:
                raise Refused(410, f"{name} where a termination has to exist")
            elif "*" in name:
                own = list(context.terminations.values()) if context is not None else []
                matched = [one for one in own if _matches(one.name, name)]
                if not matched:
                    raise Refused(431, name)
                found += matched
            elif context is not None and name.lower() in context.terminations:
                found.append(context.terminations[name.lower()])
            elif self.contexts.find(name.lower()) is not None:
                raise Refused(435, f"{name} is not in context {_CONTEXT_WORDS.get(number, number)}")
            else:
                raise Refused(430, name)
        return found

    # Add, Modify, Subtract

    def _add(
        self, command: h248.Command, context: Context | None, now: float
    ) -> tuple[h248.CommandReply, Context]:
        if len(command.terminations) != 1:
            raise Refused(501, "Add of several terminations")
        self._only(command, _ORDERS)
        prefix = self._prefix(command.terminations[0])
        self.contexts.room(context)
        media = command.descriptor(h248.Media) or h248.Media()
        termination = Termination("", "", now)
        streams = self._streams(media, termination, prefix)
        self._plan_orders(command, termination, streams)
        prefix = prefix or f"ip/1/{self._interface(termination.realm)}"
        self._settle_locals(streams, termination)
        if context is None:
            context = self.contexts.new_context()
        termination.name = self.contexts.new_name(prefix)
        context.terminations[termination.name] = termination
        self._carry_out(command, context, termination, streams, now)
        shown = [stream for stream in streams if stream.local is not None]
        descriptors: list[h248.Descriptor] = [_locals(media, termination, shown)] if shown else []
        audit = command.descriptor(h248.Audit)
        if audit is not None:
            descriptors += self._audited(termination, audit, now)
        return h248.CommandReply(Kind.ADD, (termination.name,), tuple(descriptors)), context

    def _modify(
        self, command: h248.Command, context: Context | None, termination: Termination, now: float
    ) -> list[h248.Descriptor]:
        self._only(command, _ORDERS)
        media = command.descriptor(h248.Media) or h248.Media()
        if context is None:
            if media.streams:
                raise Refused(442, "ROOT has no streams")
            self._plan_orders(command, termination, [])
            if (events := command.descriptor(h248.Events)) is not None:
                termination.events = events if events.events else None
            return []
        streams = self._streams(media, termination, termination.name.rpartition("/")[0])
        self._plan_orders(command, termination, streams)
        self._settle_locals(streams, termination)
        self._carry_out(command, context, termination, streams, now)
        shown = [stream for stream in streams if stream.local is not None and stream.local.underspecified]
        descriptors: list[h248.Descriptor] = [_locals(media, termination, shown)] if shown else []
        audit = command.descriptor(h248.Audit)
        return descriptors + (self._audited(termination, audit, now) if audit is not None else [])

    def _subtract(self, context: Context, termination: Termination, now: float) -> None:
        for bearer in termination.bearers.values():
            partner = bearer.partner
            bearer.release(now, "Subtract: the termination is released [TS 23.334 §8.5]")
            if partner is not None and self._policy.release_linked:
                partner.give_up(now, f"{termination.name} was released: its partner is too", hard=False)
            bearer.partner = None
            self.leaving.append(bearer)
            self._used.discard(bearer.setting.local)
        del context.terminations[termination.name]
        context.relink()
        self.contexts.drop_if_empty(context)

    def drop_all(self, now: float) -> None:
        """Release every termination."""
        for context in self.contexts.all():
            for termination in list(context.terminations.values()):
                self._subtract(context, termination, now)

    def _carry_out(
        self, command: h248.Command, context: Context, termination: Termination, streams: list[_Stream], now: float
    ) -> None:
        """Media first, then events, then signals (H.248.1 §7.1.1)."""
        for stream in streams:
            self._take_media(context, termination, stream, now)
        if (events := command.descriptor(h248.Events)) is not None:
            termination.events = events if events.events else None
        signals = command.descriptor(h248.Signals)
        if signals is not None:
            termination.signals = signals
            for signal in self._signals(signals, termination.bearers):
                self._start(signal, termination.bearers[signal.number], now)

    def _take_media(self, context: Context, termination: Termination, stream: _Stream, now: float) -> None:
        termination.properties[stream.number] = stream.properties
        if stream.described is not None:
            termination.locals[stream.number] = stream.described
        if stream.clears_remote:
            termination.remotes.pop(stream.number, None)
        if stream.remote is not None:
            termination.remotes[stream.number] = stream.remote
        if stream.setting is None:
            return
        bearer = termination.bearers.get(stream.number)
        if bearer is None:
            bearer = termination.bearers[stream.number] = Bearer(
                context.number, termination.name, stream.number, stream.setting,
                policy=self._policy, identity=self._identity, out=self._out)
            context.relink()
        bearer.apply(stream.setting, now, renew=stream.renew)

    def _start(self, signal: _Signal, bearer: Bearer, now: float) -> None:
        match signal.role:
            case "tcp-establish":
                bearer.establish_tcp(now)
            case "tls-establish":
                bearer.establish_tls(now)
            case "tcp-release" | "tls-release":
                bearer.release(now, f"release signal at {bearer.termination}", reset=signal.reset)
                if bearer.partner is not None and self._policy.release_linked:
                    bearer.partner.give_up(now, f"{bearer.termination} was released: its partner is too", hard=False)

    # What Media says

    def _streams(self, media: h248.Media, termination: Termination, prefix: str) -> list[_Stream]:
        state = media.termination_state
        if state is not None and (state.service_state not in (None, h248.ServiceState.IN_SERVICE) or state.buffer):
            raise Refused(501, "TerminationState")
        if state is not None:
            for item in state.properties:
                self._property(item)
        numbers = [stream.id for stream in media.streams]
        if len(set(numbers)) < len(numbers):
            raise Refused(448, "Stream")
        if len(set(numbers) | set(termination.bearers)) > self._limits.streams_per_termination:
            raise Refused(510, f"{self._limits.streams_per_termination} streams")
        return [self._stream(stream, termination, prefix) for stream in media.streams]

    def _stream(self, asked: h248.StreamDescriptor, termination: Termination, prefix: str) -> _Stream:
        bearer = termination.bearers.get(asked.id)
        before = bearer.setting if bearer is not None else None
        properties = dict(termination.properties.get(asked.id, {}))
        mode = before.mode if before is not None else h248.Mode.INACTIVE
        if asked.local_control is not None:
            mode = self._mode(asked.local_control, mode)
            for item in asked.local_control.properties:
                self._property(item)
                properties[item.name.lower()] = item
        self._realm(properties.get(REALM), termination, prefix)
        if asked.local == ():
            raise Refused(501, "an empty Local descriptor")
        local, described = self._local(asked.local) if asked.local is not None else (None, None)
        remote, theirs = self._remote(asked.remote) if asked.remote else (None, None)
        stream = _Stream(asked.id, None, local, described, theirs, asked.remote == (), properties, False)
        if local is None and before is None:
            if remote is not None or mode is not h248.Mode.INACTIVE:
                raise Refused(441, "Local")
            return stream
        base = before if before is not None else Setting("", False, Endpoint("", 0), Role.NONE)
        setting = msgspec.structs.replace(base, mode=mode)
        if local is not None:
            if before is not None and local.tls != before.tls and bearer is not None and bearer.stream is not None:
                raise Refused(501, f"{before.proto} to {local.proto} on a running connection")
            where = before.local if before is not None else Endpoint(local.host or "", local.port or 0)
            if before is not None and (local.host not in (None, where.host) or local.port not in (None, where.port)):
                raise Refused(501, "another local address on a running stream")
            setting = msgspec.structs.replace(
                setting, proto=local.proto, tls=local.tls, role=local.role, local=where)
            stream.renew = local.renew and before is not None and before.remote is not None
        if remote is not None:
            setting = msgspec.structs.replace(
                setting, remote=remote.address, remote_fingerprints=remote.fingerprints)
        elif asked.remote == ():
            setting = msgspec.structs.replace(setting, remote=None, remote_fingerprints=None)
        peer = remote.role if remote is not None else self._known_role(termination, asked.id)
        stream.setting = msgspec.structs.replace(setting, role=describing.settled(setting.role, peer))
        self._check_version(local, stream.setting, termination)
        return stream

    def _known_role(self, termination: Termination, number: int) -> Role | None:
        theirs = termination.remotes.get(number)
        return None if theirs is None else describing.read_remote(theirs).role

    def _check_version(self, local: describing.Local | None, setting: Setting, termination: Termination) -> None:
        version = Endpoint(self._addresses[termination.realm], 0).version
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

    def _property(self, item: h248.Property) -> None:
        """A property is known, may be written, and its value makes sense."""
        self._known(item.name, ItemKind.PROPERTY)
        found = self._registry.lookup(item.name, ItemKind.PROPERTY)
        if found is not None and found.read_only:
            raise Refused(534, item.name)
        if item.form is not h248.Form.ONE or item.value == describing.CHOOSE:
            raise Refused(449, f"{item.name} = {' '.join(item.values)}")
        if item.name.lower() != REALM:
            self._out.order(Note(f"{item.name} = {item.value} is kept; this gateway does not act on it"))

    def _known(self, name: str, kind: ItemKind) -> None:
        package, slash, _ = name.partition("/")
        if not slash:
            raise Refused(445, name)
        if package.lower() not in self._profile.packages:
            raise Refused(440, package)
        if self._registry.lookup(name, kind) is None:
            raise Refused(_MISSING[kind], name)

    # Names, realms, addresses

    def _prefix(self, name: str) -> str:
        """What stands before the number in the name of a new termination; empty where the gateway may choose."""
        if name.upper() == h248.ROOT or "*" in name:
            raise Refused(410, name)
        if name == describing.CHOOSE:
            return ""
        parts = name.lower().split("/")
        if "$" not in parts:
            raise Refused(433 if self.contexts.find(name.lower()) is not None else 430, name)
        known = [part for part in parts if part != "$"]
        if len(parts) > 4 or parts[-1] != "$" or "$" in parts[: len(known)] or known[:1] not in ([], ["ip"]):
            raise Refused(430, name)
        if len(known) < 3:
            return ""
        if known[2] not in {self._interface(realm) for realm in self._addresses}:
            raise Refused(430, name)
        return "/".join(known)

    @staticmethod
    def _interface(realm: str) -> str:
        return realm.partition(".")[0].lower()

    def _realm(self, item: h248.Property | None, termination: Termination, prefix: str) -> None:
        """The realm that addresses come from: `ipdc/realm`, or else that of the interface in the TerminationID."""
        wanted = item.value if item is not None else prefix.rpartition("/")[2]
        if not wanted:
            raise Refused(472, REALM)
        realm = next((known for known in self._addresses if wanted.lower() in (known.lower(), known)), None)
        realm = realm or next((known for known in self._addresses if self._interface(wanted) == known.lower()), None)
        realm = realm or next((known for known in self._addresses if wanted.lower() == self._interface(known)), None)
        if realm is None:
            raise Refused(449, f"{REALM} = {wanted}")
        if termination.realm and termination.realm != realm:
            raise Refused(473, f"{REALM} = {wanted}: the realm of a termination stays")
        termination.realm = realm

    def _settle_locals(self, streams: list[_Stream], termination: Termination) -> None:
        """Give addresses and ports, and fill them into Local; nothing is taken if one can't be had."""
        taken: list[Endpoint] = []
        try:
            for stream in streams:
                setting = stream.setting
                if setting is None:
                    continue
                if stream.number not in termination.bearers:
                    where = self._endpoint(setting.local, self._addresses[termination.realm])
                    taken.append(where)
                    setting = stream.setting = msgspec.structs.replace(setting, local=where)
                if stream.local is not None and stream.described is not None:
                    stream.described = describing.filled(
                        stream.described, setting.local, self._identity, stream.local.hash_name)
        except Refused:
            self._used.difference_update(taken)
            raise

    def _endpoint(self, asked: Endpoint, address: str) -> Endpoint:
        if asked.host not in ("", address):
            raise Refused(449, f"c= {asked.host}")
        if asked.port:
            where = Endpoint(address, asked.port)
            if where in self._used or not self._free(where):
                raise Refused(510, f"{where} is in use")
            self._used.add(where)
            return where
        first, last = self._ports
        for _ in range(0, last - first + 1, 2):
            where = Endpoint(address, self._next_port)
            self._next_port = self._next_port + 2 if self._next_port + 2 <= last else first
            if where not in self._used and self._free(where):
                self._used.add(where)
                return where
        raise Refused(510, f"no free port at {address}")

    # Events, signals

    def _plan_orders(self, command: h248.Command, termination: Termination, streams: list[_Stream]) -> None:
        """Check events and signals against what the termination is going to be; and take over the latch."""
        events = command.descriptor(h248.Events)
        if events is not None:
            if len(events.events) > self._limits.events_per_termination:
                raise Refused(510, f"{self._limits.events_per_termination} events")
            for event in events.events:
                self._event(event)
        signals = command.descriptor(h248.Signals)
        if signals is None:
            return
        future = {number: bearer.setting for number, bearer in termination.bearers.items()}
        future.update({stream.number: stream.setting for stream in streams if stream.setting is not None})
        for signal in self._signals(signals, future):
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

    def _event(self, event: h248.Event) -> None:
        self._known(event.name, ItemKind.EVENT)
        if event.name.lower() not in self._profile.events:
            raise Refused(512, event.name)
        if event.embed is not None or event.digit_map is not None:
            raise Refused(501, f"{event.name} with embedded descriptors")
        for name in ("timerx", "mit"):
            given = event.parameter(name)
            if given is not None and not (given.value.isascii() and given.value.isdigit() and len(given.value) < 10):
                raise Refused(449, f"{name} = {given.value}")

    def _signals(self, signals: h248.Signals, streams: Mapping[int, object]) -> list[_Signal]:
        found: list[_Signal] = []
        for item in signals.items:
            for signal in item.signals if isinstance(item, h248.SignalList) else (item,):
                found.append(self._signal(signal, streams))
        return found

    def _signal(self, signal: h248.Signal, streams: Mapping[int, object]) -> _Signal:
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
            return _Signal("unlatch" if value == "OFF" else "latch", number)
        reset = signal.parameter("reset")
        hard = reset is not None and reset.value.lower() in ("on", "true")
        return _Signal(self._roles[signal.name.lower()], number, hard)

    # ServiceChange, audit

    def _service_change(
        self, command: h248.Command, context: Context | None, termination: Termination, now: float
    ) -> list[h248.Descriptor]:
        self._only(command, (h248.Services,))
        services = command.descriptor(h248.Services)
        if services is None or services.method is None:
            raise Refused(472, "Method")
        if services.method == h248.Method.FORCED:
            if context is None:
                self.drop_all(now)
            else:
                self._subtract(context, termination, now)
        elif services.method == h248.Method.RESTART and context is None:
            self.drop_all(now)
            self.restart_ordered = True
        else:
            raise Refused(501, f"ServiceChange {services.method}")
        return []

    def _audited(self, termination: Termination, audit: h248.Audit, now: float) -> list[h248.Descriptor]:
        """What the termination's descriptors say now; an empty Audit asks for nothing."""
        shown: list[h248.Descriptor] = []
        for item in audit.items:
            match item.name:
                case "Media":
                    shown.append(self._media(termination, item))
                case "Events":
                    shown.append(termination.events or h248.Token("Events"))
                case "Signals":
                    shown.append(termination.signals or h248.Token("Signals"))
                case "Packages":
                    shown.append(h248.Packages(tuple(
                        h248.PackageVersion(name, version) for name, version in self._profile.packages.items())))
                case "Statistics":
                    shown.append(termination.statistics(now))
                case name:
                    shown.append(h248.Token(name))
        return shown

    def _media(self, termination: Termination, item: h248.AuditItem) -> h248.Media:
        if termination is self.root:
            values = {
                "ipra/ar": h248.Property(
                    "ipra/ar", tuple(h248.Quoted(realm) for realm in self._addresses), h248.Form.LIST),
                "root/maxnumberofcontexts": h248.Property(
                    "root/maxNumberOfContexts", (str(self._limits.contexts),)),
                "root/maxterminationspercontext": h248.Property(
                    "root/maxTerminationsPerContext", (str(self._limits.terminations_per_context),)),
            }
            only = item.only.termination_state if isinstance(item.only, h248.Media) else None
            names = [one.name.lower() for one in only.properties] if only is not None else list(values)
            for name in names:
                if name not in values:
                    raise Refused(450, name)
            return h248.Media((), h248.TerminationState(
                h248.ServiceState.IN_SERVICE, properties=tuple(values[name] for name in names)))
        streams = []
        for number in sorted(termination.bearers):
            local, remote = termination.locals.get(number), termination.remotes.get(number)
            streams.append(h248.StreamDescriptor(
                number, termination.control(number), None if local is None else (local,),
                None if remote is None else (remote,)))
        return h248.Media(tuple(streams), h248.TerminationState(h248.ServiceState.IN_SERVICE))

    # Contexts

    @staticmethod
    def _check_properties(properties: h248.ContextProperties | None) -> None:
        if properties is None:
            return
        for triple in properties.topology or ():
            if triple.direction is not h248.TopologyDirection.BOTHWAY:
                raise Refused(522, triple.direction)

    @staticmethod
    def _set_properties(context: Context, properties: h248.ContextProperties | None) -> None:
        if properties is None:
            return
        named = {name: getattr(properties, name) for name in ("priority", "emergency", "ieps")}
        context.properties = msgspec.structs.replace(
            context.properties, **{name: value for name, value in named.items() if value is not None})

    @staticmethod
    def _only(command: h248.Command, allowed: tuple[type, ...]) -> None:
        """Only descriptors that belong there, each once."""
        seen: set[type] = set()
        for descriptor in command.descriptors:
            kind = type(descriptor)
            if kind not in allowed:
                known = kind in (*_ORDERS, h248.Services, h248.ObservedEvents, h248.Statistics, h248.Packages)
                raise Refused(447 if known else 444, f"{kind.__name__} in {command.kind}")
            if kind in seen:
                raise Refused(448, kind.__name__)
            seen.add(kind)


def _locals(media: h248.Media, termination: Termination, streams: list[_Stream]) -> h248.Media:
    """Local of these streams, in the form that the request had."""
    return h248.Media(
        tuple(h248.StreamDescriptor(stream.number, local=(termination.locals[stream.number],)) for stream in streams),
        implicit_stream=media.implicit_stream)


def _matches(name: str, pattern: str) -> bool:
    # Only `*` is special in a TerminationID; fnmatch would also take [ and ? so.
    escaped = "".join(f"[{letter}]" if letter in "[?" else letter for letter in pattern.lower())
    return fnmatch.fnmatchcase(name, escaped)


def _error(refused: Refused) -> h248.ErrorDescriptor:
    return h248.ErrorDescriptor(refused.code, refused.text)
