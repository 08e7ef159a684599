"""The list of key management protocols in a MIKEY message is not that of the offer around it: bidding down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.mikey_said import said
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols import sdp
from workbench.protocols.mikey.rules import list_fault

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    told: set[tuple[str, tuple[str, ...]]] = set()
    for one, keyed in said(report):
        offered = sdp.offered_protocols(one.description, one.media)
        fault = list_fault(keyed.message, offered) if keyed.message is not None and one.role == "offer" else None
        if fault is None or (keyed.text, offered) in told:
            continue
        told.add((keyed.text, offered))
        yield Evidence(one.draft.frames, (
            f"{report.names(one.draft.source.host)} sends an offer with MIKEY in a=key-mgmt, and {fault.what}. "
            "Somebody on the way took a line out, or moved it, so that a weaker protocol is used; the answerer has to "
            "refuse"))


rule = Rule("key-mgmt-list", "RFC 4567 §4.1.4, RFC 3830 §6.15", "error",
            "An offer has the a=key-mgmt lines that its MIKEY message lists, in their order", _find,
            next="The same offer on the wires before: the first one with fewer lines, or in another order, tells who "
                 "changed it. If it left its UE so, the UE lists what it does not offer.")
