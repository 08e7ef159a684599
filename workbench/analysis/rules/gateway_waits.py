"""A gateway waits for ever: nothing arrives and it does not give up, or one leg is up and it never opens the other.

Gateways differ in how long they wait, and no specification gives a figure. A minute is longer than any that is usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import Attempt, attempts, is_watched
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.watching import failure, order
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.terminations import TerminationSeen
    from workbench.analysis.report import Report

_GIVES_UP = 60.0
_OPENS = 10.0


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        held = list(attempts(call))
        over = [dialog.over for dialog in call.dialogs]
        until = min((one.time for one in over if one is not None), default=report.end)
        for context in call.contexts:
            for end in context.terminations.values():
                if end.remotes and failure(end) is None and not any(one.termination is end for one in held):
                    yield from _waits(report, end, until)
                    yield from _opens_nothing(report, call, end, held, until)


def _waits(report: Report, end: TerminationSeen, until: float) -> Iterator[Evidence]:
    """TCP-passive, asked to tell of failures, and silent."""
    since = end.remotes[-1].draft.time
    until = min(until, end.subtracted if end.subtracted is not None else until)
    if end.setup_at(report.end) != "passive" or until - since < _GIVES_UP or not is_watched(report, end, since):
        return
    if end.watching(registry().wire_name("tcp-change"), until) is not None:
        yield Evidence((*order(end, until), *end.remotes[-1].draft.frames), (
            f"{report.names(end.context.gateway.host)} waits at {end.name} for a connection for {until - since:.0f} s; "
            "none comes, it was asked to tell of such a failure, and it neither gives up nor reports: the call stays, "
            "and carries nothing"))


def _opens_nothing(report: Report, call: Call, end: TerminationSeen, held: list[Attempt],
                   until: float) -> Iterator[Evidence]:
    """TCP-active, with the address of its peer and another leg that is up."""
    up = [one.connection for one in held if one.termination is not None and one.termination.context is end.context
          and one.connection.established is not None]
    if end.setup_at(report.end) != "active" or not up:
        return
    first = min(up, key=lambda one: one.established or 0.0)
    since = max(first.established or 0.0, end.remotes[-1].draft.time)
    until = min([until, *(time for time in (end.subtracted, first.closed) if time is not None)])
    if until - since >= _OPENS and is_watched(report, end, since):
        yield Evidence((*end.remotes[-1].draft.frames, *first.frames[:3]), (
            f"{report.names(end.context.gateway.host)} is TCP-active at {end.name} and knows its peer's address "
            f"({end.remotes[-1].endpoint}); another leg of context {end.context.number} is up at "
            f"{first.established:.3f} s, and for {until - since:.0f} s after that no SYN leaves towards the peer"))


rule = Rule("gateway-waits", "TS 23.334 §5.16.2.2, §6.2.18", "warning",
            "A gateway opens the connection that it is to open, and gives up one that never comes", _find,
            provisional=True,
            next="The gateway's timer for TCP; whether opening waits for an order (a signal of the TCP package) that "
                 "was never sent or was refused; and whether the capture has all wires of the gateway.")
