"""TCP as packets show it: the connections at one side of a gateway, segment by segment."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import msgspec

from workbench.analysis.dissect import Content
from workbench.lab.expect import Seen
from workbench.lab.seen.reading import Side
from workbench.net import packets
from workbench.net.packets import ACK, FIN, RST, SYN, Tcp
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_CONTROL_PORTS = (2944, 2945)


class Segment(msgspec.Struct, frozen=True):
    """One TCP segment as sent once on one wire."""

    frame: int
    time: float
    wire: str
    sender: str
    receiver: str
    tcp: Tcp

    @property
    def kind(self) -> str:
        """`SYN`, `SYN-ACK`, `RST`, `FIN`, `payload` or `ACK`: what it is sent for (a FIN may carry payload)."""
        flags = self.tcp.flags
        if flags & SYN:
            return "SYN-ACK" if flags & ACK else "SYN"
        if flags & RST:
            return "RST"
        if flags & FIN:
            return "FIN"
        return "payload" if self.tcp.payload else "ACK"


_KNOWN: WeakKeyDictionary[Report, tuple[Segment, ...]] = WeakKeyDictionary()


def segments(report: Report) -> tuple[Segment, ...]:
    """Every media segment of a capture, in order."""
    known = _KNOWN.get(report)
    if known is None:
        known = _KNOWN[report] = tuple(_read(report))
    return known


def _read(report: Report) -> Iterator[Segment]:
    for number in range(1, report.packets + 1):
        frame = report.frame(number)
        ip = packets.decode_ip(frame.octets)
        if ip.protocol != packets.TCP:
            continue
        tcp = packets.decode_tcp(ip)
        if tcp.source.port in _CONTROL_PORTS or tcp.destination.port in _CONTROL_PORTS:
            continue
        yield Segment(number, frame.time, frame.wire, report.names(ip.source), report.names(ip.destination), tcp)


def octets(side: Side, wanted: bytes, *, by_gateway: bool) -> Seen:
    """A segment that the gateway sends on one side, or gets there, and that has these octets as they are."""
    return Seen(f"{wanted!r} in the clear {'from' if by_gateway else 'to'} {side.gateway} on {side}", lambda report: [
        (one.frame,) for one in at(report, side)
        if (one.sender == side.gateway) == by_gateway and wanted in one.tcp.payload])


def at(report: Report, side: Side) -> list[Segment]:
    """The segments that reach or leave a gateway on one side."""
    return [one for one in segments(report) if one.wire == side.wire and side.gateway in (one.sender, one.receiver)]


class Half(msgspec.Struct, frozen=True):
    """One connection at one side of a gateway.

    Args:
        remote, local: the peer's address (behind a NAT: the NAT's) and the gateway's.
        segments: all of it, in order.
    """

    remote: Endpoint
    local: Endpoint
    side: Side
    segments: tuple[Segment, ...]

    @property
    def comes_in(self) -> bool:
        """The peer sent the first SYN."""
        return self.segments[0].receiver == self.side.gateway

    @property
    def answered(self) -> bool:
        """A SYN-ACK was sent."""
        return any(one.kind == "SYN-ACK" for one in self.segments)

    def initial(self, *, ours: bool) -> int | None:
        """The initial sequence number of the gateway (`ours`) or of its peer; None where no SYN of that side passed."""
        return next((one.tcp.sequence for one in self.segments
                     if one.tcp.flags & SYN and (one.sender == self.side.gateway) == ours), None)

    @property
    def frames(self) -> tuple[int, ...]:
        """Where its first segments stand."""
        return tuple(one.frame for one in self.segments[:3])


def halves(report: Report, side: Side) -> list[Half]:
    """The connections at one side, in order of their first SYN; each SYN with another sequence number begins one."""
    def ends(one: Segment) -> tuple[Endpoint, Endpoint]:
        came = one.receiver == side.gateway
        return (one.tcp.source, one.tcp.destination) if came else (one.tcp.destination, one.tcp.source)

    found: list[Half] = []
    for (remote, local), group in groupby(sorted(at(report, side), key=lambda one: (ends(one), one.frame)), key=ends):
        current: list[Segment] = []
        opened: int | None = None
        for one in group:
            if one.kind == "SYN" and opened not in (None, one.tcp.sequence) and not _crossed(current, one):
                found.append(Half(remote, local, side, tuple(current)))
                current = []
            if one.kind == "SYN" and not _crossed(current, one):
                opened = one.tcp.sequence
            if opened is not None:
                current.append(one)
        if current:
            found.append(Half(remote, local, side, tuple(current)))
    return sorted(found, key=lambda half: half.segments[0].frame)


def _crossed(current: list[Segment], syn: Segment) -> bool:
    """A SYN of the other side on a connection that is not answered yet: simultaneous open."""
    return bool(current) and all(one.kind == "SYN" for one in current) and current[0].sender != syn.sender


def said(report: Report, side: Side, *, by_gateway: bool) -> bytes:
    """All octets that came to the gateway on one side, or that it sent there; connection after connection."""
    return b"".join(octets for _, octets in pieces(report, side, by_gateway=by_gateway))


def pieces(report: Report, side: Side, *, by_gateway: bool) -> list[tuple[int, bytes]]:
    """The same in portions, each with the frame that completed it."""
    found: list[tuple[int, bytes]] = []
    for content, gateway in _contents(report, side):
        wanted = gateway if by_gateway else 1 - gateway
        found += [(frame, octets) for direction, frame, octets in content.pieces if direction == wanted]
    return found


def _contents(report: Report, side: Side) -> Iterator[tuple[Content, int]]:
    """Connections at one side, and which of their directions is the gateway's."""
    for content in report.contents:
        names = [report.names(end.host) for end in content.connection.sides]
        if content.connection.wire == side.wire and side.gateway in names:
            if any(end.port in _CONTROL_PORTS for end in content.connection.sides):
                continue
            yield content, names.index(side.gateway)
