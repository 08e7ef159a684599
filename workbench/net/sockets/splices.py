"""Streams that are joined: octets go from one to the other without the node, and without this process's memory.

Where there is splice(2), octets go from socket to pipe to socket; where there is not, or no pipe is free, through one
buffer. Octets that the far side does not take stay where they are, in a pipe or in that stream's send queue, and
nothing more is read before they are gone. So at the end of a stream, or of a splice, what is still in a pipe is put
into the queue, and all goes on as with any stream.
"""

from __future__ import annotations

from workbench.errors import LocalProtocolError
from workbench.net.arrivals import Arrivals
from workbench.net.sockets.entries import Connection, Half, Limits
from workbench.net.sockets.failures import WOULD_BLOCK
from workbench.net.sockets.listening import ListeningSide
from workbench.net.sockets.loop import READ, WRITE
from workbench.net.sockets.pipes import Pipe, Pipes
from workbench.net.values import Meter, Splice, Stream

# A turn of the loop carries about so much one way, so that nobody keeps the others waiting.
_A_TURN = 2_097_152
# When so little was there, there is no more for now.
_LITTLE = 16_384
_BUFFER = 262_144


class SplicingSide(ListeningSide):
    """What a network does about streams that are joined."""

    def __init__(self, node: str, limits: Limits | None = None, arrivals: Arrivals | None = None) -> None:
        super().__init__(node, limits, arrivals)
        self._pipes = Pipes(self._limits.pipes)
        self._occupied: dict[Half, None] = {}       # whose pipe holds octets, the oldest first
        self._buffer = memoryview(bytearray(_BUFFER))

    def close(self) -> None:
        """Give back pipes, too."""
        super().close()
        self._pipes.close()

    # Joining and parting

    def _splice(self, splice: Splice) -> None:
        if splice.a == splice.b:
            raise LocalProtocolError(f"spliced with itself: {splice.a}")
        a, b = self._to_splice(splice.a), self._to_splice(splice.b)
        meter = splice.meter or Meter()

        def forth(octets: int) -> None:
            meter.count(forth=octets)

        def back(octets: int) -> None:
            meter.count(back=octets)

        if a is not None and b is not None:
            a.onward, b.onward = Half(a, b, forth), Half(b, a, back)
            a.paused = b.paused = a.crowded = b.crowded = False
        for near, far, count in ((splice.a, b, forth), (splice.b, a, back)):
            octets = self._arrivals.withdraw(self._node, near)
            if octets and far is not None and not far.ending and far.failing is None:
                count(len(octets))
                self._queue(far, octets)
        for connection in (a, b):
            if connection is not None and self._is_open(connection):
                self._watch_stream(connection)

    def _to_splice(self, stream: Stream) -> Connection | None:
        connection = self._streams.get(stream)
        if connection is None:
            return None
        if connection.opening or connection.offered:
            raise LocalProtocolError(f"splice while {'opening' if connection.opening else 'offered'}: {stream}")
        if connection.onward is not None:
            raise LocalProtocolError(f"spliced already: {stream}")
        return connection

    def _unsplice(self, stream: Stream) -> None:
        connection = self._streams.get(stream)
        if connection is not None and connection.onward is not None:
            self._part(connection.onward, connection.onward.back)

    def _part(self, *halves: Half) -> None:
        """Octets come to the node again; those that are under way go first."""
        for half in halves:
            self._empty(half)
        for half in halves:
            half.near.onward = None
        for half in halves:
            if self._is_open(half.near):
                self._tell_if_full(half.near)
                self._watch_stream(half.near)

    def _forget(self, connection: Connection) -> None:
        super()._forget(connection)
        if connection.onward is not None:
            self._part(connection.onward, connection.onward.back)

    def _end(self, stream: Stream) -> None:
        connection = self._streams.get(stream)
        half = None if connection is None else connection.onward
        if half is not None:
            self._empty(half.back)
        super()._end(stream)
        if half is not None:
            self._watch_both(half)      # what comes from the other is thrown away now, but its end is heard

    # Carrying

    def _watch_stream(self, connection: Connection) -> None:
        half = connection.onward
        if half is None:
            super()._watch_stream(connection)
            return
        reads = READ if half.may_read else 0
        writes = WRITE if connection.failing is None and (connection.queue or half.back.holds) else 0
        self._watch(connection, reads | writes)

    def _watch_both(self, half: Half) -> None:
        for connection in (half.near, half.far):
            if self._is_open(connection):
                self._watch_stream(connection)

    def _write(self, connection: Connection) -> None:
        super()._write(connection)
        if connection.onward is not None and not connection.queue:
            self._carry(connection.onward.back)

    def _read(self, connection: Connection) -> None:
        if connection.onward is None:
            super()._read(connection)
        else:
            self._carry(connection.onward)

    def _carry(self, half: Half) -> None:
        """Carry octets one way until none is there, the far side takes no more, or it is another's turn."""
        left = _A_TURN
        while left > 0:
            carried = self._carry_some(half)
            if not carried and left == _A_TURN:     # splice(2) does not go beyond an urgent pointer
                carried = self._copy(half)
            left -= carried
            if carried < _LITTLE or half.holds:
                break
        self._keep_or_return(half)
        self._watch_both(half)

    def _carry_some(self, half: Half) -> int:
        """Carry octets once; how many the far side has taken."""
        if half.holds:
            return self._drain(half)
        if not half.may_read:
            return 0
        if half.pipe is None and not half.far.ending:
            half.pipe = self._lend()
        if half.pipe is None:
            return self._copy(half)
        try:
            if taken := half.pipe.fill(half.near.socket.fileno()):
                half.count(taken)
                return self._drain(half)
            self._hear_end(half.near)
        except OSError as error:
            if error.errno not in WOULD_BLOCK:
                self._broken(half.near, error)
        return 0

    def _drain(self, half: Half) -> int:
        """Give the far side what is in the pipe."""
        if half.pipe is None or half.far.failing is not None:
            return 0
        try:
            return half.pipe.drain(half.far.socket.fileno())
        except OSError as error:
            if error.errno not in WOULD_BLOCK:
                self._fail_sending(half.far, error)
            return 0

    def _copy(self, half: Half) -> int:
        """Carry octets once without a pipe; for a far side that we have ended they are thrown away."""
        if not half.may_read:
            return 0
        try:
            taken = half.near.socket.recv_into(self._buffer)
        except OSError as error:
            if error.errno not in WOULD_BLOCK:
                self._broken(half.near, error)
            return 0
        if not taken:
            self._hear_end(half.near)
        elif not half.far.ending:
            self._give(half.far, self._buffer[:taken])
            half.count(taken)
        return taken

    def _give(self, far: Connection, octets: memoryview) -> None:
        """Send octets of the shared buffer; those that find no room wait in the stream's queue."""
        try:
            octets = octets[far.socket.send(octets):]
        except OSError as error:
            if error.errno not in WOULD_BLOCK:
                self._fail_sending(far, error)
                return
        far.queue.add(bytes(octets))

    # Pipes

    def _lend(self) -> Pipe | None:
        """An empty pipe: if need be one that holds octets, which then wait in their stream's queue instead."""
        pipe = self._pipes.take()
        if pipe is None and self._occupied:
            oldest = next(iter(self._occupied))
            self._empty(oldest)
            self._watch_both(oldest)
            pipe = self._pipes.take()
        return pipe

    def _empty(self, half: Half) -> None:
        """Put what is in the pipe into the far side's queue, and give the pipe back."""
        if half.pipe is not None and half.holds and self._is_open(half.far) and half.far.failing is None:
            half.far.queue.add(half.pipe.take())
        self._return(half)

    def _keep_or_return(self, half: Half) -> None:
        if half.holds:
            self._occupied[half] = None
        else:
            self._return(half)

    def _return(self, half: Half) -> None:
        self._occupied.pop(half, None)
        if half.pipe is not None:
            self._pipes.give(half.pipe)
            half.pipe = None
