"""Envelope key and signature of REQUEST_INIT_PK and RESOLVE_INIT_PK, with RSA.

The envelope key is random. It goes to the KMS under the KMS's public key (PKE), and message keys are derived from it as
they are from a pre-shared key. The sender signs the message together with the identities (SIGN).

Which hash a signature has is nowhere said: it is that of the message's PRF, so that algorithms of 128 and 256 bits do
not mix (RFC 6043 §12.1). A local choice, `_HASHES`.

Source: RFC 3830 §4.2.5, §4.2.6, §6.3, §6.5, §6.8; RFC 6043 §4.2.1.3, §5.5; RFC 8017 §7.2, §8.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from workbench.errors import LocalProtocolError
from workbench.protocols.mikey.messages import CertificateHash, Envelope, Sign
from workbench.protocols.mikey.registry import Error, Hash, Prf, Signature
from workbench.security.tickets.certificates import public_key
from workbench.security.tickets.protecting import refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    from workbench.security.source import Source

LEAST_KEY, MOST_KEY = 16, 64
"""Octets of an envelope key that is taken."""
_HASHES = {Prf.MIKEY_1: Hash.SHA_1, Prf.HMAC_SHA_256: Hash.SHA_256}
_DIGESTS = {Hash.SHA_1: "sha1", Hash.SHA_256: "sha256"}
_FRAME_OCTETS = 11
"""What PKCS #1 v1.5 needs around a message: 00 02, eight octets of padding or more, 00 (RFC 8017 §7.2.1)."""


def enveloped(certificate: bytes, key: bytes, source: Source) -> Envelope:
    """PKE: an envelope key for who has a certificate, RSAES-PKCS1-v1_5 (RFC 3830 §4.2.5, RFC 8017 §7.2.1).

    The padding comes from `source`, so that one seed gives one message.

    Raises:
        LocalProtocolError: the certificate is not of an RSA key.
    """
    receiver = _public(certificate).public_numbers()
    size = (receiver.n.bit_length() + 7) // 8
    padding = b""
    while len(padding) < size - len(key) - _FRAME_OCTETS + 8:
        padding += source.octets(1).replace(b"\0", b"")
    framed = int.from_bytes(b"\0\2" + padding + b"\0" + key)
    return Envelope(pow(framed, receiver.e, receiver.n).to_bytes(size))


def opened(envelope: Envelope, key: bytes) -> bytes:
    """The envelope key.

    An envelope for another key opens to octets of no meaning, as the library sees to: no refusal tells its sender more
    than that (RFC 3218).

    Raises:
        TicketRefusedError: it holds no key; with error 0.
    """
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    try:
        found = private_key(key).decrypt(envelope.data, PKCS1v15())
    except ValueError:
        found = b""
    if not LEAST_KEY <= len(found) <= MOST_KEY:
        raise refused("the envelope holds no key that could be used", "RFC 3830 §6.3", Error.AUTHENTICATION_FAILURE)
    return found


def signature_octets(key: bytes) -> int:
    """Size of a signature by this key."""
    return private_key(key).key_size // 8


def signed(kind: int, prf: int, key: bytes, octets: bytes) -> Sign:
    """SIGN over octets (RFC 3830 §4.2.6). With PSS two signatures are never the same."""
    return Sign(kind, private_key(key).sign(octets, _padding(kind, prf), _hash(prf)))


def check_signature(sign: Sign, prf: int, key: RSAPublicKey, octets: bytes) -> None:
    """Refuse a signature that is not right. Raises TicketRefusedError with error 0."""
    from cryptography.exceptions import InvalidSignature

    if sign.kind not in tuple(Signature):
        raise refused(f"signature of type {sign.kind}", "RFC 3830 §6.5", Error.AUTHENTICATION_FAILURE)
    try:
        key.verify(sign.signature, octets, _padding(sign.kind, prf), _hash(prf))
    except InvalidSignature:
        raise refused("the signature is wrong", "RFC 6043 §5.5", Error.AUTHENTICATION_FAILURE) from None


def certificate_hash(prf: int, certificate: bytes) -> CertificateHash:
    """CHASH: for which certificate the envelope is (RFC 3830 §6.8)."""
    function = _HASHES[Prf(prf)]
    return CertificateHash(function, _digest(function, certificate))


def check_certificate_hash(found: CertificateHash | None, certificate: bytes) -> None:
    """Refuse an envelope that is for another certificate. Raises TicketRefusedError with error 8, or 5."""
    if found is None:
        return
    if found.function not in _DIGESTS:
        raise refused(f"certificate hash {found.function}", "RFC 6043 §6.8", Error.HASH_NOT_SUPPORTED)
    if found.value != _digest(found.function, certificate):
        raise refused("the envelope is for another certificate than this KMS has", "RFC 6043 §4.2.1.3",
                      Error.CERTIFICATE_NOT_SUPPORTED)


def private_key(key: bytes) -> RSAPrivateKey:
    """A private key out of PKCS #8 in DER. Raises LocalProtocolError: it is none, or not RSA."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        # The key is our own and was checked when it was made or read; checking its primes takes 0.1 s.
        loaded = load_der_private_key(key, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        loaded = None
    if not isinstance(loaded, RSAPrivateKey):
        raise LocalProtocolError("not an RSA key in PKCS #8 (RFC 3830 §4.2.5)")
    return loaded


def _public(certificate: bytes) -> RSAPublicKey:
    try:
        return public_key(certificate)
    except ValueError:
        raise LocalProtocolError("the KMS's certificate is not of an RSA key (RFC 3830 §4.2.5)") from None


def _padding(kind: int, prf: int) -> PKCS1v15 | PSS:
    from cryptography.hazmat.primitives.asymmetric import padding

    if kind == Signature.PKCS1:
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(_hash(prf)), padding.PSS.DIGEST_LENGTH)


def _hash(prf: int) -> SHA1 | SHA256:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA1() if _HASHES[Prf(prf)] is Hash.SHA_1 else hashes.SHA256()


def _digest(function: int, certificate: bytes) -> bytes:
    return hashlib.new(_DIGESTS[Hash(function)], certificate, usedforsecurity=False).digest()
