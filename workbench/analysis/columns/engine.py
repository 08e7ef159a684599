"""A large capture through columns: what comes in great numbers is told apart by columns, the rest frame by frame.

The dissector sees every frame but those of runs: parts of a connection in which only TLS records come that nobody can
read, or MSRP messages as they mostly are. A run begins where the connection's readers hold nothing unfinished, and ends
before the first segment that is unlike the others; so what the report says is the same either way.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from workbench.analysis.columns import parting
from workbench.analysis.columns.headers import streams_only
from workbench.analysis.columns.index import OneByOneError, index
from workbench.analysis.columns.runs import NO_KEY, Merged, Run, Way
from workbench.analysis.columns.streams import streams
from workbench.analysis.flows import MOST_SEGMENTS
from workbench.analysis.pcapng import Packet, Reader
from workbench.errors import CaptureError
from workbench.net.packets import ACK, unpack_address
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.analysis.carried.base import Bulk
    from workbench.analysis.dissect import Dissector
    from workbench.analysis.drafts import Content

__all__ = ["Engine", "OneByOneError"]

_SHORTEST = 4
_LEAST_OCTETS, _MOST_OCTETS = 1 << 17, 1 << 22
_MOST_PASSED_OVER = 1024
_WATCHED = 10_000
_MOST_MAPPED = 1 << 22
_PARTED: dict[str, Callable[[bytes], list[int]]] = {"TLS": parting.records, "MSRP": parting.messages}


class File:
    """The octets of a capture file: in memory's reach while it is dissected, read again later.

    Raises:
        CaptureError: from each method while it is dissected: the file has become shorter.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("rb")
        weakref.finalize(self, self._file.close)
        self._read = 0
        self.map: mmap.mmap | None = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._size = len(self.map)

    def read(self, at: int, size: int) -> bytes:
        """So many octets from here on."""
        if self.map is None:
            self._file.seek(at)
            return self._file.read(size)
        self._count(size)
        return self.map[at : at + size]

    def gather(self, at: list[int], sizes: list[int]) -> bytes:
        """The octets of many places, one behind the other."""
        if self.map is None:
            return b"".join(map(self.read, at, sizes))
        self._count(sum(sizes))
        with memoryview(self.map) as octets:
            return b"".join([octets[begin : begin + size] for begin, size in zip(at, sizes, strict=True)])

    def release(self) -> None:
        """Let go of what was read: it comes back from the system's cache when it is asked for again."""
        self._read = 0
        self._stands()
        if self.map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.map.madvise(mmap.MADV_DONTNEED)

    def settle(self) -> None:
        """Dissecting is over."""
        if self.map is not None:
            self.map.close()
            self.map = None

    def _count(self, size: int) -> None:
        self._read += size
        if self._read > _MOST_MAPPED:
            self.release()
        else:
            self._stands()

    def _stands(self) -> None:
        """The system ends a process that reads what is mapped and no longer there."""
        if self.map is not None and os.fstat(self._file.fileno()).st_size < self._size:
            raise CaptureError(f"{self._path}: the file became shorter while it was read")


class _Tries:
    """How a connection has been fit for runs so far: how much to take at once, and before which place not to try."""

    def __init__(self) -> None:
        self.octets = _LEAST_OCTETS
        self.before = 0
        self._passed_over = 1

    def went(self, place: int, good: bool) -> None:
        """A try from this place on."""
        if good:
            self.octets = min(2 * self.octets, _MOST_OCTETS)
            self._passed_over = 1
        else:
            self.octets = _LEAST_OCTETS
            self.before = place + self._passed_over
            self._passed_over = min(2 * self._passed_over, _MOST_PASSED_OVER)


