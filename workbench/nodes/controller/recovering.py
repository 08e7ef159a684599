"""A gateway that is back with its contexts: they are compared with the calls that run here.

A controller that was restarted has no calls, and what its gateway still holds belongs to nobody. Where there are
too many for one reply, a controller without calls releases them unseen; one with calls leaves it to the heartbeats of
terminations (H.248.36), which it refuses and answers with Subtract.

Source: H.248.1 §11.4, §11.5; TS 23.334 §8.6.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from workbench.errors import PeerError
from workbench.net.values import Command, Note
from workbench.nodes.controller.engine import Engine
from workbench.nodes.controller.readings import Audited, Done, Refused, Unanswered
from workbench.nodes.procedure import Await, Steps
from workbench.protocols.h248 import message as h248

_CLAUSE = "[H.248.1 §11.5]"
# Error codes of H.248.8: there is no context at all; there are more than fit into a reply.
_NONE, _TOO_MANY = 411, 533


def recovered(
    engine: Engine, known: Callable[[], set[int]], idle: Callable[[], bool],
) -> Generator[Command | Await, Any, set[int]]:
    """Audit the gateway's contexts and release those that no call has; which contexts of calls it has no longer.

    Args:
        known: contexts that calls have.
        idle: no call runs, not even one without a context yet.
    """
    expected = known()
    found = yield from engine.audit_value(
        h248.ALL, "*", why=f"which contexts has the gateway brought? {_CLAUSE}")
    match found:
        case Unanswered(why=why):
            yield Note(f"the gateway's contexts are not known: {why}")
            return set()
        case Refused(code=code) if code == _TOO_MANY:
            yield from _too_many(engine, idle)
            return set()
        case Refused(code=code, text=text) if code != _NONE:
            yield Note(f"the gateway's contexts are not known: {code} {text}")
            return set()
    held = {one.context for one in found if isinstance(one, Audited)} if isinstance(found, tuple) else set()
    for context in sorted(held):
        # Asked anew each time: a call may have got a context in the meantime.
        if context not in known():
            yield from _release(engine, context, f"context {context} belongs to no call: released {_CLAUSE}")
    return expected - held


def _too_many(engine: Engine, idle: Callable[[], bool]) -> Steps:
    if idle():
        yield from _release(engine, h248.ALL, f"no call runs here: all contexts are released {_CLAUSE}")
    else:
        yield Note("too many contexts for one reply: those of no call are released when they send a heartbeat")


def _release(engine: Engine, context: int, why: str) -> Steps:
    yield Note(why)
    try:
        given = yield from engine.release(context, why=why)
    except PeerError as error:
        yield Note(f"that was not understood: {error}")
        return
    if not isinstance(given, Done):
        yield Note(f"that was not done: {given}")
