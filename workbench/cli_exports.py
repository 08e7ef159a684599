"""What `workbench` writes of a capture for other programs: Mermaid, Parquet tables, and questions to these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli_words import Json, print_json, say
from workbench.errors import CaptureError

if TYPE_CHECKING:
    from workbench.analysis.report import Report

Mermaid = Annotated[
    Path | None, typer.Option("--mermaid", metavar="FILE", help="Write the ladder as a Mermaid sequence diagram.")]
Parquet = Annotated[
    Path | None, typer.Option("--parquet", metavar="DIR", help="Add the capture to a data set of Parquet tables.")]

_MOST_ROWS = 1000
_MOST_LETTERS = 60


def write_mermaid(path: Path | None, reports: Sequence[Report]) -> list[str]:
    """Write the diagram of the one report; gives what to tell of it."""
    if path is None:
        return []
    if len(reports) != 1:
        raise typer.BadParameter("one diagram shows one capture; name one", param_hint="--mermaid")
    from workbench.views.mermaid import mermaid_text

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(mermaid_text(reports[0]), encoding="utf-8")
    return [f"diagram: {path}"]


def write_parquet(folder: Path | None, reports: Sequence[Report]) -> list[str]:
    """Write the tables of all reports; gives what to tell of them."""
    if folder is None:
        return []
    from workbench.analysis.tables import write_tables

    files = sum(len(write_tables(report, folder)) for report in reports)
    return [f"tables: {files} files below {folder}; workbench query {folder} lists what to ask"]


def query(
    folder: Annotated[Path, typer.Argument(help="What `analyze --parquet` wrote.", show_default=False)],
    question: Annotated[
        str | None, typer.Argument(help="A ready query by name, or one SQL SELECT.", show_default=False)] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Rows to show.")] = _MOST_ROWS,
    json: Json = False,
) -> None:
    """Ask the tables of analysed captures; without a question: which ready queries, tables and columns there are."""
    from workbench.analysis.queries import answer, queries

    if question is None:
        _print_questions(json)
        return
    if not folder.is_dir():
        raise CaptureError(f"{folder}: no such folder")
    columns, rows = answer(folder, question, most + 1)
    left = len(rows) > most
    rows = rows[:most]
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    for line in _lines(columns, rows):
        say(line)
    if left:
        say(f"more than {most} rows; --most shows more")
    elif not rows:
        say(f"no rows{': ' + queries()[question].question if question in queries() else ''}")


def _print_questions(json: bool) -> None:
    from workbench.analysis.queries import queries
    from workbench.analysis.tables import columns_text

    if json:
        print_json([{"name": one.name, "question": one.question, "sql": one.sql} for one in queries().values()])
        return
    for one in queries().values():
        say(f"{one.name}: {one.question}")
    say("\n" + columns_text())


def _lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A table of fixed columns for a terminal; longer texts are cut."""
    table = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[at]) for row in table) for at in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _cell(value: Any) -> str:
    from workbench.views.palette import plain

    text = "-" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = plain(text)
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
