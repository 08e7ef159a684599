"""A SIP request is refused; the capture tells with which status, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sip.messages import REASONS

if TYPE_CHECKING:
    from workbench.analysis.calls.dialogs import Transaction
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
    for transactions in _groups(report):
        for one in _first(sorted((one for one in transactions if _is_refused(one)), key=_asked)):
            yield _told(report, one)


def _groups(report: Report) -> Iterator[list[Transaction]]:
    """The transactions of each call, and of each dialog that belongs to none."""
    known: set[str] = set()
    for call in report.calls:
        known.update(dialog.call_id for dialog in call.dialogs)
        yield [one for dialog in call.dialogs for one in dialog.transactions]
    for dialog in report.signalling.dialogs.values():
        if dialog.call_id not in known:
            yield dialog.transactions


def _first(refused: list[Transaction]) -> Iterator[Transaction]:
    """Who refuses first is where to look: without those that only hand on what they were answered in between."""
    for place, one in enumerate(refused):
        # In order of the requests: what was asked onwards comes next.
        onwards = refused[place + 1] if place + 1 < len(refused) else None
        if onwards is None or onwards.method != one.method or _answered(onwards) > _answered(one):
            yield one


def _told(report: Report, one: Transaction) -> Evidence:
    final = one.final
    status = final.value.status if final is not None else 0
    frames = final.frames if final is not None else ()
    headers = final.value.headers if final is not None else one.request.value.headers
    warning = headers.get("Warning") or headers.get("Reason") or ""
    return Evidence((*one.request.frames, *frames), (
        f"{report.names(one.request.destination.host)} refuses {one.method} of "
        f"{report.names(one.request.source.host)} with {status} {REASONS.get(status, '')}".rstrip()
        + (f" ({warning[:200]})" if warning else "") + (f": {_CAUSES[status]}" if status in _CAUSES else "")))


def _is_refused(one: Transaction) -> bool:
    return one.final is not None and one.final.value.status >= 400 and one.final.value.status not in _USUAL


def _asked(one: Transaction) -> float:
    return one.request.time


def _answered(one: Transaction) -> float:
    return one.final.time if one.final is not None else 0.0


rule = Rule("sip-refused", "RFC 3261 §21.4, §21.5, §21.6", "note", "SIP requests are accepted", _find,
            next="The offer in the request beside one that was accepted: its transport, its security attributes and "
                 "the port of each m= line; and what the H.248 orders between request and response came to.")
