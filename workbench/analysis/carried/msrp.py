"""MSRP in a stream: each message ends with its own end-line (RFC 4975 §7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.analysis import summaries
from workbench.analysis.carried.base import Base, Unknown
from workbench.analysis.drafts import Content, counted
from workbench.analysis.reassembly import Places
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp import wire as msrp_wire

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector


class Msrp(Base):
    """MSRP in a stream."""

    protocol = "MSRP"

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._readers = [msrp_wire.Reader(), msrp_wire.Reader()]
        self._base = [0, 0]     # where in the direction each reader began
        self._end = [0, 0]
        self._places = (Places(), Places())
        self._syncing = [False, False]
        self._time = 0.0
        self._unknown = Unknown(dissector, content, protected)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        self._time = time
        if missing:
            self._end[direction] += missing
        if missing or self._readers[direction].broken or (
                not self._end[direction] and octets[:5] != b"MSRP "[: len(octets)]):
            self._readers[direction] = msrp_wire.Reader()
            self._syncing[direction] = True
        if self._syncing[direction]:
            at = 0 if octets.startswith(b"MSRP ") else octets.find(b"\r\nMSRP ") + 2
            if at == 1:
                self._end[direction] += len(octets)
                self._unknown.feed(direction, octets, frames, time, missing)
                return
            if at:
                self._unknown.feed(direction, octets[:at], frames, time, missing)
            self._end[direction] += at
            octets = octets[at:]
            self._base[direction] = self._end[direction]
            self._syncing[direction] = False
        reader = self._readers[direction]
        start = self._end[direction]
        self._end[direction] = start + len(octets)
        self._places[direction].add(start, start + len(octets), frames)
        self.content.add(direction, frames[-1], octets)
        base = self._base[direction]
        for framed in reader.receive_data(octets):
            places = self._places[direction].frames(base + framed.start, base + framed.end)
            error = "" if framed.error is None else str(framed.error)
            value = None if isinstance(framed.message, msrp.Broken) else framed.message
            if framed.message is None:
                told = f"not MSRP, {counted(framed.end - framed.start)}"
            else:
                told = summaries.of_msrp(framed.message)
            self.tell("MSRP", direction, places, time, told, framed.octets, value, error)

    @property
    def is_between(self) -> bool:
        """Nothing unfinished is held."""
        return not any(self._syncing) and not any(one.held or one.broken for one in self._readers)

    def passed(self, direction: int, octets: int, messages: int, tail: Sequence[tuple[bytes, int]]) -> None:
        """See `Bulk`."""
        self._end[direction] += octets
        self._base[direction] = self._end[direction]
        reader = self._readers[direction] = msrp_wire.Reader()
        for part, frame in tail:
            start = self._end[direction]
            self._end[direction] = start + len(part)
            self._places[direction].add(start, start + len(part), (frame,))
            found = reader.receive_data(part)
            assert not found

    def finish(self) -> None:
        """See `Layer`."""
        for direction, reader in enumerate(self._readers):
            if reader.held:
                end = self._end[direction]
                frames = self._places[direction].frames(end - reader.held, end)
                self.tell("MSRP", direction, frames, self._time, f"unfinished message, {counted(reader.held)}", b"",
                          error="the connection ended inside a message")
                self._readers[direction] = msrp_wire.Reader()
