"""What SDP says of MSRP, and what each leg of a call carried of it, as rules ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from sys import intern
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.spans import Span
from workbench.analysis.values import Leg, Message
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp.uri import decode_path

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.sessions import Call
    from workbench.analysis.signalling import Described

MOST_MESSAGES = 2000
"""Of one leg that are looked at."""
_MOST_LEGS = 64


class Asked(msgspec.Struct, gc=False):
    """A request on a leg, and its response there, if any: what rules ask of each, since there may be very many.

    Args:
        index: of the request among the messages of the report.
        time: when it came.
        sender: address.
        transaction, method, message_id, byte_range, flag: what it says; empty for a header that it has not.
        octets: of its body.
        wants: a response, whatever becomes of it (Failure-Report).
        status: of the response; 0 without one.
        response: its index; None without one.
    """

    index: int
    time: float
    sender: str
    transaction: str
    method: str
    message_id: str
    byte_range: str
    flag: msrp.Flag
    octets: int
    wants: bool
    status: int = 0
    response: int | None = None


class LegSaid(msgspec.Struct):
    """What a leg carried of MSRP.

    Args:
        asked: the requests, in order.
        whole: no octet of it is missing in the capture, and its beginning is there.
        until: until when all responses would have been seen.
    """

    leg: Leg
    span: Span
    asked: list[Asked]
    whole: bool
    until: float


def said(report: Report, call: Call) -> list[LegSaid]:
    """What the legs of a call carried of MSRP, up to `MOST_MESSAGES` of each."""
    known = report.once(_known)
    if id(call) not in known:
        known[id(call)] = [_leg(report, leg, span) for leg, span, _ in call.legs[:_MOST_LEGS]
                           if span is not None and _carries_msrp(span)]
    return known[id(call)]


def _known(report: Report) -> dict[int, list[LegSaid]]:
    """Where what was found is kept, by call."""
    return {}


def _carries_msrp(span: Span) -> bool:
    return span.content().connection.protocol.rpartition("/")[2] == "MSRP"


def _leg(report: Report, leg: Leg, span: Span) -> LegSaid:
    connection = span.content().connection
    found: list[Asked] = []
    open_: dict[tuple[str, str], Asked] = {}
    count, last = 0, 0.0
    for message in islice(_msrp(report, leg), MOST_MESSAGES):
        count, last = count + 1, message.time
        value = message.value
        if isinstance(value, msrp.Request) and not message.error:
            asked = _asked(message, value)
            found.append(asked)
            open_.setdefault((value.transaction, message.source.address), asked)
        elif isinstance(value, msrp.Response):
            asked_ = open_.get((value.transaction, message.destination.address))
            if asked_ is not None and asked_.response is None:
                asked_.response, asked_.status = message.index, value.status
    whole = all(stream.initial is not None and not stream.missing for stream in connection.streams)
    until = last if count == MOST_MESSAGES else report.end
    return LegSaid(leg, span, found, whole, min(until, connection.closed or until))


def _asked(message: Message, value: msrp.Request) -> Asked:
    wants = (value.get("Failure-Report") or "yes").strip().casefold() == "yes"
    return Asked(message.index, message.time, message.source.address, value.transaction, value.method,
                 intern(value.get("Message-ID") or ""), value.get("Byte-Range") or "", value.flag,
                 len(value.body or b""), wants)


def _msrp(report: Report, leg: Leg) -> Iterator[Message]:
    return (message for message in report.on(leg, "MSRP") if not message.repeated)


def path_place(one: Described) -> Endpoint | None:
    """Host and port of the first URI of a=path; None where there is none with a port."""
    try:
        path = decode_path((one.media.attribute("path") or "").strip())
    except PeerError:
        return None
    return Endpoint(path[0].host, path[0].port) if path and path[0].port else None
