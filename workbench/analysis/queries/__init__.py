"""Questions to the tables of analysed captures, ready in SQL: one file each, asked with DuckDB.

    from workbench.analysis.queries import ask, queries

    ask("tables", "calls_without_media")                    # a DuckDB relation: .pl(), .df(), .fetchall()
    ask("tables", "SELECT count(*) FROM messages")          # any SQL; the tables are those of `analysis.tables`

What is asked can read the data set and nothing else: no other file, no network, no extension.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.analysis.tables import TABLES, Table
from workbench.errors import CaptureError

if TYPE_CHECKING:
    import duckdb


class Query(msgspec.Struct, frozen=True):
    """A ready query: its name, the question that it answers, and its SQL."""

    name: str
    question: str
    sql: str


def queries() -> dict[str, Query]:
    """All ready queries by name."""
    found: dict[str, Query] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            comment, _, sql = file.read_text("utf-8").partition("\n")
            name = file.name.removesuffix(".sql")
            found[name] = Query(name, comment.removeprefix("--").strip(), sql.strip())
    return found


def ask(folder: str | os.PathLike[str], question: str) -> duckdb.DuckDBPyRelation:
    """Ask the tables below a folder.

    Args:
        folder: what `write_tables` (or `workbench analyze --parquet`) wrote, of one capture or many.
        question: name of a ready query, or one SQL SELECT.

    Raises:
        CaptureError: there are no tables, or the SQL is wrong; the text says where.
    """
    import duckdb

    known = queries().get(question)
    connection = _connected(Path(folder))
    try:
        relation = connection.sql(known.sql if known is not None else question)
    except duckdb.Error as error:
        raise _wrong(error, question) from None
    if relation is None:
        raise CaptureError("the query asks for nothing; write a SELECT")
    return relation


def answer(folder: str | os.PathLike[str], question: str, most: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns of what is asked, and its first rows, `most` of them.

    Raises:
        CaptureError: as `ask`, and where a value turns out wrong while rows are made.
    """
    import duckdb

    relation = ask(folder, question)
    try:
        return list(relation.columns), relation.limit(most).fetchall()
    except duckdb.Error as error:
        raise _wrong(error, question) from None


def _wrong(error: Exception, question: str) -> CaptureError:
    hint = "" if " " in question.strip() else f"; ready queries: {', '.join(queries())}"
    return CaptureError(f"the query can't be answered: {error}{hint}")


def _connected(folder: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    if not any(folder.glob("captures/*.parquet")):
        raise CaptureError(f"{folder}: no tables there; workbench analyze CAPTURE --parquet {folder} writes them")
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    root = str(folder.resolve())
    for table in TABLES:
        connection.sql(_view(table, root))
    allowed = ", ".join(_quoted(place + os.sep) for place in (root, _pattern(root)))
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _view(table: Table, root: str) -> str:
    """The files of a table as a view; a table that no file is there for is empty, not missing."""
    if next(Path(root, table.name).glob("*.parquet"), None) is None:
        types = {"text": "VARCHAR", "whole": "BIGINT", "seconds": "DOUBLE", "yes/no": "BOOLEAN", "texts": "VARCHAR[]",
                 "frames": "BIGINT[]"}
        columns = ", ".join(f'NULL::{types[one.type]} AS "{one.name}"' for one in table.columns)
        return f"CREATE VIEW {table.name} AS SELECT {columns} WHERE false"
    place = _quoted(f"{_pattern(root)}/{table.name}/*.parquet")
    return f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet({place}, union_by_name = true)"


def _pattern(folder: str) -> str:
    """The folder's name where read_parquet looks for patterns: what would be one stands for itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in folder)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
