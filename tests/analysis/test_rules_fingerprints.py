"""A fingerprint that is passed on as another one is found; one that stays, or that an edge makes anew, is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import sdp, sip, udp, write

from workbench import scenarios
from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.net.values import Endpoint

UE, MIDDLE = Endpoint("10.0.0.10", 5060), Endpoint("10.0.0.1", 5060)
OUTSIDE, PROXY = Endpoint("203.0.113.10", 5060), Endpoint("198.51.100.5", 5060)
HERS, HIS = "SHA-256 " + ":".join(["AB"] * 32), "SHA-256 " + ":".join(["CD"] * 32)


def passed_on(path: Path, fingerprint: str, *, transport: str = "TCP/TLS/MSRP", cseq: int = 1, wire: str = "outside",
              level: str = "media") -> Report:
    """An offer with HERS inside, and with `fingerprint` on another wire."""
    def offer(value: str, proto: str) -> str:
        if level == "media":
            return sdp("10.0.0.10", 9, proto, "setup:active", f"fingerprint:{value}")
        return sdp("10.0.0.10", 9, proto, "setup:active").replace("t=0 0\r\n", f"t=0 0\r\na=fingerprint:{value}\r\n")

    start = "INVITE sip:b@home2.example SIP/2.0"
    return analyze(write(path / "a.pcapng", [
        udp(0.0, UE, MIDDLE, sip(start, "1", "INVITE", offer(HERS, "TCP/TLS/MSRP")), "inside"),
        udp(0.01, OUTSIDE, PROXY, sip(start, "1", "INVITE", offer(fingerprint, transport), cseq=cseq), wire)]))


def found(report: Report) -> list[tuple[int, ...]]:
    return [finding.frames for finding in report.findings if finding.rule == "fingerprint-changed"]


@pytest.mark.parametrize("level", ["media", "session"])
def test_another_fingerprint_on_the_next_wire(tmp_path: Path, level: str) -> None:
    """The same INVITE with another fingerprint: both frames are named, and who passed it on; no names are needed."""
    report = passed_on(tmp_path, HIS, level=level)
    assert found(report) == [(1, 2)]
    (finding,) = (one for one in report.findings if one.rule == "fingerprint-changed")
    assert "10.0.0.1 on inside" in finding.explanation and "203.0.113.10 on outside" in finding.explanation
    assert HERS in finding.explanation and HIS in finding.explanation


def test_what_is_no_change(tmp_path: Path) -> None:
    """The same one; a stream that goes on without TLS; a later message; the same wire."""
    assert not found(passed_on(tmp_path, HERS))
    assert not found(passed_on(tmp_path, HIS, transport="TCP/MSRP"))
    assert not found(passed_on(tmp_path, HIS, cseq=2))
    assert not found(passed_on(tmp_path, HIS, wire="inside"))


def test_two_edges_that_end_tls_change_nothing(tmp_path: Path) -> None:
    """Each edge has its own fingerprints; between them there is none."""
    assert not found(scenarios.get("e2ae-both-behind-nat").run(out=tmp_path).report)


def test_a_man_in_the_middle_is_found_by_both_wires_only(tmp_path: Path) -> None:
    """He changes the offer and the answer; where he leaves them alone there is nothing to find."""
    middle = scenarios.get("e2ae-man-in-the-middle")
    assert not found(middle.run(out=tmp_path).report)
    assert len(found(middle.run(out=tmp_path, weakened=middle.weakened[0].name).report)) == 2
