"""An access edge of processes on loopback: IMS-AGW, IMS-ALG, a UE and a peer, each with an address of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 30


def start(*words: str, **more) -> subprocess.Popen[str]:
    """A command of the workbench as a process with pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "workbench.cli", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, **more)


def until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """Read lines until one has these words, or fail with what was said instead."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if wanted in line:
            return lines
    raise AssertionError(f"{wanted!r} was not said: {lines}, {process.stderr.read() if process.stderr else ''}")


class Edge:
    """Settings of an access edge, and its processes.

    Every test has addresses of its own (127.x.y.0), so that two of them can run at a time on the same ports.
    """

    _count = 0

    def __init__(self, folder: Path) -> None:
        Edge._count += 1
        self.net = f"127.{os.getpid() % 250 + 1}.{(time.monotonic_ns() // 1000 + Edge._count) % 250}"
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        net = self.net
        self.write("agw", f'''
            name = "IMS-AGW"
            control = "{net}.20"
            controller = "{net}.10"
            [realms]
            "access.example.net" = "{net}.21"
            "core.example.net" = "{net}.22"
        ''')
        self.write("alg", f'''
            name = "IMS-ALG"
            control = "{net}.10"
            gateway = "{net}.20"
            access = "{net}.11"
            core = "{net}.12"
            [routes]
            "home2.example" = "{net}.40"
        ''')
        self.ue()
        self.write("peer", f'''
            name = "Peer B"
            uri = "sip:bob@home2.example"
            sip = "{net}.40"
            proxy = "{net}.12"
            registers = false
            media_security = false
        ''')

    def ue(self, *script: str) -> None:
        """The UE's file, with a script."""
        self.write("ue", f'''
            name = "UE A"
            sip = "{self.net}.30"
            proxy = "{self.net}.11"
            script = {list(script)}
        ''')

    def write(self, name: str, text: str) -> Path:
        """A settings file."""
        path = self.folder / f"{name}.toml"
        path.write_text("\n".join(line.strip() for line in text.splitlines()))
        return path

    def start(self, name: str, *options: str, kind: str = "", **more) -> subprocess.Popen[str]:
        """A node of this edge."""
        kind = kind or {"peer": "ue"}.get(name, name)
        process = start(kind, "--config", str(self.folder / f"{name}.toml"), *options, **more)
        self.running.append(process)
        return process

    def up(self, *options: str) -> tuple[subprocess.Popen[str], subprocess.Popen[str], subprocess.Popen[str]]:
        """IMS-AGW and IMS-ALG that have found each other, and the peer."""
        alg = self.start("alg", *options)
        until(alg, f"at {self.net}.10:2944")
        agw = self.start("agw", *options)
        peer = self.start("peer", *options)
        until(agw, "registered with the controller")
        until(peer, "receives datagrams")
        return agw, alg, peer

    def close(self) -> None:
        """End what still runs."""
        for process in self.running:
            process.kill()
            process.communicate()


def unprivileged() -> None:
    """For `preexec_fn`: what this process starts has no capability, like an ordinary user's (prctl(2))."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
