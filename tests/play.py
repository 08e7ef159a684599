"""Plays: what a node sees, and what it does about it, read from top to bottom.

    (play(node)
        .sees(StreamOffered(stream)).does(AcceptStream(stream), OpenStream(other))
        .later(30.0).does(AbortStream(other)))

Every command has to be claimed by `does`, in order, before the next happening; notes, keys and what `ignoring`
names need not be. A command is given as a value (its `why` is compared only if the expected one has one), as a class,
or as a function that says yes or no.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workbench.net.values import Command, Happening, LogKeys, Note, Woke

Expected = Command | type | Callable[[Any], bool]


class Play:
    """A node and the commands of it that nobody has claimed yet.

    Args:
        node: anything with `handle` and `next_wakeup`.
        now: where its clock stands.
        ignoring: classes of commands that need no claim.
    """

    def __init__(self, node: Any, now: float = 0.0, ignoring: tuple[type, ...] = (Note, LogKeys)) -> None:
        self.node = node
        self.now = now
        self.all: list[Command] = []
        self.open: list[Command] = []
        self._ignoring = ignoring

    def sees(self, happened: Happening, *, at: float | None = None) -> Play:
        """Hand over a happening."""
        assert not self.open, f"not claimed before {happened}: {self.open}"
        self.now = self.now if at is None else at
        self._did(self.node.handle(happened, self.now))
        return self

    def later(self, seconds: float) -> Play:
        """Let time pass; the node is woken whenever it wants to be."""
        assert not self.open, f"not claimed before time passes: {self.open}"
        until = self.now + seconds
        for _ in range(10_000):
            moment = self.node.next_wakeup()
            if moment is None or moment > until:
                self.now = until
                return self
            self.now = max(self.now, moment)
            self._did(self.node.handle(Woke(), self.now))
        raise AssertionError("the node wants to be woken again and again")

    def does(self, *expected: Expected) -> Play:
        """The next commands are these."""
        for one in expected:
            assert self.open, f"nothing is done, where this was expected: {one}"
            command = self.open.pop(0)
            assert _agrees(one, command), f"{command} is done, where this was expected: {one}"
        return self

    def does_nothing(self) -> Play:
        """No command is left."""
        assert not self.open, f"done, although nothing was expected: {self.open}"
        return self

    def take(self) -> list[Command]:
        """Claim and return whatever is left."""
        taken, self.open = self.open, []
        return taken

    def _did(self, commands: list[Command]) -> None:
        self.all += commands
        self.open += [command for command in commands if not isinstance(command, self._ignoring)]


def play(node: Any, **settings: Any) -> Play:
    """Begin a play with this node."""
    return Play(node, **settings)


def _agrees(expected: Expected, command: Command) -> bool:
    if isinstance(expected, type):
        return isinstance(command, expected)
    if isinstance(expected, msgspec.Struct):
        if not getattr(expected, "why", "") and hasattr(command, "why"):
            command = msgspec.structs.replace(command, why="")
        return expected == command
    return bool(expected(command))
