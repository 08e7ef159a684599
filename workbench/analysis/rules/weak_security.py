"""Security that is agreed, and too weak: hashes of fingerprints, versions and cipher suites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.rule import Evidence, Rule, is_tls

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_STRONG = ("sha-256", "sha-384", "sha-512")
_OLD = ("SSL 3.0", "TLS 1.0", "TLS 1.1", "DTLS 1.0")
_WEAK_SUITES = ("_NULL_", "_RC4_", "_DES_", "_3DES_", "_EXPORT_", "_anon_", "_MD5")


def _hash(report: Report) -> Iterator[Evidence]:
    for dialog in report.signalling.dialogs.values():
        told: set[str] = set()
        for one in dialog.described:
            names = {value.partition(" ")[0].casefold() for value in one.fingerprints}
            if not names or not is_tls(one.media.proto) or names & set(_STRONG) or one.draft.source.host in told:
                continue
            told.add(one.draft.source.host)
            yield Evidence(one.draft.frames, (
                f"the {one.role} of {report.names(one.draft.source.host)} has fingerprints by "
                f"{', '.join(sorted(names))} alone: another certificate with the same fingerprint can be made, or "
                "soon can. SHA-256 should always be there"))


def _version(report: Report) -> Iterator[Evidence]:
    for session in report.sessions:
        for leg in session.legs:
            weak = [leg.tls_version] if leg.tls_version in _OLD else []
            weak += [leg.cipher_suite] if any(one in f"{leg.cipher_suite}_" for one in _WEAK_SUITES) else []
            if weak:
                yield Evidence(leg.frames[:1], (
                    f"{leg.tls_client} and {leg.tls_server} agree on {' and '.join(weak)} on the {leg.name} leg: it "
                    "is broken, or must not be used any more"))


hash_rule = Rule("weak-fingerprint", "RFC 8122 §5", "warning", "A fingerprint is made with SHA-256 or better", _hash,
                 next="Which end wrote it, and whether it has a setting for the hash.")
version_rule = Rule("weak-tls", "RFC 8996, RFC 7465, TS 33.310 annex E", "error",
                    "TLS and DTLS are of version 1.2 or later, with a suite that still protects", _version,
                    provisional=True,
                    next="What the ClientHello offered: the server takes one of that, so either end may be the old.")
