"""`workbench analyze FOLDER`: many captures, a worker a core or a cluster's, and one row for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli_words import BROKEN, HELD, WRONG_INPUT, print_json, progress, say_line, wrong
from workbench.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.cluster import Job, Outcome

Cluster = Annotated[str | None, typer.Option(
    "--cluster", metavar="ADDRESS", show_default=False,
    help="Analyse on the workers of this Dask scheduler; each has to find the files under the same path.")]
Workers = Annotated[int | None, typer.Option(
    "--workers", min=1, show_default=False, help="Processes that analyse a folder; one a core unless said.")]


def are_many(captures: Sequence[Path], cluster: str | None, workers: int | None) -> bool:
    """Whether captures are to be analysed side by side: a folder is among them, or workers were asked for."""
    return cluster is not None or workers is not None or any(path.is_dir() for path in captures)


def analyze_many(captures: Sequence[Path], *, cluster: str | None, workers: int | None, keylog: Path | None,
                 tables: Path | None, json: bool, alone: Sequence[str]) -> None:
    """Analyse all captures, tell a row of each and end with the exit status.

    Args:
        alone: options that were given and work for single captures only.
    """
    if alone:
        raise wrong(f"{', '.join(alone)}: for single captures, not for a folder", "--cluster/FOLDER")
    from workbench.cluster import Crew

    jobs = _jobs(captures, keylog, tables)
    outcomes: list[Outcome] = []
    with progress(len(jobs), quiet=json) as advance, Crew(min(workers or 0, len(jobs)), cluster or "") as crew:
        advance(f"{len(jobs)} captures")
        for outcome in crew.analyse(jobs):
            outcomes.append(outcome)
            advance(f"{len(outcomes)} of {len(jobs)}: {outcome.capture}")
    outcomes.sort(key=lambda outcome: outcome.capture)
    if json:
        print_json({"captures": outcomes, "tables": "" if tables is None else str(tables)})
    else:
        for outcome in outcomes:
            say_line(_told(outcome), "fail" if outcome.error or outcome.errors else "")
        say_line(_summed(outcomes))
        if tables is not None:
            say_line(f"tables: below {tables}; workbench query {tables} lists what to ask")
    unread = any(outcome.error for outcome in outcomes)
    raise typer.Exit(WRONG_INPUT if unread else BROKEN if any(one.errors for one in outcomes) else HELD)


def _jobs(captures: Sequence[Path], keylog: Path | None, tables: Path | None) -> list[Job]:
    """What there is to do. Raises CaptureError: a folder without captures, or a file that is not there."""
    from workbench.cluster import Job, captures_in

    shared = tuple("" if path is None else str(path.absolute()) for path in (keylog, tables))
    jobs: dict[str, Job] = {}
    for given in captures:
        found = captures_in(given) if given.is_dir() else [given]
        if not found:
            raise CaptureError(f"{given}: no capture in this folder")
        for path in found:
            name = str(path.relative_to(given)) if given.is_dir() and len(captures) == 1 else str(path)
            try:
                jobs[str(path.absolute())] = Job(str(path.absolute()), name, path.stat().st_size, *shared)
            except OSError as error:
                raise CaptureError(f"{path}: {error.strerror or error}") from None
    return list(jobs.values())


def _told(outcome: Outcome) -> str:
    if outcome.error:
        return f"{outcome.capture}: not analysed: {outcome.error}"
    looks = f", looks like {outcome.scenario} ({outcome.score:.0%})" if outcome.scenario else ""
    unread = f", {outcome.unread} frames not read" if outcome.unread else ""
    found = [f"{count} {name}{'s' if count != 1 else ''}" for count, name in (
        (outcome.errors, "error"), (outcome.warnings, "warning"), (outcome.notes, "note")) if count]
    return (f"{outcome.capture}: {outcome.packets} frames, {outcome.messages} messages{unread}{looks}; "
            + (", ".join(found) or "no findings") + (f" ({', '.join(outcome.rules)})" if outcome.rules else ""))


def _summed(outcomes: Sequence[Outcome]) -> str:
    lost = sum(bool(outcome.error) for outcome in outcomes)
    return (f"{len(outcomes)} captures, {sum(one.packets for one in outcomes)} frames, "
            f"{sum(one.errors for one in outcomes)} errors, {sum(one.warnings for one in outcomes)} warnings"
            + (f"; {lost} could not be analysed" if lost else ""))
