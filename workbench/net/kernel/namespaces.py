"""Our side of the keeper: it is started, asked for sockets, and let go."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import weakref
from functools import cache
from pathlib import Path
from typing import Any

from workbench.errors import NetworkError
from workbench.net.kernel.layout import Namespace

KEEPER = Path(__file__).with_name("keeper.py")
_PATIENCE = 30.0  # a keeper that has not answered by then hangs


class Namespaces:
    """The namespaces of one network. `ends` are the packet sockets at its wires' ends, by host and wire.

    Args:
        hosts: what each holds, in order.

    Raises:
        NetworkError: this machine does not allow them, or lacks the program that sets them up.
    """

    def __init__(self, hosts: tuple[Namespace, ...]) -> None:
        if not sys.platform.startswith("linux"):
            raise NetworkError("the kernel network needs Linux; the virtual network runs everywhere")
        if shutil.which("ip") is None:
            raise NetworkError("the kernel network needs the program ip: apt-get install iproute2")
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(_PATIENCE)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), owner()], stdin=theirs.fileno(), start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.close = weakref.finalize(self, _end, self._process, self._line)
        try:
            self._hear(0)
            self._numbers = {host.host: number for number, host in enumerate(hosts)}
            wanted = [(host.host, link.wire) for host in hosts for link in host.links if link.end or link.tapped]
            made, _ = self._ask({"hosts": [_plain(host) for host in hosts]}, len(wanted))
        except BaseException:
            self.close()
            raise
        self.ends = {place: socket.socket(fileno=fd) for place, fd in zip(wanted, made, strict=True)}

    @property
    def keeper(self) -> int:
        """Process id of the keeper."""
        return self._process.pid

    def socket(self, host: str, family: int, kind: int) -> socket.socket:
        """A socket in a host's namespace. Raises OSError as `socket.socket` does, NetworkError without a keeper."""
        made, _ = self._ask({"host": self._numbers[host], "family": family, "kind": kind}, 1)
        return socket.socket(fileno=made[0])

    def set(self, host: str, sysctls: dict[str, str]) -> None:
        """Set kernel parameters of a host's namespace (paths below /proc/sys). Raises NetworkError."""
        self._ask({"host": self._numbers[host], "sysctls": sysctls}, 0)

    def nft(self, host: str, script: str) -> str:
        """Have nft carry out a script in a host's namespace; what it says. Raises NetworkError."""
        if shutil.which("nft") is None:
            raise NetworkError("relays and NAT on the kernel network need the program nft: apt-get install nftables")
        try:
            return self._ask({"host": self._numbers[host], "nft": script}, 0)[1]
        except OSError as error:
            raise NetworkError(f"the program nft does not start: {error.strerror}") from error

    def _ask(self, request: dict[str, Any], descriptors: int) -> tuple[list[int], str]:
        try:
            self._line.send(json.dumps(request).encode())
        except OSError as error:
            raise _lost() from error
        return self._hear(descriptors)

    def _hear(self, descriptors: int) -> tuple[list[int], str]:
        """The keeper's answer: that many descriptors, and what a program said."""
        made: list[int] = []
        while True:
            try:
                answer, found, _, _ = socket.recv_fds(self._line, 65_536, 253)
            except OSError as error:
                raise _lost() from error
            made += found
            for descriptor in found:
                os.set_inheritable(descriptor, False)
            if not answer:
                raise _lost()
            told = json.loads(answer)
            if told.get("errno") is not None:
                raise OSError(told["errno"], told["error"])
            if "error" in told:
                raise NetworkError(str(told["error"]).strip().splitlines()[0])
            if len(made) >= descriptors:
                return made, told.get("said", "")


def owner() -> str:
    """This process, named so that no later one is taken for it: its id and the moment it started (clock ticks)."""
    return f"wb-{os.getpid()}-{started(os.getpid())}"


def started(process: int) -> int | None:
    """When a process started, in clock ticks since the system did; None: there is none of that id."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold anything; the fields behind it are numbers (proc(5): starttime is the 22nd).
    return int(text.rpartition(")")[2].split()[19])


@cache
def why_not() -> str:
    """Why this machine has no kernel network; empty: it has."""
    try:
        Namespaces(()).close()
    except (NetworkError, OSError) as error:
        return str(error)
    return ""


def _plain(host: Namespace) -> dict[str, Any]:
    links = [{"name": link.name, "end": link.end, "peer": link.peer, "tapped": link.tapped} for link in host.links]
    return {"links": links, "batch": host.batch, "batch6": host.batch6}


def _end(process: subprocess.Popen[bytes], line: socket.socket) -> None:
    line.close()
    try:
        process.wait(5.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _lost() -> NetworkError:
    return NetworkError("the process that holds the namespaces has gone")
