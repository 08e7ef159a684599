"""Certificates of who asks a KMS: a chain up to a trust anchor, its times, and whose it is.

A chain is given in order, so no path is searched: each certificate directly certifies the one before it (RFC 6043
§4.2.1.3). What is checked of each: RFC 5280 §6.1, without policies, name constraints and revocation; a critical
extension that is not known here refuses the certificate, as §4.2 there says.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from workbench.errors import TicketRefusedError
from workbench.protocols.mikey import times
from workbench.protocols.mikey.messages import Certificate
from workbench.protocols.mikey.registry import CertificateType, Error
from workbench.security.tickets.protecting import refused

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MOST_CERTIFICATES = 8
"""Certificates of one chain that are looked at."""
LEAST_BITS = 2048
"""Size of an RSA key from which on it is taken. A local choice (NIST SP 800-131A); no RFC here has one."""
_CLAUSE = "RFC 6043 §4.2.1.3, RFC 5280 §6.1"
_WEAK = ("md5", "sha1")
_TAKEN = (CertificateType.X_509_V3, CertificateType.X_509_V3_SIGN)


class Holder(msgspec.Struct, frozen=True):
    """Whose certificate it is: the names in it, as identities are written, and its public key."""

    names: tuple[bytes, ...]
    key: RSAPublicKey


def chain_of(payloads: Sequence[Certificate]) -> tuple[bytes, ...]:
    """Certificates of CERT payloads in DER. Raises TicketRefusedError: a URL, or for encryption only."""
    for at, one in enumerate(payloads, 1):
        if one.kind == CertificateType.X_509_V3_URL:
            raise _refused(f"certificate {at} is a URL, and nothing is fetched here")
        if one.kind not in _TAKEN:
            raise _refused(f"certificate {at} is of type {one.kind}, and one that signs is needed")
    return tuple(one.data for one in payloads)


def trusted(chain: Sequence[bytes], anchors: Sequence[bytes], now: float) -> Holder:
    """The holder of a chain's first certificate, if an anchor vouches for it.

    Args:
        chain: DER, the holder's first.
        anchors: DER of who is trusted; a certificate of a chain may be one itself.
        now: seconds since 1900.

    Raises:
        TicketRefusedError: with error 8; the text says which certificate, and what about it.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not 1 <= len(chain) <= MOST_CERTIFICATES:
        raise _refused("no certificate" if not chain else f"{len(chain)} certificates; {MOST_CERTIFICATES} are read")
    try:
        path = [_read(one) for one in chain]
        if chain[-1] not in anchors:
            path.append(_anchor(path[-1], [_read(one) for one in anchors]))
        _checked(path, now)
        key = path[0].public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS:
            raise _refused(f"the key in certificate 1 is not RSA with {LEAST_BITS} bits or more")
        return Holder(tuple(_names(path[0])), key)
    except TicketRefusedError:
        raise
    except (ValueError, TypeError, Warning, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
            x509.UnsupportedGeneralNameType):
        raise _refused("a certificate that does not decode") from None


def public_key(certificate: bytes) -> RSAPublicKey:
    """The key of a certificate that is known beforehand. Raises ValueError: it does not decode, or is not RSA."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    key = x509.load_der_x509_certificate(certificate).public_key()
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not a certificate of an RSA key")
    return key


def _read(certificate: bytes) -> x509.Certificate:
    """What the library only warns of is refused: a serial number that is not positive (RFC 5280 §4.1.2.2)."""
    from cryptography import x509

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return x509.load_der_x509_certificate(certificate)


def _anchor(last: x509.Certificate, anchors: Sequence[x509.Certificate]) -> x509.Certificate:
    for anchor in anchors:
        if _certifies(anchor, last):
            return anchor
    raise _refused("no trust anchor certifies the last certificate")


def _certifies(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _checked(path: Sequence[x509.Certificate], now: float) -> None:
    """Signatures, times and what each may certify, from the holder up to the anchor."""
    moment = times.moment(now)
    for place, one in enumerate(path):
        name = f"certificate {place + 1}"
        if not one.not_valid_before_utc <= moment <= one.not_valid_after_utc:
            side = "not valid before" if moment < one.not_valid_before_utc else "expired on"
            at = one.not_valid_before_utc if moment < one.not_valid_before_utc else one.not_valid_after_utc
            raise _refused(f"{name}: {side} {at:%Y-%m-%d %H:%M:%S} UTC")
        if place and not _certifies(one, path[place - 1]):
            raise _refused(f"certificate {place} is not certified by the next one")
        algorithm = one.signature_hash_algorithm
        if place < len(path) - 1 and (algorithm is None or algorithm.name in _WEAK):
            raise _refused(f"{name} is signed with {algorithm.name if algorithm else 'an algorithm'} that is not taken")
        _may(one, name, below=place)


def _may(one: x509.Certificate, name: str, *, below: int) -> None:
    """Whether extensions let it sign what it signs; `below`: certificates under it, 0 of the holder's own."""
    from cryptography import x509

    ca, certifies, signs = False, True, True
    longest: int | None = None
    for extension in one.extensions:
        match extension.value:
            case x509.BasicConstraints() as limits:
                ca, longest = limits.ca, limits.path_length
            case x509.KeyUsage() as usage:
                certifies, signs = usage.key_cert_sign, usage.digital_signature
            case x509.ExtendedKeyUsage() | x509.SubjectAlternativeName():
                pass
            case _ if extension.critical:
                raise _refused(f"{name} has a critical extension {extension.oid.dotted_string}, which is not known")
    if below and not (ca and certifies):
        raise _refused(f"{name} is not of a certification authority")
    if below and longest is not None and below - 1 > longest:
        raise _refused(f"{name} certifies {longest} authorities below it, and there are {below - 1}")
    if not below and not signs:
        raise _refused(f"{name} is not for signatures (key usage)")


def _names(one: x509.Certificate) -> Iterator[bytes]:
    """URIs, and names of hosts and mailboxes (NAIs), of subjectAltName."""
    from cryptography import x509

    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in found:
        match name:
            case x509.UniformResourceIdentifier(value=text) | x509.RFC822Name(value=text) | x509.DNSName(value=text):
                yield text.encode()


def _refused(what: str) -> TicketRefusedError:
    return refused(what, _CLAUSE, Error.CERTIFICATE_NOT_SUPPORTED)
