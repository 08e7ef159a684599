"""A report as tables: Parquet files that many captures share, for DuckDB, polars and whoever else reads them.

One folder a table, and in it the files of each capture, named after it. A capture that is written again replaces its
own files and nobody else's. Every table exists for every capture, empty where it has nothing to say, so that a query
never misses one. Times are seconds since the capture's first frame, frames are counted from 1 as in Wireshark, and all
text stands as the capture has it: it is data here, and escaped where it is shown.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.analysis.table_rows import ROWS
from workbench.errors import CaptureError

if TYPE_CHECKING:
    import polars

    from workbench.analysis.report import Report

# Rows of one file: what is held at once, whatever the size of the capture.
ROWS_A_FILE = 100_000


class Column(msgspec.Struct, frozen=True):
    """One column of a table: name, type (`text`, `whole`, `seconds`, `yes/no`, `texts`, `frames`), meaning."""

    name: str
    type: str
    meaning: str


class Table(msgspec.Struct, frozen=True):
    """One table: its name, what a row of it is, and its columns behind `capture`."""

    name: str
    row: str
    columns: tuple[Column, ...]


def _table(name: str, row: str, *columns: tuple[str, str, str]) -> Table:
    capture = Column("capture", "text", "the capture's file name; joins the tables")
    return Table(name, row, (capture, *(Column(*column) for column in columns)))


_SESSION = ("session", "text", "its session, such as call-1; empty (NULL) outside any")
_WIRE = ("wire", "text", "capture interface")

TABLES: tuple[Table, ...] = (
    _table("captures", "a capture",
           ("path", "text", "as it was given"), ("packets", "whole", "frames"),
           ("seconds", "seconds", "from the first frame to the last"),
           ("started_ns", "whole", "time of the first frame, nanoseconds since 1970 UTC"),
           ("messages", "whole", "messages of all protocols"), ("sessions", "whole", "sessions of all kinds"),
           ("findings", "whole", "findings"), ("scenario", "text", "the scenario of the catalogue that it looks like"),
           ("score", "seconds", "how surely, 0 to 1"), ("notes", "texts", "what a reader of it has to know")),
    _table("messages", "a message on a wire",
           ("index", "whole", "position in the report"), ("frame", "whole", "the frame that completes it"),
           ("first_frame", "whole", "the first frame that carries it"), ("time", "seconds", "of `frame`"), _WIRE,
           ("protocol", "text", "as in the ladder: SIP, H.248, TCP, TLS, ..."),
           ("source", "text", "sending node"), ("source_address", "text", ""), ("source_port", "whole", ""),
           ("destination", "text", "receiving node"), ("destination_address", "text", ""),
           ("destination_port", "whole", ""), ("summary", "text", "one line"), _SESSION,
           ("protected", "yes/no", "was inside TLS or DTLS and could be read"),
           ("repeated", "yes/no", "sent again"), ("error", "text", "why it did not decode; empty if it did"),
           ("octets", "whole", "its length")),
    _table("sessions", "a call, registration or control association", _SESSION,
           ("kind", "text", "registration, msrp, bfcp, t38, media or control"),
           ("security", "text", "e2ae, e2e, e2e-mrfp (up to the MRFP), none; empty where it can't be told"),
           ("context", "whole", "H.248 ContextID"), ("handling", "text", "what the gateway does with TCP"),
           ("frames", "whole", "how many belong to it"), ("first_frame", "whole", ""), ("last_frame", "whole", ""),
           ("dialogs", "texts", "Call-IDs")),
    _table("roles", "a role of a node in a session", _SESSION, ("node", "text", ""),
           ("role", "text", "such as TLS client")),
    _table("legs", "a media connection of a session", _SESSION, ("leg", "text", "access, core, ..."), _WIRE,
           ("transport", "text", "SDP transport"), ("termination", "text", "H.248 TerminationID"),
           ("bearer", "text", "<proto> given to the gateway"), ("tcp_client", "text", "who opened"),
           ("tcp_server", "text", "who accepted; empty if nobody did"), ("tls_client", "text", "TLS or DTLS client"),
           ("tls_server", "text", "TLS or DTLS server"), ("opened", "seconds", "SYN"),
           ("established", "seconds", "third segment"), ("closed", "seconds", "last FIN or RST"),
           ("tls_version", "text", ""), ("cipher_suite", "text", ""), ("decrypted", "yes/no", "could be read"),
           ("signalled", "text", "the peer as SDP has it"), ("actual", "text", "the peer as seen"),
           ("latched", "yes/no", "the gateway followed `actual`"), ("frames", "whole", "how many"),
           ("first_frame", "whole", ""), ("psk_identity", "text", "name of the pre-shared key; empty: none")),
    _table("certificates", "a certificate in a handshake", _SESSION, ("leg", "text", ""), ("owner", "text", "node"),
           ("announced", "text", "a=fingerprint"), ("seen", "text", "fingerprint of what was presented"),
           ("matches", "yes/no", "NULL where it can't be told"), ("frames", "frames", "")),
    _table("transactions", "a request and its answer, on the wire where it was sent",
           ("protocol", "text", "SIP or H.248"), _SESSION, ("id", "text", "transaction id; CSeq, branch and Call-ID"),
           ("request", "text", "method, or the commands"), ("source", "text", "who asked"),
           ("destination", "text", "who was asked"), _WIRE, ("time", "seconds", "of the request, first copy"),
           ("frame", "whole", "of the request, first copy"), ("copies", "whole", "how often it was sent"),
           ("answer", "text", "status, or error code; NULL where nobody answered"),
           ("answered", "seconds", "when the final answer came"), ("answer_frame", "whole", "")),
    _table("findings", "a place where a rule is broken", ("rule", "text", "its id (docs/rules.md)"),
           ("clause", "text", ""), ("severity", "text", "error, warning or note"), ("title", "text", ""),
           ("explanation", "text", "what the frames show"), ("next", "text", "what to check next"),
           ("provisional", "yes/no", "rests on what was not looked up"), ("first_frame", "whole", ""),
           ("frames", "frames", "evidence")),
    _table("nodes", "an address of a node", ("node", "text", ""),
           ("kind", "text", "UE, IMS-ALG, IMS-AGW, IBCF, TrGW, MRFC, MRFP, NAT, peer"),
           ("named", "yes/no", "the capture names it; else it is named after its behaviour"), ("address", "text", "")),
    _table("unread", "a blind spot", ("what", "text", ""), ("reason", "text", "why it was not read"),
           ("frames", "whole", "how many"), ("octets", "whole", "how many"), ("first", "whole", "first frame")),
    _table("contexts", "a change of an H.248 context's state", ("gateway", "text", ""), ("context", "whole", ""),
           ("since", "seconds", "first seen"), ("until", "seconds", "released; NULL while it stands"),
           ("time", "seconds", "of the change"), ("frame", "whole", ""), ("change", "text", "what changed"),
           ("terminations", "texts", "who is in it then")),
)


def write_tables(report: Report, folder: str | os.PathLike[str], *, name: str = "") -> list[Path]:
    """Write a report's tables below a folder, which many captures may share.

    Args:
        report: what `workbench.analyze` gives.
        folder: made if it is not there; each table is a folder in it.
        name: what the column `capture` says; the file name unless given. Captures of one data set need different names.

    Returns:
        The files written.

    Raises:
        CaptureError: a file can't be written.
    """
    name, key = name or Path(report.capture).name, file_key(report.capture)
    written: list[Path] = []
    try:
        for table in TABLES:
            place = Path(folder) / table.name
            place.mkdir(parents=True, exist_ok=True)
            stale = set(place.glob(f"{key}-*.parquet"))
            for number, frame in enumerate(_frames(table, name, ROWS[table.name](report))):
                path = place / f"{key}-{number:04}.parquet"
                frame.write_parquet(path)
                written.append(path)
                stale.discard(path)
            for old in stale:
                old.unlink()
    except OSError as error:
        raise CaptureError(f"{error.filename or folder}: {error.strerror or error}") from None
    return written


def file_key(capture: str) -> str:
    """How a capture's files are called: its name in harmless letters, and what tells it from others of that name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(capture).stem)[:60].strip(".-_") or "capture"
    where = os.path.realpath(capture).encode("utf-8", "surrogateescape")
    return f"{plain}-{hashlib.sha256(where).hexdigest()[:8]}"


