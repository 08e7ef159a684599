"""H.248 text: our decoder and encoder against Erlang/OTP megaco with its flex scanner, over megaco's own 149 examples.

    .venv/bin/python benchmarks/h248_text.py [--rounds 9]

Each side times its own loop over all messages (Erlang in its virtual machine, compiled), in turn. Encoding is of the
trees that the side decoded itself, in long tokens.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from measuring import machine, ratio, say, spread

from workbench.protocols.h248 import text

DRIVER = Path(__file__).with_name("h248_text.escript")
ERLANG_LOOPS = 200  # a loop takes Erlang about a millisecond
OUR_LOOPS = 3


class Erlang:
    """The driver, asked over pipes; it answers in nanoseconds of its own clock."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout

    def ask(self, words: str) -> str:
        """One line for one line."""
        self._in.write(words + "\n")
        self._in.flush()
        answer = self._out.readline().strip()
        if not answer:
            raise SystemExit("the Erlang driver has ended: apt-get install erlang-base erlang-megaco erlang-examples")
        return answer

    def close(self) -> None:
        """Let it end."""
        self._in.close()

    def seconds(self, what: str, messages: int) -> float:
        """Seconds a message."""
        return int(self.ask(f"{what} {ERLANG_LOOPS}")) / 1e9 / ERLANG_LOOPS / messages


def ours(work: Callable[[], object], messages: int) -> float:
    """Seconds a message."""
    began = time.perf_counter()
    for _ in range(OUR_LOOPS):
        work()
    return (time.perf_counter() - began) / OUR_LOOPS / messages


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    escript = shutil.which("escript")
    if escript is None:
        say("Erlang is missing: apt-get install erlang-base erlang-megaco erlang-examples")
        return
    with subprocess.Popen([escript, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        erlang = Erlang(process)
        scanner = erlang.ask("scanner 0")
        messages = [base64.b64decode(word) for word in erlang.ask("messages 0").split(",")]
        trees = [text.decode(message) for message in messages]
        work: dict[str, Callable[[], object]] = {
            "decode": lambda: [text.decode(message) for message in messages],
            "encode": lambda: [text.encode(tree) for tree in trees],
        }
        say(f"{machine()}; {len(messages)} messages, {sum(map(len, messages))} octets; megaco {scanner}")
        for what, job in work.items():
            mine: list[float] = []
            theirs: list[float] = []
            for each in range(given.rounds + 1):
                pair = erlang.seconds(what, len(messages)), ours(job, len(messages))
                if each:
                    theirs.append(pair[0])
                    mine.append(pair[1])
            say(f"{what}  megaco    {spread(theirs)} a message")
            say(f"{what}  workbench {spread(mine)} a message")
            say(f"{what}  workbench takes {ratio(mine, theirs)} times as long as megaco")
        erlang.close()


if __name__ == "__main__":
    main()
