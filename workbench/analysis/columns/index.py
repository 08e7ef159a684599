"""Where the packets of a capture file are: every record header in one pass, without a Python step for each.

A capture is a chain: only a record's length says where the next one begins. The chain is followed from many places of
the file at once, each a place that looks like a record; a run that does not end exactly where the next one began was
started in the middle of something, and is followed again from the one before it. So guesses cost time, never truth.

Names, interfaces, secrets and what is wrong with the file come from `pcapng.Reader`, which reads what is no packet.

Source: draft-ietf-opsawg-pcapng (blocks by number), draft-ietf-opsawg-pcap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from workbench.analysis import pcapng

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Offsets = NDArray[np.int64]
    Octets = NDArray[np.uint8]

# A run begins about every so many octets; a beginning is looked for in so many of them.
_RUN = 1 << 19
_LOOKED_THROUGH = 1 << 14
# So much of a file is looked at before it may be let go of again.
_WINDOW = 1 << 26
_PACKETS = (pcapng.ENHANCED_PACKET, pcapng.PACKET)
_TAKEN = (pcapng.SECTION, pcapng.INTERFACE, pcapng.NAMES, pcapng.SECRETS)
_SECTION = pcapng.SECTION.to_bytes(4, "big")
_PCAP_HEADER = 24


def _nothing() -> None:
    pass


class Index(msgspec.Struct):
    """The packets of one file, a column each.

    Args:
        at: offset of the first captured octet in the file.
        captured: octets captured.
        length: octets on the wire.
        time_ns: nanoseconds since 1970-01-01 UTC.
        interface: which of `interfaces`.
        interfaces: where packets were captured, over all sections of the file.
        comments: row to frame comment, where there is one.
    """

    at: Offsets
    captured: NDArray[np.uint32]
    length: NDArray[np.uint32]
    time_ns: Offsets
    interface: NDArray[Any]
    interfaces: list[pcapng.Interface]
    comments: dict[int, str]

    def __len__(self) -> int:
        return len(self.at)

    def slim(self) -> Index:
        """The same in less memory: most captures have few interfaces, and all octets of their packets."""
        if len(self.interfaces) <= 256:
            self.interface = self.interface.astype(np.uint8)
        if (self.length == self.captured).all():
            self.length = self.captured
        return self


class OneByOneError(Exception):
    """The file has blocks that only reading one after the other makes sense of (Simple Packet Blocks)."""


class Chain(Protocol):
    """Records that follow one another."""

    def after(self, at: Offsets) -> Offsets:
        """Where the records behind these begin; -1 for what is no whole record."""

    def candidates(self, low: int, high: int) -> Offsets:
        """Places between two offsets that look like the beginning of a record, in ascending order."""


def chase(chain: Chain, begin: int, end: int, run: int = _RUN) -> tuple[Offsets, int]:
    """Follow a chain of records.

    Args:
        chain: how to go on.
        begin: where a record begins for certain.
        end: the file's size.
        run: about how many octets one run covers.

    Returns:
        Where every record begins, and the first offset that belongs to none of them: `end`, or the break.
    """
    starts = _starts(chain, begin, end, run)
    limits = np.append(starts[1:], end)
    places, behind = _runs(chain, starts, limits)
    kept: list[Offsets] = []
    at = begin
    index = {int(start): number for number, start in enumerate(starts)}
    number: int | None = 0
    while number is not None:
        kept.append(places[number])
        at = int(behind[number])
        if at < 0:
            last = int(places[number][-1])
            return _joined(kept)[:-1], last
        # The run has ended where another one began, or it goes on alone until it meets one, or the break.
        number = index.get(at)
        while number is None and at < end:
            step = int(chain.after(np.array([at]))[0])
            if step < 0:
                return _joined(kept), at
            kept.append(np.array([at]))
            at = step
            number = index.get(at)
        if at >= end:
            break
    return _joined(kept), at


def _starts(chain: Chain, begin: int, end: int, run: int) -> Offsets:
    """One believable beginning for each run, the certain one first."""
    found = [begin]
    for low in range(begin + run, end, run):
        candidates = chain.candidates(low, min(low + _LOOKED_THROUGH, end))
        good = candidates[_goes_on(chain, candidates, end)]
        if len(good) and int(good[0]) > found[-1]:
            found.append(int(good[0]))
    return np.array(found, np.int64)


def _goes_on(chain: Chain, at: Offsets, end: int) -> NDArray[np.bool_]:
    """Which of the places are followed by a record, or by the file's end."""
    behind = chain.after(at)
    good = behind > 0
    within = good & (behind < end)
    good[within] = chain.after(behind[within]) > 0
    return good


