"""A client's and the server's half by themselves: what a peer may do wrong, and what is never done (RFC 8855)."""

from __future__ import annotations

import pytest
from bfcp_stage import ANN, BOB, CONFERENCE, FLOOR, USERS, Chair
from bfcp_vectors import NAMES, OCTETS
from counting import work
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.events import (
    ClientLeft,
    ClientViolation,
    FloorReported,
    MessageDropped,
    MessageRefused,
    PeerViolation,
    Refused,
    RequestChanged,
    TransactionTimedOut,
    Transmit,
    TransmitTo,
)
from workbench.protocols.bfcp.floors import Floor
from workbench.protocols.bfcp.machine import RECONNECT_SECONDS, Participant, State
from workbench.protocols.bfcp.messages import (
    RELIABLE,
    UNRELIABLE,
    Attribute,
    FloorStatus,
    Message,
    Request,
    failure,
    floor_id,
    request_information,
)
from workbench.protocols.bfcp.registry import ErrorCode, Kind, Primitive, Status
from workbench.protocols.bfcp.server import FloorControlServer
from workbench.protocols.bfcp.states import ANSWERS, CLIENT, Moment

BOTH = pytest.mark.parametrize("version", [RELIABLE, UNRELIABLE])


def client(version: int = RELIABLE, greets: bool = False) -> Participant:
    """Ann, connected; over datagrams her Hello is answered already."""
    ann = Participant(CONFERENCE, ANN, version=version, greets=greets)
    ann.opened(0.0)
    if version == UNRELIABLE:
        ann.receive_data(OCTETS["by_hand_hello_ack_v2"], 0.0)
        assert ann.state is State.READY
    return ann


def server(version: int = RELIABLE, **settings) -> FloorControlServer:
    made = FloorControlServer(CONFERENCE, USERS, [Floor(FLOOR)], version=version, **settings)
    made.opened("a")
    return made


def said(primitive: int, transaction: int, *attributes: Attribute, version: int = RELIABLE, user: int = ANN,
         conference: int = CONFERENCE, responder: bool | None = None) -> bytes:
    """Octets as the server writes them: unasked over a stream with transaction 0, over datagrams without R."""
    answers = version == UNRELIABLE if responder is None else responder
    return wire.encode(Message(primitive, conference, transaction, user, attributes, version, answers))


def status(code: int, request: int = 1) -> Attribute:
    return request_information(Request(request, (FloorStatus(FLOOR, code),), code))


def answers_of(events) -> list[Message]:
    return [wire.decode(event.octets) for event in events if isinstance(event, TransmitTo)]


def code_of(events) -> int:
    """The code of the one Error that was sent."""
    (answer,) = answers_of(events)
    assert answer.primitive == Primitive.ERROR
    return answer.failure.code


# A client

@pytest.mark.parametrize(("state", "moment"), CLIENT, ids=lambda value: value.name)
def test_every_transition_of_a_client_happens(state, moment):
    """The table of `states`, entry by entry, brought about by what arrives or is done."""
    version = UNRELIABLE if Moment.UNREADABLE is not moment else RELIABLE
    ann = Participant(CONFERENCE, ANN, version=version, greets=moment is not Moment.OPENED_QUIETLY)
    if moment is Moment.OPENED_QUIETLY:
        ann = Participant(CONFERENCE, ANN, greets=False)
    if state is not State.WAITING:
        ann.opened(0.0)
    if state in (State.READY, State.LEAVING) or (state is State.LEAVING and version == UNRELIABLE):
        ann.receive_data(said(12, 1, *hello_lists(), version=version), 0.0)
    transaction = 1
    if state is not State.WAITING and state is not State.GREETING and moment in (Moment.GREETED, Moment.REFUSED):
        transaction = ann.send_hello(0.0)[0]
    if state is State.LEAVING and version == UNRELIABLE:
        ann.send_goodbye(0.0)
    elif state is State.LEAVING:
        ann.state = State.LEAVING       # over a stream nobody says Goodbye; the table covers it all the same
    assert ann.state is state
    match moment:
        case Moment.OPENED | Moment.OPENED_QUIETLY:
            ann.opened(0.0)
        case Moment.GREETED:
            ann.receive_data(said(12, transaction, *hello_lists(), version=version), 0.0)
        case Moment.REFUSED:
            ann.receive_data(said(13, transaction, failure(1), version=version), 0.0)
        case Moment.UNANSWERED:
            if not ann.next_wakeup():
                ann.send_hello(0.0)
            while ann.next_wakeup() is not None:
                ann.wake(ann.next_wakeup())
        case Moment.UNREADABLE:
            ann.receive_data(b"HTTP", 0.0)
        case Moment.TAKING_LEAVE:
            ann.send_goodbye(0.0)
        case Moment.FAREWELL:
            ann.receive_data(said(16, 77, version=version, responder=False), 0.0)
        case Moment.ENDED:
            ann.ended(0.0)
    assert ann.state is CLIENT[state, moment]


