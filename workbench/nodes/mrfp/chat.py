"""The messaging conference in an MRFP: each termination is an MSRP endpoint, and what one says is sent to all others.

A context is a conference. A participant takes part as soon as its connection is up and the controller has told both
paths; what was said before that is not sent to it again. A participant that does not read loses messages once as many
wait for it as it may have, and the others lose nothing. Who has said something is not told: messages go on as they
came (a list of participants and Message/CPIM, as RFC 7701 has them, are not here).

Source: TS 23.333 §6.2.20 (MSRP at the MRFP); RFC 4975.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from workbench.errors import LocalProtocolError
from workbench.net.values import Note
from workbench.nodes.gateway.flow import Flow
from workbench.nodes.gateway.hosting import TIMER
from workbench.nodes.gateway.settings import Change
from workbench.protocols.msrp import machine as msrp
from workbench.protocols.msrp.uri import encode_path

CLAUSE = "TS 23.333 §6.2.20"


class Bounds(msgspec.Struct, frozen=True):
    """What a participant can make the conference hold.

    Args:
        message: octets of the longest message that is taken.
        unfinished: messages of one participant that have begun and not ended; and messages that wait for it.
        chunk: octets of a message in one SEND that leaves.
    """

    message: int = 1 << 18
    unfinished: int = 16
    chunk: int = 2048


class Chat:
    """All conferences of an MRFP.

    Args:
        token: makes that many unpredictable letters and digits.
        bounds: see there.
        distributes: False: nothing that is said is sent to the others; for showing what then goes wrong.
    """

    def __init__(self, token: Callable[[int], str], bounds: Bounds, *, distributes: bool = True) -> None:
        self._token = token
        self._bounds = bounds
        self._distributes = distributes
        self._rooms: dict[int, dict[Flow, msrp.Session]] = {}

    def __len__(self) -> int:
        return sum(len(room) for room in self._rooms.values())

    # What the gateway tells (`gateway.hosting.Host`)

    def consider(self, bearer: Flow, now: float) -> None:
        """Somebody takes part as soon as there is a connection and both paths are known."""
        setting = bearer.setting
        room = self._rooms.get(bearer.context, {})
        if bearer in room or bearer.leaving or not bearer.takes or setting.path is None or setting.remote_path is None:
            return
        session = msrp.Session(
            encode_path(setting.path), encode_path(setting.remote_path), active=_opened(bearer),
            accept_types=("*",), token=self._token, chunk_octets=self._bounds.chunk,
            max_octets=self._bounds.message, max_messages=self._bounds.unfinished)
        self._rooms.setdefault(bearer.context, {})[bearer] = session
        bearer.order(Note(f"{bearer.termination}: {len(self._rooms[bearer.context])} in the conference"))
        self._happened(bearer, session.opened(now), now)

    def heard(self, bearer: Flow, octets: bytes, now: float) -> None:
        """Octets of a participant."""
        session = self._find(bearer)
        if session is not None:
            self._happened(bearer, session.receive_data(octets, now), now)

    def woken(self, bearer: Flow, now: float) -> None:
        """A response is overdue."""
        session = self._find(bearer)
        if session is not None:
            self._happened(bearer, session.wake(now), now)

    def confirmed(self, bearer: Flow, request: int, now: float) -> None:
        """Nobody asks for floors here."""

    def left(self, bearer: Flow) -> None:
        """Somebody is gone; the others go on."""
        room = self._rooms.get(bearer.context)
        if room is None or room.pop(bearer, None) is None:
            return
        bearer.order(Note(f"{bearer.termination}: has left the conference, {len(room)} remain"))
        if not room:
            del self._rooms[bearer.context]

    # The conference

    def _find(self, bearer: Flow) -> msrp.Session | None:
        return self._rooms.get(bearer.context, {}).get(bearer)

    def _happened(self, bearer: Flow, events: Sequence[msrp.Event], now: float) -> None:
        for event in events:
            match event:
                case msrp.Transmit(octets=octets):
                    bearer.say(octets, now, f"MSRP of the conference [{CLAUSE}]")
                case msrp.MessageReceived(content_type=kind, body=body):
                    self._distribute(bearer, kind, body, now)
                case msrp.MessageFailed(status=status, reason=reason):
                    bearer.order(Note(f"{bearer.termination}: a message did not arrive: {status} {reason}"))
                case msrp.RequestRefused(method=method, status=status, reason=reason):
                    bearer.order(Note(f"{bearer.termination}: {method} is answered {status}: {reason}"))
                case msrp.PeerViolation(error=error):
                    self._give_up(bearer, f"MSRP can't be read: {error}", now)
        session = self._find(bearer)
        if session is None:
            return
        if session.state is msrp.State.FAILED:
            self._give_up(bearer, "the peer does not know the MSRP session [RFC 4975 §7.1]", now)
            return
        moment = session.next_wakeup()
        if moment is None:
            bearer.disarm(TIMER)
        else:
            bearer.arm(TIMER, moment)

    def _distribute(self, sender: Flow, kind: str, body: bytes, now: float) -> None:
        """What one has said goes to all others that the mode of their termination lets it go to."""
        if not self._distributes:
            return
        for bearer, session in list(self._rooms.get(sender.context, {}).items()):
            if bearer is not sender and bearer.setting.sends:
                self._tell(bearer, session, kind, body, now)

    def _tell(self, bearer: Flow, session: msrp.Session, kind: str, body: bytes, now: float) -> None:
        try:
            _, events = session.send(body, kind, now, success_report=False)
        except LocalProtocolError as error:
            bearer.order(Note(f"{bearer.termination}: a message is left out: {error}"))
            return
        self._happened(bearer, events, now)

    def _give_up(self, bearer: Flow, what: str, now: float) -> None:
        """There is no session any more: the connection goes, and the controller is told."""
        bearer.order(Note(f"{bearer.termination}: {what}"))
        bearer.observe(Change.LOST)
        bearer.leave(now, what)


def _opened(bearer: Flow) -> bool:
    """We have opened the connection, so we send first (RFC 4975 §5.4)."""
    return not getattr(bearer, "came_in", False)
