"""Who can be called behind which NAT: a table of calls, or two tables over each other, told in signs, words and colour.

The table comes from `lab.reachability.matrix`; anything with its rows, columns and cells will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from workbench.views.palette import escape, plain, themed

BOTH, GAINED, LOST, NEITHER = "both", "gained", "lost", "neither"

_SIGNS = {BOTH: "yes", GAINED: "new", LOST: "lost", NEITHER: "."}
_WORDS_OF_ONE = {BOTH: "works", NEITHER: "does not work"}
_WORDS_OF_TWO = {BOTH: "works in both", GAINED: "works in the second only", LOST: "works in the first only",
                 NEITHER: "works in neither"}
ABBREVIATIONS = ("mapping/filtering: EI endpoint-independent, AD address-dependent, APD address-and-port-dependent "
                 "[RFC 4787 §4.1, §5]")


class Call(Protocol):
    """What became of one call."""

    @property
    def works(self) -> bool:
        """It came up."""

    @property
    def why(self) -> str:
        """What the packets say."""


class Table(Protocol):
    """Calls by the behaviour of both NATs."""

    @property
    def title(self) -> str:
        """What was tried."""

    @property
    def rows(self) -> Sequence[object]:
        """Behaviours of the caller's NAT."""

    @property
    def columns(self) -> Sequence[object]:
        """Behaviours of the called one's NAT."""

    @property
    def cells(self) -> Sequence[Sequence[Call]]:
        """A row for each of `rows`."""


class HeatCell(msgspec.Struct, frozen=True):
    """One cell of the picture.

    Args:
        row, column: names of the two behaviours.
        state: `both` (or just: works), `gained`, `lost`, `neither` (or just: does not work).
        why: what became of the call, of both calls where there are two tables.
    """

    row: str
    column: str
    state: str
    why: str

    @property
    def sign(self) -> str:
        """What stands in the cell."""
        return _SIGNS[self.state]


def heat_cells(table: Table, other: Table | None = None) -> list[list[HeatCell]]:
    """The picture's cells, a list a row.

    Args:
        table: the calls.
        other: the same calls made in another way; cells tell what that changes.
    """
    found: list[list[HeatCell]] = []
    for at, row in enumerate(table.rows):
        line: list[HeatCell] = []
        for place, column in enumerate(table.columns):
            one = table.cells[at][place]
            two = None if other is None else other.cells[at][place]
            line.append(HeatCell(str(row), str(column), _state(one, two), _why(one, two)))
        found.append(line)
    return found


def _state(one: Call, two: Call | None) -> str:
    if two is None or one.works == two.works:
        return BOTH if one.works else NEITHER
    return LOST if one.works else GAINED


def _why(one: Call, two: Call | None) -> str:
    return one.why if two is None else f"first: {one.why}. Second: {two.why}"


def words(state: str, *, two: bool) -> str:
    """A state in words."""
    return (_WORDS_OF_TWO if two else _WORDS_OF_ONE)[state]


def summary(table: Table, other: Table | None = None) -> str:
    """How many calls work, in one line."""
    states = [cell.state for row in heat_cells(table, other) for cell in row]
    works = states.count(BOTH) + states.count(LOST)
    said = f"{table.title}: {works} of {len(states)} calls work"
    if other is None:
        return said
    return f"{said}; {other.title}: {states.count(BOTH) + states.count(GAINED)} of {len(states)}"


def heat_map_text(table: Table, other: Table | None = None) -> str:
    """The table with a sign in each cell, and what the signs mean."""
    cells = heat_cells(table, other)
    names = [plain(name) for name in table.columns]
    width = max([len(name) for name in names] + [len(plain(name)) for name in table.rows] + [4])
    lines = [plain(summary(table, other)), "rows: NAT of UE A, which calls; columns: NAT of UE B, which is called", "",
             " " * width + "  " + "  ".join(f"{name:>{width}}" for name in names)]
    lines += [f"{plain(row[0].row):<{width}}  " + "  ".join(f"{cell.sign:>{width}}" for cell in row) for row in cells]
    seen = dict.fromkeys(cell.state for row in cells for cell in row)
    lines += ["", *(f"{_SIGNS[state]}: {words(state, two=other is not None)}" for state in _SIGNS if state in seen),
              ABBREVIATIONS]
    return "\n".join(line.rstrip() for line in lines)


HEAT_STYLE = themed(".wb-heat") + """
.wb-heat{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;padding:.4em .6em;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-heat .box{overflow:auto}
.wb-heat table{border-collapse:separate;border-spacing:3px}
.wb-heat caption{text-align:left;padding:.3em 0;font-weight:600}
.wb-heat th{font-weight:600;text-align:left!important;white-space:nowrap;padding:.2em .5em}
.wb-heat td{padding:0!important;text-align:center!important}
.wb-heat .c{display:block;min-width:4.2em;padding:.35em .4em;font:inherit;font-weight:600;text-align:center;
border:2px solid var(--wb-line);border-radius:5px;background:var(--wb-panel);color:var(--wb-ink)}
.wb-heat button.c{cursor:pointer;width:100%}
.wb-heat .c.both{color:var(--wb-good);border-color:var(--wb-good)}
.wb-heat .c.gained{color:var(--wb-accent);border-color:var(--wb-accent);border-style:double;border-width:4px;
padding:calc(.35em - 2px) calc(.4em - 2px)}
.wb-heat .c.lost{color:var(--wb-bad);border-color:var(--wb-bad);border-style:dashed}
.wb-heat .c.neither{color:var(--wb-quiet);font-weight:400;border-style:dotted}
.wb-heat .c[aria-pressed=true]{background:var(--wb-chosen);outline:3px solid var(--wb-ink);outline-offset:-1px}
.wb-heat .c:focus-visible{outline:3px solid var(--wb-accent);outline-offset:1px}
.wb-heat .why{min-height:3em;max-width:60rem}
.wb-heat .quiet{color:var(--wb-quiet);margin:.3em 0}
"""


def heat_map_html(table: Table, other: Table | None = None, *, buttons: bool = False, style: bool = True) -> str:
    """The table as HTML; why a cell is as it is stands in its title, and with `buttons` a widget tells it."""
    cells = heat_cells(table, other)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0].row)}</th>'
        f"{''.join(f'<td>{_cell(cell, other is not None, buttons)}</td>' for cell in row)}</tr>" for row in cells)
    seen = dict.fromkeys(cell.state for row in cells for cell in row)
    legend = "; ".join(f"<b>{_SIGNS[state]}</b> {words(state, two=other is not None)}"
                       for state in _SIGNS if state in seen)
    return (f"{f'<style>{HEAT_STYLE}</style>' if style else ''}"
            f'<div class="wb-heat"><div class="box"><table><caption>{escape(summary(table, other))}</caption>'
            f'<thead><tr><th scope="col">UE A \\ UE B</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
            f'<p class="quiet">Rows: NAT of UE A, which calls; columns: NAT of UE B, which is called. {legend}. '
            f"{escape(ABBREVIATIONS)}</p></div>")


def spoken(cell: HeatCell, *, two: bool) -> str:
    """A cell as one sentence, for people who hear the table."""
    return f"UE A behind {cell.row}, UE B behind {cell.column}: {words(cell.state, two=two)}. {cell.why}"


def _cell(cell: HeatCell, two: bool, button: bool) -> str:
    said = escape(spoken(cell, two=two))
    if button:
        return (f'<button type="button" class="c {cell.state}" aria-pressed="false" aria-label="{said}">'
                f"{escape(cell.sign)}</button>")
    return f'<span class="c {cell.state}" title="{said}">{escape(cell.sign)}</span>'
