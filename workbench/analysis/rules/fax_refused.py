"""An offer of T.38 is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols import sip
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described, DialogSeen
    from workbench.analysis.drafts import Draft
    from workbench.analysis.report import Report

_REFUSALS = (406, 415, 488, 606)


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for dialog in call.dialogs:
            offer = next((one for one in dialog.described if one.role == "offer" and _is_fax(one)), None)
            answer = _refusal(dialog, offer) if offer is not None else None
            if offer is None or answer is None:
                continue
            first = min(one.draft.time for one in dialog.described)
            after = ("the call goes on with sound" if first < offer.draft.time else "the call fails")
            yield Evidence((*offer.draft.frames, *answer.frames), (
                f"{report.names(answer.source.host)} answers the offer of {offer.media.proto} with "
                f"{answer.summary}; {after}. A fax then passes as tones in the audio or not at all"))
            break


def _is_fax(one: Described) -> bool:
    transport = transport_of(one.media.proto)
    return transport is not None and transport.application == "udptl"


def _refusal(dialog: DialogSeen, offer: Described) -> Draft | None:
    request = offer.draft.value
    return next((draft for draft in dialog.drafts if isinstance(draft.value, sip.Response)
                 and draft.value.status in _REFUSALS and draft.value.cseq == request.cseq
                 and draft.source.host == offer.draft.destination.host), None)


rule = Rule("fax-refused", "T.38 annex D, RFC 3261 §21.4.26", "note", "An offer of T.38 is taken", _find,
            next="Whether the other terminal does T.38 at all, or does it without DTLS, and whether the audio that is "
            "left has a coding that carries fax tones (G.711, no compression).")
