"""What SDP says of MSRP, and what each leg of a call carried of it, as rules ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.spans import Span
from workbench.analysis.chunks import Chunk
from workbench.analysis.values import Leg
from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp.uri import decode_path

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report

MOST_MESSAGES = 2000
"""Of one leg that are looked at."""
_MOST_LEGS = 64
_RANGE = re.compile(r"\s*(\d{1,15})-(\d{1,15}|\*)/(\d{1,15}|\*)\s*")

_Range = tuple[int, int]        # the first octet, counted from 1, and the one behind the last


class Asked(msgspec.Struct, gc=False):
    """A request on a leg, and its response there, if any.

    Args:
        status: of the response; 0 without one.
        response: its index among the messages of the report; None without one.
    """

    chunk: Chunk
    status: int = 0
    response: int | None = None


class Incomplete(msgspec.Struct):
    """A message that is marked as complete, and is not.

    Args:
        chunk: the one with the mark.
        hole: the first octets that no chunk carries: from (counted from 1) and to.
        octets: of the message.
    """

    chunk: Chunk
    hole: tuple[int, int]
    octets: int


class LegSaid(msgspec.Struct):
    """What a leg carried of MSRP.

    Args:
        asked: the requests that nobody answered, and those that were refused, in order.
        incomplete: messages of which octets never came.
        whole: no octet of it is missing in the capture, and its beginning is there.
        until: until when all responses would have been seen.
    """

    leg: Leg
    span: Span
    asked: list[Asked]
    incomplete: list[Incomplete]
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
    open_: dict[tuple[str, int], Asked] = {}
    count, last = 0, 0.0
    for chunk in islice(report.chunks(leg), MOST_MESSAGES):
        count, last = count + 1, chunk.time
        if chunk.method:
            asked = Asked(chunk)
            found.append(asked)
            open_.setdefault((chunk.transaction, chunk.direction), asked)
            continue
        answered = open_.get((chunk.transaction, 1 - chunk.direction))
        if answered is not None and answered.response is None:
            answered.response, answered.status = chunk.index, chunk.status
    whole = all(stream.initial is not None and not stream.missing for stream in connection.streams)
    until = last if count == MOST_MESSAGES else report.end
    left = [one for one in found if one.response is None or one.status >= 300]
    return LegSaid(leg, span, left, list(_incomplete(found)), whole, min(until, connection.closed or until))


def _incomplete(asked: list[Asked]) -> Iterator[Incomplete]:
    held: dict[tuple[int, str], list[_Range]] = {}
    for one in (request.chunk for request in asked):
        chunk, number = _chunk(one), one.message_id
        if one.method != "SEND" or chunk is None or not number:
            continue
        key = (one.direction, number)
        held.setdefault(key, []).append(chunk[0])
        if one.flag is msrp.Flag.MORE:
            continue
        chunks = held.pop(key)
        end = chunk[1] if chunk[1] is not None else chunk[0][1] - 1
        hole = _hole(chunks, end)
        if one.flag is msrp.Flag.COMPLETE and hole is not None:
            yield Incomplete(one, hole, end)


def _chunk(one: Chunk) -> tuple[_Range, int | None] | None:
    """What a SEND carries, and the total where it says one."""
    match = _RANGE.fullmatch(one.byte_range)
    if match is None:
        return None
    start, end, total = match.groups()
    behind = int(end) + 1 if end != "*" else int(start) + one.octets
    return (int(start), behind), int(total) if total != "*" else None


def _hole(chunks: list[_Range], end: int) -> _Range | None:
    """The first octets up to `end` that no chunk carries; chunks may overlap and come in any order."""
    reached = 1
    for start, behind in sorted(chunks):
        if start > reached:
            return reached, start - 1
        reached = max(reached, behind)
    return (reached, end) if reached <= end else None


def path_place(one: Described) -> Endpoint | None:
    """Host and port of the first URI of a=path; None where there is none with a port."""
    try:
        path = decode_path((one.media.attribute("path") or "").strip())
    except PeerError:
        return None
    return Endpoint(path[0].host, path[0].port) if path and path[0].port else None
