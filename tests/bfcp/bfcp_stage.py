"""A conference on a stage: a floor control server, participants and chairs, and wires that may lose datagrams."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.events import Event, ServerEvent, Transmit, TransmitTo
from workbench.protocols.bfcp.floors import Floor, Policy
from workbench.protocols.bfcp.machine import Chair, Participant
from workbench.protocols.bfcp.messages import RELIABLE, Message, User
from workbench.protocols.bfcp.registry import status_name
from workbench.protocols.bfcp.server import FloorControlServer

CONFERENCE, FLOOR = 4321, 543
ANN, BOB, CHAIR = 234, 235, 1
USERS = (User(ANN, "Ann", "sip:ann@ims.example"), User(BOB, "Bob"), User(CHAIR, "Carol"))


class Stage:
    """Everybody, and a clock.

    Args:
        floors: of the server.
        version: 1 or 2.
        lose: asked for each datagram, in order; True loses it.
        portion: octets of a stream that arrive at a time.
        server: more settings of the server.
    """

    def __init__(
        self, floors: Iterable[Floor] = (Floor(FLOOR),), version: int = RELIABLE,
        lose: Callable[[int], bool] = lambda number: False, portion: int = 1 << 20, users: Iterable[User] = USERS,
        **server: Any,
    ) -> None:
        self.version = version
        self.now = 0.0
        self.server = FloorControlServer(CONFERENCE, users, floors, version=version, **server)
        self.clients: dict[int, Chair] = {}
        self.heard: dict[int, list[Event]] = {}
        self.told: list[ServerEvent] = []
        self.wires: list[tuple[float, int, str, Message | None]] = []
        self._lose = lose
        self._sent = 0
        self._portion = portion

    def join(self, *users: int, secured: bool = False, **settings: Any) -> None:
        """Connect clients; each one's peer name is its user id."""
        for user in users:
            self.clients[user] = Chair(CONFERENCE, user, version=self.version, **settings)
            self.heard[user] = []
            self.server.opened(user, secured=secured)
            self.carry(user, self.clients[user].opened(self.now))

    def says(self, user: int, method: Callable[..., Any], /, *args: Any, **settings: Any) -> list[Event]:
        """A client says something; what it hears until nothing moves any more."""
        before = len(self.heard[user])
        said = method(self.clients[user], *args, now=self.now, **settings)
        self.carry(user, said[1] if isinstance(said, tuple) else said)
        return self.heard[user][before:]

    def does(self, events: list[ServerEvent]) -> None:
        """The server says something by itself."""
        self._spread(events)

    def leaves(self, user: int) -> None:
        """A client's connection is gone."""
        self.clients.pop(user)
        self._spread(self.server.ended(user, self.now))

    def until(self, time: float) -> None:
        """Let time pass: whoever wants to is woken in order."""
        while True:
            wakers: list[tuple[float, Any]] = [
                (at, client) for client in (*self.clients.values(), self.server)
                if (at := client.next_wakeup()) is not None and at <= time]
            if not wakers:
                break
            self.now, waker = min(wakers, key=lambda pair: pair[0])
            if isinstance(waker, FloorControlServer):
                self._spread(waker.wake(self.now))
            else:
                self.carry(waker.user, waker.wake(self.now))
        self.now = time

    def carry(self, user: int, events: Iterable[Event]) -> None:
        """From a client to the server, and what comes of it."""
        for event in events:
            if isinstance(event, Transmit):
                for part in self._parts(event.octets, user, ">"):
                    self._spread(self.server.receive_data(user, part, self.now))
            else:
                self.heard[user].append(event)

    def statuses(self, user: int) -> list[str]:
        """The status of requests as a client heard of them, in words."""
        return [status_name(event.request.status or 0) for event in self.heard[user] if hasattr(event, "request")]

    def _spread(self, events: Iterable[ServerEvent]) -> None:
        for event in events:
            if not isinstance(event, TransmitTo):
                self.told.append(event)
            elif event.peer in self.clients:
                client = self.clients[event.peer]
                for part in self._parts(event.octets, client.user, "<"):
                    self.carry(client.user, client.receive_data(part, self.now))

    def _parts(self, octets: bytes, user: int, way: str) -> list[bytes]:
        found = wire.decode_datagram(octets)
        self.wires.append((self.now, user, way, found if isinstance(found, Message) else None))
        self._sent += 1
        if self.version != RELIABLE:
            return [] if self._lose(self._sent) else [octets]
        return [octets[at : at + self._portion] for at in range(0, len(octets), self._portion)]


def chaired(**policy: Any) -> Floor:
    """A floor with a chair."""
    return Floor(FLOOR, Policy(chair=CHAIR, **policy))


__all__ = ["ANN", "BOB", "CHAIR", "CONFERENCE", "FLOOR", "Chair", "Participant", "Stage", "chaired"]