def hello_lists():
    return (Attribute(Kind.SUPPORTED_PRIMITIVES, (1, 2)), Attribute(Kind.SUPPORTED_ATTRIBUTES, (2, 3)))


@BOTH
def test_each_refusal_of_hello_ends_in_failed(version):
    """RFC 8855 §13.7: Error 9, 11, 12 and all others; what waited is not sent."""
    for code in ErrorCode:
        ann = Participant(CONFERENCE, ANN, version=version)
        ann.opened(0.0)
        ann.send_floor_request(FLOOR, 0.0)
        (event,) = ann.receive_data(said(13, 1, failure(code), version=version), 0.0)
        assert event == Refused(Primitive.HELLO, 1, code, b"", "") and ann.state is State.FAILED
        assert ann.next_wakeup() is None


@BOTH
@pytest.mark.parametrize("primitive", Primitive)
def test_only_the_right_answer_answers(version, primitive):
    """RFC 8855 §8.2: an answer of another kind is reported and dropped, and the question stays open."""
    ann = client(version)
    transaction, _ = ann.send_floor_query([FLOOR], 0.0)
    attributes = {4: [status(1)], 9: [status(1)], 12: hello_lists(), 13: [failure(5)], 1: [floor_id(1)],
                  2: [Attribute(3, 1)], 3: [Attribute(3, 1)]}.get(primitive, [])
    first = ann.receive_data(said(primitive, transaction, *attributes, version=version), 0.0)[0]
    right = {Primitive.FLOOR_STATUS: FloorReported(None, (), transaction),
             Primitive.ERROR: Refused(Primitive.FLOOR_QUERY, transaction, 5, b"", "")}
    if primitive in right:
        assert first == right[primitive]
    else:
        assert isinstance(first, MessageDropped) and "in answer to FloorQuery [RFC 8855 §8.2]" in str(first.error)
        assert ann.receive_data(said(8, transaction, version=version), 0.0)[0] == right[Primitive.FLOOR_STATUS]


@BOTH
@pytest.mark.parametrize(("octets", "what"), [
    (lambda v: said(4, 9, status(1), version=v), "answers nothing"),
    (lambda v: said(4, 0, status(1), version=v, user=BOB, responder=False), "user 235"),
    (lambda v: said(4, 0, status(1), version=v, conference=9, responder=False), "conference 9"),
    (lambda v: said(40, 0, version=v, responder=False), "primitive 40"),
    (lambda v: said(4, 0, version=v, responder=False), "without FLOOR-REQUEST-INFORMATION"),
    (lambda v: said(4, 0, status(1), Attribute(40, b"", True), version=v, responder=False), "mandatory attribute 40"),
    (lambda v: said(10, 0, version=v, responder=False), "nobody asked for"),
])
def test_a_message_of_no_use_is_dropped_and_the_next_one_read(version, octets, what):
    """Framing is not lost: the machine goes on."""
    ann = client(version)
    (dropped,) = ann.receive_data(octets(version), 0.0)
    assert isinstance(dropped, MessageDropped) and what in str(dropped.error)
    after = ann.receive_data(said(4, 0, status(3), version=version, responder=False), 0.0)
    assert isinstance(after[-1], RequestChanged) and ann.state is State.READY


