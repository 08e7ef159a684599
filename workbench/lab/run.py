"""The only loop: wait, hand over what happened, carry what is commanded, write both to the trace.

A run writes its capture when it is finished, and is judged by reading that file back.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time as clock
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import LocalProtocolError, ScenarioError
from workbench.lab.expect import PASS, Verdict
from workbench.lab.topology import Impairments, build
from workbench.lab.trace import Entry, Trace
from workbench.net.interface import Network, Plan, Tap
from workbench.net.values import Asked, Command, Happening, LogKeys, Started, Woke
from workbench.nodes.node import Node

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.lab.scenario import Scenario

# Virtual time starts here (2026-03-01 10:15:00 UTC), so that equal seeds give equal time stamps.
EPOCH = 1_772_360_100

NETWORKS = ("virtual", "kernel")

_MOST_PACKETS = 1_000_000
# A node that is woken this often without time going on has a timer that it never clears.
_MOST_IDLE = 10_000


@cache
def _scratch() -> Path:
    """Where captures go that nobody gave a place: gone with this process, since reports read them again when asked."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _network(name: str, plan: Plan, seed: int, tap: Tap) -> Network:
    if name == "kernel":
        from workbench.net.kernel.network import KernelNetwork

        return KernelNetwork(plan, seed, taps=[tap])
    from workbench.net.virtual import VirtualNetwork

    return VirtualNetwork(plan, seed, taps=[tap])


class LiveRun:
    """A run that can be stepped. Made by `Scenario.start`; arguments and errors as there."""

    def __init__(
        self,
        scenario: Scenario,
        network: str,
        seed: int,
        out: Path | str | None,
        weakened: str | None,
        impair: Impairments,
        knobs: dict[str, str],
    ) -> None:
        if network not in NETWORKS:
            raise ScenarioError(f"network {network!r} is not there; this version has: {', '.join(NETWORKS)}")
        began = clock.perf_counter()
        self.scenario = scenario
        self.network = network
        self.seed = seed
        self.weakened = weakened
        knobs = knobs if weakened is None else {**scenario.variant(weakened).knobs, **knobs}
        self.knobs = scenario.settings(knobs)
        self.trace = Trace()
        self.now = 0.0
        self._topology = scenario.changed(knobs, weakened)
        self._topology = self._topology.impaired(impair)
        self._out = Path(out) if out is not None else Path(tempfile.mkdtemp(dir=_scratch()))
        self._packets: list[tuple[float, str, bytes, str]] = []
        self._keys: dict[str, None] = {}
        self._network = _network(network, self._topology.plan(), seed, self._tap)
        has = self._network.capabilities
        if not has.translates and any(host.translates for host in self._topology.plan().hosts):
            self._network.close()
            raise ScenarioError(f"network {network!r} has no NATs of its own here: by=\"node\" is for every network")
        # In virtual time nothing is won by passing payload below a node, and its traces stay comparable.
        below = network != "virtual"
        self._nodes: dict[str, Node] = build(
            self._topology, seed, EPOCH, packets=has.packets, splices=below and has.splice, relays=below and has.relay)
        # What a node does, its next wakeup included, follows from what it has heard: only hearing moves it.
        self._wakeups = {name: node.next_wakeup() for name, node in self._nodes.items()}
        self._due: list[tuple[float, str, Happening]] = [(0.0, name, Started()) for name in self._nodes]
        self._due += [(order.time, order.node, Asked(order.order)) for order in scenario.scripted(knobs)]
        self._due.sort(key=lambda due: due[0])
        self._seconds = clock.perf_counter() - began
        self._finished = False
        self._idle = 0
        self._idle_at = -1.0

    def step(self) -> list[Entry]:
        """Let the next thing happen to one node; the trace entries that it made. Empty: the run is quiet or over."""
        began = clock.perf_counter()
        try:
            return self._step()
        finally:
            self._seconds += clock.perf_counter() - began

    def until(self, predicate: Callable[[Entry], bool]) -> Entry | None:
        """Step until a trace entry satisfies the predicate; that entry, or None if the run became quiet first."""
        while entries := self.step():
            for entry in entries:
                if predicate(entry):
                    return entry
        return None

    def inject(self, node: str, command: Command) -> None:
        """Have a node's host carry a command that the node itself did not order: a learner takes its place."""
        if node not in self._nodes:
            raise ScenarioError(f"no node {node!r} here; there are {', '.join(self._nodes)}")
        self.trace.add(self.now, node, command, heard=False)
        self._carry(node, command)

    def ask(self, node: str, order: object) -> None:
        """Ask a node for something now, as a script line would."""
        if node not in self._nodes:
            raise ScenarioError(f"no node {node!r} here; there are {', '.join(self._nodes)}")
        self._due.append((self.now, node, Asked(order)))
        self._due.sort(key=lambda due: due[0])

    def finish(self) -> Run:
        """Run on until nothing is left to happen, write the capture, and give the result."""
        if self._finished:
            raise LocalProtocolError("this run is finished")
        try:
            while self.step():
                pass
        finally:
            self.close()
        capture = self._write()
        return Run(self, capture, self._seconds)

    def close(self) -> None:
        """Give up a run that is not to be finished: what its network holds outside this process is given back."""
        self._finished = True
        self._network.close()

    def _step(self) -> list[Entry]:
        if self._finished:
            return []
        wakeups = {name: moment for name, moment in self._wakeups.items() if moment is not None}
        sleeper = min(wakeups, key=lambda name: wakeups[name], default=None)
        deadline = self.scenario.until
        if self._due:
            deadline = min(deadline, self._due[0][0])
        if sleeper is not None:
            deadline = min(deadline, wakeups[sleeper])
        arrival = self._network.wait(max(deadline, self.now))
        if arrival is not None:
            self.now = max(self.now, arrival.time)
            return self._hand(arrival.node, arrival.happened)
        self.now = max(self.now, deadline)
        if self.now >= self.scenario.until:
            return []
        if self._due and self._due[0][0] <= self.now:
            _, name, happened = self._due.pop(0)
            return self._hand(name, happened)
        if sleeper is not None:
            self._idle = self._idle + 1 if self._idle_at == self.now else 0
            self._idle_at = self.now
            if self._idle > _MOST_IDLE:
                raise LocalProtocolError(f"{sleeper} wants to be woken at {self.now:.3f} s again and again")
            return self._hand(sleeper, Woke())
        return []

    def _hand(self, name: str, happened: Happening) -> list[Entry]:
        before = len(self.trace.entries)
        self.trace.add(self.now, name, happened, heard=True)
        for command in self._nodes[name].handle(happened, self.now):
            self.trace.add(self.now, name, command, heard=False)
            self._carry(name, command)
        self._wakeups[name] = self._nodes[name].next_wakeup()
        return self.trace.entries[before:] or [Entry(self.now, name, happened, heard=True)]

    def _carry(self, name: str, command: Command) -> None:
        if isinstance(command, LogKeys):
            self._keys[command.line.strip()] = None
        else:
            self._network.carry(name, command, self.now)

    def _tap(self, time: float, wire: str, packet: bytes, comment: str) -> None:
        if len(self._packets) >= _MOST_PACKETS:
            raise ScenarioError(f"{self.scenario.id} put over {_MOST_PACKETS} packets on its wires")
        self._packets.append((time, wire, packet, comment))

    def _write(self) -> Path:
        from workbench.analysis.pcapng import Writer

        self._out.mkdir(parents=True, exist_ok=True)
        suffix = "" if self.weakened is None else "-" + self.weakened.replace(" ", "-")
        path = self._out / f"{self.scenario.id}{suffix}.pcapng"
        with Writer(path) as writer:
            wires = {wire.name: writer.interface(wire.name) for wire in self._topology.plan().wires}
            writer.names(self._topology.names())
            writer.secrets("".join(f"{line}\n" for line in self._keys))
            # A tap hears a packet when it is put on the wire; equal times keep that order.
            for time, wire, packet, comment in self._packets:
                writer.packet(wires[wire], EPOCH * 10**9 + round(time * 1e9), packet, comment)
        return path


