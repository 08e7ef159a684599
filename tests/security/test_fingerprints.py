from __future__ import annotations

import pytest

from workbench.errors import AuthenticationError, LocalProtocolError
from workbench.protocols.sdp import Fingerprint
from workbench.security.fingerprints import check, digest, fingerprint_of
from workbench.security.identities import Identity
from workbench.security.source import Source

# tls-dtls-sdp digest, section 12.1: an Ed25519 certificate of 204 octets and its fingerprints.
CERTIFICATE = bytes.fromhex(
    "3081c9307da003020102020101300506032b6570300f310d300b06035504030c0475652d61301e170d3134303630313030303030305a170d"
    "3434303630313030303030305a300f310d300b06035504030c0475652d61302a300506032b657003210003a107bff3ce10be1d70dd18e74b"
    "c09967e4d6309ba50d5f1ddc8664125531b8300506032b65700341002fc32346309c7205f49e7a7700680d7d99e9f3b1ca088d86a3208995"
    "6f431cefa4e59d8abcb28c7f10a6d3ccf8f891f4df8e64598dd1d3a99453b87a5ec8b606"
)
SHA_1 = bytes.fromhex("2DC3DFB45A2061EAD69504C64E2358A365E769EC")
SHA_256 = bytes.fromhex("A9610AF618EEF95DAE51CC2F9EDDFD36D3AD4C7B814D74FA947458232 3D51D7F".replace(" ", ""))
WRONG = bytes(32)


def test_the_worked_example():
    """Hashes are over the DER of the whole certificate (RFC 8122 §5)."""
    assert (digest(CERTIFICATE, "SHA-1"), digest(CERTIFICATE, "sha-256")) == (SHA_1, SHA_256)
    assert fingerprint_of(CERTIFICATE, "SHA-256") == Fingerprint("SHA-256", SHA_256)


@pytest.mark.parametrize("announced", [
    [Fingerprint("SHA-256", SHA_256)],
    [Fingerprint("sha-256", SHA_256)],                                        # S4
    [Fingerprint("SHA-256", WRONG), Fingerprint("SHA-256", SHA_256)],         # S5
    [Fingerprint("sha-1", bytes(20)), Fingerprint("sha-256", SHA_256)],       # the weaker one is not looked at
    [Fingerprint("sha-1", SHA_1)],
    [Fingerprint("sha3-999", WRONG), Fingerprint("sha-1", SHA_1)],            # an unknown function is passed over
])  # fmt: skip
def test_accepted(announced):
    """The strongest function that is understood decides, and one of its lines matches (RFC 8122 §5.1)."""
    check(CERTIFICATE, announced)


@pytest.mark.parametrize(("announced", "what"), [
    ([], "no fingerprint was announced"),
    ([Fingerprint("sha-256", WRONG), Fingerprint("sha-1", SHA_1)], "does not match the announced sha-256"),   # S6
    ([Fingerprint("md5", bytes(16))], r"no fingerprint with a usable hash function \(md5 only\)"),           # S7
    ([Fingerprint("SHA-256", SHA_256[:31])], "does not match"),
])  # fmt: skip
def test_refused(announced, what):
    """A missing, unusable or wrong fingerprint is an authentication error with its clause."""
    with pytest.raises(AuthenticationError, match=what):
        check(CERTIFICATE, announced)


def test_an_unknown_function_is_not_announced():
    """We make no md5 fingerprints."""
    with pytest.raises(LocalProtocolError):
        fingerprint_of(CERTIFICATE, "md5")


def test_an_identity_follows_from_its_source():
    """One seed, one certificate; another name or seed, another one; the key is in no repr."""
    one = Identity.self_signed("ue", Source(7, "ue"))
    assert one.certificate == Identity.self_signed("ue", Source(7, "ue")).certificate
    assert one.certificate != Identity.self_signed("ue", Source(8, "ue")).certificate
    check(one.certificate, [one.fingerprint(), ])  # fmt: skip
    assert "key" not in repr(one).lower()
    assert one.fingerprint().hash_name == "SHA-256"


def test_an_identity_from_pem():
    """What an operator brings along: the same certificate comes back; a mismatch is refused."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    one, other = (Identity.self_signed("ue", Source(seed, "ue")) for seed in (1, 2))
    pem = x509.load_der_x509_certificate(one.certificate).public_bytes(serialization.Encoding.PEM)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert Identity.from_pem(one.key.private_bytes(*form), pem).certificate == one.certificate
    for key, certificate in ((other.key.private_bytes(*form), pem), (b"no key", pem)):
        with pytest.raises(LocalProtocolError):
            Identity.from_pem(key, certificate)
