"""The passive half of an MSRP endpoint: a port that listens, and the SYN that waits for its answer; its manners."""

from __future__ import annotations

import msgspec

from workbench.net.values import AcceptStream, Command, Listen, Stream, Unlisten
from workbench.net.values import Endpoint as Address


class Manners(msgspec.Struct, frozen=True):
    """What an endpoint does with the role that it has.

    Args:
        listens: False: its port is closed where it is passive.
        accepts_after: seconds that it takes to answer a SYN.
        connects: False: it never opens the connection where it is active.
    """

    listens: bool = True
    accepts_after: float = 0.0
    connects: bool = True


class Listener:
    """A port that listens while it is asked to.

    Args:
        local: where.
        manners: whether the port is open at all, and when a SYN is answered.
    """

    def __init__(self, local: Address, manners: Manners) -> None:
        self.local = local
        self.open = False
        self._manners = manners
        self._waiting: Stream | None = None
        self._accept_at: float | None = None

    @property
    def waiting(self) -> bool:
        """A SYN is there that has no answer yet."""
        return self._waiting is not None

    def listen(self) -> list[Command]:
        """Have SYNs offered to us."""
        if self.open or not self._manners.listens:
            return []
        self.open = True
        return [Listen(self.local)]

    def unlisten(self) -> list[Command]:
        """Have SYNs refused again."""
        if not self.open:
            return []
        self.open = False
        return [Unlisten(self.local)]

    def offered(self, stream: Stream, now: float) -> list[Command]:
        """A SYN has come: SYN-ACK, at once or later."""
        self._waiting, self._accept_at = stream, now + self._manners.accepts_after
        return self.wake(now)

    def forget(self) -> None:
        """The SYN that waits is of no interest any more."""
        self._waiting = self._accept_at = None

    def next_wakeup(self) -> float | None:
        """When a SYN is to be answered."""
        return self._accept_at

    def wake(self, now: float) -> list[Command]:
        """Answer the SYN whose time has come."""
        if self._waiting is None or self._accept_at is None or self._accept_at > now:
            return []
        stream = self._waiting
        self.forget()
        return [AcceptStream(stream, "a=setup:passive: the TCP server accepts [RFC 4145 §4]")]
