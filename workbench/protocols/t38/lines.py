"""The lines of a page in T.4 data: where each begins and ends, and which can't be read because something is missing.

Between lines stands EOL, eleven zeros and a one, which no line contains; so a reader finds its place again behind a
gap. With MR a bit behind EOL tells whether the line stands by itself (1) or is told by its difference from the one
before (0): behind a gap only a line by itself can be read. MMR (T.6) has no such marks: behind a gap nothing can be.

Source: T.4 §4.1, §4.2; general knowledge, the recommendation itself was not read.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, groupby, pairwise

import msgspec

from workbench.protocols.t38.page_format import Coding
from workbench.protocols.t38.pages import Page, Piece

MOST_LINES = 20_000
"""The most lines of a page that are read; A4 has 2,291 at 196 lines an inch."""
MOST_PAGE_OCTETS = 2**20
"""The most octets of a page that are read."""
EOL = "0" * 11 + "1"
_NEAR = 12     # lines on each side of a gap that tell how many are missing
_MARK = re.compile("0{11,}1")


class Line(msgspec.Struct, frozen=True):
    """A line that came whole.

    Args:
        bits: the code words, `0` and `1`, fill bits behind them.
        alone: it does not refer to the line before.
        place: of the packet that completed it.
    """

    bits: str
    alone: bool
    place: int


class Torn(msgspec.Struct, frozen=True):
    """Lines that can't be read.

    Args:
        lines: about how many.
        place: of the packet behind the gap.
    """

    lines: int
    place: int


def lines_of(page: Page) -> list[Line | Torn]:
    """The lines of a page in MH or MR, in order; none of one in another coding."""
    if page.format is None or page.format.coding not in (Coding.MH, Coding.MR):
        return []
    splitter = _Splitter(two=page.format.coding is Coding.MR)
    stretches = list(_stretches(page.pieces))
    for number, stretch in enumerate(stretches):
        if splitter.over:
            break
        if isinstance(stretch, Piece):
            splitter.gap(8 * stretch.missing, 0, stretch.place)
        else:
            splitter.take(stretch, last=number == len(stretches) - 1)
    return splitter.told()


class _Gap(msgspec.Struct, frozen=True):
    """Bits that are missing or can't be used, and lines of them that were counted."""

    bits: int
    lines: int
    place: int


def _stretches(pieces: tuple[Piece, ...]) -> Iterator[list[Piece] | Piece]:
    """Pieces between gaps, and the gaps."""
    held: list[Piece] = []
    octets = 0
    for piece in pieces:
        octets += len(piece.octets)
        if octets > MOST_PAGE_OCTETS:
            break
        if not piece.missing:
            held.append(piece)
            continue
        if held:
            yield held
        held = []
        yield piece
    if held:
        yield held


class _Splitter:
    """Takes stretches without gaps, and the gaps between them.

    Attributes:
        over: the page has ended, or has more lines than are read.
    """

    def __init__(self, *, two: bool) -> None:
        self.over = False
        self._two = two     # a bit behind EOL tells whether the line stands alone
        self._found: list[Line | _Gap] = []
        self._usable = True

    def gap(self, bits: int, lines: int, place: int) -> None:
        """Some is missing, or of no use."""
        if bits or lines:
            self._found.append(_Gap(bits, lines, place))
            self._usable = not self._two

    def take(self, pieces: list[Piece], *, last: bool) -> None:
        """Pieces without a gap between them; the last ones of the page, or a gap follows."""
        octets = b"".join(piece.octets for piece in pieces)
        bits = f"{int.from_bytes(octets, 'big'):0{8 * len(octets)}b}"
        ends = list(accumulate(8 * len(piece.octets) for piece in pieces))

        def place(bit: int) -> int:
            return pieces[min(bisect_right(ends, bit), len(pieces) - 1)].place

        marks = [mark.end() for mark in _MARK.finditer(bits)]
        if self._found:
            self.gap(marks[0] if marks else len(bits), 0, place(marks[0] - 1 if marks else len(bits) - 1))
        for start, end in pairwise(marks):
            self._line(bits[start : end - len(EOL)], place(end - 1))
            if self.over:
                return
        if marks and last and "1" in bits[marks[-1] + self._two :]:
            self._line(bits[marks[-1] :], pieces[-1].place)
        elif marks and not last:
            self.gap(len(bits) - marks[-1], 0, pieces[-1].place)

    def _line(self, bits: str, place: int) -> None:
        alone, line = not self._two or bits[:1] == "1", bits[self._two :]
        if "1" not in line or len(self._found) >= MOST_LINES:
            self.over = True      # nothing but marks end a page (RTC)
        elif alone or self._usable:
            self._usable = True
            self._found.append(Line(line, alone, place))
        else:
            self._found.append(_Gap(0, 1, place))

    def told(self) -> list[Line | Torn]:
        """Lines, and one gap where several follow each other, with the lines that there were room for in it."""
        told: list[Line | Torn] = []
        at = 0
        for torn, group in groupby(self._found, key=lambda one: isinstance(one, _Gap)):
            members = list(group)
            if torn:
                usual = self._usual(at, at + len(members))
                bits = sum(one.bits for one in members if isinstance(one, _Gap))
                counted = sum(one.lines for one in members if isinstance(one, _Gap))
                about = counted + (round(bits / usual) if usual else 0)
                told.append(Torn(min(max(1, about), MOST_LINES), members[-1].place))
            else:
                told += [one for one in members if isinstance(one, Line)]
            at += len(members)
        return told

    def _usual(self, start: int, end: int) -> float:
        """Bits of a line around there."""
        near = [*self._found[max(0, start - _NEAR) : start], *self._found[end : end + _NEAR]]
        sizes = [len(one.bits) + self._two + len(EOL) for one in near if isinstance(one, Line)]
        return sum(sizes) / len(sizes) if sizes else 0.0
