"""TPKT packets in a stream that was captured: cut into messages, and found again where the framing is wrong.

A node gives a connection up when framing is lost (`transport.Tpkt`). A reader of captures goes on: a packet ends where
its length says, or where another one begins with an H.248 message in it; octets that belong to none are told apart.

Source: RFC 1006 §6, H.248.1 Annex D.2.
"""

from __future__ import annotations

import msgspec

from workbench.protocols.h248.recognise import TELLING_OCTETS, looks_like_h248
from workbench.protocols.layout import Row, Span

HEADER_OCTETS = 4
_VERSION = 3
_START = b"\x03\x00"
_LOOKED_AT = 2 * 65_535


class Framed(msgspec.Struct, frozen=True):
    """A piece of a stream.

    Args:
        start: offset of its first octet in the stream.
        octets: a TPKT packet with its header; or, where `lost`, octets that belong to none.
        problem: what is wrong with the packet or why the octets belong to none; empty for a sound packet.
        unfinished: the stream broke off inside the packet.
    """

    start: int
    octets: bytes
    problem: str = ""
    lost: bool = False
    unfinished: bool = False

    @property
    def end(self) -> int:
        """Offset one past the last octet."""
        return self.start + len(self.octets)


class Framing:
    """One direction of a captured connection: octets in, pieces out. No more than one packet is held."""

    def __init__(self) -> None:
        self._inbox = bytearray()
        self._at = 0            # offset of the inbox in the stream
        self._searched = 0      # offset in the inbox up to which no packet inside another was found
        self._syncing = False   # framing is lost: a packet counts only with H.248 in it

    @property
    def held(self) -> int:
        """Octets that wait for more."""
        return len(self._inbox)

    def receive_data(self, octets: bytes) -> list[Framed]:
        """Take octets in any portions; return what is complete now."""
        self._inbox += octets
        found: list[Framed] = []
        while self._inbox and (piece := self._next()) is not None:
            found.append(piece)
        return found

    def finish(self) -> list[Framed]:
        """No more comes: what is held, as it is."""
        found: list[Framed] = []
        while self._inbox:
            found.append(self._next(final=True) or self._take(len(self._inbox), "cut short", lost=True))
        return found

    def skip(self, missing: int) -> list[Framed]:
        """Octets that the capture lacks come next: what was held can't be completed any more."""
        found = self.finish()
        self._at += missing
        self._syncing = True
        return found

    def _next(self, *, final: bool = False) -> Framed | None:
        inbox = self._inbox
        if inbox[0] != _VERSION:
            return self._lost(final, f"{inbox[0]} where the TPKT version 3 has to be")
        if len(inbox) < HEADER_OCTETS:
            return None
        size = int.from_bytes(inbox[2:4], "big")
        if size <= HEADER_OCTETS:
            return self._lost(final, f"TPKT of {size} octets")
        message = inbox[HEADER_OCTETS : HEADER_OCTETS + TELLING_OCTETS]
        if self._syncing and not looks_like_h248(message):
            if len(message) < min(TELLING_OCTETS, size - HEADER_OCTETS) and not final:
                return None
            return self._lost(final, "no H.248 message behind what may be a TPKT header")
        end = self._inner(min(size, len(inbox)), final)
        if end:
            return self._take(end, f"TPKT of {size} octets, but the next one begins after {end}")
        if len(inbox) >= size and self._searched >= size - 1:
            return self._take(size)
        if final:
            return self._take(len(inbox), f"{len(inbox)} of {size} octets", unfinished=True)
        return None

    def _inner(self, end: int, final: bool) -> int:
        """Where another packet begins before `end`; 0: nowhere (yet).

        One that may begin in the last octets of a packet is told by what follows, so that is waited for.
        """
        inbox = self._inbox
        at = max(self._searched, HEADER_OCTETS + 1)
        while True:
            at = inbox.find(_START, at, end)
            if at < 0:
                self._searched = max(end - 1, 0)
                return 0
            known = len(inbox) - at - HEADER_OCTETS
            if looks_like_h248(inbox[at + HEADER_OCTETS : at + HEADER_OCTETS + TELLING_OCTETS]):
                return at
            if known < TELLING_OCTETS and not final:
                self._searched = at
                return 0
            at += 1

    def _lost(self, final: bool, problem: str) -> Framed | None:
        """Octets up to the next packet that holds H.248, or up to where one may begin."""
        inbox = self._inbox
        at = 1
        while (at := inbox.find(_VERSION, at)) >= 0:
            head = inbox[at : at + HEADER_OCTETS + TELLING_OCTETS]
            if head[:2] == _START and looks_like_h248(head[HEADER_OCTETS:]):
                break
            if not final and len(head) < HEADER_OCTETS + TELLING_OCTETS and _START.startswith(head[:2]):
                break
            at += 1
        return self._take(at if at > 0 else len(inbox), problem, lost=True)

    def _take(self, size: int, problem: str = "", *, lost: bool = False, unfinished: bool = False) -> Framed:
        piece = Framed(self._at, bytes(self._inbox[:size]), problem, lost, unfinished)
        del self._inbox[:size]
        self._at += size
        self._searched = 0
        self._syncing = lost
        return piece


def carries_h248(octets: bytes) -> bool:
    """Whether a stream begins with a TPKT packet that holds H.248, or one follows not too far behind."""
    at = 0
    while (at := octets.find(_START, at, _LOOKED_AT)) >= 0:
        if looks_like_h248(octets[at + HEADER_OCTETS : at + HEADER_OCTETS + TELLING_OCTETS]):
            return True
        at += 1
    return False


def spans(octets: bytes) -> tuple[Span, ...]:
    """Lay out a stream of TPKT packets; each message is one `tpkt.payload`. Never raises."""
    framing = Framing()
    return tuple(_span(piece, octets) for piece in (*framing.receive_data(octets), *framing.finish()))


def _span(piece: Framed, octets: bytes) -> Span:
    if piece.lost or piece.end - piece.start <= HEADER_OCTETS:
        return Span("tpkt.lost", piece.start, piece.end, piece.problem)
    row = Row(octets, piece.start)
    row.add("tpkt.version", 1)
    row.add("tpkt.reserved", 1)
    size = row.number(2)
    row.add("tpkt.length", 2, f"{size} octets" + (f", wrong: {piece.problem}" if piece.problem else ""))
    row.add("tpkt.undecoded" if piece.unfinished else "tpkt.payload", piece.end - row.at, piece.problem)
    return row.parent("tpkt", f"{size} octets")
