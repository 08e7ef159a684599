"""`workbench reach`: the nine-by-nine table as text and as one JSON document."""

from __future__ import annotations

import json
import sys

import pytest

from workbench import cli


def reach(monkeypatch, capsys, *words):
    """Exit status, stdout and stderr of `workbench reach WORDS`."""
    monkeypatch.setattr(sys, "argv", ["workbench", "reach", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_the_table_is_told_as_text_and_as_json(monkeypatch, capsys):
    """The same 81 calls, once for people and once as one JSON document with the reason for each."""
    status, out, _ = reach(monkeypatch, capsys, "--mechanism", "direct")
    assert status in (0, None)
    assert "9 of 81 calls work" in out and out.count("yes") == 9
    status, out, _ = reach(monkeypatch, capsys, "--mechanism", "direct", "--json")
    document = json.loads(out)
    assert sum(cell["works"] for row in document["cells"] for cell in row) == 9
    assert document["rows"][8] == {"mapping": "address-and-port-dependent", "filtering": "address-and-port-dependent"}
    assert all(cell["why"] for row in document["cells"] for cell in row)


@pytest.mark.parametrize(("words", "says"), [
    (["--mechanism", "magic"], "gateway, direct, punching"),
    (["--mechanism", "direct", "--modified"], "modified by a gateway"),
])
def test_what_can_not_be_is_said(monkeypatch, capsys, words, says):
    """Exit status 2 and one line for an impossible wish, before anything has run."""
    status, out, err = reach(monkeypatch, capsys, *words)
    assert (status, out) == (2, "") and says in " ".join(err.split())
