"""What a network has: its bound endpoints, listeners and streams, and how a socket at an endpoint is made."""

from __future__ import annotations

import socket

from workbench.net.arrivals import Arrivals
from workbench.net.sockets.entries import Connection, Datagrams, Limits, Listener
from workbench.net.sockets.failures import refused
from workbench.net.sockets.loop import Loop
from workbench.net.sockets.making import make_socket
from workbench.net.values import Endpoint, Stream

_BACKLOG = 128


class Places(Loop):
    """Endpoints and streams by their names."""

    def __init__(self, node: str, limits: Limits | None = None, arrivals: Arrivals | None = None) -> None:
        super().__init__(node, limits, arrivals)
        self._bound: dict[Endpoint, Datagrams] = {}
        self._listening: dict[Endpoint, Listener] = {}
        self._streams: dict[Stream, Connection] = {}
        self._offers: set[Stream] = set()     # those that the node has not answered

    def _make(self, local: Endpoint, kind: socket.SocketKind) -> socket.socket:
        """A socket that can be bound to `local`. Raises OSError."""
        return make_socket(local, kind)

    def _bound_socket(self, local: Endpoint, kind: socket.SocketKind) -> socket.socket:
        """A socket at this endpoint, listening if it is TCP. Raises NetworkError."""
        protocol = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        try:
            made = self._make(local, kind)
        except OSError as error:
            raise refused(local, protocol, error) from None
        try:
            made.bind((local.host, local.port))
            if kind == socket.SOCK_STREAM:
                made.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            made.close()
            raise refused(local, protocol, error) from None
        return made

    def _listens(self, listener: Listener) -> bool:
        return self._listening.get(listener.local) is listener
