"""What a rule is, and what rules ask of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report

SECURITY_ATTRIBUTES = ("3ge2ae", "fingerprint", "tls-id", "crypto", "key-mgmt")


class Evidence(msgspec.Struct, frozen=True):
    """One place where a rule is broken: the frames that show it, and what they show."""

    frames: tuple[int, ...]
    explanation: str


class Rule(msgspec.Struct, frozen=True):
    """One thing that captures must not show.

    Args:
        id: stable, in words.
        clause: where it stands.
        severity: `error`, `warning` or `note`.
        title: the rule, as a sentence.
        find: gives each place where a report breaks it.
        provisional: rests on knowledge that was not looked up.
        next: what to check next where it is broken, as one or two sentences; empty where the evidence says all.
    """

    id: str
    clause: str
    severity: str
    title: str
    find: Callable[[Report], Iterator[Evidence]]
    provisional: bool = False
    next: str = ""


def is_tls(proto: str) -> bool:
    """Whether a `<proto>` asks for TLS or DTLS."""
    transport = transport_of(proto)
    return transport is not None and transport.security in ("tls", "dtls")


def wants_e2ae(call: Call) -> bool:
    """Somebody asked for e2ae in SDP, or the gateway was told to end TLS."""
    asked = any(one.media.attribute("3ge2ae") is not None for dialog in call.dialogs for one in dialog.described)
    return asked or any(is_tls(termination.bearer) for context in call.contexts
                        for termination in context.terminations.values())


def core_descriptions(call: Call) -> list[Described]:
    """What was sent in SIP by the controller on the dialogs of terminations of the core side."""
    cores = {one.endpoint for context in call.contexts for termination in context.terminations.values()
             if termination.side == "core" for one in termination.locals if one.endpoint is not None}
    return [one for dialog in call.dialogs for one in dialog.described if one.endpoint in cores]


def up_between(call: Call, end: float) -> tuple[Draft, float] | None:
    """What made the last dialog of a call an answered one, and until when none was ended; None: not all are answered.

    Args:
        end: of the capture.
    """
    answers = [dialog.accepted for dialog in call.dialogs]
    found = [one for one in answers if one is not None]
    if not found or len(found) != len(answers):
        return None
    over = [dialog.over for dialog in call.dialogs]
    return max(found, key=draft_time), min((one.time for one in over if one is not None), default=end)


def draft_time(draft: Draft) -> float:
    """When a message was complete; to sort by."""
    return draft.time
