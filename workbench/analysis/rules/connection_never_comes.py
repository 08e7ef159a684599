"""The gateway waits for a connection that its peer was to open, and none comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.calls.signalling import TerminationSeen
from workbench.analysis.rules.bearers import Attempt, attempts, is_watched
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.watching import failure

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        held = list(attempts(call))
        for context in call.contexts:
            for end in context.terminations.values():
                remote = end.remotes[-1] if end.remotes else None
                if remote is None or end.setup_at(report.end) != "passive" or _came(end, held):
                    continue
                reported = failure(end)
                if reported is None and not is_watched(report, end, remote.draft.time):
                    continue
                told = (f"and the gateway gives up and reports it at {reported.time:.3f} s" if reported is not None
                        else "until the call or the capture is over")
                frames = (*_said(call, end), *remote.draft.frames, *(reported.frames if reported is not None else ()))
                yield Evidence(frames, (
                    f"{end.name} is TCP-passive, so {_peer(report, call, end)} has to open the connection to "
                    f"{end.local}. No SYN of its comes there, {told}"))


def _came(end: TerminationSeen, held: list[Attempt]) -> bool:
    return any(one.termination is end for one in held)


def _peer(report: Report, call: Call, end: TerminationSeen) -> str:
    _, theirs = said_on(call, end, None)
    return report.names(theirs[-1].draft.source.host) if theirs else "its peer"


def _said(call: Call, end: TerminationSeen) -> tuple[int, ...]:
    """The frames of what the peer said last on this leg."""
    _, theirs = said_on(call, end, None)
    return theirs[-1].draft.frames if theirs else ()


rule = Rule("connection-never-comes", "RFC 4145 §4, RFC 6135 §4.2, TS 23.334 §5.16.2.2, §5.16.2.3", "error",
            "Who is TCP-active opens the connection", _find,
            next="Check a=setup in both directions on this leg (who understood to be active?), and with MSRP whether "
                 "that end went to the address in a=path instead. A UE that got no answer, or one that came late, "
                 "does not connect either; then see whether the call is released.")