def columns_text(table: str | None = None) -> str:
    """What tables and columns there are, for people."""
    lines: list[str] = []
    for one in TABLES:
        if table is None or one.name == table:
            lines.append(f"{one.name}: one row is {one.row}")
            lines += [f"  {column.name} ({column.type}){': ' if column.meaning else ''}{column.meaning}"
                      for column in one.columns]
    return "\n".join(lines)


def _frames(table: Table, capture: str, rows: Iterator[tuple[Any, ...]]) -> Iterator[polars.DataFrame]:
    """The rows in portions of `ROWS_A_FILE`, one empty portion where there are none."""
    import polars

    types: dict[str, Any] = {
        "text": polars.String, "whole": polars.Int64, "seconds": polars.Float64, "yes/no": polars.Boolean,
        "texts": polars.List(polars.String), "frames": polars.List(polars.Int64)}
    schema = {column.name: types[column.type] for column in table.columns}
    name = _sound(capture)
    first = True
    while (part := list(islice(rows, ROWS_A_FILE))) or first:
        first = False
        yield polars.DataFrame([(name, *map(_cell, row)) for row in part], schema=schema, orient="row")


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _sound(value)
    if isinstance(value, tuple):
        return [_sound(one) if isinstance(one, str) else one for one in value]
    return value


def _sound(text: str) -> str:
    """The text; a lone surrogate, which Parquet's UTF-8 can't hold, becomes a replacement character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
