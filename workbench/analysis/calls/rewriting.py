"""Which headers of an MSRP message were changed on its way from one leg of a gateway to the next (TS 23.334 §5.19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.values import Message
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp.uri import encode_path

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_Key = tuple[str | None, str, str, str]


class Rewritten(msgspec.Struct, frozen=True):
    """The same message on the leg before.

    Args:
        before: its index there.
        changed: names of the headers that differ, with their values before and after.
        body: the body differs too, which no gateway should do.
    """

    before: int
    changed: tuple[tuple[str, str, str], ...]
    body: bool = False

    def __str__(self) -> str:
        names = [name for name, _, _ in self.changed] + ["body"] * self.body
        return f"changed on the way: {', '.join(names)}" if names else "passed on unchanged"


def rewritten(report: Report, message: Message) -> Rewritten | None:
    """What became of a message since the leg before; None for the first leg, and for what is no MSRP message."""
    before = report.once(_before).get(message.index)
    if before is None:
        return None
    first, second = _fields(report.messages[before].value), _fields(message.value)
    names = [*dict.fromkeys((*first, *second))]
    changed = tuple((name, first.get(name, ""), second.get(name, "")) for name in names
                    if first.get(name) != second.get(name))
    bodies = [getattr(one.value, "body", None) for one in (report.messages[before], message)]
    return Rewritten(before, changed, bodies[0] != bodies[1])


def _before(report: Report) -> dict[int, int]:
    """For each MSRP message that came over another leg already: where. Copies in front of and behind a NAT count."""
    known: dict[int, int] = {}
    last: dict[_Key, int] = {}
    for message in report.messages_of("MSRP"):
        value = message.value
        if not isinstance(value, msrp.Request | msrp.Response):
            continue
        what = value.method if isinstance(value, msrp.Request) else str(value.status)
        kind = value.get("Byte-Range") or ""
        key = (message.session, value.transaction, what, kind)
        place = last.get(key)
        # What comes from the node that had got it has been passed on by it.
        if place is not None and report.messages[place].destination.node == message.source.node:
            known[message.index] = place
        last[key] = message.index
    return known


def _fields(value: object) -> dict[str, str]:
    """Headers by name, paths included."""
    assert isinstance(value, msrp.Request | msrp.Response)
    found = {"To-Path": encode_path(value.to_path), "From-Path": encode_path(value.from_path)}
    for header in value.headers:
        found[header.name] = f"{found[header.name]}, {header.value}" if header.name in found else header.value
    return found
