"""A Notify tells of an event that nobody has asked for, or with another RequestID than the one that asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.h248 import message as h248

if TYPE_CHECKING:
    from workbench.analysis.calls.terminations import TerminationSeen
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report

# g/sc tells that a signal has ended, where the signal itself asks for it (NotifyCompletion).
_FREE = ("g/sc",)


def _find(report: Report) -> Iterator[Evidence]:
    for context in report.signalling.contexts:
        # Only of a context and a termination that were seen from their beginning it is known what was asked for.
        if context.created is None or not context.whole:
            continue
        for termination in context.terminations.values():
            if termination.added is None or not termination.notified:
                continue
            for draft, observed, asked, why in _unasked(termination):
                yield Evidence((*asked, *draft.frames), (
                    f"{report.names(context.gateway.host)} notifies "
                    f"{', '.join(one.name for one in observed.events[:4])} of {termination.name} with RequestID "
                    f"{observed.request_id}; {why}"))


def _unasked(termination: TerminationSeen) -> Iterator[tuple[Draft, h248.ObservedEvents, tuple[int, ...], str]]:
    """Each Notify that nothing before it has asked for, the frames of what was asked for last, and what is wrong."""
    armed: dict[int | None, set[str]] = {}
    frames: tuple[int, ...] = ()
    watched = iter(termination.watched)
    coming = next(watched, None)
    for draft, observed in termination.notified:
        while coming is not None and coming[0].time <= draft.time:
            for events in (coming[1], *_embedded(coming[1])):
                armed.setdefault(events.request_id, set()).update(one.name.casefold() for one in events.events)
            frames = (*frames, *coming[0].frames)[-4:]
            coming = next(watched, None)
        why = _wrong(armed, observed)
        if why:
            yield draft, observed, frames, why


def _wrong(armed: dict[int | None, set[str]], observed: h248.ObservedEvents) -> str:
    if not armed:
        return "no Events descriptor was ever given to this termination"
    if observed.request_id not in armed and h248.ALL not in armed:
        known = sorted(str(one) for one in armed if one is not None)
        return f"the Events descriptors of this termination have {', '.join(known[:8]) or 'none'}"
    names = armed.get(observed.request_id, set()) | armed.get(h248.ALL, set())
    for event in observed.events:
        name = event.name.casefold()
        if name not in _FREE and not names & {name, f"{name.partition('/')[0]}/*", "*/*"}:
            return f"that descriptor asks for {', '.join(sorted(names)[:8]) or 'nothing'}"
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
