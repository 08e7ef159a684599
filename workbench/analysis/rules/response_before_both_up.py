"""The gateway answers in MSRP while the other leg, from where an answer could come, is not up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import linked, up_in
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.values import Message
from workbench.protocols.msrp import messages as msrp

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for one, other in linked(call):
            up = up_in(other)
            early = next((message for message in report.of_connection(one.connection, "MSRP")
                          if one.ours is not None and not _refuses(message)
                          and (message.source.address, message.source.port) == (
                              one.connection.sides[one.ours].host, one.connection.sides[one.ours].port)), None)
            if early is None or (up is not None and early.frames[-1] > up):
                continue
            became = "never comes up" if up is None else f"comes up only in frame {up}"
            yield Evidence((*early.frames, *((up,) if up is not None else ())), (
                f"{early.source.node} sends {early.summary} on one leg while the connection on the other leg {became}: "
                "nobody beyond the gateway can have said so"))


def _refuses(message: Message) -> bool:
    """A gateway that knows the paths may itself refuse what does not name its own (RFC 4975 §7.3)."""
    return isinstance(message.value, msrp.Response) and message.value.status >= 300


rule = Rule("response-before-both-up", "TS 23.334 §5.16.2.2, §5.19", "error",
            "Nothing is answered in MSRP before both legs are up", _find, provisional=True,
            next="Look whether the gateway answers MSRP by itself, and with which status.")
