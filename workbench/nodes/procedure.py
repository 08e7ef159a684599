"""Procedures that take several exchanges, written top to bottom like the steps of a call flow.

A procedure is a generator. It yields a command (carried out at once) or an `Await` (it sleeps until one of
the topics is posted, and is resumed with what was posted, or with None when the time is over).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import msgspec

from workbench.errors import LocalProtocolError
from workbench.net.values import Command

Topic = tuple[str, ...] | tuple[str, int]


class Await(msgspec.Struct, frozen=True):
    """Sleep until one of `topics` is posted, for `timeout` seconds at most (None: as long as it takes)."""

    topics: tuple[Topic, ...]
    timeout: float | None = None


Steps = Generator[Command | Await, Any, None]


class _Sleeper(msgspec.Struct):
    steps: Steps
    awaits: Await
    deadline: float | None


class Procedures:
    """The running procedures of one node.

    Args:
        most: how many may sleep at once; a further one is refused (`start` raises LocalProtocolError).
    """

    def __init__(self, most: int = 100_000) -> None:
        self._sleepers: list[_Sleeper] = []
        self._most = most

    def start(self, steps: Steps, now: float) -> list[Command]:
        """Run a new procedure up to its first `Await`."""
        if len(self._sleepers) >= self._most:
            raise LocalProtocolError(f"{self._most} procedures are running")
        return self._advance(steps, None, now)

    def post(self, topic: Topic, event: Any, now: float) -> list[Command]:
        """Wake all that await `topic`, oldest first, with `event`."""
        woken = [sleeper for sleeper in self._sleepers if topic in sleeper.awaits.topics]
        commands: list[Command] = []
        for sleeper in woken:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                commands += self._advance(sleeper.steps, event, now)
        return commands

    def awaited(self, topic: Topic) -> bool:
        """Whether anybody sleeps on `topic`."""
        return any(topic in sleeper.awaits.topics for sleeper in self._sleepers)

    def next_wakeup(self) -> float | None:
        """When the first timeout is due."""
        return min((s.deadline for s in self._sleepers if s.deadline is not None), default=None)

    def wake(self, now: float) -> list[Command]:
        """Resume those whose time is over with None."""
        commands: list[Command] = []
        for sleeper in [s for s in self._sleepers if s.deadline is not None and s.deadline <= now]:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                commands += self._advance(sleeper.steps, None, now)
        return commands

    def _advance(self, steps: Steps, event: Any, now: float) -> list[Command]:
        commands: list[Command] = []
        try:
            ordered = steps.send(event)
            while not isinstance(ordered, Await):
                commands.append(ordered)
                ordered = steps.send(None)
        except StopIteration:
            return commands
        deadline = None if ordered.timeout is None else now + ordered.timeout
        self._sleepers.append(_Sleeper(steps, ordered, deadline))
        return commands


def earliest(moments: Iterable[float | None]) -> float | None:
    """The first of several wakeups, None where there is none."""
    return min((moment for moment in moments if moment is not None), default=None)
