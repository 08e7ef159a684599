"""What the receiving end of UDPTL tells its owner."""

from __future__ import annotations

import enum

import msgspec

from workbench.errors import PeerError


class Way(enum.Enum):
    """How an IFP packet has come."""

    PRIMARY = "as the primary of its packet"
    REDUNDANCY = "as a secondary of a later packet"
    FEC = "rebuilt from a later packet's FEC"


class IfpReceived(msgspec.Struct, frozen=True):
    """The next IFP packet, in order. `sequence` is that of its UDPTL packet, 16 bits.

    Where it was rebuilt, zeros may stand behind it (`ifp.decode(..., rebuilt=True)`).
    """

    sequence: int
    octets: bytes
    way: Way = Way.PRIMARY


class Lost(msgspec.Struct, frozen=True):
    """IFP packets that did not come and could not be made good, from `sequence` on."""

    sequence: int
    count: int


class Repeated(msgspec.Struct, frozen=True):
    """A packet that was here before, or came too late to be of use."""

    sequence: int


class PacketDropped(msgspec.Struct, frozen=True):
    """A datagram of no use."""

    error: PeerError


Event = IfpReceived | Lost | Repeated | PacketDropped
"""What a receiver tells."""
