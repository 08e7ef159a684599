"""A fax page as dots: T.4 and T.6 are decoded by Pillow (its libtiff); what is missing stays a gap of about its size.

Pillow is imported where it is needed only. Lines that came whole are handed over one behind the other, since each pair
of MR is begun by a line that stands alone; T.6 is handed over up to the first gap.
"""

from __future__ import annotations

import io
import struct
import warnings
from itertools import takewhile
from typing import Any

import msgspec

from workbench.protocols.t38.lines import EOL, MOST_LINES, MOST_PAGE_OCTETS, Line, Torn, lines_of
from workbench.protocols.t38.page_format import Coding, PageFormat
from workbench.protocols.t38.pages import Page

NEEDS = 'the picture of a page needs Pillow: pip install "workbench[notebook]"'
"""What is said where Pillow is missing."""
MOST_DOTS = 64 * 2**20
"""The most dots of a picture, however many a capture asks for."""
_EOFB = EOL + EOL


class Gap(msgspec.Struct, frozen=True):
    """Rows of a picture that stand for lines which did not come: the first one, and about how many."""

    first: int
    rows: int


class Bitmap(msgspec.Struct, frozen=True):
    """A page as dots.

    Args:
        dots: of a row.
        rows: of the picture, gaps included.
        black: the rows, 8 dots an octet, the first dot in the highest bit, 1 is black.
        gaps: rows that are missing.
        places: the packet that completed each row, as told to the page's reader; for MMR as far as it is known.
        across, down: dots an inch.
        why: why there is no picture, or not all of it; empty: all that came is there.
    """

    dots: int
    rows: int
    black: bytes
    gaps: tuple[Gap, ...] = ()
    places: tuple[int, ...] = ()
    across: int = 204
    down: int = 98
    why: str = ""

    @property
    def share(self) -> float:
        """The share of black dots, of the rows that came."""
        came = self.rows - sum(gap.rows for gap in self.gaps)
        return int.from_bytes(self.black, "big").bit_count() / (came * self.dots) if came else 0.0

    def row(self, number: int) -> bytes:
        """One row."""
        size = self.dots // 8
        return self.black[number * size : (number + 1) * size]


def draw(page: Page) -> Bitmap:
    """The picture of a page, as far as it came."""
    form = page.format
    if form is None:
        return _nothing("the sender's DCS, which tells how the page is coded, is not there")
    if form.coding is Coding.OTHER:
        return _nothing("the page is in a coding that is not read here (JBIG or JPEG)")
    try:
        import PIL  # noqa: F401
    except ImportError:
        return _nothing(NEEDS)
    picture = _t6(page, form) if form.coding is Coding.MMR else _t4(page, form)
    if page.octets > MOST_PAGE_OCTETS:
        return msgspec.structs.replace(picture, why=f"only the first {MOST_PAGE_OCTETS} octets of the page are read")
    return picture


def _nothing(why: str) -> Bitmap:
    return Bitmap(1728, 0, b"", why=why)


# T.4: lines with marks between them

def _t4(page: Page, form: PageFormat) -> Bitmap:
    found, most = lines_of(page), _most(form)
    whole = [line for line in found if isinstance(line, Line)][:most]
    two = form.coding is Coding.MR
    bits = "".join(EOL + ("1" if line.alone else "0") * two + line.bits for line in whole) + (EOL + "1" * two) * 6
    decoded = _decoded(bits, form.dots, len(whole), compression=3, options=int(two)) if whole else b""
    if decoded is None:
        return _nothing("the lines of the page do not decode")
    return _placed(found, decoded, form, most)


def _placed(found: list[Line | Torn], decoded: bytes, form: PageFormat, most: int) -> Bitmap:
    """Lines and gaps in the order of the page."""
    size = form.dots // 8
    black = bytearray()
    gaps: list[Gap] = []
    places: list[int] = []
    taken = 0
    for one in found:
        rows = 1 if isinstance(one, Line) else one.lines
        if len(places) + rows > most:
            break
        if isinstance(one, Line):
            black += decoded[taken * size : (taken + 1) * size]
            taken += 1
        else:
            gaps.append(Gap(len(places), rows))
            black += bytes(rows * size)
        places += [one.place] * rows
    why = "" if len(places) < most else f"only {len(places)} rows are drawn"
    return Bitmap(form.dots, len(places), bytes(black), tuple(gaps), tuple(places), form.across, form.down, why)


# T.6: no marks between lines, and none behind a gap

