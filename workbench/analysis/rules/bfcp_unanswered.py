"""A BFCP request is never answered, although the connection stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.floors import closed_by, messages_of
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.bfcp.messages import RELIABLE
from workbench.protocols.bfcp.registry import Primitive

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

_PATIENCE_SECONDS = 5.0
_REQUESTS = frozenset({
    Primitive.FLOOR_REQUEST, Primitive.FLOOR_RELEASE, Primitive.FLOOR_REQUEST_QUERY, Primitive.USER_QUERY,
    Primitive.FLOOR_QUERY, Primitive.CHAIR_ACTION, Primitive.HELLO})
_MOST_SHOWN = 6


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    for call in report.calls:
        if call.session.kind != "bfcp":
            continue
        open_: dict[tuple[int, int, str], Message] = {}
        for message in messages_of(report, call):
            asks, asker = _asks(message)
            key = (message.value.user, message.value.transaction, asker)
            if asks:
                open_[key] = message
            else:
                open_.pop(key, None)
        lost = [one for one in open_.values()
                if min(end, closed_by(call, one.time)) - one.time >= _PATIENCE_SECONDS]
        if lost:
            more = f", and {len(lost) - 1} more like that" if len(lost) > 1 else ""
            yield Evidence(tuple(frame for one in lost[:_MOST_SHOWN] for frame in one.frames), (
                f"{lost[0].source.node} says {lost[0].summary}, and no answer with this transaction comes{more}: a "
                "server answers every request, if only with Error"))


def _asks(message: Message) -> tuple[bool, str]:
    """Whether it wants an answer, and who numbers the transaction: over datagrams the server asks too (§8.3.1)."""
    if message.value.version == RELIABLE:
        return message.value.primitive in _REQUESTS, ""
    asks = not message.value.responder
    return asks, str(message.source if asks else message.destination)


rule = Rule("bfcp-unanswered", "RFC 8855 §8.3.2, §13", "error", "Every BFCP request is answered", _find,
            next="Whether the request leaves the gateway on the other leg and reaches the server, and in which "
            "direction the stream is open (a=sendonly, StreamMode).")
