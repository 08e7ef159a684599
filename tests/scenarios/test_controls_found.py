"""Each control is reported with the rules that it breaks, or says why it breaks none; what is sound keeps them all."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_knobs import settings_of, turned

from workbench import scenarios
from workbench.analysis.rules import RULES
from workbench.lab.scenario import Scenario

ALL = scenarios.all()
IDS = [scenario.id for scenario in ALL]


def broken(scenario: Scenario, path: Path, weakened: str | None = None, **knobs: str) -> set[str]:
    return {finding.rule for finding in scenario.run("virtual", 1, path, weakened, **knobs).report.findings}


@pytest.mark.parametrize("scenario", ALL, ids=IDS)
def test_each_control_is_reported_with_the_rules_that_it_breaks(scenario: Scenario, tmp_path: Path):
    """The rules that a control names are broken in its capture and kept by the case; one with a reason breaks none."""
    kept: dict[tuple[tuple[str, str], ...], set[str]] = {}
    for weak in scenario.weakened:
        assert bool(weak.rules) != bool(weak.no_rule), f"{weak.name} says neither what it breaks nor why nothing"
        key = tuple(sorted(weak.knobs.items()))
        if key not in kept:
            kept[key] = broken(scenario, tmp_path, **weak.knobs)
        new = broken(scenario, tmp_path, weak.name) - kept[key]
        assert set(weak.rules) <= new, f"{weak.name}: {sorted(new)}"
        assert weak.rules or not new, f"{weak.name} breaks {sorted(new)} although nothing forbids it"


def test_controls_name_rules_that_there_are():
    """A rule that is renamed is renamed here too."""
    known = {rule.id for rule in RULES}
    named = {rule for scenario in ALL for weak in scenario.weakened for rule in weak.rules}
    assert named <= known


@pytest.mark.parametrize("scenario", ALL, ids=IDS)
def test_a_case_breaks_no_rule_but_those_that_it_shows(scenario: Scenario, tmp_path: Path):
    """Whatever knob is turned, the capture breaks what the case is about, and nothing else."""
    for chosen in settings_of(scenario):
        if turned(scenario, chosen) <= 1:
            assert broken(scenario, tmp_path, **chosen) == set(scenario.shown(chosen)), chosen
