"""What a controller ordered with signals, as rules ask for it."""

from __future__ import annotations

from workbench.analysis.calls.signalling import TerminationSeen
from workbench.protocols.h248 import message as h248

_MOST_DRAFTS = 256


def is_ordered(termination: TerminationSeen, signal: str) -> bool:
    """A request applies the signal of this name to the termination; `$` and `*` may mean it too."""
    for draft in termination.context.drafts[:_MOST_DRAFTS]:
        value = draft.value
        if not isinstance(value, h248.Message):
            continue
        for command in (command for request in value.body if isinstance(request, h248.Request)
                        for action in request.actions for command in action.commands):
            named = any(name == termination.name or "$" in name or "*" in name for name in command.terminations)
            if named and any(_name(item) == signal.casefold() for descriptor in command.descriptors
                             if isinstance(descriptor, h248.Signals) for item in descriptor.items):
                return True
    return False


def _name(item: object) -> str:
    return item.name.casefold() if isinstance(item, h248.Signal) else ""
