"""Why the kernel sends what it sends: the comments of orders, found again when their octets are on a wire."""

from __future__ import annotations

from collections import deque

import msgspec

from workbench.net.packets import FIN, RST, SYN, Tcp, Udp
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Command,
    Endpoint,
    EndStream,
    OpenStream,
    RefuseStream,
    SendDatagram,
    SendStream,
    Splice,
    Stream,
)

_FOLD = 0xFFFFFFFF
_HALF = 0x80000000
_MOST_STREAMS = 4096
_MOST_DATAGRAMS = 1024
_MOST_MARKS = 1024
_SPLICED = "spliced by the kernel"


class _Said(msgspec.Struct):
    """What was ordered for one stream: comments of SYN, octets (from which offset on), FIN and RST."""

    syn: str = ""
    fin: str = ""
    rst: str = ""
    first: int | None = None        # sequence number of the first octet, once our SYN was seen
    sent: int = 0                   # highest offset seen on the wire
    queued: int = 0
    marks: deque[tuple[int, str]] = msgspec.field(default_factory=lambda: deque(maxlen=_MOST_MARKS))


class Reasons:
    """The orders of one host that packets may come from. Bounded: of the oldest streams we forget why."""

    def __init__(self) -> None:
        self._streams: dict[Stream, _Said] = {}
        self._datagrams: dict[tuple[Endpoint, Endpoint], deque[tuple[bytes, str]]] = {}

    def note(self, command: Command) -> None:
        """Remember an order before it is carried out."""
        match command:
            case SendDatagram(local, remote, data, why) if why:
                waiting = self._datagrams.setdefault((local, remote), deque(maxlen=_MOST_DATAGRAMS))
                waiting.append((data, why))
            case OpenStream(stream, why) | AcceptStream(stream, why):
                self._streams.pop(stream, None)
                if len(self._streams) >= _MOST_STREAMS:
                    del self._streams[next(iter(self._streams))]
                self._streams[stream] = _Said(syn=why)
            case SendStream(stream, data, why) if (said := self._streams.get(stream)) is not None:
                said.queued = max(said.queued, said.sent)       # octets of a splice were not ordered
                if why != (said.marks[-1][1] if said.marks else ""):
                    said.marks.append((said.queued, why))
                said.queued += len(data)
            case Splice(a, b):
                for said in [self._streams[stream] for stream in (a, b) if stream in self._streams]:
                    said.marks.append((said.queued, _SPLICED))
            case EndStream(stream, why) if (said := self._streams.get(stream)) is not None:
                said.fin = said.fin or why
            case AbortStream(stream, why) | RefuseStream(stream, why) if (
                    said := self._streams.get(stream)) is not None:
                said.rst = why

    def of_datagram(self, udp: Udp) -> str:
        """The comment of the order that this datagram comes from."""
        waiting = self._datagrams.get((udp.source, udp.destination), ())
        for index, (data, why) in enumerate(waiting):
            if data == udp.data:
                del waiting[index]      # type: ignore[union-attr]
                return why
        return ""

    def of_segment(self, segment: Tcp) -> str:
        """The comments of the orders that this segment comes from; a repetition says that it is one."""
        said = self._streams.get(Stream(segment.source, segment.destination))
        if said is None:
            return ""
        if segment.flags & RST:
            return said.rst
        if segment.flags & SYN:
            again = said.first is not None
            said.first = segment.sequence + 1 & _FOLD
            return _again(again, said.syn)
        if said.first is None:
            return ""
        start = segment.sequence - said.first & _FOLD
        end = start + segment.length & _FOLD
        if not segment.length or start >= _HALF:
            return ""
        again = end <= said.sent
        said.sent = max(said.sent, end)
        found = _between(said.marks, start, start + len(segment.payload)) if segment.payload else []
        if segment.flags & FIN and said.fin and said.fin not in found:
            found.append(said.fin)
        return _again(again, "; ".join(found[:3]))


def _between(marks: deque[tuple[int, str]], start: int, end: int) -> list[str]:
    """The comments of the octets from `start` to before `end`."""
    found: list[str] = []
    for index, (begin, why) in enumerate(marks):
        covers = index + 1 == len(marks) or marks[index + 1][0] > start
        if begin < end and covers and why and why not in found:
            found.append(why)
    return found


def _again(again: bool, why: str) -> str:
    if not again:
        return why
    return f"retransmission: {why}" if why else "retransmission"
