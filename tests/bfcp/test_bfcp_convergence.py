"""Whatever is lost on the way: once the wire is well again, every client knows what the server knows (RFC 8855 §8)."""

from __future__ import annotations

import pytest
from bfcp_stage import ANN, BOB, CHAIR, FLOOR, Chair, Stage
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.protocols.bfcp.events import FloorReported, MessageDropped, PeerViolation, Refused
from workbench.protocols.bfcp.floors import Floor, Order, Policy
from workbench.protocols.bfcp.machine import State
from workbench.protocols.bfcp.messages import RELIABLE, UNRELIABLE, FloorStatus, Request
from workbench.protocols.bfcp.registry import Priority, Status

FLOORS = (Floor(FLOOR, Policy(chair=CHAIR)), Floor(544), Floor(545, Policy(holders=2, order=Order.ARRIVAL, ongoing=2)))
SETS = ((FLOOR,), (544,), (545,), (FLOOR, 544), (544, 545))
STEP = st.tuples(
    st.sampled_from(["ask", "ask", "release", "decide", "decide", "query", "revoke", "wait"]),
    st.sampled_from([ANN, BOB, CHAIR]), st.integers(0, 4), st.sampled_from(list(Status)))


def step(stage: Stage, what: str, user: int, number: int, status: Status) -> None:
    """One thing that somebody does, if it is possible now."""
    request = list(stage.server.floors.requests)[number : number + 1] or [number + 1]
    match what:
        case "ask":
            stage.says(user, Chair.send_floor_request, SETS[number], priority=Priority(number))
        case "release":
            stage.says(user, Chair.send_floor_release, request[0])
        case "decide":
            stage.says(CHAIR, Chair.send_chair_action, Request(request[0], (FloorStatus(FLOOR, status, number),)))
        case "query":
            stage.says(user, Chair.send_floor_query, SETS[number])
        case "revoke" if any(one.status is Status.GRANTED for one in stage.server.floors.requests.values()):
            granted = next(one for one in stage.server.floors.requests.values() if one.status is Status.GRANTED)
            stage.does(stage.server.revoke(granted.request, stage.now))
        case "wait":
            stage.until(stage.now + number)


def agree(stage: Stage) -> None:
    """What each client has heard last is how things stand."""
    known = stage.server.floors
    for user, client in stage.clients.items():
        own = {one.request for one in known.requests.values() if user in (one.requester, one.holder)}
        assert {number for number in client.requests if number in own} == own
        for number in own:
            heard, asked = client.requests[number], known.requests[number]
            assert (heard.status, heard.position) == (asked.status, known.position(asked))
            assert heard.floors == known.statuses(asked)
        assert not own ^ set(client.requests)
        told = {event.floor: event.requests for event in stage.heard[user] if isinstance(event, FloorReported)}
        held = stage.server._clients[user].floors.get(user, ())
        for floor in held:
            pending = known.policies[floor].chair == user
            assert [one.request for one in told[floor]] == [one.request for one in known.on(floor, pending)]
            assert [one.status for one in told[floor]] == [one.status for one in known.on(floor, pending)]


@pytest.mark.parametrize("version", [RELIABLE, UNRELIABLE])
@given(steps=st.lists(STEP, max_size=14), lost=st.sets(st.integers(1, 120), max_size=25))
def test_everybody_ends_up_knowing_how_things_stand(version, steps, lost):
    """Any order of requests, releases, decisions and queries, with any 25 datagrams lost that do not come in fours."""
    lost = {number for number in lost if not {number - 1, number - 2, number - 3} & lost}
    stage = Stage(FLOORS, version, lose=lambda number: number in lost)
    stage.join(ANN, BOB, CHAIR)
    stage.until(20.0)
    for each in steps:
        try:
            step(stage, *each)
        except LocalProtocolError:
            assert any(one.state is not State.READY for one in stage.clients.values())
            return
    stage.until(stage.now + 60.0)
    if any(one.state is not State.READY for one in stage.clients.values()) or len(stage.server._clients) < 3:
        return      # somebody was lost for good: that is seen in other tests
    for events in stage.heard.values():
        assert not any(isinstance(event, MessageDropped | PeerViolation) for event in events)
        assert not any(isinstance(event, Refused) and event.code > 8 for event in events)
    agree(stage)
    assert all(one.next_wakeup() is None for one in (*stage.clients.values(), stage.server))