@BOTH
def test_a_request_does_not_go_backwards(version):
    """RFC 8855 §4: a granted request is never pending again."""
    ann = client(version)
    for transaction, code, fine in ((5, 1, True), (6, 3, True), (7, 1, False), (8, 2, False), (9, 7, True)):
        number = transaction if version == UNRELIABLE else 0
        events = ann.receive_data(said(4, number, status(code), version=version, responder=False), 0.0)
        assert isinstance(events[-1], RequestChanged if fine else MessageDropped)
    assert ann.requests == {}


def test_an_answer_that_can_not_be_is_an_answer_all_the_same():
    """Over a stream nothing is repeated: the question is not left open for ever."""
    ann = client()
    ann.receive_data(said(4, 0, status(3)), 0.0)
    transaction, _ = ann.send_floor_request_query(1, 0.0)
    (event,) = ann.receive_data(said(4, transaction, status(1)), 0.0)
    assert isinstance(event, MessageDropped) and "Pending after Granted" in str(event.error)
    assert ann.ended(0.0) == []


def test_what_a_server_makes_us_hold_is_bounded():
    """Statuses of requests that we never made: the oldest are forgotten."""
    ann = client()
    for number in range(1000):
        ann.receive_data(said(4, 0, status(1, number)), 0.0)
    assert len(ann.requests) == 256


@pytest.mark.parametrize("octets", [b"HTTP/1.1", bytes.fromhex("20010001000010e1000200ea0500021f"), b"\x40"])
def test_a_stream_breaks_once(octets):
    """RFC 8855 §6.1 (rule B20): the connection is closed, and not opened again for 30 seconds."""
    ann = client()
    ann.send_floor_request(FLOOR, 0.0)
    good = said(4, 0, status(3))
    events = ann.receive_data(good + octets, 5.0)
    assert [type(event) for event in events] == [RequestChanged, TransactionTimedOut, PeerViolation]
    assert ann.state is State.BROKEN and ann.receive_data(good, 6.0) == []
    assert ann.may_reconnect_at == 5.0 + RECONNECT_SECONDS and client().may_reconnect_at is None


def test_over_datagrams_one_question_is_open_at_a_time():
    """RFC 8855 §8.1 (rule B16): the second waits for the first's answer; ids go up."""
    ann = client(UNRELIABLE)
    first, octets = ann.send_floor_request(FLOOR, 0.0)
    second, none = ann.send_floor_query([FLOOR], 0.0)
    assert (second, len(octets), none) == (first + 1, 1, [])
    events = ann.receive_data(said(4, first, status(3), version=UNRELIABLE), 0.0)
    sent = wire.decode(events[-1].octets)
    assert (sent.primitive, sent.transaction) == (Primitive.FLOOR_QUERY, second)


def test_over_a_stream_any_number_is_open():
    ann = client()
    assert [bool(ann.send_floor_query([FLOOR], 0.0)[1]) for _ in range(64)] == [True] * 64
    with pytest.raises(LocalProtocolError, match="64 BFCP messages are waiting"):
        ann.send_floor_query([FLOOR], 0.0)
    assert len(ann.ended(0.0)) == 64 and ann.state is State.CLOSED


def test_transaction_ids_wrap_and_are_never_0():
    """RFC 8855 §8.1: 16 bits."""
    ann = client()
    ann._open._last = 0xFFFE
    assert [ann.send_hello(0.0)[0] for _ in range(3)] == [0xFFFF, 1, 2]


def test_a_repeated_status_is_acknowledged_again_and_told_once():
    """RFC 8855 §8.3.2 (rule B15): for as long as T2 lasts."""
    ann = client(UNRELIABLE)
    octets = said(4, 77, status(3), version=UNRELIABLE, responder=False)
    first = ann.receive_data(octets, 0.0)
    assert [type(event) for event in first] == [Transmit, RequestChanged]
    assert ann.receive_data(octets, 9.9) == first[:1]
    assert len(ann.receive_data(octets, 10.1)) == 2


def test_an_answer_behind_younger_news_does_not_set_the_clock_back():
    """Over datagrams the answer may be lost, and come again behind what happened since: the younger status stays."""
    ann = client(UNRELIABLE)
    transaction, _ = ann.send_floor_request(FLOOR, 0.0)
    for code, kept in ((3, {1}), (6, set())):
        ann.receive_data(said(4, 70 + code, status(code), version=UNRELIABLE, responder=False), 0.0)
        assert set(ann.requests) == kept
    events = ann.receive_data(said(4, transaction, status(1), version=UNRELIABLE), 1.0)
    assert [(event.request.status, event.transaction) for event in events] == [(6, transaction)]
    assert ann.requests == {} and ann.next_wakeup() is None


