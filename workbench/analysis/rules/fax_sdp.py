"""SDP of a fax says what it must not: roles, fingerprints, T.38's attributes; and answers that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.offers import with_offers
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sdp import Violation, check_answer, check_offer, transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report

_TOLD_ELSEWHERE = ("same-transport", "fingerprint-present")
"""What `answer-drops-security` says of an answer."""


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        told: set[tuple[int, str, str]] = set()
        for offer, one in with_offers(dialog):
            for violation in _wrong(offer, one):
                key = (one.index, one.draft.source.host, violation.rule)
                if key not in told:
                    told.add(key)
                    frames = one.draft.frames if offer is None else (*offer.draft.frames, *one.draft.frames)
                    yield Evidence(frames, (
                        f"the {one.role} of {report.names(one.draft.source.host)} for {one.media.proto}: "
                        f"{violation.what} [{violation.clause}]"))


def _wrong(offer: Described | None, one: Described) -> list[Violation]:
    media = one.description.effective(one.media)
    if not _is_fax(one) and not (offer is not None and _is_fax(offer)):
        return []
    if one.role == "offer":
        return check_offer(media)
    if offer is None:
        return []
    found = check_answer(offer.description.effective(offer.media), media)
    return [violation for violation in found if violation.rule not in _TOLD_ELSEWHERE]


def _is_fax(one: Described) -> bool:
    transport = transport_of(one.media.proto)
    return transport is not None and transport.application == "udptl"


rule = Rule("fax-sdp", "RFC 7345 §4.1, RFC 8842 §5, T.38 annex D", "error",
            "Offers and answers of T.38 have the attributes that belong to them, and no others", _find,
            next="Compare the description with the one on the other leg: which node added, dropped or passed on the "
                 "attribute. Then see what the receiver made of it: 488, another answer, or no fax.")
