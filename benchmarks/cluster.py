"""How much faster are many captures analysed by two Dask workers than by one?

    .venv/bin/python benchmarks/cluster.py [--captures 12] [--packets 6000] [--rounds 3]

The captures are portions of a field trace (`load/field_trace.py`), equal in size. Workers are started and have read one
capture before anything is measured. Peers, in the same rounds: one Dask worker; a plain `ProcessPoolExecutor` with two
processes, which has no scheduler and knows one machine only.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from load.field_trace import write
from measuring import interleaved, machine, ratio, say, spread

from workbench.cluster import Crew, Job, analyse_one


def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser(description="How much faster are two Dask workers than one?")
    parser.add_argument("--captures", type=int, default=12)
    parser.add_argument("--packets", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        jobs = [_job(Path(place) / f"{number}.pcapng", wanted.packets) for number in range(wanted.captures)]
        pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        with Crew(1, dask=True) as one, Crew(2) as two, pool:
            taken = interleaved({
                "one": lambda: list(one.analyse(jobs)), "two": lambda: list(two.analyse(jobs)),
                "pool": lambda: list(pool.map(analyse_one, jobs))}, wanted.rounds)
    size = sum(job.octets for job in jobs)
    say(f"{machine()}; {len(jobs)} captures, {size / 2**20:.0f} MiB")
    say(f"one Dask worker         {spread(taken['one'])}")
    say(f"two Dask workers        {spread(taken['two'])}   {ratio(taken['one'], taken['two'])} times as fast")
    say(f"ProcessPoolExecutor(2)  {spread(taken['pool'])}   two workers take {ratio(taken['two'], taken['pool'])}")


def _job(path: Path, packets: int) -> Job:
    write(path, packets)
    return Job(str(path), path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
