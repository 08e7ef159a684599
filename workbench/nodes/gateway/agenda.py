"""Who wants to be woken next: a heap of moments, checked against their owners when they come up."""

from __future__ import annotations

import heapq
import sys
from typing import Protocol

_FEW = 64


class Owner(Protocol):
    """Somebody with timers. `entered` belongs to the agenda: the moment under which it knows the owner."""

    entered: float | None

    def next_wakeup(self) -> float | None:
        """The owner's first timer, or None."""


class Agenda:
    """The first timer of many owners. Timers may move later or vanish without a word; earlier ones are added.

    An entry of the heap counts if its owner was entered under its moment; all others are left over, and swept when
    they are more than half, so that an owner that is gone does not stay until a timer of long ago.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Owner]] = []
        self._count = 0
        self._left_over = 0

    def add(self, owner: Owner) -> None:
        """The owner has a new timer."""
        moment = owner.next_wakeup()
        if moment is not None and (owner.entered is None or moment < owner.entered):
            self._left_over += owner.entered is not None
            self._enter(owner, moment)
            self._sweep()

    def discard(self, owner: Owner) -> None:
        """The owner is gone."""
        if owner.entered is not None:
            owner.entered = None
            self._left_over += 1
            self._sweep()

    def next_wakeup(self) -> float | None:
        """The first moment at which an owner is due."""
        while self._heap:
            moment, _, owner = self._heap[0]
            if owner.entered != moment:
                heapq.heappop(self._heap)
                self._left_over -= 1
                continue
            due = owner.next_wakeup()
            if due is not None and due <= moment:
                return moment
            heapq.heappop(self._heap)
            owner.entered = None
            if due is not None:
                self._enter(owner, due)
        return None

    def due(self, now: float, most: int = sys.maxsize) -> list[Owner]:
        """Take out those that are due, each once; of very many the first ones."""
        found: list[Owner] = []
        while len(found) < most and (moment := self.next_wakeup()) is not None and moment <= now:
            owner = heapq.heappop(self._heap)[2]
            owner.entered = None
            found.append(owner)
        return found

    def _enter(self, owner: Owner, moment: float) -> None:
        self._count += 1
        owner.entered = moment
        heapq.heappush(self._heap, (moment, self._count, owner))

    def _sweep(self) -> None:
        if self._left_over > _FEW and 2 * self._left_over > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].entered == entry[0]]
            heapq.heapify(self._heap)
            self._left_over = 0
