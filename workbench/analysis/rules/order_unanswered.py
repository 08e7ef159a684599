"""An H.248 request without reply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, last_time

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_PATIENCE = 0.5


def _find(report: Report) -> Iterator[Evidence]:
    end = last_time(report)
    for order in report.signalling.orders:
        if order.reply is None and end - order.draft.time >= _PATIENCE:
            frames = tuple(frame for draft in order.drafts for frame in draft.frames)
            again = len(order.drafts) - 1
            repeated = f", repeated {again} time{'s' * (again != 1)}" if again else ""
            sender, receiver = (report.names(end.host) for end in (order.draft.source, order.draft.destination))
            yield Evidence(frames, f"{sender} sends transaction {order.request.id} ({order.draft.summary}){repeated}; "
                           f"{receiver} never answers")


rule = Rule("order-unanswered", "H.248.1 §8.2, Annex D.1", "error", "Every H.248 request is answered", _find)
