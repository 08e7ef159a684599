"""MSRP addresses on each leg: who says what in SDP and in the first request, and what the other end answers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from capturing import Talk, sdp, sip, udp, write
from view_samples import report as sample

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.net.values import Endpoint
from workbench.views import path_rows, paths_html, paths_text

ALICE, BOB = Endpoint("192.0.2.1", 5060), Endpoint("192.0.2.2", 5060)
CLIENT, SERVER = Endpoint("192.0.2.1", 40001), Endpoint("192.0.2.2", 7000)
PATH_A, PATH_B = "msrp://192.0.2.1:40001/aaaa;tcp", "msrp://192.0.2.2:7000/bbbb;tcp"


@cache
def run() -> Any:
    return scenarios.get("e2ae-msrp-originating").run(seed=1, nat="behind")


def by_hand(path: Path, *, elsewhere: bool = False, twice: bool = False) -> Report:
    """A call without a gateway: Bob's a=path may lead elsewhere; Alice's SEND is answered 481."""
    told = PATH_B.replace("192.0.2.2", "198.51.100.9") if elsewhere else PATH_B
    offer, answer = (sdp("192.0.2.1", 9, "TCP/MSRP", "setup:active", f"path:{PATH_A}"),
                     sdp("192.0.2.2", 7000, "TCP/MSRP", "setup:passive", f"path:{told}"))
    frames = []
    for number in range(2 if twice else 1):
        frames += [udp(0.1 * number, ALICE, BOB, sip("INVITE sip:b@home2.example SIP/2.0", "1", "INVITE", offer,
                                                     cseq=number + 1)),
                   udp(0.1 * number + 0.05, BOB, ALICE, sip("SIP/2.0 200 OK", "1", "INVITE", answer, cseq=number + 1))]
    send = (f"MSRP abcd1234 SEND\r\nTo-Path: {told}\r\nFrom-Path: {PATH_A}\r\nMessage-ID: m1\r\n"
            "-------abcd1234$\r\n").encode()
    no = (f"MSRP abcd1234 481 No such session\r\nTo-Path: {PATH_A}\r\nFrom-Path: {told}\r\n"
          "-------abcd1234$\r\n").encode()
    talk = Talk(CLIENT, SERVER).opens(at=0.3).says(0, send).says(1, no)
    return analyze(write(path, [*frames, *talk.frames], names={"192.0.2.1": "Alice", "192.0.2.2": "Bob"}))


def test_two_rows_a_leg() -> None:
    """Offer and answer on each leg, each with the first SEND of that side; behind a NAT the UE, not the NAT."""
    rows = path_rows(run().report)
    assert [(row.leg, row.who, row.said) for row in rows] == [
        ("access", "UE A", "offer"), ("access", "IMS-ALG", "answer"),
        ("core", "IMS-ALG", "offer"), ("core", "Peer B", "answer")]
    assert all(row.from_path == row.path and row.answered == "200" for row in rows)
    assert [row.agree for row in rows] == [True, False, False, True] and all(row.cema for row in rows)
    assert rows[1].address.startswith("198.51.100.1:") and rows[3].to_path == rows[0].path


def test_a_path_that_leads_elsewhere(tmp_path: Path) -> None:
    """a=path and c= differ without CEMA: told in words, and marked; 481 is told too."""
    report = by_hand(tmp_path / "a.pcapng", elsewhere=True)
    offer, answer = path_rows(report)
    assert (offer.who, offer.answered, offer.agree) == ("Alice", "481", True)
    assert (answer.who, answer.agree, answer.to_path) == ("Bob", False, "")
    assert paths_html(report).count('class="bad"') == 2
    said = paths_text(report)
    assert "answered   481" in said and "agree      no" in said and "From-Path  -" in said


def test_each_exchange_has_its_rows(tmp_path: Path) -> None:
    """A second offer gives two more rows; a request belongs to the exchange before it."""
    rows = path_rows(by_hand(tmp_path / "a.pcapng", twice=True))
    assert [row.said for row in rows] == ["offer 1", "answer 1", "offer 2", "answer 2"]
    assert [bool(row.from_path) for row in rows] == [False, False, True, False]


def test_html_form() -> None:
    """Head cells have a scope; the box can be scrolled by keyboard."""
    markup = paths_html(run().report)
    assert markup.count("<th ") == markup.count("scope=") == 9 and 'tabindex="0"' in markup


def test_nothing_to_show() -> None:
    """A capture without MSRP says so."""
    shown = sample()
    shown.sessions = ()
    assert paths_text(shown).startswith("no MSRP") and "No MSRP" in paths_html(shown)
