"""Reading a capture from its first frame to its report."""

from __future__ import annotations

import gc
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.dissect import Dissector
from workbench.analysis.files.merging import Merged
from workbench.analysis.files.sources import unpacked
from workbench.analysis.matching import match
from workbench.analysis.pcapng import Packet, Reader, scan
from workbench.analysis.report import Report
from workbench.analysis.rules import check
from workbench.errors import CaptureError

# Frames are kept in memory up to this many octets, so that `Report.frame` need not read the file again.
_MOST_FRAME_OCTETS = 32 * 2**20
_MOST_KEYLOG_OCTETS = 64 * 2**20
# From this size on a file is read by columns: loading what that needs takes as long as reading some thousand frames.
_COLUMNS_FROM_OCTETS = 4 * 2**20

Watch = Callable[[int], None]


def analyze(path: str | os.PathLike[str], keylog: str | os.PathLike[str] | None = None, *,
            watch: Watch | None = None, columns: bool | None = None) -> Report:
    """Read a capture and say what it shows.

    Args:
        path: a pcapng or pcap file.
        keylog: a TLS key log file, used beside the secrets in the capture.
        watch: called now and then with the number of frames read so far.
        columns: whether to read by columns, which pays for large files; None: as the size says. The report is the same.

    Raises:
        CaptureError: the file can't be read, or is no capture. One that breaks off is read up to there, and
            `Report.notes` says so.
    """
    keys = KeyLog() if keylog is None else read_keylog(keylog)
    with _no_collection():
        report = _by_columns(os.fspath(path), keys, watch) if _is_large(path, columns) else None
        if report is None:
            report = _judged(_by_frames(os.fspath(path), keys, watch))
    return report


def _is_large(path: str | os.PathLike[str], columns: bool | None) -> bool:
    if columns is not None:
        return columns
    try:
        told = os.stat(path)
        if told.st_size >= _COLUMNS_FROM_OCTETS or not stat.S_ISREG(told.st_mode):
            return stat.S_ISREG(told.st_mode)
        with open(path, "rb") as file:
            plain = unpacked(file, Path(path).name)
        return plain is not None and plain.path.stat().st_size >= _COLUMNS_FROM_OCTETS
    except OSError:     # whoever reads it says why not
        return False


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hardly anything made here goes again before the end: looking for cycles would take an eighth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _by_frames(capture: str, given: KeyLog, watch: Watch | None) -> Report:
    """Frame by frame."""
    names, secrets = scan(capture)
    keys = KeyLog.parse(secrets) | given
    dissector = Dissector(keys)
    frames: dict[int, Packet] | None = {}
    held = 0
    with Reader(capture) as reader:
        for packet in reader:
            dissector.take(packet)
            if frames is not None:
                held += len(packet.octets) + 200
                frames[packet.number] = packet
                if held > _MOST_FRAME_OCTETS:
                    frames = None
            if watch is not None and packet.number % 10_000 == 0:
                watch(packet.number)
    dissector.finish()
    report = Report(capture, dissector, names, reader.packets, [*reader.notes, *dissector.notes], frames, keys)
    if not reader.packets:
        report.notes.append(f"{reader.label}: no packets")
    return report


def _by_columns(capture: str, given: KeyLog, watch: Watch | None) -> Report | None:
    """What comes in great numbers by columns; None: the file has to be read frame by frame."""
    from workbench.analysis.columns.engine import Engine, OneByOneError

    with Reader(capture) as reader:
        try:
            engine = Engine(reader)
        except OneByOneError:
            return None
        if not len(engine):
            return None
        keys = KeyLog.parse(reader.secrets) | given
        dissector = Dissector(keys)
        engine.dissect(dissector, watch)
    notes = [*reader.notes, *dissector.notes]
    report = _judged(Report(capture, dissector, reader.names, reader.packets, notes, engine, keys))
    engine.settle()
    return report


def _judged(report: Report) -> Report:
    """With what it breaks and which scenario it is."""
    report.findings = check(report)
    report.scenario = match(report)
    return report


def analyze_merged(captures: Sequence[str | os.PathLike[str]], keylog: str | os.PathLike[str] | None = None, *,
                   watch: Watch | None = None) -> Report:
    """Read several captures as one, by time. `Report.origin` tells where each frame is from. Raises as `analyze`."""
    merged = Merged(captures)
    report = analyze(merged.path, keylog, watch=watch)
    report.merged = merged
    report.notes += merged.notes
    return report


def read_keylog(path: str | os.PathLike[str]) -> KeyLog:
    """A TLS key log file. Raises CaptureError."""
    try:
        with Path(path).open("rb") as file:
            octets = file.read(_MOST_KEYLOG_OCTETS + 1)
    except OSError as error:
        raise CaptureError(f"{os.fspath(path)}: {error.strerror or error}") from None
    if len(octets) > _MOST_KEYLOG_OCTETS:
        raise CaptureError(f"{os.fspath(path)}: over {_MOST_KEYLOG_OCTETS} octets")
    return KeyLog.parse(octets.decode("ascii", "replace"))
