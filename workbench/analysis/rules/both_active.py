"""Both ends of a call open a connection, and nothing in between merges the two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.conferences import is_conference
from workbench.analysis.rules.bearers import Attempt, attempts, reset_frames, syn_frames, where
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if is_conference(call):
            continue    # participants open connections to the MRFP, and not to each other
        ends = {end.local for context in call.contexts for end in context.terminations.values()}
        held = list(attempts(call))
        from_peers = [one for one in held if one.by_peer and one.client_end not in ends]
        sides: dict[int, Attempt] = {}
        for one in from_peers:
            sides.setdefault(id(one.termination), one)
        if len(sides) < 2 or call.session.handling.startswith("merge"):
            continue
        first, second = list(sides.values())[:2]
        if _overlap(first, second) and not _meet(held, first, second):
            frames = (*syn_frames(first.connection)[:2], *syn_frames(second.connection)[:2],
                      *reset_frames(first.connection)[:1], *reset_frames(second.connection)[:1])
            yield Evidence(frames, (
                f"{where(report, first.client_end)} and {where(report, second.client_end)} both open a connection, and "
                f"nobody accepts on behalf of the other: {_became(first)}, {_became(second)}. Both are TCP-active; "
                "each SYN needs a side that waits"))


def _overlap(one: Attempt, other: Attempt) -> bool:
    """They were under way together: one is not the successor of the other."""
    return max(one.connection.seen[0], other.connection.seen[0]) <= min(one.connection.seen[1], other.connection.seen[1]
                                                                        ) + 1.0


def _meet(held: list[Attempt], *both: Attempt) -> bool:
    """There is a connection that was answered on either leg: somebody carries between them."""
    return all(any(one.answered and one.termination is this.termination and _overlap(one, this) for one in held)
               for this in both)


def _became(one: Attempt) -> str:
    if one.answered:
        return f"the first SYN of {one.client_end} is answered"
    return f"that of {one.client_end} is " + ("refused" if one.connection.reset else "not answered")


rule = Rule("both-active", "RFC 4145 §4, TS 23.334 §5.16.2.3", "error",
            "Of the two ends one waits for the connection, or the gateway merges two", _find, provisional=True,
            next="Look at a=setup in what each of them was offered and answered; one has to be passive, or the "
                 "gateway has to be passive on both legs and merge.")
