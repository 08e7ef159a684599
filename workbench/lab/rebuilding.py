"""IP packets made again from what a node heard and ordered, where the real ones can't be seen.

Addresses, ports, payload and the order of things are real. How TCP cut and acknowledged the octets is not known: each
piece becomes segments of its own, with sequence numbers that follow on each other, between a SYN and a FIN or RST.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import msgspec

from workbench.lab.trace import Entry
from workbench.net.packets import ACK, FIN, PSH, RST, SYN, Tcp, encode_tcp, encode_udp
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    DatagramReceived,
    Endpoint,
    EndStream,
    Failure,
    OpenStream,
    PacketArrived,
    RefuseStream,
    SendDatagram,
    SendPacket,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
)

_SEGMENT = 16_384
_WINDOW = 65_535
_MOST_STREAMS = 100_000


class Rebuilt(msgspec.Struct, frozen=True):
    """A packet: whose endpoint it is about, or which wire it was on; its octets, and why it was sent."""

    at: Endpoint | str
    octets: bytes
    why: str = ""


class _Half(msgspec.Struct):
    """One direction of a connection: its next sequence number, and whether FIN was shown."""

    next: int
    over: bool = False


class _Connection(msgspec.Struct):
    ours: _Half
    theirs: _Half
    opens: bool


class Rebuilder:
    """Turns entries into packets; remembers where each connection stands."""

    def __init__(self) -> None:
        self._streams: dict[Stream, _Connection] = {}

    def packets(self, entry: Entry) -> Iterator[Rebuilt]:
        """The packets that an entry stands for, in order."""
        match entry.what:
            case DatagramReceived(local, remote, data):
                yield Rebuilt(local, encode_udp(remote, local, data))
            case SendDatagram(local, remote, data, why):
                yield Rebuilt(local, encode_udp(local, remote, data), why)
            case StreamData(stream, data):
                yield from self._octets(stream, data, "", ours=False)
            case SendStream(stream, data, why):
                yield from self._octets(stream, data, why, ours=True)
            case PacketArrived(wire, packet):
                yield Rebuilt(wire, packet)
            case SendPacket(wire, packet, why):
                yield Rebuilt(wire, packet, why)
            case what:
                yield from self._lived(what)

    def _lived(self, what: object) -> Iterator[Rebuilt]:
        """What becomes of a connection."""
        match what:
            case OpenStream(stream, why):
                self._begin(stream, opens=True)
                yield from self._show(stream, SYN, why, ours=True)
            case StreamOffered(stream):
                self._begin(stream, opens=False)
                yield from self._show(stream, SYN, "", ours=False)
            case AcceptStream(stream, why):
                yield from self._show(stream, SYN | ACK, why, ours=True)
            case StreamOpened(stream):
                yield from self._opened(stream)
            case StreamEnded(stream):
                yield from self._fin(stream, "", ours=False)
            case EndStream(stream, why):
                yield from self._fin(stream, why, ours=True)
            case RefuseStream(stream, why) | AbortStream(stream, why):
                yield from self._reset(stream, why, ours=True)
            case StreamFailed(stream, Failure.REFUSED) | StreamClosed(stream, Failure.RESET):
                yield from self._reset(stream, "", ours=False)
            case StreamFailed(stream) | StreamClosed(stream):
                self._streams.pop(stream, None)

    def _begin(self, stream: Stream, *, opens: bool) -> None:
        if len(self._streams) >= _MOST_STREAMS:
            self._streams.pop(next(iter(self._streams)))
        first = crc32(str(stream).encode())
        self._streams[stream] = _Connection(_Half(first), _Half(first ^ 0xFFFFFFFF), opens)

    def _opened(self, stream: Stream) -> Iterator[Rebuilt]:
        connection = self._streams.get(stream)
        if connection is not None and connection.opens:
            yield from self._show(stream, SYN | ACK, "", ours=False)
        yield from self._show(stream, ACK, "", ours=connection is not None and connection.opens)

    def _octets(self, stream: Stream, data: bytes, why: str, *, ours: bool) -> Iterator[Rebuilt]:
        for at in range(0, len(data), _SEGMENT):
            piece = data[at : at + _SEGMENT]
            flags = ACK | PSH if at + _SEGMENT >= len(data) else ACK
            yield from self._show(stream, flags, why if not at else "", ours=ours, data=piece)

    def _fin(self, stream: Stream, why: str, *, ours: bool) -> Iterator[Rebuilt]:
        connection = self._streams.get(stream)
        if connection is None:
            return
        half = connection.ours if ours else connection.theirs
        if not half.over:
            half.over = True
            yield from self._show(stream, FIN | ACK, why, ours=ours)
            yield from self._show(stream, ACK, "", ours=not ours)

    def _reset(self, stream: Stream, why: str, *, ours: bool) -> Iterator[Rebuilt]:
        yield from self._show(stream, RST | ACK, why, ours=ours)
        self._streams.pop(stream, None)

    def _show(self, stream: Stream, flags: int, why: str, *, ours: bool, data: bytes = b"") -> Iterator[Rebuilt]:
        connection = self._streams.get(stream)
        if connection is None:
            return
        sender, other = (connection.ours, connection.theirs) if ours else (connection.theirs, connection.ours)
        source, destination = (stream.local, stream.remote) if ours else (stream.remote, stream.local)
        octets = encode_tcp(Tcp(
            source, destination, sender.next, other.next if flags & ACK else 0, flags, _WINDOW, data))
        sender.next = sender.next + len(data) + bool(flags & (SYN | FIN)) & 0xFFFFFFFF
        yield Rebuilt(stream.local, octets, why)
