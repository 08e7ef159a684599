"""Parquet tables of real captures, and every ready query asked of them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hostile.hostile_files import workbench

from workbench import analyze
from workbench.analysis import tables
from workbench.analysis.queries import answer, ask, queries
from workbench.analysis.tables import TABLES, columns_text, file_key, write_tables
from workbench.errors import CaptureError

CAPTURES = Path(__file__).parents[2] / "captures"
STORED = ("e2ae-msrp-originating", "e2ae-fingerprint-mismatch", "e2ae-fingerprint-mismatch-downgrade",
          "e2ae-handshake-timeout")
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\x00'\"; DROP TABLE messages; --\ud800"


@pytest.fixture(scope="module")
def reports() -> dict[str, Any]:
    return {name: analyze(CAPTURES / f"{name}.pcapng") for name in STORED}


@pytest.fixture(scope="module")
def data(reports: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    for report in reports.values():
        write_tables(report, folder)
    return folder


def test_captures_add_up(data: Path, reports: dict[str, Any]) -> None:
    """Each table holds the rows of all captures, and the messages are those of the reports in number and order."""
    rows = ask(data, "SELECT capture, count(*), max(index) FROM messages GROUP BY capture").fetchall()
    assert {name: (count, last + 1) for name, count, last in rows} == {
        f"{name}.pcapng": (len(report.messages), len(report.messages)) for name, report in reports.items()}
    for table in TABLES:
        columns = ask(data, f"SELECT * FROM {table.name}").columns
        assert columns == [column.name for column in table.columns]
        assert len(list((data / table.name).glob("*.parquet"))) == len(STORED)


def test_a_capture_written_again_replaces_itself(reports: dict[str, Any], tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """In portions or whole, the rows are the same; files of the capture that are not needed any more are gone."""
    report = reports[STORED[0]]
    monkeypatch.setattr(tables, "ROWS_A_FILE", 10)
    write_tables(report, tmp_path)
    assert len(list((tmp_path / "messages").iterdir())) == -(-len(report.messages) // 10)
    monkeypatch.undo()
    before = ask(tmp_path, "SELECT * FROM messages ORDER BY index").fetchall()
    write_tables(report, tmp_path)
    assert len(list((tmp_path / "messages").iterdir())) == 1
    assert ask(tmp_path, "SELECT * FROM messages ORDER BY index").fetchall() == before


# What each ready query must find in the stored captures: a value of one column in one of its rows.
EXPECTED = {
    "calls_without_media": ("capture", "e2ae-fingerprint-mismatch-downgrade.pcapng"),
    "certificates_not_matching": ("capture", "e2ae-fingerprint-mismatch.pcapng"),
    "findings_by_rule": ("rule", "fingerprint-mismatch"),
    "handshake_times": ("tls_version", "TLS 1.3"),
    "messages_by_protocol": ("protocol", "H.248"),
    "refused_transactions": ("answer", "502 Bad Gateway"),
    "slow_answers": ("request", "INVITE"),
    "tls_clients": ("tls_client", "UE A"),
}
# What complete captures of well-behaved nodes have nothing for; the tests below give these their rows.
SILENT = {"blind_spots", "context_states", "nat_suspects", "unanswered_transactions"}


@pytest.mark.parametrize("name", sorted(queries()))
def test_each_ready_query_answers(data: Path, name: str) -> None:
    """It runs on real tables and finds what is known to be there."""
    columns, rows = answer(data, name, 1000)
    assert queries()[name].question.endswith(".") and columns
    if name in EXPECTED:
        column, value = EXPECTED[name]
        assert value in [row[columns.index(column)] for row in rows]
    else:
        assert name in SILENT


def test_media_is_found_where_there_was_some(data: Path) -> None:
    """The call that exchanged MSRP is none without media."""
    assert "e2ae-msrp-originating.pcapng" not in [row[0] for row in answer(data, "calls_without_media", 1000)[1]]


def test_what_nobody_answered_is_told(reports: dict[str, Any], tmp_path: Path) -> None:
    """A capture cut before the replies: its requests are unanswered, with their frames (H.248.1 §8.2, RFC 3261 §17)."""
    from workbench.analysis.pcapng import Reader, Writer

    with Reader(reports[STORED[0]].capture) as reader, Writer(tmp_path / "cut.pcapng") as writer:
        packets = [packet for packet in reader if packet.number <= 8]
        wires = {name: writer.interface(name) for name in dict.fromkeys(packet.wire for packet in packets)}
        for packet in packets:
            writer.packet(wires[packet.wire], packet.time_ns, packet.octets)
    write_tables(analyze(tmp_path / "cut.pcapng"), tmp_path / "tables")
    columns, rows = answer(tmp_path / "tables", "unanswered_transactions", 10)
    assert {(row[columns.index("protocol")], row[columns.index("frame")]) for row in rows} == {("SIP", 7), ("H.248", 8)}


def hostile_report() -> Any:
    """A report in which every text is hostile; blind spots and contexts among them."""
    from workbench.analysis.values import Finding, Leg, Message, Node, Place, ScenarioMatch, Session

    ends = Place(HOSTILE, 1, HOSTILE), Place(HOSTILE, 2, HOSTILE)
    message = Message(0, (1,), 0.0, HOSTILE, HOSTILE, *ends, HOSTILE, HOSTILE, error=HOSTILE)
    leg = Leg(HOSTILE, HOSTILE, HOSTILE, tls_client=HOSTILE, signalled=HOSTILE, actual="192.0.2.1:5")
    session = Session(HOSTILE, "msrp", (leg,), roles={HOSTILE: (HOSTILE,)}, dialogs=(HOSTILE,))
    state = SimpleNamespace(time=1.0, frame=1, change=HOSTILE, terminations=(HOSTILE,))
    return SimpleNamespace(
        capture=f"/nowhere/{HOSTILE}.pcapng".replace("\x00", "").replace("\ud800", ""), packets=1, end=0.0, start_ns=0,
        messages=(message,), sessions=(session,), nodes=(Node(HOSTILE, (HOSTILE,)),), notes=[HOSTILE],
        findings=(Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE, (1,), HOSTILE),),
        scenario=ScenarioMatch(HOSTILE, 1.0), signalling=SimpleNamespace(orders=()),
        messages_of=lambda *protocols: [],
        unread=(SimpleNamespace(what=HOSTILE, reason=HOSTILE, frames=1, octets=2, first=1),),
        contexts=(SimpleNamespace(gateway=HOSTILE, number=1, since=0.0, until=None, states=(state,)),))


def test_hostile_text_stays_data(tmp_path: Path) -> None:
    """It stands in its cells as it is (a lone surrogate as `?`), names no file, and steers no terminal."""
    write_tables(hostile_report(), tmp_path)
    held = HOSTILE.replace("\ud800", "?")
    for query, column in (("blind_spots", "what"), ("context_states", "change"), ("nat_suspects", "signalled"),
                          ("SELECT * FROM messages", "summary"), ("SELECT * FROM findings", "explanation")):
        columns, rows = answer(tmp_path, query, 10)
        assert [row[columns.index(column)] for row in rows] == [held]
    for path in tmp_path.rglob("*.parquet"):
        assert path.name.isascii() and not set(path.name) & set("<>'\";\x1b()")
    said = workbench(tmp_path, "query", tmp_path, "SELECT * FROM messages")
    assert said.status == 0 and not set(said.out) & {"\x1b", "\x00", "\u202e"}
    told = workbench(tmp_path, "query", tmp_path, "SELECT summary FROM messages", "--json")
    assert json.loads(told.out) == [{"summary": held}] and "\x1b" not in told.out


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_csv('/etc/passwd')", "COPY captures TO 'stolen.csv'", "INSTALL httpfs", "nonsense", "SELECT",
    "SELECT 'a'::INT", "SET enable_external_access = true", "ATTACH 'other.db'"])
def test_a_question_reads_the_tables_and_nothing_else(data: Path, sql: str) -> None:
    """No other file, no network, no extension; what is wrong is told in words."""
    with pytest.raises(CaptureError, match=r"can.t be answered|asks for nothing"):
        answer(data, sql, 10)


def test_no_tables_are_no_answer(tmp_path: Path) -> None:
    """A folder without tables says what writes them, with exit status 2."""
    said = workbench(tmp_path, "query", tmp_path, "tls_clients")
    assert said.status == 2 and "--parquet" in said.err


def test_the_command_line_writes_and_lists(tmp_path: Path) -> None:
    """`analyze --parquet DIR --mermaid FILE`, then `query DIR`: the tables and questions; JSON stays one document."""
    capture = CAPTURES / f"{STORED[0]}.pcapng"
    said = workbench(tmp_path, "analyze", capture, "--parquet", tmp_path / "d [1]*", "--mermaid", tmp_path / "m.mmd",
                     "--json")
    assert said.status == 0 and json.loads(said.out)["packets"] == 70
    assert (tmp_path / "m.mmd").read_text().startswith("sequenceDiagram\n")
    listed = workbench(tmp_path, "query", tmp_path / "d [1]*")
    assert all(name in listed.out for name in (*queries(), *(table.name for table in TABLES)))
    rows = workbench(tmp_path, "query", tmp_path / "d [1]*", "tls_clients", "--json")
    assert [row["tls_client"] for row in json.loads(rows.out)] == ["UE A"]


def test_each_column_is_documented() -> None:
    """Types are those that are known, names are unique in a table, and files of one name in two folders differ."""
    for table in TABLES:
        assert len({column.name for column in table.columns}) == len(table.columns)
        assert table.name in columns_text(table.name)
    assert file_key("/a/x.pcapng") != file_key("/b/x.pcapng")
    assert file_key("/a/../\x1b[31m<x>.pcapng").startswith("31m_x-")
