"""A certificate is not the one that SDP announced, and the other end takes it all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.rules.secured import is_payload, said

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Certificate, Leg, Message

_GRACE_SECONDS = 1.0
"""How long an end may look at a certificate after the handshake before it gives the session up."""


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            for certificate in leg.certificates:
                if certificate.matches is False:
                    yield from _held(report, leg, certificate)


def _held(report: Report, leg: Leg, certificate: Certificate) -> Iterator[Evidence]:
    seen = said(report, leg)
    shown = next((place for place, one in enumerate(seen) if one.frames == certificate.frames), None)
    if shown is None:
        return
    owner = seen[shown].source
    checker = [one for one in seen[shown + 1:] if one.source != owner and not one.repeated]
    if any(one.summary.startswith("Alert fatal") for one in checker):
        return
    # A server of TLS 1.3 gives tickets out when it has taken the client's certificate (RFC 8446 §4.6.1).
    payload = next((one for one in checker if is_payload(one) or one.summary.startswith("NewSessionTicket")), None)
    done = _finished(seen)
    if payload is not None:
        what = f"and goes on: {payload.source.node} says {payload.summary} inside"
        frames = payload.frames
    elif done is not None and _ends(checker, report.end) - done.time >= _GRACE_SECONDS:
        what = "the handshake finishes, and nobody gives the session up"
        frames = done.frames
    else:
        return
    yield Evidence((*certificate.frames, *frames), (
        f"{certificate.owner} presents a certificate on the {leg.name} leg that its SDP did not announce, {what}. "
        "Whoever holds that certificate reads and writes in the other end's name"))


def _finished(seen: list[Message]) -> Message | None:
    """The second Finished, which ends the handshake."""
    done: dict[object, Message] = {}
    for one in seen:
        if one.summary.startswith("Finished"):
            done.setdefault(one.source, one)
    return list(done.values())[1] if len(done) > 1 else None


def _ends(checker: list[Message], end: float) -> float:
    return next((one.time for one in checker if one.summary.startswith(("FIN", "RST", "Alert"))), end)


rule = Rule("mismatch-accepted", "RFC 8122 §6.2, TS 23.334 §6.2.10.3, §6.2.10.4", "error",
            "A certificate that SDP did not announce is refused", _find, provisional=True,
            next="Whether the fingerprint was told to that end at all (a=fingerprint in Remote over H.248), and "
            "whether its check is switched off; then who owns the certificate.")
