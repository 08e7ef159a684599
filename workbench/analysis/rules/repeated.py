"""Requests had to be repeated again and again before they were answered: messages get lost, or somebody is slow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report

# One lost datagram is no finding; so many on one way are.
_MANY = 3
_SHARE = 0.05

Hop = tuple[str, str, str]


def _find(report: Report) -> Iterator[Evidence]:
    asked: dict[Hop, int] = defaultdict(int)
    again: dict[Hop, list[Draft]] = defaultdict(list)
    for order in report.signalling.orders:
        hop = ("H.248", order.draft.source.host, order.draft.destination.host)
        asked[hop] += 1
        if order.repeats and order.reply is not None:
            again[hop].append(order.draft)
    for dialog in report.signalling.dialogs.values():
        for one in dialog.transactions:
            hop = ("SIP", one.request.source.host, one.request.destination.host)
            asked[hop] += 1
            if sum(draft.wire == one.request.wire for draft in one.requests) > 1 and (one.finals or one.provisional):
                again[hop].append(one.request)
    for hop, drafts in again.items():
        if len(drafts) >= _MANY and len(drafts) >= _SHARE * asked[hop]:
            protocol, sender, receiver = hop
            yield Evidence(tuple(frame for draft in drafts[:16] for frame in draft.frames), (
                f"{len(drafts)} of {asked[hop]} {protocol} requests of {report.names(sender)} to "
                f"{report.names(receiver)} were sent again before an answer came"))


rule = Rule("repeated", "RFC 3261 §17.1, H.248.1 Annex D.1", "note",
            "Requests are answered before they have to be repeated", _find,
            next="Whether the repeated requests or their answers are missing on one side of a node (loss), or the "
                 "answers come late (load); fragments of long messages get lost first.")
