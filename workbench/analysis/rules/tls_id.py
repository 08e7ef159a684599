"""`a=tls-id` says which (D)TLS association a description means: missing, left unanswered, or new for no reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.offers import hop
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import of_network
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described, DialogSeen
    from workbench.analysis.report import Report

_Pair = tuple["Described", "Described | None", "Described", "Described | None"]


def _exchanges(dialog: DialogSeen) -> Iterator[_Pair]:
    """Offer, what its sender said before, answer, and what its sender said before: streams with DTLS alone."""
    offers: dict[tuple[frozenset[str], int], tuple[Described, Described | None]] = {}
    last: dict[tuple[str, str, int], Described] = {}
    for one in dialog.described:
        source = one.draft.source.host
        key, at = (source, one.draft.destination.host, one.index), (hop(one), one.index)
        before = last.get(key)
        if not _is_dtls(one) or not one.media.port or (before is not None and before.draft is one.draft):
            continue
        if one.role == "offer":
            offers[at] = (one, before)
        elif at in offers and offers[at][0].draft.source.host != source:
            yield (*offers.pop(at), one, before)
        last[key] = one


def _is_dtls(one: Described) -> bool:
    transport = transport_of(one.media.proto)
    return transport is not None and transport.security == "dtls" and transport.application != "rtp"


def _id(one: Described | None) -> str | None:
    return None if one is None else one.description.attribute_of(one.media, "tls-id")


def _missing(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        for offer, before, answer, _ in _exchanges(dialog):
            bare = offer if _id(offer) is None else answer if _id(answer) is None else None
            if bare is not None and before is None:
                yield Evidence((*offer.draft.frames, *answer.draft.frames), (
                    f"the {bare.role} of {report.names(bare.draft.source.host)} for {bare.media.proto} has no "
                    "a=tls-id: whether a later exchange means this association or another one can only be guessed "
                    "from addresses and fingerprints. Ends of release 12 write none"))
                break


def _ignored(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        for offer, former, answer, before in _exchanges(dialog):
            wanted = _id(former) is not None and _id(offer) not in (None, _id(former))
            if wanted and _id(before) is not None and _id(answer) == _id(before):
                yield Evidence((*offer.draft.frames, *answer.draft.frames), (
                    f"{report.names(offer.draft.source.host)} offers a new a=tls-id, which asks for another "
                    f"association, and the answer of {report.names(answer.draft.source.host)} has the one that it had "
                    "before: one end begins a handshake that the other does not expect"))


def _renewed(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for dialog in call.dialogs:
            yield from _renewed_in(report, call, dialog)


def _renewed_in(report: Report, call: Call, dialog: DialogSeen) -> Iterator[Evidence]:
    for offer, former, answer, before in _exchanges(dialog):
        if former is None or before is None or _id(offer) is None or _id(offer) != _id(former) or (
                offer.fingerprints != former.fingerprints):
            continue
        if _id(answer) != _id(before) and of_network(call, answer):
            yield Evidence((*offer.draft.frames, *answer.draft.frames), (
                f"the offer of {report.names(offer.draft.source.host)} keeps its a=tls-id and its fingerprint, and "
                f"{report.names(answer.draft.source.host)} answers with a new a=tls-id: a second handshake in the "
                "middle of the call that nothing asked for"))


missing = Rule("tls-id-missing", "RFC 8842 §5.2, §5.3, TS 23.334 §6.2.10.4", "note",
               "Both ends name their DTLS association by a=tls-id", _missing, provisional=True,
               next="Which release the end is of, and whether somebody on the way takes attributes out of SDP.")
ignored = Rule("tls-id-ignored", "RFC 8842 §3.1, §5.3, TS 23.334 §6.2.10.4", "error",
               "An offer with a new a=tls-id gets an answer with a new one", _ignored, provisional=True,
               next="Whether a second ClientHello is sent and who does not answer it; whether the gateway was told of "
               "the new association.")
renewed = Rule("association-renewed", "TS 23.334 §6.2.10.4, RFC 8842 §3.1", "warning",
               "The network keeps a DTLS association that the UE's offer keeps", _renewed, provisional=True,
               next="Why the IMS-ALG orders another association: a session refresh, a hold or an offer from the other "
               "side needs none.")
