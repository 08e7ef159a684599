"""Who hears whom in a context (H.248.1 §7.1.18): the Topology descriptor, applied to the payload of each stream.

What several endpoints in one stream do is in `bearer`: octets that come in at one go out at all to whom they flow.

    Bothway          A and B hear each other; so does a pair that was never mentioned
    Isolate          neither hears the other
    Oneway           B hears A
    OnewayExternal   B hears what A received from outside (for a gateway that adds nothing of its own: as Oneway)
    OnewayBoth       B hears that, and what others send out through A
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from workbench.protocols.h248.message import Topology, TopologyDirection

_End = TypeVar("_End")
_Key = tuple[int | None, str, str]


class Flows:
    """The pairs of a context whose flow the controller has set, for one stream or (None) for all."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Mapping[_Key, TopologyDirection] | None = None) -> None:
        self._pairs = dict(pairs or {})

    def __len__(self) -> int:
        return len(self._pairs)

    def copy(self) -> Flows:
        """The same pairs, to be changed."""
        return Flows(self._pairs)

    def set(self, first: str, second: str, direction: TopologyDirection, stream: int | None) -> None:
        """Let it flow like this between two terminations; a triple without a stream is for every stream of theirs."""
        for number in {key[0] for key in self._pairs} if stream is None else {stream}:
            self._pairs.pop((number, first, second), None)
            self._pairs.pop((number, second, first), None)
        self._pairs[stream, first, second] = direction

    def forget(self, name: str) -> None:
        """That termination has left."""
        self._pairs = {key: value for key, value in self._pairs.items() if name not in key[1:]}

    def triples(self) -> tuple[Topology, ...]:
        """What was set, as an audit shows it."""
        return tuple(
            Topology(first, second, direction, stream) for (stream, first, second), direction in self._pairs.items())

    def flows(self, source: str, sink: str, stream: int) -> bool:
        """What `source` receives from outside goes out at `sink`."""
        for number in (stream, None):
            if (forth := self._pairs.get((number, source, sink))) is not None:
                return forth is not TopologyDirection.ISOLATE
            if (back := self._pairs.get((number, sink, source))) is not None:
                return back is TopologyDirection.BOTHWAY
        return True

    def overhears(self, source: str, sink: str, stream: int) -> bool:
        """What goes out at `source` goes out at `sink` as well."""
        for number in (stream, None):
            forth = self._pairs.get((number, source, sink))
            if forth is not None or (number, sink, source) in self._pairs:
                return forth is TopologyDirection.ONEWAY_BOTH
        return False

    def sinks(self, source: str, stream: int, ends: Sequence[tuple[str, _End]]) -> tuple[_End, ...]:
        """Where octets go that come in at `source`, of the endpoints of that stream."""
        others = [(name, bearer) for name, bearer in ends if name != source]
        direct = {name for name, _ in others if self.flows(source, name, stream)}
        copies = {
            name for name, _ in others
            if any(through != name and self.overhears(through, name, stream) for through in direct)}
        return tuple(bearer for name, bearer in others if name in direct | copies)
