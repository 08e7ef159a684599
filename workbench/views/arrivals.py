"""How the packets of a fax came: as they were sent, made good from a later packet, or not at all. Cell by cell.

Source: T.38 §9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.fax_pages import Arrival, FaxDirection, fax_directions
from workbench.protocols.t38.events import Way
from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report

CAME, REPEATED, REBUILT, LOST = "came", "repeated", "rebuilt", "lost"
_OF = {Way.PRIMARY: CAME, Way.REDUNDANCY: REPEATED, Way.FEC: REBUILT, None: LOST}
MARKS = {CAME: "·", REPEATED: "r", REBUILT: "F", LOST: "X"}
"""The mark of each way in text."""
MEANINGS = {CAME: "came as it was sent", REPEATED: "made good: a later packet repeats it",
            REBUILT: "made good: computed from a later packet's FEC", LOST: "lost for good"}
_WIDE = 80
_MOST_CELLS = 4000
_MOST_REPAIRS = 6


class ArrivalRow(msgspec.Struct, frozen=True):
    """All packets of one direction on one wire.

    Args:
        where: who to whom, on which wire.
        protected: inside DTLS.
        sent: datagrams or records seen there, copies included.
        cells: one for each IFP packet in order: how it came, a word of `MARKS`.
        repairs: packets that were made good, and the packet that did it: sequence numbers.
        direction: what it was made from.
    """

    where: str
    protected: bool
    sent: int
    cells: tuple[str, ...]
    repairs: tuple[tuple[int, int], ...]
    direction: FaxDirection

    def count(self, way: str) -> int:
        """How many came that way."""
        return self.cells.count(way)

    @property
    def said(self) -> str:
        """The counts in words."""
        words = {CAME: "came", REPEATED: "made good by redundancy", REBUILT: "made good by FEC", LOST: "lost for good"}
        parts = [f"{self.count(way)} {word}" for way, word in words.items() if self.count(way)]
        return f"{len(self.cells)} packets: {', '.join(parts)}"


def arrival_rows(report: Report, session: str | None = None, *, wire: str | None = None) -> list[ArrivalRow]:
    """A row for each direction on each wire."""
    return [_row(one) for one in fax_directions(report, session) if wire in (None, one.wire)]


def way_of(arrival: Arrival) -> str:
    """How a packet came, as a word of `MARKS`."""
    return _OF[arrival.way]


def _row(one: FaxDirection) -> ArrivalRow:
    repairs = tuple((arrival.sequence, arrival.by) for arrival in one.arrivals
                    if arrival.way in (Way.REDUNDANCY, Way.FEC))
    return ArrivalRow(str(one), one.protected, one.packets, tuple(map(way_of, one.arrivals)), repairs, one)


def repairs_said(row: ArrivalRow) -> str:
    """What was rebuilt from where."""
    if not row.repairs:
        return ""
    told = ", ".join(f"{lost} from {by}" for lost, by in row.repairs[:_MOST_REPAIRS])
    more = f" and {len(row.repairs) - _MOST_REPAIRS} more" if len(row.repairs) > _MOST_REPAIRS else ""
    return f"made good: {told}{more}"


def arrivals_text(report: Report, session: str | None = None, *, wire: str | None = None) -> str:
    """A line of marks for every 80 packets of each direction."""
    rows = arrival_rows(report, session, wire=wire)
    if not rows:
        return "no UDPTL in this capture"
    lines = []
    for row in rows:
        lines += [f"{row.where}{' [dtls]' if row.protected else ''}", f"  {row.said}"]
        if row.repairs:
            lines.append(f"  {repairs_said(row)}")
        marks = "".join(MARKS[cell] for cell in row.cells[:_MOST_CELLS])
        lines += [f"  {start:5}  {marks[start : start + _WIDE]}" for start in range(0, len(marks), _WIDE)]
    used = [way for way in MARKS if any(way in row.cells for row in rows)]
    lines.append("  ".join(f"{MARKS[way]} {MEANINGS[way]}" for way in used))
    return "\n".join(map(plain, lines))


ARRIVALS_STYLE = themed(".wb-arrivals") + """
.wb-arrivals{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-arrivals p{margin:.3em 0;max-width:60rem}
.wb-arrivals .cells{display:flex;flex-wrap:wrap;gap:1px;max-width:62rem;line-height:0}
.wb-arrivals i{display:inline-block;width:10px;height:14px;border-radius:2px;background:var(--wb-line);
font:600 10px/14px ui-monospace,Menlo,Consolas,monospace;text-align:center;color:var(--wb-paper)}
.wb-arrivals i.repeated{background:var(--wb-good)}
.wb-arrivals i.rebuilt{background:var(--wb-accent)}
.wb-arrivals i.lost{background:var(--wb-bad)}
.wb-arrivals .key i{vertical-align:-2px;margin:0 .3em 0 1em}
.wb-arrivals .quiet{color:var(--wb-quiet)}
"""


def arrivals_html(
    report: Report, session: str | None = None, *, wire: str | None = None, style: bool = True,
) -> str:
    """A cell for each packet, one row of cells a direction; empty where there is no UDPTL."""
    rows = arrival_rows(report, session, wire=wire)
    if not rows:
        return ""
    key = "".join(f"{_cell(way)}{escape(MEANINGS[way])}" for way in MARKS if any(way in row.cells for row in rows))
    body = "".join(row_html(row) for row in rows)
    return (f'{f"<style>{ARRIVALS_STYLE}</style>" if style else ""}<div class="wb-arrivals">{body}'
            f'<p class="key">{key}</p></div>')


def row_html(row: ArrivalRow) -> str:
    """One direction: its counts, and its cells."""
    cells = "".join(_cell(cell, arrival) for cell, arrival in zip(
        row.cells[:_MOST_CELLS], row.direction.arrivals, strict=False))
    more = f"<p>only the first {_MOST_CELLS} are shown</p>" if len(row.cells) > _MOST_CELLS else ""
    repairs = f'<p class="quiet">{escape(repairs_said(row))}</p>' if row.repairs else ""
    secured = " (inside DTLS)" if row.protected else ""
    return (f'<p><b>{escape(row.where)}</b>{secured}<br>{escape(row.said)}</p>{repairs}'
            f'<div class="cells" role="img" aria-label="{escape(row.said)}">{cells}</div>{more}')


def _cell(way: str, arrival: Arrival | None = None) -> str:
    told = "" if arrival is None else f' title="{escape(_told(way, arrival))}"'
    return f'<i class="{way}"{told}>{"" if way == CAME else MARKS[way]}</i>'


def _told(way: str, arrival: Arrival) -> str:
    said = f"UDPTL {arrival.sequence}: {'' if arrival.packet is None else arrival.packet} {MEANINGS[way]}"
    return f"{said} (packet {arrival.by}, {arrival.time:.2f} s)" if way in (REPEATED, REBUILT) else said
