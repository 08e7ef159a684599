"""The clock of a run on real stacks: the wall clock's time, less what is no time of the network's.

The hosts of a plan would be machines of their own. Here their nodes share one process, so the clock stands still while a
node computes: no host is late because another one is busy. It also passes over time in which nothing can happen.
"""

from __future__ import annotations

import time


class RunClock:
    """Seconds since the run's start. It stands until `go`, and between `stop` and `go`."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._since: float | None = None

    @property
    def now(self) -> float:
        """Seconds since the run's start."""
        return self._shown if self._since is None else self._shown + time.monotonic() - self._since

    def go(self) -> None:
        """Let time run."""
        if self._since is None:
            self._since = time.monotonic()

    def stop(self) -> None:
        """Hold time."""
        self._shown = self.now
        self._since = None

    def set(self, moment: float) -> None:
        """Pass over the time until `moment`; a moment that has gone changes nothing."""
        self._shown += max(0.0, moment - self.now)
