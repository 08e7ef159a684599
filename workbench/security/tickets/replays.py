"""Whether a message is fresh: its timestamp is near ours, and it was not taken before.

Source: RFC 3830 §5.4, RFC 6043 §5.3.
"""

from __future__ import annotations

from workbench.errors import TicketRefusedError
from workbench.protocols.mikey import times
from workbench.protocols.mikey.messages import Timestamp
from workbench.protocols.mikey.registry import Error

SKEW = 300.0
"""Seconds by which clocks may differ."""


class Replays:
    """What was accepted not long ago. One serves all calls of a node.

    Args:
        skew: seconds by which a timestamp may be off.
        most: messages that are remembered; while so many are young, one more is refused rather than one forgotten.
    """

    def __init__(self, skew: float = SKEW, most: int = 10_000) -> None:
        self._skew = skew
        self._most = most
        self._kept: dict[bytes, float] = {}

    def check(self, stamp: Timestamp | None, mark: bytes, now: float) -> None:
        """Refuse a message that is old, from the future, or known by its `mark`.

        Raises:
            TicketRefusedError: with error 1, or 12 where the memory is full.
        """
        at = None if stamp is None else times.seconds(stamp.kind, stamp.value)
        if at is None:
            raise TicketRefusedError("no timestamp that a clock could check", clause="RFC 3830 §5.4",
                                     error=Error.INVALID_TIMESTAMP)
        if abs(at - now) > self._skew:
            side = "old" if at < now else "early"
            raise TicketRefusedError(f"{abs(at - now):.0f} s too {side}, and {self._skew:.0f} s are allowed",
                                     clause="RFC 3830 §5.4", error=Error.INVALID_TIMESTAMP)
        self.unseen(mark, now)

    def unseen(self, mark: bytes, now: float) -> None:
        """Refuse what is known by its mark. Raises as `check`."""
        if self._kept.get(mark, now) > now:
            raise TicketRefusedError("a replay: taken before", clause="RFC 3830 §5.4, RFC 6043 §5.3",
                                     error=Error.INVALID_TIMESTAMP)
        if len(self._kept) >= self._most:
            self._kept = {one: until for one, until in self._kept.items() if until > now}
        if len(self._kept) >= self._most:
            raise TicketRefusedError(f"{self._most} messages to remember already", clause="RFC 3830 §5.4",
                                     error=Error.UNSPECIFIED)

    def keep(self, mark: bytes, now: float, until: float | None = None) -> None:
        """Remember an accepted message as long as its timestamp could pass, or until then."""
        self._kept[mark] = max(until or 0.0, now + 2 * self._skew)

    @property
    def held(self) -> int:
        """How many messages are remembered."""
        return len(self._kept)
