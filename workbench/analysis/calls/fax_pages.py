"""Faxes of a capture: what each direction's receiver would hear there, how each packet came, and the pages in it.

What is heard is judged on one wire: on the wire into a lossy network nothing is missing yet, on the one out of it some
is. A page is read at the wire where it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.values import Message, Place
from workbench.errors import PeerError
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.events import Event, IfpReceived, Lost, Way
from workbench.protocols.t38.machine import Receiver
from workbench.protocols.t38.messages import IfpPacket, UdptlPacket
from workbench.protocols.t38.pages import Page, PageReader

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_MOST_LOST = 10_000
_PIECES = ("", "FCD", "RCP")


class Arrival(msgspec.Struct, frozen=True):
    """One IFP packet in its place, as the receiver gets it.

    Args:
        sequence: of its UDPTL packet.
        way: how it came; None: it did not.
        by: sequence number of the packet that brought it; for a lost one, of that behind which it was given up.
        time, message: of that packet, in seconds and as an index in `Report.messages`.
        packet: what it says; None where it is lost or does not decode.
    """

    sequence: int
    way: Way | None
    by: int
    time: float
    message: int
    packet: IfpPacket | None = None


class FrameHeard(msgspec.Struct, frozen=True):
    """A T.30 frame: its name, what it says, and the message that completed it."""

    name: str
    says: str
    time: float
    message: int


class FaxDirection(msgspec.Struct, frozen=True):
    """One direction of a fax on one wire.

    Args:
        wire, source, destination, session, protected: as of its messages; places as of the first one.
        packets: UDPTL packets that were sent here, copies included.
        arrivals: IFP packets in order. Pieces and rows of pages refer to them: `place` is an index in here.
        frames: the T.30 conversation, without the pieces of pages.
        pages: in order.
        cut: there was more than is read.
        read_on: the wire whose DCS tells how pages are coded, where none came whole on this one; else empty.
    """

    wire: str
    source: Place
    destination: Place
    session: str | None
    protected: bool
    packets: int
    arrivals: tuple[Arrival, ...]
    frames: tuple[FrameHeard, ...]
    pages: tuple[Page, ...]
    cut: bool = False
    read_on: str = ""

    def count(self, way: Way | None) -> int:
        """How many packets came that way; None: not at all."""
        return sum(one.way is way for one in self.arrivals)

    def __str__(self) -> str:
        return f"{self.source.node} to {self.destination.node} on {self.wire}"


def fax_directions(report: Report, session: str | None = None) -> list[FaxDirection]:
    """Every direction of every fax of a report, in order of their beginning."""
    held: dict[tuple[object, ...], list[Message]] = {}
    for message in report.messages_of("UDPTL"):
        if isinstance(message.value, UdptlPacket) and (session is None or message.session == session):
            held.setdefault(_direction_of(message), []).append(message)
    found = [_direction(messages) for messages in held.values()]
    return [_with_formats(one, found) for one in found]


def _direction_of(message: Message) -> tuple[object, ...]:
    """In a call, a fax may go on from another address or port of the same node (RFC 7345 §4.5)."""
    ends: tuple[object, ...] = (message.source, message.destination)
    if message.session is not None:
        ends = (message.source.node, message.destination.node)
    return (message.wire, *ends, message.session, message.protected)


def _with_formats(direction: FaxDirection, others: list[FaxDirection]) -> FaxDirection:
    """Pages whose DCS was lost here, read with what the same page's DCS says on another wire."""
    if all(page.format is not None for page in direction.pages):
        return direction
    for other in others:
        if other.session == direction.session and len(other.pages) >= len(direction.pages) and all(
                page.format is not None for page in other.pages):
            pages = tuple(page if page.format is not None else msgspec.structs.replace(page, format=same.format)
                          for page, same in zip(direction.pages, other.pages, strict=False))
            return msgspec.structs.replace(direction, pages=pages, read_on=other.wire)
    return direction


def _direction(messages: list[Message]) -> FaxDirection:
    first = messages[0]
    version = ifp.version_of(*(message.value.primary for message in messages))
    arrivals: list[Arrival] = []
    frames: list[FrameHeard] = []
    reader = PageReader()
    for message, event in _heard(messages):
        if isinstance(event, Lost):
            reader.lose(event.count, len(arrivals) + min(event.count, _MOST_LOST))
            arrivals += _lost(event, message)
        elif isinstance(event, IfpReceived):
            packet = _decoded(event, version)
            place = len(arrivals)
            arrivals.append(Arrival(event.sequence, event.way, message.value.sequence, message.time, message.index,
                                    packet))
            said = reader.receive(packet, place) if packet is not None else []
            frames += [FrameHeard(frame.name, frame.says, message.time, message.index) for frame in said
                       if frame.whole and frame.name not in _PIECES]
    return FaxDirection(first.wire, first.source, first.destination, first.session, first.protected, len(messages),
                        tuple(arrivals), tuple(frames), reader.pages, reader.cut)


def _heard(messages: Iterable[Message]) -> Iterator[tuple[Message, Event]]:
    receiver = Receiver()
    message = None
    for message in messages:
        octets = message.octets or udptl.encode(message.value)      # of a big capture not all are kept
        for event in (*receiver.wake(message.time), *receiver.receive_data(octets, message.time)):
            yield message, event
    if message is not None:
        for event in receiver.flush():
            yield message, event


def _lost(event: Lost, message: Message) -> list[Arrival]:
    return [Arrival((event.sequence + more) & 0xFFFF, None, message.value.sequence, message.time, message.index)
            for more in range(min(event.count, _MOST_LOST))]


def _decoded(event: IfpReceived, version: int | None) -> IfpPacket | None:
    """In the version of the whole direction; where there is none, in one that fits the packet."""
    for one in (3, 0) if version is None else (version,):
        try:
            return ifp.decode(event.octets, one, rebuilt=event.way is Way.FEC)
        except PeerError:
            continue
    return None
