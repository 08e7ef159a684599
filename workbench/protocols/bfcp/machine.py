"""A floor participant's and a chair's half of a BFCP association (RFC 8855 §10 to §12): octets in, events out.

The same machine speaks version 1 over a stream and version 2 over datagrams. The server's half is in `server.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import LocalProtocolError, PeerError, UnexpectedMessageError
from workbench.protocols.bfcp import grammar
from workbench.protocols.bfcp.events import (
    DecisionTaken,
    Event,
    FloorReported,
    Left,
    MessageDropped,
    PeerLeft,
    PeerViolation,
    Ready,
    Refused,
    RequestChanged,
    TransactionTimedOut,
    Transmit,
    UserReported,
)
from workbench.protocols.bfcp.messages import (
    RELIABLE,
    UNRELIABLE,
    Attribute,
    Failure,
    Group,
    Message,
    Request,
    User,
    floor_id,
    request_id,
    request_information,
    status_of,
    text_in,
    texts,
)
from workbench.protocols.bfcp.reassembly import Reassembly, StreamReader
from workbench.protocols.bfcp.registry import Kind, Primitive, Priority, primitive_name
from workbench.protocols.bfcp.states import ANSWERS, CLIENT, FOLLOWERS, Moment, State
from workbench.protocols.bfcp.transactions import DATAGRAM_OCTETS, T1, Answers, Requests, hold_of
from workbench.protocols.bfcp.wire import encode_datagrams

__all__ = ["RECONNECT_SECONDS", "Chair", "Participant", "State"]

RECONNECT_SECONDS = 30.0
"""A client that had to close its connection opens the next one not before this time has passed (RFC 8855 §6.1)."""
ANSWER_OCTETS = 1 << 17
"""The longest message that a client takes, unless told otherwise: 256 floor requests of the longest kind, and more."""
_REQUESTS_KEPT = 256
_ENDED_KEPT = 32
_RECENT = 32
_ACKNOWLEDGED = {
    Primitive.FLOOR_REQUEST_STATUS: Primitive.FLOOR_REQUEST_STATUS_ACK,
    Primitive.FLOOR_STATUS: Primitive.FLOOR_STATUS_ACK,
    Primitive.GOODBYE: Primitive.GOODBYE_ACK,
}


class Participant:
    """A floor participant's half of one association.

    Args:
        conference, user: what a=confid and a=userid said.
        version: `RELIABLE` for TCP and TLS, `UNRELIABLE` for UDP and DTLS.
        greets: Hello is sent first; over datagrams it has to be (RFC 8855 §6.2).
        t1: seconds before the first retransmission.
        max_octets: the longest message that is taken.
        max_waiting: the most messages of ours without an answer.
        max_datagram: the longest datagram that is sent.
    """

    def __init__(
        self, conference: int, user: int, *, version: int = RELIABLE, greets: bool = True, t1: float = T1,
        max_octets: int = ANSWER_OCTETS, max_waiting: int = 64, max_datagram: int = DATAGRAM_OCTETS,
    ) -> None:
        self.conference = conference
        self.user = user
        self.version = version
        self.state = State.WAITING
        self.requests: dict[int, Request] = {}
        """The floor requests that we have heard of and that are not at their end, newest last."""
        self._ended: dict[int, Request] = {}
        self.primitives: tuple[int, ...] = ()
        """What the server understands, once its HelloAck is here."""
        self._greets = greets or version == UNRELIABLE
        self._stream = StreamReader(max_octets)
        self._datagrams = Reassembly(hold_of(t1), max_octets)
        self._open = Requests(version, t1=t1, max_waiting=max_waiting, max_datagram=max_datagram)
        self._acknowledged = Answers(hold_of(t1))
        self._max_datagram = max_datagram
        self._newest: dict[tuple[int, ...], int] = {}
        self._broken_at: float | None = None

    # What happens to the transport

    def opened(self, now: float) -> list[Event]:
        """The transport is up, and its security. Hello leaves (RFC 8855 §12.4)."""
        if self.state is not State.WAITING:
            raise LocalProtocolError(f"opened while {self.state.name}")
        self._move(Moment.OPENED if self._greets else Moment.OPENED_QUIETLY)
        return self._ask(Primitive.HELLO, (), now)[1] if self._greets else []

    def ended(self, now: float) -> list[Event]:
        """The transport is gone: what was asked is never answered."""
        self._move(Moment.ENDED)
        self.requests.clear()
        return [TransactionTimedOut(one.primitive, one.transaction) for one in self._open.clear()]

    @property
    def may_reconnect_at(self) -> float | None:
        """When the next connection may be opened, after this one could not be read any more (RFC 8855 §6.1)."""
        return None if self._broken_at is None else self._broken_at + RECONNECT_SECONDS

    # What we say

    def send_floor_request(
        self, floors: int | Sequence[int], now: float, *, beneficiary: int | None = None,
        priority: Priority | None = None, info: str = "",
    ) -> tuple[int, list[Event]]:
        """Ask for floors, all together (RFC 8855 §10.1.1). The answer arrives as `RequestChanged` or `Refused`.

        Args:
            floors: one or more.
            now: seconds on the caller's clock.
            beneficiary: who shall get them, where that is somebody else.
            priority: None: normal.
            info: for the chair to read; cut at 253 octets.

        Returns:
            The transaction id, and what leaves now.

        Raises:
            LocalProtocolError: there is no association, or too much waits in it.
        """
        asked = (floors,) if isinstance(floors, int) else tuple(floors)
        for_whom = () if beneficiary is None else (Attribute(Kind.BENEFICIARY_ID, beneficiary, True),)
        urgency = () if priority is None else (Attribute(Kind.PRIORITY, int(priority)),)
        said = texts(Kind.PARTICIPANT_PROVIDED_INFO, info)
        return self._ask(
            Primitive.FLOOR_REQUEST, (*(floor_id(one) for one in asked), *for_whom, *said, *urgency), now)

    def send_floor_release(self, request: int, now: float) -> tuple[int, list[Event]]:
        """Give floors back, or withdraw the request for them (RFC 8855 §10.2.1)."""
        return self._ask(Primitive.FLOOR_RELEASE, (request_id(request),), now)

    def send_floor_request_query(self, request: int, now: float) -> tuple[int, list[Event]]:
        """What has become of a request? (RFC 8855 §12.2)."""
        return self._ask(Primitive.FLOOR_REQUEST_QUERY, (request_id(request),), now)

    def send_floor_query(self, floors: Sequence[int], now: float) -> tuple[int, list[Event]]:
        """Who holds these floors, now and from now on? Without floors: no more news, please (RFC 8855 §12.1)."""
        return self._ask(Primitive.FLOOR_QUERY, tuple(floor_id(one) for one in floors), now)

    def send_user_query(self, now: float, user: int | None = None) -> tuple[int, list[Event]]:
        """Which requests does a user have? None: we ourselves (RFC 8855 §12.3)."""
        whose = () if user is None else (Attribute(Kind.BENEFICIARY_ID, user, True),)
        return self._ask(Primitive.USER_QUERY, whose, now)

    def send_hello(self, now: float) -> tuple[int, list[Event]]:
        """Is the server there, and what does it understand? (RFC 8855 §12.4)."""
        return self._ask(Primitive.HELLO, (), now)

    def send_goodbye(self, now: float) -> list[Event]:
        """End the association; over a stream closing it says the same (RFC 8855 §5.3.16).

        Raises:
            LocalProtocolError: over a stream, or there is no association.
        """
        if self.version == RELIABLE:
            raise LocalProtocolError("Goodbye over a stream; close the connection instead")
        _, events = self._ask(Primitive.GOODBYE, (), now)
        self._move(Moment.TAKING_LEAVE)
        return events

    # What we hear

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take octets of a stream in any portions, or one datagram; return what they mean, oldest first.

        Over a stream, octets that are no message end the list with `PeerViolation` and leave the machine BROKEN; over
        datagrams a bad one is reported and dropped. Nothing is raised, so no event before it is lost.
        """
        events: list[Event] = []
        if not self._alive:
            return self._repeat(data, now)
        if self.version == UNRELIABLE:
            try:
                message = self._datagrams.receive(data, now)
                return [] if message is None else self._apply(message, now)
            except PeerError as error:
                return [MessageDropped(error)]
        self._stream.feed(data)
        try:
            while self._alive and (message := self._stream.take()) is not None:
                try:
                    events += self._apply(message, now)
                except PeerError as error:
                    events.append(MessageDropped(error))
        except PeerError as error:
            self._move(Moment.UNREADABLE)
            self._broken_at = now
            self._stream.clear()
            events += [TransactionTimedOut(one.primitive, one.transaction) for one in self._open.clear()]
            events.append(PeerViolation(error))
        return events

    def next_wakeup(self) -> float | None:
        """When something is to be repeated, given up or forgotten; None: never."""
        times = (self._open.next_wakeup(), self._datagrams.next_wakeup())
        return min((time for time in times if time is not None), default=None)

    def wake(self, now: float) -> list[Event]:
        """Repeat what is due; what was repeated in vain fails, and the association with it (RFC 8855 §8.3.1)."""
        self._datagrams.wake(now)
        octets, failed = self._open.wake(now)
        if failed is None:
            return [Transmit(one) for one in octets]
        self._move(Moment.UNANSWERED)
        return [TransactionTimedOut(failed.primitive, failed.transaction)]

    # Inside

    @property
    def _alive(self) -> bool:
        return self.state in (State.GREETING, State.READY, State.LEAVING)

    def _move(self, moment: Moment) -> None:
        self.state = CLIENT.get((self.state, moment), self.state)

    def _message(self, primitive: int, transaction: int, attributes: tuple[Attribute, ...], answers: bool) -> Message:
        responder = answers and self.version == UNRELIABLE
        return Message(primitive, self.conference, transaction, self.user, attributes, self.version, responder)

    def _ask(self, primitive: int, attributes: tuple[Attribute, ...], now: float) -> tuple[int, list[Event]]:
        if self.state not in (State.GREETING, State.READY):
            raise LocalProtocolError(f"{primitive_name(primitive)} while {self.state.name}")
        transaction, octets = self._open.start(self._message(primitive, 0, attributes, False), now)
        return transaction, [Transmit(one) for one in octets]

    def _apply(self, message: Message, now: float) -> list[Event]:
        """What a message means.

        Raises:
            PeerError: it is of no use.
        """
        grammar.check(message)
        if (message.conference, message.user) != (self.conference, self.user):
            raise UnexpectedMessageError(
                f"a message for user {message.user} of conference {message.conference}", clause="RFC 8855 §8")
        if message.version != self.version:
            raise UnexpectedMessageError(f"version {message.version} on this transport", clause="RFC 8855 §5.1")
        unasked = not message.responder if self.version == UNRELIABLE else message.transaction == 0
        return self._unasked(message, now) if unasked else self._answer(message, now)

    def _answer(self, message: Message, now: float) -> list[Event]:
        question = self._open.find(message.transaction)
        name = primitive_name(message.primitive)
        if question is None:
            raise UnexpectedMessageError(f"{name} that answers nothing", clause="RFC 8855 §8.1")
        if message.primitive not in (ANSWERS.get(question.primitive), Primitive.ERROR):
            raise UnexpectedMessageError(
                f"{name} in answer to {primitive_name(question.primitive)}", clause="RFC 8855 §8.2")
        try:
            events = self._said(message, question, message.transaction)
        except PeerError as error:      # it is the answer all the same: nothing more is to be waited for
            events = [MessageDropped(error)]
        if not self._alive:
            self._open.clear()
        return events + [Transmit(one) for one in self._open.answered(message.transaction, now)]

    def _unasked(self, message: Message, now: float) -> list[Event]:
        """What the server says by itself; over datagrams it is acknowledged each time (RFC 8855 §8.2)."""
        ack = _ACKNOWLEDGED.get(Primitive(message.primitive))
        if ack is None:
            raise UnexpectedMessageError(
                f"{primitive_name(message.primitive)} that nobody asked for", clause="RFC 8855 §8.2")
        if self.version == RELIABLE:
            return self._said(message, None, 0)
        key = (message.primitive, message.transaction)
        repeated = self._acknowledged.find(key, now)
        if repeated is not None:
            return [Transmit(one) for one in repeated.octets]
        octets = encode_datagrams(self._message(ack, message.transaction, (), True), self._max_datagram)
        events = [] if self._overtaken(message) else self._said(message, None, 0)
        self._acknowledged.keep(key, octets, now)
        return [*(Transmit(one) for one in octets), *events]

    def _repeat(self, data: bytes, now: float) -> list[Event]:
        """At the end, the server's Goodbye is still acknowledged when it comes again (RFC 8855 §8.3.2)."""
        if self.version == RELIABLE or self.state is not State.CLOSED:
            return []
        try:
            message = self._datagrams.receive(data, now)
        except PeerError:
            return []
        key = None if message is None else (message.primitive, message.transaction)
        repeated = self._acknowledged.find(key, now)
        return [] if repeated is None else [Transmit(one) for one in repeated.octets]

    def _overtaken(self, message: Message) -> bool:
        """Younger news of the same floor or request are here: transaction ids go up (RFC 8855 §8.2)."""
        about = message.floors[:1] or tuple(one.request for one in message.requests[:1])
        topic = (message.primitive, *about)
        behind = (self._newest.get(topic, message.transaction) - message.transaction) & 0xFFFF
        if 0 < behind <= _RECENT:
            return True
        self._newest[topic] = message.transaction
        while len(self._newest) > _REQUESTS_KEPT:
            del self._newest[next(iter(self._newest))]
        return False

    def _said(self, message: Message, question: Message | None, transaction: int) -> list[Event]:
        match message.primitive:
            case Primitive.FLOOR_REQUEST_STATUS:
                return self._statuses(message, transaction)
            case Primitive.FLOOR_STATUS:
                floor = message.floors[0] if message.floors else None
                return [FloorReported(floor, message.requests, transaction)]
            case Primitive.USER_STATUS:
                return [UserReported(_beneficiary(message), message.requests, transaction)]
            case Primitive.CHAIR_ACTION_ACK:
                return [DecisionTaken(transaction)]
            case Primitive.HELLO_ACK:
                return self._greeted(message)
            case Primitive.GOODBYE_ACK:
                self._move(Moment.FAREWELL)
                return [Left()]
            case Primitive.GOODBYE:
                self._move(Moment.FAREWELL)
                self._open.clear()
                return [PeerLeft()]
        assert question is not None
        return self._refused(message, question)

    def _statuses(self, message: Message, transaction: int) -> list[Event]:
        """The status of a request. Over datagrams an answer may come behind news that are younger than it is.

        Raises:
            UnexpectedMessageError: news that can't follow on what was heard before.
        """
        (request, *_) = message.requests
        before = self.requests.get(request.request) or self._ended.get(request.request)
        old, new = status_of(before.status if before else None), status_of(request.status)
        if before is not None and old is not None and new is not None and new not in FOLLOWERS[old]:
            if transaction and self.version == UNRELIABLE:
                return [RequestChanged(before, transaction)]
            raise UnexpectedMessageError(
                f"request {request.request} is {new.name.capitalize()} after {old.name.capitalize()}",
                clause="RFC 8855 §4")
        self.requests.pop(request.request, None)
        kept, most = (self._ended, _ENDED_KEPT) if new is not None and new.final else (self.requests, _REQUESTS_KEPT)
        kept[request.request] = request
        while len(kept) > most:
            del kept[next(iter(kept))]
        return [RequestChanged(request, transaction)]

    def _greeted(self, message: Message) -> list[Event]:
        self._move(Moment.GREETED)
        lists = {one.kind: one.value for one in message.attributes if isinstance(one.value, tuple)}
        self.primitives = lists.get(Kind.SUPPORTED_PRIMITIVES, ())
        return [Ready(self.primitives, lists.get(Kind.SUPPORTED_ATTRIBUTES, ()))]

    def _refused(self, message: Message, question: Message) -> list[Event]:
        if question.primitive == Primitive.HELLO:
            self._move(Moment.REFUSED)
        failure = message.failure or Failure(0)
        return [Refused(question.primitive, question.transaction, failure.code, failure.details,
                        message.text(Kind.ERROR_INFO))]


class Chair(Participant):
    """A chair's half of one association. A chair may ask for floors too (RFC 8855 §3)."""

    def send_chair_action(self, decision: Request, now: float) -> tuple[int, list[Event]]:
        """Decide on a request (RFC 8855 §11.1). The answer arrives as `DecisionTaken` or `Refused`.

        Args:
            decision: its number, and for each of our floors the status: Accepted (with a place in the queue, 0 for
                the server to choose), Granted, Denied, or Revoked.
            now: seconds on the caller's clock.
        """
        return self._ask(Primitive.CHAIR_ACTION, (request_information(decision),), now)


def _beneficiary(message: Message) -> User | None:
    group = next((value for value in message.all(Kind.BENEFICIARY_INFORMATION) if isinstance(value, Group)), None)
    if group is None:
        return None
    inner = group.attributes
    return User(group.number, text_in(inner, Kind.USER_DISPLAY_NAME), text_in(inner, Kind.USER_URI))
