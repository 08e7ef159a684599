"""Times of the transaction machine: its timers, the delay it has seen, and what is due when.

Source: H.248.1 Annex D.1.2 to D.1.4; packages root (E.2) and seg (E.15) for the provisioned ones.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import inf

import msgspec


class Timers(msgspec.Struct, frozen=True):
    """Times in seconds. Those with a property's name behind them are provisioned through packages root and seg.

    Args:
        average: first guess of the time between request and reply; `deviation` of its spread. Both follow what is seen.
        least, most: bounds of the interval between two repetitions.
        lifetime: after this long without any answer a request is given up; less than `long`.
        execution: when the node works longer than this on a request, the peer is told with Pending, again and again
            (root/normalMGExecutionTime of a gateway, root/normalMGCExecutionTime of a controller).
        provisional: interval of repetition after the peer said Pending (root/MGCProvisionalResponseTimerValue at a
            gateway, root/MGProvisionalResponseTimerValue at a controller).
        segmentation: segments of a reply that are not acknowledged are repeated so often
            (seg/MGSegmentationTimerValue of a gateway, seg/MGCSegmentationTimerValue of a controller).
        long: LONG-TIMER, how long a reply is remembered after it was made.
    """

    average: float = 0.25
    deviation: float = 0.0625
    least: float = 0.25
    most: float = 4.0
    lifetime: float = 25.0
    execution: float = 2.0
    provisional: float = 4.0
    segmentation: float = 1.0
    long: float = 30.0


class Delay:
    """The time between request and reply, as it is seen, and the interval of repetition that follows from it.

    Average and deviation are kept as TCP does (RFC 6298 §2). With each repetition the average counts double, and a
    random part of up to half of it is left out (Annex D.1.4).
    """

    def __init__(self, timers: Timers, jitter: Callable[[], float]) -> None:
        self._average = timers.average
        self._deviation = timers.deviation
        self._jitter = jitter

    def seen(self, delay: float) -> None:
        """A reply came so long after its request, which was sent once."""
        self._deviation += (abs(delay - self._average) - self._deviation) / 4
        self._average += (delay - self._average) / 8

    def interval(self, repeated: int, timers: Timers) -> float:
        """Time to the next repetition of what was repeated so often already."""
        average = self._average * float(1 << min(repeated, 16))
        interval = average * (0.5 + 0.5 * self._jitter()) + 4 * self._deviation
        return min(max(interval, timers.least), timers.most)


class Deadlines:
    """A moment for each of many keys. Finding the first costs the same however many there are."""

    def __init__(self) -> None:
        self._when: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []  # may hold entries that no longer count

    def put(self, key: int, when: float) -> None:
        """Set or move the moment of a key; infinity is never."""
        if when == inf:
            self._when.pop(key, None)
            return
        self._when[key] = when
        heapq.heappush(self._heap, (when, key))
        if len(self._heap) > 2 * len(self._when) + 64:
            self._heap = [(moment, one) for one, moment in self._when.items()]
            heapq.heapify(self._heap)

    def drop(self, key: int) -> None:
        """Nothing is due for this key any more."""
        self._when.pop(key, None)

    def clear(self) -> None:
        """Nothing is due at all."""
        self._when.clear()
        self._heap.clear()

    def first(self) -> float | None:
        """The first moment, or None."""
        heap, when = self._heap, self._when
        while heap:
            moment, key = heap[0]
            if when.get(key) == moment:
                return moment
            heapq.heappop(heap)
        return None

    def due(self, now: float) -> list[int]:
        """Take out the keys whose moment has come, the first one first."""
        keys: list[int] = []
        while (moment := self.first()) is not None and moment <= now:
            key = heapq.heappop(self._heap)[1]
            del self._when[key]
            keys.append(key)
        return keys
