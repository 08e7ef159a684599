"""Floor requests at the server: every state and cause, queues, chairs, several floors (RFC 8855 §4, §13)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.protocols.bfcp.floors import Absent, Asked, Floor, Floors, Order, Policy, Refusal
from workbench.protocols.bfcp.messages import FloorStatus
from workbench.protocols.bfcp.registry import ErrorCode, Priority, Status
from workbench.protocols.bfcp.states import CHAIR_DECISIONS, FLOOR_REQUEST, FOLLOWERS, Cause

CHAIR = 1


def ask(floors: Floors, user: int, *wanted: int, priority: Priority = Priority.NORMAL, present=(CHAIR,)) -> Asked:
    return floors.ask(user, user, wanted or (10,), priority, "", frozenset(present))[0]


def decide(floors: Floors, request: Asked, status: Status, place: int = 0, floor: int = 10) -> list[Asked]:
    return floors.decide(request.request, [FloorStatus(floor, status, place)], CHAIR)


def chaired(**policy) -> Floors:
    return Floors([Floor(10, Policy(chair=CHAIR, **policy))])


def refused(function, *arguments) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        function(*arguments)
    return caught.value.code


def brought_to(status: Status) -> tuple[Floors, Asked]:
    """A request in a state that is not final."""
    floors = chaired()
    if status is Status.ACCEPTED:
        decide(floors, ask(floors, 99), Status.GRANTED)
    request = ask(floors, 2)
    if status is not Status.PENDING:
        decide(floors, request, Status.ACCEPTED)
    assert request.status is status
    return floors, request


DONE = {
    Cause.REFUSED: lambda floors, request: decide(floors, request, Status.DENIED),
    Cause.GIVEN_BACK: lambda floors, request: floors.release(request.request, 2),
    Cause.TAKEN_AWAY: lambda floors, request: decide(floors, request, Status.REVOKED),
    Cause.GONE: lambda floors, request: floors.gone(2),
    Cause.APPROVED: lambda floors, request: (ask(floors, 98), decide(floors, request, Status.ACCEPTED)),
    Cause.TURN: lambda floors, request: floors.gone(99),
}


@pytest.mark.parametrize(("before", "cause"), FLOOR_REQUEST, ids=lambda value: value.name)
def test_every_transition_of_the_table_happens(before, cause):
    """Each pair of the table, brought about by what a client or chair does. An approved request is granted at once
    where the floor is free."""
    floors, request = brought_to(before)
    DONE[cause](floors, request)
    after = FLOOR_REQUEST[before, cause]
    assert request.status is (Status.GRANTED if cause is Cause.APPROVED else after)
    assert (request.request in floors.requests) == (not request.status.final)


@pytest.mark.parametrize("before", [Status.PENDING, Status.ACCEPTED, Status.GRANTED])
@pytest.mark.parametrize("said", Status)
def test_a_chair_decides_what_the_table_allows(before, said):
    """RFC 8855 §13.6: anything else is Error 5, and nothing has changed."""
    floors, request = brought_to(before)
    if said in CHAIR_DECISIONS[before]:
        decide(floors, request, said)
    else:
        assert refused(decide, floors, request, said) is ErrorCode.UNAUTHORIZED_OPERATION
        assert request.status is before


def test_what_may_follow_is_never_a_step_back():
    """A later status may take the place of one in between, but a granted request is never pending again."""
    assert FOLLOWERS[Status.PENDING] == set(Status)
    assert FOLLOWERS[Status.GRANTED] == {Status.GRANTED, Status.RELEASED, Status.REVOKED}
    assert all(FOLLOWERS[status] == {status} for status in Status if status.final)


def test_a_free_floor_without_chair_is_granted_at_once():
    floors = Floors([Floor(10)])
    assert ask(floors, 2).status is Status.GRANTED and floors.holders(10) == (2,)


def test_who_comes_later_waits_and_gets_its_turn():
    """RFC 8855 §13.1 (rules B11, B12): queue positions count from 1 and move up."""
    floors = Floors([Floor(10)])
    first, second, third = (ask(floors, user) for user in (2, 3, 4))
    assert [floors.position(one) for one in (first, second, third)] == [0, 1, 2]
    _, changed = floors.release(second.request, 3)
    assert (second.status, changed) == (Status.CANCELLED, [second, third])
    _, changed = floors.release(first.request, 2)
    assert (first.status, third.status, changed) == (Status.RELEASED, Status.GRANTED, [first, third])


def test_higher_priority_goes_first_where_the_policy_says_so():
    """RFC 8855 §5.2.4: equal priorities in order of arrival."""
    for order, expected in ((Order.PRIORITY, [5, 6, 3, 4]), (Order.ARRIVAL, [3, 4, 5, 6])):
        floors = Floors([Floor(10, Policy(order=order))])
        ask(floors, 2)
        for user, priority in ((3, 2), (4, 0), (5, 4), (6, 4)):
            ask(floors, user, priority=Priority(priority))
        assert [one.holder for one in floors.on(10, pending=False)] == [2, *expected]


def test_several_may_hold_a_floor():
    """TS 23.333 §8.45 (rule B28): above the number of holders the next one is queued."""
    floors = Floors([Floor(10, Policy(holders=2))])
    assert [ask(floors, user).status for user in (2, 3, 4)] == [Status.GRANTED, Status.GRANTED, Status.ACCEPTED]
    floors.gone(2)
    assert floors.holders(10) == (3, 4)


def test_a_chair_may_choose_the_place():
    """RFC 8855 §11.1: queue position 0 leaves it to the server."""
    floors = chaired()
    decide(floors, ask(floors, 2), Status.GRANTED)
    waiting = [ask(floors, user) for user in (3, 4, 5)]
    for request, place in zip(waiting, (0, 1, 2), strict=True):
        decide(floors, request, Status.ACCEPTED, place)
    assert [one.holder for one in floors.on(10, pending=True)] == [2, 4, 5, 3]
    decide(floors, waiting[0], Status.ACCEPTED, 1)
    decide(floors, waiting[2], Status.GRANTED)
    assert [one.holder for one in floors.on(10, pending=True)] == [2, 5, 3, 4]


@pytest.mark.parametrize(("absent", "status"), [
    (Absent.WAIT, Status.PENDING), (Absent.ACCEPT, Status.GRANTED), (Absent.DENY, Status.DENIED)])
def test_without_its_chair_a_floor_follows_its_policy(absent, status):
    """Whether the chair never came, or went while the request was pending."""
    floors = chaired(absent=absent)
    assert ask(floors, 2, present=()).status is status
    floors = chaired(absent=absent)
    request = ask(floors, 2)
    assert request.status is Status.PENDING
    floors.gone(CHAIR)
    assert request.status is status


def test_several_floors_are_granted_together_or_not_at_all():
    """RFC 8855 §13.1: the request as a whole waits for all of its floors, and for each floor's chair."""
    floors = Floors([Floor(10, Policy(chair=CHAIR)), Floor(11)])
    alone = ask(floors, 2, 11)
    both = ask(floors, 3, 10, 11)
    assert both.status is Status.PENDING
    assert floors.statuses(both) == (FloorStatus(10, Status.PENDING), FloorStatus(11, Status.ACCEPTED, 1))
    decide(floors, both, Status.GRANTED)
    assert (both.status, floors.holders(10), floors.position(both)) == (Status.ACCEPTED, (), 1)
    floors.release(alone.request, 2)
    assert both.status is Status.GRANTED and floors.holders(10) == floors.holders(11) == (3,)
    assert floors.statuses(both) == (FloorStatus(10, Status.GRANTED), FloorStatus(11, Status.GRANTED))


