"""A stream was withdrawn or refused with port 0, and it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from workbench.analysis.rules.exchanges import exchanges
from workbench.analysis.rules.offers import hop
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.calls.dialogs import DialogSeen
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report
    from workbench.net.values import Endpoint

_PATIENCE = 5.0
_MOST_OF_A_DIALOG = 64


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for dialog in call.dialogs:
            for draft, ends in islice(_withdrawn(dialog), _MOST_OF_A_DIALOG):
                last, frames = _later(call, ends, draft.time)
                if last - draft.time >= _PATIENCE:
                    yield Evidence((*draft.frames, *frames), (
                        f"port 0 in {draft.summary} ends a stream at {draft.time:.3f} s; {last - draft.time:.1f} s "
                        f"later something still goes between its former ends ({', '.join(str(end) for end in ends)})"))


def _withdrawn(dialog: DialogSeen) -> Iterator[tuple[Draft, list[Endpoint]]]:
    """Answers that end streams which had ends before on that hop."""
    given = {one.endpoint: one.draft.time for one in dialog.described if not one.media.rejected}
    ends: dict[tuple[frozenset[str], int], list[Endpoint]] = {}
    for offer, answer in exchanges(dialog):
        way = hop(offer[0])
        for one, other in zip(offer, answer, strict=False):
            if other.media.rejected:
                # Another line or a later description may have this address and port: a fax in place of sound, say.
                before = [end for end in ends.pop((way, one.index), []) if given[end] < offer[0].draft.time]
                if before:
                    yield answer[0].draft, before
            else:
                ends[way, one.index] = [end.endpoint for end in (one, other) if end.endpoint is not None]


def _later(call: Call, ends: list[Endpoint], time: float) -> tuple[float, tuple[int, ...]]:
    """When something went between these ends last, and the last frame of it."""
    connections = [content.connection for span in call.spans for content in span.contents]
    found = [(one.seen[1], tuple(one.frames[-1:])) for one in connections
             if {*one.sides} & {*ends} and one.seen[0] < time]
    found += [(flow.seen[1], tuple(flow.frames[-1:])) for flow in call.flows
              if {*flow.sides} & {*ends} and flow.seen[0] < time]
    return max(found, default=(time, ()))


rule = Rule("withdrawn-flows", "RFC 3264 §5.1, §6, §8.2", "warning", "A stream that port 0 has ended carries nothing",
            _find,
            next="Whether the Subtract or Modify of its terminations followed the answer, and which side still sends.")