def test_news_that_were_overtaken_are_acknowledged_and_not_told():
    """RFC 8855 §8.2: transaction ids go up, also across their end; of two about the same the younger one holds."""
    ann = client(UNRELIABLE)
    for transaction, code, told in ((0xFFFF, 2, True), (2, 2, True), (1, 2, False), (0xFFFF, 3, False), (3, 3, True)):
        events = ann.receive_data(said(4, transaction, status(code), version=UNRELIABLE, responder=False), 20.0)
        assert isinstance(events[0], Transmit) and (len(events) == 2) is told
    other = ann.receive_data(said(4, 1, status(2, request=9), version=UNRELIABLE, responder=False), 40.0)
    assert isinstance(other[-1], RequestChanged)


def test_an_answer_that_is_repeated_is_followed_by_what_has_changed():
    """RFC 8855 §8.3.2: the stored answer is repeated as it was, so the client has to hear again what came since."""
    fcs = server(UNRELIABLE)
    query = ask(UNRELIABLE, 7, transaction=3)
    first = fcs.receive_data("a", query, 0.0)
    assert fcs.receive_data("a", query, 1.0) == first
    fcs.opened("b")
    fcs.receive_data("b", ask(UNRELIABLE, user=BOB), 2.0)
    again = fcs.receive_data("a", query, 3.0)
    assert again[0] == first[0]
    assert [one.requests[0].status for one in answers_of(again[1:])] == [Status.GRANTED]


def test_our_calls_at_the_wrong_time_are_refused():
    ann = Participant(CONFERENCE, ANN)
    with pytest.raises(LocalProtocolError, match="FloorRequest while WAITING"):
        ann.send_floor_request(FLOOR, 0.0)
    ann.opened(0.0)
    for call in (lambda: ann.opened(0.0), lambda: ann.send_goodbye(0.0)):
        with pytest.raises(LocalProtocolError):
            call()


def test_a_decision_leaves_out_what_a_chair_does_not_say():
    """RFC 8855 §11.1: a ChairAction needs the request and its floors, no OVERALL-REQUEST-STATUS."""
    chair = Chair(CONFERENCE, 1, greets=False)
    chair.opened(0.0)
    _, (sent,) = chair.send_chair_action(Request(7, (FloorStatus(FLOOR, Status.ACCEPTED, 2, "soon"),)), 0.0)
    (information,) = wire.decode(sent.octets).attributes
    assert [one.kind for one in information.value.attributes] == [Kind.FLOOR_REQUEST_STATUS]


# The server

@BOTH
@pytest.mark.parametrize(("octets", "code"), [
    (lambda v: ask(v, conference=9), ErrorCode.CONFERENCE_DOES_NOT_EXIST),
    (lambda v: ask(v, user=999), ErrorCode.USER_DOES_NOT_EXIST),
    (lambda v: ask(v, primitive=40), ErrorCode.UNKNOWN_PRIMITIVE),
    (lambda v: ask(v, attributes=(floor_id(FLOOR), Attribute(40, b"", True), Attribute(41, b"", True))),
     ErrorCode.UNKNOWN_MANDATORY_ATTRIBUTE),
    (lambda v: ask(v, attributes=()), ErrorCode.UNABLE_TO_PARSE),
    (lambda v: ask(v, transaction=0), ErrorCode.GENERIC_ERROR),
])
def test_a_message_that_is_not_for_it_is_refused(version, octets, code):
    """RFC 8855 §13.8 (rules B7, B9, B30): the code, the ids of the question, R over datagrams; nothing has changed."""
    asked = octets(version)
    events = server(version).receive_data("a", asked, 0.0)
    assert code_of(events) == code
    (answer,), question = answers_of(events), wire.decode(asked)
    assert (answer.conference, answer.transaction, answer.user) == (
        question.conference, question.transaction, question.user)
    assert answer.responder == (version == UNRELIABLE) and isinstance(events[-1], MessageRefused)
    if code == ErrorCode.UNKNOWN_MANDATORY_ATTRIBUTE:
        assert answer.failure.details == bytes.fromhex("5052")


