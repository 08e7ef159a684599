"""`workbench analyze --follow`: what a capture that is still being written shows, and its report at the end."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from workbench.cli_words import complain, say_line, wrong
from workbench.errors import CaptureError

if TYPE_CHECKING:
    from workbench.analysis.files.following import Came
    from workbench.analysis.files.growing import Growing

Follow = Annotated[bool, typer.Option(
    "--follow", help="Show messages of a capture that is being written, as they come; - is standard input.")]
Seconds = Annotated[float | None, typer.Option(
    "--for", min=0, metavar="SECONDS", show_default=False, help="How long to follow; until Ctrl-C unless said.")]

_STEP = 0.1


@contextmanager
def followed(
    captures: Sequence[Path], keylog: Path | None, seconds: float | None, *, quiet: bool,
) -> Iterator[list[Path]]:
    """Follow the one capture until its end, Ctrl-C or the time given; then gives the file to analyse as a whole."""
    if len(captures) != 1:
        raise wrong("one capture at a time", "--follow")
    (path,) = captures
    try:
        piped = str(path) == "-" or stat.S_ISFIFO(path.stat().st_mode)
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from None
    if not piped:
        _follow(path, None, keylog, seconds, quiet)
        yield [path]
        return
    with tempfile.TemporaryDirectory(prefix="workbench-") as place:
        spool = Path(place) / ("standard-input.pcapng" if str(path) == "-" else path.name)
        _follow(path, spool, keylog, seconds, quiet)
        yield [spool]


def _follow(path: Path, spool: Path | None, keylog: Path | None, seconds: float | None, quiet: bool) -> None:
    from workbench.analysis.files.following import follow
    from workbench.analysis.files.growing import Growing

    until = None if seconds is None else time.monotonic() + seconds

    def enough() -> bool:
        return until is not None and time.monotonic() >= until

    def wait() -> bool:
        if enough():
            return False
        sys.stdout.flush()
        time.sleep(_STEP)
        return True

    try:
        if spool is None:
            with Growing(path, wait, enough=enough) as growing:
                _tell(follow(growing, keylog), quiet)
                if growing.replaced:
                    complain(f"{growing.replaced}; reading ends here")
            return
        with (spool.open("wb") as kept, _opened(path) as source,
              Growing(source, wait, kept, enough=enough) as growing):
            if str(path) != "-":
                growing.name = str(path)
            try:
                _tell(follow(growing, keylog), quiet)
            finally:
                _tell_dropped(growing)
    except KeyboardInterrupt:
        say_line("")    # behind the terminal's ^C


def _opened(path: Path) -> BinaryIO:
    """Standard input, or a FIFO; one that nobody writes to yet is open at once. Read without a buffer of Python's."""
    if str(path) == "-":
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from None


def _tell_dropped(growing: Growing) -> None:
    from workbench.analysis.files.growing import MOST_SPOOLED

    if growing.dropped:
        complain(f"{growing.dropped} octets behind the first {MOST_SPOOLED} were shown and not kept: "
                 "the report is of what was kept")


def _tell(came: Iterator[Came], quiet: bool) -> None:
    for one in came:
        if not quiet:
            say_line(_line(one))


def _line(one: Came) -> str:
    again, error = " (again)" if one.repeated else "", f"  !! {one.error}" if one.error else ""
    return (f"{one.time:10.3f}  {one.frame:>6}  {one.source} -> {one.destination}  {one.protocol}: "
            f"{one.summary}{again}{error}")
