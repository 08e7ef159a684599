"""One transaction id is given to two different requests while the first may still be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

LONG_TIMER = 30.0


def _find(report: Report) -> Iterator[Evidence]:
    for order in report.signalling.orders:
        former = order.former
        if former is None or order.draft.time - former.draft.time >= LONG_TIMER:
            continue
        sender = report.names(order.draft.source.host)
        yield Evidence((*former.draft.frames, *order.draft.frames), (
            f"{sender} gives id {order.request.id} to {former.draft.summary} and "
            f"{order.draft.time - former.draft.time:.3f} s later to {order.draft.summary}: the receiver may take the "
            "second for a repetition and answer it with the stored reply of the first"))


rule = Rule("transaction-id-reused", "H.248.1 §8.2, Annex D.1", "error",
            "A transaction id stands for one request while it may be repeated", _find,
            next="Whether the reply to the second request fits it, and whether the sender restarted in between "
                 "without a ServiceChange.")
