"""Which files below a folder are captures: told by their first octets, never by their names."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from workbench.analysis.files.sources import is_packed
from workbench.analysis.pcapng import BEGINS
from workbench.errors import CaptureError

MOST_CAPTURES = 100_000
"""How many captures one run takes."""
_LOOKED_AT = 4096


def captures_in(folder: Path) -> list[Path]:
    """All captures below a folder, by name: pcap and pcapng, plain or packed with gzip or Zstandard.

    Links to folders are not followed.

    Raises:
        CaptureError: the folder can't be read, or holds more than `MOST_CAPTURES` captures.
    """
    if not folder.is_dir():
        raise CaptureError(f"{folder}: no such folder")
    found: list[Path] = []
    for path in _files(folder):
        if is_capture(path):
            found.append(path)
            if len(found) > MOST_CAPTURES:
                raise CaptureError(f"{folder} holds more than {MOST_CAPTURES} captures; name a folder inside it")
    return found


def _files(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise CaptureError(f"{error.filename}: {error.strerror or error}") from None

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def is_capture(path: Path) -> bool:
    """Whether a file begins like a capture. One that can't be opened counts as one where its name says so."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(_LOOKED_AT)
    except OSError:
        return path.suffix in (".pcap", ".pcapng", ".cap")
    if start.startswith(b"\x1f\x8b"):
        start = _first_of_gzip(start)
    elif is_packed(start):
        start = _first_of_zstandard(start)
    return start.startswith(BEGINS)


def _first_of_gzip(octets: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(octets, 4)
    except zlib.error:
        return b""


def _first_of_zstandard(octets: bytes) -> bytes:
    import io

    import zstandard

    try:
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(octets), read_across_frames=True).read(4)
    except zstandard.ZstdError:
        return b""
