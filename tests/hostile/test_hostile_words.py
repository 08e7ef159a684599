"""Escape sequences, links, turned directions, NUL and lines of 10 MB in every protocol: shown, never obeyed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hostile.hostile_files import STORED, workbench
from hostile.hostile_words import MARK, WORDS, hostile_words, long_headers

from workbench import analyze, views
from workbench.analysis.aligning import compare
from workbench.analysis.explain import explain_frame
from workbench.analysis.report import Report
from workbench.lab.visible import in_json, on_one_line, visible
from workbench.views import widgets
from workbench.views.comparing import comparison_text
from workbench.views.palette import plain
from workbench.views.widgets import own

# All that may steer a terminal, turn text around, break a line or hide: everything but a line end of ours.
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
                      "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]")

TEXTS: dict[str, Callable[[Report], object]] = {
    "ladder": views.ladder_text, "roles": views.roles_text, "bearers": views.bearers_text, "paths": views.paths_text,
    "sequences": views.sequences_text, "pages": views.pages_text, "arrivals": views.arrivals_text,
    "flights": views.flights_text, "floors": views.floors_text, "journeys": views.journeys_text,
    "timeline": views.timeline_text, "mermaid": views.mermaid_text,
    "conversation": lambda report: views.conversation_text(report, report.messages[0].wire),
    "beside": lambda report: views.beside_text({f"a{WORDS['colours'].decode()}": report, "b": report}),
    "endings": lambda report: views.endings_text({f"a{WORDS['colours'].decode()}": report}),
    "steps": lambda report: "\n".join(map(views.step_text, views.steps(report)[::20])),
    "octets": lambda report: "\n".join(views.octets_text(explain_frame(report, number), meanings=False)
                                       for number in range(1, report.packets + 1, 3)),
    "comparison": lambda report: comparison_text(compare(report, analyze(STORED)), everything=True),
    "own capture": own.told, "report": repr, "messages": lambda report: repr(report.messages),
    **{f"widget of {name}": lambda report, name=name: repr(getattr(widgets, name)(report))
       for name in ("roles", "bearers", "sequences", "paths", "floors", "journeys", "overview")},
}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_words(tmp_path_factory.mktemp("words"), STORED)


@pytest.fixture(scope="module")
def report(capture: Path) -> Report:
    return analyze(capture)


def test_the_capture_has_what_it_says(report: Report) -> None:
    """The control: messages of each protocol that decode, each word in octets, nodes, wires and comments as it is."""
    assert {"SIP", "H.248", "MSRP", "BFCP", "STUN", "TLS", "TCP"} <= {
        one.protocol for one in report.messages if not one.error}
    octets = b"".join(one.octets for one in report.messages)
    certificates = [one.octets for one in report.messages if one.summary.startswith("Certificate SHA")]
    assert len(certificates) >= len(WORDS)
    for word in WORDS.values():
        assert octets.count(word) > 3 and word.decode("utf-8", "replace") in {one.comment for one in report.messages}
        assert any(word.decode("utf-8", "replace").encode()[:20] in one for one in certificates)
    assert any("\x1b" in node.name for node in report.nodes)
    assert any("\u202e" in one.wire for one in report.messages)


@pytest.mark.parametrize("name", list(TEXTS))
def test_text_views_do_not_steer_a_terminal(report: Report, name: str) -> None:
    """No control character but line ends, no turned direction and nothing hidden; in notebooks' text forms neither."""
    text = str(TEXTS[name](report))
    found = STEERING.search(text)
    assert found is None, ascii(text[max(0, found.start() - 100) : found.end() + 20])


def test_the_command_line_does_not_steer_a_terminal(tmp_path: Path, capture: Path, report: Report) -> None:
    """Each command, and wrong usage, with a capture whose own name is hostile and no UTF-8."""
    odd = tmp_path / "a\x1b[31m\u202e[bold]\n b\udcff.pcapng"
    shutil.copy(capture, odd)
    said = {
        "analyze": workbench(tmp_path, "analyze", odd, "--parquet", tmp_path / "tables"),
        "show": workbench(tmp_path, "show", odd, "--text"),
        "node": workbench(tmp_path, "show", odd, "--between", "nobody"),
        "query": workbench(tmp_path, "query", tmp_path / "tables", "SELECT * FROM messages"),
        "json": workbench(tmp_path, "analyze", odd, "--json"),
        "compare": workbench(tmp_path, "compare", odd, STORED, "--all"),
        "follow": workbench(tmp_path, "analyze", odd, "--follow", "--for", "0"),
    }
    assert [one.status for one in said.values()] == [1, 0, 2, 0, 1, 1, 1]
    for name, one in said.items():
        assert STEERING.search(one.out + one.err) is None, name
        assert MARK in one.out + one.err
    assert said["analyze"].out.splitlines()[0].endswith(f"{report.packets} frames, {len(report.messages)} messages")
    document = json.loads(said["json"].out)
    assert document["capture"] == str(odd)


