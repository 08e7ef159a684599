"""A final response to INVITE that nobody acknowledges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_PATIENCE = 4.0


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        for one in dialog.transactions:
            final = one.final
            if one.method != "INVITE" or final is None or one.acks or report.end - final.time < _PATIENCE:
                continue
            # ACK for a 2xx goes end to end, on whatever way; for the others it belongs to the hop.
            if one.accepted and one.number in dialog.acknowledged:
                continue
            # Who has got an ACK that is not in the capture does not repeat the response.
            if len(one.finals) == 1 and (one.accepted or final.connection is None):
                continue
            sender = report.names(one.request.source.host)
            yield Evidence((*one.request.frames, *(frame for draft in one.finals for frame in draft.frames)), (
                f"{report.names(final.source.host)} answers INVITE with {final.value.status} {final.value.reason}, and "
                f"{sender} sends no ACK: the response is repeated"
                + (", and after 32 s the call is taken down with BYE" if one.accepted else "")))


rule = Rule("invite-not-acknowledged", "RFC 3261 §13.2.2.4, §13.3.1.4, §17.1.1.3", "error",
            "The final response to INVITE is acknowledged", _find,
            next="Whether the response reaches the caller, and where its Contact and Record-Route send the ACK: an "
                 "address behind a NAT, or one that nobody can reach.")
