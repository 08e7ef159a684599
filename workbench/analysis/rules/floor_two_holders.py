"""A floor is granted to two at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.floors import messages_of
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.bfcp.registry import Primitive, Status

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    told: set[tuple[int, int]] = set()
    for call in report.calls:
        if call.session.kind != "bfcp":
            continue
        for message in messages_of(report, call):
            if message.value.primitive != Primitive.FLOOR_STATUS:
                continue
            for floor in message.value.floors[:16]:
                held = [one for one in message.value.requests if one.status == Status.GRANTED
                        and floor in [there.floor for there in one.floors]]
                key = (message.value.conference, floor)
                if len(held) > 1 and key not in told:
                    told.add(key)
                    numbers = " and ".join(str(one.request) for one in held[:8])
                    yield Evidence(message.frames, (
                        f"floor {floor} of conference {message.value.conference} is granted to requests {numbers} at "
                        "once: right only where the conference lets several hold it"))


rule = Rule("floor-two-holders", "RFC 8855 §13.1.2, RFC 4376 §3", "note", "A floor has one holder", _find,
            provisional=True,
            next="How many may hold this floor in the server's configuration, and whether the release of the first "
            "holder came to the server.")
