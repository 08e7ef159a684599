"""The stepper on floors: who asks, waits and holds, as an observer of all wires knows it."""

from __future__ import annotations

from workbench import scenarios
from workbench.views import steps


def test_floors_in_steps():
    """A request, its grant and its release change the user's part; the messages themselves are told on their wire."""
    found = steps(scenarios.get("e2ae-bfcp-originating").run(seed=1).report)
    parts = [step.state[node]["floor"] for step in found for node, topics in step.changed.items() if "floor" in topics]
    assert "asks" in parts and "holds the floor" in parts and parts.index("asks") < parts.index("holds the floor")
    said = {fact for step in found for facts in step.state.values() for topic, fact in facts.items()
            if topic.startswith("BFCP on")}
    assert {"has sent FloorRequest inside TLS", "has received FloorRequest in clear"} <= said
