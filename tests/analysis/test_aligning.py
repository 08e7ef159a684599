"""Two captures held against each other: what each run has of its own counts for nothing, everything else is told."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from analysis.scenario_portions import PORTIONS
from capturing import Talk, edited, write

from workbench import scenarios
from workbench.analysis import steps
from workbench.analysis.aligning import CHANGED, LEFT, RIGHT, align, compare
from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.analysis.steps import Step, tracks
from workbench.views.comparing import comparison_text

CAPTURES = Path(__file__).parents[2] / "captures"


@cache
def played(id: str, seed: int = 1, weakened: str | None = None) -> Report:
    return scenarios.get(id).run("virtual", seed, None, weakened).report


@pytest.mark.parametrize("ids", PORTIONS)
def test_two_runs_of_one_scenario_are_the_same(ids: list[str]) -> None:
    """Other ports, keys, tags and certificates, another order of what two ends do at once: no difference."""
    for id in ids:
        comparison = compare(played(id), played(id, 2))
        assert comparison.same and comparison.agreement == 1.0, f"{id}: {comparison.first}"
        assert sum(len(pair.rows) for pair in comparison.pairs) > 20


CHANGES = [
    ("tcp-aware-a-active", "the IMS-ALG gives the gateway no roles", "IMS-ALG to IMS-AGW, H.248", "a=setup"),
    ("tcp-delayed", "the gateway does not wait for the incoming connection", "who begins first", "opens TCP"),
    ("msrp-cema", "the IMS-ALG changes host and port in a=path", "IMS-ALG to UE B, SIP", "a=path:msrp://IMS-AGW"),
    ("e2ae-fingerprint-mismatch", "the gateway presents the certificate that it announced", "UE A to IMS-ALG, SIP",
     "certificate of UE A"),
    ("t38-dtls-failure", "the gateway waits for ever", "IMS-AGW to IMS-ALG, H.248", "Notify"),
    ("tcp-merge-terminating", "the gateway translates sequence numbers", "roles and gateways", "merge by translation"),
]


@pytest.mark.parametrize(("id", "weakened", "track", "words"), CHANGES)
def test_a_control_shows_where_it_parts(id: str, weakened: str, track: str, words: str) -> None:
    """Each weakened run differs from the clean one where it does something else: named track, named words."""
    comparison = compare(played(id), played(id, 1, weakened))
    found = [(pair.name, row) for pair in comparison.pairs for row in pair.differences]
    assert any(track in name and (words in (row.left or row.right or Step("", "", (), 0, 0)).told
                                  or any(words in line for line in row.changes)) for name, row in found)


@pytest.mark.long
@pytest.mark.parametrize("id", [scenario.id for scenario in scenarios.all()])
def test_every_control_differs(id: str) -> None:
    """All weakened variants, beside a clean run with the same knobs; two of them differ in time alone."""
    only_time = {("e2ae-handshake-timeout", "the gateway gives up after a second"),
                 ("e2ae-tls-release", "the gateway keeps its other connection")}
    for weak in scenarios.get(id).weakened:
        clean = scenarios.get(id).run(**dict(weak.knobs)).report
        assert compare(clean, played(id, 1, weak.name)).same == ((id, weak.name) in only_time), weak.name


def test_both_ways_are_mirrored() -> None:
    """What is only left one way is only right the other way; changed lines change their signs."""
    one, other = played("msrp-cema"), played("msrp-cema", 1, "the IMS-ALG changes host and port in a=path")
    there, back = compare(one, other), compare(other, one)
    count = {kind: sum(row.kind == kind for pair in there.pairs for row in pair.rows)
             for kind in (CHANGED, LEFT, RIGHT)}
    assert count == {kind: sum(row.kind == other for pair in back.pairs for row in pair.rows)
                     for kind, other in ((CHANGED, CHANGED), (LEFT, RIGHT), (RIGHT, LEFT))}
    assert there.agreement == back.agreement < 1.0


def test_a_missing_message_is_one_row(tmp_path: Path) -> None:
    """One datagram less is one step only left; all others stay the same."""
    source = CAPTURES / "e2ae-msrp-terminating.pcapng"
    whole = analyze(source)
    ringing = next(message for message in whole.messages if message.summary.startswith("180"))
    less = edited(source, tmp_path / "less.pcapng",
                  lambda packets: [packet for packet in packets if packet.number not in ringing.frames])
    rows = [row for pair in compare(whole, analyze(less)).pairs for row in pair.differences]
    assert [(row.kind, row.left.told if row.left else "") for row in rows] == [(LEFT, "SIP 180 Ringing (INVITE)")]


def test_other_traffic_changes_nothing_on_the_tracks(tmp_path: Path) -> None:
    """A foreign connection beside the call makes a track of its own and disturbs none."""
    source = CAPTURES / "msrp-aware-plain.pcapng"
    foreign = write(tmp_path / "foreign.pcapng", Talk().opens().says(0, b"GET / HTTP/1.1\r\n\r\n").closes().frames)
    mixed = edited(source, tmp_path / "mixed.pcapng", lambda packets: [*packets, *edited_packets(foreign)])
    pairs = [pair for pair in compare(analyze(source), analyze(mixed)).pairs if pair.differences]
    assert pairs and all(pair.left is None for pair in pairs)


def edited_packets(path: Path) -> list[object]:
    from workbench.analysis.pcapng import Reader

    with Reader(path) as reader:
        return list(reader)


def test_a_long_track_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps beyond the limit are counted and said, not compared."""
    monkeypatch.setattr(steps, "MOST_STEPS", 5)
    found = tracks(played("e2ae-msrp-terminating"))
    assert max(len(track.steps) for track in found if track.group != "roles") == 5
    assert sum(track.left_out for track in found) > 0
    assert "were not compared" in comparison_text(compare(played("e2ae-msrp-terminating"), played("msrp-cema")))


