"""A conference with floors: who may take part, and the floor control server that all its connections share.

Source: RFC 8855 §13, RFC 8856 §5 (confid, userid, floorid).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workbench.net.values import Command, Note
from workbench.protocols.bfcp import events as bfcp
from workbench.protocols.bfcp.floors import Floor, Policy
from workbench.protocols.bfcp.messages import User
from workbench.protocols.bfcp.registry import Status
from workbench.protocols.bfcp.server import FloorControlServer

Transmit = Callable[[bytes, float], list[Command]]
Close = Callable[[str, float], list[Command]]


class Conference(msgspec.Struct, frozen=True):
    """What a conference is.

    Args:
        number: a=confid.
        floor: its one floor, a=floorid.
        people: SIP URIs of those who may take part, and their a=userid.
        chair: the URI of who decides on the floor; empty: nobody has to.
        holders: how many may have the floor at the same time.
    """

    number: int = 4321
    floor: int = 543
    people: dict[str, int] = {}
    chair: str = ""
    holders: int = 1

    def server(self) -> FloorControlServer:
        """A server with nobody connected."""
        users = [User(number, uri=uri) for uri, number in self.people.items()]
        return FloorControlServer(
            self.number, users, [Floor(self.floor, Policy(self.holders, chair=self.people.get(self.chair)))])


class Room:
    """The running conference: each connection is a client, named by its user id."""

    def __init__(self, conference: Conference) -> None:
        self.conference = conference
        self._server = conference.server()
        self._clients: dict[int, tuple[Transmit, Close]] = {}

    def joined(self, user: int, transmit: Transmit, close: Close, *, secured: bool, now: float) -> list[Command]:
        """A user's connection is up; a former one of the same user no longer counts."""
        commands = self.left(user, now)
        self._clients[user] = (transmit, close)
        self._server.opened(user, secured=secured, users=frozenset({user}))
        return commands

    def heard(self, user: int, octets: bytes, now: float) -> list[Command]:
        """Octets of a user's connection."""
        return self._told(self._server.receive_data(user, octets, now), now)

    def left(self, user: int, now: float, transmit: Transmit | None = None) -> list[Command]:
        """A user's connection is gone: its floors go to who waits (TS 23.333 §6.2.13).

        Args:
            transmit: of that connection; nothing is done where the user has another one by now.
        """
        known = self._clients.get(user)
        if known is None or (transmit is not None and known[0] != transmit):
            return []
        del self._clients[user]
        return self._told(self._server.ended(user, now), now)

    def _told(self, events: list[bfcp.ServerEvent], now: float) -> list[Command]:
        commands: list[Command] = []
        for event in events:
            match event:
                case bfcp.TransmitTo(peer=int(user), octets=octets) if user in self._clients:
                    commands += self._clients[user][0](octets, now)
                case bfcp.ClientViolation(peer=int(user), error=error) if user in self._clients:
                    commands += self._clients[user][1](f"BFCP can't be read: {error} [RFC 8855 §6.1]", now)
                case bfcp.MessageRefused(peer=user, error=error):
                    commands.append(Note(f"user {user} is refused: {error}"))
                case bfcp.FloorRequestChanged(request=request, holder=holder):
                    status = Status(request.status).name.lower() if request.status is not None else "unknown"
                    commands.append(Note(f"floor request {request.request} of user {holder} is {status}"))
        return commands
