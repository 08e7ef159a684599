"""`workbench reach`: the nine-by-nine table as text and as one JSON document."""

from __future__ import annotations

import json

import pytest


def test_the_table_is_told_as_text_and_as_json(command):
    """The same 81 calls, once for people and once as one JSON document with the reason for each."""
    status, out, _ = command("reach", "--mechanism", "direct")
    assert status in (0, None)
    assert "9 of 81 calls work" in out and out.count("yes") == 9
    status, out, _ = command("reach", "--mechanism", "direct", "--json")
    document = json.loads(out)
    assert sum(cell["works"] for row in document["cells"] for cell in row) == 9
    assert document["rows"][8] == {"mapping": "address-and-port-dependent", "filtering": "address-and-port-dependent"}
    assert all(cell["why"] for row in document["cells"] for cell in row)


@pytest.mark.parametrize(("words", "says"), [
    (["--mechanism", "magic"], "gateway, direct, punching"),
    (["--mechanism", "direct", "--modified"], "modified by a gateway"),
])
def test_what_can_not_be_is_said(command, words, says):
    """Exit status 2 and one line for an impossible wish, before anything has run."""
    status, out, err = command("reach", *words)
    assert (status, out) == (2, "") and says in " ".join(err.split())
