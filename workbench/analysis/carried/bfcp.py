"""BFCP in a stream: the header of each message says where it ends (RFC 8855 §5.1, §6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis import summaries
from workbench.analysis.carried.base import Base, Unknown
from workbench.analysis.drafts import Content, counted
from workbench.analysis.reassembly import Places
from workbench.errors import PeerError
from workbench.protocols.bfcp.messages import RELIABLE
from workbench.protocols.bfcp.registry import primitive_name
from workbench.protocols.bfcp.wire import HEADER_OCTETS, decode, looks_like_bfcp

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector


def begins_with_bfcp(octets: bytes) -> bool:
    """Whether octets out of the middle of a stream are messages, whole ones up to the last."""
    at = 0
    while looks_like_bfcp(octets[at : at + HEADER_OCTETS]) and len(octets) - at >= HEADER_OCTETS:
        at += HEADER_OCTETS + 4 * int.from_bytes(octets[at + 2 : at + 4], "big")
    return at > 0 and (at == len(octets) or looks_like_bfcp(octets[at : at + 4]))


class Bfcp(Base):
    """BFCP in both directions.

    Behind a hole reading goes on where a segment begins with messages; behind a version that a stream can't have
    nothing is told apart any more.
    """

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        super().__init__(dissector, content, protected)
        self._inboxes = (bytearray(), bytearray())
        self._places = (Places(), Places())
        self._begun = [0, 0]    # where in the direction each inbox begins
        self._lost = [False, False]
        self._syncing = [False, False]
        self._time = 0.0
        self._unknown = Unknown(dissector, content, protected)

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        self._time = time
        if missing:
            self._unfinished(direction)
            self._syncing[direction] = True
        elif not self._begun[direction] and not self._inboxes[direction] and self.content.connection.opened is None:
            self._syncing[direction] = True     # the connection is older than the capture
        self._begun[direction] += missing
        if self._lost[direction] or (self._syncing[direction] and not begins_with_bfcp(octets)):
            self._unknown.feed(direction, octets, frames, time, missing)
            self._begun[direction] += len(octets)
            return
        self._syncing[direction] = False
        inbox = self._inboxes[direction]
        end = self._begun[direction] + len(inbox)
        self._places[direction].add(end, end + len(octets), frames)
        self.content.add(direction, frames[-1], octets)
        inbox += octets
        while self._take(direction):
            pass

    def finish(self) -> None:
        """See `Layer`."""
        for direction in (0, 1):
            self._unfinished(direction)

    def _take(self, direction: int) -> bool:
        """Tell of the next message; False: it is not all here, or there is none to read."""
        inbox = self._inboxes[direction]
        if inbox and inbox[0] >> 5 != RELIABLE:
            self._tell(direction, len(inbox), f"not BFCP, {counted(len(inbox))}",
                       f"version {inbox[0] >> 5} on a reliable transport [RFC 8855 §5.1]")
            self._lost[direction] = True
            return False
        if len(inbox) < HEADER_OCTETS:
            return False
        size = HEADER_OCTETS + 4 * int.from_bytes(inbox[2:4], "big")
        if len(inbox) < size:
            return False
        octets = bytes(inbox[:size])
        try:
            message = decode(octets)
        except PeerError as error:
            self._tell(direction, size, f"{primitive_name(octets[1])} that does not decode", str(error))
            return True
        self._tell(direction, size, summaries.of_bfcp(message), "", message)
        return True

    def _tell(self, direction: int, size: int, told: str, error: str, value: object = None) -> None:
        inbox, start = self._inboxes[direction], self._begun[direction]
        frames = self._places[direction].frames(start, start + size)
        self.tell("BFCP", direction, frames, self._time, told, bytes(inbox[:size]), value, error)
        del inbox[:size]
        self._begun[direction] = start + size

    def _unfinished(self, direction: int) -> None:
        held = len(self._inboxes[direction])
        if held:
            self._tell(direction, held, f"unfinished message, {counted(held)}", "the connection ended inside a message")
