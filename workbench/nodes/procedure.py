"""Procedures that take several exchanges, written top to bottom like the steps of a call flow.

A procedure is a generator. It yields a command (carried out at once) or an `Await` (it sleeps until one of
the topics is posted, and is resumed with what was posted, or with None when the time is over).
"""

from __future__ import annotations

import heapq
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


class _Sleeper(msgspec.Struct, eq=False):
    steps: Steps
    awaits: Await
    deadline: float | None


class Procedures:
    """The running procedures of one node.

    Args:
        most: how many may sleep at once; a further one is refused (`start` raises LocalProtocolError).
    """

    def __init__(self, most: int = 100_000) -> None:
        self._sleeping = 0
        self._by_topic: dict[Topic, list[_Sleeper]] = {}
        self._timed: list[tuple[float, int, _Sleeper]] = []
        self._count = 0
        self._most = most

    def start(self, steps: Steps, now: float) -> list[Command]:
        """Run a new procedure up to its first `Await`."""
        if self._sleeping >= self._most:
            raise LocalProtocolError(f"{self._most} procedures are running")
        return self._advance(steps, None, now)

    def post(self, topic: Topic, event: Any, now: float) -> list[Command]:
        """Wake all that await `topic`, oldest first, with `event`."""
        commands: list[Command] = []
        for sleeper in list(self._by_topic.get(topic, ())):
            if self._rouse(sleeper):
                commands += self._advance(sleeper.steps, event, now)
        return commands

    def awaited(self, topic: Topic) -> bool:
        """Whether anybody sleeps on `topic`."""
        return topic in self._by_topic

    def next_wakeup(self) -> float | None:
        """When the first timeout is due."""
        while self._timed and self._timed[0][2].deadline is None:  # woken by a topic before its time
            heapq.heappop(self._timed)
        return self._timed[0][0] if self._timed else None

    def wake(self, now: float) -> list[Command]:
        """Resume those whose time is over with None."""
        commands: list[Command] = []
        while (due := self.next_wakeup()) is not None and due <= now:
            sleeper = heapq.heappop(self._timed)[2]
            if self._rouse(sleeper):
                commands += self._advance(sleeper.steps, None, now)
        return commands

    def _rouse(self, sleeper: _Sleeper) -> bool:
        """Take a sleeper off all its topics; False if somebody woke it already."""
        if not any(sleeper in self._by_topic.get(topic, ()) for topic in sleeper.awaits.topics):
            return False
        for topic in sleeper.awaits.topics:
            waiting = self._by_topic.get(topic, [])
            if sleeper in waiting:
                waiting.remove(sleeper)
            if not waiting:
                self._by_topic.pop(topic, None)
        sleeper.deadline = None
        self._sleeping -= 1
        return True

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
        sleeper = _Sleeper(steps, ordered, deadline)
        self._sleeping += 1
        for topic in ordered.topics:
            self._by_topic.setdefault(topic, []).append(sleeper)
        if deadline is not None:
            self._count += 1
            heapq.heappush(self._timed, (deadline, self._count, sleeper))
        return commands


def earliest(moments: Iterable[float | None]) -> float | None:
    """The first of several wakeups, None where there is none."""
    return min((moment for moment in moments if moment is not None), default=None)
