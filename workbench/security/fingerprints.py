"""Does a certificate match what SDP announced? The comparison rules of RFC 8122; nothing here keeps state."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.errors import AuthenticationError, LocalProtocolError

if TYPE_CHECKING:
    from workbench.protocols.sdp import Fingerprint

# Strongest first. md2 and md5 have registered names too, but must not be used (RFC 8122 §5): they count as unknown.
STRENGTH = ("sha-512", "sha-384", "sha-256", "sha-224", "sha-1")
"""Hash functions that we understand, in lower case, strongest first."""


def digest(certificate: bytes, hash_name: str) -> bytes:
    """The hash over a certificate in DER form.

    Args:
        certificate: the whole certificate, DER.
        hash_name: one of `STRENGTH`, letters of either case.

    Raises:
        LocalProtocolError: another hash function.

    Source: RFC 8122 §5.
    """
    if hash_name.lower() not in STRENGTH:
        raise LocalProtocolError(f"no fingerprints are made with {hash_name}")
    return hashlib.new(hash_name.lower().replace("-", ""), certificate).digest()


def fingerprint_of(certificate: bytes, hash_name: str = "SHA-256") -> Fingerprint:
    """The fingerprint to announce for a certificate; `hash_name` is written as it is given."""
    from workbench.protocols.sdp import Fingerprint

    return Fingerprint(hash_name, digest(certificate, hash_name))


def check(certificate: bytes, announced: Sequence[Fingerprint]) -> None:
    """Accept a certificate that matches the announced fingerprints; otherwise say why not.

    The strongest hash function that we understand decides; of several lines with it one has to match.

    Args:
        certificate: what the peer presented, DER.
        announced: what its SDP announced at the level that applies to the stream.

    Raises:
        AuthenticationError: no usable fingerprint, or none that matches.

    Source: RFC 8122 §5, §5.1, §6.2.
    """
    for hash_name in STRENGTH:
        values = [one.value for one in announced if one.hash_name.lower() == hash_name]
        if not values:
            continue
        if digest(certificate, hash_name) in values:
            return
        raise AuthenticationError(
            f"the certificate does not match the announced {hash_name} fingerprint", clause="RFC 8122 §6.2"
        )
    given = ", ".join(one.hash_name for one in announced)
    what = f"no fingerprint with a usable hash function ({given} only)" if given else "no fingerprint was announced"
    raise AuthenticationError(what, clause="RFC 8122 §5.1")
