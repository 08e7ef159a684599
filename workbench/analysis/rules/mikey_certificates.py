"""What a user asks its KMS with by certificate: whether certificate, identity and signature hold.

Whom the KMS trusts no capture says. Signatures are judged where one certificate of the message certifies another one:
in an anonymized capture none does. That a signature has the hash of the message's PRF is a reading of RFC 6043 §12.1.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.mikey_said import first_seen
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.mikey import coverage, times, wire
from workbench.protocols.mikey.messages import Certificate, Message, Sign
from workbench.protocols.mikey.registry import CertificateType, DataType, IdRole, Prf, Signature

if TYPE_CHECKING:
    from cryptography import x509

    from workbench.analysis.report import Report

_ASKS = {DataType.REQUEST_INIT_PK: IdRole.INITIATOR, DataType.RESOLVE_INIT_PK: IdRole.RESPONDER}
_MOST = 8


def _find(report: Report) -> Iterator[Evidence]:
    for one in first_seen(report):
        kind = one.message.header.data_type
        if kind in _ASKS:
            for what in _faults(one.message, _ASKS[DataType(kind)]):
                yield Evidence(one.frames, f"{one.who} asks the KMS with {one.keyed.name}, and {what}. It gets no keys")


def _faults(message: Message, role: IdRole) -> Iterator[str]:
    """What is wrong, in the order in which a KMS finds it."""
    sent = [one for one in message.all(Certificate)[:_MOST] if one.kind != CertificateType.X_509_V3_URL]
    if not sent:
        return
    chain = [_read(one.data) for one in sent]
    if None in chain:
        yield f"certificate {chain.index(None) + 1} does not decode"
        return
    path = [one for one in chain if one is not None]
    yield from _times(message, path)
    links = [_certifies(above, own) for own, above in itertools.pairwise(path)]
    if any(links) and not all(links):
        yield f"certificate {1 + links.index(False)} is not certified by the next one"
    who, kms = message.identity(role), message.identity(IdRole.KMS)
    if who is None:
        return
    if who.data not in _names(path[0]):
        yield f"its certificate is not for {who.text}"
    elif kms is not None and any(links) and not _signed(message, path[0], who.data, kms.data):
        yield "the signature is not by the key of its certificate: the message was changed, or somebody else made it"


def _read(octets: bytes) -> x509.Certificate | None:
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")      # a serial number that is not positive (RFC 5280 §4.1.2.2)
            found = x509.load_der_x509_certificate(octets)
        _names(found)
    except Exception:       # the library has a dozen kinds of errors for what does not decode
        return None
    return found


def _times(message: Message, path: list[x509.Certificate]) -> Iterator[str]:
    stamp = message.timestamp()
    now = None if stamp is None else times.seconds(stamp.kind, stamp.value)
    if now is None:
        return
    moment = times.moment(now)
    for place, one in enumerate(path, 1):
        if not one.not_valid_before_utc <= moment <= one.not_valid_after_utc:
            yield (f"certificate {place} is valid from {one.not_valid_before_utc:%Y-%m-%d} to "
                   f"{one.not_valid_after_utc:%Y-%m-%d}, while the message is of {moment:%Y-%m-%d}")


def _certifies(above: x509.Certificate, own: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        own.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _names(one: x509.Certificate) -> set[bytes]:
    """Of subjectAltName: URIs, hosts, mailboxes."""
    from cryptography import x509

    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    kinds = (x509.UniformResourceIdentifier, x509.DNSName, x509.RFC822Name)
    return {name.value.encode() for name in found if isinstance(name, kinds)}


def _signed(message: Message, certificate: x509.Certificate, *bound: bytes) -> bool:
    """Whether SIGN is right; what can't be told is taken for right."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key, sign = certificate.public_key(), message.payloads[-1]
    except (ValueError, UnsupportedAlgorithm):
        return True
    if not isinstance(key, RSAPublicKey) or not isinstance(sign, Sign) or message.header.prf not in tuple(Prf):
        return True
    digest = hashes.SHA256() if message.header.prf == Prf.HMAC_SHA_256 else hashes.SHA1()
    way = padding.PKCS1v15() if sign.kind == Signature.PKCS1 else padding.PSS(
        padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
    try:
        key.verify(sign.signature, coverage.covered(wire.encode(message), *bound), way, digest)
    except InvalidSignature:
        return False
    return True


rule = Rule("mikey-certificate", "RFC 6043 §4.2.1.3, §4.2.3.3, §5.5", "error",
            "Who asks a KMS by certificate has a valid one for its identity, and signs with its key", _find,
            provisional=True,
            next="Which certificate the user has installed, for which identity and until when, and the clock by which "
                 "it wrote the timestamp. With a wrong signature: whether somebody on the way changes HTTP bodies.")
