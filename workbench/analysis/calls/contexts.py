"""H.248 contexts over time: what accepted transactions make of them.

An order comes into force with its reply, command by command: what was refused, or never answered, changes nothing
(H.248.1 §8.2.2). What a gateway announces with ServiceChange has happened already, whatever the controller answers
(H.248.1 §7.2.8). An audit changes nothing either, but of a context that is older than the capture it shows the state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from workbench.analysis.calls.context_values import ContextHistory, ContextState, TerminationState
from workbench.analysis.calls.termination_changes import described, differences, text
from workbench.analysis.drafts import Draft
from workbench.analysis.summaries import shortened
from workbench.net.values import Endpoint
from workbench.protocols.h248 import message as h248

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import Order
    from workbench.analysis.report import Report

_A = TypeVar("_A")
_B = TypeVar("_B")
_MOST_STATES = 1000
_MOST_CHANGES = 64
_MOST_TERMINATIONS = 1000
_MOST_HELD = 1_000_000
_MOST_LETTERS = 1000
_LOST = (h248.Method.RESTART, h248.Method.FORCED)
_KEPT = ("900", "916", "917", "918")
"""Reasons of Restart with which a gateway keeps its contexts: service restored, packages or capabilities changed."""
_SERVICE = {h248.Method.RESTART: h248.ServiceState.IN_SERVICE, h248.Method.FORCED: h248.ServiceState.OUT_OF_SERVICE}


def histories(report: Report) -> tuple[ContextHistory, ...]:
    """Every context of a capture, in order of its beginning."""
    book = _Book()
    steps: list[tuple[float, int, Callable[[Order, Draft], None], Order, Draft]] = []
    for order in report.signalling.orders:
        if not order.by_controller:
            steps.append((order.draft.time, order.draft.frames[-1], book.announced, order, order.draft))
        if order.replied is not None:
            steps.append((order.replied.time, order.replied.frames[-1], book.answered, order, order.replied))
    for _, _, take, order, draft in sorted(steps, key=lambda step: step[:2]):
        take(order, draft)
    return tuple(one.history(report.names) for one in book.contexts)


class _Context:
    """A context as far as it is read."""

    def __init__(self, gateway: Endpoint, controller: Endpoint, number: int, *, begun: bool) -> None:
        self.gateway = gateway
        self.controller = controller
        self.number = number
        self.begun = begun
        self.until: float | None = None
        self.terminations: dict[str, TerminationState] = {}
        self.topology: dict[tuple[str, str, int | None], str] = {}
        self.states: list[ContextState] = []
        self.left_out = 0

    def tell(self, draft: Draft, changes: list[str], *, room: bool) -> int:
        """Hold the state after these changes; how many terminations that holds more."""
        if len(self.states) >= _MOST_STATES or (not room and len(self.states) > 1):
            self.states.pop()
            self.left_out += 1
        self.states.append(ContextState(
            draft.time, draft.frames[-1], shortened("; ".join(changes), _MOST_LETTERS),
            tuple(self.terminations.values()), tuple(self.topology.values())))
        return len(self.terminations)

    def history(self, names: Callable[[str], str]) -> ContextHistory:
        return ContextHistory(
            names(self.gateway.host), names(self.controller.host), self.number, self.states[0].time, self.until,
            tuple(self.states), self.begun, self.left_out)


class _Book:
    """All contexts of all gateways, and where each termination is."""

    def __init__(self) -> None:
        self.contexts: list[_Context] = []
        self._open: dict[Endpoint, dict[int, _Context]] = defaultdict(dict)
        self._where: dict[tuple[Endpoint, str], _Context] = {}
        self._changes: dict[_Context, list[str]] = {}
        self._held = 0

    # --- transactions

    def announced(self, order: Order, draft: Draft) -> None:
        """What a gateway says has happened to its terminations."""
        if order.gateway in self._open:
            self._serviced(order.gateway, order, draft.time)
            self._told(draft)

    def answered(self, order: Order, draft: Draft) -> None:
        """A reply: what of the request has been carried out."""
        reply = order.reply
        if reply is None or reply.error is not None:
            return
        if not order.by_controller:
            # ServiceChange from a controller looks the same; then the contexts are its peer's.
            if order.controller in self._open and order.gateway not in self._open and order.carried_out:
                self._serviced(order.controller, order, draft.time)
                self._told(draft)
            return
        for asked, answer in _pairs(order.request.actions, reply.actions, _same_context):
            self._action(order, asked, answer, draft)
        self._told(draft)

    def _action(self, order: Order, asked: h248.Action, answer: h248.ActionReply, draft: Draft) -> None:
        carried = [(command, given) for command, given in _pairs(asked.commands, answer.commands, _same_command)
                   if given.error is None]
        if answer.context in (h248.NULL, h248.CHOOSE) or not (carried or _topology(asked)) or (
                answer.error is not None and not carried):
            return
        for context in self._meant(order, answer.context, draft, new=asked.context == h248.CHOOSE):
            for command, given in carried:
                self._command(context, command, given, draft)
            if answer.error is None and (topology := _topology(asked)):
                self._arranged(context, topology)

    def _meant(self, order: Order, number: int, draft: Draft, *, new: bool) -> list[_Context]:
        held = self._open[order.gateway]
        if number == h248.ALL:
            return list(held.values())
        if new and number in held:
            self._end(held[number], draft.time, "the gateway gives its number to another context")
        if number not in held:
            held[number] = _Context(order.gateway, order.controller, number, begun=new)
        return [held[number]]

    # --- commands

    def _command(self, context: _Context, command: h248.Command, given: h248.CommandReply, draft: Draft) -> None:
        for name in _names(context, given.terminations or command.terminations):
            if command.kind is h248.Kind.SUBTRACT:
                self._leaves(context, name, draft.time, f"Subtract {text(name)}")
            elif command.kind in (h248.Kind.ADD, h248.Kind.MODIFY, h248.Kind.MOVE):
                self._set(context, name, command.kind, (*command.descriptors, *_media_of(given)), draft.time)
            elif command.kind is h248.Kind.AUDIT_VALUE:
                self._set(context, name, command.kind, given.descriptors, draft.time)
        if command.kind is h248.Kind.SUBTRACT and not context.terminations and context.until is None:
            # Of a context older than the capture, which terminations it had was never said.
            self._end(context, draft.time, f"Subtract {text(', '.join(given.terminations))}")

    def _set(self, context: _Context, name: str, kind: h248.Kind, descriptors: Iterable[h248.Descriptor],
             time: float) -> None:
        place = self._where.get((context.gateway, name))
        before = None if kind is h248.Kind.ADD or place is None else place.terminations[name]
        if place is not context:
            if len(context.terminations) >= _MOST_TERMINATIONS:
                return
            if place is not None:
                self._leaves(place, name, time, f"{kind} {text(name)} to context {context.number}")
            self._where[context.gateway, name] = context
        known = before if before is not None else TerminationState(text(name))
        context.terminations[name] = after = described(known, descriptors)
        words = differences(known, after)
        if words or place is not context or kind is h248.Kind.ADD:
            self._say(context, f"{kind} {text(name)}" + (f": {'; '.join(words)}" if words else ""))

    def _leaves(self, context: _Context, name: str, time: float, change: str) -> None:
        if context.terminations.pop(name, None) is not None:
            self._where.pop((context.gateway, name), None)
        self._say(context, change)
        if not context.terminations:
            self._end(context, time)

    def _arranged(self, context: _Context, topology: Iterable[h248.Topology]) -> None:
        """Topology as set, by pairs of terminations (H.248.1 §7.1.18)."""
        for one in list(topology)[:_MOST_TERMINATIONS]:
            stream = "" if one.stream is None else f" in stream {one.stream}"
            told = f"{text(one.first)} {one.direction} {text(one.second)}{stream}"
            if (len(context.topology) < _MOST_TERMINATIONS
                    and context.topology.get((one.first, one.second, one.stream)) != told):
                context.topology[one.first, one.second, one.stream] = told
                self._say(context, f"topology {told}")

    def _serviced(self, gateway: Endpoint, order: Order, time: float) -> None:
        """ServiceChange: with ROOT all contexts are lost, else a termination is out of service or back."""
        for command in (one for action in order.request.actions for one in action.commands):
            services = command.descriptor(h248.Services)
            if command.kind is not h248.Kind.SERVICE_CHANGE or services is None or services.method not in _LOST:
                continue
            change = f"ServiceChange {services.method} {text(services.reason or '')}".strip()
            for name in command.terminations[:_MOST_TERMINATIONS]:
                if name.upper() != h248.ROOT:
                    self._in_service(gateway, name, h248.Method(services.method), change)
                elif not (services.reason or "").startswith(_KEPT):
                    for context in list(self._open[gateway].values()):
                        self._end(context, time, f"{change} of the gateway")

    def _in_service(self, gateway: Endpoint, name: str, method: h248.Method, change: str) -> None:
        held = self._where.get((gateway, name))
        for context in list(self._open[gateway].values()) if "*" in name else [held] if held is not None else []:
            for one in _names(context, (name,)):
                context.terminations[one] = msgspec.structs.replace(
                    context.terminations[one], service=str(_SERVICE[method]))
                self._say(context, f"{change} of {text(one)}")

    # --- telling

    def _say(self, context: _Context, change: str) -> None:
        held = self._changes.setdefault(context, [])
        if len(held) < _MOST_CHANGES:
            held.append(change)

    def _end(self, context: _Context, time: float, change: str = "") -> None:
        if change:
            self._say(context, change)
        context.until = time
        for name in context.terminations:
            self._where.pop((context.gateway, name), None)
        context.terminations.clear()
        self._open[context.gateway].pop(context.number, None)

    def _told(self, draft: Draft) -> None:
        """A state for each context that this message has changed."""
        for context, changes in self._changes.items():
            if not context.states:
                self.contexts.append(context)
            self._held += context.tell(draft, changes, room=self._held < _MOST_HELD)
        self._changes.clear()


def _names(context: _Context, names: Iterable[str]) -> list[str]:
    """The terminations meant; a wildcard stands for those that are in the context (H.248.1 §6.2.2)."""
    found: dict[str, None] = {}
    for name in names:
        if "*" in name:
            found.update(dict.fromkeys(_fitting(context.terminations, name)))
        elif "$" not in name and name.upper() != h248.ROOT:
            found[name] = None
    return list(found)[:_MOST_TERMINATIONS]


def _fitting(names: Iterable[str], pattern: str) -> list[str]:
    before, _, after = pattern.partition("*")
    return [one for one in names if one.startswith(before) and one.endswith(after.rpartition("*")[2])
            and len(one) >= len(before)]


def _media_of(given: h248.CommandReply) -> Iterator[h248.Descriptor]:
    """What a reply says of the addresses that the gateway has chosen."""
    return (one for one in given.descriptors if isinstance(one, h248.Media))


def _topology(action: h248.Action) -> tuple[h248.Topology, ...]:
    return (action.properties.topology or ()) if action.properties is not None else ()


def _pairs(asked: Sequence[_A], answers: Sequence[_B], fits: Callable[[_A, _B], bool]) -> Iterator[tuple[_A, _B]]:
    """Each answer with what it answers: they are in one order, and a wildcard may have several (H.248.1 §8.2.2)."""
    at = 0
    for place, answer in enumerate(answers):
        if at >= len(asked):
            return
        yield asked[at], answer
        more = len(answers) - place - 1
        if more <= len(asked) - at - 1 or not fits(asked[at], answers[place + 1]):
            at += 1


def _same_context(asked: h248.Action, answer: h248.ActionReply) -> bool:
    return asked.context in (h248.ALL, answer.context)


def _same_command(asked: h248.Command, given: h248.CommandReply) -> bool:
    return asked.kind is given.kind and any(
        bool(_fitting(given.terminations, pattern)) if "*" in pattern else pattern in given.terminations
        for pattern in asked.terminations)
