"""Which scenario of the catalogue a capture shows, how surely, and where it deviates.

Each scenario is a list of marks that its call flow leaves on the wire; the score is the share of marks found. Where two
scenarios have the same share and the same number of marks, packets can't tell them apart: then both are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.marks import bearers, e2ae, e2e, ends, fax, mp
from workbench.analysis.values import ScenarioMatch

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

ENOUGH = 0.4
# A capture of very many calls is no scenario; the first ones tell as much as all.
_MOST_CALLS = 50


def match(report: Report) -> ScenarioMatch | None:
    """The scenario that fits best; None where none fits by more than two marks in five."""
    calls = [call for call in report.calls
             if call.session.kind in ("msrp", "bfcp") or fax.is_fax(call)][:_MOST_CALLS]
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
    if conference := mp.marks(report, call):
        return conference
    if through := e2e.marks(report, call):
        return through
    if fax.is_fax(call):
        protected = fax.marks(report, call)
        return [] if protected is None else [protected]
    protected = e2ae.marks(report, call)
    found = [protected] if protected is not None else bearers.marks(report, call)
    return [*found, *ends.marks(report, call, protected)]
