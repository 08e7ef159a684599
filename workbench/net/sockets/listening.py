"""Connections that others open to us, and those that we open."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from workbench.errors import NetworkError
from workbench.net.sockets.entries import Connection, Listener
from workbench.net.sockets.failures import FAILED_WAITING, WOULD_BLOCK, failure
from workbench.net.sockets.loop import READ, WRITE
from workbench.net.sockets.making import endpoint, is_address, reset
from workbench.net.sockets.streams import StreamSide
from workbench.net.values import Endpoint, Failure, Stream, StreamFailed, StreamOffered

# Of a listener that has to be closed for a moment, which would reset them.
_MOST_AT_ONCE = 32
# A listener that found no free descriptor is left alone for so long; its peers wait in the kernel's queue.
_REST = 0.2


class ListeningSide(StreamSide):
    """What a network does about streams that are not open yet."""

    # A port that listens can be bound again for a connection of ours.
    _shares_ports = False

    def _listen(self, local: Endpoint) -> None:
        if local in self._listening:
            return
        made = self._bound_socket(local, socket.SOCK_STREAM)
        listener = self._listening[local] = Listener(local, made)
        self._watch(listener, READ)

    def _unlisten(self, local: Endpoint) -> None:
        self._close(self._listening.pop(local, None))
        for stream in [stream for stream in self._offers if stream.local == local]:
            self._abort(stream)

    def _take_offers(self, listener: Listener, most: int) -> int:
        """Offer so many connections to the node at most; how many were taken from the kernel."""
        for taken in range(most):
            if len(self._offers) >= self._limits.offers and self._arrivals:
                return taken  # the node has not heard of all of them yet: the others wait in the kernel's queue
            try:
                made, source = listener.socket.accept()
            except OSError as error:
                if error.errno not in WOULD_BLOCK | FAILED_WAITING:  # no descriptor is left, or no memory
                    self._watch(listener, 0)
                    self._resting.append((self.now + _REST, listener))
                return taken
            made.setblocking(False)
            stream = Stream(listener.local, endpoint(source))
            crowded = len(self._streams) >= self._limits.streams or len(self._offers) >= self._limits.offers
            if crowded or stream in self._streams:
                reset(made)
                continue
            self._taken(stream, made)
        return most

    def _taken(self, stream: Stream, made: socket.socket) -> None:
        """The kernel has established a connection with a listener of ours: offer it."""
        self._streams[stream] = Connection(stream, made, offered=True)
        self._offers.add(stream)
        self._tell(StreamOffered(stream))

    def _accept(self, stream: Stream) -> None:
        connection = self._streams.get(stream)
        if connection is None or not connection.offered:
            return
        connection.offered = False
        self._offers.discard(stream)
        self._established(connection)

    def _open(self, stream: Stream) -> None:
        if stream in self._streams or len(self._streams) >= self._limits.streams:
            self._tell(StreamFailed(stream, Failure.IN_USE))
            return
        if not is_address(stream.remote.host):
            self._tell(StreamFailed(stream, Failure.UNREACHABLE))
            return
        try:
            made = self._make(stream.local, socket.SOCK_STREAM)
        except OSError:  # no descriptor is left
            self._tell(StreamFailed(stream, Failure.IN_USE))
            return
        error = self._connect(made, stream)
        if error and error not in WOULD_BLOCK:
            made.close()
            self._tell(StreamFailed(stream, failure(error, opening=True)))
            return
        connection = self._streams[stream] = Connection(stream, made, opening=True)
        self._watch(connection, WRITE)

    def _connect(self, made: socket.socket, stream: Stream) -> int:
        """Send the SYN; the error's number."""
        # A port that listens can't be bound again; it listens again once our connection has its socket.
        listener = None if self._shares_ports else self._listening.pop(stream.local, None)
        if listener is not None:
            self._take_offers(listener, _MOST_AT_ONCE)
            self._close(listener)
        try:
            made.bind((stream.local.host, stream.local.port))
            return made.connect_ex((stream.remote.host, stream.remote.port))
        except (OSError, OverflowError) as failed:
            return getattr(failed, "errno", None) or errno.EADDRNOTAVAIL
        finally:
            if listener is not None:
                with suppress(NetworkError):
                    self._listen(listener.local)
