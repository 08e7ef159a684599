"""A conference at work: participants, a chair and the server, over streams and over datagrams (RFC 8855 §10 to §13)."""

from __future__ import annotations

import itertools

import pytest
from bfcp_stage import ANN, BOB, CHAIR, FLOOR, Chair, Stage, chaired

from workbench.errors import LocalProtocolError
from workbench.protocols.bfcp.events import (
    ClientLeft,
    DecisionTaken,
    FloorReported,
    FloorRequestChanged,
    HoldersChanged,
    Left,
    PeerLeft,
    Ready,
    Refused,
    RequestChanged,
    TransactionTimedOut,
    UserReported,
)
from workbench.protocols.bfcp.floors import Absent, Floor, Policy
from workbench.protocols.bfcp.machine import State
from workbench.protocols.bfcp.messages import RELIABLE, UNRELIABLE, FloorStatus, Request, User
from workbench.protocols.bfcp.registry import ErrorCode, Primitive, Priority, Status

BOTH = pytest.mark.parametrize("version", [RELIABLE, UNRELIABLE])


def decision(request: int, status: Status, place: int = 0, info: str = "", floor: int = FLOOR) -> Request:
    return Request(request, (FloorStatus(floor, status, place, info),))


def request_of(events) -> Request:
    return next(event.request for event in events if isinstance(event, RequestChanged))


@BOTH
@pytest.mark.parametrize("portion", [1, 7, 1 << 20])
def test_two_people_and_a_chair_pass_a_floor(version, portion):
    """Ask, grant, ask, queue, release, turn: each hears its own statuses, the chair sees who waits."""
    stage = Stage([chaired()], version, portion=portion)
    stage.join(ANN, BOB, CHAIR)
    stage.says(CHAIR, Chair.send_floor_query, [FLOOR])
    first = request_of(stage.says(ANN, Chair.send_floor_request, FLOOR, info="slides"))
    seen = stage.heard[CHAIR][-1]
    assert isinstance(seen, FloorReported) and seen.transaction == 0
    assert [(one.request, one.status, one.provided, one.beneficiary.name) for one in seen.requests] == [
        (first.request, Status.PENDING, "slides", "Ann")]
    assert stage.says(CHAIR, Chair.send_chair_action, decision(first.request, Status.GRANTED))[0] == DecisionTaken(3)
    second = request_of(stage.says(BOB, Chair.send_floor_request, FLOOR, priority=Priority.HIGH))
    stage.says(CHAIR, Chair.send_chair_action, decision(second.request, Status.ACCEPTED, 1, "after Ann"))
    waiting = request_of(stage.heard[BOB][-1:])
    assert (waiting.position, waiting.info) == (1, "after Ann")
    assert request_of(stage.says(ANN, Chair.send_floor_release, first.request)).status == Status.RELEASED
    stage.says(BOB, Chair.send_floor_release, second.request)
    assert stage.statuses(ANN) == ["Pending", "Granted", "Released"]
    assert stage.statuses(BOB) == ["Pending", "Accepted", "Granted", "Released"]
    assert [event.holders for event in stage.told if isinstance(event, HoldersChanged)] == [(ANN,), (BOB,), ()]
    assert stage.clients[ANN].requests == {} == stage.server.floors.requests
    # Every status over datagrams is acknowledged, and nothing is left to repeat.
    assert stage.server.next_wakeup() is None and all(one.next_wakeup() is None for one in stage.clients.values())


@BOTH
def test_hello_tells_what_the_server_understands(version):
    """RFC 8855 §12.4: 13 primitives with version 1, 17 with version 2."""
    stage = Stage(version=version)
    stage.join(ANN)
    assert stage.heard[ANN] == [Ready(tuple(range(1, 18 if version == UNRELIABLE else 14)), tuple(range(1, 19)))]
    assert stage.clients[ANN].state is State.READY
    assert isinstance(stage.says(ANN, Chair.send_hello)[0], Ready)


