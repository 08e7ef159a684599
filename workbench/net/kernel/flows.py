"""TCP as the wires see it: which octets wait for their acknowledgment, so that nobody takes a wait for the end."""

from __future__ import annotations

import msgspec

from workbench.net.packets import ACK, RST, Tcp
from workbench.net.values import Endpoint

_FOLD = 0xFFFFFFFF
_HALF = 0x80000000
_MOST = 65_536


class _Flow(msgspec.Struct):
    """One direction of a connection: the sequence number behind all that was sent, and when the last of it was.

    `apart`: seconds between its last two repetitions; 0: there was none.
    """

    end: int
    moment: float
    apart: float = 0.0


class Flows:
    """What was sent and not yet acknowledged, on all wires.

    Args:
        patience: seconds for which we wait for an answer to a segment, or for its first repetition. Each later one
            comes after twice the time (RFC 6298 §5.5); a sender that is silent for three times this is not waited for.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._flows: dict[tuple[Endpoint, Endpoint], _Flow] = {}

    def saw(self, segment: Tcp, moment: float) -> None:
        """Take a segment that was put on a wire."""
        way, back = (segment.source, segment.destination), (segment.destination, segment.source)
        if segment.flags & RST:
            self._flows.pop(way, None)
            self._flows.pop(back, None)
            return
        if segment.flags & ACK and (other := self._flows.get(back)) is not None and not _is_before(
                segment.acknowledgment, other.end):
            del self._flows[back]
        if segment.length:
            self._sent(way, segment.sequence + segment.length & _FOLD, moment)

    def _sent(self, way: tuple[Endpoint, Endpoint], end: int, moment: float) -> None:
        flow = self._flows.get(way)
        if flow is None and len(self._flows) < _MOST:
            self._flows[way] = _Flow(end, moment)
        elif flow is not None:
            new = _is_before(flow.end, end)
            flow.apart = 0.0 if new else moment - flow.moment
            flow.moment = moment
            if new:
                flow.end = end

    def waits(self, moment: float) -> bool:
        """Whether somebody waits for an acknowledgment, or will soon send again."""
        for way in [way for way, flow in self._flows.items() if flow.moment + self._patience_of(flow) < moment]:
            del self._flows[way]
        return bool(self._flows)

    def _patience_of(self, flow: _Flow) -> float:
        return min(max(1.0, 2 * flow.apart), 3.0) * self._patience


def _is_before(a: int, b: int) -> bool:
    """Sequence numbers wrap: "before" means behind by less than half the ring (RFC 9293 §3.4)."""
    return 0 < (b - a & _FOLD) < _HALF
