"""A request gets Pending, and never its reply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_PATIENCE = 5.0


def _find(report: Report) -> Iterator[Evidence]:
    for order in report.signalling.orders:
        if order.reply is None and order.pending and report.end - order.pending[-1].time >= _PATIENCE:
            count = len(order.pending)
            frames = (*order.draft.frames, *(frame for draft in order.pending for frame in draft.frames))
            receiver = report.names(order.draft.destination.host)
            yield Evidence(frames, f"{receiver} answers transaction {order.request.id} ({order.draft.summary}) with "
                           f"{count} Pending{'s' * (count != 1)}, the last at {order.pending[-1].time:.3f} s, and "
                           "never with a reply: the requester waits on and holds back what depends on it")


rule = Rule("order-only-pending", "H.248.1 §8.2.3, Annex D.1", "error", "After a Pending comes the reply", _find,
            next="What the receiver was waiting for (a resource, a name, another node), and whether its reply was sent "
                 "to another address: after a Pending the requester repeats nothing.")
