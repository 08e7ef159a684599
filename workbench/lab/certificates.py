"""Certificates of MIKEY-TICKET's parties in a lab: a root, an issuer under it, a KMS, and UEs, the same in each run.

A library draws RSA keys by chance, and making one takes time. Here each prime lies a little behind a number that
follows from a name: only how far is stored.
"""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Literal

from workbench.security.source import Source
from workbench.security.tickets import Authority, Certified

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Kind = Literal["valid", "expired", "stranger", "another"]
"""What a UE asks with: a certificate as it should be; one that has expired; one that its own key certifies; or one of
somebody else."""

PRIME_BITS = 1024
BEHIND = {"root": (26, 82), "issuer": (1160, 272), "KMS": (654, 216), "UE A": (402, 1314), "UE B": (54, 472)}
"""Names, and how far behind `start` the primes of their RSA keys are."""
_EXPONENT = 65_537
_FROM, _UNTIL = datetime.datetime(2025, 1, 1), datetime.datetime(2035, 1, 1)
_EXPIRED = datetime.datetime(2025, 2, 1)


def starts(name: str) -> tuple[int, int]:
    """Odd numbers with two leading ones, from which the primes of a name's key are looked for."""
    source = Source(0, f"RSA {name}")
    return tuple(int.from_bytes(source.octets(PRIME_BITS // 8)) | 3 << PRIME_BITS - 2 | 1     # type: ignore[return-value]
                 for _ in range(2))


@functools.cache
def key_of(name: str) -> RSAPrivateKey:
    """The RSA key of a name in `BEHIND`, 2048 bits."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    p, q = (start + behind for start, behind in zip(starts(name), BEHIND[name], strict=True))
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
                                    rsa.RSAPublicNumbers(_EXPONENT, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def authority() -> Authority:
    """The KMS's certificate and key, and the root that it trusts."""
    return Authority(_kms(), _private("KMS"), (_der(_made("root", "root", ca=1)),))


@functools.cache
def certified(name: str, uri: str, kind: Kind = "valid") -> Certified:
    """What a UE asks the KMS with.

    Args:
        name: in `BEHIND`.
        uri: its KMS user identity, in subjectAltName.
    """
    named = "sip:somebody-else@ims.example" if kind == "another" else uri
    issuer = name if kind == "stranger" else "issuer"
    own = _made(name, issuer, uri=named, until=_EXPIRED if kind == "expired" else _UNTIL)
    above = [] if kind == "stranger" else [_made("issuer", "root", ca=0)]
    return Certified(tuple(_der(one) for one in (own, *above)), _private(name), _kms())


def _kms() -> bytes:
    return _der(_made("KMS", "issuer"))


def _made(name: str, issuer: str, *, uri: str = "", ca: int | None = None, until: datetime.datetime = _UNTIL
          ) -> x509.Certificate:
    """A certificate; `ca`: it certifies others, and so many authorities may be below it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    def called(whose: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Workbench {whose}")])

    made = (x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(issuer))
            .public_key(key_of(name).public_key()).serial_number(1 + list(BEHIND).index(name))
            .not_valid_before(_FROM).not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca is not None, ca), critical=True))
    if uri:
        made = made.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
    return made.sign(key_of(issuer), hashes.SHA256())


def _private(name: str) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    return key_of(name).private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
