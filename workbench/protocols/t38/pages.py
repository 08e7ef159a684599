"""The pages of a fax, put together from the IFP packets of their sender: T.4 data as it came, and where some is not.

Without error correction mode a page is what the modem sends between training and the post-page command. With it, the
page is cut into numbered frames (FCD), which may come again until all are there.

Source: T.38 §7, T.30 §5.3 and annex A, T.4 annex A. What is said of T.30 and T.4 is general knowledge: the
recommendations themselves were not read.
"""

from __future__ import annotations

import msgspec

from workbench.protocols.t38.messages import FieldType, IfpPacket, Indicator
from workbench.protocols.t38.page_format import PageFormat, format_of
from workbench.protocols.t38.t30 import Frame, FrameReader, turned

MOST_PAGES = 200
"""The most pages of a direction that are kept."""
MOST_OCTETS = 16 * 2**20
"""The most octets of all pages of a direction that are kept."""
MOST_PIECES = 200_000
"""The most pieces of all pages of a direction that are kept."""
TRAININGS = (*range(Indicator.V27_2400_TRAINING, Indicator.V17_14400_LONG_TRAINING + 1),
             Indicator.V33_12000_TRAINING, Indicator.V33_14400_TRAINING)
"""Indicators behind which a modem sends data."""
_T4 = (FieldType.T4_NON_ECM_DATA, FieldType.T4_NON_ECM_SIG_END)
_ENDS = ("EOP", "MPS", "EOM", "PRI-EOP", "PRI-MPS", "PRI-EOM")
_FRAMES = 256       # of each part of a page but the last


class Piece(msgspec.Struct, frozen=True):
    """Some of a page as it came, or a place where some of it did not.

    Args:
        octets: T.4 data, first bit first; none in a gap.
        missing: in a gap, about how many octets are not there.
        place: of the packet that brought the last of it, or that came next behind the gap: as told to the reader.
    """

    octets: bytes
    missing: int
    place: int


class Page(msgspec.Struct, frozen=True):
    """One page of a fax.

    Args:
        format: what its sender's DCS said; None: none came.
        pieces: in the order of the page.
        ended: the command that ended it, such as `EOP`; empty: none came.
    """

    format: PageFormat | None
    pieces: tuple[Piece, ...]
    ended: str = ""

    @property
    def whole(self) -> bool:
        """It ended, and nothing of it is missing."""
        return bool(self.ended) and not any(piece.missing for piece in self.pieces)

    @property
    def octets(self) -> int:
        """Octets of T.4 data that came."""
        return sum(len(piece.octets) for piece in self.pieces)

    @property
    def missing(self) -> int:
        """About how many octets did not."""
        return sum(piece.missing for piece in self.pieces)


