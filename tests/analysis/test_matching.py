"""Each scenario of the catalogue is recognised from its capture as itself; ties are told as ties."""

from __future__ import annotations

from pathlib import Path

import pytest
from crafted_calls import Crafted

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


def test_every_scenario_of_the_two_families_has_marks():
    """None is left out, whatever the catalogue holds."""
    wanted = {scenario.id for scenario in scenarios.all() if scenario.family in ("TCP bearer", "MSRP interworking")}
    assert wanted <= set(SCENARIOS)


def test_a_call_that_shows_nothing_matches_nothing(tmp_path: Path):
    """Two terminations and no more are under two marks in five."""
    report = Crafted("active", "active").report(tmp_path)
    assert report.scenario is None or report.scenario.score < 0.5
