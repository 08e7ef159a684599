"""From frames to flows: what a link carries, IP fragments, and TCP connections with their two directions."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from workbench.analysis.links import MOST_TUNNELS, network_packet, tunnelled
from workbench.analysis.reassembly import HalfStream, Piece
from workbench.net.packets import ACK, FIN, RST, SYN, Ip, Tcp, decode_ip, encode_ip
from workbench.net.values import Endpoint

MOST_SEGMENTS = 1024
_ALL, _HALF = 0xFFFFFFFF, 0x80000000
_MOST_FRAGMENTED = 256
_MOST_FRAGMENTS = 128
_MOST_REPEATS = 8
# A hole is given up when its octets were acknowledged, so that only the capture lacks them, and this much has come
# behind it; or this long after, where nobody acknowledges. Frames may stand a little out of order in a capture.
_GIVEN_UP_SEGMENTS, _GIVEN_UP_SECONDS, _UNTOLD_SECONDS = 16, 0.25, 30.0


class Fragments:
    """Puts IP fragments together. The oldest unfinished packets go when there are too many (`lost`)."""

    def __init__(self) -> None:
        self.lost = 0
        self._parts: OrderedDict[tuple[str, str, str, int, int], dict[int, tuple[Ip, tuple[int, ...]]]] = OrderedDict()

    def add(self, wire: str, ip: Ip, came: tuple[int, ...]) -> tuple[Ip, tuple[int, ...]] | None:
        """Take a fragment and the frames it came in; the whole packet and its frames once all parts are there."""
        key = (wire, ip.source, ip.destination, ip.protocol, ip.ident)
        parts = self._parts.setdefault(key, {})
        known = parts.get(ip.fragment_offset)
        if known is not None and len(known[1]) < _MOST_REPEATS:
            parts[ip.fragment_offset] = known[0], known[1] + came
        elif known is None and len(parts) < _MOST_FRAGMENTS:
            parts[ip.fragment_offset] = ip, came
        if len(self._parts) > _MOST_FRAGMENTED:
            self._parts.popitem(last=False)
            self.lost += 1
        payload = b""
        frames: list[int] = []
        for offset in sorted(parts):
            part, numbers = parts[offset]
            if offset > len(payload):
                return None
            payload += part.payload[len(payload) - offset :]
            frames += numbers
            if not part.more_fragments:
                del self._parts[key]
                if len(payload) > 65535 - 20:
                    self.lost += 1
                    return None
                whole = decode_ip(encode_ip(ip.source, ip.destination, ip.protocol, payload, ttl=ip.ttl))
                return whole, tuple(sorted(set(frames)))
        return None


class Happened(msgspec.Struct, frozen=True):
    """What one segment showed of its connection.

    Args:
        direction: 0: from the side that opened the connection (or was seen first); 1: the other one.
        pieces: octets that are in order now, with the frames that brought them.
        mark: `SYN`, `SYN, ACK`, `FIN`, `RST`, or empty.
        repeated: `mark` was seen before with the same sequence number.
        again: octets of payload that had come before.
        late: pieces behind a hole that is given up: direction, piece, and the time of the frame that brought it.
    """

    direction: int
    pieces: tuple[Piece, ...] = ()
    mark: str = ""
    repeated: bool = False
    again: int = 0
    late: tuple[tuple[int, Piece, float], ...] = ()


class Segment(msgspec.Struct, frozen=True):
    """What a segment says of its connection, counted from the initial sequence numbers: one wire's form of it.

    Args:
        start: offset of its first octet; 0 is the first one behind the SYN, and -1 the SYN itself.
        acknowledged: offset in the other direction up to which all was received; None without ACK.
    """

    frame: int
    direction: int
    flags: int
    start: int
    size: int
    acknowledged: int | None


class Connection:
    """A TCP connection on one wire. Times are in seconds since the first frame."""

    __slots__ = ("_acknowledged", "_answered", "_fins", "_late", "_segments", "client", "closed", "endings",
                 "established", "first_frame_of", "frames", "number", "opened", "protocol", "refused", "reset",
                 "seen", "sides", "streams", "wire")

    def __init__(self, number: int, wire: str, first: Endpoint, second: Endpoint) -> None:
        self.number = number
        self.wire = wire
        self.sides = (first, second)
        self.streams = (HalfStream(), HalfStream())
        self.frames = array("I")
        self.first_frame_of: list[int | None] = [None, None]
        self.seen: list[float] = [0.0, 0.0]         # times of first and last frame
        self.opened: float | None = None
        self.established: float | None = None
        self.closed: float | None = None
        self.endings: list[tuple[int, float]] = []  # direction and time of the first FIN or RST of each side
        self.refused = False
        self.reset = False
        self.client: int | None = None              # direction of the side that opened it
        self.protocol = ""
        self._fins: list[int | None] = [None, None]
        self._answered = False
        self._segments: array[int] | None = array("I")
        self._acknowledged: list[int | None] = [None, None]     # by the other side, of each direction
        self._late: tuple[dict[int, float], dict[int, float]] = ({}, {})    # times of the frames held behind a hole

    def forget(self) -> None:
        """Keep no segments: there are too many connections."""
        self._segments = None

    def segments(self) -> list[Segment]:
        """The first `MOST_SEGMENTS` segments; none where an initial sequence number is not known."""
        return list(self.each_segment())

    def each_segment(self) -> Iterator[Segment]:
        """The same one by one."""
        held, first = self._segments or (), [stream.initial for stream in self.streams]
        if None in first and any(first[marks >> 8] is None or marks & ACK for marks in held[1::5]):
            return
        own = [_HALF - (number or 0) - 1 for number in first]
        other = own[::-1]
        for frame, marks, sequence, acknowledged, size in zip(*(held[at::5] for at in range(5)), strict=True):
            direction, flags = marks >> 8, marks & 0xFF
            # From one sequence number to another, on the shorter way around (RFC 9293 §3.4).
            yield Segment(frame, direction, flags, (sequence + own[direction] & _ALL) - _HALF, size,
                          (acknowledged + other[direction] & _ALL) - _HALF if flags & ACK else None)

    def marks(self) -> list[tuple[int, int]]:
        """Frame and flags of the first `MOST_SEGMENTS` segments."""
        held = self._segments or ()
        return [(held[at], held[at + 1] & 0xFF) for at in range(0, len(held), 5)]

    @property
    def ended(self) -> bool:
        """Nothing more belongs to it but retransmissions."""
        return self.reset or None not in self._fins

    @property
    def finished(self) -> tuple[bool, bool]:
        """Which side has sent FIN."""
        return self._fins[0] is not None, self._fins[1] is not None

    def reopens(self, segment: Tcp) -> bool:
        """A SYN that can't belong to this connection any more: the ports are used again."""
        if not segment.flags & SYN or segment.flags & ACK:
            return False
        direction = 0 if segment.source == self.sides[0] else 1
        known = self.streams[direction].initial
        return known != segment.sequence and (
            known is not None or self.ended or (bool(self.frames) and self.client is None))

    def take(self, segment: Tcp, frame: int, time: float) -> Happened:
        """Take one segment."""
        direction = 0 if segment.source == self.sides[0] else 1
        if not self.frames:
            self.seen[0] = time
        self.seen[1] = time
        self.frames.append(frame)
        if self.first_frame_of[direction] is None:
            self.first_frame_of[direction] = frame
        stream = self.streams[direction]
        flags, mark, repeated = segment.flags, "", False
        if self._segments is not None and len(self._segments) < 5 * MOST_SEGMENTS:
            self._segments.extend((frame, direction << 8 | flags & 0xFF, segment.sequence, segment.acknowledgment,
                                   len(segment.payload)))
        sequence = segment.sequence
        if flags & SYN:
            mark = "SYN, ACK" if flags & ACK else "SYN"
            repeated = stream.initial == segment.sequence
            if not repeated:
                stream.syn(segment.sequence)
                if flags & ACK:
                    self._answered = True
                    if self.client is None:
                        self.client = 1 - direction
                elif self.client is None:
                    self.client, self.opened = direction, time
            sequence = (sequence + 1) & 0xFFFFFFFF
        elif self._answered and self.established is None and direction == self.client and not flags & RST:
            self.established = time
        before = stream.repeated
        pieces = tuple(stream.add(sequence, segment.payload, frame)) if segment.payload else ()
        if flags & ACK:
            self._acknowledged[1 - direction] = segment.acknowledgment
        if segment.payload and not pieces and stream.holds:
            self._late[direction][frame] = time
        late: tuple[tuple[int, Piece, float], ...] = ()
        if self._late[0] or self._late[1]:
            late, pieces = self._overdue(direction, pieces, time)
        if flags & (RST | FIN) and all(side != direction for side, _ in self.endings):
            self.endings.append((direction, time))
        if flags & RST:
            mark = "RST"
            repeated = self.reset
            self.refused = self.refused or (not self._answered and self.client == 1 - direction)
            self.reset = True
            self.closed = time if self.closed is None else self.closed
        elif flags & FIN:
            mark = "FIN"
            end = (sequence + len(segment.payload)) & 0xFFFFFFFF
            repeated = self._fins[direction] is not None
            self._fins[direction] = end
            if None not in self._fins and not repeated:
                self.closed = time
        return Happened(direction, pieces, mark, repeated, stream.repeated - before, late)

    def _overdue(self, direction: int, pieces: tuple[Piece, ...], time: float,
                 ) -> tuple[tuple[tuple[int, Piece, float], ...], tuple[Piece, ...]]:
        """Pieces behind holes that are given up now; and those of this segment's, unless they are among them."""
        late: list[tuple[int, Piece, float]] = []
        if pieces and pieces[0].missing:
            late, pieces = self._dated(direction, pieces, time), ()
        for one, stream in enumerate(self.streams):
            if not stream.holds:
                self._late[one].clear()
            elif self._is_given_up(one, time):
                late += self._dated(one, stream.leap(), time)
                if not stream.holds:
                    self._late[one].clear()
        return tuple(late), pieces

    def _is_given_up(self, direction: int, time: float) -> bool:
        stream, since = self.streams[direction], next(iter(self._late[direction].values()), time)
        acknowledged = self._acknowledged[direction]
        if acknowledged is None or stream.offset(acknowledged) <= stream.next:
            return time - since >= _UNTOLD_SECONDS
        return time - since >= _GIVEN_UP_SECONDS or stream.holds >= _GIVEN_UP_SEGMENTS

    def _dated(self, direction: int, pieces: Iterable[Piece], time: float) -> list[tuple[int, Piece, float]]:
        return [(direction, piece, self._late[direction].pop(piece.frame, time)) for piece in pieces]

    @property
    def is_running(self) -> bool:
        """Both sides have said something, and neither has said that it ends: more changes nothing but its streams."""
        return (None not in self.first_frame_of and self._fins == [None, None] and not self.reset
                and (self.established is not None or not self._answered)
                and not any(stream.holds for stream in self.streams))

    def passed(self, frames: bytes, time: float, segments: bytes,
               acknowledged: tuple[int | None, int | None]) -> None:
        """Segments without SYN, FIN or RST were read elsewhere.

        Args:
            frames: of them, a number of 32 bits each.
            time: of the last one.
            segments: the first ones, five numbers of 32 bits each, as `take` keeps them.
            acknowledged: the last acknowledgment from each direction; None where there was none.
        """
        self.frames.frombytes(frames)
        self.seen[1] = time
        for direction, number in enumerate(acknowledged):
            if number is not None:
                self._acknowledged[1 - direction] = number
        if self._segments is not None and len(self._segments) < 5 * MOST_SEGMENTS:
            self._segments.frombytes(segments[: (5 * MOST_SEGMENTS - len(self._segments)) * self._segments.itemsize])

    def close(self, time: float) -> Iterator[tuple[int, Piece, float]]:
        """The capture is over, at `time`: what is held behind holes, as in `Happened.late`."""
        for direction, stream in enumerate(self.streams):
            yield from self._dated(direction, stream.flush(), time)


