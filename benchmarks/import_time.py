"""`import workbench`, and the command line's start, against an interpreter that does nothing.

    .venv/bin/python benchmarks/import_time.py [--rounds 25]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable

from measuring import amount, interleaved, machine, ratio, say, spread

PROGRAMS = {
    "nothing": "pass",
    "package": "import workbench",
    "analysis": "import workbench; workbench.analyze",
    "catalogue": "import workbench; workbench.scenarios.all()",
    "command": "import workbench.cli",
}


def started(program: str) -> Callable[[], object]:
    """Starting an interpreter with a program."""
    return lambda: subprocess.run([sys.executable, "-c", program], check=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=25)
    given = parser.parse_args()
    say(machine())
    taken = interleaved({name: started(program) for name, program in PROGRAMS.items()}, given.rounds)
    bare = taken["nothing"]
    for name, program in PROGRAMS.items():
        more = statistics.median(taken[name]) - statistics.median(bare)
        say(f"{program:45} {spread(taken[name])}, {amount(max(more, 0))} more; {ratio(taken[name], bare)} times `pass`")


if __name__ == "__main__":
    main()
