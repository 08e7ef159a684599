"""A fingerprint is passed on as another one, and TLS is not ended in between: somebody puts himself in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.signalling import Described
from workbench.analysis.rules.rule import Evidence, Rule, is_tls
from workbench.protocols.sip import Request, Response

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_MOST_DESCRIPTIONS = 256


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        said = [one for dialog in call.dialogs for one in dialog.described[:_MOST_DESCRIPTIONS]
                if is_tls(one.media.proto) and one.fingerprints and not one.draft.repeated]
        said.sort(key=lambda one: one.draft.time)
        for index, one in enumerate(said):
            other = next((later for later in said[index + 1:] if is_passed_on(one, later)), None)
            if other is None or set(one.fingerprints) == set(other.fingerprints):
                continue
            yield Evidence((*one.draft.frames, *other.draft.frames), (
                f"the {one.role} comes to {report.names(one.draft.destination.host)} on {one.draft.wire} with "
                f"a=fingerprint:{one.fingerprints[0]} and goes on from {report.names(other.draft.source.host)} on "
                f"{other.draft.wire} with {other.fingerprints[0]}. Either TLS is ended and begun anew there on "
                "purpose, or somebody has put his own certificate in its place and reads all that is said. Look next "
                "at who owns that node, and at what protects SIP on its way there"))


def is_passed_on(one: Described, later: Described) -> bool:
    """The same message on another wire: same Call-ID, CSeq and kind, so nobody but a proxy says to have touched it."""
    return (later.role == one.role and later.index == one.index and later.draft.wire != one.draft.wire
            and _of(later) is not None and _of(later) == _of(one))


def _of(one: Described) -> tuple[object, ...] | None:
    message = one.draft.value
    if not isinstance(message, Request | Response):
        return None
    return message.call_id, message.cseq, message.status if isinstance(message, Response) else message.method


rule = Rule("fingerprint-changed", "RFC 8122 §7, TS 33.328 §4.1.2.3", "warning",
            "A fingerprint reaches the other end as its owner wrote it", _find,
            next="Which node sits between the two messages, and whether ending TLS there was agreed "
                 "(a=3ge2ae:applied). If nobody knows that node, treat what was said in this session as read by "
                 "others.")
