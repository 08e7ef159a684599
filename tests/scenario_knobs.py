"""The settings that a scenario's knobs allow, for tests that turn them."""

from __future__ import annotations

import itertools

from workbench.errors import ScenarioError
from workbench.lab.scenario import Scenario


def settings_of(scenario: Scenario) -> list[dict[str, str]]:
    """Every combination of knobs that the scenario does not refuse."""
    found = []
    for values in itertools.product(*(knob.allowed for knob in scenario.knobs.values())):
        chosen = dict(zip(scenario.knobs, values, strict=True))
        try:
            scenario.settings(chosen)
        except ScenarioError:
            continue
        found.append(chosen)
    return found


def turned(scenario: Scenario, chosen: dict[str, str]) -> int:
    """How many knobs do not stand where they stand by themselves."""
    return sum(chosen[name] != knob.default for name, knob in scenario.knobs.items())
