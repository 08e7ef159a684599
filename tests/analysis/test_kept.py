"""What the analyser can't keep or should not be taken for whole, it says."""

from __future__ import annotations

from workbench import analyze, scenarios
from workbench.analysis import dissect


def test_a_twin_says_that_it_is_one(tmp_path):
    """The decrypted twin shows clear MSRP on a TLS leg; the report tells why."""
    run = scenarios.get("e2ae-msrp-originating").run(out=tmp_path)
    assert run.report.notes == []
    assert any("decrypted twin" in note for note in analyze(run.twin).notes)


def test_payload_that_is_not_kept_is_named(tmp_path, monkeypatch):
    """Above the limit of a connection nothing more is kept, not even a later small piece, and a note says so."""
    run = scenarios.get("e2ae-msrp-originating").run(out=tmp_path)
    (call,) = [session for session in run.report.sessions if session.kind == "msrp"]
    whole = run.report.payload(call.legs[0], sender="UE A")
    monkeypatch.setattr(dissect, "MOST_CONTENT_OCTETS", 400)
    report = analyze(run.capture)
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    kept = report.payload(call.legs[0], sender="UE A")
    assert 0 < len(kept) < len(whole) and whole.startswith(kept)
    assert sum("is kept up to 400 octets" in note for note in report.notes) == 2
