"""A node as a process on this host: made from its settings, run until it is told to stop, stopped cleanly."""

from __future__ import annotations

import gc
import secrets
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from types import FrameType, TracebackType
from typing import TextIO

import msgspec

from workbench.errors import SettingsError
from workbench.lab.alone import Alone
from workbench.lab.descriptors import raise_limit
from workbench.lab.metrics import Meters
from workbench.lab.metrics_server import Server
from workbench.lab.recording import Plan
from workbench.lab.spoken import WORDS, Quit, read_order
from workbench.lab.watching import Options, Watching
from workbench.net.interface import LocalNetwork
from workbench.net.sockets import SocketNetwork, probe
from workbench.net.values import Endpoint, Note
from workbench.nodes.node import Node
from workbench.security.source import Source

_MOST_LINE = 70_000
# Octets; above any portion of a stream.
_KEPT = 4_194_304
# A node that lacks its counterpart says so after this time, and then again.
_FIRST_WORRY = 5.0
_NEXT_WORRY = 60.0


class Stopping:
    """While it is entered, SIGINT, SIGTERM and SIGHUP let a node stop, a second one at once; SIGUSR1 asks for figures.

    Args:
        report: gives the figures; is called by the node's loop.

    Raises:
        KeyboardInterrupt: the second one.
    """

    def __init__(self, alone: Alone, network: LocalNetwork, report: Callable[[], None]) -> None:
        self.told = False
        self._report = report
        self._alone = alone
        self._network = network
        self._before: list[tuple[int, object]] = []

    def __enter__(self) -> Stopping:
        handlers = [(signal.SIGINT, self._stop), (signal.SIGTERM, self._stop)]
        if hasattr(signal, "SIGUSR1"):
            handlers.append((signal.SIGUSR1, self._ask))
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not under nohup
            handlers.append((signal.SIGHUP, self._stop))
        self._before = [(number, signal.signal(number, handler)) for number, handler in handlers]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.told:
            raise KeyboardInterrupt
        self.told = True
        self._alone.stop()
        self._network.interrupt()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._alone.say(self._report)
        self._network.interrupt()


class Role(msgspec.Struct, frozen=True):
    """A kind of node, as its settings file describes one.

    Args:
        make: makes it, of a source that nobody can guess, the Unix seconds at which its time is 0, whether the network
            splices, and whether TLS keys go to the capture.
        plan: what a capture says of its surroundings.
        network: makes this host's network for it.
        probes: endpoints that this host has to allow although the node binds them later only; port 0: any.
    """

    make: Callable[[Source, float, bool, bool], Node]
    plan: Callable[[], Plan]
    network: Callable[[str], LocalNetwork] = SocketNetwork
    probes: Callable[[], Iterable[Endpoint]] = tuple


def serve(role: Role, options: Options, script: Sequence[tuple[float, object]] = ()) -> None:
    """Make a node and run it on this host until Ctrl-C or SIGTERM; a second one ends it at once.

    Args:
        script: orders for the node, each with its second.

    Raises:
        WorkbenchError: the node can't be made, or this host does not give it an endpoint.
        KeyboardInterrupt: it was to end at once.
    """
    raise_limit()
    with Serving(role, options, script) as serving:
        serving.run()


def phone(role: Role, options: Options, script: Sequence[tuple[float, object]], typed: TextIO | None) -> list[str]:
    """Make a UE, and let its person do what a script says and what is typed.

    Args:
        script: what is said at which second; where nothing is typed it ends the process when all of it is done.
        typed: lines are read from here. `quit`, or its end behind at least one command, ends the process likewise.

    Returns:
        What did not come about.

    Raises:
        WorkbenchError, KeyboardInterrupt: as of `serve`.
    """
    with Serving(role, options, script) as serving:
        alone, ue = serving.alone, serving.alone.node
        quits = typed is None and bool(script)
        if typed is not None:
            if typed.isatty():
                serving.watching.say(0.0, ue.name, f"type {WORDS}")
            threading.Thread(target=_listen, args=(typed, alone, serving.host), daemon=True).start()
        serving.run(lambda: (quits or alone.quitting) and not alone.scripted and bool(getattr(ue, "idle", True)))
        return list(getattr(ue, "failed", ()))


class Serving:
    """A node, its network, and all that watches it, from making to closing.

    Args:
        role, options: what to make, and what is asked for beside it.
        script: orders for the node, each with its second.
    """

    def __init__(self, role: Role, options: Options, script: Iterable[tuple[float, object]] = ()) -> None:
        self._closing = ExitStack()
        self._made = False
        with self._closing:
            self.watching = Watching(options, role.plan())
            # What closing the network still sends is captured.
            self._closing.callback(self._close_watching)
            self.host = role.network("node")
            self._closing.callback(self.host.close)
            for endpoint in role.probes():
                probe(endpoint)
            node = role.make(
                Source(secrets.randbits(256), "alone"), self.watching.epoch,
                self.host.capabilities.splice and not self.watching.sees_payload, options.keylog)
            self.watching.locate = getattr(node, "place_of", None)
            self.alone = Alone(node, self.host, self.watching, script, self.watching.kinds)
            self._made = True
            self.meters = Meters(self.alone, self.host, self.watching)
            if options.metrics:
                self._closing.callback(Server(options.metrics, self.meters.ask).close)
            self._closing = self._closing.pop_all()

    def run(self, done: Callable[[], bool] | None = None) -> None:
        """Run until `done` holds or somebody stops it; then let the node say goodbye."""
        self.alone.later(_FIRST_WORRY, self._worry)
        _settle_memory()
        try:
            with Stopping(self.alone, self.host, self.meters.write):
                self._announce()
                self.alone.run(self._clock, done=done)
                self.alone.leave(self._clock)
        finally:
            gc.unfreeze()

    def _announce(self) -> None:
        why = self.watching.why_rebuilt
        rebuilt = f"capture: packets are rebuilt, since {why}" if why else ""
        for text in filter(None, (rebuilt, getattr(self.host, "ready", ""))):
            self.watching.say(0.0, self.alone.node.name, text)

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._closing.close()

    def _worry(self) -> None:
        """Say what the node waits for, once in a while, as long as it does."""
        lacks = getattr(self.alone.node, "lacks", None)
        if lacks is None:
            return
        missing = lacks()
        if missing:
            self.watching.say(self.host.now, self.alone.node.name, missing)
        self.alone.later(_NEXT_WORRY if missing else _FIRST_WORRY, self._worry)

    def _clock(self) -> float:
        return self.host.now

    def _close_watching(self) -> None:
        said = self.watching.close()
        if self._made and said:
            self.watching.say(self.alone.now, self.alone.node.name, said)
        self.watching.close_log()


def _settle_memory() -> None:
    """Spare the process work on memory that it would do again and again."""
    # What is there by now stays to the end; Python need not look through it for what is no longer used.
    gc.freeze()
    # The C library of Linux fetches pieces of 128 kB and more from the system and gives them back at once, which costs
    # more than to carry them. Freeing a larger piece teaches it to keep what it frees (mallopt(3), M_MMAP_THRESHOLD).
    freed = bytes(_KEPT)
    del freed


def _listen(typed: TextIO, alone: Alone, host: LocalNetwork) -> None:
    """Pass on what is typed, line by line: in a thread, since no wait is for sockets and terminals on every system."""
    spoken = False
    while line := typed.readline(_MOST_LINE):
        if not line.strip():
            continue
        try:
            alone.say(read_order(line))
            spoken = True
        except SettingsError as error:
            alone.say(Note(str(error)))
        host.interrupt()
    if spoken:
        alone.say(Quit())
        host.interrupt()
