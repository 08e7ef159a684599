"""The loop for one node that runs alone on this host: wait until the nearest wakeup, hand over, carry.

The same node, the same values as in a scenario; only the network is this host's own, and time is the wall clock's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence

from workbench.errors import LocalProtocolError, NetworkError
from workbench.lab.spoken import Quit
from workbench.lab.trace import Entry
from workbench.net.interface import Network
from workbench.net.values import Asked, BindDatagrams, Command, Happening, Listen, Note, Started, Woke
from workbench.nodes.node import Node

Watch = Callable[[Entry], None]

# A node that names the same moment this often after it was woken for it has a timer that it never clears.
_MOST_IDLE = 10_000
# How long the reply to a gateway's last words is waited for, and how long a call may take to end.
_FAREWELL = 0.2
_LONGEST_FAREWELL = 2.0


class Alone:
    """One node, one network, and the loop between them.

    Args:
        node: any node.
        network: this host's; `SocketNetwork` measures time from the moment it was made, and so do all times here.
        watch: is shown what the node hears and orders, as it happens.
        kinds: types of happenings and commands that `watch` is shown; None: all of them.
        script: orders for the node, each with its second after the start.

    Attributes:
        latest: the longest time since somebody last set it to 0 by which the node was late: for a wakeup, or for what
            had arrived while it was busy.
        quitting: somebody said that the process shall end once the rest is done.
    """

    def __init__(
        self, node: Node, network: Network, watch: Watch | None = None, script: Iterable[tuple[float, object]] = (),
        kinds: Container[type] | None = None,
    ) -> None:
        self.node = node
        self.now = 0.0
        self.latest = 0.0
        self.quitting = False
        self._network = network
        self._watch = watch
        self._kinds = kinds if watch is not None else ()
        self._script = deque(sorted(script, key=lambda line: line[0]))
        self._said: deque[object] = deque()
        self._wakeup: float | None = None
        self._stopped = False
        self._started = False
        self._idle = 0
        self._woken_for = -1.0

    @property
    def scripted(self) -> bool:
        """Something of the script, or of what was said, is still to be asked of the node."""
        return bool(self._said) or any(not callable(order) for _, order in self._script)

    def stop(self) -> None:
        """Let `run` come back after the happening that is being worked on. For signal handlers too."""
        self._stopped = True

    def run(self, clock: Callable[[], float], *, until: float = float("inf"),
            done: Callable[[], bool] | None = None) -> bool:
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
            self._script = deque((self.now + time, order) for time, order in self._script)
            self._hand(Started(), starting=True)
        while (done is None or not done()) and not self._stopped and self.now < until:
            self._step(clock, until)
        return done is not None and done()

    def leave(self, clock: Callable[[], float]) -> None:
        """Let a gateway say that it goes out of service, or a UE end its call, and give that a moment."""
        leave = getattr(self.node, "leave", None)
        if leave is None:
            return
        self.now = max(self.now, clock())
        self._carry(leave(self.now), starting=False)
        self._wakeup = self.node.next_wakeup()
        self._stopped = False
        if hasattr(self.node, "quiet"):
            self.run(clock, until=self.now + _LONGEST_FAREWELL, done=lambda: bool(getattr(self.node, "quiet", True)))
        else:
            self.run(clock, until=self.now + _FAREWELL)

    def ask(self, order: object) -> None:
        """Ask the node for something now, as a script line would."""
        self._hand(Asked(order))

    def say(self, order: object) -> None:
        """Ask the node for something when it comes round. For other threads, which then interrupt the network.

        A `Note` is only shown, `Quit` only remembered (`quitting`), and a function called.
        """
        self._said.append(order)

    def later(self, seconds: float, order: object) -> None:
        """Ask the node for something, or call a function, after so many seconds. For the node's own thread."""
        self._script = deque(sorted((*self._script, (self.now + seconds, order)), key=lambda line: line[0]))

    def _step(self, clock: Callable[[], float], until: float) -> None:
        # A wakeup that is due comes before what has arrived, or a busy peer could keep timers from ever running.
        wakeup = self._wakeup
        if wakeup is not None and wakeup <= self.now:
            self._wake(wakeup)
        elif self._said:
            self._heed(self._said.popleft())
        elif self._script and self._script[0][0] <= self.now:
            self._heed(self._script.popleft()[1])
        else:
            self._wait(clock, until if wakeup is None or wakeup > until else wakeup)

    def _heed(self, order: object) -> None:
        match order:
            case Quit():
                self.quitting = True
            case Note():
                self._show(order)
            case _ if callable(order):
                order()
            case _:
                self._hand(Asked(order))

    def _wait(self, clock: Callable[[], float], until: float) -> None:
        if self._script:
            until = min(until, self._script[0][0])
        arrival = self._network.wait(until)
        now = clock()
        if now > self.now:
            self.now = now
        if arrival is not None:
            self._note_late(now - arrival.time)
            self._hand(arrival.happened)

    def _wake(self, wakeup: float) -> None:
        self._note_late(self.now - wakeup)
        self._idle = self._idle + 1 if wakeup == self._woken_for else 0
        self._woken_for = wakeup
        if self._idle > _MOST_IDLE:
            raise LocalProtocolError(f"{self.node.name} wants to be woken at {wakeup:.3f} s again and again")
        self._hand(Woke())

    def _note_late(self, seconds: float) -> None:
        if seconds > self.latest:
            self.latest = seconds

    def _hand(self, happened: Happening, *, starting: bool = False) -> None:
        kinds = self._kinds
        if kinds is None or type(happened) in kinds:
            self._show(happened, heard=True)
        commands = self.node.handle(happened, self.now)
        # What a node does, its next wakeup included, follows from what it has heard: only hearing moves it.
        self._wakeup = self.node.next_wakeup()
        if commands:
            self._carry(commands, starting=starting)

    def _carry(self, commands: Sequence[Command], *, starting: bool) -> None:
        kinds = self._kinds
        for command in commands:
            shown = kinds is None or type(command) in kinds
            # What this host may refuse at the start is not said before it is so.
            waits = starting and isinstance(command, BindDatagrams | Listen)
            if shown and not waits:
                self._show(command)
            try:
                self._network.carry(self.node.name, command, self.now)
            except NetworkError as error:
                if starting:
                    raise
                self._show(Note(str(error)))
            if shown and waits:
                self._show(command)

    def _show(self, what: Happening | Command, *, heard: bool = False) -> None:
        if self._watch is not None:
            self._watch(Entry(self.now, self.node.name, what, heard))
