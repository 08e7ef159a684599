"""Virtual time: what is due next, and what time it is. Nothing waits; time jumps."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Clock:
    """A heap of moments with something to do at each. Two of the same moment run in the order they were set."""

    def __init__(self) -> None:
        self.now = 0.0
        self._count = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Run `action` at `moment` (seconds since the start), or now if that has passed."""
        self._count += 1
        heapq.heappush(self._heap, (max(moment, self.now), self._count, action))

    def advance(self, deadline: float) -> bool:
        """Go to the next moment up to `deadline` and run one action; False: there was none, and time is unchanged."""
        if not self._heap or self._heap[0][0] > deadline:
            return False
        self.now, _, action = heapq.heappop(self._heap)
        action()
        return True

    def set(self, now: float) -> None:
        """Let time pass to `now` if that lies ahead; the caller has run what was due before."""
        self.now = max(self.now, now)

    def __len__(self) -> int:
        return len(self._heap)
