"""`--impair` and `--seeds`: bad wires, many seeds, and what is said of them."""

from __future__ import annotations

import json

import pytest

ID = "e2ae-msrp-originating"


def test_many_seeds_are_counted_and_kept_apart(command, tmp_path):
    """Each seed has its own folder; one line says how many held."""
    status, out, _ = command("run", ID, "--seeds", 3, "--seed", 5, "--impair", "loss=0.05", "--out", tmp_path)
    assert status == 0
    assert out.splitlines() == ["3 of 3 runs passed, seeds 5 to 7"]
    assert sorted(path.parent.name for path in tmp_path.glob(f"*/{ID}.pcapng")) == ["seed-5", "seed-6", "seed-7"]


def test_bad_wires_show_in_the_capture(command, tmp_path):
    """With loss something is sent again; without, nothing is."""
    from workbench import analyze

    repeated = []
    for words in ((), ("--impair", "loss=0.2")):
        status, out, _ = command("run", ID, *words, "--out", tmp_path, "--json")
        (entry,) = json.loads(out)
        assert (status, entry["passed"]) == (0, True)
        repeated.append(sum(m.repeated for m in analyze(entry["capture"]).messages))
    assert repeated[0] == 0 < repeated[1]


def test_wires_so_bad_that_nothing_comes_up_do_not_pass(command, tmp_path):
    """90 % loss: the verdicts say so, with exit status 1 and no `pass` for what was never shown."""
    status, out, _ = command("run", ID, "--impair", "loss=0.9", "--out", tmp_path, "--json")
    (entry,) = json.loads(out)
    assert status == 1 and not entry["passed"]
    assert {e["verdict"] for e in entry["expectations"]} <= {"fail", "inconclusive", "pass"}
    assert sum(e["verdict"] != "pass" for e in entry["expectations"]) > 5


@pytest.mark.parametrize(("wish", "answer"), [
    ("snow=1", "a wire has loss, reorder, duplicate, jitter"), ("loss=2", "from 0 to 0.9"),
    ("loss=much", "not a number"), ("loss", "write QUALITY=VALUE"), ("loss=-1", "from 0"), ("loss=nan", "from 0")])
def test_impossible_wires_are_refused(command, wish, answer, tmp_path):
    """One line, exit status 2, nothing run."""
    status, out, err = command("run", ID, "--impair", wish, "--out", tmp_path)
    assert (status, out) == (2, "")
    assert answer in err and len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
