"""What H.248 says in a capture: contexts with their terminations as ordered and reported, and the orders themselves."""

from __future__ import annotations

from workbench.analysis.calls.dialogs import Described
from workbench.analysis.drafts import Draft
from workbench.net.values import Endpoint
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.h248.transactions.segmentation import Collector

_MOST_TERMINATIONS = 1000
# A wildcard stands for the few terminations of a context. For so many more its order is not kept with each of them.
_MOST_BY_WILDCARD = 8


class TerminationSeen:
    """An ephemeral termination as its controller and gateway describe it."""

    def __init__(self, name: str, context: ContextSeen) -> None:
        self.name = name
        self.context = context
        self.realm = ""
        self.keyed = False      # a pre-shared key is told, which is so on Mp only
        self.locals: list[Described] = []
        self.remotes: list[Described] = []
        self.watched: list[tuple[Draft, h248.Events]] = []      # in order; each replaces the one before
        self.observed: list[tuple[Draft, h248.ObservedEvent]] = []
        self.notified: list[tuple[Draft, h248.ObservedEvents]] = []
        self.added: Draft | None = None         # the reply to the Add; None where that was not seen
        self.modes: list[tuple[Draft, int, h248.Mode]] = []     # as ordered: of which stream
        self.streams: dict[int, Draft] = {}     # StreamIDs, and the message that named each first
        self.subtracted: float | None = None

    def take(self, command: h248.Command | h248.CommandReply, draft: Draft) -> None:
        """Take what a command orders of it, or a reply reports."""
        for descriptor in command.descriptors:
            if isinstance(descriptor, h248.Events):
                self.watched.append((draft, descriptor))
            elif isinstance(descriptor, h248.ObservedEvents):
                self.observed += [(draft, event) for event in descriptor.events[:64]]
                if isinstance(command, h248.Command):
                    self.notified.append((draft, descriptor))
            elif isinstance(descriptor, h248.Media):
                for stream in descriptor.streams:
                    self._stream(stream, draft)

    def _stream(self, stream: h248.StreamDescriptor, draft: Draft) -> None:
        self.streams.setdefault(stream.id, draft)
        if stream.local_control is not None:
            self.controlled(stream.id, stream.local_control, draft)
        for place, role, given in ((self.locals, "Local", stream.local), (self.remotes, "Remote", stream.remote)):
            place += [Described(draft, description, media, index, role, stream.id)
                      for description in given or () for index, media in enumerate(description.media[:16])]

    def controlled(self, stream: int, control: h248.LocalControl, draft: Draft) -> None:
        """Take what LocalControl says of one of its streams."""
        realm = control.property("ipdc/realm")
        if realm is not None:
            self.realm = realm.value
        self.keyed = self.keyed or control.property(registry().wire_name("pre-shared-key-identity")) is not None
        if control.mode is not None:
            self.modes.append((draft, stream, control.mode))

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
        """`access`, `core` or `border` as name or realm say; empty if they do not."""
        for text in (self.name, self.realm):
            for side in ("access", "core", "border"):
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
        self.created: Draft | None = None       # the reply that gave the number; None where that was not seen
        self.emptied: Draft | None = None       # the reply that took the last termination out
        self.drafts: list[Draft] = []
        self.terminations: dict[str, TerminationSeen] = {}
        self.whole = True       # every order is kept with the terminations that it is for
        self._left = 0          # terminations that nobody has subtracted

    def named(self, name: str) -> list[TerminationSeen]:
        """The terminations that a command is for: one, which may be new here, or all that a wildcard stands for."""
        if "*" in name:
            if len(self.terminations) > _MOST_BY_WILDCARD:
                self.whole = False
                return []
            before, _, after = name.partition("*")
            return [one for key, one in self.terminations.items() if key.startswith(before) and key.endswith(after)]
        termination = self.terminations.get(name)
        if termination is None:
            if len(self.terminations) > _MOST_TERMINATIONS:
                return []
            termination = self.terminations[name] = TerminationSeen(name, self)
            self._left += 1
        return [termination]

    def changed(self, given: h248.CommandReply, draft: Draft) -> None:
        """Take a command that was carried out: which terminations are in the context now."""
        if given.kind is h248.Kind.ADD:
            for termination in self._listed(given.terminations):
                self._left += termination.subtracted is not None
                termination.added, termination.subtracted = draft, None
            self.emptied = None
        if given.kind is h248.Kind.SUBTRACT:
            for termination in self._listed(given.terminations):
                self._left -= termination.subtracted is None
                termination.subtracted = draft.time
            if not self._left:
                self.emptied = draft

    def _listed(self, names: tuple[str, ...]) -> list[TerminationSeen]:
        """The terminations of these names, as far as they are known; with `*` all of them."""
        if "*" in names:
            return list(self.terminations.values())
        return [self.terminations[name] for name in names if name in self.terminations]


class Order:
    """A transaction request and what became of it."""

    def __init__(self, draft: Draft, request: h248.Request, gateway: Endpoint, controller: Endpoint,
                 former: Order | None = None, *, by_controller: bool = True) -> None:
        self.draft = draft
        self.by_controller = by_controller      # the gateway is to carry it out; others are Notify and ServiceChange
        self.former = former            # another request that had the same id
        self.request = request
        self.gateway = gateway
        self.controller = controller
        self.reply: h248.Reply | None = None
        self.replied: Draft | None = None
        self.drafts: list[Draft] = [draft]
        self.pending: list[Draft] = []
        self.repeats = 0        # how often the request came again
        self.contexts: list[ContextSeen] | None = None     # None: not known yet; empty: the null context
        self.segments: Collector | None = None      # of a reply that comes in several

    @property
    def carried_out(self) -> bool:
        """There is a reply, and no error anywhere in it."""
        reply = self.reply
        return reply is not None and reply.error is None and not any(
            action.error is not None or any(command.error is not None for command in action.commands)
            for action in reply.actions)
