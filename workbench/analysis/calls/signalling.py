"""What SIP and H.248 say in a capture: dialogs with their descriptions, contexts with their terminations.

Reads drafts in order and remembers what joins them: Call-IDs, transaction ids, context ids, addresses and ports. Where
a stream carries H.248, the client's port is another one with each connection, but its message identifier stays.
"""

from __future__ import annotations

from workbench.analysis import summaries
from workbench.analysis.calls.dialogs import Described, DialogSeen
from workbench.analysis.calls.terminations import ContextSeen, Order, TerminationSeen
from workbench.analysis.drafts import Draft
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols import sip
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.transactions.segmentation import Collector

__all__ = ["ContextSeen", "Described", "DialogSeen", "Order", "Signalling", "TerminationSeen"]

_MOST_SEGMENTS = 1024
_MOST_SEGMENTED_OCTETS = 4 * 2**20
_MOST_STRAYS = 1000
_FROM_GATEWAY = (h248.Kind.NOTIFY, h248.Kind.SERVICE_CHANGE)


class Signalling:
    """Everything that SIP and H.248 say, joined by their own identifiers only."""

    def __init__(self) -> None:
        self.dialogs: dict[str, DialogSeen] = {}
        self.contexts: list[ContextSeen] = []
        self.orders: list[Order] = []
        self.strays: list[tuple[Draft, h248.Reply]] = []        # replies to what nobody has asked
        self.errors: list[tuple[Draft, h248.ErrorDescriptor]] = []     # of messages that could not be read at all
        self.broken: list[Draft] = []           # SIP and H.248 that does not decode
        self.control: dict[tuple[Endpoint, Endpoint], list[Draft]] = {}   # gateway, controller: null context
        self._current: dict[tuple[Endpoint, int], ContextSeen] = {}
        self._open: dict[tuple[Endpoint, Endpoint, int], Order] = {}
        self._parties: dict[Endpoint, Endpoint] = {}                # end of a stream: that party's first end
        self._identified: dict[tuple[str, str], Endpoint] = {}      # host and message identifier: the same

    def take(self, draft: Draft) -> None:
        """Take the next draft; others than SIP and H.248 are passed over."""
        value = draft.value
        if draft.error and draft.protocol in ("SIP", "H.248") and len(self.broken) < _MOST_STRAYS:
            self.broken.append(draft)
        if isinstance(value, sip.Request | sip.Response):
            if value.call_id:
                dialog = self.dialogs.setdefault(value.call_id, DialogSeen(value.call_id))
                dialog.take(draft, value)
        elif isinstance(value, h248.Message):
            self._message(draft, value)

    def _message(self, draft: Draft, message: h248.Message) -> None:
        source, destination = self._ends(draft, message.mid)
        joined: dict[int, h248.Reply] = {}
        if message.error is not None and len(self.errors) < _MOST_STRAYS:
            self.errors.append((draft, message.error))
        for transaction in message.body:
            if isinstance(transaction, h248.Request):
                self._request(draft, transaction, source, destination)
            elif isinstance(transaction, h248.Reply):
                order = self._open.get((destination, source, transaction.id))
                if order is None and len(self.strays) < _MOST_STRAYS:
                    self.strays.append((draft, transaction))
                whole = self._whole(draft, transaction, order)
                if order is not None and whole is not None:
                    self._reply(draft, whole, order)
                    if transaction.segment is not None:
                        joined[transaction.id] = whole
            elif isinstance(transaction, h248.Pending | h248.Segment):
                order = self._open.get((destination, source, transaction.id))
                if isinstance(transaction, h248.Segment):
                    order = self._open.get((source, destination, transaction.id))
                if order is not None:
                    order.drafts.append(draft)
                    if isinstance(transaction, h248.Pending):
                        order.pending.append(draft)
                    if order.contexts is not None:
                        self._assign(order, [])
        if joined:
            draft.summary = summaries.of_h248(message, joined)

    def _ends(self, draft: Draft, mid: str) -> tuple[Endpoint, Endpoint]:
        """Who sent a message to whom: on a stream, the party's first end whatever the connection."""
        carrier = draft.connection or draft.association
        if carrier is None:
            return draft.source, draft.destination
        return self._party(carrier.sides[draft.direction], mid), self._party(carrier.sides[1 - draft.direction])

    def _party(self, end: Endpoint, mid: str = "") -> Endpoint:
        known = self._parties.get(end)
        if known is None:
            known = self._parties[end] = self._identified.get((end.host, mid), end) if mid else end
        if mid:
            self._identified.setdefault((end.host, mid), known)
        return known

    @staticmethod
    def _whole(draft: Draft, reply: h248.Reply, order: Order | None) -> h248.Reply | None:
        """The reply; of one in segments, all of it with the segment that completes it, and None before."""
        if reply.segment is None or order is None:
            return reply
        if order.segments is None:
            order.segments = Collector(_MOST_SEGMENTS, _MOST_SEGMENTED_OCTETS)
        try:
            whole = order.segments.take(reply, len(draft.octets))
        except PeerError as error:
            draft.error = draft.error or str(error)
            whole = None
        if whole is None:
            order.drafts.append(draft)
        return whole

    def finish(self) -> None:
        """Requests that were never answered still belong to their contexts."""
        for order in self.orders:
            if order.reply is None:
                self._assign(order, [action.context for action in order.request.actions])

    def _request(self, draft: Draft, request: h248.Request, source: Endpoint, destination: Endpoint) -> None:
        key = (source, destination, request.id)
        known = self._open.get(key)
        if known is not None and known.request == request:
            known.drafts.append(draft)
            known.repeats += draft.wire == known.draft.wire     # on another one it is seen at another place
            return
        kinds = [command.kind for action in request.actions for command in action.commands]
        upwards = bool(kinds) and all(kind in _FROM_GATEWAY for kind in kinds)
        gateway, controller = (source, destination) if upwards else (destination, source)
        order = Order(draft, request, gateway, controller, known, by_controller=not upwards)
        self.orders.append(order)
        self._open[key] = order
        for action in request.actions:
            if action.context not in (h248.CHOOSE, h248.NULL, h248.ALL):
                context = self._context(gateway, controller, action.context, draft.time)
                for command in action.commands:
                    self._described(context, command, draft)

    def _reply(self, draft: Draft, reply: h248.Reply, order: Order) -> None:
        order.drafts.append(draft)
        if order.reply is not None:
            self._assign(order, [])
            return
        order.reply, order.replied = reply, draft
        numbers: list[int] = []
        for index, answer in enumerate(reply.actions):
            asked = order.request.actions[index] if index < len(order.request.actions) else None
            number = answer.context
            numbers.append(number)
            if number in (h248.CHOOSE, h248.NULL, h248.ALL):
                continue
            if asked is not None and asked.context == h248.CHOOSE:
                context = ContextSeen(order.gateway, order.controller, number, order.draft.time)
                context.created = draft
                self.contexts.append(context)
                self._current[order.gateway, number] = context
            context = self._context(order.gateway, order.controller, number, draft.time)
            if asked is not None and asked.context == h248.CHOOSE:
                for command, given in zip(asked.commands, answer.commands, strict=False):
                    self._described(context, command, order.draft, given.terminations)
            elif asked is not None:
                for command, given in zip(asked.commands, answer.commands, strict=False):
                    if any("$" in name for name in command.terminations):
                        self._described(context, command, order.draft, given.terminations)
            for given in answer.commands:
                if given.error is None:
                    self._described(context, given, draft)
                    context.changed(given, draft)
        numbers = numbers or [action.context for action in order.request.actions]
        self._assign(order, numbers)

    def _assign(self, order: Order, numbers: list[int]) -> None:
        """Give the order's messages to their contexts, or to the control association."""
        targets = order.contexts or []
        if order.contexts is None:
            for number in dict.fromkeys(numbers):
                if number in (h248.NULL, h248.CHOOSE, h248.ALL):
                    continue
                targets.append(self._context(order.gateway, order.controller, number, order.draft.time))
            order.contexts = targets
        if not targets:
            held = self.control.setdefault((order.gateway, order.controller), [])
            held += [draft for draft in order.drafts if draft not in held[-64:]]
        for context in targets:
            context.drafts += [draft for draft in order.drafts if draft not in context.drafts[-64:]]

    def _context(self, gateway: Endpoint, controller: Endpoint, number: int, time: float) -> ContextSeen:
        context = self._current.get((gateway, number))
        if context is None:
            context = ContextSeen(gateway, controller, number, time)
            self.contexts.append(context)
            self._current[gateway, number] = context
        return context

    def _described(self, context: ContextSeen, command: h248.Command | h248.CommandReply, draft: Draft,
                   names: tuple[str, ...] | None = None) -> None:
        for name in names if names is not None else command.terminations:
            if "$" in name or name == h248.ROOT:
                continue
            for termination in context.named(name):
                termination.take(command, draft)