def test_one_denied_floor_denies_the_request():
    floors = Floors([Floor(10, Policy(chair=CHAIR)), Floor(11)])
    both = ask(floors, 3, 10, 11)
    decide(floors, both, Status.DENIED)
    assert both.status is Status.DENIED and floors.on(11, pending=True) == []


def test_a_request_that_waits_for_another_floor_holds_nobody_up():
    """No floor is idle while somebody could have it, and nobody waits for ever on each other."""
    floors = Floors([Floor(10), Floor(11)])
    ask(floors, 2, 10)
    both = ask(floors, 3, 10, 11)
    assert ask(floors, 4, 11).status is Status.GRANTED and both.status is Status.ACCEPTED
    floors.gone(2)
    floors.gone(4)
    assert both.status is Status.GRANTED


def test_what_can_not_be_is_refused_with_its_code():
    """RFC 8855 §13.1, §13.4, §13.6 (rule B10): 6 no such floor, 7 no such request, 8 too many, 5 not theirs."""
    floors = Floors([Floor(10, Policy(chair=CHAIR, queue=1))], max_requests=3)
    request = ask(floors, 2)
    assert refused(ask, floors, 3, 12) is ErrorCode.INVALID_FLOOR_ID
    assert refused(ask, floors, 2) is ErrorCode.TOO_MANY_FLOOR_REQUESTS
    assert refused(floors.release, 77, 2) is ErrorCode.FLOOR_REQUEST_ID_DOES_NOT_EXIST
    assert refused(floors.release, request.request, 3) is ErrorCode.UNAUTHORIZED_OPERATION
    assert refused(decide, floors, request, Status.GRANTED, 0, 12) is ErrorCode.INVALID_FLOOR_ID
    granted = [FloorStatus(10, Status.GRANTED)]
    assert refused(floors.decide, request.request, granted, 2) is ErrorCode.UNAUTHORIZED_OPERATION
    assert refused(floors.decide, 77, granted, CHAIR) is ErrorCode.FLOOR_REQUEST_ID_DOES_NOT_EXIST
    assert refused(floors.revoke, request.request) is ErrorCode.UNAUTHORIZED_OPERATION
    ask(floors, 3)
    ask(floors, 4)
    assert refused(ask, floors, 5) is ErrorCode.TOO_MANY_FLOOR_REQUESTS
    many = Floors([Floor(number) for number in range(20)])
    assert refused(ask, many, 2, *range(17)) is ErrorCode.TOO_MANY_FLOOR_REQUESTS


