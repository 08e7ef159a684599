"""Open streams: octets in both directions, half-close, back-pressure and the ways in which they end."""

from __future__ import annotations

import socket
from contextlib import suppress

from workbench.errors import LocalProtocolError
from workbench.net.sockets.entries import Connection
from workbench.net.sockets.failures import WOULD_BLOCK, failure
from workbench.net.sockets.loop import READ, WRITE
from workbench.net.sockets.making import linger, prepare
from workbench.net.sockets.places import Places
from workbench.net.values import (
    Failure,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFull,
    StreamOpened,
    StreamWritable,
)

# A read asks for this much at first, for twice as much when it was all there, and for less when there was little.
_READS = 65_536
_MOST_READS = 524_288


class StreamSide(Places):
    """What a network does about streams that are established or about to be."""

    def _opened(self, connection: Connection) -> None:
        error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error in WOULD_BLOCK:
            return
        connection.opening = False
        if error:
            self._forget(connection)
            self._tell(StreamFailed(connection.stream, failure(error, opening=True)))
        else:
            self._established(connection)

    def _established(self, connection: Connection) -> None:
        prepare(connection.socket)
        self._tell(StreamOpened(connection.stream))
        self._watch_stream(connection)

    def _watch_stream(self, connection: Connection) -> None:
        """Be told when there is something to do."""
        reads = READ if not connection.paused and not connection.heard_end else 0
        writes = WRITE if connection.queue else 0
        self._watch(connection, reads | writes)

    def _progress(self, connection: Connection, mask: int) -> None:
        if connection.opening:
            self._opened(connection)
            return
        if mask & WRITE:
            self._write(connection)
        if mask & READ and self._is_open(connection):
            self._read(connection)

    def _is_open(self, connection: Connection) -> bool:
        return self._streams.get(connection.stream) is connection

    # Receiving

    def _read(self, connection: Connection) -> None:
        if connection.paused or connection.heard_end or len(self._arrivals) >= self._limits.arrivals:
            return
        try:
            data = connection.socket.recv(connection.reads)
        except OSError as error:
            if error.errno not in WOULD_BLOCK:
                self._broken(connection, error)
            return
        if not data:
            self._hear_end(connection)
            return
        if len(data) == connection.reads:
            connection.reads = min(2 * connection.reads, _MOST_READS)
        elif len(data) < connection.reads // 4:
            connection.reads = max(connection.reads // 2, _READS)
        self._tell(StreamData(connection.stream, data))

    def _hear_end(self, connection: Connection) -> None:
        """All octets of the peer have come."""
        if connection.failing is not None:
            self._over(connection, connection.failing)
            return
        connection.heard_end = True
        self._tell(StreamEnded(connection.stream))
        self._watch_stream(connection)
        self._close_if_over(connection)

    def _pause(self, stream: Stream, paused: bool) -> None:
        connection = self._streams.get(stream)
        if connection is not None:
            connection.paused = paused
            if not connection.opening and not connection.offered:
                self._watch_stream(connection)

    # Sending

    def _send(self, stream: Stream, data: bytes) -> None:
        connection = self._streams.get(stream)
        if connection is None or connection.failing is not None:
            return
        if connection.opening or connection.offered or connection.ending or connection.onward is not None:
            raise LocalProtocolError(f"send while {_state(connection)}: {stream}")
        if len(connection.queue) + len(data) > self._limits.queue:
            raise LocalProtocolError(f"more than {self._limits.queue} octets queued: {stream}")
        self._queue(connection, data)

    def _queue(self, connection: Connection, data: bytes) -> None:
        """Send octets behind those that wait; say so if there are many now."""
        if connection.queue:
            connection.queue.add(data)
        else:
            left = self._send_at_once(connection, data)
            if not left:
                return
            connection.queue.add(left)
            self._watch_stream(connection)
        self._tell_if_full(connection)

    def _send_at_once(self, connection: Connection, data: bytes) -> memoryview | bytes:
        """What the socket does not take; nothing either if it takes no more at all."""
        try:
            sent = connection.socket.send(data)
        except OSError as error:
            if error.errno in WOULD_BLOCK:
                return data
            self._fail_sending(connection, error)
            return b""
        return b"" if sent == len(data) else memoryview(data)[sent:]

    def _tell_if_full(self, connection: Connection) -> None:
        crowds = len(connection.queue) > self._limits.send and connection.onward is None and not connection.ending
        if crowds and not connection.crowded and self._is_open(connection):
            connection.crowded = True
            self._tell(StreamFull(connection.stream))

    def _write(self, connection: Connection) -> None:
        try:
            connection.queue.send(connection.socket)
        except OSError as error:
            if error.errno not in WOULD_BLOCK:
                self._fail_sending(connection, error)
                return
        if connection.crowded and len(connection.queue) <= self._limits.send // 2:
            connection.crowded = False
            self._tell(StreamWritable(connection.stream))
        if connection.ending and not connection.ended and not connection.queue:
            self._shut(connection)
        if self._is_open(connection):
            self._watch_stream(connection)

    # Ends

    def _end(self, stream: Stream) -> None:
        connection = self._streams.get(stream)
        if connection is None or connection.ending or connection.failing is not None:
            return
        if connection.opening or connection.offered:
            raise LocalProtocolError(f"end while {_state(connection)}: {stream}")
        connection.ending = True
        if not connection.queue:
            self._shut(connection)

    def _shut(self, connection: Connection) -> None:
        connection.ended = True
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._fail_sending(connection, error)
            return
        self._close_if_over(connection)

    def _close_if_over(self, connection: Connection) -> None:
        if connection.ended and connection.heard_end and self._is_open(connection):
            self._over(connection, None)

    def _abort(self, stream: Stream) -> None:
        connection = self._streams.get(stream)
        if connection is not None:
            linger(connection.socket)
            self._forget(connection)

    def _fail_sending(self, connection: Connection, error: OSError) -> None:
        """The peer is gone, but octets that have come from it may not have been read yet: they are told first."""
        if connection.paused or connection.heard_end:
            self._broken(connection, error)
            return
        connection.failing = failure(error.errno or 0, opening=False)
        connection.queue.clear()
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RD)      # whatever it was, reading comes to an end
        self._watch_stream(connection)

    def _broken(self, connection: Connection, error: OSError) -> None:
        self._over(connection, connection.failing or failure(error.errno or 0, opening=False))

    def _over(self, connection: Connection, reason: Failure | None) -> None:
        self._forget(connection)
        self._tell(StreamClosed(connection.stream, reason))

    def _forget(self, connection: Connection) -> None:
        self._offers.discard(connection.stream)
        connection.offered = False
        del self._streams[connection.stream]
        self._close(connection)


def _state(connection: Connection) -> str:
    if connection.onward is not None:
        return "spliced"
    return "opening" if connection.opening else "offered" if connection.offered else "ended"