def test_over_a_stream_the_server_speaks_with_transaction_0_and_wants_no_acknowledgement():
    """RFC 8855 §8 (rule B13)."""
    stage = Stage()
    stage.join(ANN, BOB)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    stage.says(BOB, Chair.send_floor_request, FLOOR)
    stage.says(ANN, Chair.send_floor_release, 1)
    unasked = [said for _, _, way, said in stage.wires if way == "<" and said.transaction == 0]
    assert [(said.user, said.requests[0].status) for said in unasked] == [(BOB, Status.GRANTED)]
    assert {said.primitive for *_, said in stage.wires} == {1, 2, 4, 11, 12}


def test_over_datagrams_the_server_waits_for_acknowledgements():
    """RFC 8855 §8.2: a transaction id of its own, R in the answer, at most one open for each client."""
    stage = Stage(version=UNRELIABLE)
    stage.join(ANN, BOB)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    stage.says(BOB, Chair.send_floor_request, FLOOR)
    stage.says(ANN, Chair.send_floor_release, 1)
    (ack,) = [said for _, user, way, said in stage.wires if user == BOB and way == ">" and said.responder]
    status = next(said for _, user, way, said in stage.wires if user == BOB and way == "<" and not said.responder)
    assert (ack.primitive, ack.transaction) == (Primitive.FLOOR_REQUEST_STATUS_ACK, status.transaction)
    assert status.transaction != 0


@BOTH
def test_a_query_subscribes_and_an_empty_one_ends_it(version):
    """RFC 8855 §12.1, §13.5 (rule B23): the first floor is answered, the others follow; then each change."""
    stage = Stage([Floor(FLOOR), Floor(544)], version)
    stage.join(ANN, BOB)
    heard = stage.says(BOB, Chair.send_floor_query, [544, FLOOR])
    assert [(event.floor, event.requests, event.transaction) for event in heard] == [(544, (), 2), (FLOOR, (), 0)]
    before = len(stage.heard[BOB])
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    (news,) = stage.heard[BOB][before:]
    assert (news.floor, news.requests[0].status, news.requests[0].beneficiary) == (
        FLOOR, Status.GRANTED, User(ANN, "Ann", "sip:ann@ims.example"))
    assert stage.says(BOB, Chair.send_floor_query, []) == [FloorReported(None, (), 3)]
    before = len(stage.heard[BOB])
    stage.says(ANN, Chair.send_floor_release, 1)
    assert stage.heard[BOB][before:] == []


@BOTH
def test_only_the_chair_sees_what_is_pending(version):
    """RFC 8855 §13.5.1: local policy; what a participant said is for the chair."""
    stage = Stage([chaired()], version)
    stage.join(ANN, BOB, CHAIR)
    for user in (BOB, CHAIR):
        stage.says(user, Chair.send_floor_query, [FLOOR])
    stage.says(ANN, Chair.send_floor_request, FLOOR, info="slides")
    assert [event.requests for event in stage.heard[BOB] if isinstance(event, FloorReported)] == [()]
    stage.says(CHAIR, Chair.send_chair_action, decision(1, Status.GRANTED))
    shown = stage.heard[BOB][-1].requests[0]
    assert (shown.status, shown.provided) == (Status.GRANTED, "")


@BOTH
def test_asking_for_somebody_else(version):
    """RFC 8855 §10.1.1: the server tells both, and names both; only who may does."""
    stage = Stage(version=version, third_parties=frozenset({BOB}))
    stage.join(ANN, BOB)
    told = request_of(stage.says(BOB, Chair.send_floor_request, FLOOR, beneficiary=ANN))
    assert (told.beneficiary.user, told.requested_by, told.status) == (ANN, User(BOB, "Bob"), Status.GRANTED)
    assert stage.statuses(ANN) == ["Granted"] and stage.server.floors.holders(FLOOR) == (ANN,)
    refused = stage.says(ANN, Chair.send_floor_request, FLOOR, beneficiary=BOB)
    assert [event.code for event in refused] == [ErrorCode.UNAUTHORIZED_OPERATION]
    assert stage.says(BOB, Chair.send_floor_request, FLOOR, beneficiary=99)[0].code == ErrorCode.USER_DOES_NOT_EXIST
    assert request_of(stage.says(ANN, Chair.send_floor_release, told.request)).status == Status.RELEASED


