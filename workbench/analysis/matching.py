"""Which scenario of the catalogue a capture shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.values import ScenarioMatch

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def match(report: Report) -> ScenarioMatch | None:
    """The scenario that fits best, or None."""
    return None
