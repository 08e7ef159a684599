"""Packets of a fax are lost on a leg, and neither redundancy nor FEC makes them good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_LOST = re.compile(r", ([0-9]+) lost from [0-9]+ on")
_MOST_FRAMES = 6


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            held: dict[str, list[Message]] = {}
            for message in report.on(leg, "UDPTL"):
                if _LOST.search(message.summary):
                    held.setdefault(message.source.node, []).append(message)
            for sender, found in held.items():
                yield _told(leg, sender, found)


def _told(leg: Leg, sender: str, found: list[Message]) -> Evidence:
    count = sum(int(one[1]) for message in found for one in _LOST.finditer(message.summary))
    return Evidence(tuple(frame for one in found[:_MOST_FRAMES] for frame in one.frames), (
        f"{count} packets of {sender} are not on the {leg.name} leg, and no later packet rebuilds them: a fax terminal "
        "loses signals or lines of the page. More redundancy (a=T38FaxUdpECDepth) or FEC would help, or a leg before "
        "this one loses them"))


rule = Rule("fax-packets-lost", "T.38 §9", "warning", "What UDPTL loses is made good", _find,
            next="On which side of gateway and NAT the packets are still there; then redundancy and FEC as "
                 "a=T38FaxUdpEC agreed on them: more of it helps against single losses, not against gaps in the path.")
