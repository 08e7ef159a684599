"""A message is said to be complete, and octets of it never came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.msrp_said import Incomplete, LegSaid, said
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.values import Message

if TYPE_CHECKING:
    from workbench.analysis.report import Report

def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        told: set[str] = set()
        for leg in said(report, call):
            for one in leg.incomplete if leg.whole else ():
                if one.chunk.message_id not in told:      # the next leg only hands it on
                    told.add(one.chunk.message_id)
                    yield _told(leg, report.messages[one.chunk.index], one)


def _told(leg: LegSaid, message: Message, one: Incomplete) -> Evidence:
    number, hole = one.chunk.message_id, one.hole
    short = number if len(number) <= 40 else number[:39] + "…"
    return Evidence(message.frames[-1:], (
        f"{message.source.node} marks message {short} as complete ({one.octets} octets) on the {leg.leg.name} leg, and "
        f"octets {hole[0]} to {hole[1]} of it were in no chunk before: its receiver can't deliver it"))


rule = Rule("msrp-incomplete", "RFC 4975 §7.1.1, §7.3.1", "error",
            "The chunk with $ ends a message of which all octets have come", _find,
            next="Compare Byte-Range of the chunks with the leg before: who left one out, the sender or a gateway that "
                 "rewrites? A sender that gives up says # instead of $.")
