"""A stream is on one termination of a context only: what arrives on it goes nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_PATIENCE = 5.0


def _find(report: Report) -> Iterator[Evidence]:
    for context in report.signalling.contexts:
        there = [one for one in context.terminations.values() if one.added is not None and one.streams]
        if len(there) < 2:
            continue
        since = max(draft.time for one in there for draft in one.streams.values())
        until = min((one.subtracted for one in there if one.subtracted is not None), default=report.end)
        if until - since < _PATIENCE:
            continue
        counted = Counter(stream for one in there for stream in one.streams)
        for one in there:
            for stream, draft in one.streams.items():
                if counted[stream] == 1:
                    others = sorted(number for number in counted if number not in one.streams or counted[number] > 1)
                    yield Evidence(draft.frames, (
                        f"stream {stream} is on {one.name} only; the other terminations of context {context.number} "
                        f"have {', '.join(str(number) for number in others[:8])}. Streams of equal numbers are "
                        "connected with each other, so this one is connected with nothing"))


rule = Rule("stream-unpaired", "H.248.1 §6.1, §7.1.6", "warning",
            "Each stream is on two terminations of its context at least", _find,
            next="Which StreamID the controller gave on each leg: the two legs of one media line need the same.")
