"""Wireshark's decoder as a witness: on all scenario captures it reads what we read, in number and fields."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from control_exchange import WAYS
from control_exchange import capture as control
from programs import need

from workbench import analyze, scenarios
from workbench.analysis.report import Report
from workbench.analysis.values import Message
from workbench.cli_captures import analyze as command
from workbench.protocols.h248.message import Request
from workbench.protocols.tls.messages import ChangeCipherSpec, ClientHello
from workbench.witness import second_opinion
from workbench.witness.values import Disagreement, Opinion, Tally

# Each protocol in clear, inside TLS and inside DTLS; the other scenarios take minutes.
SHORT = ("tcp-stateless-relay", "msrp-aware-plain", "e2ae-msrp-originating", "e2ae-bfcp-renegotiation",
         "t38-dtls-originating")
SHORT_WAYS = (("pretty", "tcp", (4444, 5555)), ("compact", "udp", (4444, 5555)), ("binary", "sctp", None))
CAPTURES = Path(__file__).parents[2] / "captures"
COMPARED = ("SIP", "H.248", "TLS", "DTLS", "MSRP", "BFCP", "UDPTL", "RTP", "TCP")


def messages(report: Report, protocol: str) -> int:
    """How many messages of ours the witness has to have seen. Its ChangeCipherSpec of TLS 1.3 has no field."""
    return sum(not one.error and (one.value is not None or protocol == "TCP")
               and not (protocol == "TLS" and isinstance(one.value, ChangeCipherSpec))
               for one in report.messages_of(protocol))


@pytest.mark.parametrize("id", [
    pytest.param(id, marks=[] if id in SHORT else pytest.mark.long) for id in scenarios.IDS])
def test_no_scenario_is_read_otherwise(id: str, tmp_path: Path) -> None:
    """No disagreement but known ones, nothing left out, and as many messages of each protocol as we have."""
    need("tshark")
    report = scenarios.get(id).run(seed=3, out=tmp_path).report
    opinion = second_opinion.second_opinion(report)
    assert opinion.disagreements == () and opinion.notes == ()
    numbers = {name: messages(report, name) for name in COMPARED}
    assert {name: opinion.agreed(name) for name in COMPARED} == numbers
    assert numbers["SIP"] > 5 and numbers["H.248"] > 5
    assert {one.known for one in opinion.known} <= {"msrp-in-pieces", "t38-page-breaks-off"}
    assert all(one.reason for one in opinion.known)


@pytest.mark.parametrize("way", [
    pytest.param((coding, transport, ports), marks=[] if (coding, transport, ports) in SHORT_WAYS else pytest.mark.long)
    for coding, transport in WAYS for ports in (None, (4444, 5555))], ids=str)
def test_h248_is_read_alike_in_every_way(way: Any, tmp_path: Path) -> None:
    """Text and BER, over UDP, TCP and SCTP, on ports that Wireshark knows and on others: every message, every field."""
    need("tshark")
    coding, transport, ports = way
    report = analyze(control(tmp_path / "control.pcapng", coding, transport, ports=ports))
    opinion = second_opinion.second_opinion(report)
    assert opinion.disagreements == () and opinion.known == () and opinion.notes == ()
    name = "H.248 (BER)" if coding == "binary" else "H.248"
    assert opinion.agreed(name) == len(report.messages_of("H.248")) == 19
    assert opinion.agreed(name, "transaction id") >= 19 and opinion.agreed(name, "error code") > 0
    assert opinion.agreed(name if coding == "binary" else "SDP", "m=") > 3


@pytest.mark.long
@pytest.mark.parametrize("capture", sorted(CAPTURES.glob("*.pcapng")), ids=lambda path: path.stem)
def test_no_stored_capture_is_read_otherwise(capture: Path) -> None:
    """Those of broken calls too: no disagreement but known ones."""
    need("tshark")
    opinion = second_opinion.second_opinion(analyze(capture))
    assert opinion.disagreements == () and opinion.notes == ()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A call with MSRP inside TLS."""
    need("tshark")
    return scenarios.get("e2ae-msrp-terminating").run(seed=3, out=tmp_path_factory.mktemp("witness")).report


class Misread:
    """A report with one message read wrongly."""

    def __init__(self, report: Report, protocol: str, fits: Callable[[Message], bool],
                 change: Callable[[Any], Any]) -> None:
        self._report = report
        right = next(one for one in report.messages_of(protocol) if fits(one))
        self.frame = right.frames[-1]
        self._wrong = msgspec.structs.replace(right, value=change(right.value))

    def messages_of(self, *protocols: str) -> list[Message]:
        return [self._wrong if one.index == self._wrong.index else one for one in self._report.messages_of(*protocols)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._report, name)


def _context(message: Any) -> Any:
    (item,) = message.body
    first = msgspec.structs.replace(item.actions[0], context=77)
    return msgspec.structs.replace(message, body=(msgspec.structs.replace(item, actions=(first, *item.actions[1:])),))


