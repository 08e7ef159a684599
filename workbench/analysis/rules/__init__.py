"""Rules that a capture can break, one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.values import Finding

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def check(report: Report) -> tuple[Finding, ...]:
    """What the report breaks, in order of rule and frame."""
    return ()
