"""Who wants to be woken next: a heap of moments, checked against their owners when they come up."""

from __future__ import annotations

import heapq
from typing import Protocol


class Owner(Protocol):
    """Somebody with timers."""

    def next_wakeup(self) -> float | None:
        """The owner's first timer, or None."""


class Agenda:
    """The first timer of many owners. Timers may move later or vanish without a word; earlier ones are added."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Owner]] = []
        self._earliest: dict[int, float] = {}
        self._count = 0

    def add(self, owner: Owner) -> None:
        """The owner has a new timer."""
        moment = owner.next_wakeup()
        known = self._earliest.get(id(owner))
        if moment is not None and (known is None or moment < known):
            self._count += 1
            self._earliest[id(owner)] = moment
            heapq.heappush(self._heap, (moment, self._count, owner))

    def next_wakeup(self) -> float | None:
        """The first moment at which an owner is due."""
        while self._heap:
            moment, count, owner = self._heap[0]
            due = owner.next_wakeup()
            if due is not None and due <= moment:
                return moment
            heapq.heappop(self._heap)
            self._leave(owner, moment)
            known = self._earliest.get(id(owner))
            if due is not None and (known is None or due < known):
                self._earliest[id(owner)] = due
                heapq.heappush(self._heap, (due, count, owner))
        return None

    def due(self, now: float) -> list[Owner]:
        """Take out those that are due, each once."""
        found: dict[int, Owner] = {}
        while (moment := self.next_wakeup()) is not None and moment <= now:
            entered, _, owner = heapq.heappop(self._heap)
            self._leave(owner, entered)
            found[id(owner)] = owner
        return list(found.values())

    def _leave(self, owner: Owner, moment: float) -> None:
        if self._earliest.get(id(owner)) == moment:
            del self._earliest[id(owner)]
