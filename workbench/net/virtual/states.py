"""TCP's states and what leads from one to the other: RFC 9293 figure 5 as a table."""

from __future__ import annotations

import enum


class State(enum.StrEnum):
    """RFC 9293 §3.3.2. LISTEN is a listener that holds one offered SYN, which the node has not answered yet."""

    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"


class Cause(enum.StrEnum):
    """What moves a connection on, other than RST, abort and giving up, which lead to CLOSED from everywhere."""

    OFFER = "SYN arrives at a listener"
    ACCEPT = "node accepts: SYN, ACK leaves"
    OPEN = "node opens: SYN leaves"
    SYN = "SYN arrives"
    SYN_ACK = "SYN, ACK arrives"
    ACK_OF_SYN = "ACK of our SYN arrives"
    SEND_FIN = "our FIN leaves"
    FIN = "FIN arrives"
    ACK_OF_FIN = "ACK of our FIN arrives"
    TIMEOUT = "2 MSL are over"


# RFC 9293 figure 5. "LISTEN, node opens" is the way to simultaneous open from an offered SYN.
TRANSITIONS: dict[tuple[State, Cause], State] = {
    (State.CLOSED, Cause.OPEN): State.SYN_SENT,
    (State.CLOSED, Cause.OFFER): State.LISTEN,
    (State.LISTEN, Cause.ACCEPT): State.SYN_RECEIVED,
    (State.LISTEN, Cause.OPEN): State.SYN_SENT,
    (State.SYN_SENT, Cause.SYN): State.SYN_RECEIVED,
    (State.SYN_SENT, Cause.SYN_ACK): State.ESTABLISHED,
    (State.SYN_RECEIVED, Cause.ACK_OF_SYN): State.ESTABLISHED,
    (State.ESTABLISHED, Cause.SEND_FIN): State.FIN_WAIT_1,
    (State.ESTABLISHED, Cause.FIN): State.CLOSE_WAIT,
    (State.FIN_WAIT_1, Cause.ACK_OF_FIN): State.FIN_WAIT_2,
    (State.FIN_WAIT_1, Cause.FIN): State.CLOSING,
    (State.FIN_WAIT_2, Cause.FIN): State.TIME_WAIT,
    (State.CLOSE_WAIT, Cause.SEND_FIN): State.LAST_ACK,
    (State.CLOSING, Cause.ACK_OF_FIN): State.TIME_WAIT,
    (State.LAST_ACK, Cause.ACK_OF_FIN): State.CLOSED,
    (State.TIME_WAIT, Cause.TIMEOUT): State.CLOSED,
}
