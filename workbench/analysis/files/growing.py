"""A capture file that is still being written: reading waits at its end instead of ending there."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from workbench.errors import CaptureError

if TYPE_CHECKING:
    from types import TracebackType


MOST_SPOOLED = 4 * 2**30


class Growing:
    """A file to give to `pcapng.Reader`; a read gives what was asked for, or less where reading has ended.

    Args:
        source: path of the file; or an open pipe, which is over when its writer closes it.
        wait: called where there is nothing to read; waits a little, and says whether to go on.
        spool: where to write what a pipe gave, so that it can be read again.
        enough: asked before each read of what was not there at first; whether reading ends though there is more.
        most: octets that go into the spool at most; what comes behind them is read and not kept.

    Attributes:
        dropped: octets that did not go into the spool.
        replaced: why reading ended before anybody wanted it: the file was cut, or another one took its place.

    Raises:
        CaptureError: the file can't be opened.
    """

    def __init__(self, source: Path | BinaryIO, wait: Callable[[], bool], spool: BinaryIO | None = None, *,
                 most: int = MOST_SPOOLED, enough: Callable[[], bool] = lambda: False) -> None:
        self.replaced = ""
        self.dropped = 0
        self._most = most
        self._enough = enough
        self._there = source.stat().st_size if isinstance(source, Path) and source.is_file() else 0
        self._path = source if isinstance(source, Path) else None
        self._wait = wait
        self._spool = spool
        self._at = 0
        self._over = False
        try:
            self._file: BinaryIO = source.open("rb") if isinstance(source, Path) else source
            self._number = os.fstat(self._file.fileno()).st_ino
        except OSError as error:
            raise CaptureError(f"{source}: {error.strerror or error}") from None
        self.name = str(source) if isinstance(source, Path) else "standard input"

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._path is not None:
            self._file.close()

    def seekable(self) -> bool:
        """Never: what comes is read once."""
        return False

    def fileno(self) -> int:
        """Of the file."""
        return self._file.fileno()

    def read(self, size: int) -> bytes:
        """Exactly `size` octets, or what there was when reading ended."""
        octets = b""
        while len(octets) < size and not self._over:
            if (self._at >= self._there and self._enough()) or (self._path is None and not self._wait_for_octets()):
                self._over = True
                break
            part = self._take(size - len(octets))
            octets += part
            self._keep(part)
            self._at += len(part)
            if len(octets) == size:
                break
            if not part:
                self._over = self._path is None or not self._wait() or self._is_replaced()
        return octets

    def _take(self, most: int) -> bytes:
        """What there is of a pipe, or of a file."""
        if self._path is not None:
            return self._file.read(most)
        return os.read(self.fileno(), most)

    def _wait_for_octets(self) -> bool:
        """Whether a pipe has something to read, or has ended, before waiting is over."""
        while os.name == "posix" and not select.select([self._file], [], [], 0)[0]:
            if not self._wait():
                return False
        return True

    def _keep(self, part: bytes) -> None:
        if self._spool is None:
            return
        kept = part[:max(0, self._most - self._at)]
        self._spool.write(kept)
        self.dropped += len(part) - len(kept)

    def _is_replaced(self) -> bool:
        assert self._path is not None
        try:
            told = self._path.stat()
        except OSError as error:
            self.replaced = f"{self._path.name} is gone: {error.strerror or error}"
        else:
            if told.st_ino != self._number:
                self.replaced = f"another file took the place of {self._path.name}"
            elif told.st_size < self._at:
                self.replaced = f"{self._path.name} was cut to {told.st_size} octets, {self._at} had been read"
        return bool(self.replaced)
