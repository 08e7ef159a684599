"""The pages of the faxes in a capture: as pictures, and as text with dots of Braille. What is missing is marked."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.fax_pages import FaxDirection, fax_directions
from workbench.views.bitmap import Bitmap, Gap, draw, png
from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report

MOST_DRAWN = 24
"""The most pages of a capture that are drawn; the others are counted."""
_WIDE = 72              # characters of a page as text
_MOST_LINES = 100       # of a page as text
_INK = 0.3              # share of black that makes a dot of Braille
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))    # of a Braille cell, top down, left and right
_MOST_GAPS = 8


class PageRow(msgspec.Struct, frozen=True):
    """One page at one place of its way.

    Args:
        wire, source, destination, session: where it was read.
        number: of the page, from 1.
        whole: it has ended, and nothing is missing.
        ended: the command behind it, such as `EOP`.
        coding: size, resolution and coding, in words; empty where nobody said.
        octets, missing: of T.4 data that came, and about how many did not.
        bitmap: the picture.
        direction: all that was read there; `bitmap.places` are indices of its `arrivals`.
    """

    wire: str
    source: str
    destination: str
    session: str | None
    number: int
    whole: bool
    ended: str
    coding: str
    octets: int
    missing: int
    bitmap: Bitmap
    direction: FaxDirection

    @property
    def where(self) -> str:
        """Whose page, on which wire."""
        return f"page {self.number}, {self.source} to {self.destination} on {self.wire}"

    @property
    def lost_rows(self) -> int:
        """About how many rows are missing."""
        return sum(gap.rows for gap in self.bitmap.gaps)

    def said(self) -> list[str]:
        """Size and state in a few lines."""
        picture = self.bitmap
        lines = [self.coding or "no DCS: coding and size are not known"]
        if self.direction.read_on:
            lines.append(f"its DCS has not come whole here, and was read on {self.direction.read_on}")
        if picture.rows:
            lines.append(f"{picture.rows} rows of {picture.dots} dots, {picture.share:.1%} black")
        lines.append(f"{self.octets} octets of T.4 data, ended by {self.ended}" if self.ended
                     else f"{self.octets} octets of T.4 data, and no command that ends the page")
        lines += gaps_said(picture.gaps, self.missing)
        if self.direction.cut:
            lines.append("of this fax there was more than is kept")
        return [*lines, picture.why] if picture.why else lines


def gaps_said(gaps: tuple[Gap, ...], missing: int) -> list[str]:
    """Which rows are missing, in words."""
    if not gaps:
        return ["nothing is missing"] if not missing else [f"about {missing} octets are missing"]
    rows = sum(gap.rows for gap in gaps)
    places = ", ".join(f"{gap.first + 1}-{gap.first + gap.rows}" for gap in gaps[:_MOST_GAPS])
    more = f" and {len(gaps) - _MOST_GAPS} more" if len(gaps) > _MOST_GAPS else ""
    return [f"about {rows} rows are missing, in {len(gaps)} place{'s' * (len(gaps) > 1)}: {places}{more}"]


def page_rows(report: Report, session: str | None = None, *, wire: str | None = None) -> list[PageRow]:
    """A row for each page and each wire that it passes; the first `MOST_DRAWN` of them are drawn."""
    found: list[PageRow] = []
    for direction in fax_directions(report, session):
        if wire is not None and direction.wire != wire:
            continue
        for number, page in enumerate(direction.pages, 1):
            picture = draw(page) if len(found) < MOST_DRAWN else Bitmap(1728, 0, b"", why="not drawn: too many pages")
            found.append(PageRow(
                direction.wire, direction.source.node, direction.destination.node, direction.session, number,
                page.whole, page.ended, "" if page.format is None else str(page.format), page.octets, page.missing,
                picture, direction))
    return found


# Text

def pages_text(report: Report, session: str | None = None, *, wire: str | None = None, wide: int = _WIDE) -> str:
    """Each page: what it is, which rows are missing, and a small picture of Braille dots."""
    rows = page_rows(report, session, wire=wire)
    if not rows:
        return "no page of a fax in this capture"
    blocks = []
    for row in rows:
        lines = [row.where, *(f"  {line}" for line in row.said())]
        blocks.append("\n".join([*map(plain, lines), *braille(row.bitmap, wide)]))
    return "\n\n".join(blocks)


def braille(picture: Bitmap, wide: int = _WIDE) -> list[str]:
    """A picture of so many characters a line, eight dots each; `╌` stands where rows are missing."""
    if not picture.rows:
        return []
    across = 2 * wide
    down = max(1, round(picture.rows * across / picture.dots * picture.across / picture.down))
    down = min(down + -down % 4, 4 * _MOST_LINES)
    lines = []
    for top in range(0, down, 4):
        bands = [(row * picture.rows // down, max((row + 1) * picture.rows // down, row * picture.rows // down + 1))
                 for row in range(top, top + 4)]
        lost = sum(_lost(picture.gaps, *band) for band in bands)
        lines.append("╌" * wide if lost >= 2 else _cells([_dots(picture, across, *band) for band in bands], wide))
    return lines


def _lost(gaps: tuple[Gap, ...], first: int, end: int) -> bool:
    return any(gap.first <= first and end <= gap.first + gap.rows for gap in gaps)


def _dots(picture: Bitmap, across: int, first: int, end: int) -> list[bool]:
    """Which of so many dots are black, over some rows."""
    size = picture.dots // 8
    rows = [int.from_bytes(picture.row(number), "big") for number in range(first, min(end, picture.rows))]
    found = []
    for dot in range(across):
        left, right = dot * picture.dots // across, (dot + 1) * picture.dots // across
        mask = ((1 << right - left) - 1) << (8 * size - right)
        black = sum((row & mask).bit_count() for row in rows)
        found.append(bool(rows) and black >= _INK * len(rows) * (right - left))
    return found


def _cells(dots: list[list[bool]], wide: int) -> str:
    return "".join(
        chr(0x2800 + sum(bit for row, bits in zip(dots, _DOTS, strict=True) for side, bit in enumerate(bits)
                         if row[2 * cell + side])) for cell in range(wide)).rstrip("\u2800")


# HTML

PAGES_STYLE = themed(".wb-pages") + """
.wb-pages{display:flex;flex-wrap:wrap;gap:1em 2em;color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-pages figure{margin:0;max-width:min(44em,100%)}
.wb-pages img{width:100%;height:auto;border:1px solid var(--wb-line);background:#fff;image-rendering:auto}
.wb-pages figcaption{padding:.2em 0}
.wb-pages figcaption span{display:block;color:var(--wb-quiet)}
.wb-pages figcaption .lost{color:var(--wb-bad);font-weight:600}
"""


def pages_html(
    report: Report, session: str | None = None, *, wire: str | None = None, style: bool = True, width: int = 648,
) -> str:
    """Each page as a picture with what is said of it; empty where there is none. Red stripes are missing rows."""
    figures = "".join(page_html(row, width) for row in page_rows(report, session, wire=wire))
    if not figures:
        return ""
    return f'{f"<style>{PAGES_STYLE}</style>" if style else ""}<div class="wb-pages">{figures}</div>'


def page_html(row: PageRow, width: int = 648) -> str:
    """One page as a figure."""
    said = "".join(f'<span{" class=lost" if "missing" in line and "nothing" not in line else ""}>{escape(line)}</span>'
                   for line in row.said())
    source = picture_uri(row.bitmap, width)
    alt = escape(f"{row.where}: {'; '.join(row.said())}")
    image = f'<img src="{source}" alt="{alt}">' if source else ""
    return f"<figure>{image}<figcaption><b>{escape(row.where)}</b>{said}</figcaption></figure>"


def picture_uri(picture: Bitmap, width: int = 648) -> str:
    """A `data:` address of the picture; empty where there is none."""
    octets = png(picture, width)
    return f"data:image/png;base64,{base64.b64encode(octets).decode()}" if octets else ""
