"""The work item as data: its rows, the requirements for TS 33.328 and the H.248 gap table, each with its evidence.

Nothing is said to be shown that a capture of a live run does not bear out: `gather` runs what the tables name.
"""

from workbench.workplan.evidence import Evidence, Plan, gather, runs_needed
from workbench.workplan.reading import tables
from workbench.workplan.values import Gap, Proof, Requirement, Row, Shown, Tables

__all__ = [
    "Evidence", "Gap", "Plan", "Proof", "Requirement", "Row", "Shown", "Tables", "gather", "runs_needed", "tables",
]
