"""The TCP segments of a leg as they passed next to its gateway, with the numbers that stood in them.

Source: RFC 9293 §3.4 (sequence numbers).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.flows import innermost
from workbench.errors import MalformedMessageError
from workbench.net.packets import ACK, FIN, RST, SYN, TCP, Tcp, decode_tcp

if TYPE_CHECKING:
    from workbench.analysis.calls.spans import Span
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg
    from workbench.net.values import Endpoint

MOST_SEGMENTS = 2000
"""Segments of one leg that are given; a picture of more than that is not read."""


class LegSegment(msgspec.Struct, frozen=True):
    """One segment of a leg.

    Args:
        frame, time: where it stands in the capture; seconds since the first frame.
        sender, receiver: node names; behind a NAT the node, not the NAT.
        kind: `SYN`, `SYN, ACK`, `RST`, `FIN`, `payload` or `ACK`: what it is sent for.
        sequence: as on the wire.
        acknowledgment: as on the wire; None without ACK.
        size: octets of payload.
    """

    frame: int
    time: float
    sender: str
    receiver: str
    kind: str
    sequence: int
    acknowledgment: int | None
    size: int


def leg_segments(report: Report, leg: Leg) -> list[LegSegment]:
    """The first `MOST_SEGMENTS` segments of a leg's connection, in order; none where the leg has no connection."""
    span = report.span(leg)
    if span is None:
        return []
    names = _names(report, span)
    found: list[LegSegment] = []
    for frame, time, segment in _read(report, span):
        sender, receiver = names[segment.source], names[segment.destination]
        found.append(LegSegment(
            frame, time, sender, receiver, _kind(segment), segment.sequence,
            segment.acknowledgment if segment.flags & ACK else None, len(segment.payload)))
    return found


def _read(report: Report, span: Span) -> Iterator[tuple[int, float, Tcp]]:
    for number in span.content().connection.frames[:MOST_SEGMENTS]:
        view = report.frame(number)
        try:
            ip = innermost(view)
            if ip is not None and ip.protocol == TCP and not ip.is_fragment:
                yield number, view.time, decode_tcp(ip)
        except MalformedMessageError:
            continue


def _names(report: Report, span: Span) -> dict[Endpoint, str]:
    """Who is at each side: a gateway under its own name, a peer where it is itself."""
    connection = span.content().connection
    client = connection.client or 0
    locals_ = {termination.local for termination in span.terminations}
    far = dict(zip((connection.sides[client], connection.sides[1 - client]), span.ends(), strict=True))
    return {side: report.names(side.host if side in locals_ else far[side]) for side in connection.sides}


def _kind(segment: Tcp) -> str:
    if segment.flags & SYN:
        return "SYN, ACK" if segment.flags & ACK else "SYN"
    if segment.flags & RST:
        return "RST"
    if segment.flags & FIN:
        return "FIN"
    return "payload" if segment.payload else "ACK"
