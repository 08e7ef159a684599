"""When an endpoint opens its connection, whom it lets in, and whom it turns out to have let in by mistake.

Source: TS 23.334 §5.4 (sources), §5.16.2.2 (interlinkage, establish signal), §6.2.10.3.1.1.1 ("incoming triggers
outgoing"); H.248.89 §7, §8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.nodes.gateway.settings import Interlinkage, Role
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from workbench.net.values import Stream
    from workbench.nodes.gateway.bearer import Bearer

_BEGUN = (State.OFFERED, State.ACCEPTED, State.UP)


def listens(bearer: Bearer) -> bool:
    """This endpoint lets connections in."""
    return bearer.setting.role not in (Role.ACTIVE, Role.HOLDCONN) and bearer.state is not State.OVER


def may_open(bearer: Bearer) -> bool:
    """This endpoint opens its connection when there is a reason."""
    return (
        bearer.setting.role in (Role.ACTIVE, Role.NONE) and bearer.carriage is None
        and bearer.state in (State.IDLE, State.LISTENING))


def is_incoming(bearer: Bearer) -> bool:
    """A connection of the peer is here: it triggers the outgoing one."""
    return bearer.came_in and bearer.state in _BEGUN


def reason_to_open(bearer: Bearer) -> str:
    """Why the connection is opened now; empty if it is not."""
    interlinkage = bearer.means.policy.interlinkage
    if not may_open(bearer) or bearer.setting.remote is None:
        return ""
    if bearer.tcp_ordered:
        return "establish signal: TCP is opened now [H.248.89 §7]"
    if interlinkage is Interlinkage.ON_SIGNAL:
        return ""
    incoming = next((other for other in bearer.links if is_incoming(other)), None)
    if incoming is not None:
        return f"incoming TCP at {incoming.termination} triggers outgoing TCP [TS 23.334 §6.2.10.3.1.1.1]"
    if interlinkage is Interlinkage.EAGER and bearer.setting.role is Role.ACTIVE:
        return "opened as soon as configured, although no connection came in"
    return ""


def refusal(bearer: Bearer, stream: Stream) -> str:
    """Why a SYN is not taken; empty if it is (R-5.4-6, R-5.4-7)."""
    if bearer.state is not State.LISTENING:
        return "a connection is in place, the first one wins"
    return bearer.setting.refusal(stream.remote)


def is_stranger(bearer: Bearer) -> bool:
    """The connection came before Remote did, and is not the peer's."""
    remote, stream = bearer.setting.remote, bearer.stream
    return (
        remote is not None and stream is not None and is_incoming(bearer) and not bearer.setting.latch
        and stream.remote.host != remote.host)


def failure_is_linked(bearer: Bearer) -> bool:
    """A connection that was not established takes the other one with it: not an outgoing one that was ordered."""
    outgoing = bearer.state is State.CONNECTING or bearer.setting.role is Role.ACTIVE
    return not (outgoing and bearer.means.policy.interlinkage is Interlinkage.ON_SIGNAL)
