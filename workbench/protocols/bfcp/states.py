"""What may follow on what, as tables: floor requests at the server, and a client's connection.

Source: RFC 8855 §4 (figure 2: floor requests), §10 to §13; TS 23.333 §6.2.13 (a holder's connection is released).
"""

from __future__ import annotations

import enum

from workbench.protocols.bfcp.registry import Primitive, Status


class Cause(enum.Enum):
    """Why the status of a floor request changes."""

    APPROVED = "every chair, or the floor's policy, accepts it"
    TURN = "its floors are free and it is its turn"
    REFUSED = "a chair, or the floor's policy, refuses it"
    GIVEN_BACK = "FloorRelease"
    TAKEN_AWAY = "a chair, or the server, takes the floors away"
    GONE = "who holds the floors, or would get them, is gone"


FLOOR_REQUEST: dict[tuple[Status, Cause], Status] = {
    (Status.PENDING, Cause.APPROVED): Status.ACCEPTED,
    (Status.PENDING, Cause.REFUSED): Status.DENIED,
    (Status.PENDING, Cause.GIVEN_BACK): Status.CANCELLED,
    (Status.PENDING, Cause.GONE): Status.CANCELLED,
    (Status.ACCEPTED, Cause.TURN): Status.GRANTED,
    (Status.ACCEPTED, Cause.REFUSED): Status.DENIED,
    (Status.ACCEPTED, Cause.GIVEN_BACK): Status.CANCELLED,
    (Status.ACCEPTED, Cause.GONE): Status.CANCELLED,
    (Status.GRANTED, Cause.GIVEN_BACK): Status.RELEASED,
    (Status.GRANTED, Cause.TAKEN_AWAY): Status.REVOKED,
    (Status.GRANTED, Cause.GONE): Status.REVOKED,
}
"""Status and cause to the next status. A pair that is not here does not happen."""

CHAIR_DECISIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.ACCEPTED, Status.GRANTED, Status.DENIED}),
    Status.ACCEPTED: frozenset({Status.ACCEPTED, Status.GRANTED, Status.DENIED}),
    Status.GRANTED: frozenset({Status.GRANTED, Status.REVOKED}),
}
"""How a request stands to what a chair may say of it (RFC 8855 §11.1, §13.6)."""


def _followers() -> dict[Status, frozenset[Status]]:
    """Status to all that can be heard behind it: over UDP a later status may take the place of one in between."""
    direct = {status: {after for (before, _), after in FLOOR_REQUEST.items() if before is status} for status in Status}
    found: dict[Status, frozenset[Status]] = {}
    for status in Status:
        seen = {status}
        todo = [status]
        while todo:
            new = direct[todo.pop()] - seen
            seen |= new
            todo += new
        found[status] = frozenset(seen)
    return found


FOLLOWERS = _followers()
"""Status to what a client may hear next of the same request, itself included."""


class State(enum.Enum):
    """Where a client's association with the server stands."""

    WAITING = "no connection yet"
    GREETING = "Hello sent"
    READY = "the server has answered"
    LEAVING = "Goodbye sent"
    FAILED = "refused, or not answered"
    BROKEN = "the stream can't be read"
    CLOSED = "at its end"


class Moment(enum.Enum):
    """What moves a client from state to state."""

    OPENED = "the transport is up, with its security"
    OPENED_QUIETLY = "the same, where no Hello is wanted"
    GREETED = "HelloAck"
    REFUSED = "Error in answer to Hello"
    UNANSWERED = "a message was repeated three times for nothing"
    UNREADABLE = "octets on a stream that are no message"
    TAKING_LEAVE = "Goodbye is to be sent"
    FAREWELL = "GoodbyeAck, or the server's own Goodbye"
    ENDED = "the transport is gone"


CLIENT: dict[tuple[State, Moment], State] = {
    (State.WAITING, Moment.OPENED): State.GREETING,
    (State.WAITING, Moment.OPENED_QUIETLY): State.READY,
    (State.GREETING, Moment.GREETED): State.READY,
    (State.GREETING, Moment.REFUSED): State.FAILED,
    (State.GREETING, Moment.UNANSWERED): State.FAILED,
    (State.GREETING, Moment.UNREADABLE): State.BROKEN,
    (State.GREETING, Moment.TAKING_LEAVE): State.LEAVING,
    (State.GREETING, Moment.FAREWELL): State.CLOSED,
    (State.READY, Moment.GREETED): State.READY,
    (State.READY, Moment.REFUSED): State.READY,
    (State.READY, Moment.UNANSWERED): State.FAILED,
    (State.READY, Moment.UNREADABLE): State.BROKEN,
    (State.READY, Moment.TAKING_LEAVE): State.LEAVING,
    (State.READY, Moment.FAREWELL): State.CLOSED,
    (State.LEAVING, Moment.GREETED): State.LEAVING,
    (State.LEAVING, Moment.REFUSED): State.LEAVING,
    (State.LEAVING, Moment.UNANSWERED): State.FAILED,
    (State.LEAVING, Moment.UNREADABLE): State.BROKEN,
    (State.LEAVING, Moment.FAREWELL): State.CLOSED,
    (State.WAITING, Moment.ENDED): State.CLOSED,
    (State.GREETING, Moment.ENDED): State.CLOSED,
    (State.READY, Moment.ENDED): State.CLOSED,
    (State.LEAVING, Moment.ENDED): State.CLOSED,
}
"""A client's state and what happens to its next state; no pair: it stays (RFC 8855 §6, §8, §12.4)."""

ANSWERS: dict[int, Primitive] = {
    Primitive.FLOOR_REQUEST: Primitive.FLOOR_REQUEST_STATUS,
    Primitive.FLOOR_RELEASE: Primitive.FLOOR_REQUEST_STATUS,
    Primitive.FLOOR_REQUEST_QUERY: Primitive.FLOOR_REQUEST_STATUS,
    Primitive.USER_QUERY: Primitive.USER_STATUS,
    Primitive.FLOOR_QUERY: Primitive.FLOOR_STATUS,
    Primitive.CHAIR_ACTION: Primitive.CHAIR_ACTION_ACK,
    Primitive.HELLO: Primitive.HELLO_ACK,
    Primitive.GOODBYE: Primitive.GOODBYE_ACK,
    Primitive.FLOOR_REQUEST_STATUS: Primitive.FLOOR_REQUEST_STATUS_ACK,
    Primitive.FLOOR_STATUS: Primitive.FLOOR_STATUS_ACK,
}
"""A question to its answer, where it is not refused with Error. The last two are asked by the server, over UDP only."""
