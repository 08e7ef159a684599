"""Messages each by itself, in a capture for a reader that stumbles over what is around them: MSRP, and T.38's UDPTL."""

from __future__ import annotations

import os
from collections.abc import Iterable

from workbench.analysis.pcapng import RAW, Writer
from workbench.analysis.values import Message, Place
from workbench.net.packets import ACK, PSH, Tcp, encode_tcp, encode_udp
from workbench.net.values import Endpoint
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import Field, FieldType, IfpPacket, UdptlPacket

_MOST_OCTETS = 65_000
_WINDOW = 65_535
FAX_PORT = 6004
_GATEWAY = Endpoint("192.0.2.1", FAX_PORT)
_MOST_FLOWS = 50_000


def write_apart(messages: Iterable[Message], path: str | os.PathLike[str]) -> tuple[list[Message], int]:
    """Write a capture that has one segment for each message, with its own addresses and ports.

    Returns:
        The messages of its frames 1, 2, ...; and how many fit in no segment.

    Raises:
        CaptureError: it can't be written.
    """
    written: list[Message] = []
    too_long = 0
    sent: dict[tuple[Endpoint, Endpoint], int] = {}
    with Writer(path) as writer:
        wire = writer.interface("apart", RAW)
        for message in messages:
            if not message.octets or len(message.octets) > _MOST_OCTETS:
                too_long += 1
                continue
            way = (_endpoint(message.source), _endpoint(message.destination))
            sequence = sent.get(way, 1)
            sent[way] = (sequence + len(message.octets)) & 0xFFFFFFFF
            octets = encode_tcp(Tcp(*way, sequence, sent.get((way[1], way[0]), 1), PSH | ACK, _WINDOW, message.octets))
            written.append(message)
            writer.packet(wire, len(written) * 1_000_000, octets)
    return written, too_long


def write_fax_apart(messages: Iterable[Message], path: str | os.PathLike[str]) -> tuple[list[Message], int]:
    """Write a capture in which each UDPTL packet has a flow of its own to `FAX_PORT`, behind the beginning of a frame.

    Returns:
        The messages of its frames 2, 4, ...; and how many are left out: too many, or not readable.

    Raises:
        CaptureError: it can't be written.
    """
    written: list[Message] = []
    left_out = 0
    with Writer(path) as writer:
        wire = writer.interface("apart", RAW)
        for message in messages:
            if len(written) == _MOST_FLOWS or ifp.version_of(message.value.primary) is None:
                left_out += 1
                continue
            terminal = Endpoint("192.0.2.2", 10_000 + len(written))
            for place, octets in enumerate((_beginning(message.value), message.octets)):
                time_ns = (2 * len(written) + place) * 1_000_000
                writer.packet(wire, time_ns, encode_udp(terminal, _GATEWAY, octets))
            written.append(message)
    return written, left_out


def _beginning(packet: UdptlPacket) -> bytes:
    """The packet before: a T.30 frame of the same kind of data begins."""
    version = ifp.version_of(packet.primary) or 0
    begun = IfpPacket(data=ifp.decode(packet.primary, version).data or 0, fields=(Field(FieldType.HDLC_DATA, b"\xff"),))
    return udptl.encode(UdptlPacket((packet.sequence - 1) & 0xFFFF, ifp.encode(begun, version)))


def ports_of(messages: Iterable[Message]) -> list[int]:
    """The ports on both sides of these messages."""
    return sorted({place.port for one in messages for place in (one.source, one.destination)})


def _endpoint(place: Place) -> Endpoint:
    return Endpoint(place.address, place.port)
