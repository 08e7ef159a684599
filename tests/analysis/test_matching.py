"""Each scenario of the catalogue is recognised from its capture as itself; ties are told as ties."""

from __future__ import annotations

from pathlib import Path

import pytest
from counting import work
from crafted_calls import PEER, UE, Crafted, send

from workbench import scenarios
from workbench.analysis.marks_bearers import SCENARIOS
from workbench.analysis.report import analyze

OURS = [scenario.id for scenario in scenarios.all() if scenario.id in SCENARIOS]
TIED = {"msrp-aware-plain": "msrp-aware-sessmatch-plain", "msrp-aware-cema-plain": "msrp-aware-cema-sessmatch"}


@pytest.mark.parametrize("id", OURS)
def test_a_scenario_is_recognised_as_itself(tmp_path: Path, id: str):
    """Every mark is found; two pairs leave the same traces, and then both are named. A sound run breaks no rule."""
    report = analyze(scenarios.get(id).start(seed=2, out=tmp_path).finish().capture)
    match = report.scenario
    assert match is not None and match.score == 1.0 and match.deviations == ()
    assert id in (match.id, *match.also)
    assert set(match.also) == ({TIED[match.id]} if match.id in TIED else set())
    assert report.findings == ()


def test_a_call_whose_path_was_changed_is_one_of_msrp(tmp_path: Path):
    """UE B answers 481 and the connection ends: sessmatch that went wrong, and not a case of TCP release."""
    run = scenarios.get("msrp-aware-plain").run(out=tmp_path, weakened="the IMS-ALG rewrites host and port only")
    match = analyze(run.capture).scenario
    assert match is not None and match.id == "msrp-sessmatch"
    assert "a message was answered with 481" in match.deviations


def test_every_scenario_of_the_two_families_has_marks():
    """None is left out, whatever the catalogue holds."""
    wanted = {scenario.id for scenario in scenarios.all() if scenario.family in ("TCP bearer", "MSRP interworking")}
    assert wanted <= set(SCENARIOS)


def test_a_call_that_shows_nothing_matches_nothing(tmp_path: Path):
    """Two terminations and no more are under two marks in five."""
    report = Crafted("active", "active").report(tmp_path)
    assert report.scenario is None or report.scenario.score < 0.5


@pytest.mark.parametrize("wrong", [False, True], ids=["right paths", "wrong paths"])
def test_work_grows_with_the_messages_and_no_faster(tmp_path: Path, wrong: bool):
    """Rules and matching of a call with four times as many messages take about four times the calls."""
    from workbench.analysis.matching import match
    from workbench.analysis.rules import check

    def judged(count: int) -> int:
        call = Crafted()
        call.agrees("access", ("setup:active", f"path:msrp://{UE}/a;tcp"),
                    ("setup:passive", f"path:msrp://{PEER}/b;tcp"))
        access = call.talk("access").opens(at=1.0)
        core = call.talk("core", by_gateway=True, isn=(5, 6)).opens(at=1.0002)
        for number in range(count):
            for talk in (access, core):
                talk.put(0, 0x18, send(f"t{number:06}", f"msrp://{PEER}/{number if wrong else 'b'};tcp",
                                       f"msrp://{UE}/a;tcp"), at=2.0 + number / 1000)
        report = call.add(access, core).report(tmp_path)
        return work(lambda: (check(report), match(report)))[0]

    few, many = judged(200), judged(800)
    assert many < 5 * few
