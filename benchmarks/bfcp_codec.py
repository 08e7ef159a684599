"""BFCP messages through our codec and through libre's, one after the other in every round.

    .venv/bin/python benchmarks/bfcp_codec.py [--rounds 5]

The messages are the stored ones of tests/vectors/bfcp, both versions. libre's side is a C program that is compiled now
and times its own loops (tests/interop/bfcp_libre.c); nothing that was decoded or encoded is kept between messages.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import machine, say, spread

TESTS = Path(__file__).parents[1] / "tests"
sys.path.append(str(TESTS))

OURS, THEIRS = 200, 20_000
"""How often a message is coded in one go: some milliseconds."""


class Libre:
    """The driver, compiled into a folder."""

    def __init__(self, compiler: str, folder: Path) -> None:
        program = folder / "bfcp_libre"
        source = TESTS / "interop" / "bfcp_libre.c"
        subprocess.run(
            [compiler, "-O2", "-DHAVE_STDBOOL_H", "-DHAVE_INTTYPES_H", "-I/usr/include/re", str(source), "-o",
             str(program), "-lre"], check=True)
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, line: str) -> float:
        """Seconds a message: `decode HEX` or `encode WORDS`, many times."""
        what, _, rest = line.partition(" ")
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{what}s {THEIRS} {rest}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline().split()[1]) / 1e9 / THEIRS


def ours(job: Callable[[], object]) -> float:
    """Seconds a message."""
    began = time.perf_counter()
    for _ in range(OURS):
        job()
    return (time.perf_counter() - began) / OURS


def compare(libre: Libre, rounds: int) -> None:
    """Both sides over all messages, decoding and encoding."""
    from bfcp_words import to_words

    from workbench.protocols.bfcp import wire

    octets = [bytes.fromhex(path.read_text()) for path in sorted((TESTS / "vectors" / "bfcp").glob("*.hex"))]
    messages = [wire.decode(one) for one in octets]
    say(f"{len(octets)} messages, {sum(map(len, octets)) // len(octets)} octets on average")
    for what in ("decode", "encode"):
        taken: dict[str, list[float]] = {"workbench": [], "libre": []}
        for each in range(rounds + 1):
            mine = theirs = 0.0
            for one, message in zip(octets, messages, strict=True):
                if what == "decode":
                    mine += ours(lambda one=one: wire.decode(one))       # type: ignore[misc]
                    theirs += libre.seconds(f"decode {one.hex()}")
                else:
                    mine += ours(lambda message=message: wire.encode(message))   # type: ignore[misc]
                    theirs += libre.seconds(f"encode {to_words(message)}")
            if each:
                taken["workbench"].append(mine / len(octets))
                taken["libre"].append(theirs / len(octets))
        for name, seconds in taken.items():
            say(f"  {what}  {name:<10} {spread(seconds)}, {1 / statistics.median(seconds):,.0f}/s")
        ratios = [a / b for a, b in zip(taken["workbench"], taken["libre"], strict=True)]
        say(f"  {what}: {statistics.median(ratios):.1f} times libre's time ({min(ratios):.1f} to {max(ratios):.1f})")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    compiler = shutil.which("gcc")
    if compiler is None or not Path("/usr/include/re/re_bfcp.h").exists():
        say("libre is missing: apt-get install gcc libc6-dev libre-dev")
        return
    say(machine())
    with tempfile.TemporaryDirectory() as folder:
        compare(Libre(compiler, Path(folder)), rounds)


if __name__ == "__main__":
    main()
