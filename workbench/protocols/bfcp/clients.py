"""What a floor control server keeps of one client, and how it tells of requests and floors (RFC 8855 §13)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from workbench.protocols.bfcp.floors import Asked, Floors
from workbench.protocols.bfcp.messages import Attribute, Request, User, floor_id, request_information
from workbench.protocols.bfcp.reassembly import Reassembly, StreamReader
from workbench.protocols.bfcp.transactions import Answers, Requests, hold_of

_UNACKNOWLEDGED = 512
"""The most news that wait for a client over datagrams; one that lets more wait is taken for gone."""


class Client:
    """One client: its transport, its users, what it wants to hear, and what it has not acknowledged.

    Args:
        secured: TLS or DTLS is up.
        allowed: the user ids that may be used there; None: any.
        version, t1, max_octets, max_datagram: as for the server.
    """

    def __init__(
        self, secured: bool, allowed: frozenset[int] | None, version: int, t1: float, max_octets: int,
        max_datagram: int,
    ) -> None:
        self.secured = secured
        self.allowed = allowed
        self.users: set[int] = set()
        self.floors: dict[int, tuple[int, ...]] = {}
        """User to the floors that it has asked about."""
        self.told: dict[tuple[int, int], tuple[Attribute, ...]] = {}
        """User and floor to what it was told last."""
        self.stream = StreamReader(max_octets)
        self.datagrams = Reassembly(hold_of(t1), max_octets)
        self.requests = Requests(version, t1=t1, max_waiting=_UNACKNOWLEDGED, max_datagram=max_datagram)
        self.answers = Answers(hold_of(t1))

    def next_wakeup(self) -> float | None:
        """When something is to be repeated, given up or forgotten; None: never."""
        times = (self.requests.next_wakeup(), self.datagrams.next_wakeup())
        return min((time for time in times if time is not None), default=None)

    def subscribe(self, user: int, floors: tuple[int, ...]) -> None:
        """A user wants to hear of these floors from now on, and of no others."""
        self.floors[user] = floors
        self.told = {key: told for key, told in self.told.items() if key[0] != user}


def describe(floors: Floors, users: Mapping[int, User], request: Asked) -> Request:
    """A request as the messages tell of it; the people are named where one asks for another (RFC 8855 §13.1.1)."""
    third = request.holder != request.requester
    return Request(
        request.request, floors.statuses(request), request.status, floors.position(request), request.info,
        users.get(request.holder) if third else None, users.get(request.requester) if third else None,
        request.priority, request.provided)


def floor_status(floors: Floors, users: Mapping[int, User], floor: int, user: int) -> tuple[Attribute, ...]:
    """Holders and queue of a floor; its chair sees what is pending too, and what participants said about it."""
    chair = floors.policies[floor].chair == user
    told = []
    for one in floors.on(floor, pending=chair):
        described = describe(floors, users, one)
        told.append(msgspec.structs.replace(
            described, beneficiary=users.get(one.holder), provided=described.provided if chair else ""))
    return (floor_id(floor), *(request_information(one) for one in told))
