"""The nine-by-nine matrix, as offered and modified: seconds for its 162 calls, in this process and shared by two.

    .venv/bin/python benchmarks/reachability.py [--rounds 3]

Each call is SIP, H.248, TCP and MSRP across two access edges, written to a capture and judged from it. Processor time
is told beside the time that passed, since the latter depends on what else the machine has to do.
"""

from __future__ import annotations

import argparse
import resource
import statistics

from measuring import interleaved, machine, say, spread

from workbench.lab import reachability


def both(workers: int) -> None:
    """Both tables; they must be what they are, or the time says nothing."""
    for modified, works in ((False, 27), (True, 81)):
        matrix = reachability.matrix(modified, workers=workers)
        if sum(map(sum, matrix.works)) != works:
            raise SystemExit(f"not the table that it should be\n{matrix}")


def spent() -> float:
    """Seconds of processor time, of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    say(machine())
    used: dict[int, list[float]] = {1: [], 2: []}

    def job(workers: int) -> None:
        before = spent()
        both(workers)
        used[workers].append(spent() - before)

    taken = interleaved({"alone": lambda: job(1), "shared by two": lambda: job(2)}, given.rounds)
    for (name, seconds), workers in zip(taken.items(), used, strict=True):
        say(f"162 calls {name}: {spread(seconds)}, processor time {statistics.median(used[workers]):.1f} s")


if __name__ == "__main__":
    main()
