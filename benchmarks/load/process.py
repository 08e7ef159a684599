"""`workbench agw` as a process of its own: started, looked at, ended."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import measuring

import workbench
from load.controller import PATIENCE, Controller
from workbench.net.values import Endpoint


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


class Agw:
    """A gateway process. `start` may be called again after `kill`: the same settings, another process.

    Args:
        folder: for its settings and what it says.
        host: its address on every side.
        core: the processor core it is kept on; None: any.
        words: further words on its command line.
        settings: further lines of its settings file, such as `contexts=20_000`.
    """

    def __init__(
        self, folder: Path, host: str, *, core: int | None = None, words: tuple[str, ...] = (),
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.host = host
        self.control = Endpoint(host, free_port(host))
        self.controller_at = Endpoint(host, free_port(host))
        self.controller: Controller
        self._file = folder / "agw.toml"
        self._said = folder / "agw.txt"
        self._core = core
        self._words = words
        lines = {"control": str(self.control), "controller": str(self.controller_at), "coding": "compact",
                 # Below the ports that the system gives to those who ask for none.
                 "ports": [10_000, 32_000], "port_step": 1, **(settings or {})}
        realms = {"access.example.net": host, "core.example.net": host}
        self._file.write_text("".join(f"{key} = {_toml(value)}\n" for key, value in lines.items()) + "[realms]\n"
                              + "".join(f'"{realm}" = "{address}"\n' for realm, address in realms.items()))

    def start(self) -> None:
        """Start the process; it registers by itself."""
        paths = [str(Path(workbench.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._said.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workbench.cli", "agw", "--config", str(self._file), *self._words],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)})
        if self._core is not None:
            measuring.pin(self.process.pid, self._core)

    def wait_registered(self, seconds: float = PATIENCE) -> None:
        """Wait until the controller has taken it into service. Raises NotStarted."""
        for _ in range(int(seconds * 10)):
            if self.controller.wait_registered(0.1):
                return
            if self.process.poll() is not None:
                raise NotStarted(f"workbench agw has ended with {self.process.returncode}: {self.said()}")
        raise NotStarted(f"workbench agw does not register: {self.said()}")

    def stop(self) -> int:
        """SIGTERM, as an operator would; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise NotStarted(f"workbench agw does not end on SIGTERM: {self.said()}") from None

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

    def said(self) -> str:
        """The last of what it printed."""
        return self._said.read_text(errors="replace")[-2_000:].strip() if self._said.exists() else ""


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


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value)
