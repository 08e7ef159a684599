"""The other side refuses an H.248 command, or a whole message, with an error descriptor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.codes import error_meaning

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import Order
    from workbench.analysis.report import Report

# What usually lies behind a code, where it says more than the code's meaning.
_CAUSES = {
    400: "the two sides do not speak the same encoding or version",
    406: "the version was not settled at registration",
    411: "the context has been deleted, or the gateway has restarted since",
    412: "the gateway has run out of contexts: look for some that were never released",
    430: "the termination was subtracted before, or never added",
    431: "the wildcard was used on a context that has no such termination",
    432: "the gateway has run out of terminations: look for some that were never released",
    435: "controller and gateway do not agree which context the termination is in",
    440: "the profile of the gateway does not have the package",
    458: "the event was disarmed or replaced by a later Events descriptor",
    501: "the gateway does not have what was ordered",
    504: "the gateway obeys another controller",
    505: "the controller orders before the gateway's ServiceChange is answered",
    506: "the order took too long, and the limit of Pendings is reached",
    510: "nothing that was offered fits, or the gateway is full",
    515: "the gateway does not know the transport or media type of the m= line",
}


def _find(report: Report) -> Iterator[Evidence]:
    for draft, error in report.signalling.errors:
        yield Evidence(draft.frames, f"{report.names(draft.source.host)} can't read a message: {_told(error)}")
    for order in report.signalling.orders:
        for what, error in _errors(order):
            frames = (*order.draft.frames, *(order.replied.frames if order.replied is not None else ()))
            receiver = report.names(order.draft.destination.host)
            yield Evidence(frames, f"{receiver} refuses {what} of transaction {order.request.id}: {_told(error)}")


def _errors(order: Order) -> Iterator[tuple[str, h248.ErrorDescriptor]]:
    reply = order.reply
    if reply is None:
        return
    if reply.error is not None:
        yield f"all ({order.draft.summary})", reply.error
    for action in reply.actions:
        for command in action.commands:
            # A ServiceChange that is refused has a rule of its own.
            if command.error is not None and command.kind is not h248.Kind.SERVICE_CHANGE:
                yield f"{command.kind} {', '.join(command.terminations)}", command.error
        if action.error is not None:
            yield "an action", action.error


def _told(error: h248.ErrorDescriptor) -> str:
    text = f', "{error.text}"' if error.text else ""
    cause = _CAUSES.get(error.code)
    return (f"error {error.code} ({error_meaning(error.code) or 'not in H.248.8'}{text})"
            + (f"; often {cause}" if cause else ""))


rule = Rule("h248-error", "H.248.1 §8.2.2, H.248.8", "warning", "H.248 commands are carried out", _find,
            next="The command that was refused, octet by octet, and the orders on the same context before it. Commands "
                 "of a transaction that stand before the refused one stay in effect.")
