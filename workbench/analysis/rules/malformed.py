"""A message of SIP or H.248 that can't be read: a header missing, a wrong Content-Length, a brace too few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for draft in report.signalling.broken:
        yield Evidence(draft.frames, f"{report.names(draft.source.host)} sends {draft.protocol} that does not decode: "
                       f"{draft.error}. Its receiver has to refuse it, or to pass it over in silence")


rule = Rule("malformed", "RFC 3261 §7, §18.3, H.248.1 Annex A, Annex B", "error", "SIP and H.248 messages decode",
            _find,
            next="The octets around the place that is named (`workbench show CAPTURE --frame N`), and whether the "
                 "message was cut by a fragment that is missing in the capture.")
