"""The gateway could not open a connection, and the controller that asked for it was not told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import attempts, reset_frames, syn_frames
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.watching import PATIENCE, kinds, order, still_there, told
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# A SYN that nobody answers is given up after a while that the gateway knows alone.
_GIVEN_UP = 65.0


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for call in report.calls:
        for one in attempts(call):
            if not one.by_gateway or one.answered or one.termination is None:
                continue
            resets = reset_frames(one.connection)
            since = one.connection.seen[1] if resets else one.connection.seen[0] + _GIVEN_UP - PATIENCE
            if not still_there(one.termination, since, end):
                continue
            event = registry().wire_name("tcp-change")
            asked = one.termination.watching(event, since)
            named = kinds(one.termination, since)
            if asked is None or (named and registry().wire_name("tcp-failed").casefold() not in named):
                continue
            if not told(one.termination, one.connection.seen[0]):
                became = "is refused" if resets else "is never answered"
                yield Evidence((*order(one.termination, since), *syn_frames(one.connection)[:3], *resets[:1]), (
                    f"the gateway's SYN to {one.server_end} on {one.termination.name} {became}; {event} was asked for, "
                    "and no Notify tells of it. The call hangs"))


rule = Rule("tcp-failure-not-reported", "TS 23.334 §5.16.2", "error",
            "A connection that can't be established is reported where that was asked for", _find, provisional=True,
            next="Look at the gateway's guard timer and at the events that are armed.")
