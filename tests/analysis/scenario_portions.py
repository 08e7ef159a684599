"""The catalogue in portions, so that no single test takes long."""

from workbench import scenarios

PORTIONS = [[scenario.id for scenario in scenarios.all()][at : at + 6] for at in range(0, len(scenarios.all()), 6)]
