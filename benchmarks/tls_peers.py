"""haproxy and stunnel4 as terminators of TLS: a P-256 certificate, the client's demanded, nothing resumed."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from workbench.security.identities import Identity
from workbench.security.source import Source

_PATIENCE = 10.0

_HAPROXY = """\
global
    nbthread 1
    maxconn 8192
    ssl-default-bind-options no-tls-tickets
    tune.ssl.cachesize 0
defaults
    mode tcp
    timeout connect 60s
    timeout client 60s
    timeout server 60s
frontend access
    bind {host}:{port} ssl crt {folder}/server.pem ca-file {folder}/client.crt verify required ssl-min-ver TLSv1.2
    default_backend core
backend core
    server core {host}:{core}
"""

_STUNNEL4 = """\
foreground = yes
pid =
syslog = no
debug = 3
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[access]
accept = {host}:{port}
connect = {host}:{core}
cert = {folder}/server.pem
CAfile = {folder}/client.crt
requireCert = yes
verifyPeer = yes
options = NO_TICKET
sessionCacheSize = 1
"""


def written(identity: Identity, file: Path) -> Path:
    """The key and the certificate in one file, and the certificate alone beside it (`.crt`)."""
    key = identity.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate = ssl.DER_cert_to_PEM_cert(identity.certificate).encode()
    file.touch(mode=0o600)
    file.write_bytes(key + certificate)
    file.with_suffix(".crt").write_bytes(certificate)
    return file


def prepare(folder: Path) -> None:
    """The certificate of the peers."""
    written(Identity.self_signed("peer.example.net", Source(1, "peer")), folder / "server.pem")


@contextmanager
def started(
    program: str, folder: Path, host: str, core: int
) -> Iterator[tuple[subprocess.Popen[bytes], tuple[str, int]]]:
    """The process, and where it accepts; it connects to `core`. Ends with the block."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port = int(probe.getsockname()[1])
    form = {"haproxy": _HAPROXY, "stunnel4": _STUNNEL4}[program]
    file = folder / f"{program}.conf"
    file.write_text(form.format(host=host, port=port, core=core, folder=folder))
    words = [program, "-f", file] if program == "haproxy" else [program, file]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=(folder / f"{program}.txt").open("wb"))
    try:
        _wait(process, host, port, folder / f"{program}.txt")
        yield process, (host, port)
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _wait(process: subprocess.Popen[bytes], host: str, port: int, said: Path) -> None:
    """Until it listens; it may not be connected to, which would look like a session."""
    table = f"{''.join(f'{int(part):02X}' for part in reversed(host.split('.')))}:{port:04X}"
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if any(line.split()[1] == table for line in Path("/proc/net/tcp").read_text().splitlines()[1:]):
            return
        time.sleep(0.05)
    raise SystemExit(f"{process.args[0]} does not listen: {said.read_text(errors='replace')[-500:]}")  # type: ignore[index]
