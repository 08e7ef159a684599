"""Two controllers order from one gateway at the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import Order
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    spans: dict[str, dict[str, tuple[Order, Order]]] = defaultdict(dict)
    known: dict[str, str] = {}
    for order in report.signalling.orders:
        # Whose orders on contexts the gateway carries out is its controller.
        if not order.by_controller or not order.contexts:
            continue
        if order.reply is None or order.reply.error is not None:
            continue
        of = spans[f"{order.gateway}"]
        # One controller may have several addresses, and several forms of its message identifier.
        mid = order.draft.value.mid
        who = known.setdefault(order.controller.host, known.setdefault(mid, mid))
        of[who] = (of[who][0] if who in of else order, order)
    for gateway, held in spans.items():
        ordered = sorted(held.items(), key=_begun)
        for (first, (_, last)), (second, (begun, _)) in pairwise(ordered):
            if begun.draft.time < last.draft.time:
                yield Evidence((*begun.draft.frames, *last.draft.frames), (
                    f"the gateway at {gateway} carries out orders of {first} until {last.draft.time:.3f} s, and of "
                    f"{second} from {begun.draft.time:.3f} s on: each of them believes that the resources are its own"))


def _begun(item: tuple[str, tuple[Order, Order]]) -> float:
    return item[1][0].draft.time


rule = Rule("two-controllers", "H.248.1 §6, §11.1", "warning", "A gateway obeys one controller at a time", _find,
            next="Whether these are two virtual gateways behind one address, or a failover without HandOff: look for "
                 "the ServiceChange in between.")
