"""Rules about what MSRP says on a leg: a capture that breaks each is found, one that keeps it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from crafted_calls import PEER, UE, Crafted, answer, found

PATH_A, PATH_B = f"msrp://{UE}/sa;tcp", f"msrp://{PEER}/sb;tcp"


def chunk(transaction: str, start: int, words: str, total: str, flag: str = "$", *headers: str) -> bytes:
    more = "".join(f"{header}\r\n" for header in headers)
    return (f"MSRP {transaction} SEND\r\nTo-Path: {PATH_B}\r\nFrom-Path: {PATH_A}\r\nMessage-ID: m-one\r\n{more}"
            f"Byte-Range: {start}-*/{total}\r\nContent-Type: text/plain\r\n\r\n{words}\r\n"
            f"-------{transaction}{flag}\r\n").encode()


def call_with(*said: tuple[bytes, str], until: float = 60.0) -> Crafted:
    """UE A sends these on its leg; each with the status of its answer, or none."""
    call = Crafted().agrees("access", ("setup:active", f"path:{PATH_A}"), ("setup:passive", f"path:{PATH_B}"))
    talk = call.talk("access").opens(at=1.0)
    for octets, status in said:
        talk.says(0, octets)
        if status:
            talk.says(1, answer(octets.split()[1].decode(), status, PATH_A, PATH_B))
    return call.add(talk).until(until)


@pytest.mark.parametrize(("status", "headers", "until", "broken"), [
    ("", (), 60.0, True), ("200 OK", (), 60.0, False), ("", (), 20.0, False),
    ("", ("Failure-Report: no",), 60.0, False), ("", ("Failure-Report: partial",), 60.0, False)])
def test_a_send_without_answer(tmp_path: Path, status: str, headers: tuple[str, ...], until: float, broken: bool):
    """Nothing in 30 seconds; not where the answer is there, is not due yet, or was not asked for."""
    call = call_with((chunk("a1b2", 1, "hello", "5", "$", *headers), status), until=until)
    findings = found(call.report(tmp_path), "msrp-unanswered")
    assert len(findings) == broken
    if broken:
        assert "UE A sends" in findings[0].explanation and "on the access leg" in findings[0].explanation


@pytest.mark.parametrize(("status", "broken"), [
    ("415 no", "a=accept-types"), ("413 enough", "no more"), ("481 gone", "no such session any more"), ("200 OK", "")])
def test_a_request_that_is_refused(tmp_path: Path, status: str, broken: str):
    """Who refuses what, and what the status means; two of them are one finding."""
    report = call_with((chunk("a1b2", 1, "hello", "5"), status), (chunk("a1b3", 1, "hello", "5"), status)).report(
        tmp_path)
    findings = found(report, "msrp-refused")
    assert len(findings) == bool(broken)
    if broken:
        assert broken in findings[0].explanation and "2 requests" in findings[0].explanation


@pytest.mark.parametrize(("second", "words", "hole"), [
    (6, "world", ""), (4, "lo world"[:7], ""), (8, "rld", "octets 6 to 7"), (6, "wor", "octets 9 to 10")])
def test_a_message_with_a_hole(tmp_path: Path, second: int, words: str, hole: str):
    """A chunk starts too late, or the last one ends too early; chunks that overlap are allowed."""
    call = call_with((chunk("a1b2", 1, "hello", "10", "+"), "200 OK"), (chunk("a1b3", second, words, "10"), "200 OK"))
    findings = found(call.report(tmp_path), "msrp-incomplete")
    assert len(findings) == bool(hole)
    if hole:
        assert hole in findings[0].explanation
