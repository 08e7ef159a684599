"""What a gateway does with the commands of its controller: all of a command on a termination, or nothing and an error.

Source: H.248.1 §6, §7, §8; H.248.8 (error codes); TS 29.334 §5.7, §5.8, §5.17 (Iq).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

import msgspec

from workbench.net.values import Endpoint
from workbench.nodes.gateway.addresses import Addresses, interface_of
from workbench.nodes.gateway.auditing import Auditor
from workbench.nodes.gateway.bearer import Bearer
from workbench.nodes.gateway.contexts import Context, Contexts, Termination
from workbench.nodes.gateway.planning import PlannedStream, Planner
from workbench.nodes.gateway.settings import Limits, Outbox, Policy, Profile, Refused
from workbench.nodes.gateway.vocabulary import SignalOrder, Vocabulary
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Kind
from workbench.protocols.h248.packages import Registry
from workbench.security.identities import Identity

_ORDERS = (h248.Media, h248.Events, h248.Signals, h248.Audit)
_LONGEST_TEXT = 120
_CONTEXT_WORDS = {h248.NULL: "-", h248.CHOOSE: "$", h248.ALL: "*"}


class Control:
    """Contexts and the commands on them.

    Args:
        addresses: where terminations get their addresses from.
        out: where commands to the network go.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        limits: Limits,
        policy: Policy,
        identity: Identity,
        addresses: Addresses,
        registry: Registry,
        out: Outbox,
    ) -> None:
        self.contexts = Contexts(limits)
        self.root = Termination(h248.ROOT, "", 0.0)
        self.bearers: dict[Endpoint, Bearer] = {}
        self.leaving: list[Bearer] = []
        self.restart_ordered = False
        self._policy = policy
        self._identity = identity
        self._addresses = addresses
        self._out = out
        self._vocabulary = Vocabulary(profile, registry, out)
        self._planner = Planner(profile, limits, self._vocabulary, addresses, identity)
        self._auditor = Auditor(profile, limits, addresses.realms)
        self._together: set[str] = set()

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
        matched = self._matching(command.terminations, number, context)
        self._together = {termination.name for termination in matched}
        for termination in matched:
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
                counted: list[h248.Descriptor] = [termination.statistics(now)]
                descriptors = counted if audit is None else self._auditor.audited(termination, audit, now)
                self._subtract(context, termination, now)
            case Kind.AUDIT_VALUE:
                self._only(command, (h248.Audit,))
                descriptors = [] if audit is None else self._auditor.audited(termination, audit, now)
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
        name = command.terminations[0]
        prefix = self._addresses.prefix(name, self.contexts.find(name.lower()) is not None)
        self.contexts.room(context)
        media = command.descriptor(h248.Media) or h248.Media()
        termination = Termination("", "", now)
        streams = self._planner.streams(media, termination, prefix)
        self._planner.orders(command, termination, streams)
        if not prefix and not termination.realm:
            raise Refused(472, "ipdc/realm")
        prefix = prefix or f"ip/1/{interface_of(termination.realm)}"
        self._planner.reserve(streams, termination)
        if context is None:
            context = self.contexts.new_context()
        termination.name = self.contexts.new_name(prefix)
        self.contexts.put(context, termination)
        self._carry_out(command, context, termination, streams, now)
        shown = [stream for stream in streams if stream.local is not None]
        descriptors: list[h248.Descriptor] = [_locals(media, termination, shown)] if shown else []
        audit = command.descriptor(h248.Audit)
        if audit is not None:
            descriptors += self._auditor.audited(termination, audit, now)
        return h248.CommandReply(Kind.ADD, (termination.name,), tuple(descriptors)), context

    def _modify(
        self, command: h248.Command, context: Context | None, termination: Termination, now: float
    ) -> list[h248.Descriptor]:
        self._only(command, _ORDERS)
        media = command.descriptor(h248.Media) or h248.Media()
        if context is None:
            if media.streams:
                raise Refused(442, "ROOT has no streams")
            self._planner.orders(command, termination, [])
            if (events := command.descriptor(h248.Events)) is not None:
                termination.events = events if events.events else None
            return []
        streams = self._planner.streams(media, termination, termination.name.rpartition("/")[0])
        self._planner.orders(command, termination, streams)
        self._planner.reserve(streams, termination)
        self._carry_out(command, context, termination, streams, now)
        shown = [stream for stream in streams if stream.local is not None and stream.local.underspecified]
        descriptors: list[h248.Descriptor] = [_locals(media, termination, shown)] if shown else []
        audit = command.descriptor(h248.Audit)
        return descriptors + (self._auditor.audited(termination, audit, now) if audit is not None else [])

    def _subtract(self, context: Context, termination: Termination, now: float) -> None:
        for bearer in termination.bearers.values():
            partner = bearer.partner
            bearer.release(now, "Subtract: the termination is released [TS 23.334 §8.5]")
            if partner is not None and self._policy.release_linked and partner.termination not in self._together:
                partner.give_up(now, f"{termination.name} was released: its partner is too", hard=False)
            bearer.partner = None
            self.leaving.append(bearer)
            self._addresses.give_back(bearer.setting.local)
            self.bearers.pop(bearer.setting.local, None)
        self.contexts.take_out(context, termination)

    def drop_all(self, now: float) -> None:
        """Release every termination."""
        for context in self.contexts.all():
            self._together = set(context.terminations)
            for termination in list(context.terminations.values()):
                self._subtract(context, termination, now)

    def _carry_out(
        self,
        command: h248.Command,
        context: Context,
        termination: Termination,
        streams: list[PlannedStream],
        now: float,
    ) -> None:
        """Media first, then events, then signals (H.248.1 §7.1.1)."""
        for stream in streams:
            self._take_media(context, termination, stream, now)
        if (events := command.descriptor(h248.Events)) is not None:
            termination.events = events if events.events else None
            self._out.agenda.add(termination)
        signals = command.descriptor(h248.Signals)
        if signals is not None:
            termination.signals = signals
            for signal in self._vocabulary.signals(signals, termination.bearers):
                self._start(signal, termination.bearers[signal.number], now)

    def _take_media(self, context: Context, termination: Termination, stream: PlannedStream, now: float) -> None:
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
            self.bearers[stream.setting.local] = bearer
            context.relink()
        bearer.apply(stream.setting, now, renew=stream.renew)

    def _start(self, signal: SignalOrder, bearer: Bearer, now: float) -> None:
        match signal.role:
            case "tcp-establish":
                bearer.establish_tcp(now)
            case "tls-establish":
                bearer.establish_tls(now)
            case "tcp-release" | "tls-release":
                bearer.release(now, f"release signal at {bearer.termination}", reset=signal.reset)
                if bearer.partner is not None and self._policy.release_linked:
                    bearer.partner.give_up(now, f"{bearer.termination} was released: its partner is too", hard=False)

    # ServiceChange

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


def _locals(media: h248.Media, termination: Termination, streams: list[PlannedStream]) -> h248.Media:
    """Local of these streams, in the form that the request had."""
    return h248.Media(
        tuple(h248.StreamDescriptor(stream.number, local=(termination.locals[stream.number],)) for stream in streams),
        implicit_stream=media.implicit_stream)


def _matches(name: str, pattern: str) -> bool:
    # Only `*` is special in a TerminationID; fnmatch would also take [ and ? so.
    escaped = "".join(f"[{letter}]" if letter in "[?" else letter for letter in pattern.lower())
    return fnmatch.fnmatchcase(name, escaped)


def _error(refused: Refused) -> h248.ErrorDescriptor:
    # The text may quote what the controller wrote; a quoted string holds neither quotation marks nor controls.
    text = refused.text[:_LONGEST_TEXT]
    shown = (letter if letter.isascii() and letter.isprintable() and letter != '"' else "?" for letter in text)
    return h248.ErrorDescriptor(refused.code, "".join(shown))
