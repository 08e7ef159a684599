"""Packed capture files (gzip, zstandard), told by their first octets and unpacked into a temporary file.

Whatever reads a capture reads a plain file then, as often as it likes. What unpacking may take is bounded: a file that
grows beyond all measure is refused. One that breaks off gives what is there, and a note.

Source: RFC 1952 (gzip: members follow one another, §2.2); RFC 8878 (zstandard: frames do, §3.1).
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from workbench.errors import CaptureError

MOST_UNPACKED = 16 * 2**30
MOST_TIMES = 400
"""How many times its packed size a capture may have; text of one call over and over reaches a third of that."""
FREE = 64 * 2**20
"""Up to this size no ratio is too much."""

_GZIP, _ZSTANDARD, _SKIPPED = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"
# Not unpacked here: first octets, name, and the program that does it.
_OTHERS = ((b"PK\x03\x04", "a zip archive", "unzip"), (b"BZh", "packed with bzip2", "bunzip2"),
           (b"\xfd7zXZ", "packed with xz", "unxz"), (b"\x04\x22\x4d\x18", "packed with lz4", "unlz4"),
           (b"7z\xbc\xaf", "a 7-Zip archive", "7z x"))
_READ_AT_ONCE, _GIVEN_AT_ONCE = 2**18, 2**20
# A block of zstandard may say 128 kB in four octets: so many octets in give at most 32 MB out.
_ZSTANDARD_STEP = 1024
_MOST_WINDOW = 2**27
_MOST_KEPT = 4


class Unpacked:
    """A packed capture, unpacked.

    Attributes:
        path: of the plain file, which is removed when nobody holds this value any more.
        notes: what was wrong with the packed file.
    """

    def __init__(self, packed: BinaryIO, label: str) -> None:
        self.notes: list[str] = []
        number, path = tempfile.mkstemp(prefix="workbench-", suffix=".capture")
        self.path = Path(path)
        weakref.finalize(self, _remove, self.path)
        with os.fdopen(number, "wb") as plain:
            try:
                self.notes += _unpack(packed, plain, label)
            except OSError as error:
                raise CaptureError(f"{label}: can't be unpacked into {tempfile.gettempdir()}: "
                                   f"{error.strerror or error}") from None


_kept: OrderedDict[tuple[int, int, int, int], Unpacked] = OrderedDict()
_lock = threading.Lock()


def unpacked(file: BinaryIO, label: str) -> Unpacked | None:
    """An open capture file, unpacked; None if it is not packed. It stands at its beginning before and after.

    The last few are kept, so that a file which is read again is not unpacked again.

    Raises:
        CaptureError: the file is a bomb, is packed in a way that is not read here, or nothing in it can be unpacked.
    """
    start = file.read(8)
    file.seek(0)
    for magic, told, program in _OTHERS:
        if start.startswith(magic):
            raise CaptureError(f"{label}: the file is {told}; unpack it first ({program})")
    if not is_packed(start):
        return None
    key = _identity(file)
    with _lock:
        found = _kept.get(key) if key is not None else None
        if found is None:
            found = Unpacked(file, label)
            file.seek(0)
        if key is not None:
            _kept[key] = found
            _kept.move_to_end(key)
            while len(_kept) > _MOST_KEPT:
                _kept.popitem(last=False)
    return found


def is_packed(start: bytes) -> bool:
    """Whether octets begin like a file that is unpacked here."""
    return start.startswith((_GZIP, _ZSTANDARD)) or (start[1:4] == _SKIPPED and start[:1] in b"PQRSTUVWXYZ[\\]^_")


def _identity(file: BinaryIO) -> tuple[int, int, int, int] | None:
    """What a file on disk is known by; None for octets that are in no file."""
    try:
        told = os.fstat(file.fileno())
    except (OSError, AttributeError, ValueError):
        return None
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


class _Broke(Exception):
    """The packed octets make no sense any more, or end too early."""


def _unpack(packed: BinaryIO, plain: BinaryIO, label: str) -> list[str]:
    """Unpack all members or frames; what stopped it before the end, if something did, as a note."""
    taken = given = 0

    def more() -> bytes:
        nonlocal taken
        octets = packed.read(_READ_AT_ONCE)
        taken += len(octets)
        return octets

    first = packed.read(4)
    packed.seek(0)
    how = _gzip if first.startswith(_GZIP) else _zstandard
    try:
        for part in how(more):
            given += len(part)
            if given > MOST_UNPACKED or (given > FREE and given > MOST_TIMES * taken):
                raise CaptureError(
                    f"{label}: refused: {taken} packed octets have become over {given - len(part)}; "
                    f"{MOST_TIMES} times as many and {MOST_UNPACKED} octets are allowed")
            plain.write(part)
    except _Broke as broke:
        if not given:
            raise CaptureError(f"{label}: can't be unpacked: {broke}") from None
        return [f"{label}: {broke}; unpacked up to there: {given} octets"]
    return []


def _gzip(more: Callable[[], bytes]) -> Iterator[bytes]:
    octets = more()
    while octets:
        member = zlib.decompressobj(31)
        while not member.eof:
            if not octets and not (octets := more()):
                raise _Broke("the gzip file is cut short")
            before = member.copy()
            try:
                part = member.decompress(octets, _GIVEN_AT_ONCE)
            except zlib.error as error:
                yield from _sound(before, octets)
                raise _Broke(f"the gzip file is damaged ({str(error).rpartition(': ')[2]})") from None
            octets = member.unconsumed_tail
            if part:
                yield part
        # Zeros behind the last member fill up a block of a tape (RFC 1952 says nothing of them; gzip passes over them).
        octets = member.unused_data or more()
        while octets and not (octets := octets.lstrip(b"\0")):
            octets = more()


def _sound(member: zlib._Decompress, octets: bytes) -> Iterator[bytes]:
    """What comes out before the damage, which zlib keeps to itself."""
    with suppress(zlib.error):
        for at in range(len(octets)):
            yield member.decompress(octets[at : at + 1])


def _zstandard(more: Callable[[], bytes]) -> Iterator[bytes]:
    import zstandard

    octets = more()
    while octets:
        frame = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).decompressobj()
        while not frame.eof:
            if not octets and not (octets := more()):
                raise _Broke("the zstandard file is cut short")
            try:
                part = frame.decompress(octets[:_ZSTANDARD_STEP])
            except zstandard.ZstdError as error:
                raise _Broke(f"the zstandard file is damaged ({str(error).rpartition(': ')[2]})") from None
            octets = octets[_ZSTANDARD_STEP:]
            if part:
                yield part
        octets = frame.unused_data + octets or more()
