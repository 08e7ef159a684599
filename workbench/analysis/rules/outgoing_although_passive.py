"""The gateway opens a connection on an endpoint where it was told to wait: with both passive, merging was ordered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.signalling import TerminationSeen
from workbench.analysis.rules.bearers import attempts, syn_frames, where
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for one in attempts(call):
            since = one.connection.seen[0]
            if not one.by_gateway or one.termination is None or one.termination.setup_at(since) != "passive":
                continue
            merging = [end.setup_at(since) for end in one.termination.context.terminations.values()]
            ordered = _order(one.termination, since)
            yield Evidence((*ordered, *syn_frames(one.connection)[:2]), (
                f"the gateway was told a=setup:passive for {one.termination.name} "
                + ("and for the other termination too (merge mode)" if merging == ["passive", "passive"] else "")
                + f", and sends a SYN from {where(report, one.client_end)} to {one.server_end} all the same. A SYN "
                "that comes in must not trigger one here"))


def _order(termination: TerminationSeen, since: float) -> tuple[int, ...]:
    """The frames of the last order that gave the role."""
    return next((one.draft.frames for one in reversed(termination.locals)
                 if one.draft.time <= since and one.setup), ())


rule = Rule("outgoing-although-passive", "TS 23.334 §5.16.2.3", "error",
            "Where the gateway is told to be TCP-passive it sends no SYN", _find, provisional=True,
            next="Look at what the gateway takes for interlinkage, and at the last Local of this termination: a "
                 "later Modify may have changed the role.")
