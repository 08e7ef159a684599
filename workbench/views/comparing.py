"""Two captures side by side: their tracks in two columns, differences only unless all is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.aligning import CHANGED, SAME
from workbench.views.palette import plain

if TYPE_CHECKING:
    from workbench.analysis.aligning import Comparison, Pair, Row
    from workbench.analysis.steps import Step

_SIGNS = {SAME: "=", CHANGED: "~", "only left": "<", "only right": ">"}
_LEAST_WIDTH = 60
_MOST_TOLD = 300
MOST_ROWS = 400
"""Rows of one track that are shown."""


def comparison_text(comparison: Comparison, *, everything: bool = False, width: int = 100) -> str:
    """The comparison for a terminal.

    Args:
        everything: show what is the same too.
        width: columns of the terminal.
    """
    half = (max(width, _LEAST_WIDTH) - 3) // 2
    lines = [f"left:  {plain(comparison.left)}", f"right: {plain(comparison.right)}", told(comparison)]
    quiet = 0
    for pair in comparison.pairs:
        rows = pair.rows if everything else pair.differences
        if not rows:
            quiet += 1
            continue
        lines += ["", _cut(plain(pair.name), 2 * half + 3) + _counts(pair)]
        for row in rows[:MOST_ROWS]:
            lines += _row(row, half)
        if len(rows) > MOST_ROWS:
            lines.append(f"  … {len(rows) - MOST_ROWS} more rows")
    if quiet and not everything:
        lines += ["", f"{quiet} tracks without a difference are not shown; --all shows them"]
    return "\n".join(lines)


def told(comparison: Comparison) -> str:
    """How far both agree, and where they part first."""
    agreed = f"{comparison.agreement:.0%}" if comparison.same or comparison.agreement < 0.995 else "over 99%"
    first = comparison.first
    if first is None:
        return "no difference but values that each run has of its own"
    pair, row = first
    step = row.left or row.right
    return (f"{agreed} of all steps agree; the first deviation: {plain(pair.name)}: "
            f"{_cut(plain(step.told), _MOST_TOLD) if step else ''} ({row.kind}{_where(row)})")


def _where(row: Row) -> str:
    places = [f"{side} frame {step.frame}" + (f" at {step.time:.3f} s" if step.time else "")
              for side, step in (("left", row.left), ("right", row.right)) if step is not None and step.frame]
    return ", " + ", ".join(places) if places else ""


def _counts(pair: Pair) -> str:
    notes = []
    for side, track in (("left", pair.left), ("right", pair.right)):
        if track is not None and track.left_out:
            notes.append(f"{side}: {track.left_out} later messages were not compared")
    return f"  ({'; '.join(notes)})" if notes else ""


def _row(row: Row, half: int) -> list[str]:
    left, right = (_side(step) for step in (row.left, row.right))
    lines = [f"{_cut(left, half).ljust(half)} {_SIGNS[row.kind]} {_cut(right, half)}".rstrip()]
    return lines + [f"      {_cut(plain(change), 2 * half - 3)}" for change in row.changes]


def _side(step: Step | None) -> str:
    if step is None:
        return ""
    many = f" ×{step.count}" if step.count > 1 else ""
    frame = f"{step.frame} " if step.frame else ""
    return f"{frame}{plain(step.told)}{many}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
