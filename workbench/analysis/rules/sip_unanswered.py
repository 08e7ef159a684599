"""A SIP request without any response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# Repeated after 0.5, 1.5 and 3.5 s over UDP; given up after 32 s (RFC 3261 §17.1).
_PATIENCE = 4.0
_CONSEQUENCE = {
    "INVITE": "no call comes up",
    "BYE": "one side holds the call for alive, with its media and terminations",
    "REGISTER": "the UE is not registered and can't be called",
    "UPDATE": "the change that it offers stays open",
    "PRACK": "the provisional response is sent again and again, and the call is given up",
    "CANCEL": "the call may come up although nobody wants it any more",
}


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        for one in dialog.transactions:
            if one.finals or one.provisional or report.end - one.request.time < _PATIENCE:
                continue
            # Over UDP, who repeats nothing has an answer that is not in the capture.
            if len(one.requests) == 1 and one.request.connection is None:
                continue
            sender, receiver = (report.names(end.host) for end in (one.request.source, one.request.destination))
            again = len(one.requests) - 1
            told = f", repeated {again} time{'s' * (again != 1)}" if again else ""
            yield Evidence(tuple(frame for draft in one.requests for frame in draft.frames), (
                f"{sender} sends {one.request.summary} to {receiver}{told}; no response comes: "
                f"{_CONSEQUENCE.get(one.method, 'the sender gives up after 32 s')}"))


rule = Rule("sip-unanswered", "RFC 3261 §8.2.6, §17.1, §17.2", "error", "Every SIP request is answered", _find,
            next="Whether the request arrives (ICMP, a dead connection, a NAT that has forgotten its binding), whether "
                 "the response goes to another address (Via, rport), and whether the capture shows both directions.")
