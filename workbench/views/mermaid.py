"""The ladder as a Mermaid sequence diagram: text for pages that draw it. No text of a capture steers the diagram."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.views.ladder import Row, ladder_lanes, ladder_rows, secured_by
from workbench.views.palette import plain

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# Mermaid draws 50,000 characters as it comes, and hardly anybody reads more arrows than this.
MOST_ARROWS = 500
_MOST_LETTERS = 120
_LETTERS = frozenset(" .,/=+-_()*'?!@")


def mermaid_text(report: Report, between: Iterable[str] | None = None, session: str | None = None,
                 most: int = MOST_ARROWS) -> str:
    """The sequence diagram.

    Solid arrows are messages in clear, dotted ones were encrypted on the wire; what is left out is said in a note.

    Args:
        report, between, session: as in `ladder_rows`.
        most: arrows of the diagram.
    """
    rows = ladder_rows(report, between, session)
    lanes = ladder_lanes(report, rows[:most])
    at = {lane.name: f"n{number}" for number, lane in enumerate(lanes)}
    lines = ["sequenceDiagram"]
    lines += [f"    participant {at[lane.name]} as {mermaid_escape(lane.name, 40)}" for lane in lanes]
    for row in rows[:most]:
        arrow = "-->>" if row.protected else "->>"
        lines.append(f"    {at[row.source]}{arrow}{at[row.destination]}: {mermaid_escape(_said(row))}")
    if len(rows) > most:
        lines.append(f"    Note over n0: {len(rows) - most} more messages are left out")
    if not rows:
        lines += ["    participant n0 as Capture", "    Note over n0: no messages"]
    return "\n".join(lines) + "\n"


def mermaid_escape(text: str, most: int = _MOST_LETTERS) -> str:
    """Text that Mermaid shows and never obeys: all but letters, digits and harmless marks as `#code;`.

    So there is no `%%{`, no `;` or line end that ends a statement, no `:` before `wrap`, and no markup.
    """
    shown = plain(text)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    safe = "".join(letter if letter.isalnum() or letter in _LETTERS or letter == "…" else f"#{ord(letter)};"
                   for letter in shown)
    # An empty text is none, and a lone `end` would close a block.
    return safe.strip() if safe.strip() not in ("", "end") else f"({safe.strip()})"


def _said(row: Row) -> str:
    marks = f"{f' [{secured_by(row.protocol)}]' if row.protected else ''}{' (again)' if row.repeated else ''}"
    return f"{row.protocol}{marks} {row.summary}"
