"""Sockets as they come from this host, and addresses as it writes them."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from contextlib import suppress
from functools import lru_cache

from workbench.net.sockets.failures import refused
from workbench.net.values import Endpoint

_RESET_ON_CLOSE = struct.pack("ii", 1, 0) if os.name != "nt" else struct.pack("HH", 1, 0)


def free_port(host: str = "127.0.0.1", *, stream: bool = False) -> int:
    """A port that nobody has at this moment (TCP with `stream`, else UDP)."""
    local = Endpoint(host, 0)
    with make_socket(local, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def probe(local: Endpoint) -> None:
    """Whether this host would give us this endpoint (port 0: this address). Raises NetworkError."""
    try:
        with make_socket(local, socket.SOCK_DGRAM) as made:
            made.bind((local.host, local.port))
    except (OSError, OverflowError) as error:
        raise refused(local, "UDP", error) from None


def make_socket(local: Endpoint, kind: socket.SocketKind) -> socket.socket:
    """A socket that can be bound to `local`. Raises OSError."""
    version = local.version
    made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, kind)
    made.setblocking(False)
    if version == 6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if os.name == "nt":
        made.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", 0), 1)
    elif kind == socket.SOCK_STREAM:
        # Connections of before in TIME-WAIT do not keep the port (on Windows the option means something else).
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def prepare(made: socket.socket) -> None:
    """Set up the socket of an open connection."""
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Octets sent as urgent are octets of the stream (RFC 6093 §6); apart they would get lost.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    except OSError:
        pass


@lru_cache(maxsize=4096)
def is_address(host: str) -> bool:
    """Whether this is an address. A name is never looked up here: that may take long, and asks strangers."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends: what is sent into the second wakes whoever waits for the first."""
    receives, sends = socket.socketpair()
    receives.setblocking(False)
    sends.setblocking(False)
    return receives, sends


def endpoint(address: tuple[str, int] | tuple[str, int, int, int]) -> Endpoint:
    """An address of the socket interface in the form that nodes compare."""
    host = address[0]
    if ":" in host:
        host = str(ipaddress.ip_address(host.partition("%")[0]))
    return Endpoint(host, address[1])


def linger(sock: socket.socket) -> None:
    """Have closing it send a RST."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def reset(sock: socket.socket) -> None:
    """Close a connection with RST."""
    linger(sock)
    sock.close()
