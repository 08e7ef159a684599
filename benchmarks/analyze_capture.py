"""Analysing a capture of many calls: `workbench.analyze` against `tshark -r`, wall clock, in turn.

    .venv/bin/python benchmarks/analyze_capture.py [--megabytes 20] [--rounds 3]

The capture is made first, of runs of both scenarios with different seeds, one after the other in time; secrets are
inside. tshark dissects and decrypts every frame and prints a line each (to nowhere). The workbench also joins dialogs,
contexts and connections to sessions, judges rules and matches a scenario; it runs in a process of its own too.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import interleaved, machine, ratio, say, spread

from workbench import scenarios
from workbench.analysis.pcapng import Reader, Writer, scan

ANALYZE = "import sys, workbench; workbench.analyze(sys.argv[1])"
APART_NS = 60 * 10**9


def make(path: Path, octets: int, folder: Path) -> tuple[int, int]:
    """A capture of that size; how many calls and frames it holds."""
    calls = frames = 0
    wires: dict[str, int] = {}
    with Writer(path) as writer:
        while path.stat().st_size < octets:
            for scenario in scenarios.all():
                capture = scenario.run(seed=calls + 1, out=folder).capture
                names, secrets = scan(capture)
                if calls < len(scenarios.IDS):
                    writer.names(names)
                writer.secrets(secrets)
                with Reader(capture) as reader:
                    for packet in reader:
                        if packet.wire not in wires:
                            wires[packet.wire] = writer.interface(packet.wire, packet.link)
                        later = packet.time_ns + calls * APART_NS
                        writer.packet(wires[packet.wire], later, packet.octets, packet.comment)
                        frames += 1
                calls += 1
    return calls, frames


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    tshark = shutil.which("tshark")
    if tshark is None:
        say("tshark is missing: apt-get install tshark")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.pcapng"
        calls, frames = make(path, int(given.megabytes * 1e6), Path(folder))
        size = path.stat().st_size
        say(f"{machine()}; {calls} calls, {frames} frames, {size / 1e6:.1f} MB")
        taken = interleaved({
            "tshark": lambda: subprocess.run([tshark, "-r", path], check=True, capture_output=True),
            "workbench": lambda: subprocess.run([sys.executable, "-c", ANALYZE, path], check=True),
        }, given.rounds)
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        say(f"{name:10} {spread(seconds)}   {frames / middle:,.0f} packets/s, {size / middle / 1e6:.2f} MB/s")
    say(f"workbench takes {ratio(taken['workbench'], taken['tshark'])} times as long as tshark -r")


if __name__ == "__main__":
    main()