def test_a_full_queue_denies():
    floors = Floors([Floor(10, Policy(queue=1))])
    assert [ask(floors, user).status for user in (2, 3, 4)] == [Status.GRANTED, Status.ACCEPTED, Status.DENIED]
    assert len(floors.requests) == 2


def test_the_server_may_take_a_floor_away():
    floors = Floors([Floor(10)])
    first, second = ask(floors, 2), ask(floors, 3)
    assert floors.revoke(first.request, "time is up") == [first, second]
    assert (first.status, first.info, second.status) == (Status.REVOKED, "time is up", Status.GRANTED)


STEPS = st.lists(st.tuples(st.sampled_from(["ask", "release", "decide", "gone", "revoke"]), st.integers(2, 6),
                           st.integers(1, 8), st.integers(1, 7), st.integers(0, 4)), max_size=40)


@given(STEPS)
def test_whatever_people_do_no_floor_has_too_many_holders_or_stays_idle(steps):
    """At most the allowed holders; nobody accepted waits for floors that are all free; queues hold who waits."""
    floors = Floors([Floor(10, Policy(chair=CHAIR, absent=Absent.ACCEPT)), Floor(11, Policy(holders=2)), Floor(12)])
    sets = [(10,), (11,), (12,), (10, 11), (11, 12), (10, 11, 12), (12, 10), (13,)]
    for what, user, number, status, place in steps:
        try:
            match what:
                case "ask":
                    ask(floors, user, *sets[number - 1], priority=Priority(place))
                case "release":
                    floors.release(number, user)
                case "decide":
                    floors.decide(number, [FloorStatus(10, Status(status), place)], CHAIR)
                case "gone":
                    floors.gone(user if place else CHAIR)
                case "revoke":
                    floors.revoke(number)
        except Refusal:
            pass
        for floor, policy in floors.policies.items():
            assert len(floors.holders(floor)) <= policy.holders
        free = {floor for floor, policy in floors.policies.items() if len(floors.holders(floor)) < policy.holders}
        for one in floors.requests.values():
            assert not one.status.final
            assert one.status is not Status.ACCEPTED or not set(one.floors) <= free
            assert one.status is not Status.ACCEPTED or all(place.position for place in floors.statuses(one))
