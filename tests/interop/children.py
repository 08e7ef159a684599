"""Programs that tests start: what goes in and what comes out, each wait with an end, and none left behind."""

from __future__ import annotations

import itertools
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

import pytest

PATIENCE = 30.0

_T = TypeVar("_T")
_ROOT = Path(__file__).parents[2]
_numbers = itertools.count()


class Child:
    """A program, ended at the latest by `close`.

    Args:
        words: the program and its arguments.
        cwd: its folder.

    `said` is what it has written to its two outputs so far.
    """

    def __init__(self, *words: object, cwd: Path | None = None) -> None:
        self.words = [str(word) for word in words]
        self._process = subprocess.Popen(
            self.words, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT), "LC_ALL": "C", "ERL_CRASH_DUMP": os.devnull})
        self.output = bytearray()
        self.errors = bytearray()
        self._news = threading.Condition()
        self._open = 2
        self._input: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        process = self._process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._threads = [
            threading.Thread(target=self._read, args=(process.stdout, self.output), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, self.errors), daemon=True),
            threading.Thread(target=self._write, args=(process.stdin,), daemon=True)]
        for thread in self._threads:
            thread.start()

    def _read(self, pipe: IO[bytes], into: bytearray) -> None:
        with pipe:
            while data := pipe.read(65_536):
                with self._news:
                    into += data
                    self._news.notify_all()
        with self._news:
            self._open -= 1
            self._news.notify_all()

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            with pipe:
                while (data := self._input.get()) is not None:
                    view = memoryview(data)
                    while view:
                        view = view[pipe.write(view):]
        except OSError:
            pass  # it has ended: what it said tells more

    def write(self, data: bytes) -> None:
        """Give it these octets on its standard input, when it takes them."""
        self._input.put(data)

    def end_input(self) -> None:
        """Nothing more comes."""
        self._input.put(None)

    def until(self, found: Callable[[], _T], what: str, patience: float = PATIENCE) -> _T:
        """Wait until there is something; it fails when the program has ended without it or takes too long."""
        with self._news:
            self._news.wait_for(lambda: found() or self._open == 0, patience)
            got = found()
        told = re.sub(r"[^\n -~]", ".", self.text)[-4000:]
        assert got, f"no {what} from {' '.join(self.words)}:\n{told}"
        return got

    def says(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait for a line that this pattern is found in."""
        return self.until(lambda: re.search(pattern, self.text, re.MULTILINE), pattern, patience)

    def gives(self, count: int) -> bytes:
        """Wait for so many octets of standard output."""
        self.until(lambda: len(self.output) >= count, f"{count} octets ({len(self.output)} so far)")
        return bytes(self.output)

    def listens(self, address: str, port: int) -> None:
        """Wait until somebody takes a connection there, for a program that does not say so."""
        def there() -> bool:
            try:
                with socket.create_connection((address, port), timeout=1):
                    return True
            except ConnectionRefusedError:
                return False

        self.polls(there, f"listens at TCP {address}:{port}")

    def accepts(self, address: str, port: int) -> None:
        """The same for a program that takes one connection only: the kernel knows who listens."""
        wanted = f" {socket.inet_aton(address)[::-1].hex().upper()}:{port:04X} 00000000:0000 0A "
        self.polls(lambda: wanted in Path("/proc/net/tcp").read_text(), f"listens at TCP {address}:{port}")

    def receives(self, address: str, port: int) -> None:
        """The same for datagrams: the kernel knows who has a UDP socket there."""
        wanted = f" {socket.inet_aton(address)[::-1].hex().upper()}:{port:04X} "
        self.polls(lambda: wanted in Path("/proc/net/udp").read_text(), f"receives at UDP {address}:{port}")

    def polls(self, there: Callable[[], bool], what: str) -> None:
        """Look again and again, a bounded number of times and while the program lives."""
        for _ in range(600):
            if there():
                return
            assert self._open, self.text
            with self._news:
                self._news.wait(0.05)
        raise AssertionError(f"nobody {what}:\n{self.text}")

    def ended(self) -> int:
        """Wait for its end, and give its exit status."""
        self.until(lambda: self._open == 0, "end")
        return self._process.wait(PATIENCE)

    @property
    def text(self) -> str:
        """All that it has said."""
        return (bytes(self.output[-20_000:]) + b"\n" + bytes(self.errors[-20_000:])).decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it with SIGKILL, and with it what it has started itself; wait until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    def close(self) -> None:
        """End it, whatever it is doing."""
        self.kill()
        self._input.put(None)
        for thread in self._threads:
            thread.join(PATIENCE)


class Children:
    """The programs of one test, and an address on loopback for them alone, where every port is free."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Child] = []
        self._held, self.address = _own_address()

    def start(self, *words: object) -> Child:
        """Start a program."""
        child = Child(*words, cwd=self.folder)
        self.running.append(child)
        return child

    def workbench(self, command: str, name: str, settings: str, *options: str) -> Child:
        """One of our nodes, alone, with these settings."""
        file = self.folder / f"{name}.toml"
        file.write_text(settings)
        return self.start(sys.executable, "-m", "workbench.cli", command, "--config", file, *options)

    def close(self) -> None:
        """End them all."""
        for child in reversed(self.running):
            child.close()
        self._held.close()


def _own_address() -> tuple[socket.socket, str]:
    """An address of 127/8 that no other test uses now: the socket says so for as long as it is open."""
    for attempt in range(50):
        number = (os.getpid() * 251 + next(_numbers) + attempt * 7919) % 0xFDFFFF
        address = f"127.{1 + (number >> 16) % 254}.{number >> 8 & 255}.{number & 255}"
        held = socket.socket()
        try:
            held.bind((address, 65_535))
        except OSError:
            held.close()
            continue
        return held, address
    pytest.skip("no address of 127/8 but 127.0.0.1 can be had here (Linux has them all)")


@contextmanager
def children(folder: Path) -> Iterator[Children]:
    """Programs for one test; none is left at its end."""
    found = Children(folder)
    try:
        yield found
    finally:
        found.close()
