"""What a DCS says of the pages behind it: size, resolution and coding.

Source: T.30 table 2 (bits of a DCS), T.4 §2 (dots and lines of a page). The tables are general knowledge: the
recommendations themselves were not read.
"""

from __future__ import annotations

import enum

import msgspec

from workbench.protocols.t38.t30 import has_bit


class Coding(enum.StrEnum):
    """How lines are coded."""

    MH = "MH"       # T.4 §4.1, each line by itself
    MR = "MR"       # T.4 §4.2, most lines against the one before
    MMR = "MMR"     # T.6, all lines against the one before, without a mark between them
    OTHER = "another coding"


class PageFormat(msgspec.Struct, frozen=True):
    """What the sender of a page has chosen.

    Args:
        coding: of the lines.
        dots: of a line.
        across, down: dots and lines an inch.
        corrected: with error correction mode.
        frame_octets: of a piece of the page, with error correction mode.
    """

    coding: Coding
    dots: int
    across: int
    down: int
    corrected: bool
    frame_octets: int

    def __str__(self) -> str:
        mode = ", error correction mode" if self.corrected else ""
        return f"{self.coding}, {self.dots} dots a line, {self.across} x {self.down} an inch{mode}"


# Dots of a line for 215, 303 and 255 mm, by dots an inch (T.4 §2.1, §2.2)
_DOTS = {204: (1728, 2432, 2048), 300: (2592, 3648, 3072), 408: (3456, 4864, 4096)}


def format_of(content: bytes) -> PageFormat:
    """What stands behind the facsimile control field of a DCS."""
    across, down = _resolution(content)
    width = 1 if has_bit(content, 18) else 2 if has_bit(content, 17) else 0
    coding = Coding.MR if has_bit(content, 16) else Coding.MH
    if has_bit(content, 31):
        coding = Coding.MMR
    if any(has_bit(content, number) for number in (36, 68, 78, 79)):   # T.43, JPEG, JBIG
        coding = Coding.OTHER
    return PageFormat(coding, _DOTS[across][width], across, down, has_bit(content, 27),
                      64 if has_bit(content, 28) else 256)


def _resolution(content: bytes) -> tuple[int, int]:
    if has_bit(content, 43):
        return 408, 391
    if has_bit(content, 42):
        return 300, 300
    if has_bit(content, 41):
        return 204, 391
    return 204, 196 if has_bit(content, 15) else 98
