"""A user hears that it has a floor, and the MRFC has not confirmed that media follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.floors import on_leg, statuses
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.bfcp.registry import Primitive, Status
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import ContextSeen
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        if call.session.kind != "bfcp":
            continue
        contexts = [one for one in call.contexts if _reports(one)]
        if not contexts:
            continue
        confirmed = _confirmed(report, contexts)
        told: set[int] = set()
        for leg, _, _ in call.legs:
            for message in on_leg(report, leg):
                if message.value.primitive != Primitive.FLOOR_REQUEST_STATUS:
                    continue
                for request, status in statuses(message):
                    since = confirmed.get(request)
                    if status != Status.GRANTED or request in told or (
                            since is not None and since[0] <= message.frames[-1]):
                        continue
                    told.add(request)
                    later = f"Confirm Media Update for it comes later, in frame {since[0]}" if since else (
                        "no Confirm Media Update comes for it")
                    yield Evidence((*message.frames, *(since or ())), (
                        f"{message.source.node} tells user {message.value.user} that floor request {request} is "
                        f"granted, and {later}: the user may send before media are connected"))


def _reports(context: ContextSeen) -> bool:
    """Seen from its beginning, and decisions are to be reported."""
    asked = registry().wire_name("floor-decision").casefold()
    return context.created is not None and context.whole and any(
        event.name.casefold() == asked for termination in context.terminations.values()
        for _, events in termination.watched for event in events.events)


def _confirmed(report: Report, contexts: list[ContextSeen]) -> dict[int, tuple[int, ...]]:
    """Floor requests that were confirmed in these contexts, and the frames that say so first."""
    names = registry()
    signal, parameter = names.wire_name("floor-confirm").casefold(), names.wire_name("floor-confirm-request")
    found: dict[int, tuple[int, ...]] = {}
    for order in report.signalling.orders:
        if not order.by_controller or not any(one in contexts for one in order.contexts or ()):
            continue
        for action in order.request.actions:
            for command in action.commands:
                signals = command.descriptor(h248.Signals)
                for item in signals.items if signals is not None else ():
                    if isinstance(item, h248.Signal) and item.name.casefold() == signal:
                        value = item.parameter(parameter)
                        if value is not None and value.value.isascii() and value.value.isdigit():
                            found.setdefault(int(value.value[:6]), order.draft.frames)
    return found


rule = Rule("floor-granted-unconfirmed", "TS 23.333 §6.2.13.2.4, §8.49", "warning",
            "A floor is granted behind Confirm Media Update", _find, provisional=True,
            next="Whether the MRFP waits for the confirmation at all, and when the MRFC has changed the media of this "
            "user.")
