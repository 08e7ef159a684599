"""`workbench collide`: the tables as text and as one JSON document."""

from __future__ import annotations

import json

import pytest


def test_the_tables_are_told_as_text_and_as_json(command):
    """The same calls, once for people and once as one JSON document with the reason for each."""
    asked = ["--mechanism", "merge", "--mechanism", "b2bua", "--nat", "home"]
    status, out, _ = command("collide", *asked)
    assert status in (0, None)
    assert out.count("two clients") == 3 and out.count("works, is read") == 3 and out.count("no connection") == 2
    status, out, _ = command("collide", *asked, "--json")
    merge, b2bua = json.loads(out)
    assert [one["outcome"] for one in merge["calls"]] == ["two clients", "no connection", "two clients", "two clients"]
    assert b2bua["calls"][0]["readers"] == ["IMS-AGW A", "IMS-AGW B"] and not b2bua["calls"][0]["end_to_end"]
    assert all(one["why"] for one in (*merge["calls"], *b2bua["calls"]))


@pytest.mark.parametrize(("words", "says"), [
    (["--mechanism", "magic"], "annex-d-silent"), (["--nat", "cone"], "strict"), (["--tls", "1.1"], "1.2, 1.3"),
    (["--media", "t38"], "msrp, bfcp"), (["--key", "none"], "certificate, psk"),
    (["--key", "psk", "--mechanism", "e2ae", "--nat", "none"], "fingerprints")])
def test_what_can_not_be_is_said(command, words, says):
    """Exit status 2 and one line for an impossible wish, before anything has run."""
    status, out, err = command("collide", *words)
    assert (status, out) == (2, "") and says in " ".join(err.split())
