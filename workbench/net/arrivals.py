"""What has happened and has not been told yet: in order, but for what arrives at preferred endpoints."""

from __future__ import annotations

from collections import deque

from workbench.net.interface import Arrival
from workbench.net.values import Endpoint, Happening, Stream, StreamData, StreamFull, StreamWritable

_OF_SPLICED = (StreamData, StreamFull, StreamWritable)


class Arrivals:
    """Two queues: what arrives at an endpoint that its node prefers comes before all that arrives elsewhere."""

    def __init__(self) -> None:
        self._first: deque[Arrival] = deque()
        self._others: deque[Arrival] = deque()
        self._preferred: set[tuple[str, Endpoint]] = set()

    def prefer(self, node: str, local: Endpoint) -> None:
        """What arrives for this node at this endpoint comes first from now on, what waits already included."""
        self._preferred.add((node, local))
        waiting = list(self._others)
        self._others.clear()
        for arrival in waiting:
            self.add(arrival)

    def prefers(self, node: str, local: Endpoint) -> bool:
        """Whether arrivals there come first."""
        return (node, local) in self._preferred

    def add(self, arrival: Arrival) -> None:
        """Something has happened."""
        if self._preferred and (arrival.node, _place(arrival.happened)) in self._preferred:
            self._first.append(arrival)
        else:
            self._others.append(arrival)

    def take(self) -> Arrival | None:
        """What is to be told next."""
        if self._first:
            return self._first.popleft()
        return self._others.popleft() if self._others else None

    def withdraw(self, node: str, stream: Stream) -> bytes:
        """Take back what a node is not to be told of a stream that it splices; the octets among it, in order."""
        found: list[bytes] = []
        for queue in (self._first, self._others):
            mine = [arrival for arrival in queue if isinstance(arrival.happened, _OF_SPLICED)
                    and arrival.happened.stream == stream and arrival.node == node]
            found += [arrival.happened.data for arrival in mine if isinstance(arrival.happened, StreamData)]
            for arrival in mine:
                queue.remove(arrival)
        return b"".join(found)

    def __bool__(self) -> bool:
        return bool(self._first or self._others)

    def __len__(self) -> int:
        return len(self._first) + len(self._others)


def _place(happened: Happening) -> Endpoint | None:
    """The endpoint at which this has happened."""
    stream = getattr(happened, "stream", None)
    return getattr(happened, "local", None) if stream is None else stream.local
