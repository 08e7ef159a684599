"""Messages of a stream, each in a segment of its own, for a reader that does not put streams together."""

from __future__ import annotations

import os
from collections.abc import Iterable

from workbench.analysis.pcapng import RAW, Writer
from workbench.analysis.values import Message, Place
from workbench.net.packets import ACK, PSH, Tcp, encode_tcp
from workbench.net.values import Endpoint

_MOST_OCTETS = 65_000
_WINDOW = 65_535


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


def ports_of(messages: Iterable[Message]) -> list[int]:
    """The ports on both sides of these messages."""
    return sorted({place.port for one in messages for place in (one.source, one.destination)})


def _endpoint(place: Place) -> Endpoint:
    return Endpoint(place.address, place.port)
