"""A node between two real connections, one accepted and one opened, on this host's network."""

from __future__ import annotations

import socket
from types import TracebackType

from workbench.net.sockets import Limits, SocketNetwork, free_port
from workbench.net.values import (
    AcceptStream,
    Command,
    Endpoint,
    Happening,
    Listen,
    OpenStream,
    Stream,
    StreamData,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
)

PATIENCE = 10.0
OF_OCTETS = StreamData | StreamFull | StreamWritable


class Narrow(SocketNetwork):
    """Sockets with small buffers, so that a few hundred kilobytes are enough to fill them."""

    def _make(self, local: Endpoint, kind: socket.SocketKind) -> socket.socket:
        made = super()._make(local, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        return made


class Between:
    """A client's socket, the node's two streams `a` and `b`, and the socket of a far end."""

    def __init__(self, limits: Limits | None = None, *, narrow: bool = True) -> None:
        host = "127.0.0.1"
        self.network = (Narrow if narrow else SocketNetwork)("node", limits)
        self.heard: list[Happening] = []
        self.left = Endpoint(host, free_port(stream=True))
        self.do(Listen(self.left))
        self.listener = socket.create_server((host, 0))
        self.client, self.far, self.a, self.b = self.more()

    def more(self) -> tuple[socket.socket, socket.socket, Stream, Stream]:
        """Another pair of streams."""
        client = _socket()
        client.connect((self.left.host, self.left.port))
        a = Stream(self.left, Endpoint(*client.getsockname()))
        b = Stream(Endpoint(self.left.host, free_port(stream=True)), Endpoint(*self.listener.getsockname()))
        self.until(StreamOffered(a))
        self.do(AcceptStream(a), OpenStream(b))
        self.until(StreamOpened(b))
        far, _ = self.listener.accept()
        for peer in (client, far):
            peer.setblocking(False)
        self.heard.clear()
        return client, far, a, b

    def __enter__(self) -> Between:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.network.close()
        for peer in (self.client, self.far, self.listener):
            peer.close()

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.network.carry("node", command, 0.0)

    def turn(self, seconds: float = 0.0) -> list[Happening]:
        """One wait of the node."""
        arrival = self.network.wait(self.network.now + seconds)
        found = [] if arrival is None else [arrival.happened]
        self.heard += found
        return found

    def until(self, expected: Happening) -> None:
        """Wait until this has been heard."""
        deadline = self.network.now + PATIENCE
        while expected not in self.heard:
            assert self.network.now < deadline, (expected, self.heard)
            self.turn(0.05)

    def rest(self, peer: socket.socket, octets: int = 1 << 60) -> bytes:
        """What a peer gets: up to so many octets, or all up to the end. A reset raises."""
        found = bytearray()
        deadline = self.network.now + PATIENCE
        while len(found) < octets:
            assert self.network.now < deadline, (len(found), self.heard)
            try:
                data = peer.recv(min(65_536, octets - len(found)))
            except BlockingIOError:
                self.turn(0.002)
                continue
            if not data:
                break
            found += data
        return bytes(found)

    def pour(self, peer: socket.socket, octets: bytes) -> int:
        """Send until nothing goes on any more; how much was sent."""
        sent = idle = 0
        while sent < len(octets) and idle < 50:
            try:
                sent += peer.send(octets[sent : sent + 65_536])
                idle = 0
            except BlockingIOError:
                self.turn(0.001)
                idle += 1
        return sent


def _socket() -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    return made
