"""Floor control in an MRFP: each context has a floor control server, and each termination with BFCP is its client.

Conference, user and floors are what the controller said in Local. A floor goes on when its holder gives it back, and
when the holder's connection ends or its termination is subtracted. That decisions are reported to the controller, which
changes the media and confirms before the user hears (TS 23.333 §6.2.13.2.4, §8.49), is not here: no readable
specification gives the H.248 items, and no media here depend on a floor.

Source: TS 23.333 §6.2.13, §8.44, §8.45; RFC 8855 §13.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from workbench.errors import LocalProtocolError
from workbench.net.values import Note
from workbench.nodes.gateway.flow import Flow
from workbench.nodes.gateway.settings import Change
from workbench.protocols.bfcp import events as bfcp
from workbench.protocols.bfcp.floors import Floor, Policy
from workbench.protocols.bfcp.messages import User
from workbench.protocols.bfcp.registry import status_name
from workbench.protocols.bfcp.server import FloorControlServer
from workbench.protocols.sdp import BfcpStream

CLAUSE = "TS 23.333 §6.2.13"


class Rules(msgspec.Struct, frozen=True):
    """How floors are given. Stage 2 has the controller say so (TS 23.333 §8.45); in H.248 there is no word for it yet.

    Args:
        holders: Maximum Floor Holder Number.
        queue: how many may wait for a floor.
        clients: of one conference, at most.
        passes_on: a floor whose holder is gone goes to the next; False: nobody notices, for showing what goes wrong.
    """

    holders: int = 1
    queue: int = 16
    clients: int = 256
    passes_on: bool = True


class Floors:
    """The floor control servers of an MRFP."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._rooms: dict[int, FloorControlServer] = {}
        self._present: dict[int, set[Flow]] = {}
        self._due: deque[tuple[bfcp.ServerEvent, bfcp.Peer]] = deque()
        self._now = 0.0

    def __len__(self) -> int:
        return sum(len(present) for present in self._present.values())

    # What the gateway tells (`gateway.hosting.Host`)

    def consider(self, bearer: Flow, now: float) -> None:
        """Somebody is a client as soon as there is a connection, and it is known whose it is."""
        self._now = now
        told = bearer.setting.floor
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
            self._happened(self._rooms[bearer.context].receive_data(bearer, octets, now))

    def woken(self, bearer: Flow, now: float) -> None:
        """Over TCP nothing is repeated, so no timer runs (RFC 8855 §8.3)."""

    def left(self, bearer: Flow) -> None:
        """Somebody is gone: what it held or waited for goes to others."""
        present = self._present.get(bearer.context, set())
        if bearer not in present:
            return
        present.remove(bearer)
        bearer.order(Note(f"{bearer.termination}: has left floor control, {len(present)} remain"))
        if not present:
            del self._present[bearer.context], self._rooms[bearer.context]
        elif self._rules.passes_on:
            self._happened(self._rooms[bearer.context].ended(bearer, self._now))

    # The conference

    def _welcome(self, bearer: Flow, told: BfcpStream) -> None:
        """One more client. Raises LocalProtocolError: it is of another conference, or there are too many."""
        if told.conference is None or told.user is None:
            raise LocalProtocolError("Local says no a=confid or a=userid")
        room = self._rooms.get(bearer.context) or self._room(told.conference, told)
        if room.conference != told.conference:
            raise LocalProtocolError(f"conference {told.conference} in the context of conference {room.conference}")
        room.users.setdefault(told.user, User(told.user))
        room.opened(bearer, secured=bearer.setting.tls, users=frozenset({told.user}))
        self._rooms[bearer.context] = room
        self._present.setdefault(bearer.context, set()).add(bearer)
        bearer.order(Note(f"{bearer.termination}: user {told.user} may ask for floors [{CLAUSE}]"))

    def _room(self, conference: int, told: BfcpStream) -> FloorControlServer:
        policy = Policy(holders=self._rules.holders, queue=self._rules.queue)
        return FloorControlServer(
            conference, (), [Floor(one.floor, policy) for one in told.floors], max_clients=self._rules.clients)

    def _happened(self, events: Sequence[bfcp.ServerEvent]) -> None:
        """Do what the events ask for, in order: what comes of it meanwhile waits behind them."""
        witness = next((one.peer for one in events if isinstance(one, bfcp.TransmitTo)), None)
        idle = not self._due
        self._due += [(one, witness) for one in events]
        while idle and self._due:
            self._carry_out(*self._due[0])
            self._due.popleft()

    def _carry_out(self, event: bfcp.ServerEvent, witness: bfcp.Peer) -> None:
        match event:
            case bfcp.TransmitTo(peer=Flow() as bearer, octets=octets):
                self._say(bearer, octets)
            case bfcp.ClientViolation(peer=Flow() as bearer, error=error):
                self._give_up(bearer, f"BFCP can't be read: {error} [RFC 8855 §6.1]", self._now)
            case bfcp.MessageRefused(peer=Flow() as bearer, error=error):
                bearer.order(Note(f"{bearer.termination}: BFCP is refused: {error}"))
            case bfcp.FloorRequestChanged(request=request, holder=holder) if isinstance(witness, Flow):
                status = status_name(request.status or 0)
                witness.order(Note(f"floor request {request.request} of user {holder} is {status}"))

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
