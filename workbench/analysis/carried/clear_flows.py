"""Datagrams in clear between two endpoints, in order: a fax over UDPTL, or the sound of a call."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from workbench.analysis.carried import fax
from workbench.analysis.drafts import Draft
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector

_MOST_FLOWS = 100_000
_MOST_LIVE_FLOWS = 20_000
_MOST_FRAMES = 1_000_000

Key = tuple[str, Endpoint, Endpoint]


class ClearFlow:
    """Datagrams in clear between two endpoints of a stream, on one wire.

    Attributes:
        sides: the endpoints by direction: 0 has sent the first datagram.
        number: tells calls apart that use the same endpoints one after the other.
        seen: seconds of the first and the last datagram, since the first frame of the capture.
        frames, drafts: of its datagrams, in order.
        hearings: what the receiver of each direction has heard, of a fax.
    """

    def __init__(self, wire: str, first: Endpoint, second: Endpoint, time: float, number: int) -> None:
        self.wire = wire
        self.sides = (first, second)
        self.number = number
        self.seen = [time, time]
        self.frames: list[int] = []
        self.drafts: list[Draft] = []
        self.hearings = (fax.Hearing(), fax.Hearing())

    def add(self, draft: Draft) -> fax.Hearing:
        """A message that belongs to it; the hearing of its direction."""
        draft.direction = 0 if draft.source == self.sides[0] else 1
        self.seen[1] = draft.time
        self.drafts.append(draft)
        if len(self.frames) < _MOST_FRAMES:
            self.frames += draft.frames
        return self.hearings[draft.direction]

    def quiet(self) -> None:
        """Nothing has come for so long that what its receivers hold is given up."""
        self.hearings = (fax.Hearing(), fax.Hearing())


class ClearFlows:
    """The flows of one protocol; what is held is bounded.

    Attributes:
        found: in order of their beginning.
    """

    def __init__(self, dissector: Dissector, protocol: str) -> None:
        self.found: list[ClearFlow] = []
        self._dissector = dissector
        self._protocol = protocol
        self._live: OrderedDict[Key, ClearFlow] = OrderedDict()

    def of(self, draft: Draft, number: int = 0) -> ClearFlow | None:
        """The flow that a message belongs to; None: there are too many of them, or of messages, already.

        Args:
            number: tells calls apart that use the same endpoints one after the other.
        """
        if self._dissector.left_out:
            return None     # what is told is full, and so is what is held for it
        source, destination = draft.source, draft.destination
        key = (draft.wire, source, destination) if source <= destination else (draft.wire, destination, source)
        flow = self._live.get(key)
        if flow is None or flow.number != number:
            if len(self.found) >= _MOST_FLOWS:
                self._dissector.note(
                    f"are of {self._protocol} flows beyond the first {_MOST_FLOWS}", draft.frames[-1], "")
                return None
            flow = self._live[key] = ClearFlow(draft.wire, source, destination, draft.time, number)
            self.found.append(flow)
        self._live.move_to_end(key)
        if len(self._live) > _MOST_LIVE_FLOWS:
            self._live.popitem(last=False)[1].quiet()
        return flow
