"""A ticket that asks for TRANSFER_RESP, and an answer that takes the stream without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.mikey_said import Keyed, keyed_dialogs, said_in
from workbench.analysis.rules.offers import answered
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.mikey.messages import Ticket
from workbench.protocols.mikey.registry import DataType, Flag

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in keyed_dialogs(report).values():
        told: set[int] = set()
        for offer, answer in answered(dialog):
            asked = [one for one in said_in(offer) if _asks(one)]
            if not asked or not answer.media.port or offer.index in told or any(map(_responds, said_in(answer))):
                continue
            told.add(offer.index)
            who = report.names(answer.draft.source.host)
            yield Evidence((*offer.draft.frames, *answer.draft.frames), (
                f"{who} takes the stream without TRANSFER_RESP, although the ticket in the offer has flag F: the "
                "initiator has no proof that the ticket was resolved, and must end the call rather than go on in the "
                "clear"))


def _asks(keyed: Keyed) -> bool:
    message = keyed.message
    if message is None or message.header.data_type != DataType.TRANSFER_INIT:
        return False
    ticket = message.first(Ticket)
    return ticket is not None and ticket.policy.has(Flag.F)


def _responds(keyed: Keyed) -> bool:
    """A response, or an Error, or what can't be read and another rule tells."""
    message = keyed.message
    return message is None or message.header.data_type in (DataType.TRANSFER_RESP, DataType.ERROR)


rule = Rule("transfer-response-missing", "RFC 6043 §4.2.2, §6.10", "error",
            "A ticket with flag F is answered with TRANSFER_RESP", _find,
            next="The same answer on the wires before: the responder may have sent it and somebody on the way taken it "
                 "out. Else whether the responder reached its KMS.")