@BOTH
def test_questions_about_requests_and_users(version):
    """RFC 8855 §12.2, §12.3, §13.2, §13.3."""
    stage = Stage([Floor(FLOOR), Floor(544)], version)
    stage.join(ANN, BOB)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    stage.says(ANN, Chair.send_floor_request, 544, priority=Priority.LOW)
    about = request_of(stage.says(BOB, Chair.send_floor_request_query, 2))
    assert (about.request, about.status, about.priority) == (2, Status.GRANTED, Priority.LOW)
    (own,) = stage.says(ANN, Chair.send_user_query)
    assert isinstance(own, UserReported) and own.beneficiary is None and [one.request for one in own.requests] == [1, 2]
    (other,) = stage.says(BOB, Chair.send_user_query, user=ANN)
    assert (other.beneficiary.name, len(other.requests)) == ("Ann", 2)
    assert stage.says(BOB, Chair.send_user_query, user=99)[0].code == ErrorCode.USER_DOES_NOT_EXIST


@BOTH
def test_what_can_not_be_done_is_refused(version):
    """RFC 8855 §13.8: the code, and words for people."""
    stage = Stage([chaired()], version)
    stage.join(ANN, BOB, CHAIR)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    for user, method, argument, code, primitive in (
        (ANN, Chair.send_floor_request, FLOOR, ErrorCode.TOO_MANY_FLOOR_REQUESTS, Primitive.FLOOR_REQUEST),
        (BOB, Chair.send_floor_request, 9, ErrorCode.INVALID_FLOOR_ID, Primitive.FLOOR_REQUEST),
        (BOB, Chair.send_floor_query, [9], ErrorCode.INVALID_FLOOR_ID, Primitive.FLOOR_QUERY),
        (BOB, Chair.send_floor_release, 1, ErrorCode.UNAUTHORIZED_OPERATION, Primitive.FLOOR_RELEASE),
        (BOB, Chair.send_floor_release, 9, ErrorCode.FLOOR_REQUEST_ID_DOES_NOT_EXIST, Primitive.FLOOR_RELEASE),
        (BOB, Chair.send_floor_request_query, 9, ErrorCode.FLOOR_REQUEST_ID_DOES_NOT_EXIST, 3),
        (BOB, Chair.send_chair_action, decision(1, Status.GRANTED), ErrorCode.UNAUTHORIZED_OPERATION, 9),
        (CHAIR, Chair.send_chair_action, decision(1, Status.REVOKED), ErrorCode.UNAUTHORIZED_OPERATION, 9),
    ):
        (event,) = stage.says(user, method, argument)
        assert isinstance(event, Refused) and (event.code, event.primitive) == (code, primitive)
        assert "[RFC 8855 §13.8]" in event.info


@BOTH
def test_a_holder_that_goes_gives_the_floor_to_the_next(version):
    """TS 23.333 §6.2.13 (rule B27): Revoked, and who waits gets Granted."""
    stage = Stage(version=version)
    stage.join(ANN, BOB)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    stage.says(BOB, Chair.send_floor_request, FLOOR)
    stage.leaves(ANN)
    changes = [(event.request.status, event.holder) for event in stage.told if isinstance(event, FloorRequestChanged)]
    assert changes[-2:] == [(Status.REVOKED, ANN), (Status.GRANTED, BOB)]
    assert stage.statuses(BOB) == ["Accepted", "Granted"]
    assert ClientLeft(ANN, "its connection ended") in stage.told
    stage.join(ANN)
    assert stage.says(ANN, Chair.send_floor_request, FLOOR)[0].request.position == 1


