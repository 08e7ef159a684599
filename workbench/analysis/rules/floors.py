"""What rules ask of the BFCP messages of a call."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from workbench.protocols.bfcp import messages as bfcp

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_MOST = 20_000
_MOST_REQUESTS = 64


def on_leg(report: Report, leg: Leg) -> list[Message]:
    """The BFCP messages of a leg, in order; those that do not decode left out."""
    return [one for one in islice(report.on(leg), _MOST) if isinstance(one.value, bfcp.Message) and not one.repeated]


def messages_of(report: Report, call: Call) -> list[Message]:
    """The BFCP messages of the leg of a call that shows most of them, since each leg carries the same."""
    return max((on_leg(report, leg) for leg, _, _ in call.legs), key=len, default=[])


def statuses(message: Message) -> list[tuple[int, int | None]]:
    """Floor requests that a message tells of, each with its status: of the whole, or of its first floor."""
    return [(one.request, one.status if one.status is not None else next((
        floor.status for floor in one.floors if floor.status is not None), None))
        for one in message.value.requests[:_MOST_REQUESTS]]


def closed_by(call: Call, since: float) -> float:
    """When the call's floors were given back at the latest: its first connection's end, or its dialog's."""
    ends = [leg.closed for leg, _, _ in call.legs if leg.closed is not None]
    ends += [draft.time for dialog in call.dialogs for draft in dialog.drafts if draft.summary.startswith("BYE")]
    return min((time for time in ends if time >= since), default=float("inf"))
