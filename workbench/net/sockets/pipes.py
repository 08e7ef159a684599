"""Pipes for splice(2): few, large, and lent while octets are under way only."""

from __future__ import annotations

import os
from contextlib import suppress

import msgspec

try:
    import fcntl

    _SET_SIZE, _GET_SIZE = fcntl.F_SETPIPE_SZ, fcntl.F_GETPIPE_SZ
    _FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
    CAN_SPLICE = True
except (ImportError, AttributeError):   # no splice(2) here
    CAN_SPLICE = False

_SIZES = (1_048_576, 524_288, 262_144, 131_072)
# A pipe smaller than this is worse than copying; a user who has too many gets such (pipe-user-pages-soft, pipe(7)).
_SMALLEST = 65_536
# Empty pipes that are kept for later.
_SPARE = 16


class Pipe(msgspec.Struct, eq=False):
    """A pipe, and how many octets are in it."""

    out: int
    into: int
    size: int
    held: int = 0

    def fill(self, sock: int) -> int:
        """Take octets from a socket; 0: its peer has ended. Raises OSError."""
        self.held = os.splice(sock, self.into, self.size, flags=_FLAGS)
        return self.held

    def drain(self, sock: int) -> int:
        """Give octets to a socket; how many it took. Raises OSError."""
        given = os.splice(self.out, sock, self.held, flags=_FLAGS)
        self.held -= given
        return given

    def take(self) -> bytes:
        """All octets that are in it; it is empty then."""
        found = []
        while self.held:
            found.append(os.read(self.out, self.held))
            self.held -= len(found[-1])
        return b"".join(found)

    def close(self) -> None:
        """Give it back to the system."""
        for end in (self.out, self.into):
            with suppress(OSError):
                os.close(end)


class Pipes:
    """The pipes of a network.

    Args:
        most: at one time.
    """

    def __init__(self, most: int) -> None:
        self._room = most if CAN_SPLICE else 0
        self._free: list[Pipe] = []
        self._used: set[Pipe] = set()

    def take(self) -> Pipe | None:
        """An empty pipe; None: there is none."""
        pipe = self._free.pop() if self._free else _make() if len(self._used) < self._room else None
        if pipe is not None:
            self._used.add(pipe)
        return pipe

    def give(self, pipe: Pipe) -> None:
        """A pipe is not needed any more; octets that are in it are lost."""
        self._used.discard(pipe)
        if pipe.held or len(self._free) >= _SPARE:
            pipe.close()
        else:
            self._free.append(pipe)

    def close(self) -> None:
        """Give all of them back to the system."""
        for pipe in [*self._free, *self._used]:
            pipe.close()
        self._free.clear()
        self._used.clear()


def _make() -> Pipe | None:
    """A pipe as large as we are allowed to have; None: no descriptor is left, or it would be too small."""
    try:
        out, into = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    for size in _SIZES:
        with suppress(OSError):     # above pipe-max-size, or all of the user's pipes are above pipe-user-pages-soft
            fcntl.fcntl(into, _SET_SIZE, size)
            break
    pipe = Pipe(out, into, fcntl.fcntl(into, _GET_SIZE))
    if pipe.size >= _SMALLEST:
        return pipe
    pipe.close()
    return None
