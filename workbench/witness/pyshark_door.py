"""pyshark as a door to Wireshark's packets, with what our analysis knows of the capture: ports, heuristics, versions.

pyshark runs tshark in an event loop, which in a notebook runs already ("event loop is already running"), and leaves
processes behind. So tshark is started here, and pyshark is what reads its answer: no loop, no thread, nothing that has
to be closed, and a limit on time and packets.

    from workbench.witness import pyshark_door
    invite = pyshark_door.packet(report, 7)
    invite.sip.method, invite.sip.call_id               # as in any page about pyshark

Who wants pyshark's own reader gets its arguments:

    pyshark.FileCapture(**pyshark_door.file_capture(report))
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workbench.errors import CaptureError, WorkbenchError
from workbench.witness import preferences, tshark

if TYPE_CHECKING:
    from pyshark.packet.packet import Packet  # type: ignore[import-untyped]

    from workbench.analysis.report import Report

MOST_SECONDS = 120.0


def packet(report: Report, frame: int, *, keylog: str | os.PathLike[str] | None = None) -> Packet:
    """One frame as a packet of pyshark's.

    Args:
        report: our analysis of the capture.
        frame: its number, from 1.
        keylog: a key log file beside the secrets in the capture.

    Raises:
        CaptureError: there is no such frame, or tshark does not read the file.
        WorkbenchError: pyshark or tshark is missing.
    """
    if not 1 <= frame <= report.packets:
        raise CaptureError(f"{report.capture} has {report.packets} frames; there is no frame {frame}")
    found = packets(report, [frame], keylog=keylog)
    if not found:
        raise CaptureError(f"tshark does not show frame {frame} of {report.capture}")
    return found[0]


def packets(report: Report, frames: Iterable[int] = (), *, shown: str = "",
            keylog: str | os.PathLike[str] | None = None, most: int = 1000,
            seconds: float = MOST_SECONDS) -> list[Packet]:
    """Packets of pyshark's.

    Args:
        report: our analysis of the capture.
        frames: numbers of those that are wanted; all where none are named.
        shown: a display filter, such as `sip.Method == "INVITE"`.
        keylog: a key log file beside the secrets in the capture.
        most: packets that are given at most; reading ends there.
        seconds: tshark is ended after this time.

    Raises:
        CaptureError: tshark does not read the file, or does not understand the filter.
        WorkbenchError: pyshark or tshark is missing, or tshark takes too long.
    """
    read = _reader()
    words = preferences.arguments(report, keylog=None if keylog is None else os.fspath(keylog))
    return [read(octets) for octets in tshark.details(report.capture, sorted(set(frames)), arguments=words, shown=shown,
                                                      most=most, seconds=seconds)]


def file_capture(report: Report, frames: Iterable[int] = (), *,
                 keylog: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Arguments of `pyshark.FileCapture` for this capture: path, decode-as, preferences, and a filter for some frames.

    In a notebook `FileCapture` needs a thread with an event loop of its own; `packets` needs none.
    """
    numbers = ", ".join(str(int(one)) for one in sorted(set(frames)))
    words = preferences.arguments(report, keylog=None if keylog is None else os.fspath(keylog))
    found: dict[str, Any] = {"input_file": report.capture, "custom_parameters": words}
    return {**found, "display_filter": f"frame.number in {{{numbers}}}"} if numbers else found


def _reader() -> Any:
    try:
        from pyshark.tshark.output_parser.tshark_xml import (  # type: ignore[import-untyped]
            packet_from_xml_packet,
        )
    except ImportError as error:
        raise WorkbenchError(f"pyshark is missing ({error}): pip install workbench[analysis]") from None
    return packet_from_xml_packet
