"""What a floor control server says: answers, refusals, and news to those whom they concern (RFC 8855 §8.2, §13)."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.errors import LocalProtocolError, PeerError
from workbench.protocols.bfcp.clients import Client, describe, floor_status
from workbench.protocols.bfcp.events import (
    ClientLeft,
    FloorRequestChanged,
    GrantDecided,
    HoldersChanged,
    MessageRefused,
    Peer,
    ServerEvent,
    TransmitTo,
)
from workbench.protocols.bfcp.floors import Asked, Floors
from workbench.protocols.bfcp.messages import (
    RELIABLE,
    UNRELIABLE,
    Attribute,
    Message,
    User,
    failure,
    is_answer,
    request_information,
    texts,
    unknown_attributes,
)
from workbench.protocols.bfcp.registry import ErrorCode, Kind, Primitive
from workbench.protocols.bfcp.states import ANSWERS
from workbench.protocols.bfcp.transactions import Answer
from workbench.protocols.bfcp.wire import Header, encode_datagrams

_NO_LIMIT = 1 << 20
_DEPARTED = 32


class Announcements:
    """The half of a floor control server that speaks.

    Args:
        conference, users, version, max_datagram: as for `FloorControlServer`.
        floors: and all that is asked of them.
    """

    def __init__(
        self, conference: int, users: Iterable[User], floors: Floors, version: int, max_datagram: int,
    ) -> None:
        self.conference = conference
        self.users: dict[int, User] = {one.user: one for one in users}
        self.floors = floors
        self.version = version
        self._max_datagram = max_datagram
        self._clients: dict[Peer, Client] = {}
        self._holders: dict[int, tuple[int, ...]] = {}
        self._departed: dict[Peer, Client] = {}
        self._overrun: list[Peer] = []
        self._changes = 0

    def peer_of(self, user: int) -> Peer | None:
        """Where a user is; None: nowhere."""
        return next((peer for peer, client in self._clients.items() if user in client.users), None)

    def _information(self, request: Asked) -> Attribute:
        return request_information(describe(self.floors, self.users, request))

    def _answer(
        self, peer: Peer, client: Client, question: Message, attributes: tuple[Attribute, ...], now: float,
        *, primitive: int | None = None, about: Asked | None = None,
    ) -> list[ServerEvent]:
        """Answer a message; over datagrams the answer is kept for when the question is repeated (RFC 8855 §8.3.2)."""
        kind = ANSWERS[question.primitive] if primitive is None else primitive
        unreliable = self.version == UNRELIABLE
        answer = Message(kind, question.conference, question.transaction, question.user, attributes, self.version,
                         unreliable)
        octets = encode_datagrams(answer, self._max_datagram if unreliable else _NO_LIMIT)
        if unreliable:
            key = (question.conference, question.user, question.transaction, question.primitive)
            client.answers.keep(key, octets, now, self._changes, None if about is None else about.request)
        return [TransmitTo(peer, one) for one in octets]

    def _refuse(
        self, peer: Peer, client: Client, header: Header | None, code: int, error: PeerError, now: float,
        unknown: tuple[int, ...] = (),
    ) -> list[ServerEvent]:
        """Error, unless there is nobody to tell it, or it would answer an answer (RFC 8855 §13.8)."""
        if header is None or header.responder or is_answer(header.primitive):
            return [MessageRefused(peer, code, error, False)]
        named = unknown_attributes(unknown) if code == ErrorCode.UNKNOWN_MANDATORY_ATTRIBUTE else failure(code)
        question = Message(header.primitive, header.conference, header.transaction, header.user)
        said = self._answer(
            peer, client, question, (named, *texts(Kind.ERROR_INFO, str(error))), now, primitive=Primitive.ERROR)
        return [*said, MessageRefused(peer, code, error, True)]

    def _say(
        self, peer: Peer, client: Client, user: int, primitive: int, attributes: tuple[Attribute, ...], now: float,
        topic: object,
    ) -> list[ServerEvent]:
        """Say something unasked: over a stream with transaction id 0, over datagrams until it is acknowledged."""
        message = Message(primitive, self.conference, 0, user, attributes, self.version)
        if self.version == RELIABLE:
            return [TransmitTo(peer, one) for one in encode_datagrams(message, _NO_LIMIT)]
        try:
            _, octets = client.requests.start(message, now, (user, topic))
        except LocalProtocolError:
            self._overrun.append(peer)
            return []
        return [TransmitTo(peer, one) for one in octets]

    def _answer_and_tell(
        self, peer: Peer, client: Client, message: Message, request: Asked, changed: list[Asked], now: float,
    ) -> list[ServerEvent]:
        self._changes += 1
        answer = self._answer(peer, client, message, (self._information(request),), now, about=request)
        return answer + self._tell(changed, now, (request, message.user))

    def _tell(
        self, changed: list[Asked], now: float, answered: tuple[Asked, int] | None = None,
    ) -> list[ServerEvent]:
        """Tell everybody whom it concerns what has changed; who was answered already is not told again."""
        events: list[ServerEvent] = []
        self._changes += bool(changed) and answered is None
        for request in changed:
            described = describe(self.floors, self.users, request)
            events.append(FloorRequestChanged(described, request.holder))
            for user in dict.fromkeys((request.requester, request.holder)):
                peer = self.peer_of(user)
                if peer is not None and (answered is None or answered[0] is not request or answered[1] != user):
                    events += self._say(
                        peer, self._clients[peer], user, Primitive.FLOOR_REQUEST_STATUS,
                        (request_information(described),), now, ("request", request.request))
        for floor in dict.fromkeys(floor for request in changed for floor in request.floors):
            holders = self.floors.holders(floor)
            if self._holders.get(floor, ()) != holders:
                self._holders[floor] = holders
                events.append(HoldersChanged(floor, holders))
            events += self._tell_subscribers(floor, now)
        events += [GrantDecided(describe(self.floors, self.users, one), one.holder) for one in self.floors.decisions()]
        return events

    def _tell_subscribers(self, floor: int, now: float) -> list[ServerEvent]:
        """FloorStatus to all who have asked about a floor: its chair sees more than the others do."""
        chair = self.floors.policies[floor].chair
        seen: dict[bool, tuple[Attribute, ...]] = {}
        events: list[ServerEvent] = []
        for peer, client in list(self._clients.items()):
            for user in [user for user, floors in client.floors.items() if floor in floors]:
                if (user == chair) not in seen:
                    seen[user == chair] = floor_status(self.floors, self.users, floor, user)
                events += self._report(peer, client, user, floor, seen[user == chair], now)
        return events

    def _since(
        self, peer: Peer, client: Client, question: Message, answer: Answer, now: float,
    ) -> list[ServerEvent]:
        """What has changed since an answer that is repeated now: else it would be heard last, behind younger news."""
        if answer.change == self._changes:
            return []
        if question.primitive == Primitive.FLOOR_QUERY:
            floor = question.floors[0] if question.floors else -1
            if floor not in client.floors.get(question.user, ()):
                return []
            client.told.pop((question.user, floor), None)
            said = floor_status(self.floors, self.users, floor, question.user)
            return self._report(peer, client, question.user, floor, said, now)
        request = self.floors.requests.get(answer.request or 0)
        if request is None:
            return []
        news = (self._information(request),)
        return self._say(
            peer, client, question.user, Primitive.FLOOR_REQUEST_STATUS, news, now, ("request", request.request))

    def _report(
        self, peer: Peer, client: Client, user: int, floor: int, said: tuple[Attribute, ...], now: float,
    ) -> list[ServerEvent]:
        """FloorStatus to who has asked for it, if it says anything new (RFC 8855 §13.5.2)."""
        if client.told.get((user, floor)) == said:
            return []
        client.told[user, floor] = said
        return self._say(peer, client, user, Primitive.FLOOR_STATUS, said, now, ("floor", floor))

    def _leave(self, peer: Peer, reason: str, now: float) -> list[ServerEvent]:
        client = self._clients.pop(peer, None)
        if client is None:
            return []
        self._departed[peer] = client
        while len(self._departed) > _DEPARTED:
            del self._departed[next(iter(self._departed))]
        events: list[ServerEvent] = [ClientLeft(peer, reason)]
        for user in sorted(client.users):
            events += self._tell(self.floors.gone(user), now)
        return events

    def _all(self, events: list[ServerEvent], now: float) -> list[ServerEvent]:
        """The events, and those of clients that have to go because they acknowledge nothing."""
        while self._overrun:
            events += self._leave(self._overrun.pop(), "it does not acknowledge", now)
        return events
