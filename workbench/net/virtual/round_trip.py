"""The retransmission timer's length, from measured round trips (RFC 6298). All times in seconds."""

from __future__ import annotations

from workbench.net.virtual.settings import Settings


class RoundTrip:
    """Times one segment at a time and says how long to wait for an acknowledgment (`rto`)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._smoothed: float | None = None
        self._variation = 0.0
        self._timed: tuple[int, float] | None = None
        self.rto = settings.rto_initial

    @property
    def is_timing(self) -> bool:
        """A segment is being timed."""
        return self._timed is not None

    def start(self, until: int, now: float) -> None:
        """Time a segment that was sent once, until sequence number `until` is acknowledged."""
        self._timed = (until, now)

    def cancel(self) -> None:
        """Karn's algorithm: what was sent twice is not timed, because nobody knows which one is acknowledged."""
        self._timed = None

    def acknowledged(self, number: int, now: float) -> bool:
        """Take an acknowledgment; True if it gave a measurement. RFC 6298 (2.2), (2.3)."""
        if self._timed is None or number < self._timed[0]:
            return False
        measured = now - self._timed[1]
        self._timed = None
        if self._smoothed is None:
            self._smoothed = measured
            self._variation = measured / 2
        else:
            self._variation = 0.75 * self._variation + 0.25 * abs(self._smoothed - measured)
            self._smoothed = 0.875 * self._smoothed + 0.125 * measured
        self.restore()
        return True

    def back_off(self) -> None:
        """The timer ran out: wait twice as long. RFC 6298 (5.5)."""
        self.rto = min(self.rto * 2, self._settings.rto_max)
        self._timed = None

    def restore(self) -> None:
        """Take back the backoff: the peer is there."""
        if self._smoothed is not None:
            wanted = self._smoothed + max(0.001, 4 * self._variation)
            self.rto = min(max(wanted, self._settings.rto_min), self._settings.rto_max)
