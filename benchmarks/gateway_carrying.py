"""How many calls a second does a gateway set up while it carries payload?

    .venv/bin/python benchmarks/gateway_carrying.py [--cycles 600] [--workers 16] [--rounds 5] [--streams 4]

The megaco controller of `gateway_cycles` (Erlang/OTP) drives cycles of Add, Add, Modify, Subtract through a gateway
process: ours with nothing to carry, with plain TCP in bulk, and with TLS in bulk; and one that is made of megaco, which
carries nothing. Streams send without end both ways, and every octet that comes is counted. All in turn, in one run.

The streams are set up by a controller of `load`; then it hands the gateway over (ServiceChange HandOff, H.248.1 §11.5).

Printed: cycles a second and what the gateway used of the processor for each, octets that went through meanwhile, and
the ratio to the gateway made of megaco. The ends of the streams and the driver need processor time as well: with bulk,
on two cores, all of them compete, and what is measured is the share that control gets.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import load
from gateway_cycles import SCRIPT, TRANSACTIONS, Controller, start
from measuring import amount, machine, processor_seconds, say

from workbench.net.values import Endpoint
from workbench.protocols.h248 import message as h248

HOST = "127.0.0.1"


class Round(NamedTuple):
    """Cycles a second, processor seconds of the gateway a cycle, and octets a second that arrived."""

    rate: float
    each: float
    octets: float


class Side(NamedTuple):
    """A gateway and what it carries."""

    name: str
    port: int
    process: int
    streams: load.Streams | None = None


def handed_over(stack: ExitStack, kind: load.Kind | None, count: int, to: Endpoint) -> Side:
    """A gateway process of ours with so many streams of that kind up, that obeys the controller at `to`."""
    agw = stack.enter_context(load.agw())  # an address of its own: two gateways would give the same ports
    streams = None
    if kind is not None:
        streams = stack.enter_context(load.Streams(agw.host, load.Client(), checks=False))
        contexts = agw.controller.set_up(count, kind, core=streams.core, client=streams.client)
        streams.open(contexts, octets=None, back=None)
        if not streams.run(streams.joined) or streams.troubles():
            raise SystemExit(f"the streams do not come up: {streams.troubles()[:1]}")
    services = h248.Services(method=h248.Method.HAND_OFF, reason="903 MGC Directed Change",
                             mgc_id=f"[{to.host}]:{to.port}")
    agw.controller.order(h248.Action(0, (h248.Command(h248.Kind.SERVICE_CHANGE, (h248.ROOT,), (services,)),)))
    name = "nothing" if kind is None else f"{kind} x {count}"
    return Side(f"workbench, carries {name}", agw.control.port, agw.pid, streams)


def measured(driver: Controller, side: Side, cycles: int, workers: int) -> Round:
    """One round, with the streams kept going."""
    took: list[float] = []
    runs = threading.Thread(target=lambda: took.append(driver.round(side.port, cycles, workers)))
    before, arrived = processor_seconds(side.process), side.streams.arrived() if side.streams is not None else 0
    runs.start()
    while runs.is_alive():
        if side.streams is None:
            runs.join()
        else:
            side.streams.turn(0.01)
    if not took:
        raise SystemExit("the driver has failed")
    carried = side.streams.arrived() - arrived if side.streams is not None else 0
    if side.streams is not None and side.streams.troubles():
        raise SystemExit(f"a stream has failed: {side.streams.troubles()[0]}")
    used = processor_seconds(side.process) - before
    return Round(cycles / took[0], used / cycles, carried / took[0])


def pause(side: Side, paused: bool) -> None:
    """Streams of a gateway whose turn it is not stand still: their ends send nothing and read nothing."""
    for end in side.streams.ends() if side.streams is not None else ():
        end.reads = not paused
        end.octets = end.sent if paused else None


def middle(values: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=600)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=4)
    given = parser.parse_args()
    escript = shutil.which("escript")
    if escript is None:
        say("Erlang is missing: apt-get install erlang-base erlang-megaco")
        return
    with ExitStack() as stack:
        stack.enter_context(tempfile.TemporaryDirectory())
        control, theirs = Endpoint(HOST, free_port()), free_port()
        driver = Controller(start(stack, escript, SCRIPT, "controller", control.port))
        sides = [handed_over(stack, kind, given.streams, control)
                 for kind in (None, load.Kind.PLAIN, load.Kind.TLS)]
        peer = start(stack, escript, SCRIPT, "gateway", theirs, control.port)
        sides.append(Side("megaco, carries nothing", theirs, peer.pid))
        driver.until_up({side.port for side in sides})
        say(f"{machine()}; {given.cycles} cycles of {TRANSACTIONS} transactions a round, {given.workers} at a time")
        rounds: dict[str, list[Round]] = {side.name: [] for side in sides}
        for each in range(given.rounds + 1):
            for side in sides:
                pause(side, False)
                one = measured(driver, side, given.cycles, given.workers)
                pause(side, True)
                if each:  # the first round warms up
                    rounds[side.name].append(one)
        report(rounds)


def report(rounds: dict[str, list[Round]]) -> None:
    """One line a gateway, and its ratio to the last."""
    *_, theirs = rounds.values()
    base = statistics.median(one.rate for one in theirs)
    for name, ours in rounds.items():
        carried = statistics.median(one.octets for one in ours)
        beside = f", and {carried / 1e6:.0f} MB/s through it" if carried else ""
        each = amount(statistics.median(one.each for one in ours))
        say(f"{name:48} {middle([one.rate for one in ours])} cycles a second, {each} of processor time each{beside}")
    for name, ours in list(rounds.items())[:-1]:
        say(f"{name}: {base / statistics.median(one.rate for one in ours):.2g} times as long as megaco")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