def _runs(chain: Chain, starts: Offsets, limits: Offsets) -> tuple[list[Offsets], Offsets]:
    """All runs at the same time: the records of each, and where it stood when it reached its limit (-1: a break)."""
    position = starts.copy()
    running = np.arange(len(starts))
    steps: list[Offsets] = []
    while len(running):
        here = position[running]
        steps.append(here)
        there = chain.after(here)
        position[running] = there
        running = running[(there >= 0) & (there < limits[running])]
    if not steps:
        return [], position
    places = np.sort(np.concatenate(steps))
    return np.split(places, np.searchsorted(places, starts[1:])), position


def _joined(kept: list[Offsets]) -> Offsets:
    return np.concatenate(kept) if kept else np.zeros(0, np.int64)


class Blocks:
    """The blocks of a pcapng section, as a chain.

    Args:
        octets: the file.
        order: `<` or `>`.
    """

    def __init__(self, octets: Octets, order: str) -> None:
        self.octets = octets
        self.words: NDArray[Any] = octets[: len(octets) // 4 * 4].view(np.dtype(f"{order}u4"))
        self._end = len(octets)

        self._low = order == "<"

    def word(self, at: Offsets, number: int) -> Offsets:
        """The `number`th word of each block."""
        found: Offsets = self.words[np.minimum((at >> 2) + number, len(self.words) - 1)].astype(np.int64)
        return found

    def fields(self, at: Offsets) -> NDArray[np.uint32]:
        """Of packet blocks: interface, high and low half of the time stamp, captured, length; a row for each."""
        found = np.stack([self.word(at, number).astype(np.uint32) for number in range(2, 7)], axis=1)
        old = self.word(at, 0) == pcapng.PACKET
        found[old, 0] = found[old, 0] & 0xFFFF if self._low else found[old, 0] >> 16
        return found

    def after(self, at: Offsets) -> Offsets:
        """Where the block behind each one begins; -1 where it is no whole block."""
        words, place = self.words, at >> 2
        last = len(words) - 1
        total = words[np.minimum(place + 1, last)].astype(np.int64)
        behind = at + total
        good = (at + 12 <= self._end) & (total >= 12) & (total & 3 == 0) & (behind <= self._end)
        good &= words[np.where(good, (behind >> 2) - 1, last)] == total
        sections = good & (words[np.minimum(place, last)] == pcapng.SECTION)
        good &= ~sections | (words[np.minimum(place + 2, last)] == pcapng.BYTE_ORDER_MAGIC)
        return np.where(good, behind, -1)

    def candidates(self, low: int, high: int) -> Offsets:
        """Where a packet block may begin from `low` to `high`."""
        low = -(-low // 4)
        return (np.flatnonzero(self.words[low : high // 4] == pcapng.ENHANCED_PACKET) + low) * 4


class Records:
    """The packet records of a classic pcap file, as a chain.

    Args:
        octets: the file.
        order: `<` or `>`.
        fraction: how many units of the time stamp make a second.
    """

    def __init__(self, octets: Octets, order: str, fraction: int) -> None:
        self._octets, self._kind, self._fraction = octets, np.dtype(f"{order}u4"), fraction
        self._end = len(octets)

    def fields(self, at: Offsets) -> NDArray[np.int64]:
        """Seconds, fraction, captured, length: a row for each record header."""
        return rows(self._octets, at, 16).view(self._kind).astype(np.int64)

    def after(self, at: Offsets) -> Offsets:
        """Where the record behind each one begins; -1 where it is no whole record."""
        _, _, captured, length = self.fields(at).T
        behind = at + 16 + captured
        good = (behind <= self._end) & (captured <= pcapng.MAX_PACKET)
        good &= captured <= np.maximum(length, 1) + 65_536
        return np.where(good, behind, -1)

    def candidates(self, low: int, high: int) -> Offsets:
        """Where a record may begin from `low` to `high`."""
        at = np.arange(low, min(high, self._end - 16), dtype=np.int64)
        seconds, fraction, captured, length = self.fields(at).T
        first = self.fields(np.array([24]))[0, 0]
        near = np.abs(seconds - first) < 10 * 86_400
        found: Offsets = at[near & (fraction < self._fraction) & (captured > 0) & (captured <= length)]
        return found


def rows(octets: Octets, at: Offsets, width: int) -> Octets:
    """`width` octets from each place on, one row each; behind the end stand zeros."""
    if len(octets) < width:
        octets = np.concatenate([octets, np.zeros(width, np.uint8)])
    view = np.lib.stride_tricks.sliding_window_view(octets, width)
    found: Octets = view[np.clip(at, 0, len(view) - 1)]
    for row in np.flatnonzero(at >= len(view)):
        rest = octets[int(at[row]) :][:width]
        found[row] = 0
        found[row, : len(rest)] = rest
    return found


def index(reader: pcapng.Reader, octets: Octets, seen: Callable[[], None] = _nothing) -> Index:
    """All packets of a file that `reader` has opened; its names, secrets and notes fill meanwhile.

    Args:
        reader: of the file.
        octets: of the file.
        seen: called now and then: what was looked at so far need not be kept in memory.

    Raises:
        OneByOneError: `reader` has to be iterated instead.
    """
    if not reader.is_uniform:
        raise OneByOneError
    if reader.format == "pcap":
        return _pcap(reader, octets, seen)
    parts = list(_sections(reader, octets, seen))
    interfaces = [interface for part in parts for interface in part.interfaces]
    comments: dict[int, str] = {}
    packets = known = 0
    for part in parts:
        comments.update({packets + row: text for row, text in part.comments.items()})
        part.interface = part.interface + known
        packets, known = packets + len(part), known + len(part.interfaces)
    names = ("at", "captured", "length", "time_ns", "interface")
    columns: dict[str, Any] = {name: _joined([getattr(part, name) for part in parts]) for name in names}
    return Index(**columns, interfaces=interfaces, comments=comments).slim()


def _pcap(reader: pcapng.Reader, octets: Octets, seen: Callable[[], None]) -> Index:
    order, tick = reader.timing
    chain = Records(octets, order, 10**9 // tick)
    windows, stopped = [], _PCAP_HEADER
    fields = [np.zeros((0, 4), np.uint32)]
    for at, behind in _windows(chain, _PCAP_HEADER, len(octets)):
        windows.append(at)
        fields.append(chain.fields(at).astype(np.uint32))
        stopped = behind
        seen()
    at = _joined(windows)
    seconds, fraction, captured, length = (column.copy() for column in np.concatenate(fields).T)
    _break(reader, stopped, len(at), len(octets))
    times = seconds.astype(np.int64) * 10**9 + fraction.astype(np.int64) * tick
    return Index(at + 16, captured, length, times, np.zeros(len(at), np.int32),
                 list(reader.interfaces), {}).slim()


def _break(reader: pcapng.Reader, at: int, packets: int, end: int) -> None:
    """The chain has ended here: the reader says why, if it was not the file's end."""
    if reader.stands(at, packets) and at < end:
        raise OneByOneError


def _windows(chain: Chain, begin: int, end: int) -> Iterator[tuple[Offsets, int]]:
    """The records in parts of the file that lie one behind the other, and the offset behind each part's."""
    while begin < end:
        limit = min(begin + _WINDOW, end)
        at, behind = chase(chain, begin, limit)
        yield at, behind
        if behind < limit:
            return
        begin = behind


def _sections(reader: pcapng.Reader, octets: Octets, seen: Callable[[], None]) -> Iterator[Index]:
    """The packets, in parts of one byte order each, as far as the file can be followed."""
    begin, end, packets = 0, len(octets), 0
    while begin < end:
        blocks = Blocks(octets, reader.timing[0])
        parts, stopped = [], begin
        for at, behind in _windows(blocks, begin, end):
            parts.append(Found(blocks, at))
            stopped = behind
            seen()
        found = Found.joined(parts)
        whole = found.whole()
        stopped = stopped if whole == len(found.at) else int(found.at[whole])
        part = _part(reader, found.first(whole))
        packets += len(part)
        yield part
        order = reader.timing[0]
        if octets[stopped : stopped + 4].tobytes() != _SECTION or not _turns(reader, stopped, order):
            _break(reader, stopped, packets, end)
            return
        begin = stopped


def _turns(reader: pcapng.Reader, at: int, order: str) -> bool:
    """Whether a section in the other byte order begins here."""
    try:
        reader.block(at)
    except pcapng.BreakError:
        return False
    return reader.timing[0] != order


class Found:
    """Blocks that have been found: `kind`, `total` and `fields`, a row each."""

    def __init__(self, blocks: Blocks, at: Offsets) -> None:
        self.octets, self.at = blocks.octets, at
        self.kind, self.total, self.fields = blocks.word(at, 0), blocks.word(at, 1), blocks.fields(at)
        self.packet = _one_of(self.kind, _PACKETS)

    @classmethod
    def joined(cls, parts: list[Found]) -> Found:
        """The blocks of all parts."""
        found = parts[0]
        for name in ("at", "kind", "total", "fields", "packet") if len(parts) > 1 else ():
            setattr(found, name, np.concatenate([getattr(part, name) for part in parts]))
        return found

    def first(self, count: int) -> Found:
        """The blocks before the `count`th."""
        for name in ("at", "kind", "total", "fields", "packet"):
            setattr(self, name, getattr(self, name)[:count])
        return self

    def whole(self) -> int:
        """How many blocks there are before the first that a reader can't take."""
        kind, total = self.kind, self.total
        if (kind == pcapng.SIMPLE_PACKET).any():
            raise OneByOneError
        number, captured = self.fields[:, 0], self.fields[:, 3]
        bad = (total < 32) | (number >= _described(kind)) | (captured > total - 32) | (captured > pcapng.MAX_PACKET)
        bad &= self.packet
        bad |= (total > pcapng.MAX_BLOCK) & _one_of(kind, pcapng.READ)
        return int(np.argmax(bad)) if bad.any() else len(kind)


def _one_of(kind: Offsets, kinds: tuple[int, ...]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = kind == kinds[0]
    for other in kinds[1:]:
        found |= kind == other
    return found


def _described(kind: Offsets) -> Offsets:
    """For each block, how many interfaces its section has described before it."""
    described = np.cumsum(kind == pcapng.INTERFACE)
    return described - _at_section(kind, described)


def _at_section(kind: Offsets, running: Offsets) -> Offsets:
    """For each block, what `running` was where its section began; 0 before the first section header."""
    sections = np.flatnonzero(kind == pcapng.SECTION)
    if not len(sections):
        return np.zeros(len(kind), np.int64)
    of = np.searchsorted(sections, np.arange(len(kind)), side="right") - 1
    return np.where(of >= 0, running[sections[np.maximum(of, 0)]], 0)


def _part(reader: pcapng.Reader, found: Found) -> Index:
    """The packets among whole blocks; the others go to the reader, up to one that it refuses."""
    interfaces: list[pcapng.Interface] = []
    for row in np.flatnonzero(_one_of(found.kind, _TAKEN)):
        try:
            reader.block(int(found.at[row]))
        except pcapng.BreakError as error:
            found.first(int(row))
            reader.notes.append(reader.broke(error))
            break
        if found.kind[row] == pcapng.INTERFACE:
            interfaces.append(reader.section[-1])
    described = found.kind == pcapng.INTERFACE
    first = _at_section(found.kind, np.cumsum(described))
    packet = found.packet
    at, total = found.at[packet], found.total[packet]
    number, high, low, captured, length = (column.copy() for column in found.fields[packet].T)
    interface = (number + first[packet]).astype(np.int32)
    stamp = high.astype(np.uint64) << np.uint64(32) | low.astype(np.uint64)
    return Index(at + 28, captured, length, _times(stamp, interface, interfaces), interface, interfaces,
                 _comments(reader, found.octets, at + 28 + captured + (-captured & 3), at + total - 4))


def _times(stamp: NDArray[np.uint64], interface: Offsets, interfaces: list[pcapng.Interface]) -> Offsets:
    """Nanoseconds since 1970 of each time stamp, in the units of its interface."""
    found = np.zeros(len(stamp), np.int64)
    for number in np.unique(interface).tolist():
        chosen = interface == number
        (over, under), offset = interfaces[number].tick, interfaces[number].offset
        units = stamp[chosen]
        if over * under <= 2**60 and int(units.max()) // under < pcapng.LATEST_NS // over:
            whole, rest = units // np.uint64(under), units % np.uint64(under)
            nanoseconds = (whole * np.uint64(over) + rest * np.uint64(over) // np.uint64(under)).astype(np.int64)
        else:
            exact = [min(int(unit) * over // under, pcapng.LATEST_NS) for unit in units.tolist()]
            nanoseconds = np.array(exact, np.int64)
        found[chosen] = nanoseconds + offset * 10**9
    return found


def _comments(reader: pcapng.Reader, octets: Octets, begin: Offsets, end: Offsets) -> dict[int, str]:
    """The comments of packets, by row: their options stand between `begin` and `end`."""
    found = {}
    for row in np.flatnonzero(end > begin + 4):
        text = reader.comment(octets[int(begin[row]) : int(end[row])].tobytes())
        if text:
            found[int(row)] = text
    return found