def test_steps_of_one_kind_are_held_together() -> None:
    """A changed message stands beside what it was; new and missing ones stand alone, in order."""
    def step(kind: str, told: str) -> Step:
        return Step(kind, told, (), 1, 0.0)

    left = [step("a", "a1"), step("b", "b1"), step("c", "c1")]
    right = [step("x", "x1"), step("a", "a1"), step("b", "b2")]
    assert [(row.kind, row.changes) for row in align(left, right)] == [
        (RIGHT, ()), ("same", ()), (CHANGED, ("- b1", "+ b2")), (LEFT, ())]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "workbench.cli", *words], capture_output=True, text=True, timeout=60,
                          check=False)


def test_the_commands() -> None:
    """Exit status 1 with differences and 0 without; text and JSON tell the same first deviation."""
    left, right = (str(CAPTURES / f"{name}.pcapng") for name in ("tcp-merge-terminating", "e2ae-msrp-terminating"))
    same, differ = run("compare", left, left), run("compare", left, right)
    assert (same.returncode, differ.returncode) == (0, 1)
    assert "no difference" in same.stdout and " ~ " in differ.stdout
    document = json.loads(run("compare", left, right, "--json").stdout)
    assert not document["same"] and document["first"]["track"] in differ.stdout
    assert all(len(line) <= 120 for line in differ.stdout.splitlines()[3:])


def test_a_capture_beside_a_scenario() -> None:
    """`--against` plays the scenario and shows the capture beside it."""
    capture = str(CAPTURES / "e2ae-msrp-terminating.pcapng")
    said = run("analyze", capture, "--against", "e2ae-msrp-terminating")
    assert "no difference but values that each run has of its own" in said.stdout and said.returncode == 0
    other = json.loads(run("analyze", capture, "--against", "e2ae-msrp-originating", "--json").stdout)["against"]
    assert not other["same"] and other["first"] and 0 < other["agreement"] < 1
    wrong = run("analyze", capture, "--against", "e2ae-msrp-terminating", "--with", "colour=red")
    assert wrong.returncode == 2 and "colour" in wrong.stderr
