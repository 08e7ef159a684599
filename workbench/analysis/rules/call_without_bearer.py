"""The media connection of a call is over, and the call goes on: nobody tells SIP or the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import attempts
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols import sip
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

# How long it may take until somebody ends the call, or makes a new offer.
_PATIENCE = 10.0


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        held = [one.connection for one in attempts(call)]
        up = [one for one in held if one.established is not None]
        if not call.dialogs or not up or any(one.closed is None for one in held) or not _is_all_tcp(call):
            continue
        over = max(one.closed or 0.0 for one in held)
        since = max(one.established or 0.0 for one in up)
        if report.end - over < _PATIENCE or _is_released(call, since, over):
            continue
        first = min(up, key=lambda one: one.endings[0][1] if one.endings else one.closed or 0.0)
        side = first.sides[first.endings[0][0]] if first.endings else first.sides[0]
        yield Evidence((first.frames[-1], max(one.frames[-1] for one in held)), (
            f"{report.names(side.host)} ends the media connection ({'RST' if first.reset else 'FIN'}), and at "
            f"{over:.3f} s the last leg of it is closed. For {_PATIENCE:.0f} s and more after that there is no BYE, no "
            "new offer, and no Subtract: the session hangs without a bearer"))


def _is_all_tcp(call: Call) -> bool:
    """Every stream of the call runs over TCP: without these connections nothing is left."""
    lines = [one.media for dialog in call.dialogs for one in dialog.described if one.media.port]
    transports = [transport_of(media.proto) for media in lines]
    return bool(lines) and all(one is not None and one.carrier == "tcp" for one in transports)


def _is_released(call: Call, since: float, over: float) -> bool:
    """Somebody said BYE, or offered anew since it was up, before that was overdue; or the gateway was released."""
    ended = any(isinstance(draft.value, sip.Request) and draft.value.method in ("BYE", "CANCEL")
                and draft.time <= over + _PATIENCE for dialog in call.dialogs for draft in dialog.drafts)
    renewed = any(one.role == "offer" and since < one.draft.time <= over + _PATIENCE
                  for dialog in call.dialogs for one in dialog.described)
    gone = [end.subtracted for context in call.contexts for end in context.terminations.values()]
    return ended or renewed or (bool(gone) and all(time is not None and time <= over + _PATIENCE for time in gone))


rule = Rule("call-without-bearer", "RFC 4975 §5.4, TS 23.334 §8.6", "warning",
            "A session whose only connection is gone is ended or offered anew", _find,
            next="Check whether the released bearer was asked for (g/cause or the TCP package's change in Events of "
                 "the termination) and reported; a gateway that only relays segments (§5.16.1) can't tell, and then "
                 "the UEs have to say BYE themselves.")
