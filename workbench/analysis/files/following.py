"""The messages of a capture while it is being written, each as soon as a packet completes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from workbench.analysis.analyzing import read_keylog
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.dissect import Dissector
from workbench.analysis.files.growing import Growing
from workbench.analysis.pcapng import Reader
from workbench.net.values import Endpoint


class Came(msgspec.Struct, frozen=True):
    """A message that has just become whole.

    Args:
        time: seconds since the first frame.
        frame: the frame that completed it.
        wire: capture interface.
        source, destination: address and port, behind the name that the capture gives to the address so far.
        protocol, summary, error: as in `values.Message`.
        repeated: sent again.
    """

    time: float
    frame: int
    wire: str
    source: str
    destination: str
    protocol: str
    summary: str
    error: str
    repeated: bool


def follow(growing: Growing, keylog: Path | None = None) -> Iterator[Came]:
    """The messages of a growing capture, as they come; ends when its file does (see `Growing`).

    Nothing is judged here: what is missing may still come. Analyse the file when it is whole. What was told is
    forgotten, so that memory does not grow with the capture.

    Raises:
        CaptureError: the file is no capture, or is packed.
    """
    keys = KeyLog() if keylog is None else read_keylog(keylog)
    dissector, known = Dissector(keys), 0
    reader = Reader(growing)    # type: ignore[arg-type]  # all of a file that a reader asks for
    for packet in reader:
        if len(reader.secrets) != known:    # secrets stand in front of the packets that they open
            known = len(reader.secrets)
            keys.learn(reader.secrets)
        dissector.take(packet)
        for draft in dissector.drafts:
            yield Came(draft.time, draft.frames[-1] if draft.frames else packet.number, draft.wire,
                       _named(draft.source, reader.names), _named(draft.destination, reader.names), draft.protocol,
                       draft.summary, draft.error, draft.repeated)
        dissector.drafts.clear()


def _named(end: Endpoint, names: Mapping[str, str]) -> str:
    name = names.get(end.host)
    return f"{name} ({end})" if name else str(end)