class Engine:
    """A capture that is read by columns.

    Args:
        reader: has just opened it; its names, secrets and notes are filled.

    Raises:
        OneByOneError: it has to be read frame by frame.
    """

    def __init__(self, reader: Reader) -> None:
        assert reader.path is not None
        self._file = File(reader.path)
        octets = np.frombuffer(self._file.map or b"", np.uint8)
        self._index = index(reader, octets, self._file.release)
        self._heads = streams_only(octets, self._index, self._file.release)
        del octets
        self._streams = streams(self._index, self._heads)
        reader.packets = len(self._index)
        self._done = bytearray(len(self._index))
        self._runs: list[Run] = []
        self._tries: dict[int, _Tries] = {}
        self._began = int(self._index.time_ns[0]) if len(self._index) else 0
        self._reached = 0.0

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, number: int) -> bool:
        return 1 <= number <= len(self._index)

    def __getitem__(self, number: int) -> Packet:
        row, known = number - 1, self._index
        wire = known.interfaces[int(known.interface[row])]
        octets = self._file.read(int(known.at[row]), int(known.captured[row]))
        return Packet(number, int(known.time_ns[row]), wire.name, wire.link, octets, int(known.length[row]),
                      known.comments.get(row, ""))

    def times(self, rows: Any) -> Any:
        """Seconds since the first frame."""
        return (self._index.time_ns[rows] - self._began) / 1e9

    def dissect(self, dissector: Dissector, watch: Callable[[int], None] | None) -> None:
        """Give the dissector all frames, and what was found in runs."""
        dissector.ledger.reserve(len(self))
        known: dict[int, tuple[Content, Any]] = {}
        told = 0
        for row in self._open_rows():
            place = int(self._streams.place[row])
            stream = int(self._streams.stream[place]) if place >= 0 else -1
            live = known.get(stream)
            if live is not None and self._run(dissector, *live, stream, place):
                continue
            dissector.take(self[row + 1])
            if dissector.touched is not None and stream >= 0:
                known[stream] = dissector.touched
            if watch is not None and row // _WATCHED > told:
                told = row // _WATCHED
                watch(told * _WATCHED)
        if len(self):
            dissector.last_time = max(dissector.last_time, self._reached)
        dissector.finish()
        self._messages(dissector)
        dissector.held = Merged(dissector.drafts, dissector.completed, self._runs, self.times)
        self._tries.clear()
        del self._heads, self._streams, self._done

    def settle(self) -> None:
        """The analysis is over: what is asked for from now on is read from the file."""
        self._file.settle()

    @property
    def runs(self) -> int:
        """How many parts of connections were read by columns."""
        return len(self._runs)

    def _open_rows(self) -> Iterator[int]:
        """The rows that nobody has taken yet."""
        row = self._done.find(0)
        while row >= 0:
            yield row
            row = self._done.find(0, row + 1)

    # --- runs

    def _run(self, dissector: Dissector, content: Content, layer: Any, stream: int, place: int) -> bool:
        """Take a run from this place on, if there is one."""
        until = int(self._streams.until[place])
        if until - place < _SHORTEST:
            return False
        bulk: Bulk | None = layer.bulk()
        if bulk is None or not content.connection.is_running or not dissector.is_live(content):
            return False
        tries = self._tries.get(stream)
        if tries is None:
            tries = self._tries[stream] = _Tries()
        if place < tries.before:
            return False
        taken = _Taking(self, content, place, until, tries.octets).take(bulk)
        if taken is None:
            tries.went(place, good=False)
            return False
        tries.went(place, good=taken.whole)
        taken.tell(dissector, bulk)
        self._runs.append(taken.run)
        return True

    def _messages(self, dissector: Dissector) -> None:
        """The frames of MSRP messages are part of messages, but where something in them was not read."""
        states = np.frombuffer(dissector.ledger.states, np.uint8)
        unread = np.array(dissector.ledger.unread_codes(), np.uint8)
        for run in self._runs:
            for way in run.ways if run.protocol != "TLS" else ():
                rows = way.whole + 1
                states[rows[~np.isin(states[rows], unread)]] = dissector.ledger.MESSAGE


