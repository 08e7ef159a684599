"""A gateway's rate: cycles of Add, Add, Modify, Subtract that a megaco controller (Erlang/OTP) drives through it.

    .venv/bin/python benchmarks/gateway_cycles.py [--cycles 2000] [--workers 16] [--rounds 5]

The same controller drives our gateway and a gateway made of megaco, in turn, over UDP on loopback in short text: each
gateway is a process of its own, and so is the controller. A cycle is four transactions. No connection is made.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from measuring import amount, machine, processor_seconds, ratio, say

from workbench.net.sockets import free_port

SCRIPT = Path(__file__).with_name("gateway_cycles.escript")
TRANSACTIONS = 4


def start(stack: ExitStack, *words: object) -> subprocess.Popen[str]:
    """A process that is ended with the stack."""
    process = stack.enter_context(subprocess.Popen(
        list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    return process


class Controller:
    """The driver: gateways that have registered, and rounds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout

    def until_up(self, ports: set[int]) -> None:
        """Wait until these gateways have registered."""
        waiting = set(ports)
        while waiting:
            word, _, rest = self._line().partition(" ")
            if word == "up":
                waiting.discard(int(rest))

    def round(self, port: int, cycles: int, workers: int) -> float:
        """Seconds that so many cycles took at the gateway of that port."""
        self._in.write(f"{port} {cycles} {workers}\n")
        self._in.flush()
        while True:
            line = self._line()
            if line.startswith("failed"):
                raise SystemExit(f"a gateway did not do as told: {line[:500]}")
            if line.isdigit():
                return int(line) / 1e9

    def _line(self) -> str:
        line = self._out.readline()
        if not line:
            raise SystemExit("the Erlang controller has ended: apt-get install erlang-base erlang-megaco")
        return line.strip()


def rate(seconds: list[float], cycles: int) -> str:
    """Cycles a second: the median, and what lies between the fastest and the slowest round."""
    rates = sorted(cycles / one for one in seconds)
    return f"{rates[len(rates) // 2]:8.0f} ({rates[0]:.0f} to {rates[-1]:.0f}) cycles a second"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    escript = shutil.which("escript")
    if escript is None:
        say("Erlang is missing: apt-get install erlang-base erlang-megaco")
        return
    control, ours, theirs = (free_port() for _ in range(3))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = folder / "agw.toml"
        settings.write_text(
            f'control = "127.0.0.1:{ours}"\ncontroller = "127.0.0.1:{control}"\ncoding = "compact"\n')
        controller = Controller(start(stack, escript, SCRIPT, "controller", control))
        gateways = {
            ours: ("workbench", start(stack, sys.executable, "-m", "workbench.cli", "agw", "--config", settings)),
            theirs: ("megaco   ", start(stack, escript, SCRIPT, "gateway", theirs, control)),
        }
        controller.until_up({ours, theirs})
        say(f"{machine()}; {given.cycles} cycles of {TRANSACTIONS} transactions a round, {given.workers} at a time")
        took: dict[int, list[float]] = {ours: [], theirs: []}
        worked = dict.fromkeys(took, 0.0)
        for each in range(given.rounds + 1):
            for port, seconds in took.items():
                before = processor_seconds(gateways[port][1].pid)
                one = controller.round(port, given.cycles, given.workers)
                if each:  # the first round warms up
                    seconds.append(one)
                    worked[port] += processor_seconds(gateways[port][1].pid) - before
        for port, (name, _) in gateways.items():
            each_cycle = amount(worked[port] / given.rounds / given.cycles)
            say(f"{name} {rate(took[port], given.cycles)}, {each_cycle} of processor time each")
        say(f"workbench takes {ratio(took[ours], took[theirs])} times as long as megaco's own gateway")
        if worked[theirs]:
            say(f"workbench takes {worked[ours] / worked[theirs]:.2g} times the processor time")


if __name__ == "__main__":
    main()
