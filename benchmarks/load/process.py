"""Nodes as processes of their own, `workbench agw` above all: started, looked at, ended."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import measuring

import workbench
from load.controller import PATIENCE, Controller
from workbench.net.values import Endpoint

_TIME_WAIT = "06"


class NotStarted(Exception):
    """The process has ended, or says nothing; what it said."""


def own_address() -> str:
    """A loopback address that hardly anybody else uses; 127.0.0.1 where there is no other (not Linux)."""
    chance = random.SystemRandom()
    host = f"127.{chance.randint(1, 254)}.{chance.randint(0, 254)}.{chance.randint(1, 254)}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return "127.0.0.1"
    return host


def free_port(host: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class Process:
    """A node as a process. `start` may be called again after `kill`: the same settings, another process.

    Args:
        kind: the subcommand, such as `agw`.
        folder: for its settings and what it says.
        settings: of its settings file; a mapping in it is a table.
        core: the processor core it is kept on; None: any.
        words: further words on its command line.
    """

    def __init__(
        self, kind: str, folder: Path, settings: Mapping[str, object], *, core: int | None = None,
        words: tuple[str, ...] = (),
    ) -> None:
        self.process: subprocess.Popen[bytes]
        self._kind = kind
        self._file = folder / f"{kind}.toml"
        self._said = folder / f"{kind}.txt"
        self._core = core
        self._words = words
        self._file.write_text(_toml(settings))

    def start(self) -> None:
        """Start the process."""
        with self._said.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workbench.cli", self._kind, "--config", str(self._file), *self._words],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment())
        if self._core is not None:
            measuring.pin(self.process.pid, self._core)

    def stop(self) -> int:
        """SIGTERM, as an operator would; its exit status. Raises NotStarted: it does not end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise NotStarted(f"workbench {self._kind} does not end on SIGTERM: {self.said()}") from None

    def kill(self) -> None:
        """SIGKILL: it can't say goodbye."""
        self.process.kill()
        self.process.wait(PATIENCE)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self.process.pid

    def cpu(self) -> float:
        """Processor seconds that it has used, 0 where the system does not tell."""
        return measuring.processor_seconds(self.pid)

    def resident(self) -> int:
        """Octets of memory that it holds, 0 where the system does not tell."""
        return measuring.resident_octets(self.pid)

    def said(self, octets: int = 2_000) -> str:
        """The last of what it printed."""
        return self._said.read_text(errors="replace")[-octets:].strip() if self._said.exists() else ""


class Agw(Process):
    """A gateway. It registers by itself once it is started.

    Args:
        folder, core, words: see `Process`.
        host: its address on every side.
        settings: further settings, such as `contexts=20_000`.
    """

    def __init__(
        self, folder: Path, host: str, *, core: int | None = None, words: tuple[str, ...] = (),
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.host = host
        self.control = Endpoint(host, free_port(host))
        self.controller_at = Endpoint(host, free_port(host))
        self.controller: Controller
        super().__init__("agw", folder, {
            "control": str(self.control), "controller": str(self.controller_at), "coding": "compact",
            # Below the ports that the system gives to those who ask for none.
            "ports": [10_000, 32_000], "port_step": 1, **(settings or {}),
            "realms": {"access.example.net": host, "core.example.net": host}}, core=core, words=words)

    def wait_registered(self, seconds: float = PATIENCE) -> None:
        """Wait until the controller has taken it into service. Raises NotStarted."""
        for _ in range(int(seconds * 10)):
            if self.controller.wait_registered(0.1):
                return
            if self.process.poll() is not None:
                raise NotStarted(f"workbench agw has ended with {self.process.returncode}: {self.said()}")
        raise NotStarted(f"workbench agw does not register: {self.said()}")


def environment() -> dict[str, str]:
    """For a process that finds this workbench and this package, installed or not."""
    paths = [str(Path(workbench.__file__).parents[1]), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def left_at(host: str, *, but: int = 0, seconds: float = 5.0) -> list[str]:
    """Sockets that are still there after that time, as of `sockets_at`; a port of one's own may be excepted."""
    until = time.monotonic() + seconds
    while (left := [one for one in sockets_at(host) if not one.endswith(f" {but}")]) and time.monotonic() < until:
        time.sleep(0.02)  # the kernel is at it
    return left


def sockets_at(host: str) -> list[str]:
    """Sockets of this system at an address of IPv4 (Linux): protocol, state, port. TIME-WAIT is the kernel's affair."""
    digits = socket.inet_aton(host)[::-1].hex().upper()
    found: list[str] = []
    for protocol in ("tcp", "udp"):
        for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if local.startswith(digits) and state != _TIME_WAIT:
                found.append(f"{protocol} {state} {int(local.partition(':')[2], 16)}")
    return found


@contextmanager
def agw(
    *, host: str | None = None, core: int | None = None, outstanding: int = 32, words: tuple[str, ...] = (),
    **settings: object
) -> Iterator[Agw]:
    """A gateway that has registered with a controller of its own; both end with the block.

    Args:
        host: its address; a loopback address of its own where the system has several.
        core, words, settings: see `Agw`.
        outstanding: see `Controller`.

    Raises:
        NotStarted: it has ended, with what it said.
    """
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        made = Agw(Path(folder), host or own_address(), core=core, words=words, settings=settings)
        made.controller = Controller(made.controller_at, made.control, outstanding=outstanding)
        try:
            made.start()
            try:
                made.wait_registered()
                yield made
            except BaseException:
                made.kill()
                raise
            made.stop()
        finally:
            made.controller.close()


def _toml(settings: Mapping[str, object]) -> str:
    """TOML: values first, then tables."""
    lines = [f"{json.dumps(key)} = {_value(value)}" for key, value in settings.items() if not isinstance(value, dict)]
    for name, table in settings.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *(f"{json.dumps(key)} = {_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