class _Taking:
    """A run being taken."""

    def __init__(self, engine: Engine, content: Content, place: int, until: int, most: int) -> None:
        self._engine, self._content = engine, content
        sorted_, heads = engine._streams, engine._heads
        rows = sorted_.rows[place:until]
        sizes = heads.octets[rows].astype(np.int64)
        whole = int(np.searchsorted(np.cumsum(sizes), most, "right"))
        self.whole = True
        self._rows, self._sizes = rows[: max(whole, 1)], sizes[: max(whole, 1)]
        upward = sorted_.upward[place : place + len(self._rows)]
        row = int(rows[0])
        source = Endpoint(unpack_address(heads.addresses[heads.source[row]]), int(heads.source_port[row]))
        first = 0 if source == content.connection.sides[0] else 1
        self._directions = np.where(upward == upward[0], first, 1 - first)
        self.run: Run

    def take(self, bulk: Bulk) -> _Taking | None:
        """Tell its messages apart; None: there is nothing to be taken."""
        engine, gather = self._engine, self._engine._file.gather
        connection, heads = self._content.connection, engine._heads
        cut = len(self._rows)
        found: list[tuple[Any, Any, Any, list[int], Any]] = []
        for direction in (0, 1):
            chosen = np.flatnonzero((self._directions == direction) & (self._sizes > 0))
            rows = self._rows[chosen]
            if len(rows) and not connection.streams[direction].follows(int(heads.sequence[rows[0]])):
                return None
            at, sizes = heads.data[rows], self._sizes[chosen]
            octets = gather(at.tolist(), sizes.tolist())
            starts = np.concatenate([[0], np.cumsum(sizes)])
            ends = _PARTED[bulk.protocol](octets)
            stopped = ends[-1] if ends else 0
            if stopped < len(octets):
                cut = min(cut, int(chosen[np.searchsorted(starts, stopped, "right") - 1]))
            found.append((chosen, at, starts, ends, octets))
        if cut < len(self._rows):
            self.whole = False
        if cut < _SHORTEST:
            return None
        self._cut(cut, found, bulk)
        return self

    def _cut(self, cut: int, found: list[tuple[Any, Any, Any, list[int], Any]], bulk: Bulk) -> None:
        """Keep what lies in the first so many rows."""
        ways, self._tails = [], []
        for chosen, at, starts, ends, octets in found:
            count = int(np.searchsorted(chosen, cut))
            reached = int(starts[count])
            kept = np.array(ends, np.int64)
            kept = kept[: np.searchsorted(kept, reached, "right")]
            way = Way(starts[: count + 1], at[:count], self._rows[chosen[:count]], kept)
            ways.append(way)
            self._tails.append(self._tail(way, int(kept[-1]) if len(kept) else 0, octets))
        self._octets = [octets[: int(way.starts[-1])] for way, (*_, octets) in zip(ways, found, strict=True)]
        self._rows, self._sizes, self._directions = self._rows[:cut], self._sizes[:cut], self._directions[:cut]
        self.run = Run(self._content, self._engine._file, bulk.protocol, (ways[0], ways[1]))

    @staticmethod
    def _tail(way: Way, begin: int, octets: bytes) -> list[tuple[bytes, int]]:
        """Octets behind the last whole message, with the frame of each part."""
        tail: list[tuple[bytes, int]] = []
        first = int(np.searchsorted(way.starts, begin, "right")) - 1
        for one in range(first, len(way.rows)):
            start = max(begin, int(way.starts[one]))
            tail.append((octets[start : int(way.starts[one + 1])], int(way.rows[one]) + 1))
        return tail

    def tell(self, dissector: Dissector, bulk: Bulk) -> None:
        """Let connection, readers and ledger know of what was taken."""
        engine, rows = self._engine, self._rows
        for row in rows.tolist():
            engine._done[row] = 1
        self._connection(dissector)
        for direction, way in enumerate(self.run.ways):
            whole = int(way.ends[-1]) if len(way.ends) else 0
            bulk.passed(direction, whole, len(way.ends), self._tails[direction])
        self._ledger(dissector)
        if bulk.protocol == "MSRP":
            self._content.add_later(self._sizes[self._sizes > 0].tolist(), self.run.pieces)

    def _connection(self, dissector: Dissector) -> None:
        engine, rows, heads = self._engine, self._rows, self._engine._heads
        time = float(engine.times(rows[-1]))
        engine._reached = max(engine._reached, float(engine.times(rows).max()))
        some = rows[:MOST_SEGMENTS]
        marks = self._directions[: len(some)] << 8 | heads.flags[some]
        table = np.stack([some + 1, marks, heads.sequence[some], heads.acknowledgment[some], heads.octets[some]], 1)
        self._content.connection.passed((rows + 1).astype(np.uint32).tobytes(), time, table.astype(np.uint32).tobytes(),
                                        (self._acknowledged(0), self._acknowledged(1)))
        for direction, octets in enumerate(self._octets):
            if octets:
                last = int(self.run.ways[direction].starts[-2])
                self._content.connection.streams[direction].passed(octets, len(octets) - last)
        dissector.passed(len(rows))

    def _acknowledged(self, direction: int) -> int | None:
        """The last acknowledgment that a direction sends."""
        heads, rows = self._engine._heads, self._rows[self._directions == direction]
        rows = rows[heads.flags[rows] & ACK > 0]
        return int(heads.acknowledgment[rows[-1]]) if len(rows) else None

    def _ledger(self, dissector: Dissector) -> None:
        ledger, frames = dissector.ledger, self._rows + 1
        waits, plain = dissector.segment_codes()
        carrying = self._sizes > 0
        states, sizes = np.frombuffer(ledger.states, np.uint8), np.frombuffer(ledger.sizes, np.uint32)
        states[frames] = np.where(carrying, waits, plain)
        sizes[frames[carrying]] = self._sizes[carrying]
        if self.run.protocol != "TLS":
            return
        for way in self.run.ways:
            count = len(way.ends)
            if count:
                code = ledger.unread_code("TLS records", NO_KEY, int(way.ends[-1]) - 5 * count)
                states[way.whole + 1] = code
