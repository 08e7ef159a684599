"""`a=3ge2ae` says the wrong word: `requested` is the UE's, `applied` is the network's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import of_network

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        told: set[tuple[str, str]] = set()
        for dialog in call.dialogs if call.contexts else ():
            for one in dialog.described:
                value = (one.description.attribute_of(one.media, "3ge2ae") or "").casefold()
                host = one.draft.source.host
                if one.role != "offer" or value not in ("requested", "applied") or (host, value) in told:
                    continue
                told.add((host, value))
                if of_network(call, one) != (value == "applied"):
                    yield Evidence(one.draft.frames, (
                        f"the offer of {report.names(host)} has a=3ge2ae:{value}: a UE asks with `requested`, and the "
                        "network tells a UE with `applied`; the receiver ignores anything else"))


rule = Rule("e2ae-direction", "TS 24.229 §7.5.2", "error",
            "The value of a=3ge2ae is `requested` in a UE's offer and `applied` in the network's", _find,
            provisional=True,
            next="Whether an offer was passed on without being changed, and by whom.")
