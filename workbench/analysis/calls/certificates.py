"""Certificates that TLS and DTLS show, held against the fingerprints that SDP announced (RFC 8122 §5)."""

from __future__ import annotations

import hashlib

from workbench.analysis.calls.signalling import Described
from workbench.analysis.drafts import Draft
from workbench.analysis.values import Certificate
from workbench.errors import PeerError
from workbench.protocols.sdp import Fingerprint
from workbench.protocols.tls import messages as tls

_HASHES = {"sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512",
           "md5": "md5"}


def is_certificate(draft: Draft) -> bool:
    """Whether it is the message that carries certificates."""
    return isinstance(draft.value, tls.Handshake) and isinstance(draft.value.body, tls.Certificate)


def announced_in(said: list[Described], opened: float | None = None) -> tuple[str, ...]:
    """The fingerprints of the last description that has any.

    Args:
        opened: when the connection began that they are for: a later description counts only where none came before,
            since another certificate makes another connection (RFC 8122 §5).
    """
    told = [one for one in said if one.fingerprints]
    before = [one for one in told if opened is None or one.draft.time <= opened]
    counts = before[-1:] or told[:1]
    return counts[0].fingerprints if counts else ()


def held_against(owner: str, der: bytes, announced: tuple[str, ...], frames: tuple[int, ...] = ()) -> Certificate:
    """A certificate beside its announced fingerprints; it matches if it fits one of them (RFC 8122 §5)."""
    shown = _fingerprint("sha-256", der)
    readable: list[tuple[str, str]] = []
    for text in announced:
        try:
            wanted = Fingerprint.decode(text)
        except PeerError:
            continue
        seen = _fingerprint(wanted.hash_name, der)
        if seen:
            readable.append((text, seen))
            if Fingerprint.decode(seen).matches(wanted):
                return Certificate(owner, text, seen, True, frames)
    if readable:
        return Certificate(owner, *readable[0], False, frames)
    return Certificate(owner, announced[0] if announced else "", shown, None, frames)


def _fingerprint(hash_name: str, der: bytes) -> str:
    known = _HASHES.get(hash_name.casefold())
    if known is None:
        return ""
    digest = hashlib.new(known, der, usedforsecurity=False).digest()
    return f"{hash_name.upper()} {digest.hex(':').upper()}"


