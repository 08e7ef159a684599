"""Floors with their holders over time, and pages of faxes, by session."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.fax_pages import FaxDirection, fax_directions
from workbench.analysis.calls.joined_values import Fax, FaxPage, Floor, Holding
from workbench.analysis.values import Message
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp.registry import Primitive, Status, status_name

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_MOST_BFCP = 200_000
_MOST_UDPTL = 200_000
_MOST_REQUESTS = 64
_MOST_HOLDINGS = 1000
_MOST_FLOORS = 256


def floors_of(report: Report) -> dict[str, tuple[Floor, ...]]:
    """The floors of each session, by its id; of several wires, as that which shows most messages tells."""
    held: dict[str, dict[str, list[Message]]] = defaultdict(lambda: defaultdict(list))
    for message in islice(report.messages_of("BFCP"), _MOST_BFCP):
        if message.session is not None and isinstance(message.value, bfcp.Message) and not message.repeated:
            held[message.session][message.wire].append(message)
    found = {}
    for session, wires in held.items():
        # The server is where its words are seen first.
        wire = max(wires, key=lambda one: (len(wires[one]), -_first_word(wires[one])))
        found[session] = tuple(_floors(wire, wires[wire]))
    return found


def _first_word(messages: Iterable[Message]) -> float:
    return next((one.time for one in messages if one.value.primitive in _TELLING), 0.0)


_TELLING = (Primitive.FLOOR_REQUEST_STATUS, Primitive.FLOOR_STATUS)


def _floors(wire: str, messages: list[Message]) -> list[Floor]:
    """Grants and their ends, as the floor control server tells them (RFC 8855 §13.1.2, §13.5)."""
    users: dict[tuple[int, int], int] = {}
    floors: dict[tuple[int, int], list[Holding]] = {}
    for message in messages:
        value: bfcp.Message = message.value
        if value.primitive not in _TELLING:
            continue
        for request in value.requests[:_MOST_REQUESTS]:
            asked = (value.conference, request.request)
            who = request.beneficiary or request.requested_by
            if who is not None:
                users[asked] = who.user
            elif value.primitive == Primitive.FLOOR_REQUEST_STATUS:
                users.setdefault(asked, value.user)
            for floor in request.floors[:_MOST_REQUESTS]:
                status = request.status if request.status is not None else floor.status
                key = (value.conference, floor.floor)
                if key in floors or len(floors) < _MOST_FLOORS:
                    _told(floors.setdefault(key, []), request.request, users.get(asked, 0), status, message)
    return [Floor(conference, floor, wire, tuple(held)) for (conference, floor), held in floors.items()]


def _told(held: list[Holding], request: int, user: int, status: int | None, message: Message) -> None:
    at = next((place for place in reversed(range(len(held)))
               if held[place].request == request and held[place].until is None), None)
    if status == Status.GRANTED and at is None and len(held) < _MOST_HOLDINGS:
        held.append(Holding(user, request, message.time, message.frames[-1]))
    elif at is not None and status is not None and status >= Status.DENIED:
        held[at] = msgspec.structs.replace(
            held[at], until=message.time, last=message.frames[-1], end=status_name(status))


def faxes_of(report: Report) -> tuple[dict[str, tuple[Fax, ...]], dict[str, int]]:
    """The pages of each session's faxes, by its id; and how many packets were not looked at."""
    messages = report.messages_of("UDPTL")
    if len(messages) > _MOST_UDPTL:
        return {}, dict(Counter(one.session for one in messages if one.session is not None))
    found: dict[str, tuple[Fax, ...]] = defaultdict(tuple)
    for direction in fax_directions(report) if len(messages) else ():
        if direction.session is not None and direction.pages:
            found[direction.session] += (_fax(direction),)
    return found, {}


def _fax(direction: FaxDirection) -> Fax:
    pages = []
    for number, page in enumerate(direction.pages, 1):
        came = next((piece.place for piece in page.pieces if not piece.missing), None)
        since = direction.arrivals[came].time if came is not None and came < len(direction.arrivals) else None
        pages.append(FaxPage(number, "" if page.format is None else str(page.format), page.octets, page.missing,
                             page.ended, since))
    return Fax(direction.wire, direction.source.node, direction.destination.node, direction.protected, tuple(pages))
