"""What the benchmarks share: measuring two programs in turn, and saying it."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def interleaved(jobs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each job, one after the other in every round, so that a slow moment of the machine meets all alike.

    A round more is run first and not counted.
    """
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for each in range(rounds + 1):
        for name, job in jobs.items():
            began = time.perf_counter()
            job()
            if each:
                taken[name].append(time.perf_counter() - began)
    return taken


def say(line: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def spread(seconds: list[float]) -> str:
    """Median, and in brackets the fastest and the slowest."""
    return f"{amount(statistics.median(seconds))} ({amount(min(seconds))} to {amount(max(seconds))})"


def amount(seconds: float) -> str:
    """A time with its unit."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def ratio(ours: list[float], theirs: list[float]) -> str:
    """How many times as long ours takes: the ratio of the medians."""
    return f"{statistics.median(ours) / statistics.median(theirs):.2g}"


def machine() -> str:
    """What this was measured on, without its name."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def processor_seconds(process: int) -> float:
    """What a process has used of the processors so far, all its threads; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return 0.0


def resident_octets(process: int) -> int:
    """The memory that a process holds at this moment; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pin(process: int, core: int) -> None:
    """Keep a process on one core (as `taskset` does), where the system can and has it; its children stay there too."""
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(process, {core})
