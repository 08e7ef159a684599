"""A floor request stays pending: nobody decides on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.floors import closed_by, messages_of, statuses
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.bfcp.registry import Status

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

_PATIENCE_SECONDS = 20.0


def _find(report: Report) -> Iterator[Evidence]:
    end = report.end
    told: set[tuple[int, int]] = set()
    for call in report.calls:
        if call.session.kind != "bfcp":
            continue
        pending: dict[tuple[int, int], Message] = {}
        for message in messages_of(report, call):
            for request, status in statuses(message):
                key = (message.value.conference, request)
                if status == Status.PENDING:
                    pending.setdefault(key, message)
                elif status is not None:
                    pending.pop(key, None)
        for key, first in pending.items():
            if key in told or min(end, closed_by(call, first.time)) - first.time < _PATIENCE_SECONDS:
                continue
            told.add(key)
            yield Evidence(first.frames, (
                f"floor request {key[1]} of user {first.value.user} in conference {key[0]} is pending from "
                f"{first.time:.1f} s on, and nobody decides on it: a floor with a chair is neither granted nor denied "
                "before the chair has said so, and the chair may not be there"))


rule = Rule("floor-undecided", "RFC 8855 §5.2.5, §11, §13.1.1", "warning", "A floor request is decided", _find,
            provisional=True,
            next="Whether the chair's own BFCP connection is up, gets a FloorStatus with the request, and answers with "
            "a ChairAction; then the chair's call by itself.")
