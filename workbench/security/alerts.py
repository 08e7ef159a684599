"""A fatal alert of our choice on a session that is already up; OpenSSL has no call for it.

Needed where the fingerprint arrives after the handshake and does not match: RFC 8122 §6.2 asks for bad_certificate,
and the only alert OpenSSL would send by then is close_notify. The record is protected here with the session's own
keys, as its last one ever: afterwards the session must not write, since its next record would reuse the nonce.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

BAD_CERTIFICATE = 42
_FATAL = 2
_ALERT = 21
_APPLICATION_DATA = 23


def _suite(name: str) -> tuple[type[AESGCM] | type[ChaCha20Poly1305], int, Callable[[], hashes.HashAlgorithm], str]:
    """AEAD, key size in octets, and hash of a suite by OpenSSL's name for it."""
    aead: type[AESGCM] | type[ChaCha20Poly1305] = ChaCha20Poly1305 if "CHACHA20" in name else AESGCM
    size = 16 if "128" in name and aead is AESGCM else 32
    return (aead, size, hashes.SHA384, "sha384") if "SHA384" in name else (aead, size, hashes.SHA256, "sha256")


def _nonce(iv: bytes, sequence: int) -> bytes:
    # The record number, padded on the left, XORed with the static IV (RFC 8446 §5.3, RFC 7905 §2).
    return bytes(a ^ b for a, b in zip(iv, sequence.to_bytes(len(iv)), strict=True))


def alert_13(description: int, suite: str, traffic_secret: bytes, sequence: int) -> bytes:
    """A protected fatal alert record of TLS 1.3.

    Args:
        description: such as `BAD_CERTIFICATE`.
        suite: OpenSSL's name, such as `TLS_AES_256_GCM_SHA384`.
        traffic_secret: the sender's application traffic secret.
        sequence: records that the sender has protected with it so far.

    Source: RFC 8446 §5.2, §5.3, §7.3.
    """
    aead, size, new_hash, _ = _suite(suite)

    def expand(label: bytes, length: int) -> bytes:
        full = b"tls13 " + label
        made: bytes = HKDFExpand(new_hash(), length, length.to_bytes(2) + bytes([len(full)]) + full + b"\0").derive(
            traffic_secret
        )
        return made

    inner = bytes([_FATAL, description, _ALERT])
    header = bytes([_APPLICATION_DATA, 3, 3]) + (len(inner) + 16).to_bytes(2)
    return header + aead(expand(b"key", size)).encrypt(_nonce(expand(b"iv", 12), sequence), inner, header)


def alert_12(
    description: int, suite: str, master: bytes, randoms: tuple[bytes, bytes], client: bool, sequence: int
) -> bytes:
    """A protected fatal alert record of TLS 1.2 with an AEAD suite.

    Args:
        description: such as `BAD_CERTIFICATE`.
        suite: OpenSSL's name, such as `ECDHE-ECDSA-AES256-GCM-SHA384`.
        master: the master secret, 48 octets.
        randoms: the client's and the server's.
        client: whether the sender is the client.
        sequence: records that the sender has protected so far, its Finished included.

    Source: RFC 5246 §5, §6.2.3.3, §6.3; RFC 5288 §3; RFC 7905 §2.
    """
    aead, size, _, hash_name = _suite(suite)
    iv_size = 4 if aead is AESGCM else 12
    block = _prf(hash_name, master, b"key expansion" + randoms[1] + randoms[0], 2 * (size + iv_size))
    side = 0 if client else 1
    key = block[side * size :][:size]
    iv = block[2 * size + side * iv_size :][:iv_size]
    plain = bytes([_FATAL, description])
    header = bytes([_ALERT, 3, 3])
    associated = sequence.to_bytes(8) + header + len(plain).to_bytes(2)
    if aead is ChaCha20Poly1305:
        fragment = aead(key).encrypt(_nonce(iv, sequence), plain, associated)
    else:
        # OpenSSL starts its explicit nonces at a random number and counts up; this one follows from the key.
        explicit = hmac.digest(key, b"last alert", "sha256")[:8]
        fragment = explicit + aead(key).encrypt(iv + explicit, plain, associated)
    return header + len(fragment).to_bytes(2) + fragment


def _prf(hash_name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    # P_hash of RFC 5246 §5: HMAC over a chain A(i) of HMACs of the seed.
    made, link = b"", seed
    while len(made) < size:
        link = hmac.digest(secret, link, hash_name)
        made += hmac.digest(secret, link + seed, hash_name)
    return made[:size]


def knows(suite: str) -> bool:
    """Whether a suite is one that alerts can be made for: AES-GCM or ChaCha20-Poly1305."""
    return "CHACHA20" in suite or "GCM" in suite
