"""The ladder as an accessible SVG element: each message one item, for mouse, keyboard and screen reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from workbench.views.ladder import Lane, Row, ladder_lanes, ladder_rows
from workbench.views.palette import COLOURS, colour_of, escape, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# Summaries of H.248 messages: `Reply 1001: Add ip/1/core/1 in 1`, `Add ip/1/core/$ in $ [1001]`.
_REPLY = re.compile(r"(Reply \d+): (.+)")
_REQUEST = re.compile(r"(.+) \[(\d+)\]")

# What one picture holds; a ladder of more than that is not read but filtered.
MOST_ROWS = 2000

# SVG. Sizes are in CSS pixels.

_TIME = 92          # column of times
_LANE = 224         # distance between lanes
_HEAD = 64
_STEP = 40          # height of a row
_SIDE = 100         # room outside the outermost lanes
_RIGHT = 112        # column of frames and wires

SVG_STYLE = themed(".wb-ladder") + """
.wb-ladder{background:var(--wb-paper);font:13px/1.3 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-ladder text{fill:var(--wb-ink)}
.wb-ladder .quiet{fill:var(--wb-quiet);font-size:11px}
.wb-ladder .mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace;font-size:11px}
.wb-ladder .name{font-weight:600}
.wb-ladder .life{stroke:var(--wb-line)}
.wb-ladder .head{fill:var(--wb-panel);stroke:var(--wb-line)}
.wb-ladder .hit{fill:transparent}
.wb-ladder .wb-m{cursor:pointer;outline:none}
.wb-ladder .drawn{pointer-events:none}
.wb-ladder .wb-m:hover .hit{fill:var(--wb-panel)}
.wb-ladder .wb-m[aria-pressed=true] .hit,.wb-ladder .wb-m.chosen .hit{fill:var(--wb-chosen)}
.wb-ladder .wb-m:focus-visible .hit{stroke:var(--wb-accent);stroke-width:2}
.wb-ladder .bad{fill:var(--wb-bad)}
.wb-ladder .again line,.wb-ladder .again path.arrow{stroke-dasharray:2 4}
.wb-ladder .again .what{fill:var(--wb-quiet);font-style:italic}
.wb-ladder .tube{stroke-width:7;stroke-opacity:.3}
@media print{.wb-ladder .hit{fill:none!important}}
""" + "".join(
    f".wb-ladder .p-{name}{{stroke:var(--wb-{name})}}.wb-ladder text.t-{name}{{fill:var(--wb-{name})}}"
    f".wb-ladder .f-{name}{{fill:var(--wb-{name})}}"
    for name in ("sip", "h248", "tcp", "tls", "msrp", "other") if name in COLOURS
)


def ladder_svg(
    report: Report,
    between: Iterable[str] | None = None,
    session: str | None = None,
    *,
    link: Callable[[Row], str] | None = None,
    selected: int | None = None,
    title: str = "",
    style: bool = True,
) -> str:
    """The ladder as an SVG element that keyboard and screen reader can walk.

    Args:
        report, between, session: as in `ladder_rows`.
        link: gives each row the address of its explanation; rows are links then, else buttons for a widget.
        selected: index in `Report.messages` of the row that is shown as chosen.
        title: what the picture is of.
        style: whether the style sheet comes with it; leave it out for the second ladder of one page.
    """
    rows = ladder_rows(report, between, session)
    lanes = ladder_lanes(report, rows)
    return draw(rows, lanes, link=link, selected=selected, title=title, style=style)


def draw(
    rows: Sequence[Row],
    lanes: Sequence[Lane],
    *,
    link: Callable[[Row], str] | None = None,
    selected: int | None = None,
    title: str = "",
    style: bool = True,
) -> str:
    """What `ladder_svg` gives, of rows and lanes that are already there; at most `MOST_ROWS`, and how many are left."""
    left = len(rows) - MOST_ROWS
    rows = rows[:MOST_ROWS]
    at = {lane.name: _TIME + _SIDE + index * _LANE for index, lane in enumerate(lanes)}
    width = width_of(lanes)
    height = _HEAD + _STEP * len(rows) + 24
    name = escape(title or "Message ladder")
    nodes = ", ".join(lane.name for lane in lanes)
    parts = [
        f'<svg class="wb-ladder" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="group" aria-label="{name}">',
        f"<title>{name}</title>",
        f"<desc>{len(rows)} messages in order of time between {escape(nodes)}. Each is one item of the list; "
        "messages that were encrypted on the wire carry a padlock and a double line.</desc>",
        f"<style>{SVG_STYLE}</style>" if style else "",
        f'<text class="quiet" x="{_TIME - 14}" y="{_HEAD - 18}" text-anchor="end">seconds</text>',
        f'<text class="quiet" x="{width - _RIGHT}" y="{_HEAD - 18}">frame, wire</text>',
    ]
    for lane in lanes:
        x = at[lane.name]
        where = ", ".join(lane.addresses)
        parts.append(
            f'<g><line class="life" x1="{x}" x2="{x}" y1="{_HEAD - 8}" y2="{height - 10}"/>'
            f'<rect class="head" x="{x - 88}" y="8" width="176" height="44" rx="6"/>'
            f'<text class="name" x="{x}" y="27" text-anchor="middle">{escape(_short(lane.name, 24))}</text>'
            f'<text class="quiet mono" x="{x}" y="43" text-anchor="middle">{escape(_addresses(lane.addresses))}'
            f"<title>{escape(where)}</title></text></g>")
    parts.append(f'<g role="list" aria-label="{name}">')
    before: float | None = None
    for index, row in enumerate(rows):
        parts.append(_svg_row(row, _HEAD + _STEP * index, at, width, link, row.message == selected, before))
        before = row.time
    parts.append("</g>")
    if left > 0:
        parts.append(f'<text class="quiet" x="{_TIME}" y="{height - 8}">{left} more messages are not drawn</text>')
    parts.append("</svg>")
    return "".join(parts)


HEAD_STYLE = """
.wb-head{position:sticky;top:0;z-index:1;height:0}
.wb-head>div{position:relative;height:30px;background:var(--wb-paper);border-bottom:1px solid var(--wb-line);opacity:0}
.wb-head.stuck>div{opacity:1}
.wb-head span{position:absolute;top:5px;transform:translateX(-50%);font:600 13px/1.4 system-ui,sans-serif;
white-space:nowrap;color:var(--wb-ink)}
@media print{.wb-head{display:none}}
"""

# Shows the strip of names once the ladder's own head has been scrolled away. `box` scrolls, `head` is the strip.
HEAD_SCRIPT = """
function wbHead(box){const head=box.querySelector('.wb-head');if(!head)return;
  box.addEventListener('scroll',()=>head.classList.toggle('stuck',box.scrollTop>50),{passive:true});}
