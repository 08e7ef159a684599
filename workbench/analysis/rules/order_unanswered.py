"""An H.248 request without reply. One to somebody who only comes later, such as a gateway not yet started, is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_PATIENCE = 0.5


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    began = _first_words(report)
    for order in report.signalling.orders:
        there = began.get(order.draft.destination, 0.0) <= order.drafts[-1].time
        if order.reply is None and not order.pending and there and end - order.draft.time >= _PATIENCE:
            frames = tuple(frame for draft in order.drafts for frame in draft.frames)
            again = len(order.drafts) - 1
            repeated = f", repeated {again} time{'s' * (again != 1)}" if again else ""
            sender, receiver = (report.names(end.host) for end in (order.draft.source, order.draft.destination))
            yield Evidence(frames, f"{sender} sends transaction {order.request.id} ({order.draft.summary}){repeated}; "
                           f"{receiver} never answers")


def _first_words(report: Report) -> dict[Endpoint, float]:
    """Who sends H.248, and from when on."""
    began: dict[Endpoint, float] = {}
    for message in report.messages_of("H.248"):
        began.setdefault(Endpoint(message.source.address, message.source.port), message.time)
    return began


rule = Rule("order-unanswered", "H.248.1 §8.2, Annex D.1", "error", "Every H.248 request is answered", _find,
            next="Whether the request arrives at all (ICMP, another route, a port that nobody listens on), and whether "
                 "the receiver answers from another address.")
