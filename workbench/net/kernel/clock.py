"""The clock of a run on real stacks: the wall clock's time, less what is no time of the network's.

The hosts of a plan would be machines of their own. Here their nodes share one process, so the clock runs only while we
wait: no host is late because another one is busy. It does not run past a moment at which something is due either, so
a packet comes through when its wire says, however late the system lets us look. And it passes over time in which
nothing can happen. So what happens at one moment happens in one order, as on the virtual network; only what a kernel
does by its own timers has times of its own.
"""

from __future__ import annotations

import time

_NEVER = float("inf")


class RunClock:
    """Seconds since the run's start. It stands until `go`, and between `stop` and `go`."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._since: float | None = None
        self._due = _NEVER

    @property
    def now(self) -> float:
        """Seconds since the run's start."""
        if self._since is None:
            return self._shown
        return max(self._shown, min(self._shown + time.monotonic() - self._since, self._due))

    def go(self, due: float = _NEVER) -> None:
        """Let time run from what is shown now on, until the next moment at which something is due."""
        self._shown = self.now
        self._due = due
        self._since = time.monotonic()

    def stop(self) -> None:
        """Hold time."""
        self._shown = self.now
        self._since = None

    def set(self, moment: float) -> None:
        """Pass over the time until `moment`; a moment that has gone changes nothing."""
        self._shown = max(self.now, moment)
        self._since = None