"""


def head_html(lanes: Sequence[Lane]) -> str:
    """A strip with the lanes' names that stays in sight while a ladder scrolls; for eyes only."""
    width = width_of(lanes)
    names = "".join(f'<span style="left:{_TIME + _SIDE + index * _LANE}px">{escape(_short(lane.name, 24))}</span>'
                    for index, lane in enumerate(lanes))
    return f'<div class="wb-head" aria-hidden="true"><div style="width:{width}px">{names}</div></div>'


def _svg_row(
    row: Row, y: int, at: dict[str, int], width: int, link: Callable[[Row], str] | None, chosen: bool,
    before: float | None,
) -> str:
    colour = colour_of(row.protocol)
    start, end = at[row.source], at[row.destination]
    line = y + 27
    label = escape(row.spoken)
    classes = "wb-m chosen" if chosen and link else "wb-m"
    if link is None:
        opening = (f'<g class="{classes}" role="button" tabindex="0" aria-pressed="{"true" if chosen else "false"}" '
                   f'aria-label="{label}" data-message="{row.message}">')
        closing = "</g>"
    else:
        opening = (f'<a class="{classes}" href="{escape(link(row))}" aria-label="{label}" '
                   f'data-message="{row.message}">')
        closing = "</a>"
    again = ' class="again"' if row.repeated else ""
    moment = f"{row.time:.4f}"
    since = "" if before is None else f"+{(row.time - before) * 1000:.1f} ms"
    # The label says it all, in words; what is drawn would be heard a second time, so it stands beside the link.
    return (
        f'<g role="listitem"{again}>{opening}'
        f'<rect class="hit" x="2" y="{y + 1}" width="{width - 4}" height="{_STEP - 2}" rx="5"/>{closing}'
        '<g class="drawn" aria-hidden="true">'
        f'<text class="mono" x="{_TIME - 14}" y="{y + 20}" text-anchor="end">{moment}</text>'
        f'<text class="quiet mono" x="{_TIME - 14}" y="{y + 33}" text-anchor="end">{since}</text>'
        f'<text class="mono t-{colour}" x="{width - _RIGHT}" y="{y + 20}">{escape(_carried(row))}</text>'
        f'<text class="quiet mono" x="{width - _RIGHT}" y="{y + 33}">{escape(_short(row.wire, 16))}</text>'
        f"{_words(row, start, end, y, colour)}{_stroke(row, start, end, line, colour)}</g></g>")


