"""A fatal alert of our choice on a session that is already up, and what a fatal alert says that OpenSSL has sent.

OpenSSL has no call for either.

The first is needed where the fingerprint arrives after the handshake and does not match: RFC 8122 §6.2 asks for
bad_certificate, and the only alert OpenSSL would send by then is close_notify. The record is protected here with the
session's own keys, as its last one ever: afterwards the session must not write, since its next record would reuse the
nonce.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

BAD_CERTIFICATE = 42
_FATAL = 2
_ALERT = 21
_APPLICATION_DATA = 23
_TAG = 16
# The explicit part of a nonce in TLS 1.2 with AES-GCM (RFC 5288 §3).
_EXPLICIT = 8


class Keys(NamedTuple):
    """How one direction of a session is protected.

    Args:
        aead: the cipher, with its key.
        iv: static part of the nonce: 12 octets, or 4 for AES-GCM in TLS 1.2.
        key: the key by itself.
    """

    aead: AESGCM | ChaCha20Poly1305
    iv: bytes
    key: bytes

    def nonce(self, sequence: int) -> bytes:
        """The record number, padded on the left, XORed with the static IV (RFC 8446 §5.3, RFC 7905 §2)."""
        return bytes(a ^ b for a, b in zip(self.iv, sequence.to_bytes(len(self.iv)), strict=True))


def _suite(name: str) -> tuple[type[AESGCM] | type[ChaCha20Poly1305], int, Callable[[], hashes.HashAlgorithm], str]:
    """AEAD, key size in octets, and hash of a suite by OpenSSL's name for it."""
    aead: type[AESGCM] | type[ChaCha20Poly1305] = ChaCha20Poly1305 if "CHACHA20" in name else AESGCM
    size = 16 if "128" in name and aead is AESGCM else 32
    return (aead, size, hashes.SHA384, "sha384") if "SHA384" in name else (aead, size, hashes.SHA256, "sha256")


def keys_13(suite: str, traffic_secret: bytes) -> Keys:
    """The keys that follow from a traffic secret of TLS 1.3.

    Args:
        suite: OpenSSL's name, such as `TLS_AES_256_GCM_SHA384`.
        traffic_secret: the sender's.

    Source: RFC 8446 §7.3.
    """
    aead, size, new_hash, _ = _suite(suite)

    def expand(label: bytes, length: int) -> bytes:
        full = b"tls13 " + label
        made: bytes = HKDFExpand(new_hash(), length, length.to_bytes(2) + bytes([len(full)]) + full + b"\0").derive(
            traffic_secret
        )
        return made

    key = expand(b"key", size)
    return Keys(aead(key), expand(b"iv", 12), key)


def keys_12(suite: str, master: bytes, randoms: tuple[bytes, bytes], client: bool) -> Keys:
    """The keys of one direction in TLS 1.2 with an AEAD suite.

    Args:
        suite: OpenSSL's name, such as `ECDHE-ECDSA-AES256-GCM-SHA384`.
        master: the master secret, 48 octets.
        randoms: the client's and the server's.
        client: whether the sender is the client.

    Source: RFC 5246 §6.3; RFC 5288 §3; RFC 7905 §2.
    """
    aead, size, _, hash_name = _suite(suite)
    iv_size = 4 if aead is AESGCM else 12
    block = _prf(hash_name, master, b"key expansion" + randoms[1] + randoms[0], 2 * (size + iv_size))
    side = 0 if client else 1
    key = block[side * size :][:size]
    return Keys(aead(key), block[2 * size + side * iv_size :][:iv_size], key)


def alert_13(keys: Keys, description: int, sequence: int) -> bytes:
    """A protected fatal alert record of TLS 1.3, after so many records with the same keys (RFC 8446 §5.2)."""
    inner = bytes([_FATAL, description, _ALERT])
    header = bytes([_APPLICATION_DATA, 3, 3]) + (len(inner) + _TAG).to_bytes(2)
    return header + keys.aead.encrypt(keys.nonce(sequence), inner, header)


def alert_12(keys: Keys, description: int, sequence: int) -> bytes:
    """A protected fatal alert record of TLS 1.2, after so many records, Finished included (RFC 5246 §6.2.3.3)."""
    plain = bytes([_FATAL, description])
    header = bytes([_ALERT, 3, 3])
    associated = sequence.to_bytes(8) + header + len(plain).to_bytes(2)
    if len(keys.iv) == 12:
        fragment = keys.aead.encrypt(keys.nonce(sequence), plain, associated)
    else:
        # OpenSSL starts its explicit nonces at a random number and counts up; this one follows from the key.
        explicit = hmac.digest(keys.key, b"last alert", "sha256")[:_EXPLICIT]
        fragment = explicit + keys.aead.encrypt(keys.iv + explicit, plain, associated)
    return header + len(fragment).to_bytes(2) + fragment


def in_clear(octets: bytes) -> int | None:
    """The description of the fatal alert that these octets end with, where it is not protected (RFC 8446 §6)."""
    record = octets[-7:]
    return record[6] if record[:2] == b"\x15\x03" and record[3:6] == b"\0\2\2" else None


def read_13(keys: Keys, octets: bytes, sequences: Iterable[int]) -> int | None:
    """The same where it is protected in TLS 1.3 and has one of these record numbers; None where it has none."""
    size = 5 + 3 + _TAG
    record = octets[-size:]
    for sequence in sequences if len(record) == size else ():
        try:
            inner = keys.aead.decrypt(keys.nonce(sequence), record[5:], record[:5])
        except InvalidTag:
            continue
        return inner[1] if inner[0] == _FATAL and inner[2] == _ALERT else None
    return None


def read_12(keys: Keys, octets: bytes, sequences: Iterable[int]) -> int | None:
    """The same in TLS 1.2."""
    explicit = 12 - len(keys.iv)
    size = 5 + explicit + 2 + _TAG
    record = octets[-size:]
    for sequence in sequences if len(record) == size else ():
        nonce = keys.iv + record[5 : 5 + explicit] if explicit else keys.nonce(sequence)
        try:
            plain = keys.aead.decrypt(nonce, record[5 + explicit :], sequence.to_bytes(8) + record[:3] + b"\0\2")
        except InvalidTag:
            continue
        return plain[1] if plain[0] == _FATAL else None
    return None


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
