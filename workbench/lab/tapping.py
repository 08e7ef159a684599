"""A capture of real packets: a process of its own sees and writes them, so that the node's work and its do not wait for
each other. The node tells it which endpoints there are; when the node ends, however that is, it ends the file.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from workbench.errors import CaptureError, NetworkError
from workbench.lab.recording import CaptureFile, Plan
from workbench.lab.trace import Entry
from workbench.net.listening import Listening
from workbench.net.values import BindDatagrams, Endpoint, Listen, LogKeys, OpenStream, Stream

_PATIENCE = 20.0
_MOST_WAITING = 1 << 20
_READY = "ready"
_PIECE = 65_536
# What is under way when the node ends is still fetched, but no longer than this.
_LAST = 2.0


class Order(msgspec.Struct, frozen=True):
    """What to write, as the process is told in its first line."""

    path: str
    plan: Plan
    size: int
    keylog: bool


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """Each further line: an endpoint that is the node's from now on, or a line of a TLS key log."""

    own: Endpoint | None = None
    secret: str = ""


class Tapping:
    """The node's side: `Recorder` in its place.

    Args:
        path, plan, size, keylog: see `CaptureFile`.

    Raises:
        CaptureError: the file can't be written, or packets can't be seen.
    """

    kinds: frozenset[type] | None = frozenset((BindDatagrams, Listen, OpenStream, LogKeys))
    real = True

    def __init__(self, path: Path, plan: Plan, *, size: int, keylog: bool) -> None:
        self.path = path
        self.late = 0
        self._waiting = bytearray()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workbench.lab.tapping"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True)  # Ctrl-C is for the node
        assert self._process.stdin is not None and self._process.stdout is not None
        self._orders, self._answers = self._process.stdin, self._process.stdout
        order = Order(str(path.absolute()), plan, size, keylog)
        self._orders.write(msgspec.json.encode(order) + b"\n")
        self._orders.flush()
        said = self._line()
        if said != _READY:
            self._end()
            raise CaptureError(said.replace(order.path, str(path)) or "the capture's process did not start")
        os.set_blocking(self._orders.fileno(), False)

    def __call__(self, entry: Entry) -> None:
        """Tell of an entry, if it is for the capture."""
        match entry.what:
            case LogKeys(line):
                self._tell(Told(secret=line))
            case BindDatagrams(local) | Listen(local) | OpenStream(Stream(local)):
                self._tell(Told(own=local))

    def close(self) -> str:
        """End the file; what there is to say of it."""
        os.set_blocking(self._orders.fileno(), True)
        with contextlib.suppress(OSError):
            self._orders.write(bytes(self._waiting))
        with contextlib.suppress(OSError):
            self._orders.close()
        said = self._line() or "the capture's process has ended before its time"
        said += f"; {self.late} endpoints or secrets came too fast for it" if self.late else ""
        self._end()
        return said.replace(str(self.path.absolute()), str(self.path))

    def _tell(self, told: Told) -> None:
        line = msgspec.json.encode(told) + b"\n"
        if len(self._waiting) + len(line) > _MOST_WAITING:
            self.late += 1
            return
        self._waiting += line
        # Unbuffered: what the pipe does not take now waits here, and the node does not wait for it.
        with contextlib.suppress(OSError):
            del self._waiting[: os.write(self._orders.fileno(), self._waiting)]

    def _line(self) -> str:
        ready, _, _ = select.select([self._answers.fileno()], [], [], _PATIENCE)
        return self._answers.readline().decode(errors="replace").strip() if ready else ""

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._orders.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()


class Tap:
    """The process's side: packets in, a file out, until standard input ends."""

    def __init__(self, order: Order) -> None:
        self._listening = Listening(order.plan.addresses)
        self._file = CaptureFile(Path(order.path), order.plan, order.size, keylog=order.keylog)
        self._text = b""
        self._over = False
        os.set_blocking(0, False)

    def run(self) -> str:
        """Write until the node has ended; what there is to say."""
        while not self._over:
            self._listening.wait_for(0)
            self._hear()
            self._write()
        until = time.monotonic() + _LAST
        while self._write() and time.monotonic() < until:
            pass
        lost = self._listening.dropped()
        self._listening.close()
        return self._file.close(lost)

    def _write(self) -> bool:
        """Write what has come; whether there was anything."""
        found = False
        # An endpoint is told before it is used, but what was told may still have to be read.
        for one in self._listening.packets(self._hear):
            found = True
            self._file.packet(one.at, one.octets, one.time_ns)
        if found:
            self._file.flush()
        return found

    def _hear(self) -> None:
        for told in self._told():
            if told.own is not None:
                self._listening.own(told.own)
            if told.secret:
                self._file.secret(told.secret)

    def _told(self) -> Iterator[Told]:
        while not self._over:
            try:
                piece = os.read(0, _PIECE)
            except BlockingIOError:
                break
            self._over = not piece
            *lines, self._text = (self._text + piece).split(b"\n")
            for line in lines:
                yield msgspec.json.decode(line, type=Told)


def main() -> None:
    """Be the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends with its node
    try:
        with open(0, "rb", buffering=0, closefd=False) as told:  # so that no later line is read ahead
            tap = Tap(msgspec.json.decode(told.readline(), type=Order))
    except (CaptureError, NetworkError) as error:
        _answer(str(error))
        return
    _answer(_READY)
    _answer(tap.run())


def _answer(line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(1, line.replace("\n", " ").encode() + b"\n")


if __name__ == "__main__":
    main()
