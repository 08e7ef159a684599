"""A reply to a transaction that nobody has asked for: the numbers of the two sides have parted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# A request in front of the capture's beginning may still be answered: by then it would have been repeated.
_WARM_UP = 4.0


def _find(report: Report) -> Iterator[Evidence]:
    asked: dict[tuple[str, str], float] = {}
    for order in report.signalling.orders:
        asked.setdefault((order.draft.source.host, order.draft.destination.host), order.draft.time)
    for draft, reply in report.signalling.strays:
        since = asked.get((draft.destination.host, draft.source.host))
        if since is None or draft.time - since < _WARM_UP:
            continue
        sender, receiver = (report.names(end.host) for end in (draft.source, draft.destination))
        yield Evidence(draft.frames, f"{sender} answers transaction {reply.id}, and no request of {receiver} with "
                       "that id is in the capture: the reply helps nobody, and what it should answer stays open")


rule = Rule("reply-unasked", "H.248.1 §8.2.2", "warning", "A reply has the id of a request", _find,
            next="Which request stays unanswered at the same time, whether frames are missing in the capture, and "
                 "whether request and reply use the same addresses.")
