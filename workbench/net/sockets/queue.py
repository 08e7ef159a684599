"""Octets that wait for room in a socket's send buffer, without copying them again for each attempt."""

from __future__ import annotations

import socket
from collections import deque

# Small pieces are put together up to this size, so that many orders of an octet each weigh what they should.
_TOGETHER = 16_384
# Pieces that one call takes (IOV_MAX is 1024 on Linux, 16 is what POSIX promises).
_PIECES = 16

_Piece = bytes | bytearray | memoryview


class SendQueue:
    """Octets in order. `len` is their number."""

    __slots__ = ("_octets", "_pieces")

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._octets = 0

    def __len__(self) -> int:
        return self._octets

    def add(self, data: _Piece) -> None:
        """Queue octets; they are not copied if they are many, so nobody may change them."""
        if not data:
            return
        self._octets += len(data)
        last = self._pieces[-1] if self._pieces else b""
        if len(last) + len(data) > _TOGETHER:
            self._pieces.append(data)
        elif isinstance(last, bytearray):
            last.extend(data)
        elif last:
            self._pieces[-1] = bytearray().join((last, data))
        else:
            self._pieces.append(data)

    def send(self, sock: socket.socket) -> None:
        """Send until all is sent or the socket takes no more. Raises OSError, also when it takes no more."""
        pieces = self._pieces
        while pieces:
            if len(pieces) == 1 or not hasattr(sock, "sendmsg"):
                sent = sock.send(pieces[0])
            else:
                sent = sock.sendmsg([pieces[number] for number in range(min(len(pieces), _PIECES))])
            self._drop(sent)

    def clear(self) -> None:
        """Forget all."""
        self._pieces.clear()
        self._octets = 0

    def _drop(self, octets: int) -> None:
        self._octets -= octets
        pieces = self._pieces
        while octets:
            first = pieces[0]
            if len(first) > octets:
                pieces[0] = memoryview(first)[octets:]
                return
            octets -= len(first)
            pieces.popleft()