def _suites(message: Any) -> Any:
    hello = msgspec.structs.replace(message.body, cipher_suites=message.body.cipher_suites[1:])
    return msgspec.structs.replace(message, body=hello)


WRONG: list[tuple[str, str, Callable[[Message], bool], Callable[[Any], Any], bool]] = [
    ("SIP", "status", lambda one: one.summary.startswith("200"),
     lambda value: msgspec.structs.replace(value, status=202), False),
    ("H.248", "context id", lambda one: isinstance(one.value.body[0], Request) and bool(one.value.body[0].actions),
     _context, False),
    ("TLS", "cipher suite", lambda one: isinstance(getattr(one.value, "body", None), ClientHello), _suites, False),
    ("MSRP", "transaction id", lambda one: one.protected,
     lambda value: msgspec.structs.replace(value, transaction="another"), True),
]


@pytest.mark.parametrize("case", WRONG, ids=[f"{one[0]} {one[1]}" for one in WRONG])
def test_a_wrong_value_is_found(report: Report, case: Any) -> None:
    """One value of one message of ours is changed: that one is told, in clear and inside TLS, and no other."""
    protocol, field, fits, change, inside = case
    wrong = Misread(report, protocol, fits, change)
    opinion = second_opinion.second_opinion(wrong)  # type: ignore[arg-type]
    assert [(one.frame, one.protocol, one.field, one.inside) for one in opinion.disagreements] == [
        (wrong.frame, protocol, field, inside)]


def test_a_changed_octet_is_found(report: Report, tmp_path: Path) -> None:
    """The witness reads another file, in which one octet is another one."""
    octets = Path(report.capture).read_bytes()
    assert octets.count(b"CSeq: 1 REGISTER") >= 1
    other = tmp_path / "other.pcapng"
    other.write_bytes(octets.replace(b"CSeq: 1 REGISTER", b"CSeq: 7 REGISTER", 1))
    (told,) = second_opinion.second_opinion(report, other).disagreements
    assert (told.protocol, told.field, told.ours, told.theirs) == ("SIP", "CSeq", ("1",), ("7",))


def test_the_command_says_what_agrees(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    """`analyze --witness tshark --json`: one document with `witness`, exit status 0."""
    with pytest.raises(typer.Exit) as ended:
        command([Path(report.capture)], witness="tshark", json=True)
    assert ended.value.exit_code == 0
    told = json.loads(capsys.readouterr().out)["witness"]
    assert told["agrees"] and told["witness"].startswith("tshark ") and told["disagreements"] == []
    assert {one["protocol"] for one in told["tallies"]} >= {"SIP", "SDP", "H.248", "TLS", "MSRP", "TCP"}


def test_the_command_ends_with_1_where_they_disagree(report: Report, monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    """A disagreement is a line with frame, field and both values, and exit status 1."""
    told = Opinion("tshark 4", (Tally("SIP", "status", 3, 0, 1),), (
        Disagreement(7, "SIP", "status", ("200",), ("2\x1b[31m",)),))
    monkeypatch.setattr(second_opinion, "second_opinion", lambda *_, **__: told)
    with pytest.raises(typer.Exit) as ended:
        command([Path(report.capture)], witness="tshark")
    assert ended.value.exit_code == 1
    said = capsys.readouterr().out
    assert "frame 7 disagrees: SIP status: ours 200; theirs 2" in said and "\x1b" not in said


def test_a_missing_tshark_is_told_plainly(report: Report, tmp_path: Path) -> None:
    """One line with how to get it, and exit status 2."""
    words = [sys.executable, "-m", "workbench.cli", "analyze", report.capture, "--witness", "tshark"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "apt-get install tshark" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("cut", [1, 40, 700])
def test_a_capture_that_breaks_off_is_compared_up_to_there(report: Report, tmp_path: Path, cut: int) -> None:
    """What tshark says of the break is told; the frames before it are compared, and nothing is made up."""
    path = tmp_path / "cut.pcapng"
    octets = Path(report.capture).read_bytes()
    path.write_bytes(octets[:len(octets) // 2 - cut])
    whole, half = second_opinion.second_opinion(report), second_opinion.second_opinion(analyze(path))
    assert half.disagreements == () and len(half.notes) == 1 and "cut short" in half.notes[0]
    assert 5 < half.agreed("SIP") < whole.agreed("SIP")


def test_more_messages_than_are_compared(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are compared, the rest is told, and no message of theirs is taken for one that we lack."""
    monkeypatch.setattr(second_opinion, "MOST_MESSAGES", 40)
    opinion = second_opinion.second_opinion(report)
    assert opinion.disagreements == () and len(opinion.notes) == 1 and "first 40 of" in opinion.notes[0]
    assert 5 < opinion.agreed("SIP") < len(report.messages_of("SIP"))


def test_a_file_that_is_no_capture_is_told(report: Report, tmp_path: Path) -> None:
    """What tshark complains about is passed on as our error."""
    path = tmp_path / "none.pcapng"
    path.write_bytes(b"no capture at all")
    with pytest.raises(Exception, match="tshark does not read the capture"):
        second_opinion.second_opinion(report, path)
