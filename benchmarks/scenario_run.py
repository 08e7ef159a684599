"""A scenario on the virtual network: seconds a run, the share of judging it, and tshark over the same capture.

    .venv/bin/python benchmarks/scenario_run.py [--rounds 15]

Running makes real certificates, TLS and packets and writes the capture; judging reads the capture back, decrypts it,
and holds every expectation against it. tshark only dissects and decrypts, in a process of its own.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from measuring import interleaved, machine, ratio, say, spread

from workbench import scenarios
from workbench.lab.run import Run
from workbench.lab.scenario import Scenario


def measure(scenario: Scenario, rounds: int, folder: Path, tshark: str | None) -> None:
    """Run, judge and read with tshark in turn, each round with another seed; say how long it took."""
    runs: list[Run] = []

    def run() -> None:
        runs.append(scenario.run(seed=len(runs) + 1, out=folder))

    def judge() -> None:
        if not runs[-1].passed:
            raise SystemExit(f"seed {runs[-1].seed} did not pass: {runs[-1].broken}")

    def peer() -> None:
        subprocess.run([str(tshark), "-r", runs[-1].capture], check=True, capture_output=True)

    taken = interleaved({"run": run, "judge": judge} | ({"tshark": peer} if tshark else {}), rounds)
    whole = [one + other for one, other in zip(taken["run"], taken["judge"], strict=True)]
    share = statistics.median(taken["judge"]) / statistics.median(whole)
    say(f"{scenario.id}: run and judge {spread(whole)}, {share:.0%} of it judging")
    for name, seconds in taken.items():
        say(f"  {name:7} {spread(seconds)}")
    if tshark:
        say(f"  judging takes {ratio(taken['judge'], taken['tshark'])} times as long as tshark -r, "
            f"run and judge {ratio(whole, taken['tshark'])} times")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    tshark = shutil.which("tshark")
    say(machine())
    with tempfile.TemporaryDirectory() as folder:
        for scenario in scenarios.all():
            measure(scenario, given.rounds, Path(folder), tshark)
    if tshark is None:
        say("tshark is missing, so there is no peer to compare with: apt-get install tshark")


if __name__ == "__main__":
    main()
