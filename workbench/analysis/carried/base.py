"""What the readers of a TCP connection's protocols share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from workbench.analysis.drafts import Content, Draft, counted

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector


class Layer(Protocol):
    """Reads one protocol in both directions of a connection."""

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """The next octets of a direction; `missing`: how many the capture lacks in front of them."""

    def finish(self) -> None:
        """Nothing more comes."""


class Bulk(Protocol):
    """A layer of which whole messages may be read elsewhere, as long as it holds nothing unfinished."""

    protocol: str

    def passed(self, direction: int, octets: int, messages: int, tail: Sequence[tuple[bytes, int]]) -> None:
        """Go on behind so many octets, which were whole messages.

        Args:
            direction, octets, messages: what was read.
            tail: octets behind them that begin another message and do not end it, with the frame of each part.
        """


class Base:
    """What the layers of a connection share: making drafts that lie on it."""

    def __init__(self, dissector: Dissector, content: Content, protected: bool) -> None:
        self.dissector = dissector
        self.content = content
        self.protected = protected

    def tell(self, protocol: str, direction: int, frames: tuple[int, ...], time: float, summary: str, octets: bytes,
             value: Any = None, error: str = "") -> Draft:
        """A draft in this connection."""
        connection = self.content.connection
        sides = connection.sides
        draft = self.dissector.emit(protocol, frames, time, connection.wire, sides[direction], sides[1 - direction],
                                    summary)
        self._place(draft, direction)
        draft.value, draft.error, draft.octets = value, error, self.dissector.keep(octets)
        return draft

    def _place(self, draft: Draft, direction: int) -> None:
        draft.connection, draft.direction, draft.protected = self.content.connection, direction, self.protected


class Unknown(Base):
    """Octets that no protocol here knows: kept as they came."""

    def feed(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float, missing: int) -> None:
        """See `Layer`."""
        self.content.add(direction, frames[-1] if frames else 0, octets)
        behind = f" (behind {counted(missing)} that the capture lacks)" if missing else ""
        told = f"TCP, {counted(len(octets))}{behind}"
        self.tell("unknown", direction, frames, time, told, octets)

    def finish(self) -> None:
        """See `Layer`."""
