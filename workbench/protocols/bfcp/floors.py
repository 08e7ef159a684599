"""The floors of a conference: who holds them, who waits, who decides. Values and rules only; no messages, no time.

A request on several floors is atomic: all are granted together or none is. Where several requests could be granted,
the one that stands further in front of its queues is; a request that still waits for another floor does not hold up
those behind it, so no floor stays idle while somebody could have it.

Source: RFC 8855 §4, §13; TS 23.333 §6.2.13, §8.45 (number of holders).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

import msgspec

from workbench.protocols.bfcp.messages import FloorStatus
from workbench.protocols.bfcp.registry import ErrorCode, Priority, Status
from workbench.protocols.bfcp.states import CHAIR_DECISIONS, FLOOR_REQUEST, Cause


class Order(enum.Enum):
    """Who comes first in a queue where no chair has said so."""

    PRIORITY = "the higher priority, then who came first"
    ARRIVAL = "who came first"


class Absent(enum.Enum):
    """What happens to a request for a chaired floor whose chair is not there."""

    WAIT = "it stays pending"
    ACCEPT = "it is accepted"
    DENY = "it is denied"


class Policy(msgspec.Struct, frozen=True):
    """How a floor is given.

    Args:
        holders: how many may have it at the same time.
        queue: how many may wait for it; a request above that is denied.
        chair: the user id of who decides; None: nobody has to.
        order: of the queue.
        absent: what becomes of requests while the chair is not there.
        ongoing: how many requests for it one user may have (Error 8 above that).
    """

    holders: int = 1
    queue: int = 16
    chair: int | None = None
    order: Order = Order.PRIORITY
    absent: Absent = Absent.WAIT
    ongoing: int = 1


class Floor(msgspec.Struct, frozen=True):
    """A floor and its policy."""

    floor: int
    policy: Policy = Policy()


class Refusal(Exception):
    """A message asks for what can't be; `code` is what the server answers."""

    def __init__(self, code: ErrorCode, what: str) -> None:
        super().__init__(what)
        self.code = code
        self.what = what


class Asked(msgspec.Struct):
    """A floor request in the server's hands.

    Args:
        request: its id.
        requester: who sent FloorRequest.
        holder: who gets the floors: the beneficiary, else the requester.
        floors: each floor with what its chair or policy says: Pending or Accepted.
        priority, provided: as the participant said.
        arrival: counts up, to tell who came first.
        status: of the whole.
        info: why it is at its end, in words.
        decided: it gets the floors, and is told so as soon as that is confirmed; until then it is Accepted.
    """

    request: int
    requester: int
    holder: int
    floors: dict[int, Status]
    priority: Priority
    provided: str
    arrival: int
    status: Status = Status.PENDING
    info: str = ""
    decided: bool = False

    @property
    def waits(self) -> bool:
        """It is in queues, and not decided."""
        return self.status is Status.ACCEPTED and not self.decided

    @property
    def occupies(self) -> bool:
        """Nobody else can have its floors."""
        return self.status is Status.GRANTED or (self.status is Status.ACCEPTED and self.decided)


