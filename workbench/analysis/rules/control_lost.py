"""The association between gateway and controller broke, or the gateway restarted: what its contexts were is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248 import message as h248

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import ContextSeen, Order
    from workbench.analysis.report import Report

_LOST = (h248.Method.RESTART, h248.Method.FORCED)
_BACK = (h248.Method.DISCONNECTED, h248.Method.FAILOVER)


def _find(report: Report) -> Iterator[Evidence]:
    coming: dict[str, list[ContextSeen]] = {}
    for context in sorted(report.signalling.contexts, key=_since, reverse=True):
        coming.setdefault(context.gateway.host, []).append(context)
    for order in report.signalling.orders:
        services = _on_root(order)
        if services is None or order.by_controller:
            continue
        gateway, reason = report.names(order.gateway.host), services.reason or "no reason given"
        if services.method in _LOST:
            alive = list(_alive(coming.get(order.gateway.host, []), order.draft.time))
            if not alive:
                continue
            numbers = ", ".join(str(one.number) for one in alive[:8]) + ", ..." * (len(alive) > 8)
            yield Evidence(order.draft.frames, (
                f"{gateway} sends {services.method} ({reason}) while {len(alive)} of its contexts are there "
                f"({numbers}): they are lost, and the media of their calls ends"))
        elif services.method in _BACK:
            yield Evidence(order.draft.frames, (
                f"{gateway} sends {services.method} ({reason}): it had lost its controller. Orders and Notify "
                "commands of that time never arrived"))


def _alive(coming: list[ContextSeen], time: float) -> Iterator[ContextSeen]:
    """Contexts that are there at that time; each is looked at once, since what is lost does not come back."""
    while coming and coming[-1].since < time:
        context = coming.pop()
        if context.emptied is None or context.emptied.time > time:
            yield context


def _since(context: ContextSeen) -> float:
    return context.since


def _on_root(order: Order) -> h248.Services | None:
    for action in order.request.actions:
        for command in action.commands:
            if command.kind is h248.Kind.SERVICE_CHANGE and h248.ROOT in [one.upper() for one in command.terminations]:
                return command.descriptor(h248.Services)
    return None


rule = Rule("control-lost", "H.248.1 §7.2.8, §11.5", "warning",
            "A gateway keeps its controller, and its contexts, while calls are up", _find,
            next="The last message that both sides exchanged before, and the calls whose contexts were alive: their "
                 "SIP dialogs go on without media until somebody hangs up.")
