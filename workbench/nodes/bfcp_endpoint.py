"""The floor control half of a UE: BFCP over TCP, with TLS in between where the SDP says so.

A client is floor participant and, where the server takes it for one, chair. The server's ends of its connections share
one `Room`. Who is TLS client follows offer and answer, not who opens TCP (RFC 8856 §8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from workbench.net.values import Command
from workbench.net.values import Endpoint as Address
from workbench.nodes.conference import Room
from workbench.nodes.media_news import Remark
from workbench.nodes.msrp_listener import Manners
from workbench.nodes.stream_endpoint import StreamEndpoint
from workbench.protocols.bfcp import events as bfcp
from workbench.protocols.bfcp.machine import Chair, State
from workbench.protocols.bfcp.messages import FloorStatus, Request
from workbench.protocols.bfcp.registry import ERROR_NAMES, Status, primitive_name, status_name
from workbench.security import tls

Secure = Callable[[bool], tls.TlsSession]
_MOST_ANSWERS = 256
_MOST_FLOORS = 64


class FloorClient(StreamEndpoint):
    """A participant's or a chair's end.

    Args:
        local, secure, greets, manners: as for any media connection.
        association: makes the machine, once conference and user are known.
    """

    def __init__(
        self, local: Address, *, secure: Secure | None, greets: bool | None, association: Callable[[], Chair],
        manners: Manners | None = None,
    ) -> None:
        super().__init__(local, secure=secure, greets=greets, manners=manners)
        self._make = association
        self._chair: Chair | None = None
        self._answers: dict[int, str] = {}
        self._decided: dict[int, Status] = {}
        self.reported: dict[int, tuple[Request, ...]] = {}
        """Floor to its requests, as the server told last."""

    @property
    def ready(self) -> bool:
        """The server has answered our Hello."""
        return self.up and self._chair is not None and self._chair.state is State.READY

    def answer(self, transaction: int) -> str | None:
        """What a message of ours came to: empty where it was done, None before there is an answer."""
        return self._answers.get(transaction)

    def held(self, floor: int, *statuses: Status) -> Request | None:
        """Our own request for a floor that stands like this."""
        requests = self._chair.requests.values() if self._chair is not None else ()
        return _first(requests, floor, statuses)

    def told(self, floor: int, status: Status) -> Request | None:
        """A request of anybody for a floor that stands like this, as the server reported it."""
        return _first(self.reported.get(floor, ()), floor, (status,))

    def asked(self, floor: int, decision: Status, *statuses: Status) -> Request | None:
        """The first request of anybody for a floor that stands like this, as the server reported it (to the chair).

        One on which we have decided like this is left out: the server's report may be older.
        """
        requests = [one for one in self.reported.get(floor, ()) if self._decided.get(one.request) is not decision]
        return _first(requests, floor, statuses)

    # What a person does. Each gives the transaction, and what leaves now.

    def hello(self, now: float) -> tuple[int, list[Command]]:
        """Ask what the server understands (RFC 8855 §12.4)."""
        return self._sent(self._machine.send_hello(now), now)

    def watch(self, floors: Sequence[int], now: float) -> tuple[int, list[Command]]:
        """Hear of these floors from now on (RFC 8855 §12.1)."""
        return self._sent(self._machine.send_floor_query(floors, now), now)

    def request(self, floor: int, info: str, now: float) -> tuple[int, list[Command]]:
        """Ask for a floor (RFC 8855 §10.1)."""
        return self._sent(self._machine.send_floor_request(floor, now, info=info), now)

    def release(self, request: int, now: float) -> tuple[int, list[Command]]:
        """Give a floor back (RFC 8855 §10.2)."""
        return self._sent(self._machine.send_floor_release(request, now), now)

    def decide(self, request: int, floor: int, status: Status, now: float) -> tuple[int, list[Command]]:
        """Decide on a request, as chair (RFC 8855 §11.1)."""
        self._decided[request] = status
        while len(self._decided) > _MOST_ANSWERS:
            del self._decided[next(iter(self._decided))]
        return self._sent(self._machine.send_chair_action(Request(request, (FloorStatus(floor, status),)), now), now)

    @property
    def _machine(self) -> Chair:
        assert self._chair is not None, "asked before Up"
        return self._chair

    def _sent(self, asked: tuple[int, list[bfcp.Event]], now: float) -> tuple[int, list[Command]]:
        transaction, events = asked
        self._answers.pop(transaction, None)
        return transaction, self._spoken(events, now)

    # The connection

    def _begin(self, opener: bool, now: float) -> list[Command]:
        self._chair = self._make()
        return self._spoken(self._chair.opened(now), now)

    def _receive(self, octets: bytes, now: float) -> list[Command]:
        return self._spoken(self._machine.receive_data(octets, now), now)

    def _cease(self, now: float) -> list[Command]:
        return self._spoken(self._machine.ended(now), now)

    def _timer(self) -> float | None:
        return None if self._chair is None else self._chair.next_wakeup()

    def _woken(self, now: float) -> list[Command]:
        return self._spoken(self._machine.wake(now), now)

    def _spoken(self, events: Sequence[bfcp.Event], now: float) -> list[Command]:
        """What BFCP events mean for the connection and for the person."""
        commands: list[Command] = []
        for event in events:
            match event:
                case bfcp.Transmit(octets=octets):
                    commands += self._say(octets, "BFCP", now)
                case bfcp.RequestChanged(request=request, transaction=transaction):
                    self._done(transaction)
                    self.news.append(Remark(f"floor request {request.request} is {status_name(request.status or 0)}"))
                case bfcp.FloorReported(floor=floor, requests=requests, transaction=transaction):
                    self._done(transaction)
                    if floor is not None:
                        self.reported.pop(floor, None)
                        self.reported[floor] = requests
                        while len(self.reported) > _MOST_FLOORS:
                            del self.reported[next(iter(self.reported))]
                    self.news.append(Remark(_reported(floor, requests)))
                case bfcp.UserReported(transaction=transaction) | bfcp.DecisionTaken(transaction=transaction):
                    self._done(transaction)
                case bfcp.Ready():
                    self.news.append(Remark("the floor control server has answered"))
                case bfcp.Refused(primitive=primitive, transaction=transaction, code=code, info=info):
                    why = f"{ERROR_NAMES.get(code, code)} {info}".rstrip()
                    self._done(transaction, f"{primitive_name(primitive)} is refused: {why}")
                case bfcp.TransactionTimedOut(primitive=primitive, transaction=transaction):
                    self._done(transaction, f"{primitive_name(primitive)} is not answered")
                case bfcp.MessageDropped(error=error):
                    self.news.append(Remark(f"BFCP: {error}"))
                case bfcp.PeerViolation(error=error):
                    commands += self._abort(f"the server broke BFCP: {error} [RFC 8855 §6.1]", now)
        return commands

    def _done(self, transaction: int, why: str = "") -> None:
        if not transaction:
            return
        self._answers[transaction] = why
        while len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        if why:
            self.news.append(Remark(why))


class ServedEnd(StreamEndpoint):
    """The floor control server's end of one connection.

    Args:
        room: the conference that all its connections share.
        user: whose connection it is, as a=userid said.
    """

    def __init__(
        self, local: Address, *, secure: Secure | None, greets: bool | None, room: Room, user: int,
        manners: Manners | None = None,
    ) -> None:
        super().__init__(local, secure=secure, greets=greets, manners=manners)
        self._protected_by_tls = secure is not None
        self._room = room
        self._user = user

    def transmit(self, octets: bytes, now: float) -> list[Command]:
        """What the server says to this client."""
        return self._say(octets, "BFCP of the floor control server", now)

    def _begin(self, opener: bool, now: float) -> list[Command]:
        return self._room.joined(
            self._user, self.transmit, self._give_up, secured=self._protected_by_tls, now=now)

    def _receive(self, octets: bytes, now: float) -> list[Command]:
        return self._room.heard(self._user, octets, now)

    def _cease(self, now: float) -> list[Command]:
        return self._room.left(self._user, now, self.transmit)

    def _give_up(self, why: str, now: float) -> list[Command]:
        return self.close(now, why)


def _first(requests: Iterable[Request], floor: int, statuses: tuple[Status, ...]) -> Request | None:
    found = (one for one in requests if one.status in statuses and floor in [part.floor for part in one.floors])
    return next(found, None)


def _reported(floor: int | None, requests: Sequence[Request]) -> str:
    told = ", ".join(f"request {one.request} is {status_name(one.status or 0)}" for one in requests)
    if floor is None:
        return "no more news of floors"
    return f"floor {floor}: {told or 'nobody has it or waits for it'}"
