"""A message is said to be complete, and octets of it never came."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.chunks import Chunk
from workbench.analysis.rules.msrp_said import LegSaid, said
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.values import Message
from workbench.protocols.msrp import messages as msrp

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_RANGE = re.compile(r"\s*(\d{1,15})-(\d{1,15}|\*)/(\d{1,15}|\*)\s*")

_Range = tuple[int, int]        # the first octet, counted from 1, and the one behind the last


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        told: set[str] = set()
        for leg in said(report, call):
            for number, evidence in _of_leg(report, leg) if leg.whole else ():
                if number not in told:      # the next leg only hands it on
                    told.add(number)
                    yield evidence


def _of_leg(report: Report, leg: LegSaid) -> Iterator[tuple[str, Evidence]]:
    held: dict[tuple[int, str], list[_Range]] = {}
    for one in (asked.chunk for asked in leg.asked):
        chunk, number = _chunk(one), one.message_id
        if one.method != "SEND" or chunk is None or not number:
            continue
        key = (one.direction, number)
        held.setdefault(key, []).append(chunk[0])
        if one.flag is msrp.Flag.MORE:
            continue
        chunks = held.pop(key)
        end = chunk[1] if chunk[1] is not None else chunk[0][1] - 1
        hole = _hole(chunks, end)
        if one.flag is msrp.Flag.COMPLETE and hole is not None:
            yield number, _told(leg, report.messages[one.index], number, hole, end)


def _chunk(one: Chunk) -> tuple[_Range, int | None] | None:
    """What a SEND carries, and the total where it says one."""
    match = _RANGE.fullmatch(one.byte_range)
    if match is None:
        return None
    start, end, total = match.groups()
    behind = int(end) + 1 if end != "*" else int(start) + one.octets
    return (int(start), behind), int(total) if total != "*" else None


def _hole(chunks: list[_Range], end: int) -> _Range | None:
    """The first octets up to `end` that no chunk carries; chunks may overlap and come in any order."""
    reached = 1
    for start, behind in sorted(chunks):
        if start > reached:
            return reached, start - 1
        reached = max(reached, behind)
    return (reached, end) if reached <= end else None


def _told(leg: LegSaid, message: Message, number: str, hole: _Range, end: int) -> Evidence:
    short = number if len(number) <= 40 else number[:39] + "…"
    return Evidence(message.frames[-1:], (
        f"{message.source.node} marks message {short} as complete ({end} octets) on the {leg.leg.name} leg, and octets "
        f"{hole[0]} to {hole[1]} of it were in no chunk before: its receiver can't deliver it"))


rule = Rule("msrp-incomplete", "RFC 4975 §7.1.1, §7.3.1", "error",
            "The chunk with $ ends a message of which all octets have come", _find,
            next="Compare Byte-Range of the chunks with the leg before: who left one out, the sender or a gateway that "
                 "rewrites? A sender that gives up says # instead of $.")
