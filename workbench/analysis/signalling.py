"""What SIP and H.248 say in a capture: dialogs with their descriptions, contexts with their terminations.

Reads drafts in order and remembers what joins them: Call-IDs, transaction ids, context ids, addresses and ports. Where
a stream carries H.248, the client's port is another one with each connection, but its message identifier stays.
"""

from __future__ import annotations

from workbench.analysis import summaries
from workbench.analysis.announced import endpoint_of
from workbench.analysis.dissect import Draft
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols import sip
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.transactions.segmentation import Collector
from workbench.protocols.sdp import Media, SessionDescription, setup_of_answer, setup_of_offer

_MOST_SEGMENTS = 1024
_MOST_SEGMENTED_OCTETS = 4 * 2**20
_WITH_SDP = ("INVITE", "UPDATE", "PRACK", "ACK")


class Described:
    """One m= line that was sent: in SIP by a dialog's party, in H.248 for a termination."""

    def __init__(self, draft: Draft, description: SessionDescription, media: Media, index: int, role: str) -> None:
        self.draft = draft
        self.description = description
        self.media = media
        self.index = index
        self.role = role            # "offer" or "answer" in SIP, "Local" or "Remote" in H.248
        self.endpoint = endpoint_of(description, media)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Values of a=fingerprint that hold for this stream, as written; those that ask the gateway (`$`) left out."""
        found = self.media.attributes("fingerprint") or self.description.attributes("fingerprint")
        return tuple(value for value in found if "$" not in value)

    @property
    def setup(self) -> str:
        """The value of a=setup, empty where there is none."""
        return self.description.attribute_of(self.media, "setup") or ""

    @property
    def setup_meant(self) -> str:
        """The a=setup that an offer or answer stands for, by default or as written (RFC 4145 §4)."""
        media = self.description.effective(self.media)
        return str(setup_of_offer(media) if self.role == "offer" else setup_of_answer(media))


class DialogSeen:
    """All messages with one Call-ID, on whatever wire."""

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.drafts: list[Draft] = []
        self.methods: set[str] = set()
        self.described: list[Described] = []
        self._offers: dict[tuple[str, int], bool] = {}

    def take(self, draft: Draft, message: sip.Request | sip.Response) -> None:
        """Add a message of this dialog; the summary of one with SDP learns whether it is offer or answer."""
        self.drafts.append(draft)
        number, method = message.cseq
        if isinstance(message, sip.Request):
            self.methods.add(message.method)
            method = message.method
        if method not in _WITH_SDP:
            return
        description = summaries.described(message)
        key = ("INVITE" if method == "ACK" else method, number)
        if isinstance(message, sip.Request) and method != "ACK":
            # A request without SDP asks the other side to make the offer (RFC 3261 §13.2.1).
            self._offers[key] = description is not None
        if description is None:
            return
        asked = self._offers.get(key, True)
        if isinstance(message, sip.Request):
            role = "offer" if method != "ACK" else "answer"
        else:
            role = "answer" if asked else "offer"
        draft.summary = summaries.of_sip(message, role=role)
        self.described += [Described(draft, description, media, index, role)
                           for index, media in enumerate(description.media[:16])]


class TerminationSeen:
    """An ephemeral termination as its controller and gateway describe it."""

    def __init__(self, name: str, context: ContextSeen) -> None:
        self.name = name
        self.context = context
        self.realm = ""
        self.locals: list[Described] = []
        self.remotes: list[Described] = []
        self.watched: list[tuple[Draft, h248.Events]] = []      # in order; each replaces the one before
        self.observed: list[tuple[Draft, h248.ObservedEvent]] = []
        self.subtracted: float | None = None

    @property
    def local(self) -> Endpoint | None:
        """The gateway's address and port; None while nobody has said it."""
        return next((one.endpoint for one in reversed(self.locals) if one.endpoint is not None), None)

    @property
    def bearer(self) -> str:
        """`<proto>` of the last Local that was given."""
        return self.locals[-1].media.proto if self.locals else ""

    def setup_at(self, time: float) -> str:
        """The TCP role that the gateway was given in Local by then; empty where none was."""
        return next((one.setup for one in reversed(self.locals) if one.draft.time <= time and one.setup), "")

    def watching(self, event: str, time: float) -> h248.Event | None:
        """The event of this name, if the controller asked for it in the last Events descriptor before `time`."""
        asked = next((events for draft, events in reversed(self.watched) if draft.time <= time), None)
        return next((one for one in (asked.events if asked is not None else ())
                     if one.name.casefold() == event.casefold()), None)

    @property
    def side(self) -> str:
        """`access` or `core` as name or realm say; empty if they do not."""
        for text in (self.name, self.realm):
            for side in ("access", "core"):
                if side in text.casefold():
                    return side
        return ""


