"""TLS or DTLS is up on a leg, and one end has announced no fingerprint: its certificate could be anybody's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.legs import said_on
from workbench.analysis.rules.rule import Evidence, Rule, is_tls
from workbench.analysis.rules.secured import is_payload, is_up, said

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for leg, span, termination in call.legs:
            if not leg.tls_client or not is_tls(leg.transport) or leg.psk_identity:
                continue
            bare = [one for side in said_on(call, termination, span) if (one := _bare(side)) is not None]
            if not bare:
                continue
            seen = said(report, leg)
            payload = next((one for one in seen if is_payload(one)), None)
            if payload is None or not is_up(seen):
                continue
            for one in bare:
                yield Evidence((*one.draft.frames, *payload.frames), (
                    f"the {one.role} of {report.names(one.draft.source.host)} says {one.media.proto} and has no "
                    f"a=fingerprint, and TLS carries payload on the {leg.name} leg all the same: nothing ties the "
                    "certificate to the call, so anybody in between may have ended TLS"))


def _bare(side: list[Described]) -> Described | None:
    """The last description of a side, where none has a fingerprint or a key that takes its place."""
    told = [one for one in side if is_tls(one.media.proto) and one.media.port]
    known = any(one.fingerprints or one.description.attribute_of(one.media, "key-mgmt") is not None for one in told)
    return None if known or not told else told[-1]


rule = Rule("tls-without-fingerprint", "RFC 8122 §5, §6.2, TS 23.334 §6.2.10.3", "error",
            "TLS carries nothing for an end that has announced no fingerprint", _find, provisional=True,
            next="Whether somebody on the way takes a=fingerprint out of SDP, and why the other end goes on: an answer "
            "without it has to end the stream.")
