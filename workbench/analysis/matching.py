"""Which scenario of the catalogue a capture shows, how surely, and where it deviates.

Each scenario is a list of marks that its call flow leaves on the wire; the score is the share of marks found. Where two
scenarios have the same share and the same number of marks, packets can't tell them apart: then both are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis import marks_bearers, marks_e2ae, marks_e2e, marks_ends, marks_fax, marks_mp
from workbench.analysis.values import ScenarioMatch

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.sessions import Call

ENOUGH = 0.4
# A capture of very many calls is no scenario; the first ones tell as much as all.
_MOST_CALLS = 50


def match(report: Report) -> ScenarioMatch | None:
    """The scenario that fits best; None where none fits by more than two marks in five."""
    calls = [call for call in report.calls
             if call.session.kind in ("msrp", "bfcp") or marks_fax.is_fax(call)][:_MOST_CALLS]
    best: tuple[float, int] = (0.0, 0)
    held: list[ScenarioMatch] = []
    for call in calls:
        for id, marks in _marks(report, call):
            kept = sum(kept for kept, _ in marks)
            # Of two that fit equally the one with more to show is the closer one.
            rank = round(kept / len(marks), 3), kept
            if rank > best:
                best, held = rank, []
            if rank == best and id not in [one.id for one in held]:
                held.append(ScenarioMatch(id, rank[0], tuple(dict.fromkeys(text for kept, text in marks if not kept))))
    if not held or best[0] < ENOUGH:
        return None
    return ScenarioMatch(held[0].id, held[0].score, held[0].deviations, tuple(one.id for one in held[1:]))


def _marks(report: Report, call: Call) -> list[tuple[str, list[tuple[bool, str]]]]:
    """What a call may be, with the marks of each."""
    if conference := marks_mp.marks(report, call):
        return conference
    if through := marks_e2e.marks(report, call):
        return through
    if marks_fax.is_fax(call):
        protected = marks_fax.marks(report, call)
        return [] if protected is None else [protected]
    protected = marks_e2ae.marks(report, call)
    found = [protected] if protected is not None else marks_bearers.marks(report, call)
    return [*found, *marks_ends.marks(report, call, protected)]
