"""A registration or another ServiceChange is refused, sent elsewhere, or answered with a version nobody offered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.codes import error_meaning

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for order in report.signalling.orders:
        if order.reply is None or order.replied is None:
            continue
        for asked, given in zip(order.request.actions, order.reply.actions, strict=False):
            for command, answer in zip(asked.commands, given.commands, strict=False):
                why = _refused(command, answer)
                if why:
                    sender, receiver = (report.names(end.host) for end in (order.draft.source, order.draft.destination))
                    yield Evidence((*order.draft.frames, *order.replied.frames),
                                   f"{sender} sends {order.draft.summary}, and {receiver} {why}")


def _refused(command: h248.Command, answer: h248.CommandReply) -> str:
    if command.kind is not h248.Kind.SERVICE_CHANGE:
        return ""
    if answer.error is not None:
        return (f"refuses it with error {answer.error.code} ({error_meaning(answer.error.code)}): nothing is ordered "
                "from a gateway that is not registered")
    asked, given = command.descriptor(h248.Services), answer.descriptor(h248.Services)
    if asked is None or given is None:
        return ""
    if given.mgc_id is not None:
        return f"sends it on to {given.mgc_id}"
    if given.version is not None and given.version > (asked.version or 1):
        return f"answers with version {given.version}, where version {asked.version or 1} was the highest one offered"
    return ""


rule = Rule("service-change-refused", "H.248.1 §7.2.8, §11", "warning",
            "A ServiceChange is accepted, with a version that was offered", _find,
            next="Version and profile that the gateway offers, and whether it turns to the controller that it is sent "
                 "to. A gateway that is not registered answers no orders (error 505).")
