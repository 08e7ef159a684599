"""A Notify tells of an event that nobody has asked for, or with another RequestID than the one that asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248 import message as h248

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.terminations import TerminationSeen

# g/sc tells that a signal has ended, where the signal itself asks for it (NotifyCompletion).
_FREE = ("g/sc",)


def _find(report: Report) -> Iterator[Evidence]:
    for context in report.signalling.contexts:
        for termination in context.terminations.values() if context.created is not None else ():
            for draft, observed in termination.notified if termination.added is not None else ():
                why = _unasked(termination, observed, draft.time)
                if why:
                    asked = tuple(frame for one, _ in termination.watched if one.time <= draft.time
                                  for frame in one.frames)
                    yield Evidence((*asked[-4:], *draft.frames), (
                        f"{report.names(context.gateway.host)} notifies "
                        f"{', '.join(one.name for one in observed.events[:4])} of {termination.name} with RequestID "
                        f"{observed.request_id}; {why}"))


def _unasked(termination: TerminationSeen, observed: h248.ObservedEvents, time: float) -> str:
    asked = [events for draft, events in termination.watched if draft.time <= time]
    asked += [inner for events in asked for inner in _embedded(events)]
    if not asked:
        return "no Events descriptor was ever given to this termination"
    same = [events for events in asked if events.request_id in (observed.request_id, h248.ALL)]
    if not same:
        known = sorted({str(events.request_id) for events in asked if events.request_id is not None})
        return f"the Events descriptors of this termination have {', '.join(known[:8]) or 'none'}"
    names = [one.name.casefold() for events in same for one in events.events]
    for event in observed.events:
        name = event.name.casefold()
        if name not in _FREE and not any(one in (name, f"{name.partition('/')[0]}/*", "*/*") for one in names):
            return f"that descriptor asks for {', '.join(sorted(set(names))[:8]) or 'nothing'}"
    return ""


def _embedded(events: h248.Events) -> Iterator[h248.Events]:
    for event in events.events:
        for embed in (event.embed, event.regulated_embed):
            if embed is not None and embed.events is not None:
                yield embed.events


rule = Rule("event-unasked", "H.248.1 §7.1.9, §7.1.17, H.248.8 (458)", "error",
            "A Notify tells of events that were asked for, with the RequestID that asked", _find,
            next="Whether a later Events descriptor replaced the one that the gateway goes by: the controller drops "
                 "such a Notify, and what it tells is lost.")
