"""What a node that runs alone says of itself: remarks for people, JSON lines for programs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from workbench.errors import SettingsError
from workbench.lab.journal import LIVES, Log, Screen
from workbench.lab.trace import Entry
from workbench.net.values import (
    Asked,
    BindDatagrams,
    DatagramReceived,
    Drop,
    Endpoint,
    Failure,
    LogKeys,
    Note,
    OpenStream,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
)
from workbench.nodes.orders import SendText

HERE, THERE = Endpoint("127.0.0.1", 1), Endpoint("::1", 2)
STREAM = Stream(HERE, THERE)
SECRET = "CLIENT_RANDOM 00 11"
EVERYTHING = [
    Started(), Note("a remark"), Drop(StreamData(STREAM, b"payload"), "no termination"), BindDatagrams(HERE),
    OpenStream(STREAM, "because"), StreamClosed(STREAM, Failure.RESET), StreamData(STREAM, b"payload"),
    SendStream(STREAM, b"payload", "why not"), DatagramReceived(HERE, THERE, b"payload"), LogKeys(SECRET),
    Asked(SendText("payload")),
]


def logged(tmp_path: Path, *whats: object, every: bool = False, place=None) -> list[dict[str, object]]:
    log = Log(str(tmp_path / "log"), 1_772_360_100.0, every, place)
    for what in whats:
        log(Entry(1.5, "agw", what, heard=True))
    log.close()
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def screened(*whats: object, every: bool = False) -> list[str]:
    out = io.StringIO()
    screen = Screen(every, out)
    for what in whats:
        screen(Entry(1.5, "agw", what, heard=True))
    return out.getvalue().splitlines()


def test_a_line_says_when_who_what_and_where(tmp_path: Path):
    """ISO 8601 in UTC, the node, the event, both ends, the reason; the termination where the node knows it."""
    ended = StreamClosed(STREAM, Failure.RESET)
    (line,) = logged(tmp_path, ended, place=lambda at: (7, "ip/1") if at == HERE else None)
    assert line == {
        "time": "2026-03-01T10:15:01.500000Z", "node": "agw", "event": "StreamClosed", "local": "127.0.0.1:1",
        "remote": "[::1]:2", "protocol": "TCP", "reason": "reset", "context": 7, "termination": "ip/1"}


def test_a_log_has_what_becomes_of_endpoints_and_connections(tmp_path: Path):
    """Data are in it only when everything is asked for; the screen has remarks only."""
    events = [line["event"] for line in logged(tmp_path, *EVERYTHING)]
    assert events == [type(what).__name__ for what in EVERYTHING if type(what) in LIVES]
    (tmp_path / "log").unlink()
    assert len(logged(tmp_path, *EVERYTHING, every=True)) == len(EVERYTHING) - 1
    assert [line.split(None, 2)[2] for line in screened(*EVERYTHING)] == [
        "a remark", "StreamData is refused: no termination", "receives datagrams at 127.0.0.1:1"]
    assert len(screened(*EVERYTHING, every=True)) == len(EVERYTHING) - 1


def test_no_line_has_payload_or_keys(tmp_path: Path):
    """Not even when everything is asked for: octets are counted."""
    text = json.dumps(logged(tmp_path, *EVERYTHING, every=True)) + "\n".join(screened(*EVERYTHING, every=True))
    assert "payload" not in text and SECRET not in text and "CLIENT_RANDOM" not in text
    assert '"octets": 7' in text and "7 octets" in text


@pytest.mark.parametrize("text", ["\x1b[2J\r\n\u202eevil\x9b", "x" * 100_000, "\x00" * 9_000, "ü\u2028" * 9_000])
def test_what_a_peer_says_steers_nothing(tmp_path: Path, text: str):
    """Control characters are written out, and one remark is one line of bounded length."""
    (line,) = screened(Note(text))
    (written,) = logged(tmp_path, Note(text))
    for shown in (line, str(written["text"])):
        assert not set(shown) & {"\x1b", "\r", "\n", "\x9b", "\u202e", "\x00"}
    assert len(line) < 1_200
    raw = (tmp_path / "log").read_bytes()
    assert raw.count(b"\n") == 1 and len(raw) <= 4_200


def test_a_log_goes_on_where_it_was(tmp_path: Path):
    """A node that starts again does not throw away what it said before; a place that can't be written is said."""
    logged(tmp_path, Note("before"))
    assert [line["text"] for line in logged(tmp_path, Note("after"))] == ["before", "after"]
    with pytest.raises(SettingsError, match=r"--log .*/none/log: No such file or directory"):
        Log(str(tmp_path / "none" / "log"), 0.0)


def test_a_full_disk_does_not_end_a_node():
    """Lines are lost and counted."""
    log = Log("/dev/full" if Path("/dev/full").exists() else "-", 0.0)
    if log._mine:  # type: ignore[attr-defined]
        log(Entry(0.0, "agw", Note("one"), heard=False))
        log(Entry(0.0, "agw", Note("two"), heard=False))
        assert log.lost == 2
        log.close()
