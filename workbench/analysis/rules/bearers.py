"""What rules ask of the connections of a call: who opened which, what became of it, and which gateway is at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.conferences import is_conference
from workbench.analysis.calls.signalling import TerminationSeen
from workbench.analysis.calls.spans import Span
from workbench.analysis.dissect import Content
from workbench.analysis.flows import Connection
from workbench.net.packets import ACK, RST, SYN
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report


# A call has a handful of connections; what is made to look like one with thousands is not looked at to the end.
_MOST_SPANS = 128
# How long a peer may take after the gateway knows of it, where no report says that it was too long.
_PATIENCE = 10.0


class Attempt(msgspec.Struct, frozen=True):
    """A connection of a call, seen from its gateway where it has one.

    Args:
        span, content: the connection, and its appearance nearest to the gateway.
        termination: the gateway's; None without one.
        ours: direction of what the gateway sends; None without one.
    """

    span: Span
    content: Content
    termination: TerminationSeen | None
    ours: int | None

    @property
    def connection(self) -> Connection:
        """As it appears next to the gateway."""
        return self.content.connection

    @property
    def relayed_here(self) -> bool:
        """The gateway passes the segments on to its other leg: the connection is not its own."""
        context = self.termination.context if self.termination is not None else None
        return any(end.context is context and end is not self.termination
                   for other in self.span.relayed if other is not self.span for end in other.terminations)

    @property
    def by_gateway(self) -> bool:
        """The gateway sent the first SYN."""
        return self.ours is not None and self.connection.client == self.ours and not self.relayed_here

    @property
    def by_peer(self) -> bool:
        """The other side sent the first SYN."""
        return self.ours is not None and self.connection.client == 1 - self.ours

    @property
    def answered(self) -> bool:
        """Both sides sent a SYN."""
        return None not in (self.connection.streams[0].initial, self.connection.streams[1].initial)

    @property
    def client_end(self) -> Endpoint:
        """Where the first SYN came from."""
        return self.connection.sides[self.connection.client or 0]

    @property
    def server_end(self) -> Endpoint:
        """Where the first SYN went to."""
        return self.connection.sides[1 - (self.connection.client or 0)]


def attempts(call: Call) -> Iterator[Attempt]:
    """Every connection of a call whose beginning was seen; one between two gateways comes once for each."""
    for span in call.spans[:_MOST_SPANS]:
        ends: list[TerminationSeen | None] = [*span.terminations]
        for termination in ends or [None]:
            content = span.content(termination)
            local = termination.local if termination is not None else None
            sides = content.connection.sides
            if content.connection.client is not None:
                yield Attempt(span, content, termination, sides.index(local) if local in sides else None)


def syn_frames(connection: Connection) -> tuple[int, ...]:
    """The frames of a connection's SYNs without ACK."""
    return tuple(one for one, flags in connection.marks() if flags & SYN and not flags & ACK)


def reset_frames(connection: Connection) -> tuple[int, ...]:
    """The frames of its RSTs."""
    return tuple(one for one, flags in connection.marks() if flags & RST)


def where(report: Report, end: Endpoint) -> str:
    """`UE A (10.0.0.10:5000)`."""
    return f"{report.names(end.host)} ({end})"


def linked(call: Call) -> Iterator[tuple[Attempt, Attempt | None]]:
    """Each connection that a peer opened, with the one that the gateway has on the other leg for it, if any.

    In a conference there is no other leg.
    """
    if is_conference(call):
        return
    held = [one for one in attempts(call) if not one.relayed_here]
    for one in held:
        here = one.termination
        if here is None or len(here.context.terminations) != 2 or not one.by_peer or not one.answered:
            continue
        others = [other for other in held if other.termination is not None and other.termination is not here
                  and other.termination.context is here.context
                  and (other.connection.closed is None or other.connection.closed >= one.connection.seen[0])]
        yield one, next((other for other in others if other.answered), others[0] if others else None)


def up_in(one: Attempt | None) -> int | None:
    """The frame in which a connection's handshake was complete; None where it never was."""
    if one is None or not one.answered:
        return None
    return next((frame for frame, flags in one.connection.marks() if flags & ACK and not flags & (SYN | RST)), None)


def is_watched(report: Report, end: TerminationSeen, since: float) -> bool:
    """Other connections of this side of the gateway are in the capture, and there was time enough for this one."""
    until = min(report.end, end.subtracted if end.subtracted is not None else report.end)
    return end.local is not None and end.local.host in report.once(_hosts) and until - since >= _PATIENCE


def _hosts(report: Report) -> set[str]:
    return {side.host for content in report.contents for side in content.connection.sides}
