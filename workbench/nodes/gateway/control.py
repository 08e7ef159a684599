"""What a gateway does with the commands of its controller: all of a command on a termination, or nothing and an error.

Source: H.248.1 §6, §7, §8; H.248.8 (error codes); TS 29.334 §5.7, §5.8, §5.17 (Iq).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from math import inf

import msgspec

from workbench.net.values import Endpoint, Note, Stream
from workbench.nodes.gateway.addresses import Addresses
from workbench.nodes.gateway.auditing import Auditor, selected
from workbench.nodes.gateway.bearer import Bearer
from workbench.nodes.gateway.congestion import Congestion
from workbench.nodes.gateway.contexts import AnyBearer, Context, Contexts, Shared, StreamEnd, Termination
from workbench.nodes.gateway.datagrams import DatagramBearer
from workbench.nodes.gateway.hosting import Host
from workbench.nodes.gateway.planning import Plan, PlannedStream, Planner
from workbench.nodes.gateway.playing import Player
from workbench.nodes.gateway.reporting import detected
from workbench.nodes.gateway.settings import Limits, Means, Outbox, Policy, Profile, Refused
from workbench.nodes.gateway.states import State
from workbench.nodes.gateway.tally import Tally
from workbench.nodes.gateway.topology import Flows
from workbench.nodes.gateway.vocabulary import CONTEXT, Vocabulary
from workbench.nodes.gateway.watching import Watcher
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Kind, ServiceState
from workbench.protocols.h248.packages import Registry
from workbench.security.identities import Identity

_LONGEST_TEXT = 120
_CONTEXT_WORDS = {h248.NULL: "-", h248.CHOOSE: "$", h248.ALL: "*"}
_AUDITS = (Kind.AUDIT_VALUE, Kind.AUDIT_CAPABILITY)
_CANCEL_GRACEFUL = "918"
_MOST_TRIPLES = 1_024


class Control:
    """Contexts and the commands on them.

    Args:
        addresses: where terminations get their addresses from.
        out: where commands to the network go.
        stamp: the time stamp of a moment.
        isn, host: see `Means`.
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
        stamp: Callable[[float], str],
        isn: Callable[[], int] = lambda: 0,
        host: Host | None = None,
    ) -> None:
        self.contexts = Contexts(limits, profile.terminations_per_context)
        self.root = Termination(h248.ROOT, "", 0.0)
        self.bearers: dict[Endpoint, AnyBearer] = {}
        self.leaving: dict[Stream, Bearer] = {}
        self.tally = Tally()
        self.restart_ordered = False
        self.hand_off_ordered: str | None = None
        self.reaches: Callable[[str], bool] = lambda mgc_id: False
        """Whether an address is known for a controller's message identifier."""
        self._profile = profile
        self._registry = registry
        self._policy = policy
        self._means = Means(policy, policy.presents or identity, out, isn, host)
        self._addresses = addresses
        self._out = out
        self._stamp = stamp
        self._shared = Shared()
        self._vocabulary = Vocabulary(profile, registry, out)
        self._planner = Planner(profile, limits, self._vocabulary, addresses, identity)
        self._auditor = Auditor(profile, limits, registry, self._vocabulary, addresses, self.contexts.per_context)
        self._player = Player(profile.signals, self._vocabulary.type_of, self._start, out)
        self.watcher = Watcher(limits, self._player, self._shared, out, stamp, policy.regulation)
        self._congestion = Congestion(limits.contexts)
        self._together: set[str] = set()
        self._made: list[str] = []
        self._everywhere = False

    # Transactions

    def execute(self, actions: Iterable[h248.Action], now: float) -> tuple[h248.ActionReply, ...]:
        """Carry out the actions of one request in order; the first command that fails ends it, unless optional."""
        replies = tuple(self._actions(actions, now))
        if self.root.more is not None and self.root.more.graceful_at == inf and len(self.contexts) == 0:
            self.root.more.graceful_at = None
            self._forced(self.root, now)
        for name, reduction in self._congestion.changed(len(self.contexts)):
            parameters = (h248.Property("reduction", (str(reduction),)),) if reduction is not None else ()
            self.watcher.detected_event(self.root, name, None, parameters, now)
        return replies

    def _actions(self, actions: Iterable[h248.Action], now: float) -> Iterator[h248.ActionReply]:
        for action in actions:
            self._everywhere = action.context == h248.ALL
            for one in self._each_context(action):
                reply, going_on = self._action(one, now)
                yield reply
                if not going_on:
                    return

    def _each_context(self, action: h248.Action) -> list[h248.Action]:
        """`Context = *` stands for every context there is, the null context not included (H.248.1 §6.1.2).

        Commands are carried out where their TerminationIDs match; one that matches nowhere is refused once (431, 430).
        """
        if action.context != h248.ALL:
            return [action]
        actions = []
        names = [name.lower() for command in action.commands for name in command.terminations]
        if names and not any("*" in name or name == "root" for name in names):  # then the names say where
            found = {id(where[0]): where[0] for name in names if (where := self.contexts.find(name)) is not None}
            contexts = list(found.values())
        else:
            contexts = self.contexts.all()
        for context in contexts:
            if not selected(context, action.audit):
                continue
            commands = tuple(command for command in action.commands if _concerns(command, context))
            if commands or not action.commands:
                actions.append(msgspec.structs.replace(action, context=context.number, commands=commands))
        return actions or [action]

    def _action(self, action: h248.Action, now: float) -> tuple[h248.ActionReply, bool]:
        replies: list[h248.CommandReply] = []
        context: Context | None = None
        shown = action.context
        properties = None
        self._made = []
        try:
            self._check_action(action)
            if action.context not in (h248.NULL, h248.CHOOSE):
                context = self.contexts.get(action.context)
            waits = self._check_properties(action.properties, context)
            if context is not None:
                self._set_properties(context, action.properties, now, topology=not waits)
                if action.audit is not None:
                    properties = self._auditor.context(context, action.audit)
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
                self._set_properties(context, action.properties, now, topology=False)
            replies += answers
            if any(answer.error is not None for answer in answers) and not command.optional:
                going_on = False
                break
        error = None
        if context is not None and context.terminations:
            if waits and going_on and action.properties is not None:
                try:
                    self._set_flows(context, action.properties.topology or (), now)
                except Refused as refused:
                    error, going_on = _error(refused), False
            context.settle(now)
        return h248.ActionReply(shown, tuple(replies), error, properties), going_on

    def _check_action(self, action: h248.Action) -> None:
        if action.context == h248.ALL:
            if len(self.contexts) == 0:
                raise Refused(411, "no context")
            wild = any("*" in name for command in action.commands for name in command.terminations)
            raise Refused(431 if wild or not action.commands else 430, "no context has what was asked for")
        if action.context == h248.NULL and (action.properties is not None or action.audit is not None):
            raise Refused(421, "the null context has no attributes")

    def _command(
        self, command: h248.Command, number: int, context: Context | None, now: float
    ) -> tuple[list[h248.CommandReply], Context | None]:
        """One command on all that its TerminationIDs match; and the context, where the command made one."""
        self._only(command)
        if command.kind is Kind.ADD:
            if number == h248.NULL:
                raise Refused(421, "Add in the null context")
            return self._add_all(command, context, now)
        if self._everywhere and [name.upper() for name in command.terminations] == [h248.ROOT]:
            return [h248.CommandReply(command.kind, command.terminations)], None  # the context's number is the answer
        replies: list[h248.CommandReply] = []
        if command.kind is Kind.MOVE:
            if number == h248.NULL:
                raise Refused(421, "Move into the null context")
            matched = self._movable(command.terminations, context)
        else:
            matched = self._matching(command.terminations, number, context)
        self._together = {termination.name for termination in matched}
        made: Context | None = None
        for termination in matched:
            try:
                if command.kind is Kind.MOVE:
                    reply, made = self._move(command, made or context, termination, now)
                    replies.append(reply)
                else:
                    replies.append(self._on(command, context, termination, now))
            except Refused as refused:
                replies.append(h248.CommandReply(command.kind, (termination.name,), (_error(refused),)))
                if not command.optional:
                    break
        if command.wildcard_response and all(reply.error is None for reply in replies):
            return [_union(command, replies)], made
        return replies, made

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
                if termination is self.root:
                    raise Refused(542, "Subtract of ROOT")
                if context is None:
                    raise Refused(421, "Subtract in the null context")
                counted: list[h248.Descriptor] = [termination.statistics(now)]
                descriptors = counted if audit is None else self._auditor.audited(termination, audit, now)
                self._subtract(context, termination, now)
            case Kind.AUDIT_VALUE:
                descriptors = [] if audit is None else self._auditor.audited(termination, audit, now)
            case Kind.AUDIT_CAPABILITY:
                descriptors = [] if audit is None else self._auditor.capable(termination, audit)
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
                own = context.terminations if context is not None else ()
                matched = [one for one in own if _matches(one.name, name)]
                if not matched:
                    raise Refused(431, name)
                found += matched
            elif context is not None and (here := context.termination(name.lower())) is not None:
                found.append(here)
            elif self.contexts.find(name.lower()) is not None:
                raise Refused(435, f"{name} is not in context {_CONTEXT_WORDS.get(number, number)}")
            else:
                raise Refused(430, name)
        return list(dict.fromkeys(found))

    def _movable(self, names: tuple[str, ...], target: Context | None) -> list[Termination]:
        """Terminations that can be moved into a context: those of other contexts."""
        found: list[Termination] = []
        for name in names:
            if name.upper() == h248.ROOT:
                raise Refused(542, "Move of ROOT")
            if "$" in name:
                raise Refused(410, f"{name} where a termination has to exist")
            if "*" in name:
                matched = [
                    one for one in self.contexts.terminations()
                    if one.context is not target and _matches(one.name, name)]
                if not matched:
                    raise Refused(431, name)
                found += matched
                continue
            where = self.contexts.find(name.lower())
            if where is None:
                raise Refused(430, name)
            if where[0] is target:
                raise Refused(433, f"{name} is in context {where[0].number} already")
            found.append(where[1])
        return list(dict.fromkeys(found))

    # Add, Modify, Move, Subtract

    def _add_all(
        self, command: h248.Command, context: Context | None, now: float
    ) -> tuple[list[h248.CommandReply], Context | None]:
        """Add of one termination, or from version 3 on of several alike."""
        replies: list[h248.CommandReply] = []
        for name in command.terminations:
            try:
                reply, context = self._add(command, name, context, now)
                replies.append(reply)
            except Refused as refused:
                replies.append(h248.CommandReply(command.kind, (name,), (_error(refused),)))
                if not command.optional:
                    break
        if command.wildcard_response and len(replies) > 1 and all(reply.error is None for reply in replies):
            return [_union(command, replies)], context
        return replies, context

    def _add(
        self, command: h248.Command, name: str, context: Context | None, now: float
    ) -> tuple[h248.CommandReply, Context]:
        self._in_service()
        if name.upper() == h248.ROOT:
            raise Refused(542, "Add of ROOT")
        prefix = self._addresses.prefix(name, self.contexts.find(name.lower()) is not None)
        self.contexts.room(context)
        media = command.descriptor(h248.Media) or h248.Media()
        termination = Termination("", "", now)
        plan = self._planner.plan(command, termination, prefix, context)
        termination.realm = plan.realm
        if context is None:
            context = self.contexts.new_context()
        termination.name = self._addresses.name(prefix, plan.realm, self.contexts.new_number())
        self.contexts.put(context, termination)
        self._made.append(termination.name)
        self._carry_out(plan, context, termination, now)
        shown = [stream for stream in plan.streams if stream.locals is not None]
        descriptors = _described(media, shown)
        return h248.CommandReply(
            Kind.ADD, (termination.name,), (*descriptors, *self._audited(command, termination, now))), context

    def _modify(
        self, command: h248.Command, context: Context | None, termination: Termination, now: float
    ) -> list[h248.Descriptor]:
        media = command.descriptor(h248.Media) or h248.Media()
        if context is None:
            plan = self._planner.root(command, termination)
            self._carry_out(plan, None, termination, now)
            return self._audited(command, termination, now)
        plan = self._planner.plan(command, termination, self._addresses.interface(termination.name), context)
        self._carry_out(plan, context, termination, now)
        shown = [stream for stream in plan.streams if _left_open(media, stream)]
        return [*_described(media, shown), *self._audited(command, termination, now)]

    def _move(
        self, command: h248.Command, target: Context | None, termination: Termination, now: float
    ) -> tuple[h248.CommandReply, Context]:
        if termination.more is not None and termination.more.graceful_at is not None:
            raise Refused(521, f"{termination.name} goes out of service")
        self.contexts.room(target, new=False)
        media = command.descriptor(h248.Media) or h248.Media()
        plan = self._planner.plan(command, termination, self._addresses.interface(termination.name), target)
        if target is None:
            target = self.contexts.new_context()
        termination.spoken_of = now
        self._made.append(termination.name)
        self.contexts.move(termination, target)
        self._carry_out(plan, target, termination, now)
        for bearer in termination.bearers.values():
            bearer.relinked(now)
        shown = [stream for stream in plan.streams if _left_open(media, stream)]
        descriptors = _described(media, shown)
        return h248.CommandReply(
            Kind.MOVE, (termination.name,), (*descriptors, *self._audited(command, termination, now))), target

    def _audited(self, command: h248.Command, termination: Termination, now: float) -> list[h248.Descriptor]:
        """What an Audit descriptor beside orders asks for. It can't fail; what is not there is a bare token."""
        shown: list[h248.Descriptor] = []
        audit = command.descriptor(h248.Audit)
        for item in audit.items if audit is not None else ():
            try:
                shown += self._auditor.audited(termination, h248.Audit((item,)), now)
            except Refused:
                shown.append(h248.Token(item.name))
        return shown

    def _subtract(self, context: Context, termination: Termination, now: float) -> None:
        for bearer in termination.bearers.values():
            self._release(bearer, now, "Subtract: the termination is released [TS 23.334 §8.5]")
        termination.watch(None, ())
        self._out.agenda.discard(termination)
        self.contexts.take_out(context, termination)
        self._pump(context, now)

    def _release(self, bearer: AnyBearer, now: float, why: str) -> None:
        """End a bearer for good; its port is free again when its connection is over."""
        partner = bearer.partner
        bearer.release(now, why)
        if partner is not None and self._policy.release_linked and partner.termination not in self._together:
            partner.give_up(now, f"{bearer.termination} was released: its partner is too", hard=False)
        bearer.links = bearer.sinks = ()
        self.bearers.pop(bearer.setting.local, None)
        if isinstance(bearer, DatagramBearer) or bearer.stream is None or bearer.state is State.OVER:
            self._addresses.give_back(bearer.setting.local)
            self.tally.gone(bearer)
        else:
            self.leaving[bearer.stream] = bearer

    def ended(self) -> None:
        """Forget bearers whose connection has ended since the last time, if their termination is gone."""
        if not self._out.over:
            return
        over, self._out.over = self._out.over, []
        for bearer in over:
            self._out.agenda.discard(bearer)
            if bearer.stream is not None and self.leaving.get(bearer.stream) is bearer:
                self.tally.gone(self.leaving.pop(bearer.stream))
                self._addresses.give_back(bearer.setting.local)

    def drop_all(self, now: float) -> None:
        """Release every termination."""
        for context in self.contexts.all():
            self._together = {termination.name for termination in context.terminations}
            for termination in context.terminations:
                self._subtract(context, termination, now)

    def clean_up(self, name: str, now: float) -> bool:
        """The controller does not know a termination any more: it hangs, and is released (H.248.36 §7)."""
        found = self.contexts.find(name)
        if found is None:
            return False
        self._together = {name}
        self._subtract(*found, now)
        return True

    def _carry_out(self, plan: Plan, context: Context | None, termination: Termination, now: float) -> None:
        """Media first, then events, then signals (H.248.1 §7.1.1). Nothing here is refused any more."""
        if plan.properties is not None:
            termination.extra.properties = plan.properties
        if plan.digit_maps is not None:
            termination.extra.digit_maps = plan.digit_maps
        for stream in plan.streams:
            if context is not None:
                self._take_media(context, termination, stream, now)
        if plan.counted is not None:
            termination.extra.counted = plan.counted
            termination.reset(plan.counted, now)
        if plan.buffer is not None or plan.buffer_control is not None:
            self.watcher.buffer(termination, plan.buffer, plan.buffer_control, now)
        if plan.events is not None:
            self.watcher.replace(termination, plan.events, now)
        elif plan.streams:
            self.watcher.attend(termination)
        if plan.signals is not None:
            self._player.replace(termination, plan.signals, now)
        if plan.state is not None:
            self._serve(termination, plan.state, now, "ServiceStates")

    def _take_media(self, context: Context, termination: Termination, stream: PlannedStream, now: float) -> None:
        end = termination.stream(stream.number)
        if end is None:
            end = StreamEnd(stream.number)
            termination.streams = (*termination.streams, end)
        end.properties = self._shared.one(stream.properties)
        end.reserve = stream.reserve
        if stream.clears_local and end.bearer is not None:
            self._release(end.bearer, now, "an empty Local: the endpoint is given up [H.248.1 §7.1.8]")
            end.give_up()
            context.relink()
        if stream.counted is not None:
            termination.reset(stream.counted, now, stream.number)
        if stream.setting is not None:
            self._take_setting(context, termination, stream, end, now)
        if stream.locals is not None:
            end.keep_local(tuple(described for _, described in stream.locals), self._shared)
        if stream.remotes is not None:
            end.keep_remote(stream.remotes or None, self._shared)

    def _take_setting(
        self, context: Context, termination: Termination, stream: PlannedStream, end: StreamEnd, now: float
    ) -> None:
        setting = stream.setting
        assert setting is not None
        if end.bearer is None:
            kind = DatagramBearer if setting.datagrams else Bearer
            end.bearer = kind(context.number, termination.name, stream.number, setting, self._means)
            self.bearers[setting.local] = end.bearer
            context.relink()
        if stream.latch_only:
            end.bearer.setting = setting
        else:
            end.bearer.apply(setting, now, renew=stream.renew)

    def _start(self, termination: Termination, signal: h248.Signal, now: float) -> bool:
        """Carry out a signal that orders something; False: it only takes time."""
        try:
            order = self._vocabulary.signal(signal, termination.bearers)
        except Refused as refused:  # an embedded signal, for a stream that has gone in the meantime
            self._out.order(Note(f"{termination.name}: {signal.name} can't be applied any more: {refused}"))
            return True
        if order is None:
            return False
        bearer = termination.bearers[order.number]
        match order.role:
            case "latch" | "unlatch":
                bearer.latch(order.role == "latch")
            case "tcp-establish":
                bearer.establish_tcp(now)
            case "tls-establish":
                bearer.establish_tls(now)
            case "floor-confirm" if isinstance(bearer, Bearer) and self._means.host is not None:
                self._means.host.confirmed(bearer, order.request, now)
            case "tcp-release" | "tls-release":
                bearer.release(now, f"release signal at {bearer.termination}", reset=order.reset)
                if bearer.partner is not None and self._policy.release_linked:
                    bearer.partner.give_up(now, f"{bearer.termination} was released: its partner is too", hard=False)
        return True

    # Events and time

    def detect(self, now: float) -> None:
        """See to what bearers have observed, and to payload that somebody watches."""
        if self._out.heard:
            self._heard(now)
        if not self._out.observed:
            return
        observed, self._out.observed = self._out.observed, []
        self.tally.observed(observed)
        for one in observed:
            found = self.contexts.find(one.termination)
            if found is not None and self.watcher.watches(found[1]):
                self.watcher.detected(
                    found[1], detected(one, self._profile, self._registry, self._stamp(now)), now)

    def _heard(self, now: float) -> None:
        heard, self._out.heard = self._out.heard, []
        for bearer, incoming in heard:
            found = self.contexts.find(bearer.termination)
            if found is not None:
                self.watcher.heard(found[1], bearer, incoming, now)

    def wake(self, termination: Termination, now: float) -> None:
        """A termination's timer has come."""
        self._player.wake(termination, now)
        self.watcher.wake(termination, now)
        more = termination.more
        if more is not None and more.graceful_at is not None and more.graceful_at <= now:
            more.graceful_at = None
            self._forced(termination, now)

    # ServiceChange

    def _in_service(self) -> None:
        """Whether ROOT takes new terminations."""
        if self.root.state is ServiceState.OUT_OF_SERVICE:
            raise Refused(503, "the gateway is out of service")
        if self.root.more is not None and self.root.more.graceful_at is not None:
            raise Refused(521, "the gateway goes out of service")

    def _service_change(
        self, command: h248.Command, context: Context | None, termination: Termination, now: float
    ) -> list[h248.Descriptor]:
        services = command.descriptor(h248.Services)
        if services is None or services.method is None:
            raise Refused(472, "Method")
        match services.method:
            case h248.Method.FORCED:
                self._forced(termination, now)
            case h248.Method.GRACEFUL:
                termination.extra.graceful_at = now + services.delay if services.delay else inf
                self._out.agenda.add(termination)
            case h248.Method.RESTART:
                self._restart(termination, services, now)
            case h248.Method.HAND_OFF if termination is self.root:
                self._hand_off(services)
            case method:
                raise Refused(501, f"ServiceChange {method}")
        return []

    def _hand_off(self, services: h248.Services) -> None:
        """The controller names another one; contexts stay (H.248.1 §11.5)."""
        if services.mgc_id is None:
            raise Refused(472, "MgcIdToTry")
        if not self.reaches(services.mgc_id):
            raise Refused(449, services.mgc_id)
        self.hand_off_ordered = services.mgc_id

    def _forced(self, termination: Termination, now: float) -> None:
        """Out of service at once: bearers go; the termination stays until the controller takes it out."""
        if termination is self.root:
            self.drop_all(now)
        self._serve(termination, ServiceState.OUT_OF_SERVICE, now, "out of service")

    def _restart(self, termination: Termination, services: h248.Services, now: float) -> None:
        """Back in service. ROOT loses everything and registers anew, unless only its Graceful is taken back (918)."""
        graceful = termination.more is not None and termination.more.graceful_at is not None
        if termination.more is not None:
            termination.more.graceful_at = None
        self._serve(termination, ServiceState.IN_SERVICE, now, "back in service")
        if termination is self.root and not (graceful and (services.reason or "").startswith(_CANCEL_GRACEFUL)):
            self.drop_all(now)
            self.restart_ordered = True

    def _serve(self, termination: Termination, state: ServiceState, now: float, why: str) -> None:
        if termination.state is state:
            return
        termination.extra.state = state
        if state is ServiceState.OUT_OF_SERVICE:
            self._player.stop(termination, now)
            for bearer in termination.bearers.values():
                bearer.release(now, f"{termination.name}: {why}")
        else:
            for bearer in termination.bearers.values():
                bearer.revive()

    # Contexts

    def _check_properties(self, properties: h248.ContextProperties | None, context: Context | None) -> bool:
        """Whether context attributes can be had; and whether their topology waits for terminations of this action."""
        if properties is None:
            return False
        if properties.priority is not None and properties.priority > 15:
            raise Refused(449, f"Priority = {properties.priority}")
        for item in properties.properties:
            self._vocabulary.property(item, CONTEXT)
        if properties.topology is None:
            return False
        for triple in properties.topology:
            direction = triple.extension or triple.direction
            if direction not in self._profile.topology:
                raise Refused(522, direction)
            if triple.first == triple.second and "*" not in triple.first:
                raise Refused(522, f"{triple.first} with itself")
        names = {name.lower() for triple in properties.topology for name in (triple.first, triple.second)}
        named = [name for name in names if "*" not in name]
        if context is None or any("$" in name or context.termination(name) is None for name in named):
            return True
        self._flows(context, properties.topology)
        return False

    def _set_properties(
        self, context: Context, properties: h248.ContextProperties | None, now: float, *, topology: bool
    ) -> None:
        if properties is None:
            return
        named = {name: getattr(properties, name) for name in ("priority", "emergency", "ieps")}
        merged = {item.name.lower(): item for item in (*context.properties.properties, *properties.properties)}
        context.properties = self._shared.one(msgspec.structs.replace(
            context.properties, properties=tuple(merged.values()),
            **{name: value for name, value in named.items() if value is not None}))
        if topology and properties.topology is not None:
            self._set_flows(context, properties.topology, now)

    def _set_flows(self, context: Context, triples: tuple[h248.Topology, ...], now: float) -> None:
        flows = self._flows(context, triples)
        context.flows = flows if flows else None
        context.relink()
        self._pump(context, now)

    @staticmethod
    def _pump(context: Context, now: float) -> None:
        """Others are joined now than before: what waits may go on."""
        for termination in context.terminations:
            for bearer in termination.bearers.values():
                bearer.pump(now)

    def _flows(self, context: Context, triples: tuple[h248.Topology, ...]) -> Flows:
        """The flows of a context as these triples, in their order, make them (H.248.1 §7.1.18)."""
        flows = context.flows.copy() if context.flows is not None else Flows()
        if len(flows) + len(triples) > _MOST_TRIPLES:
            raise Refused(510, f"more than {_MOST_TRIPLES} triples of Topology")
        for triple in triples:
            for first in self._ends(context, triple.first):
                for second in self._ends(context, triple.second):
                    if first != second:
                        flows.set(first, second, triple.extension or triple.direction, triple.stream)
        return flows

    def _ends(self, context: Context, name: str) -> list[str]:
        """The terminations that one end of a triple means: `$` those that this action has brought into the context."""
        if "$" in name:
            found = [made for made in self._made if _matches(made, name.replace("$", "*"))]
            if not found:
                raise Refused(431, f"Topology {name}")
            return found
        if "*" in name:
            found = [one.name for one in context.terminations if _matches(one.name, name)]
            if not found:
                raise Refused(431, f"Topology {name}")
            return found
        if context.termination(name.lower()) is None:
            raise Refused(435 if self.contexts.find(name.lower()) is not None else 430, name)
        return [name.lower()]

    def _only(self, command: h248.Command) -> None:
        """A command that the profile knows, with descriptors that belong there, each once."""
        allowed = self._profile.commands.get(command.kind)
        if allowed is None:
            raise Refused(443, f"{command.kind} is not for a gateway")
        seen: set[str] = set()
        for descriptor in command.descriptors:
            name = descriptor.name if isinstance(descriptor, h248.Token) else type(descriptor).__name__
            if name not in allowed:
                known = name in self._profile.descriptors or name in _KNOWN
                raise Refused(447 if known else 444, f"{name} in {command.kind}")
            if name in seen:
                raise Refused(448, name)
            seen.add(name)


