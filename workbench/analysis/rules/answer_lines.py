"""An answer that does not fit its offer line by line: other lines, another order, or a line nobody offered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.exchanges import Sent, exchanges
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        for offer, answer in exchanges(dialog):
            why = _misfit(offer, answer)
            if why:
                sender = report.names(answer[0].draft.source.host)
                yield Evidence((*offer[0].draft.frames, *answer[0].draft.frames), (
                    f"{sender} answers an offer with {why}: the two sides take different lines for one stream"))


def _misfit(offer: Sent, answer: Sent) -> str:
    asked, given = offer[0].description.media, answer[0].description.media
    if len(asked) != len(given):
        return f"{len(given)} m= line{'s' * (len(given) != 1)}, where the offer has {len(asked)}"
    for number, (one, other) in enumerate(zip(asked, given, strict=True), 1):
        if one.media != other.media:
            return f"m={other.media} as line {number}, where the offer has m={one.media}"
        if one.rejected and other.port:
            return f"port {other.port} in line {number}, which the offer has withdrawn with port 0"
    return ""


rule = Rule("answer-lines", "RFC 3264 §5, §6", "error", "An answer has the m= lines of its offer, in their order",
            _find,
            next="Which side changed the number or order of lines: whoever rewrites SDP on the way has to keep refused "
                 "lines, with port 0.")
