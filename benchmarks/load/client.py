"""Who the UEs are: a key and a certificate, whose fingerprint the controller announces, and a context for TLS."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from workbench.protocols.sdp import Fingerprint
from workbench.security.identities import Identity
from workbench.security.source import Source


class Client:
    """A UE's identity; many streams may share one.

    Args:
        name: common name; another name is another key.
        versions: of TLS that it offers, oldest and newest.
    """

    def __init__(self, name: str = "ue", versions: tuple[ssl.TLSVersion, ssl.TLSVersion] = (
            ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)) -> None:
        self.identity = Identity.self_signed(name, Source(1, name))
        self.fingerprint: Fingerprint = self.identity.fingerprint()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Trust comes from the fingerprint that the gateway's reply to Add announced; see `knows`.
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.context.minimum_version, self.context.maximum_version = versions
        self.load(self.context)

    def load(self, context: ssl.SSLContext) -> None:
        """Give a context this key and certificate."""
        key = self.identity.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "client.pem"
            file.touch(mode=0o600)
            file.write_bytes(key + ssl.DER_cert_to_PEM_cert(self.identity.certificate).encode())
            context.load_cert_chain(file)


def announced(fingerprint: str, certificate: bytes | None) -> bool:
    """Whether a certificate (DER) is the one that `a=fingerprint:` announced ("SHA-256 AB:CD:...")."""
    name, _, digits = fingerprint.partition(" ")
    if certificate is None:
        return False
    return hashlib.new(name.replace("-", ""), certificate).hexdigest().upper() == digits.replace(":", "").upper()
