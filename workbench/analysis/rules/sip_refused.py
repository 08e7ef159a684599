"""A SIP request is refused; the capture tells with which status, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sip.messages import REASONS

if TYPE_CHECKING:
    from workbench.analysis.dialogs import Transaction
    from workbench.analysis.report import Report

# A challenge, a call that its caller ended, and two that are tried again belong to how SIP works.
_USUAL = (401, 407, 423, 487, 491, 494)
_CAUSES = {
    400: "something in the request can't be read: its reason phrase may say what",
    403: "the caller may not do this, or is not registered",
    404: "nobody of that name is registered",
    408: "the callee's side did not answer in time",
    415: "the body has a type that the receiver does not know",
    420: "Require names an extension that the receiver does not have",
    421: "the receiver wants an extension that Supported does not name",
    480: "the callee is not registered, or does not take calls",
    481: "the receiver knows no such dialog: it has ended or restarted",
    483: "the request went in a circle",
    486: "the callee is busy",
    488: "nothing that the SDP offers is acceptable: transport, media type, attributes or security",
    500: "the receiver failed", 503: "the receiver is overloaded, or what it needs is out of service",
    504: "a node behind the receiver did not answer in time",
    580: "the preconditions can't be met",
    600: "the callee is busy everywhere", 603: "the callee declines",
    606: "nothing that the SDP offers is acceptable anywhere",
}


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        refused = [one for one in dialog.transactions if _status(one) >= 400 and _status(one) not in _USUAL]
        # Whoever refuses first is where to look; others on the way only pass it on.
        for number, method in dict.fromkeys((one.number, one.method) for one in refused):
            first = min((one for one in refused if (one.number, one.method) == (number, method)), key=_when)
            final = first.final
            assert final is not None
            status = final.value.status
            warning = final.value.headers.get("Warning") or final.value.headers.get("Reason") or ""
            yield Evidence((*first.request.frames, *final.frames), (
                f"{report.names(final.source.host)} refuses {method} of {report.names(first.request.source.host)} with "
                f"{status} {REASONS.get(status, final.value.reason)}"
                + (f" ({warning[:200]})" if warning else "") + (f": {_CAUSES[status]}" if status in _CAUSES else "")))


def _status(one: Transaction) -> int:
    final = one.final
    return final.value.status if final is not None else 0


def _when(one: Transaction) -> float:
    return one.final.time if one.final is not None else 0.0


rule = Rule("sip-refused", "RFC 3261 §21.4, §21.5, §21.6", "note", "SIP requests are accepted", _find,
            next="The offer in the request beside one that was accepted: its transport, its security attributes and "
                 "the port of each m= line; and what the H.248 orders between request and response came to.")
