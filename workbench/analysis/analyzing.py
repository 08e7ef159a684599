"""Reading a capture from its first frame to its report."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from workbench.analysis.dissect import Dissector
from workbench.analysis.matching import match
from workbench.analysis.merging import Merged
from workbench.analysis.pcapng import Packet, Reader, scan
from workbench.analysis.report import Report
from workbench.analysis.rules import check
from workbench.analysis.tls_stream import KeyLog
from workbench.errors import CaptureError

# Frames are kept in memory up to this many octets, so that `Report.frame` need not read the file again.
_MOST_FRAME_OCTETS = 32 * 2**20
_MOST_KEYLOG_OCTETS = 64 * 2**20


def analyze(path: str | os.PathLike[str], keylog: str | os.PathLike[str] | None = None, *,
            watch: Callable[[int], None] | None = None) -> Report:
    """Read a capture and say what it shows.

    Args:
        path: a pcapng or pcap file.
        keylog: a TLS key log file, used beside the secrets in the capture.
        watch: called now and then with the number of frames read so far.

    Raises:
        CaptureError: the file can't be read, or is no capture. One that breaks off is read up to there, and
            `Report.notes` says so.
    """
    capture = os.fspath(path)
    given, secrets = scan(capture)
    keys = KeyLog.parse(secrets)
    if keylog is not None:
        keys = keys | _keylog(keylog)
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
    report = Report(capture, dissector, given, reader.packets, [*reader.notes, *dissector.notes], frames, keys)
    if not reader.packets:
        report.notes.append(f"{reader.label}: no packets")
    report.findings = check(report)
    report.scenario = match(report)
    return report


def analyze_merged(captures: Sequence[str | os.PathLike[str]], keylog: str | os.PathLike[str] | None = None, *,
                   watch: Callable[[int], None] | None = None) -> Report:
    """Read several captures as one, by time. `Report.origin` tells where each frame is from. Raises as `analyze`."""
    merged = Merged(captures)
    report = analyze(merged.path, keylog, watch=watch)
    report.merged = merged
    report.notes += merged.notes
    return report


def _keylog(path: str | os.PathLike[str]) -> KeyLog:
    try:
        with Path(path).open("rb") as file:
            octets = file.read(_MOST_KEYLOG_OCTETS + 1)
    except OSError as error:
        raise CaptureError(f"{os.fspath(path)}: {error.strerror or error}") from None
    if len(octets) > _MOST_KEYLOG_OCTETS:
        raise CaptureError(f"{os.fspath(path)}: over {_MOST_KEYLOG_OCTETS} octets")
    return KeyLog.parse(octets.decode("ascii", "replace"))
