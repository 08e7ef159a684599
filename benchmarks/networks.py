"""The same scenarios on the virtual network and on the kernel's: seconds a run, and what of them is spent on what.

    .venv/bin/python benchmarks/networks.py [--rounds 5] [ID ...]

A run takes far less time than its capture's time stamps span: on the virtual network nothing is waited for; the
kernel's has to start namespaces, lets a moment pass before it believes that nothing is left to happen, and waits for
what kernels do by their own timers. Judging the capture is the same for both and is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from measuring import interleaved, machine, ratio, say, spread

from workbench import scenarios
from workbench.errors import WorkbenchError
from workbench.lab.run import NETWORKS, Run
from workbench.lab.scenario import Scenario
from workbench.net.kernel.namespaces import Namespaces

SOME = ("e2ae-msrp-originating", "tcp-stateless-relay", "tcp-merge-both-behind-nat", "msrp-aware-plain", "tcp-delayed")


def measure(scenario: Scenario, rounds: int, folder: Path) -> None:
    """Run on both in turn, each round with another seed; say how long it took."""
    runs: dict[str, list[Run]] = {network: [] for network in NETWORKS}

    def job(network: str) -> None:
        used = time.process_time()
        done = runs[network]
        done.append(scenario.run(network, seed=len(done) + 1, out=folder / network))
        processor[network].append(time.process_time() - used)

    processor: dict[str, list[float]] = {network: [] for network in NETWORKS}
    taken = interleaved({network: lambda network=network: job(network) for network in NETWORKS}, rounds)  # type: ignore[misc]
    for network in NETWORKS:
        if not runs[network][-1].passed:
            sys.exit(f"{scenario.id} did not pass on {network}: {runs[network][-1].broken}")
    spans = {network: _span(runs[network][-1]) for network in NETWORKS}
    say(f"{scenario.id}: {ratio(taken['kernel'], taken['virtual'])} times as long on kernel")
    for network in NETWORKS:
        say(f"  {network:7} {spread(taken[network])}, processor {statistics.median(processor[network][1:]):.2f} s, "
            f"for {spans[network]:.1f} s of the run's time")


def _span(run: Run) -> float:
    """Seconds between the first message of a capture and the last one."""
    moments = [message.time for message in run.report.messages]
    return float(max(moments) - min(moments))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("ids", nargs="*", default=SOME)
    given = parser.parse_args()
    say(machine())
    try:
        starting = interleaved({"namespaces": lambda: Namespaces(()).close()}, given.rounds)
        say(f"a keeper without namespaces, started and ended: {spread(starting['namespaces'])}")
        with tempfile.TemporaryDirectory() as folder:
            for id in given.ids:
                measure(scenarios.get(id), given.rounds, Path(folder))
    except WorkbenchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
