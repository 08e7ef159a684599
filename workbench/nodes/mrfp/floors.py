"""Floor control in an MRFP: each context has a floor control server, and each termination with BFCP is its client.

Conference and user are what the controller said in Local. A floor goes on when its holder gives it back, and when the
holder's connection ends or its termination is subtracted.

Where the controller configures the conference (§8.45), each decision is reported to it, and who gets a floor is told so
only when it has confirmed that media follow (§6.2.13.2.4, §8.49); until then the request is Accepted, and nobody else
gets the floor. Without confirmation it is denied in the end [provisional: no readable text says what becomes of it].
Where it does not configure the conference, floors are those in Local, given as `Rules` say, and nothing is reported.

Source: TS 23.333 §6.2.13, §8.44 to §8.46, §8.49; RFC 8855 §13.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from workbench.errors import LocalProtocolError
from workbench.net.values import Note
from workbench.nodes.floor_control import Configuration, Decided, Decision
from workbench.nodes.gateway.flow import Flow
from workbench.nodes.gateway.hosting import TIMER
from workbench.nodes.gateway.settings import Change
from workbench.protocols.bfcp import events as bfcp
from workbench.protocols.bfcp.floors import Floor, Policy
from workbench.protocols.bfcp.messages import Request, User
from workbench.protocols.bfcp.registry import Status, status_name
from workbench.protocols.bfcp.server import FloorControlServer
from workbench.protocols.sdp import BfcpStream

CLAUSE = "TS 23.333 §6.2.13"
_DECISIONS: dict[int, Decision] = {
    Status.GRANTED: Decision.GRANTED, Status.RELEASED: Decision.RELEASED, Status.REVOKED: Decision.REVOKED,
    Status.DENIED: Decision.DENIED}


class Rules(msgspec.Struct, frozen=True):
    """How floors are given.

    Args:
        holders: Maximum Floor Holder Number, where the controller does not say (TS 23.333 §8.45).
        queue: how many may wait for a floor.
        clients: of one conference, at most.
        passes_on: a floor whose holder is gone goes to the next; False: nobody notices, for showing what goes wrong.
        waits: who gets a floor hears so behind Confirm Media Update; False: at once, likewise.
        patience: seconds that a decision waits for it; then the request is denied. Provisional.
    """

    holders: int = 1
    queue: int = 16
    clients: int = 256
    passes_on: bool = True
    waits: bool = True
    patience: float = 10.0


class Floors:
    """The floor control servers of an MRFP."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._rooms: dict[int, FloorControlServer] = {}
        self._present: dict[int, dict[Flow, None]] = {}
        self._told: dict[int, Configuration] = {}
        # When each decision is given up; None: to be set when the clock is next told, since `left` is told no time.
        self._waiting: dict[int, dict[int, float | None]] = {}
        self._timeless = False
        self._due: deque[tuple[bfcp.ServerEvent, bfcp.Peer, int]] = deque()
        self._now = 0.0

    def __len__(self) -> int:
        return sum(len(present) for present in self._present.values())

    # What the gateway tells (`gateway.hosting.Host`)

    def consider(self, bearer: Flow, now: float) -> None:
        """Somebody is a client as soon as there is a connection, and it is known whose it is."""
        self._now = now
        told = bearer.setting.floor
        if bearer.setting.chairs and bearer in self._present.get(bearer.context, ()):
            self._designate(bearer)
        if told is None or bearer in self._present.get(bearer.context, ()) or bearer.leaving or not bearer.takes:
            return
        try:
            self._welcome(bearer, told)
        except LocalProtocolError as error:
            self._give_up(bearer, str(error), now)

    def heard(self, bearer: Flow, octets: bytes, now: float) -> None:
        """Octets of a client."""
        self._now = now
        if bearer in self._present.get(bearer.context, ()):
            self._happened(bearer.context, self._rooms[bearer.context].receive_data(bearer, octets, now))

    def woken(self, bearer: Flow, now: float) -> None:
        """Decisions that were not confirmed in time. Over TCP nothing is repeated (RFC 8855 §8.3)."""
        self._now = now
        waiting = self._waiting.get(bearer.context, {})
        for request, moment in waiting.items():
            if moment is None:
                waiting[request] = now + self._rules.patience
        due = [one for one, moment in waiting.items() if moment is not None and moment <= now]
        for request in due:
            if self._waiting.get(bearer.context, {}).pop(request, None) is not None:
                bearer.order(Note(f"the decision on floor request {request} is not confirmed: it is denied"))
                self._happened(bearer.context, self._rooms[bearer.context].give_up(
                    request, now, "the media update is not confirmed"))
        self._schedule(bearer.context)

    def confirmed(self, bearer: Flow, request: int, now: float) -> None:
        """Media follow the decision: who gets the floor is told so."""
        self._now = now
        if self._waiting.get(bearer.context, {}).pop(request, None) is None:
            bearer.order(Note(f"{bearer.termination}: no decision on floor request {request} waits to be confirmed"))
            return
        self._happened(bearer.context, self._rooms[bearer.context].confirm(request, now))
        self._schedule(bearer.context)

    def left(self, bearer: Flow) -> None:
        """Somebody is gone: what it held or waited for goes to others."""
        present = self._present.get(bearer.context, {})
        if bearer not in present:
            return
        del present[bearer]
        bearer.order(Note(f"{bearer.termination}: has left floor control, {len(present)} remain"))
        if not present:
            for kept in (self._present, self._rooms, self._told, self._waiting):
                kept.pop(bearer.context, None)
            return
        if self._rules.passes_on:
            before, self._timeless = self._timeless, True
            self._happened(bearer.context, self._rooms[bearer.context].ended(bearer, self._now))
            self._timeless = before
        self._schedule(bearer.context)

    # The conference

    def _welcome(self, bearer: Flow, told: BfcpStream) -> None:
        """One more client. Raises LocalProtocolError: it is of another conference, or there are too many."""
        if told.conference is None or told.user is None:
            raise LocalProtocolError("Local says no a=confid or a=userid")
        configured = bearer.setting.floor_control
        room = self._rooms.get(bearer.context) or self._room(told.conference, told, configured)
        if configured not in (None, self._told.get(bearer.context, configured)):
            raise LocalProtocolError("other floors than the conference has")
        if room.conference != told.conference:
            raise LocalProtocolError(f"conference {told.conference} in the context of conference {room.conference}")
        room.users.setdefault(told.user, User(told.user))
        room.opened(bearer, secured=bearer.setting.tls, users=frozenset({told.user}))
        self._rooms[bearer.context] = room
        self._present.setdefault(bearer.context, {})[bearer] = None
        if configured is not None:
            self._told[bearer.context] = configured
        self._designate(bearer)
        bearer.order(Note(f"{bearer.termination}: user {told.user} may ask for floors [{CLAUSE}]"))

    def _room(
        self, conference: int, told: BfcpStream, configured: Configuration | None,
    ) -> FloorControlServer:
        policy = Policy(holders=self._rules.holders, queue=self._rules.queue)
        floors = told.floors
        if configured is not None:
            policy = Policy(holders=configured.holders, queue=self._rules.queue, order=configured.order)
            floors = configured.floors
        return FloorControlServer(
            conference, (), [Floor(one.floor, policy) for one in floors], max_clients=self._rules.clients,
            confirmed=configured is not None and self._rules.waits)

    def _designate(self, bearer: Flow) -> None:
        """The user of a termination decides on floors (TS 23.333 §8.46)."""
        room, told = self._rooms[bearer.context], bearer.setting.floor
        for floor in bearer.setting.chairs:
            if told is not None and told.user is not None and floor in room.floors.policies:
                room.designate(floor, told.user)

    def _schedule(self, context: int) -> None:
        """The first decision that is to be given up wakes somebody who is there."""
        present = self._present.get(context, {})
        moments = [self._now if one is None else one for one in self._waiting.get(context, {}).values()]
        for one in present:
            one.disarm(TIMER)
        if present and moments:
            next(iter(present)).arm(TIMER, min(moments))

    def _report(self, context: int, request: Request, holder: int, decision: Decision) -> None:
        """Report Floor Request Decision, at the termination of the user; if that is gone, at one that is there."""
        present = self._present.get(context, {})
        if context not in self._told or not present:
            return
        peer = self._rooms[context].peer_of(holder)
        bearer = peer if isinstance(peer, Flow) and peer in present else next(iter(present))
        floors = tuple(one.floor for one in request.floors)
        bearer.observe(Change.FLOOR, decided=Decided(request.request, holder, floors, decision))

    def _happened(self, context: int, events: Sequence[bfcp.ServerEvent]) -> None:
        """Do what the events ask for, in order: what comes of it meanwhile waits behind them."""
        witness = next((one.peer for one in events if isinstance(one, bfcp.TransmitTo)), None)
        idle = not self._due
        self._due += [(one, witness, context) for one in events]
        while idle and self._due:
            self._carry_out(*self._due[0])
            self._due.popleft()

    def _carry_out(self, event: bfcp.ServerEvent, witness: bfcp.Peer, context: int) -> None:
        match event:
            case bfcp.TransmitTo(peer=Flow() as bearer, octets=octets):
                self._say(bearer, octets)
            case bfcp.ClientViolation(peer=Flow() as bearer, error=error):
                self._give_up(bearer, f"BFCP can't be read: {error} [RFC 8855 §6.1]", self._now)
            case bfcp.MessageRefused(peer=Flow() as bearer, error=error):
                bearer.order(Note(f"{bearer.termination}: BFCP is refused: {error}"))
            case bfcp.GrantDecided(request=request, holder=holder) if context in self._rooms:
                self._waiting.setdefault(context, {})[request.request] = (
                    None if self._timeless else self._now + self._rules.patience)
                self._report(context, request, holder, Decision.GRANTED)
                self._schedule(context)
            case bfcp.FloorRequestChanged(request=request, holder=holder):
                if isinstance(witness, Flow):
                    status = status_name(request.status or 0)
                    witness.order(Note(f"floor request {request.request} of user {holder} is {status}"))
                decision = _DECISIONS.get(request.status or 0)
                if decision is not None and (decision is not Decision.GRANTED or not self._rules.waits):
                    self._report(context, request, holder, decision)
                if (request.status or 0) > Status.GRANTED:
                    self._waiting.get(context, {}).pop(request.request, None)

    def _say(self, bearer: Flow, octets: bytes) -> None:
        """Who does not read what it is told is given up, so that nothing piles up for it."""
        if bearer.leaving or bearer not in self._present.get(bearer.context, ()):
            return
        if bearer.full:
            self._give_up(bearer, "does not read what the floor control server says", self._now)
            return
        bearer.say(octets, self._now, f"BFCP of the floor control server [{CLAUSE}]")

    def _give_up(self, bearer: Flow, what: str, now: float) -> None:
        """The connection goes, and the controller is told."""
        bearer.order(Note(f"{bearer.termination}: {what}"))
        bearer.observe(Change.LOST)
        bearer.leave(now, what)
