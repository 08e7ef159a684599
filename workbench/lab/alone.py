"""The loop for one node that runs alone on this host: wait until the nearest wakeup, hand over, carry.

The same node, the same values as in a scenario; only the network is this host's own, and time is the wall clock's.
"""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from workbench.errors import LocalProtocolError, NetworkError
from workbench.lab.trace import Entry
from workbench.net.interface import Network
from workbench.net.sockets import SocketNetwork
from workbench.net.values import Asked, Command, Happening, Note, Started, Woke
from workbench.nodes.node import Node
from workbench.security.source import Source

Watch = Callable[[Entry], None]

# A node that names the same moment this often after it was woken for it has a timer that it never clears.
_MOST_IDLE = 10_000
# How long the reply to a gateway's last words is waited for.
_FAREWELL = 0.2


class Alone:
    """One node, one network, and the loop between them.

    Args:
        node: any node.
        network: this host's; `SocketNetwork` measures time from the moment it was made, and so do all times here.
        watch: is shown everything that the node hears and orders, as it happens.
    """

    def __init__(self, node: Node, network: Network, watch: Watch | None = None) -> None:
        self.node = node
        self.now = 0.0
        self._network = network
        self._watch = watch
        self._stopped = False
        self._started = False
        self._idle = 0
        self._woken_for = -1.0

    def stop(self) -> None:
        """Let `run` come back after the happening that is being worked on. For signal handlers too."""
        self._stopped = True

    def run(self, clock: Callable[[], float], *, until: float = float("inf"),
            done: Callable[[], bool] = lambda: False) -> bool:
        """Run until `done` holds, the moment `until` has come, or `stop` was called.

        Args:
            clock: the network's: seconds since it was made.
            until: in the same seconds.

        Returns:
            Whether `done` held at the end.

        Raises:
            NetworkError: while the node starts, this host does not give it an endpoint. What fails later is noted,
                and the node goes on.
        """
        if not self._started:
            self._started = True
            self.now = clock()
            self._hand(Started(), starting=True)
        while not (held := done()) and not self._stopped and self.now < until:
            self._step(clock, until)
        return held

    def leave(self, clock: Callable[[], float]) -> None:
        """Let a gateway say that it goes out of service, and give its words a moment to get away."""
        leave = getattr(self.node, "leave", None)
        if leave is not None:
            self.now = max(self.now, clock())
            self._carry(leave(self.now), starting=False)
            self._stopped = False
            self.run(clock, until=self.now + _FAREWELL)

    def ask(self, order: object) -> None:
        """Ask the node for something now, as a script line would."""
        self._hand(Asked(order))

    def _step(self, clock: Callable[[], float], until: float) -> None:
        # A wakeup that is due comes before what has arrived, or a busy peer could keep timers from ever running.
        wakeup = self.node.next_wakeup()
        if wakeup is not None and wakeup <= self.now:
            self._wake(wakeup)
            return
        arrival = self._network.wait(until if wakeup is None else min(wakeup, until))
        self.now = max(self.now, clock())
        if arrival is not None:
            self._hand(arrival.happened)

    def _wake(self, wakeup: float) -> None:
        self._idle = self._idle + 1 if wakeup == self._woken_for else 0
        self._woken_for = wakeup
        if self._idle > _MOST_IDLE:
            raise LocalProtocolError(f"{self.node.name} wants to be woken at {wakeup:.3f} s again and again")
        self._hand(Woke())

    def _hand(self, happened: Happening, *, starting: bool = False) -> None:
        self._show(happened, heard=True)
        self._carry(self.node.handle(happened, self.now), starting=starting)

    def _carry(self, commands: Sequence[Command], *, starting: bool) -> None:
        for command in commands:
            self._show(command, heard=False)
            try:
                self._network.carry(self.node.name, command, self.now)
            except NetworkError as error:
                if starting:
                    raise
                self._show(Note(str(error)), heard=False)

    def _show(self, what: Happening | Command, *, heard: bool) -> None:
        if self._watch is not None:
            self._watch(Entry(self.now, self.node.name, what, heard))


def serve(make: Callable[[Source, float], Node], watch: Watch | None = None) -> None:
    """Make a node and run it on this host until Ctrl-C or SIGTERM.

    Args:
        make: is given a source that nobody can guess, and the Unix seconds at which the node's time is 0.
        watch: see `Alone`.

    Raises:
        WorkbenchError: the node can't be made, or this host does not give it an endpoint.
    """
    epoch = time.time()
    node = make(Source(secrets.randbits(256), "alone"), epoch)
    network = SocketNetwork(node.name)
    alone = Alone(node, network, watch)

    def stop(number: int, frame: Any) -> None:
        alone.stop()
        network.interrupt()

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        alone.run(lambda: network.now)
        alone.leave(lambda: network.now)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        network.close()
