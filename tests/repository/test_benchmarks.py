"""The list of benchmarks is complete."""

from __future__ import annotations

import re
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_every_benchmark_stands_in_the_list_with_peer_and_target():
    """Each script that says how it is run has a row of four cells, and each row has its script."""
    rows = dict(re.findall(r"^\| `(\w+)\.py` \| (.+) \|$", (BENCHMARKS / "README.md").read_text(), re.MULTILINE))
    scripts = {file.stem for file in BENCHMARKS.glob("*.py") if f"benchmarks/{file.name}" in file.read_text()}
    assert set(rows) == scripts
    assert {name for name, cells in rows.items() if cells.count(" | ") != 2} == set()
