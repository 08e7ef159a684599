"""An answer takes TLS or DTLS away from the stream that it was offered for, or leaves the fingerprint out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.offers import answered
from workbench.analysis.rules.rule import Evidence, Rule, is_tls

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        told: set[tuple[int, str]] = set()
        for offer, one in answered(dialog):
            wrong = _wrong(offer, one)
            if not wrong or (one.index, wrong) in told:
                continue
            told.add((one.index, wrong))
            e2ae = offer.description.attribute_of(offer.media, "3ge2ae")
            asked = f"{offer.media.proto} with a=3ge2ae:{e2ae}" if e2ae else offer.media.proto
            sender, receiver = (report.names(end.host) for end in (one.draft.source, one.draft.destination))
            yield Evidence((*offer.draft.frames, *one.draft.frames), (
                f"{receiver} offers {asked}, and the answer of {sender} {wrong}. There is no falling back to the "
                "clear: the stream has to be released. Look next whether anybody stands in between who changes SDP"))


def _wrong(offer: Described, answer: Described) -> str:
    """What the answer does to the offer's security; empty: nothing, or the stream is refused."""
    if not is_tls(offer.media.proto) or not answer.media.port:
        return ""
    if not is_tls(answer.media.proto):
        return f"says {answer.media.proto}"
    if answer.description.attribute_of(answer.media, "key-mgmt") is not None:
        return ""       # a key in place of certificates
    return "has no a=fingerprint" if offer.fingerprints and not answer.fingerprints else ""


rule = Rule("answer-drops-security", "RFC 3264 §6, RFC 8122 §5, RFC 7345 §4.3, TS 23.334 §6.2.10.3", "error",
            "An answer keeps the transport of a secured stream, and brings a fingerprint", _find, provisional=True,
            next="Whether the side that answered is registered for media plane security at all, and what its offers "
                 "look like when it calls. Then see that the other side ended the attempt and no media flowed.")
