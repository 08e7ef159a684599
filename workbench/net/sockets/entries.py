"""What a network keeps of an endpoint or stream, and how much of everything."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

import msgspec

from workbench.net.sockets.pipes import Pipe
from workbench.net.sockets.queue import SendQueue
from workbench.net.values import Endpoint, Failure, Stream


class Limits(msgspec.Struct, frozen=True):
    """What may pile up here. Sizes in octets.

    Args:
        send: above it `StreamFull` is told, and `StreamWritable` when a stream's send queue has drained to half of it.
        queue: a send queue never grows above it; an order that would is a LocalProtocolError.
        streams: open, opening or offered at one time; a further one is refused.
        offers: connections that wait for the node's answer; a further one is reset once the node has heard of them all.
        datagrams: that wait for room in one socket's send buffer; further ones are lost, as in a full queue.
        arrivals: happenings that wait for the node; beyond it nothing is read from any socket.
        pipes: that spliced streams share, each of up to 1 MiB; 0: octets are copied. One that a slow peer keeps
            occupied is emptied into that stream's send queue when another stream needs it.
    """

    send: int = 262_144
    queue: int = 16_777_216
    streams: int = 20_000
    offers: int = 128
    datagrams: int = 1024
    arrivals: int = 4096
    pipes: int = 60


class Datagrams(msgspec.Struct, eq=False):
    """A bound UDP endpoint. `onward`: what happens to datagrams of one source, if it is joined."""

    local: Endpoint
    socket: socket.socket
    queue: deque[tuple[Endpoint, bytes]]
    onward: Way | None = None


class Way(msgspec.Struct, eq=False):
    """One direction of a conversion.

    Args:
        stream: where datagrams come in, and whose they are.
        far, to: where they leave, and for whom.
        change, count: see `Convert`.
        bursts: the system cuts what leaves into datagrams.
        source: `stream.remote` as the socket interface writes it, once it was seen.
    """

    stream: Stream
    far: Datagrams
    to: Endpoint
    change: Callable[[bytes], bytes | None]
    count: Callable[[int], None]
    bursts: bool
    source: tuple[str, int] | tuple[str, int, int, int] | None = None

    @property
    def target(self) -> tuple[str, int]:
        """`to` as the socket interface takes it."""
        return self.to.host, self.to.port


class Listener(msgspec.Struct, eq=False):
    """An endpoint where connections are taken."""

    local: Endpoint
    socket: socket.socket


class Connection(msgspec.Struct, eq=False):
    """A stream: opening, offered, or open.

    `failing`: octets can't be sent any more, and that is told behind those that have arrived. `onward`: where octets
    go that arrive here, if it is spliced. `reads`: how many octets the next read asks for.
    """

    stream: Stream
    socket: socket.socket
    opening: bool = False
    offered: bool = False
    paused: bool = False
    crowded: bool = False
    ending: bool = False
    ended: bool = False
    heard_end: bool = False
    failing: Failure | None = None
    onward: Half | None = None
    reads: int = 65_536
    queue: SendQueue = msgspec.field(default_factory=SendQueue)

    @property
    def local(self) -> Endpoint:
        """Its own endpoint."""
        return self.stream.local


class Half(msgspec.Struct, eq=False):
    """One direction of a splice. `pipe`: lent while octets are under way."""

    near: Connection
    far: Connection
    count: Callable[[int], None]
    pipe: Pipe | None = None

    @property
    def back(self) -> Half:
        """The other direction."""
        assert self.far.onward is not None
        return self.far.onward

    @property
    def holds(self) -> bool:
        """Octets are in the pipe that the far side has not taken."""
        return self.pipe is not None and self.pipe.held > 0

    @property
    def may_read(self) -> bool:
        """Octets may be read: nothing that was read before waits for the far side."""
        near, far = self.near, self.far
        if near.onward is not self or near.paused or near.heard_end or far.failing is not None:
            return False
        return far.ending or not (far.queue or self.holds)


Entry = Datagrams | Listener | Connection