def ask(version: int, primitive: int = 1, user: int = ANN, conference: int = CONFERENCE, transaction: int = 7,
        attributes: tuple[Attribute, ...] = (floor_id(FLOOR),)) -> bytes:
    return wire.encode(Message(primitive, conference, transaction, user, attributes, version))


def test_version_2_on_a_stream_is_refused_and_the_connection_closed():
    """RFC 8855 §5.1, §13.8 (rule B2)."""
    events = server().receive_data("a", ask(UNRELIABLE), 0.0)
    assert code_of(events) == ErrorCode.UNSUPPORTED_VERSION
    assert [type(event) for event in events[-2:]] == [ClientViolation, ClientLeft]


@pytest.mark.parametrize(("octets", "code"), [
    (ask(UNRELIABLE) + bytes(4), ErrorCode.INCORRECT_MESSAGE_LENGTH),
    (ask(UNRELIABLE)[:-4], ErrorCode.INCORRECT_MESSAGE_LENGTH),
    (ask(RELIABLE), ErrorCode.UNSUPPORTED_VERSION),
    (b"\xe0" + ask(UNRELIABLE)[1:], ErrorCode.UNSUPPORTED_VERSION),
    (ask(UNRELIABLE)[:13] + b"\x00" + ask(UNRELIABLE)[14:], ErrorCode.UNABLE_TO_PARSE),
])
def test_a_wrong_datagram_is_refused_and_the_next_one_heard(octets, code):
    """RFC 8855 §13.8 (rule B3): Error 13 for its length, 12 for its version, 10 for what is inside."""
    fcs = server(UNRELIABLE)
    assert code_of(fcs.receive_data("a", octets, 0.0)) == code
    (answer,) = answers_of(fcs.receive_data("a", ask(UNRELIABLE, transaction=8), 0.0))
    assert answer.primitive == Primitive.FLOOR_REQUEST_STATUS


@pytest.mark.parametrize("octets", [
    b"", b"\x40", said(13, 7, failure(1), version=UNRELIABLE), said(12, 7, *hello_lists(), version=UNRELIABLE),
    said(4, 7, status(1), version=UNRELIABLE, responder=False), said(14, 7, version=UNRELIABLE),
    said(13, 7, failure(1), version=UNRELIABLE)[:-1],
])
def test_an_answer_is_never_answered(octets):
    """Two servers, or a mirror, never keep each other busy with Errors."""
    events = server(UNRELIABLE).receive_data("a", octets, 0.0)
    assert [type(event) for event in events] == [MessageRefused] and not events[0].answered


@BOTH
def test_security_is_asked_for(version):
    """RFC 8855 §9, §13.8 (rule B21): Error 9 over TCP, 11 over UDP."""
    fcs = server(version, needs_security=True)
    code = ErrorCode.USE_TLS if version == RELIABLE else ErrorCode.USE_DTLS
    assert code_of(fcs.receive_data("a", ask(version, 11, attributes=()), 0.0)) == code
    fcs.opened("b", secured=True)
    assert answers_of(fcs.receive_data("b", ask(version, 11, attributes=()), 0.0))[0].primitive == Primitive.HELLO_ACK


@BOTH
def test_a_user_belongs_to_one_connection(version):
    """RFC 8855 §9 (rule B22): nobody speaks for who is elsewhere, or is not meant by the connection."""
    fcs = server(version)
    fcs.opened("b")
    fcs.opened("c", users=frozenset({BOB}))
    assert answers_of(fcs.receive_data("a", ask(version), 0.0))[0].primitive == Primitive.FLOOR_REQUEST_STATUS
    assert code_of(fcs.receive_data("b", ask(version), 0.0)) == ErrorCode.UNAUTHORIZED_OPERATION
    assert code_of(fcs.receive_data("c", ask(version, user=1), 0.0)) == ErrorCode.UNAUTHORIZED_OPERATION
    assert answers_of(fcs.receive_data("c", ask(version, user=BOB), 0.0))[0].requests[0].position == 1


