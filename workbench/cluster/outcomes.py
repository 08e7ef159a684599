"""What a worker does with one capture, and the row that it gives back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.analysis.report import Report


class Job(msgspec.Struct, frozen=True):
    """One capture to analyse.

    Args:
        path: where a worker finds it.
        name: what people call it: its path below the folder.
        octets: its size.
        keylog: path of a TLS key log; empty: none.
        tables: folder of the Parquet data set; empty: none.
    """

    path: str
    name: str
    octets: int = 0
    keylog: str = ""
    tables: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """A capture in one row.

    Args:
        capture: its name, as in `Job`.
        packets, messages, sessions: how many.
        errors, warnings, notes: findings of each severity.
        rules: ids of the rules that it breaks, each once.
        scenario, score: which scenario of the catalogue it looks like, and how surely (0 to 1).
        unread, unread_octets: frames that were not read, and their octets.
        seconds: how long the analysis took.
        error: why it could not be analysed; empty: it was.
    """

    capture: str
    packets: int = 0
    messages: int = 0
    sessions: int = 0
    errors: int = 0
    warnings: int = 0
    notes: int = 0
    rules: tuple[str, ...] = ()
    scenario: str = ""
    score: float = 0.0
    unread: int = 0
    unread_octets: int = 0
    seconds: float = 0.0
    error: str = ""


def analyse_one(job: Job) -> Outcome:
    """Analyse a capture, and write its tables where the job says so. What is wrong with it stands in the outcome."""
    from workbench.analysis.analyzing import analyze

    began = time.perf_counter()
    try:
        if not Path(job.path).exists():
            return Outcome(job.name, error="a worker does not find this file: the folder has to be reachable for all")
        report = analyze(job.path, keylog=job.keylog or None)
        if not report.packets:
            return Outcome(job.name, error="; ".join(report.notes) or "no packets")
        if job.tables:
            from workbench.analysis.tables import write_tables

            write_tables(report, job.tables, name=job.name)
    except WorkbenchError as error:
        return Outcome(job.name, error=str(error), seconds=time.perf_counter() - began)
    except MemoryError:
        return Outcome(job.name, error="it takes more memory than there is", seconds=time.perf_counter() - began)
    return _row(job, report, time.perf_counter() - began)


def _row(job: Job, report: Report, seconds: float) -> Outcome:
    of = {name: sum(finding.severity == name for finding in report.findings) for name in ("error", "warning", "note")}
    match = report.scenario
    return Outcome(
        job.name, report.packets, len(report.messages), len(report.sessions), of["error"], of["warning"], of["note"],
        tuple(dict.fromkeys(finding.rule for finding in report.findings)), match.id if match is not None else "",
        match.score if match is not None else 0.0, sum(row.frames for row in report.unread),
        sum(row.octets for row in report.unread), seconds)
