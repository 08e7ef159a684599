"""Who an end of a TLS session is: a private key and a self-signed certificate, vouched for by an SDP fingerprint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import LocalProtocolError
from workbench.security.fingerprints import fingerprint_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from workbench.protocols.sdp import Fingerprint
    from workbench.security.source import Source

# Order of the group of P-256 (FIPS 186-5, SP 800-186 §3.2.1.3): private keys are 1 .. order - 1.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Identity:
    """A certificate and its private key. The key shows in no repr and no message.

    Args:
        key: an elliptic-curve key.
        certificate: the certificate of its public half, DER.
    """

    __slots__ = ("_key", "certificate")

    def __init__(self, key: EllipticCurvePrivateKey, certificate: bytes) -> None:
        self._key = key
        self.certificate = certificate

    @classmethod
    def self_signed(cls, common_name: str, source: Source) -> Identity:
        """Make an identity that follows from the source alone: key, serial number, signature and validity.

        The certificate is for P-256, signed with deterministic ECDSA (RFC 6979), valid from 2025 to 2035. Trust comes
        from the fingerprint in protected signalling, so nobody else has to sign (TS 33.328 §4.1.2.3, RFC 8122 §6).
        """
        import datetime

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.derive_private_key(1 + int.from_bytes(source.octets(40)) % (_P256_ORDER - 1), ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1 + int.from_bytes(source.octets(8)) // 2)
            .not_valid_before(datetime.datetime(2025, 1, 1))
            .not_valid_after(datetime.datetime(2035, 1, 1))
            .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
        )
        return cls(key, certificate.public_bytes(serialization.Encoding.DER))

    @classmethod
    def from_pem(cls, key: bytes, certificate: bytes) -> Identity:
        """Take an identity from PEM texts: an unencrypted elliptic-curve key, and its certificate.

        Raises:
            LocalProtocolError: they do not parse, or do not belong together.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            private = serialization.load_pem_private_key(key, password=None)
            loaded = x509.load_pem_x509_certificate(certificate)
        except (ValueError, TypeError) as error:
            raise LocalProtocolError("not a key and a certificate in PEM form") from error
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise LocalProtocolError("not an elliptic-curve key")
        if private.public_key() != loaded.public_key():
            raise LocalProtocolError("the certificate is for another key")
        return cls(private, loaded.public_bytes(serialization.Encoding.DER))

    @property
    def key(self) -> EllipticCurvePrivateKey:
        """The private key, for the TLS library only."""
        return self._key

    def fingerprint(self, hash_name: str = "SHA-256") -> Fingerprint:
        """What to announce in SDP for this identity (RFC 8122 §5)."""
        return fingerprint_of(self.certificate, hash_name)

    def __repr__(self) -> str:
        return f"Identity({len(self.certificate)} octets of certificate)"
