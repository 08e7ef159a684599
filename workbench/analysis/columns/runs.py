"""Runs: many messages of one connection that are told apart by columns, and made one by one when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from workbench.analysis import summaries
from workbench.analysis.carried.recogniser import unreadable
from workbench.analysis.chunks import Chunk, chunk_of
from workbench.analysis.columns import parting
from workbench.analysis.drafts import Content, Draft
from workbench.analysis.table import FEW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

NO_KEY = "no key for it"
_MOST_ASKED = 100


class Source(Protocol):
    """The octets of the capture file."""

    def read(self, at: int, size: int) -> bytes:
        """So many octets from here on; fewer where the file has none any more."""

    def gather(self, at: list[int], sizes: list[int]) -> bytes:
        """The octets of many places, one behind the other."""


class Way:
    """One direction of a run.

    Attributes:
        starts: where each of its segments begins, counted from the first octet of the run; and where the last ends.
        at: where in the file each segment's octets are.
        rows: of each segment in the capture.
        ends: where each message ends.
    """

    def __init__(self, starts: Numbers, at: Numbers, rows: Numbers, ends: Numbers) -> None:
        self.starts, self.at, self.rows, self.ends = starts.astype(np.int32), at, rows, ends.astype(np.int32)

    @property
    def completing(self) -> Numbers:
        """The row of the capture that completes each message."""
        return self.rows[np.searchsorted(self.starts, self.ends, "left") - 1]

    @property
    def whole(self) -> Numbers:
        """The rows of the capture with octets of whole messages."""
        return self.rows[: np.searchsorted(self.starts, self.ends[-1], "left")] if len(self.ends) else self.rows[:0]

    def frames(self, number: int) -> tuple[int, ...]:
        """The frames of a message."""
        first = self.starts.searchsorted(np.int32(self.begin(number)), "right") - 1
        found: list[int] = (self.rows[first : self.starts.searchsorted(self.ends[number], "left")] + 1).tolist()
        return tuple(found)

    def size(self, number: int) -> int:
        """Octets of a message."""
        return int(self.ends[number]) - self.begin(number)

    def begin(self, number: int) -> int:
        """Where a message begins."""
        return int(self.ends[number - 1]) if number else 0

    def octets(self, source: Source, begin: int, end: int) -> bytes:
        """The octets from here to there."""
        first, last = (int(np.searchsorted(self.starts, begin, "right")) - 1,
                       int(np.searchsorted(self.starts, end, "left")))
        starts = self.starts[first : last + 1]
        lead = begin - int(starts[0]) if len(starts) else 0
        octets = source.gather(self.at[first:last].tolist(), np.diff(starts).tolist())
        return octets[lead : lead + end - begin]


class Run:
    """A part of a connection, with all its messages.

    Args:
        content: of the connection.
        source: the capture file.
        protocol: `TLS` (records that nobody can read) or `MSRP`.
        ways: both directions.
    """

    def __init__(self, content: Content, source: Source, protocol: str, ways: tuple[Way, Way]) -> None:
        self.content, self.protocol, self.ways = content, protocol, ways
        self._source = source

    def draft(self, direction: int, number: int, time: float) -> Draft:
        """One of its messages."""
        way, connection = self.ways[direction], self.content.connection
        octets, value = b"", None
        if self.protocol == "TLS":
            told = unreadable(23, way.size(number), NO_KEY)
        else:
            octets = way.octets(self._source, way.begin(number), int(way.ends[number]))
            value = parting.message(octets)
            told = summaries.of_msrp(value)
        draft = Draft(self.protocol, way.frames(number), time, connection.wire, connection.sides[direction],
                      connection.sides[1 - direction], told)
        draft.value, draft.octets, draft.protected = value, octets, self.protocol == "TLS"
        draft.connection, draft.direction, draft.session = connection, direction, self.content.session
        return draft

    def chunks(self, direction: int) -> list[parting.Said]:
        """What each MSRP message of a direction says."""
        way = self.ways[direction]
        ends = way.ends.tolist()
        return list(parting.chunks(way.octets(self._source, 0, ends[-1]), ends)) if ends else []

    def pieces(self, count: int) -> Iterator[tuple[int, int, bytes]]:
        """Direction, frame and octets of the first so many segments, in order of the capture."""
        segments: list[tuple[int, int, int, int]] = []
        for direction, way in enumerate(self.ways):
            sizes = np.diff(way.starts).tolist()
            segments += zip(way.rows.tolist(), [direction] * len(sizes), way.at.tolist(), sizes, strict=True)
        for row, direction, at, size in sorted(segments)[:count]:
            yield direction, row + 1, self._source.read(at, size)


class Merged:
    """Drafts that are there and messages of runs, in order of completion: see `table.Drafts`.

    Args:
        drafts: those that are there.
        frames: the frame that completed each of them.
        runs: in any order.
        times: gives seconds since the first frame, of rows of the capture.
    """

    def __init__(self, drafts: list[Draft], frames: Any, runs: list[Run], times: Callable[[Any], Any]) -> None:
        self._drafts, self._runs, self.times = drafts, runs, times
        ways = [(number, direction, way) for number, run in enumerate(runs) for direction, way in enumerate(run.ways)]
        counts = [len(way.ends) for *_, way in ways]
        self._run = np.repeat(np.array([number for number, *_ in ways], np.int32), counts)
        self._direction = np.repeat(np.array([direction for _, direction, _ in ways], np.int8), counts)
        self._number = _joined([np.arange(count) for count in counts]).astype(np.int32)
        self._row = _joined([way.completing for *_, way in ways]).astype(np.int32)
        # Where octets that a run has left begin a message that never ends, the run's own messages come first.
        completed = np.frombuffer(frames, np.uint32).astype(np.int64)
        frame = np.concatenate([2 * completed + 1, 2 * (self._row.astype(np.int64) + 1)])
        self._what = np.argsort(frame, kind="stable").astype(np.int32)
        self._tell()

    def _tell(self) -> None:
        """Find each draft's protocol and connection."""
        names: dict[str, int] = {}
        protocols = [names.setdefault(draft.protocol, len(names)) for draft in self._drafts]
        connections = [-1 if draft.connection is None else draft.connection.number for draft in self._drafts]
        opaque = [draft.protected and draft.value is None and draft.protocol == "TLS" for draft in self._drafts]
        of_run = np.array([names.setdefault(run.protocol, len(names)) for run in self._runs], np.int16)
        on = np.array([run.content.connection.number for run in self._runs], np.int32)
        hidden = np.array([run.protocol == "TLS" for run in self._runs], np.bool_)
        self._names = names
        self._asked: dict[tuple[str, ...], Numbers] = {}
        self._protocol = np.concatenate([np.array(protocols, np.int16), of_run[self._run]])[self._what]
        directions = np.array([draft.direction for draft in self._drafts], np.int8)
        self._directions = np.concatenate([directions, self._direction])[self._what]
        connection = np.concatenate([np.array(connections, np.int32), on[self._run]])[self._what]
        self._readable = ~np.concatenate([np.array(opaque, np.bool_), hidden[self._run]])[self._what]
        self._by_connection = np.argsort(connection, kind="stable").astype(np.int32)
        bounds = np.arange(connection.max(initial=-1) + 2, dtype=np.int32)
        self._bounds: list[int] = np.searchsorted(connection[self._by_connection], bounds).tolist()

    def __len__(self) -> int:
        return len(self._what)

    def draft(self, place: int) -> Draft:
        """See `Drafts`."""
        what = int(self._what[place])
        if what < len(self._drafts):
            return self._drafts[what]
        what -= len(self._drafts)
        run = self._runs[int(self._run[what])]
        return run.draft(int(self._direction[what]), int(self._number[what]), float(self.times(self._row[what])))

    def holds(self, place: int) -> bool:
        """See `Drafts`."""
        return int(self._what[place]) < len(self._drafts)

    def of_protocols(self, protocols: Any, *, readable: bool = False) -> list[int]:
        """See `Drafts`."""
        return self._fitting(np.arange(len(self._what)), protocols, readable)

    def of_connection(self, number: int, protocols: Any = (), *, readable: bool = False) -> list[int]:
        """See `Drafts`."""
        return self._fitting(self._on(number), protocols or self._names, readable)

    def chunks(self, number: int) -> Iterator[Chunk]:
        """See `Drafts`."""
        places = np.array(self.of_connection(number, ("MSRP",)), np.int64)
        what = self._what[places]
        of_run = np.maximum(what - len(self._drafts), 0) if len(self._run) else np.zeros(0, np.int64)
        runs, directions = self._run[of_run].tolist(), self._direction[of_run].tolist()
        times = self.times(self._row[of_run]).tolist()
        if not runs:
            made = (chunk_of(place, self._drafts[one]) for place, one in zip(places.tolist(), what, strict=True))
            yield from (one for one in made if one is not None)
            return
        known = -1
        said: list[Iterator[parting.Said]] = []
        for place, one, run, direction, time in zip(places.tolist(), what.tolist(), runs, directions, times,
                                                    strict=True):
            if one < len(self._drafts):
                chunk = chunk_of(place, self._drafts[one])
                if chunk is not None:
                    yield chunk
                continue
            if run != known:
                known, said = run, [iter(self._runs[run].chunks(towards)) for towards in (0, 1)]
            yield _chunk(place, time, direction, next(said[direction]))

    def outline(self, number: int) -> list[int]:
        """See `Drafts`."""
        places = self._on(number)
        alike = ~self._readable[places] | (self._protocol[places] == self._names.get("MSRP", -1))
        kind = np.where(alike, self._protocol[places] * 2 + self._directions[places], -1)
        kept = ~alike
        for one in np.unique(kind[alike]):
            kept[np.flatnonzero(kind == one)[:FEW]] = True
        found: list[int] = places[kept].tolist()
        return found

    def _on(self, number: int) -> Numbers:
        """The places of a connection's drafts."""
        first, behind = self._bounds[number : number + 2] if 0 <= number < len(self._bounds) - 1 else (0, 0)
        return self._by_connection[first:behind]

    def _wanted(self, protocols: tuple[str, ...]) -> Numbers:
        """Which numbers of protocols are of these."""
        found = self._asked.get(protocols)
        if found is None:
            found = np.isin(np.arange(len(self._names)), [self._names.get(one, -1) for one in protocols])
            if len(self._asked) < _MOST_ASKED:
                self._asked[protocols] = found
        return found

    def _fitting(self, places: Numbers, protocols: Any, readable: bool) -> list[int]:
        fits = self._wanted(tuple(protocols))[self._protocol[places]]
        found: list[int] = places[fits & self._readable[places] if readable else fits].tolist()
        return found


def _chunk(place: int, time: float, direction: int, said: parting.Said) -> Chunk:
    if said[2]:
        return Chunk(place, time, direction, *said[:4])
    return Chunk(place, time, direction, *said)


def _joined(parts: list[Numbers]) -> Numbers:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
