"""The catalogue: one file a scenario, values only."""
