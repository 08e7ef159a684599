"""`workbench plan`: rows with their evidence, as text and as one JSON document."""

from __future__ import annotations

import json

import pytest

from workbench import workplan
from workbench.workplan import Proof, Row, Tables


@pytest.fixture
def plan(command, tmp_path):
    """Exit status, stdout and stderr of `workbench plan WORDS`."""
    return lambda *words: command("plan", *words, "--out", tmp_path)


def test_a_row_is_told_with_its_frames(plan, tmp_path):
    """Each sentence of a chosen row stands with its verdict and frames, and the capture is there to look at."""
    status, out, _ = plan("C8")
    assert status in (0, None)
    assert "TCP connection release" in out and "tcp-release: " in out and "(frame" in out
    assert (tmp_path / "tcp-release.pcapng").is_file()


def test_json_is_one_document(plan):
    """Row, requirement and gap in one document, each with its evidence; nothing else is printed."""
    status, out, _ = plan("C8", "SR-8", "IE-18", "--json")
    document = json.loads(out)
    assert status in (0, None) and document["held"]
    found = [row for table in ("rows", "requirements", "gaps") for row in document[table]]
    assert [row["id"] for row in found] == ["C8", "SR-8", "IE-18"]
    assert all(shown["verdict"] == "pass" and shown["capture"] for row in document["rows"] for shown in row["evidence"])


def test_an_unknown_row_is_wrong_usage(plan):
    status, out, err = plan("N99")
    assert (status, out) == (2, "") and "no entry 'N99'" in err and len(err.splitlines()) == 1


def test_what_fails_is_told_by_the_exit_status(plan, monkeypatch):
    """A proof that does not hold ends with status 1 and says what was missing."""
    proof = Proof("tcp-release", elements=("property nowhere/atall",))
    named = Tables((Row(id="X1", part="study", subject="x", proofs=(proof,)),), (), ())
    monkeypatch.setattr(workplan.evidence, "tables", lambda: named)
    status, out, _ = plan()
    assert status == 1 and "no H.248 message has it" in out
