"""openssl as a witness of the stored messages with certificates: it verifies signature and chain, and opens envelopes.

What is covered, and the keys of the response, are put together here from the octets and the RFC, not by our code.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mikey_words import stored
from programs import need
from tickets_words import BY_CERTIFICATE, SIGNED

from workbench import scenarios
from workbench.lab import certificates
from workbench.protocols.http.messages import Request

RUNS = {"UE A": ("request-init-pk", b"sip:ue-a@ims.example", "request-resp-pk", 0xE0, b"\x10" + b"\xa1" * 16 + b"\0"),
        "UE B": ("resolve-init-pk", b"sip:conf-1@ims.example", "resolve-resp-pk", 0xE1, b"\0\x10" + b"\xe3" * 16)}
"""INIT, identity of its sender, response, octet of the envelope key, and RANDRi and RANDRr with their lengths."""


def openssl(*words: str | Path, given: bytes = b"") -> bytes:
    done = subprocess.run([need("openssl"), *map(str, words)], input=given, capture_output=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def kept(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


@pytest.mark.parametrize("who", list(RUNS))
def test_openssl_verifies_our_signature_over_message_and_identities(tmp_path: Path, who: str) -> None:
    """RFC 6043 §5.5: all octets up to the signature, then the bare identities of the two parties."""
    name, identity, *_ = RUNS[who]
    octets = stored(name)
    assert octets[-258:-256] == b"\x01\x00"         # type 0, 256 octets
    key = kept(tmp_path / "key.pem", certificates.key_of(who).public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    sign = kept(tmp_path / "sign", octets[-256:])
    said = kept(tmp_path / "said", octets[:-256] + identity + b"kms@ims.example")
    assert b"Verified OK" in openssl("dgst", "-sha256", "-verify", key, "-signature", sign, said)
    kept(said, octets[:-256] + identity + b"kmx@ims.example")
    with pytest.raises(AssertionError):
        openssl("dgst", "-sha256", "-verify", key, "-signature", sign, said)


@pytest.mark.parametrize("who", list(RUNS))
def test_openssl_opens_our_envelope_and_its_key_makes_the_mac_of_the_response(tmp_path: Path, who: str) -> None:
    """PKE in front of SIGN under the KMS's key; the MAC key is one block of HMAC-SHA-256 from it (RFC 3830 §4.1.2)."""
    name, _, answered, filler, rands = RUNS[who]
    octets, response = stored(name), stored(answered)
    envelope = octets[-258 - 256 : -258]
    assert octets[-258 - 259 : -258 - 256] == b"\x04\x01\x00"       # SIGN follows; no cache, 256 octets
    key = kept(tmp_path / "kms.der", certificates.authority().key)
    opened = openssl("pkeyutl", "-decrypt", "-inkey", key, "-keyform", "DER", given=envelope)
    assert opened == bytes((filler,)) * 32
    label = bytes.fromhex("2d22ac75") + b"\xff" + octets[4:8] + b"\x02" + rands
    chained = hmac.digest(opened, label, "sha256")
    auth = hmac.digest(opened, chained + label, "sha256")
    assert hmac.digest(auth, response[:-32] + octets, "sha256") == response[-32:]


@pytest.mark.parametrize("who", list(RUNS))
def test_openssl_builds_the_chain_and_chash_is_that_of_the_kms_certificate(tmp_path: Path, who: str) -> None:
    """Root, issuer, user, at the time of the message; SHA-256 over the KMS's certificate."""
    center, chain = certificates.authority(), BY_CERTIFICATE[who].chain
    root, above, own = (kept(tmp_path / f"{at}.pem", ssl.DER_cert_to_PEM_cert(one).encode())
                        for at, one in enumerate((center.anchors[0], chain[1], chain[0])))
    unix = str(SIGNED - 2_208_988_800)
    assert b"OK" in openssl("verify", "-attime", unix, "-CAfile", root, "-untrusted", above, own)
    octets = stored(RUNS[who][0])
    assert all(one in octets for one in chain)
    assert b"\x02\x02" + hashlib.sha256(center.certificate).digest() + b"\x04\x01\x00" in octets


def test_openssl_verifies_and_opens_what_a_live_run_put_on_the_wire(tmp_path: Path) -> None:
    """Each request to the KMS in a capture of e2e-msrp-kms: its own certificate verifies it, the KMS's key opens it."""
    report = scenarios.get("e2e-msrp-kms").run(seed=3, out=tmp_path, kms_auth="pk").report
    asked = {one.source.node: one.value.body for one in report.messages_of("HTTP") if isinstance(one.value, Request)}
    assert {"UE A", "UE B"} <= set(asked)
    center = kept(tmp_path / "kms.der", certificates.authority().key)
    for who, identity in (("UE A", b"sip:alice@home1.example"), ("UE B", b"sip:bob@home2.example")):
        octets = asked[who]
        start = octets.index(b"\x30\x82")            # the first certificate: a DER sequence with its length
        own = octets[start : start + 4 + int.from_bytes(octets[start + 2 : start + 4])]
        key = kept(tmp_path / "key.pem", openssl("x509", "-inform", "DER", "-pubkey", "-noout", given=own))
        sign, said = kept(tmp_path / "sign", octets[-256:]), octets[:-256] + identity + b"kms@ims.example"
        assert b"OK" in openssl("dgst", "-sha256", "-verify", key, "-signature", sign, given=said)
        assert len(openssl("pkeyutl", "-decrypt", "-inkey", center, "-keyform", "DER", given=octets[-514:-258])) == 32