def width_of(lanes: Sequence[Lane]) -> int:
    """The natural width of a ladder, in CSS pixels."""
    return _TIME + 2 * _SIDE + max(0, len(lanes) - 1) * _LANE + _RIGHT


def _carried(row: Row) -> str:
    """Protocol and frame, for the column at the right."""
    return f"{row.protocol} {row.frames[-1]}" if row.frames else row.protocol


def _words(row: Row, start: int, end: int, y: int, colour: str) -> str:
    middle = (start + end) // 2
    # About 7 px a character; what does not fit is in the label and in the explanation.
    room = max(150, abs(end - start) - 14)
    error = " ⚠" if row.error else ""
    again = " (again)" if row.repeated else ""
    main, detail = _parted(row.summary)
    text = _short(main, int(room / 7.2) - len(again) - (3 if row.protected else 0)) + again + error
    anchor, x = ("middle", middle) if start != end else ("start", start + 12)
    lock = ""
    if row.protected:
        left = x - len(text) * 3.6 - 15 if anchor == "middle" else x
        x += 6 if anchor == "middle" else 14
        lock = _padlock(left, y + 8, colour)
    below = ""
    if detail or row.error:
        below = (f'<text class="quiet" x="{middle if start != end else start + 12}" y="{y + 36}" '
                 f'text-anchor="{anchor}">{escape(_short(row.error or detail, int(room / 5.8)))}</text>')
    return (f'{lock}<text class="what t-{colour}" x="{x}" y="{y + 18}" text-anchor="{anchor}">{escape(text)}</text>'
            f"{below}")


def _parted(summary: str) -> tuple[str, str]:
    """What stands above the arrow and what below it: brackets at the end, transaction ids and what is replied."""
    main, opened, detail = summary.partition(" (")
    if opened and detail.endswith(")"):
        return main, detail[:-1]
    if (reply := _REPLY.fullmatch(summary)) is not None:
        return reply[1], reply[2]
    if (request := _REQUEST.fullmatch(summary)) is not None:
        return request[1], f"transaction {request[2]}"
    return summary, ""


def _stroke(row: Row, start: int, end: int, y: int, colour: str) -> str:
    y -= 4
    if start == end:
        return (f'<path class="arrow p-{colour}" fill="none" stroke-width="1.6" '
                f'd="M{start} {y - 8}h-16v12h12"/>{_tip(start - 2, y + 4, 1, colour)}')
    sense = 1 if end > start else -1
    tube = f'<line class="p-{colour} tube" x1="{start}" x2="{end}" y1="{y}" y2="{y}"/>' if row.protected else ""
    return (f'{tube}<line class="p-{colour}" stroke-width="1.6" x1="{start}" x2="{end - sense * 6}" y1="{y}" y2="{y}"/>'
            f"{_tip(end, y, sense, colour)}")


def _tip(x: int, y: int, sense: int, colour: str) -> str:
    return f'<path class="f-{colour}" d="M{x} {y}l{-9 * sense} -4.5v9z"/>'


def _padlock(x: float, y: float, colour: str) -> str:
    return (f'<g aria-hidden="true" transform="translate({x:.1f} {y})">'
            f'<rect class="f-{colour}" x="0" y="4.5" width="9" height="7" rx="1.2"/>'
            f'<path class="p-{colour}" fill="none" stroke-width="1.5" '
            'd="M1.8 5V3.2a2.7 2.7 0 0 1 5.4 0V5"/></g>')


def _addresses(addresses: Sequence[str]) -> str:
    """What fits under a name: the first address, and how many more there are."""
    more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    return _short(addresses[0], 26 - len(more)) + more if addresses else ""


def _short(text: str, room: int) -> str:
    return text if len(text) <= room else text[:max(1, room - 1)].rstrip() + "…"
