"""What a connected context weighs in a gateway process, beside a connection through haproxy.

    .venv/bin/python benchmarks/gateway_connections.py [--contexts 400] [--rounds 3]

A context is set up over H.248, its UE connects, the gateway connects to the far end, and 1,000 octets go each way:
plain TCP on both sides, or TLS (both certificates demanded) on the access side. haproxy, one thread, has the same
connections. Resident memory is looked at before and after; 50 connections before that are not counted. What the kernel
keeps for sockets and pipes belongs to no process and is not in these figures.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import load
from cryptography.hazmat.primitives import serialization
from measuring import machine, resident_octets, say

from workbench.net.values import Endpoint
from workbench.security.identities import Identity
from workbench.security.source import Source

WARM = 50
WORD = bytes(1_000)
PATIENCE = 20.0
HAPROXY = """\
global
    nbthread 1
    maxconn 8192
    ssl-default-bind-options no-tls-tickets
    tune.ssl.cachesize 0
defaults
    mode tcp
    timeout connect 60s
    timeout client 600s
    timeout server 600s
listen access
    bind {host}:{port} {secure}
    server core {core.host}:{core.port}
"""


class Weights(NamedTuple):
    """Octets a context: reserved, and what its connection adds."""

    reserved: float
    connected: float


class Calls:
    """UEs and far ends that stay connected.

    Args:
        host: where the far ends listen.
        client: for TLS; None: plain TCP.
    """

    def __init__(self, host: str, client: load.Client | None) -> None:
        self.listener = socket.create_server((host, 0), backlog=128)
        self.listener.settimeout(PATIENCE)
        self.core = Endpoint(*self.listener.getsockname()[:2])
        self._client = client
        self._open: list[socket.socket] = [self.listener]

    def connect(self, access: Endpoint) -> None:
        """One connection, and a word each way."""
        ue: socket.socket = socket.create_connection((access.host, access.port), PATIENCE)
        if self._client is not None:
            ue = self._client.context.wrap_socket(ue)
        far, _ = self.listener.accept()
        far.settimeout(PATIENCE)
        self._open += [ue, far]
        for one, other in ((ue, far), (far, ue)):
            one.sendall(WORD)
            left = len(WORD)
            while left:
                got = len(other.recv(left))
                if not got:
                    raise SystemExit("a connection has ended")
                left -= got

    def close(self) -> None:
        """End all of them."""
        for one in self._open:
            one.close()


def ours(kind: load.Kind, count: int) -> Weights:
    """A process of ours."""
    client = load.Client() if kind is load.Kind.TLS else None
    with load.agw(contexts=count + WARM + 10) as agw, ExitStack() as stack:
        calls = Calls(agw.host, client)
        stack.callback(calls.close)
        for context in agw.controller.set_up(WARM, kind, core=calls.core, client=client):
            calls.connect(context.access)
        empty = agw.resident()
        contexts = agw.controller.set_up(count, kind, core=calls.core, client=client)
        reserved = agw.resident()
        for context in contexts:
            calls.connect(context.access)
        return Weights((reserved - empty) / count, (agw.resident() - reserved) / count)


def theirs(kind: load.Kind, count: int) -> Weights:
    """haproxy."""
    client = load.Client() if kind is load.Kind.TLS else None
    calls = Calls("127.0.0.1", client)
    with ExitStack() as stack:
        stack.callback(calls.close)
        process, access = stack.enter_context(haproxy(calls.core, client))
        for _ in range(WARM):
            calls.connect(access)
        empty = resident_octets(process)
        for _ in range(count):
            calls.connect(access)
        return Weights(0.0, (resident_octets(process) - empty) / count)


@contextmanager
def haproxy(core: Endpoint, client: load.Client | None) -> Iterator[tuple[int, Endpoint]]:
    """Its process, and where it accepts; ends with the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            access = Endpoint(*probe.getsockname())
        secure = ""
        if client is not None:
            _written(Identity.self_signed("peer.example.net", Source(1, "peer")), folder / "server.pem")
            (folder / "client.crt").write_text(ssl.DER_cert_to_PEM_cert(client.identity.certificate))
            secure = f"ssl crt {folder}/server.pem ca-file {folder}/client.crt verify required ssl-min-ver TLSv1.2"
        file = folder / "haproxy.conf"
        file.write_text(HAPROXY.format(host=access.host, port=access.port, core=core, secure=secure))
        process = subprocess.Popen(["haproxy", "-f", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(process, access)
            yield process.pid, access
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _written(identity: Identity, file: Path) -> None:
    key = identity.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.touch(mode=0o600)
    file.write_bytes(key + ssl.DER_cert_to_PEM_cert(identity.certificate).encode())


def _wait(process: subprocess.Popen[bytes], access: Endpoint) -> None:
    """Until it listens. (A connection that tried would go through to the far end.)"""
    where = f"{''.join(f'{int(part):02X}' for part in reversed(access.host.split('.')))}:{access.port:04X}"
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if any(line.split()[1] == where for line in Path("/proc/net/tcp").read_text().splitlines()[1:]):
            return
        time.sleep(0.05)
    raise SystemExit("haproxy does not listen")


def middle(values: list[float]) -> str:
    """Median, lowest and highest, in kB."""
    return f"{statistics.median(values) / 1e3:5.1f} kB ({min(values) / 1e3:.1f} to {max(values) / 1e3:.1f})"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    missing = load.room_for(4 * (given.contexts + WARM))
    if missing:
        raise SystemExit(missing)
    peer = shutil.which("haproxy")
    say(f"{machine()}; {given.contexts} contexts, each with a UE and a far end connected")
    for kind in (load.Kind.PLAIN, load.Kind.TLS):
        own, other = [], []
        for _ in range(given.rounds):
            own.append(ours(kind, given.contexts))
            if peer is not None:
                other.append(theirs(kind, given.contexts))
        say(f"{kind}: workbench {middle([one.reserved for one in own])} reserved, "
            f"{middle([one.connected for one in own])} more when connected")
        if other:
            ratio = statistics.median(one.connected for one in own) / statistics.median(one.connected for one in other)
            say(f"{kind}: haproxy   {middle([one.connected for one in other])} a connection; "
                f"connected, ours weighs {ratio:.2g} times as much")
        else:
            say("haproxy is missing: apt-get install haproxy")


if __name__ == "__main__":
    main()
