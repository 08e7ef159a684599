"""What `analyze` tells of contexts over time and of joined calls, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.cli_words import say_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.analysis.calls.context_values import ContextHistory
    from workbench.analysis.calls.joined_values import Dialog, Fax, Floor, Joined, JoinedLeg, Passage
    from workbench.analysis.report import Report

_MOST_CONTEXTS = 20
_MOST_STATES = 12
_MOST_CALLS = 20
_MOST_LINES = 12


def print_contexts(report: Report) -> None:
    """Each H.248 context with what changed in it, up to a number that can be read."""
    for context in report.contexts[:_MOST_CONTEXTS]:
        for line in _context(context):
            say_line(f"  {line}")
    more = len(report.contexts) - _MOST_CONTEXTS
    if more > 0:
        say_line(f"  and {more} more contexts; --json and --parquet hold them all")


def _context(context: ContextHistory) -> Iterator[str]:
    since = f"{context.since:.3f} s" if context.begun else f"before {context.since:.3f} s"
    until = f"{context.until:.3f} s" if context.until is not None else "the end of the capture: it is still there"
    yield f"H.248 context {context.number} of {context.gateway}: from {since} to {until}"
    for state in context.states[:_MOST_STATES]:
        yield f"  {state.time:.3f} frame {state.frame}: {state.change}"
    more = len(context.states) - _MOST_STATES + context.left_out
    if more > 0:
        yield f"  and {more} more changes"


def print_joined(report: Report) -> None:
    """Each call with its hops, legs, floors and pages, up to a number that can be read."""
    calls = [one for one in report.joined if one.legs or len(one.dialogs) > 1]
    for call in calls[:_MOST_CALLS]:
        say_line(f"  {call.session} joined:")
        for line in _call(call):
            say_line(f"    {line}")
    more = len(calls) - _MOST_CALLS
    if more > 0:
        say_line(f"  and {more} more calls joined; --json holds them all")


def _call(call: Joined) -> Iterator[str]:
    for dialog in call.dialogs[:_MOST_LINES]:
        yield _dialog(dialog)
    for leg in call.legs[:_MOST_LINES]:
        yield from _leg(leg)
    for floor in call.floors[:_MOST_LINES]:
        yield _floor(floor)
    for fax in call.faxes[:_MOST_LINES]:
        yield _fax(fax)
    left = sum(max(0, len(held) - _MOST_LINES) for held in (call.dialogs, call.legs, call.floors, call.faxes))
    if left:
        yield f"and {left} more dialogs, legs, floors and faxes"
    if call.unread_fax:
        yield f"pages of {call.unread_fax} UDPTL packets were not looked for"


def _dialog(dialog: Dialog) -> str:
    return (f"SIP {dialog.caller} to {dialog.callee}, Call-ID {dialog.call_id}: "
            + "; ".join(map(_passage, dialog.passages[:_MOST_LINES])))


def _passage(passage: Passage) -> str:
    said = f"{passage.protocol} " if passage.protocol else ""
    return f"{said}{passage.source} to {passage.destination} on {passage.wire} from frame {passage.frame}"


def _leg(leg: JoinedLeg) -> Iterator[str]:
    yield f"{leg.name}: " + ("; ".join(map(_passage, leg.passages[:_MOST_LINES])) or "no connection seen")
    for one in leg.owners[:_MOST_LINES]:
        streams = ", ".join(map(str, one.streams[:_MOST_LINES]))
        yield (f"  {one.gateway}: context {one.context}, {one.termination}"
               + (f", stream {streams}" if streams else "") + (f" at {one.local}" if one.local else ""))
    for nat in leg.nats[:_MOST_LINES]:
        yield f"  {nat.nat} is in between: {nat.inside} is inside, {nat.outside} is the NAT's"
    if leg.dialogs:
        yield f"  described in Call-ID {', '.join(leg.dialogs[:_MOST_LINES])}"
    for session in leg.msrp[:_MOST_LINES]:
        began = f"from frame {session.frame}" if session.frame is not None else "nothing of it read"
        unknown = [path for path, told in zip(session.paths, session.told, strict=True) if not told]
        also = f"; no SDP of this leg has {' nor '.join(unknown)}" if unknown else ""
        yield f"  MSRP {session.paths[0]} with {session.paths[1]}, {began}{also}"


def _floor(floor: Floor) -> str:
    held = [f"user {one.user} from {one.since:.3f} " + (
        f"to {one.until:.3f} ({one.end}, frame {one.last})" if one.until is not None else "on")
        for one in floor.holdings[:_MOST_LINES]]
    more = len(floor.holdings) - _MOST_LINES
    return (f"floor {floor.floor} of conference {floor.conference}: "
            + ("; ".join(held) or "nobody held it") + (f"; and {more} more" if more > 0 else ""))


def _fax(fax: Fax) -> str:
    pages = [f"page {one.number}" + (f" ({one.format})" if one.format else "") + f", {one.octets} octets"
             + (f", about {one.missing} missing" if one.missing else "") + (f", {one.ended}" if one.ended else "")
             for one in fax.pages[:_MOST_LINES]]
    more = len(fax.pages) - _MOST_LINES
    return f"fax from {fax.source} to {fax.destination} on {fax.wire}: " + "; ".join(pages) + (
        f"; and {more} more pages" if more > 0 else "")
