"""SIP in a stream: each message ends where its Content-Length says (RFC 3261 §18.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.analysis.carried.base import Base, Unknown
from workbench.analysis.drafts import Content, counted
from workbench.analysis.reassembly import Places
from workbench.protocols import sip

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector

_MOST_STREAM_MESSAGE = 65_535
_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,7})", re.IGNORECASE)


def _cut_sip(buffer: bytearray) -> int:
    """Octets of the first SIP message in a stream; 0: not all here; below 0: not SIP (RFC 3261 §18.3)."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return 0 if len(buffer) <= _MOST_STREAM_MESSAGE else -1
    if not sip.looks_like_sip(bytes(buffer[:end])):
        return -1
    length = _LENGTH.search(bytes(buffer[: end + 2]))
    size = end + 4 + (int(length[1]) if length is not None else 0)
    if size > _MOST_STREAM_MESSAGE:
        return -1
    return size if len(buffer) >= size else 0


_SIP_BEGINS = re.compile(rb"(?:\A|\r\n)(?:SIP/2\.0 [1-6][0-9]{2} |[A-Z]{1,32} [^\s]{1,2000} SIP/2\.0\r\n)")


class Sip(Base):
    """SIP on a stream. Behind a hole, or where the framing is lost, reading goes on with the next start line."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._buffers = (bytearray(), bytearray())
        self._places = (Places(), Places())
        self._at = [0, 0]       # offset of the buffers' first octets
        self._syncing = [False, False]
        self._unknown = Unknown(dissector, content, protected)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        if missing:
            self._drop(direction, len(self._buffers[direction]))    # the ledger tells it: part of no whole message
            self._at[direction] += missing
            self._syncing[direction] = True
        if self._syncing[direction]:
            begin = _SIP_BEGINS.search(octets)
            at = len(octets) if begin is None else begin.start() + 2 * (octets[begin.start()] == 13)
            if at:
                self._unknown.feed(direction, octets[:at], frames, time, missing)
                self._at[direction] += at
            octets = octets[at:]
            if not octets:
                return
            self._syncing[direction] = False
        buffer = self._buffers[direction]
        end = self._at[direction] + len(buffer)
        self._places[direction].add(end, end + len(octets), frames)
        buffer += octets
        self.content.add(direction, frames[-1], octets)
        while buffer:
            if buffer[0] in b"\r\n":
                self._drop(direction, 1)       # keep-alives between messages (RFC 5626 §3.5.1)
                continue
            size = _cut_sip(buffer)
            if size == 0:
                return
            if size < 0:
                begin = _SIP_BEGINS.search(bytes(buffer), 1)
                lost = len(buffer) if begin is None else begin.start() + 2 * (buffer[begin.start()] == 13)
                self._syncing[direction] = begin is None
                self.tell("unknown", direction, frames, time, f"TCP, {counted(lost)}", bytes(buffer[:lost]),
                          error="SIP framing is lost")
                self._drop(direction, lost)
                continue
            start = self._at[direction]
            sides, connection = self.content.connection.sides, self.content.connection
            draft = self.dissector.decoded(
                "SIP", self._places[direction].frames(start, start + size), time, connection.wire,
                sides[direction], sides[1 - direction], bytes(buffer[:size]))
            self._place(draft, direction)
            self._drop(direction, size)

    def _drop(self, direction: int, size: int) -> None:
        del self._buffers[direction][:size]
        self._at[direction] += size

    def finish(self) -> None:
        """See `Layer`."""
