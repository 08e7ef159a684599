"""What holds for a rewriter on any octets: shared by the tests and the fuzzer."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp import wire
from workbench.protocols.msrp.machine import PeerViolation, RequestRefused
from workbench.protocols.msrp.rewriting import Back, Event, Onward, ResponseDiscarded, Rewriter

PEER_X = uris.decode_path("msrps://198.51.100.10:28550/uA3n7QwZ0kRb5YtH;tcp")
OURS_X = uris.decode_path("msrps://203.0.113.20:28551/mP8vC2xLs6GdJ1eN;tcp")
OURS_Y = uris.decode_path("msrp://192.0.2.1:8000/lB;tcp")
PEER_Y = uris.decode_path("msrp://192.0.2.50:6000/sB;tcp")


def rewriter(**changes: object) -> Rewriter:
    settings = {"local": OURS_X, "onward": PEER_Y, "origin": OURS_Y} | changes
    return Rewriter(**settings)


def onward(events: Iterable[Event]) -> bytes:
    return b"".join(event.octets for event in events if isinstance(event, Onward))


def back(events: Iterable[Event]) -> bytes:
    return b"".join(event.octets for event in events if isinstance(event, Back))


def told(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Onward | Back)]


def in_any_portions(data: bytes, size: int) -> None:
    """The octets that leave, what is refused and where it breaks depend on the octets alone."""
    whole, cut = rewriter(max_header_octets=300), rewriter(max_header_octets=300)
    once = whole.receive_data(data)
    often = [event for at in range(0, len(data), size) for event in cut.receive_data(data[at : at + size])]
    assert onward(often) == onward(once)
    assert back(often) == back(once)
    assert [str(event) for event in told(often)] == [str(event) for event in told(once)]
    assert whole.held == cut.held
    assert whole.held <= 400


def with_a_reader(data: bytes) -> None:
    """The reader of messages finds as many, breaks where the rewriter breaks, and reads what has left."""
    reader, one = wire.Reader(), rewriter()
    framed, events = reader.receive_data(data), one.receive_data(data)
    whole = [each for each in framed if each.message is not None]
    assert one.broken is reader.broken
    if reader.broken:
        assert isinstance(events[-1], PeerViolation)
        assert events[-1].error.offset is not None
        start = framed[-1].start
        assert start <= events[-1].error.offset <= start + (framed[-1].error.offset or 0)
    refused = [event for event in events if isinstance(event, RequestRefused | ResponseDiscarded)]
    passed = wire.Reader()
    left = [each for each in passed.receive_data(onward(events)) if each.message is not None]
    beginning = reader.held > 0 and not one.broken and not one.between_messages  # its head has left already
    ending = 1 if one._in_body and one.between_messages else 0  # refused at its head, its end is still to come
    assert len(left) + len(refused) - ending == len(whole)
    assert (passed.held > 0) is beginning
