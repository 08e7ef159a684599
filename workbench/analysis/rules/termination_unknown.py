"""A command names a termination that its context does not have: never added, or subtracted before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248 import message as h248

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import ContextSeen, Order
    from workbench.analysis.report import Report

_CROSSING = 1.0
_MOVES = (h248.Kind.ADD, h248.Kind.MOVE)


def _find(report: Report) -> Iterator[Evidence]:
    partly = _partly_seen(report)
    for order in report.signalling.orders:
        if order.by_controller and order.carried_out:
            continue    # the gateway knows better: what put the termination there is not in the capture
        for action in order.request.actions:
            context = next((one for one in order.contexts or () if one.number == action.context), None)
            # Only of a context that was seen from its beginning, and is still there, it is known what is in it.
            if context is None or context.created is None or context in partly:
                continue
            if context.emptied is not None and context.emptied.time < order.draft.time:
                continue
            for command in action.commands:
                for name in command.terminations if command.kind not in _MOVES else ():
                    why = _missing(context, name, order)
                    if why:
                        yield Evidence((*context.created.frames, *order.draft.frames), (
                            f"{report.names(order.draft.source.host)} sends {command.kind} {name} for context "
                            f"{context.number}, and {why} (errors 430, 435)"))


def _partly_seen(report: Report) -> set[ContextSeen]:
    """Contexts with an Add or Move whose reply is not in the capture."""
    return {context for order in report.signalling.orders if order.reply is None for context in order.contexts or ()
            if any(command.kind in _MOVES for action in order.request.actions for command in action.commands)}


def _missing(context: ContextSeen, name: str, order: Order) -> str:
    if "$" in name or "*" in name or name.upper() == h248.ROOT:
        return ""
    termination = context.terminations.get(name)
    if termination is None or termination.added is None:
        # One that an Add of the same transaction makes is there by then.
        return "" if termination is not None and _moved(context, name) else "no Add has put it there"
    gone = termination.subtracted
    if gone is not None and order.draft.time - gone > _CROSSING:
        return f"it was subtracted at {gone:.3f} s"
    return ""


def _moved(context: ContextSeen, name: str) -> bool:
    """A Move may have brought it from another context."""
    return any(isinstance(item, h248.Request) and command.kind is h248.Kind.MOVE and name in command.terminations
               for draft in context.drafts[:256] if isinstance(draft.value, h248.Message)
               for item in draft.value.body if isinstance(item, h248.Request)
               for action in item.actions for command in action.commands)


rule = Rule("termination-unknown", "H.248.1 §7.2, H.248.8 (430, 435)", "error",
            "Commands are for terminations that are in their context", _find,
            next="The name that the reply to Add gave, letter by letter, and whether two calls share a context.")
