"""What dissecting gives: messages before their ends have names, and what each TCP connection carried."""

from __future__ import annotations

from typing import Any

from workbench.analysis.associations import Association
from workbench.analysis.flows import Connection
from workbench.analysis.tls_stream import TlsObserver
from workbench.net.values import Endpoint

MOST_CONTENT_OCTETS = 8 * 2**20
_OCTETS = ("octet", "octets")


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
    """What one TCP connection carried: application octets of both directions (decrypted where TLS protected them)."""

    __slots__ = ("_kept", "connection", "cut", "observer", "pieces")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.observer: TlsObserver | None = None
        self.pieces: list[tuple[int, int, bytes]] = []    # direction, frame that completed it, octets
        self.cut = False
        self._kept = 0

    def add(self, direction: int, frame: int, octets: bytes) -> None:
        """Keep application octets, up to a limit (`cut`)."""
        if self.cut or self._kept + len(octets) > MOST_CONTENT_OCTETS:
            self.cut = True
            return
        self._kept += len(octets)
        self.pieces.append((direction, frame, octets))

    def payload(self, direction: int) -> bytes:
        """All application octets of a direction, in order."""
        return b"".join(octets for towards, _, octets in self.pieces if towards == direction)
