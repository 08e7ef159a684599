"""Several captures as one, by time: one plain file that is read like any other, and where each of its frames is from.

Interfaces of one name are one wire if their files follow one another, as those of a ring buffer do. In files that
overlap in time they are different places, and are kept apart.
"""

from __future__ import annotations

import heapq
import os
import shutil
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from workbench.analysis.pcapng import Packet, Reader, Writer, scan
from workbench.errors import CaptureError

MOST_FILES = 256
_TOLD_GAP_NS = 60 * 10**9
_MOST_NAME = 100


class Origin(msgspec.Struct, frozen=True):
    """Where a frame of merged captures is from: the file as it was named, and the frame's number there."""

    capture: str
    number: int


class _Survey(msgspec.Struct, frozen=True):
    """Of one file: times of its earliest and its latest frame (None: it has none), names of addresses, TLS secrets."""

    span: tuple[int, int] | None
    names: dict[str, str]
    secrets: str


class Merged:
    """Captures merged by time.

    Attributes:
        path: of the merged capture, which is removed when nobody holds this value any more.
        notes: what was wrong with the files, and where their clocks or times do not go together.

    Raises:
        CaptureError: a file can't be read or is no capture, or there are too many.
    """

    def __init__(self, captures: Sequence[str | os.PathLike[str]]) -> None:
        if len(captures) > MOST_FILES:
            raise CaptureError(f"{len(captures)} captures; {MOST_FILES} can be merged at once")
        self.captures = [os.fspath(one) for one in captures]
        self.notes: list[str] = []
        self._file, self._number = array("H"), array("I")
        folder = Path(tempfile.mkdtemp(prefix="workbench-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        name = "+".join(Path(one).name for one in self.captures)
        self.path = folder / (name[:_MOST_NAME].encode("ascii", "replace").decode().replace("?", "_") + ".pcapng")
        try:
            self._write([_survey(one) for one in self.captures])
        except OSError as error:
            raise CaptureError(f"can't merge into {tempfile.gettempdir()}: {error.strerror or error}") from None

    def origin(self, frame: int) -> Origin:
        """Where a frame of the merged capture is from. Raises CaptureError: there is no such frame."""
        if not 1 <= frame <= len(self._file):
            raise CaptureError(f"{len(self._file)} frames were merged; there is no frame {frame}")
        return Origin(self.captures[self._file[frame - 1]], self._number[frame - 1])

    def _write(self, surveys: list[_Survey]) -> None:
        spans = [one.span for one in surveys]
        labels = _labels(self.captures, spans)
        self._gaps(spans)
        # Frames of one time come in the order of their files, which is that of their first frames.
        order = sorted(range(len(spans)), key=lambda file: spans[file] or (0, 0))
        readers = [Reader(one) for one in self.captures]
        with Writer(self.path) as writer:
            self._words(writer, surveys)
            wires: dict[tuple[str, int], int] = {}
            for _, file, packet in heapq.merge(*(_numbered(readers[file], file) for file in order),
                                               key=lambda one: one[0]):
                wire = (packet.wire + labels[file], packet.link)
                if wire not in wires:
                    wires[wire] = writer.interface(*wire)
                writer.packet(wires[wire], max(packet.time_ns, 0), packet.octets, packet.comment, packet.length)
                self._file.append(file)
                self._number.append(packet.number)
        for reader in readers:
            reader.close()
            self.notes += reader.notes

    def _words(self, writer: Writer, surveys: list[_Survey]) -> None:
        """Names and secrets of all files, in front of all packets."""
        names: dict[str, str] = {}
        for one, survey in zip(self.captures, surveys, strict=True):
            for address, name in survey.names.items():
                if names.setdefault(address, name) != name:
                    self.notes.append(f"{Path(one).name} calls {address} {name}; {names[address]} is kept")
            writer.secrets(survey.secrets)
        writer.names(names)

    def _gaps(self, spans: list[tuple[int, int] | None]) -> None:
        order = sorted((span, file) for file, span in enumerate(spans) if span is not None)
        for ((_, end), one), ((begin, _), other) in pairwise(order):
            if begin - end > _TOLD_GAP_NS:
                a, b = (Path(self.captures[file]).name for file in (one, other))
                self.notes.append(f"{b} begins {(begin - end) / 1e9:.0f} s after {a} has ended: nothing was captured "
                                  "in between, or the clocks differ")


def _numbered(reader: Reader, file: int) -> Iterator[tuple[int, int, Packet]]:
    for packet in reader:
        yield packet.time_ns, file, packet


def _survey(capture: str) -> _Survey:
    """What has to be known of a file before its first packet is copied, in one pass."""
    first = last = None
    with Reader(capture) as reader:
        whole = len(reader.notes)
        for packet in reader:
            first = packet.time_ns if first is None else min(first, packet.time_ns)
            last = packet.time_ns if last is None else max(last, packet.time_ns)
        names, secrets = reader.names, reader.secrets
        if len(reader.notes) > whole:   # it broke off: names and secrets may stand behind a broken packet
            names, secrets = scan(capture)
    return _Survey(None if first is None or last is None else (first, last), names, secrets)


def _labels(captures: list[str], spans: list[tuple[int, int] | None]) -> list[str]:
    """What is put behind the names of each file's wires: nothing unless it overlaps with another one in time."""
    labels = []
    for file, span in enumerate(spans):
        apart = span is not None and any(
            other is not None and span[0] < other[1] and other[0] < span[1]
            for at, other in enumerate(spans) if at != file)
        name = Path(captures[file]).name
        same = sum(Path(one).name == name for one in captures) > 1
        labels.append(f" @ {name}{f' ({file + 1})' * same}" if apart else "")
    return labels