class Run:
    """A finished run. Everything it says comes from reading its capture back."""

    def __init__(self, live: LiveRun, capture: Path, seconds: float) -> None:
        self.scenario = live.scenario
        self.network = live.network
        self.seed = live.seed
        self.knobs = live.knobs
        self.weakened = live.weakened
        self.trace = live.trace
        self.capture = capture
        self.seconds = seconds

    @cached_property
    def report(self) -> Report:
        """The analyser's report of the capture."""
        from workbench.analysis.analyzing import analyze

        return analyze(self.capture)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each expectation that the run's settings ask for, in the scenario's order."""
        expected = self.scenario.expected(self.knobs, self.weakened)
        return tuple(expectation.judge(self.report) for expectation in expected)

    @property
    def passed(self) -> bool:
        """Whether every expectation passed (an inconclusive one did not)."""
        return all(verdict.verdict == PASS for verdict in self.verdicts)

    @property
    def broken(self) -> list[str]:
        """Names of the expectations that failed (inconclusive ones are not counted)."""
        return [verdict.name for verdict in self.verdicts if verdict.verdict == "fail"]

    @property
    def as_declared(self) -> bool:
        """For a weakened run: it broke exactly what its variant names. Otherwise the same as `passed`."""
        if self.weakened is None:
            return self.passed
        return set(self.broken) == set(self.scenario.variant(self.weakened).breaks)

    @cached_property
    def twin(self) -> Path:
        """The decrypted twin of the capture, written when first asked for."""
        from workbench.analysis.files.twin import write_twin

        path = self.capture.with_name(self.capture.stem + "-decrypted.pcapng")
        write_twin(self.report, path)
        return path

    def __repr__(self) -> str:
        passed = "passed" if self.passed else "not passed"
        return f"<Run {self.scenario.id} seed {self.seed}: {passed}, {self.capture.name}>"
