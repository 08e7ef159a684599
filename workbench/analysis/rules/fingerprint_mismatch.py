"""A certificate is not the one whose fingerprint was announced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report


def _find(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            for certificate in leg.certificates:
                if certificate.matches is False:
                    yield Evidence(certificate.frames, (
                        f"{certificate.owner} presents a certificate with {certificate.seen} on the {leg.name} leg; "
                        f"announced was {certificate.announced}. The session must not be used: either the certificate "
                        "is wrong or somebody stands in between"))


rule = Rule("fingerprint-mismatch", "RFC 8122 §6.2, TS 23.334 §6.2.10.3", "error",
            "The certificate presented is the one whose fingerprint was announced", _find, provisional=True,
            next="Compare a=fingerprint as the UE wrote it with what each node on the way passed on. If it arrived "
                 "unchanged, ask which certificate the UE has installed, and look for another node that answers in "
                 "its place.")
