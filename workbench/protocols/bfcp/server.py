"""The floor control server's half of BFCP (RFC 8855 §13): one conference, any number of clients.

Octets of a client in, events out. The node that owns the server names its clients and carries what is transmitted.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.errors import LocalProtocolError, UnexpectedMessageError
from workbench.protocols.bfcp import grammar
from workbench.protocols.bfcp.announcements import Announcements
from workbench.protocols.bfcp.clients import Client, floor_status
from workbench.protocols.bfcp.events import (
    ClientViolation,
    MessageRefused,
    Peer,
    ServerEvent,
    TransmitTo,
)
from workbench.protocols.bfcp.floors import Asked, Floor, Floors, Refusal
from workbench.protocols.bfcp.messages import (
    RELIABLE,
    UNRELIABLE,
    Message,
    User,
    supported,
    user_information,
)
from workbench.protocols.bfcp.reassembly import MAX_MESSAGE_OCTETS
from workbench.protocols.bfcp.registry import ErrorCode, Kind, Primitive, Priority, primitive_name, priority_of
from workbench.protocols.bfcp.states import ANSWERS
from workbench.protocols.bfcp.transactions import DATAGRAM_OCTETS, T1
from workbench.protocols.bfcp.wire import SUPPORTED_ATTRIBUTES, Header, RefusedMessageError

PRIMITIVES = {RELIABLE: tuple(range(1, 14)), UNRELIABLE: tuple(range(1, 18))}
"""Version to the primitives that a HelloAck names: acknowledgements and Goodbye belong to version 2."""


class FloorControlServer(Announcements):
    """One conference.

    Args:
        conference: its id, as in a=confid.
        users: who may take part, as in a=userid.
        floors: what there is to ask for, and how each is given.
        version: `RELIABLE` for TCP and TLS, `UNRELIABLE` for UDP and DTLS.
        needs_security: clients without TLS or DTLS are refused (Error 9 or 11).
        third_parties: users who may ask for somebody else; chairs may always.
        t1: seconds before the first retransmission.
        max_octets: the longest message that is taken.
        max_datagram: the longest datagram that is sent.
        max_clients: the most clients at a time.
        max_requests: the most floor requests at a time.
        confirmed: who is to get a floor is told so only once the owner has confirmed it (`GrantDecided`, `confirm`).
    """

    def __init__(
        self, conference: int, users: Iterable[User], floors: Iterable[Floor], *, version: int = RELIABLE,
        needs_security: bool = False, third_parties: frozenset[int] = frozenset(), t1: float = T1,
        max_octets: int = MAX_MESSAGE_OCTETS, max_datagram: int = DATAGRAM_OCTETS, max_clients: int = 256,
        max_requests: int = 256, confirmed: bool = False,
    ) -> None:
        asked = Floors(floors, max_requests=max_requests, confirmed=confirmed)
        super().__init__(conference, users, asked, version, max_datagram)
        chairs = {one.chair for one in self.floors.policies.values() if one.chair is not None}
        self._third_parties = third_parties | chairs
        self._needs_security = needs_security
        self._t1 = t1
        self._max_octets = max_octets
        self._max_clients = max_clients

    # Clients come and go

    def opened(self, peer: Peer, *, secured: bool = False, users: frozenset[int] | None = None) -> None:
        """A client has connected, or a first datagram came from there.

        Args:
            peer: what to call it.
            secured: TLS or DTLS is up.
            users: the user ids that may be used there, as its certificate or the signalling says; None: any that no
                other client uses (RFC 8855 §9).

        Raises:
            LocalProtocolError: that name is in use, or there are too many clients.
        """
        if peer in self._clients or len(self._clients) >= self._max_clients:
            raise LocalProtocolError(f"BFCP client {peer!r} can't be taken")
        self._departed.pop(peer, None)
        self._clients[peer] = Client(secured, users, self.version, self._t1, self._max_octets, self._max_datagram)

    def ended(self, peer: Peer, now: float) -> list[ServerEvent]:
        """A client's transport is gone: its floors are revoked (TS 23.333 §6.2.13)."""
        return self._all(self._leave(peer, "its connection ended", now), now)

    # What is heard

    def receive_data(self, peer: Peer, data: bytes, now: float) -> list[ServerEvent]:
        """Take octets of a client's stream in any portions, or one datagram; return what they mean, oldest first.

        Nothing is raised for what a client does; one that was never `opened` is not heard.
        """
        client = self._clients.get(peer)
        if client is None:
            return self._repeat(peer, data, now)
        read = self._read_stream if self.version == RELIABLE else self._read_datagram
        return self._all(read(peer, client, data, now), now)

    def next_wakeup(self) -> float | None:
        """When something is to be repeated, given up or forgotten; None: never."""
        times = (one.next_wakeup() for one in self._clients.values())
        return min((time for time in times if time is not None), default=None)

    def wake(self, now: float) -> list[ServerEvent]:
        """Repeat what is due; a client that never acknowledges is gone (RFC 8855 §8.3.1)."""
        events: list[ServerEvent] = []
        for peer, client in list(self._clients.items()):
            client.datagrams.wake(now)
            octets, failed = client.requests.wake(now)
            events += [TransmitTo(peer, one) for one in octets]
            if failed is not None:
                events += self._leave(peer, f"{primitive_name(failed.primitive)} is not acknowledged", now)
        return self._all(events, now)

    # What the server's owner does

    def revoke(self, request: int, now: float, info: str = "") -> list[ServerEvent]:
        """Take a granted request's floors away.

        Raises:
            LocalProtocolError: there is no such request, or it holds nothing.
        """
        try:
            changed = self.floors.revoke(request, info)
        except Refusal as refusal:
            raise LocalProtocolError(refusal.what) from None
        return self._all(self._tell(changed, now), now)

    def confirm(self, request: int, now: float) -> list[ServerEvent]:
        """Grant a request that was decided, now that media follow (TS 23.333 §8.49).

        Raises:
            LocalProtocolError: there is no such request, or nothing of it waits.
        """
        try:
            changed = self.floors.confirm(request)
        except Refusal as refusal:
            raise LocalProtocolError(refusal.what) from None
        return self._all(self._tell(changed, now), now)

    def give_up(self, request: int, now: float, info: str) -> list[ServerEvent]:
        """Deny a request that was decided and is not confirmed. Raises as of `confirm`."""
        try:
            changed = self.floors.give_up(request, info)
        except Refusal as refusal:
            raise LocalProtocolError(refusal.what) from None
        return self._all(self._tell(changed, now), now)

    def designate(self, floor: int, chair: int) -> None:
        """Who decides on a floor from now on. Raises LocalProtocolError: there is no such floor."""
        try:
            self.floors.designate(floor, chair)
        except Refusal as refusal:
            raise LocalProtocolError(refusal.what) from None
        self._third_parties |= {chair}

    def send_goodbye(self, peer: Peer, user: int, now: float) -> list[ServerEvent]:
        """End the association with a client over datagrams (RFC 8855 §5.3.16)."""
        client = self._clients.get(peer)
        if self.version == RELIABLE or client is None:
            raise LocalProtocolError("Goodbye over a stream, or to nobody")
        return self._say(peer, client, user, Primitive.GOODBYE, (), now, "goodbye")

    # Inside: one message

    def _repeat(self, peer: Peer, data: bytes, now: float) -> list[ServerEvent]:
        """A client that is gone may not have heard so: its Goodbye is answered again (RFC 8855 §8.3.2)."""
        client = self._departed.get(peer)
        if client is None or self.version == RELIABLE:
            return []
        try:
            message = client.datagrams.receive(data, now)
        except RefusedMessageError:
            return []
        answer = None if message is None else client.answers.find(_key_of(message), now)
        return [] if answer is None else [TransmitTo(peer, one) for one in answer.octets]

    def _read_datagram(self, peer: Peer, client: Client, data: bytes, now: float) -> list[ServerEvent]:
        try:
            message = client.datagrams.receive(data, now)
        except RefusedMessageError as error:
            return self._refuse(peer, client, error.header, error.code, error, now)
        return [] if message is None else self._apply(peer, client, message, now)

    def _read_stream(self, peer: Peer, client: Client, data: bytes, now: float) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        client.stream.feed(data)
        try:
            while peer in self._clients and (message := client.stream.take()) is not None:
                events += self._apply(peer, client, message, now)
        except RefusedMessageError as error:
            # The framing is lost, or may be: the connection is closed; before that a version can still be refused.
            if error.code == ErrorCode.UNSUPPORTED_VERSION and error.header is not None:
                events += self._refuse(peer, client, error.header, error.code, error, now)
            events.append(ClientViolation(peer, error))
            events += self._leave(peer, "its stream can't be read", now)
        return events

    def _apply(self, peer: Peer, client: Client, message: Message, now: float) -> list[ServerEvent]:
        header = _header_of(message)
        if message.responder or message.primitive in _ACKNOWLEDGEMENTS:
            return self._acknowledged(peer, client, message, now)
        repeated = client.answers.find(_key_of(message), now) if self.version == UNRELIABLE else None
        if repeated is not None:
            said = [TransmitTo(peer, one) for one in repeated.octets]
            return [*said, *self._since(peer, client, message, repeated, now)]
        try:
            self._admit(peer, client, message)
            grammar.check(message)
            return self._obey(peer, client, message, now)
        except RefusedMessageError as error:
            return self._refuse(peer, client, header, error.code, error, now, message.unknown_mandatory)
        except Refusal as refusal:
            reason = UnexpectedMessageError(refusal.what, clause="RFC 8855 §13.8")
            return self._refuse(peer, client, header, refusal.code, reason, now)

    def _admit(self, peer: Peer, client: Client, message: Message) -> None:
        """Whether this user may say anything here (RFC 8855 §9, §13.8).

        Raises:
            Refusal: the reason.
        """
        if message.version != self.version:
            raise Refusal(ErrorCode.UNSUPPORTED_VERSION, f"version {message.version} on this transport")
        if self._needs_security and not client.secured:
            code = ErrorCode.USE_TLS if self.version == RELIABLE else ErrorCode.USE_DTLS
            raise Refusal(code, "this conference wants security below BFCP")
        if not message.transaction:
            raise Refusal(ErrorCode.GENERIC_ERROR, "transaction id 0 in a client's message")
        if message.conference != self.conference:
            raise Refusal(ErrorCode.CONFERENCE_DOES_NOT_EXIST, f"no conference {message.conference}")
        if message.user not in self.users:
            raise Refusal(ErrorCode.USER_DOES_NOT_EXIST, f"no user {message.user}")
        elsewhere = self.peer_of(message.user) not in (None, peer)
        if elsewhere or (client.allowed is not None and message.user not in client.allowed):
            raise Refusal(ErrorCode.UNAUTHORIZED_OPERATION, f"user {message.user} does not belong to this connection")

    def _obey(self, peer: Peer, client: Client, message: Message, now: float) -> list[ServerEvent]:
        """Do what a message asks. Raises Refusal: it can't be done."""
        client.users.add(message.user)
        match message.primitive:
            case Primitive.FLOOR_REQUEST:
                request, changed = self._ask(message)
                return self._answer_and_tell(peer, client, message, request, changed, now)
            case Primitive.FLOOR_RELEASE:
                request, changed = self.floors.release(message.number(Kind.FLOOR_REQUEST_ID) or 0, message.user)
                return self._answer_and_tell(peer, client, message, request, changed, now)
            case Primitive.FLOOR_REQUEST_QUERY:
                request = self.floors.find(message.number(Kind.FLOOR_REQUEST_ID) or 0)
                return self._answer(peer, client, message, (self._information(request),), now, about=request)
            case Primitive.USER_QUERY:
                return self._user_status(peer, client, message, now)
            case Primitive.FLOOR_QUERY:
                return self._subscribe(peer, client, message, now)
            case Primitive.CHAIR_ACTION:
                decision = message.requests[0]
                changed = self.floors.decide(decision.request, decision.floors, message.user)
                return self._answer(peer, client, message, (), now) + self._tell(changed, now)
            case Primitive.HELLO:
                lists = (supported(Kind.SUPPORTED_PRIMITIVES, PRIMITIVES[self.version]),
                         supported(Kind.SUPPORTED_ATTRIBUTES, SUPPORTED_ATTRIBUTES))
                return self._answer(peer, client, message, lists, now)
            case Primitive.GOODBYE:
                answer = self._answer(peer, client, message, (), now)
                return answer + self._leave(peer, "Goodbye", now)
        raise Refusal(ErrorCode.GENERIC_ERROR, f"{primitive_name(message.primitive)} is not for a server")

    def _ask(self, message: Message) -> tuple[Asked, list[Asked]]:
        holder = message.number(Kind.BENEFICIARY_ID)
        if holder is not None and holder != message.user:
            if message.user not in self._third_parties:
                raise Refusal(ErrorCode.UNAUTHORIZED_OPERATION, f"user {message.user} may not ask for others")
            if holder not in self.users:
                raise Refusal(ErrorCode.USER_DOES_NOT_EXIST, f"no user {holder}")
        urgency = message.number(Kind.PRIORITY)
        priority = Priority.NORMAL if urgency is None else priority_of(urgency)
        present = frozenset(user for client in self._clients.values() for user in client.users)
        return self.floors.ask(
            message.user, message.user if holder is None else holder, message.floors, priority,
            message.text(Kind.PARTICIPANT_PROVIDED_INFO), present)

    def _user_status(self, peer: Peer, client: Client, message: Message, now: float) -> list[ServerEvent]:
        whose = message.number(Kind.BENEFICIARY_ID)
        if whose is not None and whose not in self.users:
            raise Refusal(ErrorCode.USER_DOES_NOT_EXIST, f"no user {whose}")
        user = message.user if whose is None else whose
        who = () if whose is None else (user_information(Kind.BENEFICIARY_INFORMATION, self.users[user]),)
        found = [one for one in self.floors.requests.values() if user in (one.holder, one.requester)]
        return self._answer(
            peer, client, message, (*who, *(self._information(one) for one in found)), now)

    def _subscribe(self, peer: Peer, client: Client, message: Message, now: float) -> list[ServerEvent]:
        """The first floor's status is the answer, those of the others follow by themselves (RFC 8855 §13.5.1)."""
        floors = tuple(dict.fromkeys(message.floors))
        for floor in floors:
            if floor not in self.floors.policies:
                raise Refusal(ErrorCode.INVALID_FLOOR_ID, f"no floor {floor}")
        client.subscribe(message.user, floors)
        first = floor_status(self.floors, self.users, floors[0], message.user) if floors else ()
        events = self._answer(peer, client, message, first, now)
        if floors:
            client.told[message.user, floors[0]] = first
        for floor in floors[1:]:
            said = floor_status(self.floors, self.users, floor, message.user)
            events += self._report(peer, client, message.user, floor, said, now)
        return events

    def _acknowledged(self, peer: Peer, client: Client, message: Message, now: float) -> list[ServerEvent]:
        said = client.requests.find(message.transaction)
        if said is None or message.primitive != ANSWERS.get(said.primitive):
            error = UnexpectedMessageError(
                f"{primitive_name(message.primitive)} that acknowledges nothing", clause="RFC 8855 §8.2")
            return [MessageRefused(peer, ErrorCode.GENERIC_ERROR, error, False)]
        octets = client.requests.answered(message.transaction, now)
        left = self._leave(peer, "Goodbye", now) if said.primitive == Primitive.GOODBYE else []
        return [*(TransmitTo(peer, one) for one in octets), *left]


_ACKNOWLEDGEMENTS = frozenset(
    {Primitive.FLOOR_REQUEST_STATUS_ACK, Primitive.FLOOR_STATUS_ACK, Primitive.GOODBYE_ACK})


def _key_of(message: Message) -> tuple[int, ...]:
    """What a question is known by when it is repeated."""
    return message.conference, message.user, message.transaction, message.primitive


def _header_of(message: Message) -> Header:
    return Header(message.version, message.responder, message.primitive, 0, message.conference, message.transaction,
                  message.user)