def _t6(page: Page, form: PageFormat) -> Bitmap:
    octets = b"".join(piece.octets for piece in takewhile(lambda piece: not piece.missing, page.pieces))
    octets = octets[:MOST_PAGE_OCTETS]
    bits = f"{int.from_bytes(octets, 'big'):0{8 * len(octets)}b}" if octets else ""
    end = bits.find(_EOFB)
    # How many lines there are stands nowhere. A black one is added: it is the last one that is not white.
    added = "001" + "00110101" + _black(form.dots)
    bits = bits[:end] + added + _EOFB if end >= 0 else bits + _EOFB
    most, size = min(_most(form), len(bits)), form.dots // 8    # a line has one bit at least
    decoded = _decoded(bits, form.dots, most, compression=4, options=0)
    if decoded is None:
        return _nothing("the page does not decode")
    rows = -(-len(decoded.rstrip(b"\0")) // size)
    ended = end >= 0 and rows > 0 and decoded[(rows - 1) * size : rows * size] == b"\xff" * size
    places = tuple([page.pieces[0].place] * (rows - ended))
    drawn = Bitmap(form.dots, rows - ended, decoded[: (rows - ended) * size], (), places, form.across, form.down)
    return drawn if ended else _torn(drawn, page, most)


def _torn(drawn: Bitmap, page: Page, most: int) -> Bitmap:
    """A page in T.6 that breaks off, with a gap of about the size of what is missing."""
    if drawn.rows >= most:
        return msgspec.structs.replace(drawn, why=f"only {drawn.rows} rows are drawn")
    rows = min(max(1, round(drawn.rows * page.missing / max(1, page.octets))), most - drawn.rows)
    return msgspec.structs.replace(
        drawn, rows=drawn.rows + rows, black=drawn.black + bytes(rows * drawn.dots // 8),
        gaps=(Gap(drawn.rows, rows),), places=drawn.places + (page.pieces[-1].place,) * rows,
        why="the rest is missing: T.6 has no marks to go on at")


# Code words of black runs (T.4 table 3b): 2560 is the longest; 1728, 896 and 1536 reach the widths that T.4 knows.
_RUNS = {2560: "000000011111", 1728: "0000001100101", 1536: "0000001011011", 896: "0000001110010", 64: "0000001111"}
_ENDS = {0: "0000110111", 32: "000001101010"}      # table 2b; all widths but 2592 are multiples of 64


def _black(dots: int) -> str:
    """A black run of that many dots."""
    words = ""
    for run, word in _RUNS.items():
        while dots >= run:
            words, dots = words + word, dots - run
    return words + _ENDS[dots]


def _most(form: PageFormat) -> int:
    return min(MOST_LINES, MOST_DOTS // form.dots)


# Pillow

def _decoded(bits: str, dots: int, rows: int, *, compression: int, options: int) -> bytes | None:
    """Dots of T.4 or T.6 data, 1 is black; None: they do not decode."""
    from PIL import Image

    octets = int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(_tiff(octets, dots, rows, compression, options))) as image:
                white = image.tobytes()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return bytes(white).translate(_INVERTED) if image.mode == "1" and len(white) == rows * dots // 8 else None


_INVERTED = bytes(255 - octet for octet in range(256))


def _tiff(octets: bytes, dots: int, rows: int, compression: int, options: int) -> bytes:
    """The least TIFF file around fax data (TIFF 6.0 §11)."""
    entries = [(256, 4, dots), (257, 4, rows), (258, 3, 1), (259, 3, compression), (262, 3, 0), (266, 3, 1),
               (273, 4, 8), (277, 3, 1), (278, 4, rows), (279, 4, len(octets)),
               (292 if compression == 3 else 293, 4, options)]
    forms: dict[int, str] = {3: "<HHIHxx", 4: "<HHII"}
    directory = b"".join(struct.pack(forms[kind], tag, kind, 1, value) for tag, kind, value in entries)
    padded = octets + bytes(len(octets) % 2)
    return (b"II*\0" + struct.pack("<I", 8 + len(padded)) + padded + struct.pack("<H", len(entries)) + directory
            + bytes(4))


# Pictures of a bitmap

_PAPER, _INK, _MISSING = (255, 255, 255), (0, 0, 0), (214, 69, 61)


def png(bitmap: Bitmap, width: int = 864) -> bytes:
    """The page as a PNG file of that many dots a row, as high as paper is; red stripes stand for what is missing.

    Empty where there is nothing to draw, or no Pillow.
    """
    if not bitmap.rows:
        return b""
    from PIL import Image

    height = max(1, round(bitmap.rows * width / bitmap.dots * bitmap.across / bitmap.down))
    page: Any = Image.frombytes("1", (bitmap.dots, bitmap.rows), bitmap.black.translate(_INVERTED))
    page = page.convert("L").resize((width, height), Image.Resampling.BOX).convert("RGB")
    for gap in bitmap.gaps:
        top = gap.first * height // bitmap.rows
        bottom = max(top + 1, (gap.first + gap.rows) * height // bitmap.rows)
        page.paste(_stripes(width, bottom - top), (0, top))
    out = io.BytesIO()
    page.quantize(16).save(out, "PNG", optimize=True)
    return out.getvalue()


def _stripes(width: int, height: int) -> Any:
    """Red with white stripes, so that it is told from ink without colour, too."""
    from PIL import Image

    row = bytes(part for dot in range(width + 16) for part in (_MISSING if dot % 16 < 10 else _PAPER))
    return Image.frombytes("RGB", (width, height), b"".join(
        row[3 * (line % 16) : 3 * (line % 16 + width)] for line in range(height)))