class ContextSeen:
    """A context from the Add that made it; the same ContextID may come again for another one."""

    def __init__(self, gateway: Endpoint, controller: Endpoint, number: int, since: float) -> None:
        self.gateway = gateway
        self.controller = controller
        self.number = number
        self.since = since
        self.drafts: list[Draft] = []
        self.terminations: dict[str, TerminationSeen] = {}


class Order:
    """A transaction request and what became of it."""

    def __init__(self, draft: Draft, request: h248.Request, gateway: Endpoint, controller: Endpoint) -> None:
        self.draft = draft
        self.request = request
        self.gateway = gateway
        self.controller = controller
        self.reply: h248.Reply | None = None
        self.replied: Draft | None = None
        self.drafts: list[Draft] = [draft]
        self.contexts: list[ContextSeen] | None = None     # None: not known yet; empty: the null context
        self.segments: Collector | None = None      # of a reply that comes in several


_FROM_GATEWAY = (h248.Kind.NOTIFY, h248.Kind.SERVICE_CHANGE)


class Signalling:
    """Everything that SIP and H.248 say, joined by their own identifiers only."""

    def __init__(self) -> None:
        self.dialogs: dict[str, DialogSeen] = {}
        self.contexts: list[ContextSeen] = []
        self.orders: list[Order] = []
        self.control: dict[tuple[Endpoint, Endpoint], list[Draft]] = {}   # gateway, controller: null context
        self._current: dict[tuple[Endpoint, int], ContextSeen] = {}
        self._open: dict[tuple[Endpoint, Endpoint, int], Order] = {}
        self._parties: dict[Endpoint, Endpoint] = {}                # end of a stream: that party's first end
        self._identified: dict[tuple[str, str], Endpoint] = {}      # host and message identifier: the same

    def take(self, draft: Draft) -> None:
        """Take the next draft; others than SIP and H.248 are passed over."""
        value = draft.value
        if isinstance(value, sip.Request | sip.Response):
            if value.call_id:
                dialog = self.dialogs.setdefault(value.call_id, DialogSeen(value.call_id))
                dialog.take(draft, value)
        elif isinstance(value, h248.Message):
            self._message(draft, value)

    def _message(self, draft: Draft, message: h248.Message) -> None:
        source, destination = self._ends(draft, message.mid)
        joined: dict[int, h248.Reply] = {}
        for transaction in message.body:
            if isinstance(transaction, h248.Request):
                self._request(draft, transaction, source, destination)
            elif isinstance(transaction, h248.Reply):
                order = self._open.get((destination, source, transaction.id))
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
            return
        kinds = [command.kind for action in request.actions for command in action.commands]
        upwards = bool(kinds) and all(kind in _FROM_GATEWAY for kind in kinds)
        gateway, controller = (source, destination) if upwards else (destination, source)
        order = Order(draft, request, gateway, controller)
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
                if given.kind is h248.Kind.SUBTRACT and given.error is None:
                    for name, termination in context.terminations.items():
                        if name in given.terminations or "*" in given.terminations:
                            termination.subtracted = draft.time
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
            if "$" in name or "*" in name or name == h248.ROOT:
                continue
            termination = context.terminations.get(name)
            if termination is None:
                if len(context.terminations) > 1000:
                    return
                termination = context.terminations[name] = TerminationSeen(name, context)
            for descriptor in command.descriptors:
                if isinstance(descriptor, h248.Events):
                    termination.watched.append((draft, descriptor))
                elif isinstance(descriptor, h248.ObservedEvents):
                    termination.observed += [(draft, event) for event in descriptor.events[:64]]
                if not isinstance(descriptor, h248.Media):
                    continue
                for stream in descriptor.streams:
                    realm = stream.local_control.property("ipdc/realm") if stream.local_control is not None else None
                    if realm is not None:
                        termination.realm = realm.value
                    for place, role, given in ((termination.locals, "Local", stream.local),
                                               (termination.remotes, "Remote", stream.remote)):
                        place += [Described(draft, description, media, index, role)
                                  for description in given or ()
                                  for index, media in enumerate(description.media[:16])]
