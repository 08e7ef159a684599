"""A new request of a dialog has a CSeq that is not higher than the one before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.calls.dialogs import Transaction
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        highest: dict[tuple[str, str, str], Transaction] = {}
        for one in dialog.transactions:
            if one.method == "CANCEL":      # has the number of the request that it cancels
                continue
            draft = one.request
            key = (draft.source.host, draft.destination.host, draft.value.from_tag)
            before = highest.get(key)
            if before is None or one.number > before.number:
                highest[key] = one
                continue
            yield Evidence((*before.request.frames, *draft.frames), (
                f"{report.names(draft.source.host)} sends {one.method} with CSeq {one.number} after {before.method} "
                f"with CSeq {before.number} in the same dialog: the receiver answers 500 or passes it over"))


rule = Rule("cseq-backwards", "RFC 3261 §12.2.1.1, §12.2.2", "error",
            "In a dialog each new request of a side has a higher CSeq", _find,
            next="Whether the two requests come from two nodes that believe to own the same dialog, and whether "
                 "frames of the capture are in another order than on the wire.")
