"""The gateway was given no TCP role, so it is a relay; and it ends TCP on each leg all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.signalling import ContextSeen
from workbench.analysis.rules.orders import is_ordered
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for context in call.contexts:
            if not is_stateless(context):
                continue
            gateway = report.names(context.gateway.host)
            for told in call.session.handlings:
                if told.gateway == gateway and told.handling not in ("", "relay"):
                    ends = list(context.terminations.values())
                    orders = [frame for end in ends for frame in end.locals[-1].draft.frames]
                    yield Evidence((*orders, *told.frames), (
                        f"{gateway} was told {ends[0].bearer} and {ends[1].bearer}, and no a=setup for "
                        f"{ends[0].name} or {ends[1].name}: it has to pass segments on. It is a {told.handling}: "
                        f"{told.why}. An end then believes in a connection while the other end may not be there"))


def is_stateless(context: ContextSeen) -> bool:
    """Two terminations with the bearer TCP and no word of who opens: segments are to be passed on (§5.16.1)."""
    ends = list(context.terminations.values())
    if len(ends) != 2:
        return False
    for end in ends:
        transport = transport_of(end.bearer)
        if transport is None or (transport.carrier, transport.security, transport.application) != ("tcp", None, None):
            return False
        if any(one.setup for one in end.locals) or is_ordered(end, registry().wire_name("tcp-establish")):
            return False
    return True


rule = Rule("relay-ends-tcp", "TS 23.334 §5.16.1", "warning",
            "A gateway without TCP roles passes segments on and takes no part in the connection", _find,
            provisional=True,
            next="Compare the initial sequence numbers of both legs, and look in Local of each Add for the a=setup "
                 "that would make this gateway state-aware; who is to open then has to be said by the controller.")