class Floors:
    """The floors of one conference and every request for them.

    Args:
        floors: which, and how each is given.
        max_requests: the most requests at a time.
        confirmed: a request that is to be granted waits for `confirm` (TS 23.333 §8.49).
    """

    MOST_FLOORS = 16
    """The most floors in one request: FLOOR-REQUEST-INFORMATION has no room for more with their texts."""

    def __init__(self, floors: Iterable[Floor], *, max_requests: int = 256, confirmed: bool = False) -> None:
        self.policies: dict[int, Policy] = {one.floor: one.policy for one in floors}
        self.requests: dict[int, Asked] = {}
        """Requests that are not at their end, oldest first."""
        self._max_requests = max_requests
        self._confirmed = confirmed
        self._decisions: list[Asked] = []
        self._queues: dict[int, list[Asked]] = {floor: [] for floor in self.policies}
        self._told: dict[int, object] = {}
        self._last = 0
        self._arrivals = 0

    # What is asked of it. Each gives the requests that stand otherwise than before, in order.

    def ask(
        self, requester: int, holder: int, floors: Sequence[int], priority: Priority, provided: str,
        present: frozenset[int],
    ) -> tuple[Asked, list[Asked]]:
        """A new request.

        Args:
            present: users who are connected; a chair who is not among them does not decide.

        Raises:
            Refusal: a floor that does not exist (6), or too many requests (8).
        """
        wanted = tuple(dict.fromkeys(floors))
        for floor in wanted:
            if floor not in self.policies:
                raise Refusal(ErrorCode.INVALID_FLOOR_ID, f"no floor {floor}")
            if self._ongoing(floor, holder) >= self.policies[floor].ongoing:
                raise Refusal(ErrorCode.TOO_MANY_FLOOR_REQUESTS, f"user {holder} has asked for floor {floor} already")
        if len(wanted) > self.MOST_FLOORS or len(self.requests) >= self._max_requests:
            raise Refusal(ErrorCode.TOO_MANY_FLOOR_REQUESTS, "too many floor requests")
        self._arrivals += 1
        request = Asked(self._next_id(), requester, holder, dict.fromkeys(wanted, Status.PENDING), priority, provided,
                        self._arrivals)
        self.requests[request.request] = request
        for floor in wanted:
            if request.status is Status.PENDING:
                self._first_word(request, floor, present)
        return request, self._settle(request)

    def release(self, request_id: int, by: int) -> tuple[Asked, list[Asked]]:
        """FloorRelease (RFC 8855 §13.4).

        Raises:
            Refusal: no such request (7), or another's (5).
        """
        request = self.find(request_id)
        if by not in (request.requester, request.holder):
            raise Refusal(ErrorCode.UNAUTHORIZED_OPERATION, f"user {by} did not make request {request_id}")
        self._end(request, Cause.GIVEN_BACK)
        return request, self._settle(request)

    def decide(self, request_id: int, decisions: Sequence[FloorStatus], chair: int) -> list[Asked]:
        """ChairAction (RFC 8855 §13.6).

        Raises:
            Refusal: no such request (7), a floor that it does not ask for (6), or a decision that is not this user's,
                or not possible now (5). Then nothing of it is done.
        """
        request = self.find(request_id)
        for one in decisions:
            if one.floor not in request.floors:
                raise Refusal(ErrorCode.INVALID_FLOOR_ID, f"request {request_id} is not for floor {one.floor}")
            if self.policies[one.floor].chair != chair:
                raise Refusal(ErrorCode.UNAUTHORIZED_OPERATION, f"user {chair} is not chair of floor {one.floor}")
            if one.status not in CHAIR_DECISIONS[request.status]:
                raise Refusal(
                    ErrorCode.UNAUTHORIZED_OPERATION,
                    f"request {request_id} is {request.status.name.capitalize()}; that can't be decided")
        for one in decisions:
            self._decided(request, one)
        return self._settle()

    def revoke(self, request_id: int, info: str = "") -> list[Asked]:
        """The server takes floors away by itself (RFC 8855 §13.1.2).

        Raises:
            Refusal: no such request (7), or it holds nothing (5).
        """
        request = self.find(request_id)
        if request.status is not Status.GRANTED:
            raise Refusal(ErrorCode.UNAUTHORIZED_OPERATION, f"request {request_id} holds no floor")
        request.info = info
        self._end(request, Cause.TAKEN_AWAY)
        return self._settle()

    def confirm(self, request_id: int) -> list[Asked]:
        """The media follow the decision: the request is granted (TS 23.333 §8.49).

        Raises:
            Refusal: no such request (7), or nothing of it waits to be confirmed (5).
        """
        request = self._decided_one(request_id)
        self._move(request, Cause.TURN)
        return self._settle()

    def give_up(self, request_id: int, info: str) -> list[Asked]:
        """The decision is not confirmed: the request is denied, the floors go to the next. Raises as of `confirm`."""
        request = self._decided_one(request_id)
        request.info = info
        self._end(request, Cause.REFUSED)
        return self._settle()

    def decisions(self) -> list[Asked]:
        """The requests that wait for `confirm` and that this has not told before."""
        found, self._decisions = self._decisions, []
        return [one for one in found if one.status is Status.ACCEPTED]

    def designate(self, floor: int, chair: int) -> None:
        """Who decides on a floor from now on (TS 23.333 §8.46). Raises Refusal: no such floor (6)."""
        if floor not in self.policies:
            raise Refusal(ErrorCode.INVALID_FLOOR_ID, f"no floor {floor}")
        self.policies[floor] = msgspec.structs.replace(self.policies[floor], chair=chair)

    def gone(self, user: int) -> list[Asked]:
        """A user is no longer there: what it holds is revoked, what it waits for cancelled (TS 23.333 §6.2.13)."""
        for request in [one for one in self.requests.values() if one.holder == user]:
            request.info = "the connection of the holder is gone"
            self._end(request, Cause.GONE)
        for request in list(self.requests.values()):
            for floor, status in list(request.floors.items()):
                waits = request.status is Status.PENDING and status is Status.PENDING
                if waits and self.policies[floor].chair == user:
                    self._without_chair(request, floor)
        return self._settle()

    # What can be asked about it

    def find(self, request_id: int) -> Asked:
        """A request that is not at its end. Raises Refusal: there is none (7)."""
        request = self.requests.get(request_id)
        if request is None:
            raise Refusal(ErrorCode.FLOOR_REQUEST_ID_DOES_NOT_EXIST, f"no floor request {request_id}")
        return request

    def holders(self, floor: int) -> tuple[int, ...]:
        """The users who have a floor, in the order in which they got it."""
        return tuple(one.holder for one in self._granted(floor))

    def on(self, floor: int, pending: bool) -> list[Asked]:
        """The requests for a floor: those that hold it, the queue in order, and the pending ones if asked for."""
        waiting = [one for one in self.requests.values()
                   if floor in one.floors and one.status is Status.PENDING and pending]
        queue = [one for one in self._queues[floor] if one.status is Status.ACCEPTED]
        decided = [one for one in self._taken(floor) if one.decided]
        return [*self._granted(floor), *decided, *queue, *waiting]

    def statuses(self, request: Asked) -> tuple[FloorStatus, ...]:
        """How a request stands on each of its floors."""
        if request.status is Status.PENDING or request.status is Status.ACCEPTED:
            return tuple(FloorStatus(floor, status, self._place(floor, request))
                         for floor, status in request.floors.items())
        return tuple(FloorStatus(floor, request.status) for floor in request.floors)

    def position(self, request: Asked) -> int:
        """Its place in the queue: the furthest back of its floors'; 0: in none."""
        if request.status is not Status.ACCEPTED:
            return 0
        return max(self._place(floor, request) for floor in request.floors)

    # Inside

    def _decided_one(self, request_id: int) -> Asked:
        request = self.find(request_id)
        if not request.decided:
            raise Refusal(ErrorCode.UNAUTHORIZED_OPERATION, f"request {request_id} does not wait to be confirmed")
        request.decided = False
        return request

    def _next_id(self) -> int:
        while True:
            self._last = self._last % 0xFFFF + 1
            if self._last not in self.requests:
                return self._last

    def _ongoing(self, floor: int, holder: int) -> int:
        return sum(one.holder == holder and floor in one.floors for one in self.requests.values())

    def _granted(self, floor: int) -> list[Asked]:
        return [one for one in self._taken(floor) if one.status is Status.GRANTED]

    def _taken(self, floor: int) -> list[Asked]:
        found = [one for one in self.requests.values() if floor in one.floors and one.occupies]
        return sorted(found, key=lambda one: one.arrival)

    def _place(self, floor: int, request: Asked) -> int:
        queue = self._queues[floor]
        return queue.index(request) + 1 if request in queue else 0

    def _first_word(self, request: Asked, floor: int, present: frozenset[int]) -> None:
        """What is said of a new request before any chair can say something."""
        policy = self.policies[floor]
        if len(self._queues[floor]) >= policy.queue and len(self._taken(floor)) >= policy.holders:
            request.info = "too many wait for this floor"
            self._end(request, Cause.REFUSED)
        elif policy.chair is None:
            self._approve(request, floor)
        elif policy.chair not in present:
            self._without_chair(request, floor)

    def _without_chair(self, request: Asked, floor: int) -> None:
        absent = self.policies[floor].absent
        if absent is Absent.DENY:
            request.info = "the chair is not there"
            self._end(request, Cause.REFUSED)
        elif absent is Absent.ACCEPT:
            self._approve(request, floor)

    def _decided(self, request: Asked, decision: FloorStatus) -> None:
        if request.status.final:
            return
        request.info = decision.info or request.info
        match decision.status:
            case Status.DENIED:
                self._end(request, Cause.REFUSED)
            case Status.REVOKED:
                self._end(request, Cause.TAKEN_AWAY)
            case Status.ACCEPTED if not request.decided:
                self._approve(request, decision.floor, decision.position)
            case Status.GRANTED if not request.occupies:
                self._approve(request, decision.floor, 1)

    def _approve(self, request: Asked, floor: int, place: int = 0) -> None:
        """Put a request into a floor's queue: where the chair says (from 1), else where the order wants it."""
        request.floors[floor] = Status.ACCEPTED
        queue = self._queues[floor]
        if request in queue:
            queue.remove(request)
        at = len(queue)
        if place > 0:
            at = min(place - 1, len(queue))
        elif self.policies[floor].order is Order.PRIORITY:
            at = next((index for index, one in enumerate(queue) if one.priority < request.priority), len(queue))
        queue.insert(at, request)
        if request.status is Status.PENDING and all(one is Status.ACCEPTED for one in request.floors.values()):
            self._move(request, Cause.APPROVED)

    def _move(self, request: Asked, cause: Cause) -> None:
        request.status = FLOOR_REQUEST[request.status, cause]

    def _end(self, request: Asked, cause: Cause) -> None:
        self._move(request, cause)
        for floor in request.floors:
            if request in self._queues[floor]:
                self._queues[floor].remove(request)

    def _grantable(self) -> Asked | None:
        """The accepted request whose floors are all free and that stands furthest in front."""
        free = {floor: policy.holders - len(self._taken(floor)) for floor, policy in self.policies.items()}
        ready = [one for one in self.requests.values()
                 if one.waits and all(free[floor] > 0 for floor in one.floors)]
        return min(ready, key=lambda one: (self.position(one), one.arrival), default=None)

    def _settle(self, first: Asked | None = None) -> list[Asked]:
        """Grant what can be granted, and tell which requests stand otherwise than before; `first` is always told."""
        while (request := self._grantable()) is not None:
            if self._confirmed:
                request.decided = True
                self._decisions.append(request)
            else:
                self._move(request, Cause.TURN)
            for floor in request.floors:
                self._queues[floor].remove(request)
        changed = [] if first is None else [first]
        for request in self.requests.values():
            now = (request.status, self.position(request), self.statuses(request))
            if self._told.get(request.request) != now:
                self._told[request.request] = now
                if request is not first:
                    changed.append(request)
        for request in [one for one in self.requests.values() if one.status.final]:
            del self.requests[request.request], self._told[request.request]
        return changed