@BOTH
def test_the_server_may_revoke(version):
    stage = Stage(version=version)
    stage.join(ANN)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    stage.does(stage.server.revoke(1, 0.0, "time is up"))
    last = stage.heard[ANN][-1].request
    assert (last.status, last.info) == (Status.REVOKED, "time is up")
    with pytest.raises(LocalProtocolError):
        stage.server.revoke(1, 0.0)


@BOTH
def test_a_chair_that_is_not_there(version):
    stage = Stage([chaired(absent=Absent.ACCEPT)], version)
    stage.join(ANN)
    assert request_of(stage.says(ANN, Chair.send_floor_request, FLOOR)).status == Status.GRANTED


def test_goodbye_ends_an_association_over_datagrams():
    """RFC 8855 §5.3.16: from the client, and from the server; over a stream closing says it."""
    stage = Stage(version=UNRELIABLE)
    stage.join(ANN, BOB)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    assert stage.says(ANN, Chair.send_goodbye) == [Left()]
    assert stage.clients[ANN].state is State.CLOSED and ClientLeft(ANN, "Goodbye") in stage.told
    assert stage.server.floors.holders(FLOOR) == ()
    stage.does(stage.server.send_goodbye(BOB, BOB, 0.0))
    assert stage.heard[BOB][-1] == PeerLeft() and stage.clients[BOB].state is State.CLOSED
    assert stage.server.peer_of(BOB) is None
    with pytest.raises(LocalProtocolError):
        stage.clients[BOB].send_floor_request(FLOOR, 0.0)
    with pytest.raises(LocalProtocolError):
        Stage().server.send_goodbye(ANN, ANN, 0.0)


@pytest.mark.parametrize("lost", [3, 4, 5, 6])
@pytest.mark.parametrize("client", [True, False])
def test_a_goodbye_that_was_not_heard_is_said_again(lost, client):
    """RFC 8855 §8.3: whichever of Goodbye and GoodbyeAck is lost, both ends know in the end, without a failure."""
    stage = Stage(version=UNRELIABLE, lose=lambda number: number == lost)
    stage.join(ANN)
    if client:
        stage.says(ANN, Chair.send_goodbye)
    else:
        stage.does(stage.server.send_goodbye(ANN, ANN, 0.0))
    stage.until(60.0)
    assert stage.clients[ANN].state is State.CLOSED
    assert [event for event in stage.told if isinstance(event, ClientLeft)] == [ClientLeft(ANN, "Goodbye")]
    assert stage.heard[ANN][-1] == (Left() if client else PeerLeft())
    assert stage.server.next_wakeup() is None


@pytest.mark.parametrize("lost", range(1, 13))
def test_any_one_lost_datagram_is_made_good(lost):
    """RFC 8855 §8.3: whichever is lost, after the retransmissions everybody has heard the same."""
    def act(stage: Stage) -> list[str]:
        stage.join(ANN, BOB)
        stage.says(ANN, Chair.send_floor_request, FLOOR)
        stage.until(3.0)
        stage.says(BOB, Chair.send_floor_request, FLOOR)
        stage.until(6.0)
        stage.says(ANN, Chair.send_floor_release, 1)
        stage.until(20.0)
        return stage.statuses(ANN) + stage.statuses(BOB)

    whole, holed = Stage(version=UNRELIABLE), Stage(version=UNRELIABLE, lose=lambda number: number == lost)
    assert act(holed) == act(whole) == ["Granted", "Released", "Accepted", "Granted"]
    assert len(holed.server.floors.requests) == 1


@pytest.mark.parametrize("period", [3, 4, 5])
def test_much_loss_is_made_good(period):
    """Every third, fourth or fifth datagram is lost; nobody asks twice and nothing is done twice."""
    count = itertools.count()
    stage = Stage([Floor(FLOOR, Policy(ongoing=9))], UNRELIABLE, lose=lambda number: next(count) % period == 0)
    stage.join(ANN, BOB)
    for _ in range(4):
        stage.until(stage.now + 30.0)
        stage.says(ANN, Chair.send_floor_request, FLOOR)
    stage.until(stage.now + 60.0)
    assert len(stage.server.floors.requests) == 4
    assert stage.clients[ANN].state is State.READY


