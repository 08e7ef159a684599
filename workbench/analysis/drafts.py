"""What dissecting gives: messages before their ends have names, and what each TCP connection carried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from workbench.analysis.associations import Association
from workbench.analysis.carried.tls_stream import TlsObserver
from workbench.analysis.flows import Connection
from workbench.net.values import Endpoint

MOST_CONTENT_OCTETS = 8 * 2**20
_OCTETS = ("octet", "octets")

Piece = tuple[int, int, bytes]
Later = Callable[[int], Iterable[Piece]]


class Draft:
    """A message before its ends have names.

    Fields as in `values.Message`; `connection` where TCP carried it, `association` where SCTP did.
    """

    __slots__ = ("association", "comment", "connection", "destination", "direction", "error", "frames", "octets",
                 "protected", "protocol", "repeated", "session", "source", "summary", "time", "value", "wire")

    def __init__(self, protocol: str, frames: tuple[int, ...], time: float, wire: str, source: Endpoint,
                 destination: Endpoint, summary: str) -> None:
        self.protocol = protocol
        self.frames = frames
        self.time = time
        self.wire = wire
        self.source = source
        self.destination = destination
        self.summary = summary
        self.value: Any = None
        self.octets = b""
        self.protected = False
        self.repeated = False
        self.error = ""
        self.comment = ""
        self.connection: Connection | None = None
        self.association: Association | None = None
        self.direction = 0
        self.session: str | None = None


def counted(number: int) -> str:
    """`1 octet`, `20 octets`."""
    return f"{number} {_OCTETS[number != 1]}"


class Content:
    """What one TCP connection carried: application octets of both directions (decrypted where TLS protected them).

    Attributes:
        cut: there were more than `MOST_CONTENT_OCTETS`.
        session: of the messages that are made when they are asked for.
    """

    __slots__ = ("_kept", "_pieces", "connection", "cut", "observer", "session")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.observer: TlsObserver | None = None
        self.cut = False
        self.session: str | None = None
        self._pieces: list[Piece | tuple[Later, int]] = []
        self._kept = 0

    def add(self, direction: int, frame: int, octets: bytes) -> None:
        """Keep application octets, up to a limit (`cut`)."""
        if self.cut or self._kept + len(octets) > MOST_CONTENT_OCTETS:
            self.cut = True
            return
        self._kept += len(octets)
        self._pieces.append((direction, frame, octets))

    def add_later(self, sizes: Sequence[int], pieces: Later) -> None:
        """Keep pieces of these sizes, which `pieces` reads when they are asked for."""
        count = 0
        for size in sizes:
            self.cut = self.cut or self._kept + size > MOST_CONTENT_OCTETS
            if self.cut:
                break
            self._kept += size
            count += 1
        self._pieces.append((pieces, count))

    @property
    def pieces(self) -> list[Piece]:
        """Direction, frame that completed it, and octets of each piece, in order."""
        return list(self._each())

    def _each(self) -> Iterator[Piece]:
        for one in self._pieces:
            if len(one) == 2:
                yield from one[0](one[1])
            else:
                yield one

    def payload(self, direction: int) -> bytes:
        """All application octets of a direction, in order."""
        return b"".join(octets for towards, _, octets in self._each() if towards == direction)

    def begins(self, direction: int, size: int) -> bytes:
        """The first so many application octets of a direction; fewer where there are no more."""
        parts = (octets for towards, _, octets in self._each() if towards == direction)
        return b"".join(islice(parts, size))[:size]
