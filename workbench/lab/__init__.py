"""Runs scenarios: topology, script, the only loop, trace, judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.lab.run import LiveRun


def start(id: str, **settings: Any) -> LiveRun:
    """A paused run of the scenario with that id; settings as of `Scenario.start`. Raises ScenarioError."""
    from workbench import scenarios

    return scenarios.get(id).start(**settings)