def test_an_unanswered_question_is_repeated_three_times_and_fails():
    """RFC 8855 §8.3.1: at 0.5, 1.5 and 3.5 s; the end is at 7.5 s."""
    stage = Stage(version=UNRELIABLE, lose=lambda number: True)
    stage.join(ANN)
    stage.until(60.0)
    assert [time for time, *_ in stage.wires] == [0.0, 0.5, 1.5, 3.5]
    assert stage.heard[ANN] == [TransactionTimedOut(Primitive.HELLO, 1)]
    assert stage.clients[ANN].state is State.FAILED and stage.clients[ANN].next_wakeup() is None


def test_a_client_that_acknowledges_nothing_is_gone():
    """RFC 8855 §8.3.1 (rule B14): repeated at 0.5, 1.5, 3.5 s, then its floors go to others."""
    deaf = [False]
    stage = Stage([Floor(FLOOR)], UNRELIABLE, lose=lambda number: deaf[0])
    stage.join(ANN, BOB)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    deaf[0] = True
    before = len(stage.wires)
    stage.does(stage.server.revoke(1, 0.0))
    stage.until(60.0)
    assert [time for time, *_ in stage.wires[before:]] == [0.0, 0.5, 1.5, 3.5]
    assert stage.told[-1] == ClientLeft(ANN, "FloorRequestStatus is not acknowledged")
    assert stage.server.next_wakeup() is None


def test_a_later_status_takes_the_place_of_one_that_is_not_acknowledged():
    """RFC 8855 §8.2: while Accepted is not acknowledged, Granted is what is repeated."""
    deaf = [False]
    stage = Stage(version=UNRELIABLE, lose=lambda number: deaf[0])
    stage.join(ANN, BOB, CHAIR)
    stage.says(ANN, Chair.send_floor_request, FLOOR)
    stage.says(BOB, Chair.send_floor_request, FLOOR)
    stage.says(CHAIR, Chair.send_floor_request, FLOOR)
    deaf[0] = True
    stage.does(stage.server.revoke(1, 0.0))     # Bob is granted, Carol is first; all of it is lost
    stage.does(stage.server.revoke(2, 0.0))     # Bob is revoked, Carol granted
    deaf[0] = False
    stage.until(30.0)
    assert stage.statuses(ANN) == ["Granted", "Revoked"]
    assert stage.statuses(BOB) == ["Accepted", "Revoked"]
    assert stage.statuses(CHAIR) == ["Accepted", "Granted"]


@BOTH
def test_a_crowd_fits_into_one_status(version):
    """A hundred requests that wait for a chair, with long names and words: the chair's status has them all."""
    users = [User(CHAIR), *(User(number, "n" * 60, "sip:" + "u" * 60) for number in range(2, 102))]
    stage = Stage([chaired()], version, users=users)
    stage.join(CHAIR, *range(2, 102))
    stage.says(CHAIR, Chair.send_floor_query, [FLOOR])
    for user in range(2, 102):
        stage.says(user, Chair.send_floor_request, FLOOR, info="w" * 200)
    shown = stage.heard[CHAIR][-1]
    assert isinstance(shown, FloorReported) and len(shown.requests) == 100
    assert {one.status for one in shown.requests} == {Status.PENDING}


def test_long_messages_go_in_fragments():
    """RFC 8855 §6.2.3: both ways, and acknowledged once."""
    floors = [Floor(number, Policy(holders=9)) for number in range(30)]
    stage = Stage(floors, UNRELIABLE, max_datagram=64)
    stage.join(ANN, BOB, max_datagram=64)
    stage.says(ANN, Chair.send_floor_request, list(range(16)), info="x" * 250)
    stage.says(BOB, Chair.send_floor_query, [3])
    shown = stage.heard[BOB][-1].requests[0]
    assert [one.floor for one in shown.floors] == list(range(16))
    assert sum(said is None for *_, said in stage.wires) > 8
    assert stage.server.next_wakeup() is None
