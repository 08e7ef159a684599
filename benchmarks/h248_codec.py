"""H.248 in all three encodings: our codecs against Erlang/OTP megaco's, over its own examples.

    .venv/bin/python benchmarks/h248_codec.py [--rounds 25] [--compiled PYTHON]

Each side is a process of its own that times its own loop over all messages, in turn in every round, so that a slow
moment of the machine meets all alike. The messages are the 149 examples that come with megaco, in the octets that
megaco makes of them; each side encodes the trees that it decoded itself. Nothing that was decoded or encoded is kept
from one message to the next: what our side remembers are words that it has checked before (names and values of a
message), and `--forget` has it forget them before every loop.

`--compiled` names an interpreter that has the compiled build installed (benchmarks/README.md, "The compiled build");
it is then measured in the same run.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO

from measuring import machine, say, spread

DRIVER = Path(__file__).with_name("h248_codec.escript")
FORMS = ("pretty", "compact", "ber")
LOOPS = {"megaco": 30, "workbench": 10}
"""Loops over all messages at a time: some 50 ms."""


class Side:
    """One program that is measured, asked over pipes; it answers in nanoseconds of its own clock."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.loops = LOOPS[name.partition(" ")[0]]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in: IO[str] = self._process.stdin
        self._out: IO[str] = self._process.stdout

    def ask(self, words: str) -> str:
        """One line for one line."""
        self._in.write(words + "\n")
        self._in.flush()
        answer = self._out.readline().strip()
        if not answer:
            raise SystemExit(f"{self.name} has ended")
        return answer

    def seconds(self, what: str, form: str, messages: int) -> float:
        """Seconds a message."""
        return int(self.ask(f"{what} {form} {self.loops}")) / 1e9 / self.loops / messages

    def close(self) -> None:
        """Let it end."""
        self._in.close()
        self._process.wait(30)


# --- our side, in its own process -----------------------------------------------------------------------------------


def serve(forget: bool) -> None:
    """Answer what `Side` asks: `about`, `messages FORM WORDS`, `decode FORM LOOPS`, `encode FORM LOOPS`."""
    jobs: dict[tuple[str, str], Callable[[], object]] = {}
    for line in sys.stdin:
        what, *words = line.split()
        if what == "about":
            say(_about())
        elif what == "messages":
            say(_prepare(jobs, words[0], [base64.b64decode(word) for word in words[1].split(",") if word]))
        else:
            taken = 0
            for _ in range(int(words[1])):
                if forget:
                    _forget()
                began = time.perf_counter_ns()
                jobs[what, words[0]]()
                taken += time.perf_counter_ns() - began
            say(str(taken))


def _about() -> str:
    tokens = import_module("workbench.protocols.h248.tokens")
    how = "pure Python" if str(tokens.__file__).endswith(".py") else "compiled"
    return f"workbench, {how}, {machine()}"


def _prepare(jobs: dict[tuple[str, str], Callable[[], object]], form: str, messages: list[bytes]) -> str:
    from workbench.protocols.h248 import binary, text

    if form != "ber":
        trees = [text.decode(message) for message in messages]
        style: text.Style = "pretty" if form == "pretty" else "compact"
        jobs["decode", form] = lambda: [text.decode(message) for message in messages]
        jobs["encode", form] = lambda: [text.encode(tree, style) for tree in trees]
        return "ready"
    levels = binary.PerLevelNaming((8, 8, 8))
    binary_trees = [binary.decode(message, naming=levels) for message in messages]
    jobs["decode", form] = lambda: [binary.decode(message, naming=levels) for message in messages]
    jobs["encode", form] = lambda: [binary.encode(tree, naming=levels) for tree in binary_trees]
    return "ready"


def _forget() -> None:
    """Empty every memory of words that our codecs have."""
    for room in ("binary", "writing"):
        for value in vars(import_module(f"workbench.protocols.h248.{room}")).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


# --- the comparison -------------------------------------------------------------------------------------------------


def compare(sides: list[Side], rounds: int) -> None:
    """All sides, all forms, both ways, in turn; the first side is the measure."""
    peer = sides[0]
    for form in FORMS:
        words = peer.ask(f"messages {form}")
        count = sum(1 for word in words.split(",") if word)
        octets = sum(len(base64.b64decode(word)) for word in words.split(","))
        for side in sides[1:]:
            side.ask(f"messages {form} {words}")
        say(f"{form}: {count} messages, {octets} octets")
        for what in ("decode", "encode"):
            taken: dict[str, list[float]] = {side.name: [] for side in sides}
            for each in range(rounds + 1):
                for side in sides:
                    seconds = side.seconds(what, form, count)
                    if each:
                        taken[side.name].append(seconds)
            _report(what, peer.name, taken)


def _report(what: str, peer: str, taken: dict[str, list[float]]) -> None:
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        line = f"  {what}  {name:<20} {spread(seconds)}, {1 / median:,.0f}/s"
        if name != peer:
            ratios = sorted(ours / theirs for ours, theirs in zip(seconds, taken[peer], strict=True))
            line += f", {statistics.median(ratios):.2f} times megaco's time ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        say(line)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--compiled", help="an interpreter with the compiled build")
    parser.add_argument("--forget", action="store_true", help="forget checked words before every loop")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.forget)
        return
    escript = shutil.which("escript")
    if escript is None:
        say("Erlang is missing: apt-get install erlang-base erlang-megaco erlang-examples")
        return
    ours = [__file__, "--serve", *(["--forget"] if given.forget else [])]
    sides = [Side("megaco", [escript, str(DRIVER)]), Side("workbench", [sys.executable, *ours])]
    if given.compiled:
        sides.append(Side("workbench compiled", [given.compiled, *ours]))
    for side in sides:
        say(f"{side.name}: {side.ask('about')}")
    compare(sides, given.rounds)
    for side in sides:
        side.close()


if __name__ == "__main__":
    main()
