"""A capture is copied, rewritten where it lies, looked through, and only then put in its place.

The copy is a file of its own, mapped into memory, so what is held does not grow with what is in the packets.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from array import array
from collections.abc import Callable
from mmap import mmap
from pathlib import Path

import msgspec

from workbench.analysis.pcapng import Reader, Writer
from workbench.anonymizing.checks import Look, change_of, right_again
from workbench.anonymizing.datagrams import Datagrams, read, write
from workbench.anonymizing.frames import Layer, is_plain, layers, payload
from workbench.anonymizing.handshakes import Handshakes
from workbench.anonymizing.headers import Headers, Pending
from workbench.anonymizing.mapping import MOST_VALUES, Mapping
from workbench.anonymizing.streams import Stream, Walker
from workbench.anonymizing.texts import Texts
from workbench.anonymizing.words import known
from workbench.errors import CaptureError
from workbench.net.packets import SYN, TCP, UDP

_IN_FRONT = 28      # block header and fields of an Enhanced Packet Block in front of the frame
_KEEP_TAIL = 64
_MOST_TAILS = 20_000
_EVERY = 2000

Watch = Callable[[str, int], None]
_Key = tuple[int, str, str, int, int]


class Result(msgspec.Struct, frozen=True):
    """What was done.

    Args:
        frames: written.
        values: different originals that were replaced and looked for.
        zeros: octets of payload that were not understood, and are zeros now.
        notes: for people.
    """

    frames: int
    values: int
    zeros: int
    notes: tuple[str, ...]


def anonymize(source: str | os.PathLike[str], target: str | os.PathLike[str], *, key: bytes | None = None,
              watch: Watch | None = None) -> Result:
    """Write a capture with other addresses, identities, keys and contents, frame by frame as long as it was.

    Args:
        source: pcapng or pcap, packed or not.
        target: path of the pcapng file to write. It is not touched if anything goes wrong.
        key: what all replacements follow from; another one each time if it is None.
        watch: told what is under way, and how many frames are done.

    Raises:
        CaptureError: no capture, nothing in it, the file can't be written, or an original value would be visible.
    """
    place = Path(target)
    if place.exists() and place.samefile(source):
        raise CaptureError(f"{place}: the result can't take the place of the capture itself")
    try:
        number, name = tempfile.mkstemp(prefix=".anonymize-", suffix=".pcapng", dir=place.parent)
    except OSError as error:
        raise CaptureError(f"{place.parent}: {error.strerror or error}") from None
    os.close(number)
    try:
        result = _Work(source, name, Mapping(key or secrets.token_bytes(32)), watch or _silent).run()
        os.replace(name, place)
    finally:
        Path(name).unlink(missing_ok=True)
    return result


def _silent(_told: str, _frames: int) -> None:
    """Nobody watches."""


class _Work:
    """One capture on its way."""

    def __init__(self, source: str | os.PathLike[str], copy: str, mapping: Mapping, watch: Watch) -> None:
        self._source, self._copy, self._map, self._watch = source, copy, mapping, watch
        self._places, self._sizes, self._links, self._wires = array("Q"), array("I"), array("I"), array("I")
        self._texts, self._handshakes = Texts(mapping), Handshakes(mapping)
        self._datagrams = Datagrams(mapping, self._texts, self._handshakes)
        self._streams: dict[_Key, Stream] = {}
        self._done: list[Stream] = []
        self._later: list[tuple[_Key, tuple[tuple[int, int], ...]]] = []
        self._fragments: dict[tuple[int, str, str, int, int], dict[int, list[tuple[int, int]]]] = {}
        self._zeros = 0
        self._notes: list[str] = []

    def run(self) -> Result:
        self._copy_frames()
        with open(self._copy, "r+b") as file, mmap(file.fileno(), 0) as memory:
            self._find_payloads(memory)
            self._rewrite(memory)
            self._headers(memory)
            memory.flush()
        if self._map.full:
            self._notes.append(f"over {MOST_VALUES} different values: the rest was replaced, but not looked for")
        return Result(len(self._places), len(self._map.values) + len(self._map.addresses), self._zeros,
                      tuple(self._notes))

    # --- the copy

    def _copy_frames(self) -> None:
        wires: dict[tuple[str, int], int] = {}
        names: dict[str, str] = {}
        with Reader(self._source) as reader, Writer(self._copy, comment="anonymized") as writer:
            for packet in reader:
                known_wire = wires.get((packet.wire, packet.link))
                if known_wire is None:
                    name = names.setdefault(packet.wire, f"wire {len(names) + 1}")
                    known_wire = wires[packet.wire, packet.link] = writer.interface(name, packet.link)
                self._places.append(writer.octets + _IN_FRONT)
                self._sizes.append(len(packet.octets))
                self._links.append(packet.link)
                self._wires.append(known_wire)
                writer.packet(known_wire, packet.time_ns, packet.octets, length=packet.length)
                self._tell("copying", packet.number)
            self._notes += reader.notes
        if not self._places:
            raise CaptureError("; ".join(self._notes) or f"{self._source}: no packets")

    def _tell(self, what: str, frames: int) -> None:
        if frames % _EVERY == 0:
            self._watch(what, frames)

    # --- what there is

    def _find_payloads(self, memory: mmap) -> None:
        for at, place in enumerate(self._places):
            self._tell("reading", at)
            octets = memory[place : place + self._sizes[at]]
            found = layers(self._links[at], octets)
            if not found:
                continue
            layer = found[-1]
            if layer.ip.is_fragment:
                self._fragment(memory, at, place, layer)
            elif is_plain(layer):
                self._take(memory, at, place, layer, octets)
        for key in list(self._fragments):
            self._give_up(memory, key)

    def _take(self, memory: mmap, at: int, place: int, layer: Layer, octets: bytes) -> None:
        begin, end = payload(layer, octets)
        ip, head = layer.ip, layer.begin
        ports = int.from_bytes(octets[head : head + 2], "big"), int.from_bytes(octets[head + 2 : head + 4], "big")
        key: _Key = (self._wires[at], ip.source, ip.destination, *ports)
        if ip.protocol == UDP and end > begin:
            self._datagram(memory, key, ((place + begin, end - begin),))
        elif ip.protocol == TCP and layer.end - head >= 20:
            sequence, flags = int.from_bytes(octets[head + 4 : head + 8], "big"), octets[head + 13]
            first = (sequence + 1 if flags & SYN else sequence) & 0xFFFFFFFF
            stream = self._streams.get(key)
            if stream is None or (flags & SYN and stream.initial != first):
                if stream is not None:
                    self._done.append(stream)
                stream = self._streams[key] = Stream(first)
            if end > begin:
                stream.add(first, place + begin, end - begin)

    def _fragment(self, memory: mmap, at: int, place: int, layer: Layer) -> None:
        ip = layer.ip
        key = (self._wires[at], ip.source, ip.destination, ip.protocol, ip.ident)
        parts = self._fragments.setdefault(key, {})
        parts.setdefault(ip.fragment_offset, []).append((place + layer.begin, layer.end - layer.begin))
        if not ip.more_fragments:
            parts.setdefault(-1, []).append((ip.fragment_offset + layer.end - layer.begin, 0))
        if -1 in parts and _covers(parts):
            self._whole(memory, key, self._fragments.pop(key))
        elif len(self._fragments) > 1024:
            self._give_up(memory, next(iter(self._fragments)))

    def _whole(self, memory: mmap, key: tuple[int, str, str, int, int],
               parts: dict[int, list[tuple[int, int]]]) -> None:
        """All fragments of a datagram are there; TCP in fragments is rare, and is not read."""
        offsets = sorted(one for one in parts if one >= 0)
        head = memory[parts[0][0][0] : parts[0][0][0] + 8]
        if key[3] != UDP or len(head) < 8 or any(len(parts[one]) > 1 for one in offsets):
            self._blank(memory, parts)
            return
        extents = [(at + 8, size - 8) if one == 0 else (at, size) for one in offsets for at, size in parts[one]]
        ports = int.from_bytes(head[:2], "big"), int.from_bytes(head[2:4], "big")
        self._datagram(memory, (*key[:3], *ports), tuple(extents))

    def _give_up(self, memory: mmap, key: tuple[int, str, str, int, int]) -> None:
        self._blank(memory, self._fragments.pop(key))

    def _blank(self, memory: mmap, parts: dict[int, list[tuple[int, int]]]) -> None:
        for offset, places in parts.items():
            for at, size in places if offset >= 0 else ():
                kept = min(8, size) if offset == 0 else 0
                memory[at + kept : at + size] = bytes(size - kept)
                self._zeros += size - kept

    def _datagram(self, memory: mmap, key: _Key, extents: tuple[tuple[int, int], ...]) -> None:
        at, size = extents[0]
        if self._datagrams.is_dtls(memory[at : at + size]):
            self._datagrams.dtls(key, memory, extents)
        else:
            self._later.append((key, extents))

    # --- what becomes of it

    def _rewrite(self, memory: mmap) -> None:
        """Certificates first: texts name their digests."""
        self._datagrams.flights.rewrite(memory)
        walker = Walker(self._texts, self._handshakes, self._map.octets)
        streams = [*self._done, *self._streams.values()]
        ordered = sorted(streams, key=lambda stream: not stream.is_tls(memory))
        for at, stream in enumerate(ordered):
            self._tell("rewriting streams", at)
            self._zeros += stream.rewrite(memory, walker)
        for at, (key, extents) in enumerate(self._later):
            self._tell("rewriting datagrams", at)
            new, understood = self._datagrams.other(key, read(memory, extents))
            write(memory, extents, new)
            self._zeros += 0 if understood else len(new)

    # --- headers, checksums, and the look at all of it

    def _headers(self, memory: mmap) -> None:
        pending: dict[tuple[int, str, str, int, int], Pending] = {}
        headers = Headers(self._map, lambda octets: self._datagrams.other("SCTP", octets))
        with Reader(self._source) as reader:
            for at, packet in enumerate(reader):
                self._tell("writing headers", at)
                place = self._places[at]
                new = bytearray(memory[place : place + self._sizes[at]])
                found = layers(packet.link, packet.octets)
                headers.rewrite(packet.link, packet.octets, new, found)
                for layer in reversed(found):
                    right_again(layer, packet.octets, new, 0 if layer.ip.is_fragment else None)
                memory[place : place + len(new)] = bytes(new)
                if found and found[-1].ip.is_fragment:
                    self._part(pending, at, place, found[-1], packet.octets, new)
        for one in pending.values():
            one.settle(memory)
        self._zeros += headers.zeros
        self._look(memory)

    def _part(self, pending: dict[tuple[int, str, str, int, int], Pending], at: int, place: int, layer: Layer,
              old: bytes, new: bytearray) -> None:
        key = (self._wires[at], layer.ip.source, layer.ip.destination, layer.ip.protocol, layer.ip.ident)
        pending.setdefault(key, Pending(layer.ip.protocol)).take(place, layer, change_of(layer, old, new))

    # --- nothing may be seen

    def _look(self, memory: mmap) -> None:
        look = Look(self._map, known())
        tails: dict[tuple[str, str, int, bytes], tuple[bytes, bytes]] = {}
        with Reader(self._source) as reader:
            for at, packet in enumerate(reader):
                self._tell("looking for originals", at)
                place = self._places[at]
                new = memory[place : place + self._sizes[at]]
                where = f"frame {packet.number}"
                look.at(packet.octets, new, where)
                found = layers(packet.link, packet.octets)
                if not found or found[-1].ip.is_fragment:
                    continue
                begin, end = payload(found[-1], packet.octets)
                if end <= begin or found[-1].ip.protocol != TCP:
                    continue
                ip = found[-1].ip
                key = (ip.source, ip.destination, self._wires[at], packet.octets[found[-1].begin : found[-1].begin + 4])
                before = tails.get(key, (b"", b""))
                olds, news = before[0] + packet.octets[begin:end], before[1] + new[begin:end]
                if before[0]:
                    stop = len(before[0]) + _KEEP_TAIL
                    look.at(olds[:stop], news[:stop], f"{where} and the one before of its connection")
                tails[key] = olds[-_KEEP_TAIL:], news[-_KEEP_TAIL:]
                if len(tails) > _MOST_TAILS:
                    del tails[next(iter(tails))]


def _covers(parts: dict[int, list[tuple[int, int]]]) -> bool:
    end = 0
    for offset in sorted(one for one in parts if one >= 0):
        if offset > end:
            return False
        end = max(end, offset + parts[offset][0][1])
    return end >= parts[-1][0][0]