class Frame(Protocol):
    """What was captured, however it is held."""

    @property
    def link(self) -> int:
        """LINKTYPE_ number."""

    @property
    def octets(self) -> bytes:
        """As captured."""

    @property
    def length(self) -> int:
        """Octets on the wire."""


def payload_of(packet: Frame) -> Ip | None:
    """The IP packet of a frame; None where it carries none.

    Raises:
        MalformedMessageError: it should, and does not decode.
    """
    octets = network_packet(packet.link, packet.octets)
    return None if octets is None else decode_ip(octets, whole=not is_cut(packet))


def inside(ip: Ip, packet: Frame) -> Ip | None:
    """The IP packet inside a tunnel's, which has come with this frame; None: there is none. Raises as `payload_of`."""
    octets = tunnelled(ip)
    return None if octets is None else decode_ip(octets, whole=not is_cut(packet))


def is_cut(packet: Frame) -> bool:
    """Fewer octets were captured than were on the wire."""
    return packet.length > len(packet.octets)


def innermost(packet: Frame) -> Ip | None:
    """The IP packet of a frame, inside all tunnels, or the first that is a part only. Raises as `payload_of`."""
    ip = payload_of(packet)
    for _ in range(MOST_TUNNELS):
        inner = None if ip is None or ip.is_fragment else inside(ip, packet)
        if inner is None:
            break
        ip = inner
    return ip