class PageReader:
    """Puts the pages of one direction together. What it holds is bounded.

    Attributes:
        cut: there was more than is kept.
    """

    def __init__(self) -> None:
        self.cut = False
        self._frames = FrameReader()
        self._format: PageFormat | None = None
        self._training = False      # what the modem sends next is the training check
        self._burst: list[Piece] = []
        self._over = False          # the modem has gone silent behind the burst
        self._listening = False     # the modem has trained, and no data has come
        self._before = 0            # packets that went missing since
        self._part: dict[int, Piece] = {}   # frames of the part that is being sent
        self._blocks: dict[int, _Part] = {}
        self._number: int | None = None
        self._ended = ""            # the command behind the last part
        self._done: list[Page] = []
        self._held = 0
        self._count = 0

    def receive(self, packet: IfpPacket, place: int) -> list[Frame]:
        """Take the next packet; the T.30 frames that it completes.

        Args:
            packet: in order, each once.
            place: any number that the caller knows it by.
        """
        found = self._frames.receive(packet)
        for frame in found:
            self._frame(frame, place)
        for field in packet.fields or ():
            if field.kind in _T4 and field.octets:
                self._data(field.octets, place)
        ended = any(field.kind == FieldType.T4_NON_ECM_SIG_END for field in packet.fields or ())
        if ended or packet.indicator is not None:
            self._silent()
        if packet.indicator is not None:
            self._listening, self._before = packet.indicator in TRAININGS, 0
        return found

    def lose(self, count: int, place: int) -> None:
        """Packets are missing before the one that is known as `place`."""
        self._frames.lose()
        if self._burst and not self._over:
            self._burst.append(Piece(b"", count * max(1, len(self._burst[0].octets)), place))
        elif self._listening:
            self._before += count

    @property
    def pages(self) -> tuple[Page, ...]:
        """The pages so far; the last one may be unfinished."""
        more = [page for page in (self._corrected(), self._plain()) if page is not None]
        return (*self._done, *more)

    # Without error correction

    def _data(self, octets: bytes, place: int) -> None:
        if self._over:
            self._end()
        if self._before:
            self._burst.append(Piece(b"", self._before * len(octets), place))
        self._listening, self._before = False, 0
        if self._takes(len(octets)):
            self._burst.append(Piece(octets, 0, place))

    def _silent(self) -> None:
        """The training check is all zeros, and a page never is."""
        if self._burst and (self._training or not self._has_marks()):
            self._burst = []
            self._training = False
        self._over = bool(self._burst)

    def _has_marks(self) -> bool:
        return any(any(piece.octets) for piece in self._burst)

    def _plain(self, ended: str = "") -> Page | None:
        if self._training or not self._has_marks():
            return None
        return Page(self._format, tuple(self._burst), ended)

    # With error correction

    def _frame(self, frame: Frame, place: int) -> None:
        name, octets = frame.name, frame.octets
        if not frame.whole:
            return
        if name == "DCS":
            self._end()
            self._format, self._training = format_of(octets[3:]), True
        elif name == "FCD" and len(octets) > 4:
            number = turned(octets[3])
            if number not in self._part and self._takes(len(octets) - 4):
                self._part[number] = Piece(octets[4:], 0, place)
        elif name.startswith("PPS-") and len(octets) >= 7:
            self._part_ended(name.removeprefix("PPS-"), *(turned(octet) for octet in octets[4:7]), place=place)
        elif name in _ENDS:
            self._end(name)
        elif name == "DCN":
            self._end()

    def _part_ended(self, command: str, page: int, block: int, frames: int, *, place: int) -> None:
        if self._number is not None and page != self._number:
            part, self._part = self._part, {}
            self._end()
            self._part = part
        self._number, self._ended = page, "" if command == "NULL" else command
        known = self._blocks.setdefault(block, _Part({}, 0, place))
        # When some are sent again, their number is told in place of the whole part's.
        self._blocks[block] = _Part({**self._part, **known.pieces}, max(known.frames, frames + 1), place)
        self._part = {}

    def _corrected(self) -> Page | None:
        last = max(self._blocks, default=-1)
        blocks = [self._blocks.get(number) or _Part({}, 0, 0) for number in range(last + 1)]
        if self._part and blocks and blocks[-1].lacks(self._part):
            blocks[-1] = msgspec.structs.replace(blocks[-1], pieces={**self._part, **blocks[-1].pieces})
        elif self._part:
            blocks.append(_Part(self._part, max(self._part) + 1, max(one.place for one in self._part.values())))
        if not blocks:
            return None
        size = self._format.frame_octets if self._format is not None else 256
        pieces = [piece for block in blocks for piece in block.in_order(size)]
        return Page(self._format, tuple(pieces), self._ended if not self._part else "")

    # Both

    def _end(self, command: str = "") -> None:
        page = self._corrected() or self._plain(command)
        if page is not None and len(self._done) < MOST_PAGES:
            self._done.append(page)
        self.cut = self.cut or len(self._done) >= MOST_PAGES
        self._burst, self._over = [], False
        self._part, self._blocks, self._number, self._ended = {}, {}, None, ""

    def _takes(self, octets: int) -> bool:
        if self._held + octets > MOST_OCTETS or self._count >= MOST_PIECES:
            self.cut = True
            return False
        self._held += octets
        self._count += 1
        return True


class _Part(msgspec.Struct, frozen=True):
    """A part of a page: its frames by number, how many there are (0: nothing of it came), and where its end came."""

    pieces: dict[int, Piece]
    frames: int
    place: int

    def lacks(self, pieces: dict[int, Piece]) -> bool:
        """All of these are missing in it: they are sent again."""
        return all(number < self.frames and number not in self.pieces for number in pieces)

    def in_order(self, size: int) -> list[Piece]:
        """All of them; a gap of `size` octets for each that has not come."""
        if not self.frames:
            return [Piece(b"", _FRAMES * size, self.place)]
        return [self.pieces.get(number) or Piece(b"", size, self.place) for number in range(self.frames)]