def test_a_repeated_question_gets_the_same_answer_and_is_not_done_twice():
    """RFC 8855 §8.3.2 (rule B15): within T2; its answer is the first one, octet by octet."""
    fcs = server(UNRELIABLE)
    first = [event for event in fcs.receive_data("a", ask(UNRELIABLE), 0.0) if isinstance(event, TransmitTo)]
    assert fcs.receive_data("a", ask(UNRELIABLE), 9.0) == first
    assert len(fcs.floors.requests) == 1
    assert code_of(fcs.receive_data("a", ask(UNRELIABLE), 20.0)) == ErrorCode.TOO_MANY_FLOOR_REQUESTS


def test_who_was_never_opened_is_not_heard():
    fcs = server(max_clients=2)
    assert fcs.receive_data("z", ask(RELIABLE), 0.0) == []
    fcs.opened("b")
    for name in ("b", "c"):
        with pytest.raises(LocalProtocolError):
            fcs.opened(name)


def test_what_clients_make_the_server_hold_is_bounded():
    """A thousand requests, queries and fragments of one client: requests, answers and partial messages stay few."""
    fcs = server(UNRELIABLE, max_requests=4)
    for number in range(1, 1000):
        fcs.receive_data("a", ask(UNRELIABLE, transaction=number), 0.0)
        fcs.receive_data("a", ask(UNRELIABLE, 7, transaction=number), 0.0)
        fcs.receive_data("a", wire.encode_datagrams(
            Message(7, CONFERENCE, number, ANN, (floor_id(1),) * 20, UNRELIABLE), 40)[0], 0.0)
    held = fcs._clients["a"]
    assert len(held.answers) <= 32 and held.datagrams.held <= 8 * 80 and len(fcs.floors.requests) == 1
    assert len(held.requests) <= 1


@pytest.mark.parametrize(("floors", "stays"), [(513, True), (514, False)])
def test_a_client_that_lets_too_much_wait_is_taken_for_gone(floors, stays):
    """Who asks about very many floors and acknowledges nothing does not make the server hold all of it."""
    fcs = FloorControlServer(CONFERENCE, USERS, [Floor(number) for number in range(floors)], version=UNRELIABLE)
    fcs.opened("a")
    attributes = tuple(floor_id(number) for number in range(floors))
    events = fcs.receive_data("a", ask(UNRELIABLE, 7, attributes=attributes), 0.0)
    assert (fcs.peer_of(ANN) == "a") is stays
    assert (ClientLeft("a", "it does not acknowledge") in events) is not stays


def test_work_does_not_grow_with_what_was_said_before():
    """The thousandth message costs what the hundredth did."""
    fcs = server(UNRELIABLE)
    costs = []
    for number in range(1, 1001):
        release = ask(UNRELIABLE, 2, transaction=2 * number, attributes=(Attribute(3, number, True),))

        def cycle(number=number, release=release) -> None:
            fcs.receive_data("a", ask(UNRELIABLE, transaction=2 * number - 1), 0.0)
            fcs.receive_data("a", release, 0.0)

        costs.append(work(cycle)[0] if number in (100, 1000) else cycle())
    assert costs[999] <= 1.1 * costs[99]


@BOTH
@given(data=st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(NAMES)), max_size=12), cut=st.integers(0, 60))
def test_whatever_arrives_nothing_is_raised(version, data, cut):
    """Stored messages of both versions and both directions, cuts of them, and garbage: events, at both ends."""
    fcs, ann = server(version), client(version)
    for number, one in enumerate(data):
        octets = OCTETS[one] if isinstance(one, str) else one
        for part in (octets, octets[:cut]):
            fcs.receive_data("a", part, float(number))
            ann.receive_data(part, float(number))
    fcs.ended("a", 99.0)


@BOTH
def test_every_question_has_its_answer_in_the_table(version):
    """Each primitive that a client sends is answered with what `ANSWERS` says."""
    questions = {1: (floor_id(FLOOR),), 3: (Attribute(3, 1),), 5: (), 7: (), 11: (), 2: (Attribute(3, 1),), 16: ()}
    fcs = server(version)
    for number, (primitive, attributes) in enumerate(questions.items(), 1):
        (answer,) = answers_of(fcs.receive_data("a", ask(version, primitive, transaction=number,
                                                         attributes=attributes), 0.0))
        assert answer.primitive == ANSWERS[primitive] and answer.transaction == number
