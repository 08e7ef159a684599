"""A bearer was released by the peer, and the controller that asked for it was not told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import Attempt, attempts
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.watching import CAUSE, kinds, order, still_there, told
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for call in report.calls:
        held = list(attempts(call))
        for one in held:
            since = _ended_by_peer(one)
            if since is None or one.termination is None or not still_there(one.termination, since, end):
                continue
            if any(other.termination is one.termination and other.connection.seen[0] > one.connection.seen[0]
                   for other in held):
                continue    # another connection took its place
            asked = one.termination.watching(CAUSE, since)
            named = kinds(one.termination, since)
            if asked is None and registry().wire_name("tcp-released").casefold() not in named:
                continue
            if not told(one.termination, one.connection.seen[0]):
                wanted = CAUSE if asked is not None else registry().wire_name("tcp-change")
                yield Evidence((*order(one.termination, since), *one.connection.frames[-1:]), (
                    f"the peer ends the TCP connection of {one.termination.name} at {since:.3f} s; {wanted} was asked "
                    "for, and no Notify tells of it. The controller goes on to believe in the bearer"))


def _ended_by_peer(one: Attempt) -> float | None:
    """When the peer of a connection that was up ended it first; None where the gateway did, or nobody."""
    connection = one.connection
    if one.ours is None or not one.answered or one.relayed_here or connection.closed is None:
        return None
    first = next(((direction, time) for direction, time in connection.endings), None)
    return first[1] if first is not None and first[0] != one.ours else None


rule = Rule("release-not-reported", "TS 23.334 §5.16.2, §8.6", "error",
            "A released bearer is reported where that was asked for", _find, provisional=True,
            next="Look whether the event was replaced by a later Events descriptor, and whether the gateway saw the "
                 "end of the connection.")