def test_data_is_faithful(tmp_path: Path, capture: Path, report: Report) -> None:
    """JSON on a terminal is escaped and says the same; Parquet holds the texts as they are."""
    import polars

    said = workbench(tmp_path, "analyze", capture, "--json", "--parquet", tmp_path / "tables")
    document = json.loads(said.out)
    assert document == json.loads(msgspec.json.encode(report.to_json()))
    assert [one["name"] for one in document["nodes"]] == [node.name for node in report.nodes]
    table = polars.concat([polars.read_parquet(one) for one in sorted((tmp_path / "tables" / "messages").glob("*"))])
    assert table["wire"].to_list() == [one.wire for one in report.messages]
    assert table["summary"].to_list() == [one.summary for one in report.messages]


def test_both_ways_to_show_know_the_same_letters() -> None:
    """What views replace is what the command line writes out, and an escaped JSON document says what it said."""
    letters = [chr(code) for code in (*range(0x3000), *range(0xD7F0, 0x10000), *range(0xE0000, 0xE2000))]
    for letter in letters:
        steers = STEERING.fullmatch(letter) is not None or letter == "\n"
        assert (plain(letter) != letter) is steers, ascii(letter)
        assert (on_one_line(letter) != letter) is (steers and letter != "\t"), ascii(letter)
        assert visible(letter).isprintable() or not steers or letter in "\t\n"
    text = "".join(reversed(letters))     # so that no two surrogates are a pair
    shown = in_json(json.dumps(text, ensure_ascii=False))
    assert STEERING.search(shown) is None and json.loads(shown) == text


def test_nothing_passes_for_a_line_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """Line ends inside a text of a capture are written out."""
    from workbench.cli_words import complain, say_line, wrong

    say_line("a\nfail: b\r\n\u2028c")
    complain("d\ne")
    shown = capsys.readouterr()
    assert shown.out == "a\\nfail: b\\r\\n\\u2028c\n" and shown.err == "workbench: d\\ne\n"
    say_line("x" * 10_000)
    assert capsys.readouterr().out == "x" * 4000 + "... (6000 more)\n"
    assert wrong("x\n\x1b", "--y").message == "x\\n\\x1b"


def test_no_diagram_is_steered(report: Report) -> None:
    """Each line of the Mermaid text is a participant, an arrow or a note; labels hold no mark that Mermaid obeys."""
    line = re.compile(r"    (participant n\d+ as |n\d+--?>>n\d+: |Note over n\d+: )([^\n]*)")
    for row in views.mermaid_text(report, most=5000).splitlines()[1:]:
        found = line.fullmatch(row)
        assert found is not None, ascii(row)
        left = re.sub(r"#\d+;", "", found[2])
        assert not set(left) & set("#;:<>%{}[]\"`\\") and left.strip() != "end"


def test_a_header_of_10_mb(tmp_path: Path) -> None:
    """SIP, SDP, MSRP and H.248 with a line of 10 MB each: bounded memory, short lines, a page that a browser opens."""
    path = long_headers(tmp_path)
    assert path.stat().st_size > 40 * 2**20
    page = tmp_path / "page.html"
    read = workbench(tmp_path, "analyze", path, "--html", page, "--mermaid", tmp_path / "ladder.mmd")
    shown = [workbench(tmp_path, "show", path, "--frame", number) for number in ("30", "600")]
    for said in (read, *shown):
        assert said.status == 0 and said.peak_mb < 400
        assert max(map(len, said.out.splitlines())) < 1000 and len(said.out) < 100_000
        assert STEERING.search(said.out + said.err) is None
    assert "not read: TCP: 521 frames" in read.out or "SIP framing is lost" in read.out
    assert page.stat().st_size < 12_000_000 and (tmp_path / "ladder.mmd").stat().st_size < 100_000


def test_a_long_value_says_how_much_is_left_out() -> None:
    """Text and HTML of an octet view show the beginning of a long value, and count the rest."""
    from workbench.analysis.explain import Field, Layer

    octets = b"x" * 50_000
    layer = Layer("long", "SIP", octets, (Field("sip.value.subject", "Subject", 0, 50_000),))
    assert "… (48,000 more)" in " ".join(views.octets_text(layer).split()).replace("more) ”", "more)”")
    markup = views.octets_html(layer)
    assert "(33,616 more octets)" in markup and len(markup) < 40_000


def test_tables_of_data_in_notebooks_escape_their_text(report: Report) -> None:
    """`Report.frames()` in a notebook: its HTML holds no element of the capture's."""
    frame: Any = report.frames()
    markup = frame._repr_html_()
    assert MARK in markup
    assert not re.search(r"<(script|img|a|iframe|form|base)\b", markup)
