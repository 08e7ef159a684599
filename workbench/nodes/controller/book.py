"""What a controller knows of a gateway's contexts, from the replies to its own orders.

It answers one question: does a Notify speak of something that we know (H.248.36: a heartbeat that is refused with 411,
430 or 435 proves that a termination hangs).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Kind

# What crossed our Subtract on its way is still answered as known.
_GRACE = 30.0
_MOST_LEFT = 4096


class Book:
    """Contexts and their terminations, in lower case as names compare."""

    def __init__(self) -> None:
        self._contexts: dict[int, set[str]] = {}
        self._where: dict[str, int] = {}
        self._left: deque[tuple[float, int, str]] = deque(maxlen=_MOST_LEFT)
        self._growing: dict[int, set[int]] = {}
        self.complete = True
        """False: the gateway has contexts of before that nobody here knows yet; then nothing is called unknown."""

    def __len__(self) -> int:
        return len(self._contexts)

    def terminations(self, context: int) -> frozenset[str]:
        """The terminations of a context; empty for one that is not known."""
        return frozenset(self._contexts.get(context, ()))

    def take(self, reply: h248.Reply, now: float) -> None:
        """Note what a reply to an order of ours says about who is where."""
        for action in reply.actions:
            for command in action.commands:
                if command.error is not None:
                    continue
                audited = command.kind is Kind.AUDIT_VALUE and action.context != h248.NULL
                if command.kind in (Kind.ADD, Kind.MOVE) or audited:
                    self._put(action.context, command.terminations)
                elif command.kind is Kind.SUBTRACT:
                    self._take_out(action.context, command.terminations, now)

    def ordered(self, number: int, actions: Iterable[h248.Action]) -> None:
        """A request of ours: what it adds to a context may speak before its reply comes."""
        grows = {action.context for action in actions
                 if any(command.kind in (Kind.ADD, Kind.MOVE) for command in action.commands)}
        if grows:
            self._growing[number] = grows

    def answered(self, number: int) -> None:
        """That request has its reply, or will have none."""
        self._growing.pop(number, None)

    def forget(self) -> None:
        """The gateway has lost all contexts."""
        self._growing.clear()
        self._contexts.clear()
        self._where.clear()
        self._left.clear()
        self.complete = True

    def lose(self, context: int, termination: str, now: float) -> None:
        """The gateway says that a termination is gone."""
        self._take_out(context, (termination,), now)

    def wrong(self, context: int, termination: str, now: float) -> h248.ErrorDescriptor | None:
        """Why a Notify of this termination in this context can't be; None: it can."""
        name = termination.lower()
        if not self.complete or context == h248.NULL or name in self._contexts.get(context, ()):
            return None
        while self._left and self._left[0][0] + _GRACE <= now:
            self._left.popleft()
        if any(context == there and gone in ("*", name) for _, there, gone in self._left):
            return None
        if context not in self._contexts:
            return h248.ErrorDescriptor(411, "unknown ContextID")
        if any(context in grows for grows in self._growing.values()) and name not in self._where:
            return None     # over UDP a Notify may pass the reply to the Add of its termination
        if name in self._where:
            return h248.ErrorDescriptor(435, "termination is not in this context")
        return h248.ErrorDescriptor(430, "unknown TerminationID")

    def _put(self, context: int, names: Iterable[str]) -> None:
        there = self._contexts.setdefault(context, set())
        for name in map(str.lower, names):
            before = self._where.get(name)
            if before is not None and before != context:
                self._remove(before, name)
            there.add(name)
            self._where[name] = context

    def _take_out(self, context: int, names: Iterable[str], now: float) -> None:
        there = self._contexts.get(context)
        if there is None:
            return
        for name in map(str.lower, names):
            self._left.append((now, context, name))
            gone = list(there) if name == "*" else [name]
            for one in gone:
                self._remove(context, one)

    def _remove(self, context: int, name: str) -> None:
        there = self._contexts.get(context)
        if there is None:
            return
        there.discard(name)
        if self._where.get(name) == context:
            del self._where[name]
        if not there:
            del self._contexts[context]