_KNOWN = ("Services", "ObservedEvents", "Statistics", "Packages", "ErrorDescriptor")


def _concerns(command: h248.Command, context: Context) -> bool:
    """Whether a command for all contexts has something to do in this one."""
    for name in command.terminations:
        if name.upper() == h248.ROOT:
            return command.kind in _AUDITS
        if "*" in name:
            if any(_matches(one.name, name) for one in context.terminations):
                return True
        elif context.termination(name.lower()) is not None:
            return True
    return False


def _left_open(media: h248.Media, stream: PlannedStream) -> bool:
    """The controller left a choice to the gateway, so the reply has to say what it chose."""
    asked = media.stream(stream.number)
    alternatives = asked is not None and asked.local is not None and len(asked.local) > 1
    return stream.underspecified or bool(stream.chosen) or alternatives


def _described(media: h248.Media, streams: list[PlannedStream]) -> list[h248.Descriptor]:
    """What the gateway chose in these streams, in the form that the request had: Local, and properties."""
    shown: list[h248.StreamDescriptor] = []
    for stream in streams:
        locals_ = tuple(described for _, described in stream.locals) if stream.locals is not None else None
        control = h248.LocalControl(properties=stream.chosen) if stream.chosen else None
        shown.append(h248.StreamDescriptor(stream.number, control, locals_))
    return [h248.Media(tuple(shown), implicit_stream=media.implicit_stream)] if shown else []


