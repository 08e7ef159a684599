"""A node as a process on this host: made from its settings, run until it is told to stop, stopped cleanly."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO, TypeVar

from workbench.errors import SettingsError
from workbench.lab.alone import Alone, Watch
from workbench.lab.spoken import Quit, read_order
from workbench.net.interface import Network
from workbench.net.sockets import SocketNetwork
from workbench.net.values import Note
from workbench.nodes.node import Node
from workbench.security.source import Source

if TYPE_CHECKING:
    from workbench.nodes.ue import UserEquipment

Make = Callable[[Source, float], Node]
_MOST_LINE = 70_000


class Host(Network, Protocol):
    """This host's network for one node: a clock, and a wait that can be ended."""

    @property
    def now(self) -> float:
        """Seconds since it was made."""

    def interrupt(self) -> None:
        """End a `wait` that is under way; from a signal handler or another thread."""


class Stopping:
    """While this is entered, SIGINT and SIGTERM let a node stop; the second one ends it at once.

    Raises:
        KeyboardInterrupt: the second one.
    """

    def __init__(self, alone: Alone, network: Host) -> None:
        self.told = False
        self._alone = alone
        self._network = network
        self._before: list[tuple[int, object]] = []

    def __enter__(self) -> Stopping:
        self._before = [(number, signal.signal(number, self._stop)) for number in (signal.SIGINT, signal.SIGTERM)]
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


def serve(make: Make, watch: Watch | None = None, network: Callable[[str], Host] = SocketNetwork) -> None:
    """Make a node and run it on this host until Ctrl-C or SIGTERM; a second one ends it at once.

    Args:
        make: is given a source that nobody can guess, and the Unix seconds at which the node's time is 0.
        watch: see `Alone`.
        network: makes this host's network for the node of that name.

    Raises:
        WorkbenchError: the node can't be made, or this host does not give it an endpoint.
        KeyboardInterrupt: it was to end at once.
    """
    _run(_made(make), watch, network)


def phone(
    make: Callable[[Source, float], UserEquipment], watch: Watch | None,
    script: Sequence[tuple[float, object]], typed: TextIO | None,
) -> list[str]:
    """Make a UE, and let its person do what a script says and what is typed.

    Args:
        make, watch: as of `serve`.
        script: what is said at which second; where nothing is typed it ends the process when all of it is done.
        typed: lines are read from here. `quit`, or its end behind at least one command, ends the process likewise.

    Returns:
        What did not come about.

    Raises:
        WorkbenchError, KeyboardInterrupt: as of `serve`.
    """
    ue = _made(make)
    quits = typed is None and bool(script)

    def begin(alone: Alone, host: Host) -> Callable[[], bool]:
        if typed is not None:
            threading.Thread(target=_listen, args=(typed, alone, host), daemon=True).start()
        return lambda: (quits or alone.quitting) and not alone.scripted and ue.idle

    _run(ue, watch, SocketNetwork, script, begin)
    return list(ue.failed)


_N = TypeVar("_N", bound=Node)


def _made(make: Callable[[Source, float], _N]) -> _N:
    return make(Source(secrets.randbits(256), "alone"), time.time())


def _run(
    node: Node, watch: Watch | None, network: Callable[[str], Host], script: Iterable[tuple[float, object]] = (),
    begin: Callable[[Alone, Host], Callable[[], bool]] | None = None,
) -> None:
    host = network(node.name)
    alone = Alone(node, host, watch, script)
    try:
        with Stopping(alone, host):
            alone.run(lambda: host.now, done=None if begin is None else begin(alone, host))
            alone.leave(lambda: host.now)
    finally:
        host.close()


def _listen(typed: TextIO, alone: Alone, host: Host) -> None:
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
