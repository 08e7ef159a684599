"""One frame, two witnesses: octets and values beside one another, as text and as HTML, with and without tshark."""

from __future__ import annotations

import xml.dom.minidom
from pathlib import Path

import pytest
from capturing import A, B, Talk, sip, udp, write
from programs import need

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.errors import CaptureError
from workbench.net.values import Endpoint
from workbench.witness import second_opinion
from workbench.witness.aligned import protocols
from workbench.witness.beside import Beside, beside

CAPTURES = Path(__file__).parents[2] / "captures"
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


@pytest.fixture(scope="module")
def report() -> Report:
    """MSRP inside TLS, and in clear."""
    return analyze(CAPTURES / "e2ae-msrp-terminating.pcapng")


def said(both: Beside, part: int = 0) -> dict[str, str]:
    """What they say beside what we say."""
    return {line.ours: line.theirs for line in both.parts[part].lines if line.ours}


def test_octets_stand_beside_one_another(report: Report) -> None:
    """The same octets are one line; a field of theirs that spans more stands beside the value that it gives."""
    need("tshark")
    both = beside(report, 1)
    lines = said(both)
    assert lines["Protocol version: 2"] == "Version: 2"
    assert lines["Transaction id: 1"] == "Transaction ID: 1"
    assert lines["Destination port: 2944"] == "Destination Port: 2944"
    assert [line.start for line in both.parts[0].lines] == sorted(line.start for line in both.parts[0].lines)
    assert both.witness.startswith("tshark ") and len(both.values) == 6 and not both.differing


def test_what_was_protected_is_given_to_it_in_the_clear(report: Report) -> None:
    """MSRP inside TLS: a part of its own, with their words and the values compared."""
    need("tshark")
    message = next(one for one in report.messages_of("MSRP") if one.protected)
    both = beside(report, message.frames[-1])
    assert [part.apart for part in both.parts] == [False, True] and both.parts[1].octets == message.octets
    id = message.value.transaction
    assert said(both, 1)[f"Transaction id: “{id}”"] == f"Transaction Id: {id}"
    assert {one.protocol for one in both.values} == {"MSRP"} and not both.differing


def test_handshakes_are_told_apart_by_their_octets(report: Report) -> None:
    """Fields of what was decrypted stand beside ours in the plaintext, those of the record in the frame."""
    need("tshark")
    both = beside(report, 31)
    assert said(both)["Handshake type: 2 server_hello"] == "Handshake Type: Server Hello (2)"
    assert said(both, 1)["Handshake type: 8 encrypted_extensions"] == "Handshake Type: Encrypted Extensions (8)"


def test_a_frame_that_is_not_there_is_told(report: Report) -> None:
    """As everywhere."""
    with pytest.raises(CaptureError, match="frame"):
        beside(report, report.packets + 1)


def test_without_tshark_our_side_stands_alone(report: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The page says what is missing; nothing is raised."""
    monkeypatch.setenv("PATH", str(tmp_path))
    both = beside(report, 1)
    assert "apt-get install tshark" in both.missing and "apt-get install tshark" in str(both)
    assert "apt-get install tshark" in both._repr_html_() and both.values == ()
    assert "Protocol version: 2" in said(both) and not any(said(both).values())
    opinion = second_opinion.hear(report)
    assert "apt-get install tshark" in opinion.missing and str(opinion) == opinion.missing


def test_hostile_text_is_harmless(tmp_path: Path) -> None:
    """Markup, escapes and marks that turn the reading direction, in both readings, in text and in HTML."""
    need("tshark")
    sides = (Endpoint("192.0.2.1", 5060), Endpoint("192.0.2.2", 5060))
    octets = sip("OPTIONS sip:b@home2.example SIP/2.0", f'x"{HOSTILE}', "OPTIONS")
    report = analyze(write(tmp_path / "hostile.pcapng", [udp(0.0, *sides, octets)]))
    both, opinion = beside(report, 1), second_opinion.hear(report)
    assert any("<script>" in line.theirs for line in both.parts[0].lines)
    for text in (str(both), str(opinion)):
        assert "\x1b" not in text and "\u202e" not in text
    for markup in (both._repr_html_(), opinion._repr_html_()):
        assert "<script>" not in markup and "\x1b" not in markup and "\u202e" not in markup
    assert "&lt;script&gt;" in both._repr_html_()


def test_the_picture_is_well_formed(report: Report) -> None:
    """Every element that is opened is closed; scrolled tables can be reached by keyboard and have names."""
    need("tshark")
    markup = beside(report, 43)._repr_html_()
    document = xml.dom.minidom.parseString(markup.replace("&nbsp;", " "))
    scrolled = [one for one in document.getElementsByTagName("div") if one.getAttribute("class") == "scroll"]
    assert len(scrolled) == 3
    assert all(one.getAttribute("tabindex") == "0" and one.getAttribute("aria-label") for one in scrolled)


@pytest.mark.parametrize("octets", [b"", b"<packet>", b"<packet><proto name='x'><field pos='a'/></proto></packet>"])
def test_an_answer_that_is_none_is_told(octets: bytes) -> None:
    """PDML that is cut or broken is our error, not a traceback."""
    with pytest.raises(CaptureError, match="can't be read"):
        protocols(octets)


def test_a_message_in_two_segments(tmp_path: Path) -> None:
    """The frame that completes it shows its part, and a layer the whole message."""
    need("tshark")
    body = b"x" * 100
    head = (f"MSRP dkei38sd SEND\r\nTo-Path: msrp://{B.host}:{B.port}/b;tcp\r\n"
            f"From-Path: msrp://{A.host}:{A.port}/a;tcp\r\nMessage-ID: m1\r\nByte-Range: 1-100/100\r\n"
            "Content-Type: text/plain\r\n\r\n").encode()
    octets = head + body + b"\r\n-------dkei38sd$\r\n"
    talk = Talk().opens().says(0, octets[:150]).says(0, octets[150:]).closes()
    report = analyze(write(tmp_path / "two.pcapng", talk.frames))
    both = beside(report, 5)
    assert len(both.parts) == 2 and both.parts[1].octets == octets
    assert {one.field for one in both.values} >= {"method", "transaction id", "Message-ID"} and not both.differing