def _union(command: h248.Command, replies: list[h248.CommandReply]) -> h248.CommandReply:
    """One reply for all terminations that a wildcard matched: every different descriptor once (H.248.1 §7.2.5).

    An empty audit lists the terminations instead; of statistics each name has all its values.
    """
    audit = command.descriptor(h248.Audit)
    if command.kind in _AUDITS and audit is not None and not audit.items:
        names = tuple(name for reply in replies for name in reply.terminations)
        return h248.CommandReply(command.kind, names, (), context_audit=True)
    shown: list[h248.Descriptor] = []
    counted: dict[str, list[str]] = {}
    for reply in replies:
        for descriptor in reply.descriptors:
            if isinstance(descriptor, h248.Statistics):
                for item in descriptor.items:
                    counted.setdefault(item.name, []).extend(item.values)
            elif descriptor not in shown:
                shown.append(descriptor)
    if counted:
        shown.append(h248.Statistics(tuple(
            h248.Property(name, tuple(values), h248.Form.LIST if len(values) > 1 else h248.Form.ONE)
            for name, values in counted.items())))
    return h248.CommandReply(command.kind, command.terminations, tuple(shown))


# A name of octets with wildcards behind it, as `protocols.h248.naming` writes them: `0x20000000/*27..0`.
_OCTETS = re.compile(r"0x([0-9a-f]+)((?:/\*[0-9]{1,2}(?:\.\.0)?)+)")
_PLACE = re.compile(r"/\*([0-9]+)")


def _matches(name: str, pattern: str) -> bool:
    lowered = pattern.lower()
    octets = _OCTETS.fullmatch(lowered)
    if octets is not None:  # everything from the first wildcarded bit down may be anything
        wild = max(int(place) for place in _PLACE.findall(octets[2])) + 1
        return (
            name.startswith("0x") and len(name) == len(octets[1]) + 2
            and int(name[2:], 16) >> wild == int(octets[1], 16) >> wild)
    # Only `*` is special in a TerminationID; fnmatch would also take [ and ? so.
    escaped = "".join(f"[{letter}]" if letter in "[?" else letter for letter in lowered)
    return fnmatch.fnmatchcase(name, escaped)


def _error(refused: Refused) -> h248.ErrorDescriptor:
    # The text may quote what the controller wrote; a quoted string holds neither quotation marks nor controls.
    text = refused.text[:_LONGEST_TEXT]
    shown = (letter if letter.isascii() and letter.isprintable() and letter != '"' else "?" for letter in text)
    return h248.ErrorDescriptor(refused.code, "".join(shown))
