"""How records of TLS and DTLS are protected, for whoever reads along with a key log.

Nothing is verified here but what decrypts (RFC 8446 §5.2, §7, RFC 5246 §6, RFC 6347 §4.1.2).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from workbench.protocols.tls.suites import CIPHER_SUITES
from workbench.protocols.tls.wire import Record


class Shape(msgspec.Struct, frozen=True):
    """What a cipher suite needs. Sizes in octets."""

    cipher: str
    hash: str
    key: int
    salt: int
    tag: int = 16
    mac: int = 0
    mac_hash: str = ""

    @classmethod
    def of(cls, suite: int) -> Shape | None:
        """The shape of a suite; None for one that is not read."""
        name = CIPHER_SUITES.get(suite, "")
        hash_name = "sha384" if name.endswith("SHA384") else "sha256"
        if "CHACHA20_POLY1305" in name:
            return cls("CHACHA20", hash_name, 32, 12)
        key = 32 if "AES_256" in name else 16 if "AES_128" in name else 0
        if not key:
            return None
        if "_GCM_" in name:
            return cls("GCM", hash_name, key, 4)
        if "_CCM" in name:
            return cls("CCM", hash_name, key, 4, tag=8 if "CCM_8" in name else 16)
        if "_CBC_" in name:
            mac_hash = {"SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}[name.rpartition("_")[2]]
            return cls("CBC", hash_name, key, 0, mac=hashlib.new(mac_hash).digest_size, mac_hash=mac_hash)
        return None


class Aead:
    """One direction's protection with an AEAD (RFC 8446 §5.2, §5.3; RFC 5288 §3; RFC 6655 §3; RFC 7905 §2)."""

    def __init__(self, shape: Shape, key: bytes, salt: bytes, *, modern: bool) -> None:
        self._cipher = cipher_of(shape, key)
        self._salt = salt
        self._tag = shape.tag
        self._modern = modern
        self._explicit = not modern and shape.cipher != "CHACHA20"
        self._sequence = 0

    def open(self, record: Record) -> bytes | None:
        """The octets that were protected, or None where they do not decrypt. Counts the records that do."""
        opened = self.open_at(self._sequence, record.header, record.fragment)
        self._sequence += opened is not None
        return opened

    def skip(self, record: Record, most: int) -> bool:
        """Behind a hole: find the record's number among the next `most`; True: `open` will open it."""
        return _skip(self, record, most)

    def open_at(self, sequence: int, header: bytes, sealed: bytes) -> bytes | None:
        """The same for a record with this number; in DTLS the number begins with the epoch (RFC 6347 §4.1.2.1).

        Args:
            header: of the record; in DTLS without epoch and number.
        """
        from cryptography.exceptions import InvalidTag

        if self._explicit:
            nonce, sealed = self._salt + sealed[:8], sealed[8:]
        else:
            nonce = (int.from_bytes(self._salt) ^ sequence).to_bytes(12)
        size = len(sealed) - self._tag
        if size < 0 or len(nonce) != 12:
            return None
        extra = header if self._modern else sequence.to_bytes(8) + header[:3] + size.to_bytes(2)
        try:
            opened: bytes = self._cipher.decrypt(nonce, sealed, extra)
        except (InvalidTag, ValueError):
            return None
        return opened


class Cbc:
    """One direction's protection with a block cipher and a MAC (RFC 5246 §6.2.3.2, RFC 7366 §3)."""

    def __init__(self, key: bytes, mac_key: bytes, mac_hash: str, encrypt_then_mac: bool) -> None:
        self._key = key
        self._mac_key = mac_key
        self._hash = mac_hash
        self._size = hashlib.new(mac_hash).digest_size
        self._etm = encrypt_then_mac
        self._sequence = 0

    def open(self, record: Record) -> bytes | None:
        """The octets that were protected, or None where they do not decrypt. Counts the records that do."""
        opened = self.open_at(self._sequence, record.header, record.fragment)
        self._sequence += opened is not None
        return opened

    def skip(self, record: Record, most: int) -> bool:
        """See `Aead`."""
        return _skip(self, record, most)

    def open_at(self, sequence: int, header: bytes, sealed: bytes) -> bytes | None:
        """The same for a record with this number; see `Aead`."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        if self._etm:
            sealed, seen = sealed[: -self._size], sealed[-self._size :]
            if not hmac.compare_digest(seen, self._mac(sequence, header, sealed)):
                return None
        if len(sealed) < 32 or len(sealed) % 16:
            return None
        decryptor = Cipher(algorithms.AES(self._key), modes.CBC(sealed[:16])).decryptor()
        padded = decryptor.update(sealed[16:]) + decryptor.finalize()
        surplus = padded[-1] + 1
        behind = surplus + (0 if self._etm else self._size)
        if behind > len(padded) or padded[-surplus:] != bytes([surplus - 1]) * surplus:
            return None
        content = padded[: len(padded) - behind]
        if not self._etm:
            seen = padded[len(content) : len(content) + self._size]
            if not hmac.compare_digest(seen, self._mac(sequence, header, content)):
                return None
        return content

    def _mac(self, sequence: int, header: bytes, octets: bytes) -> bytes:
        head = sequence.to_bytes(8) + header[:3] + len(octets).to_bytes(2)
        return hmac.digest(self._mac_key, head + octets, self._hash)


def _skip(protection: Aead | Cbc, record: Record, most: int) -> bool:
    first = protection._sequence
    for number in range(first, first + most):
        if protection.open_at(number, record.header, record.fragment) is not None:
            protection._sequence = number
            return True
    return False


def cipher_of(shape: Shape, key: bytes) -> Any:
    """The AEAD of a suite, with this key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

    if shape.cipher == "GCM":
        return AESGCM(key)
    if shape.cipher == "CCM":
        return AESCCM(key, tag_length=shape.tag)
    return ChaCha20Poly1305(key)


def expand_label(hash_name: str, secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 §7.1, RFC 5869 §2.3)."""
    full = b"tls13 " + label
    info = size.to_bytes(2) + bytes([len(full)]) + full + b"\0"
    octets, block, count = b"", b"", 0
    while len(octets) < size:
        count += 1
        block = hmac.digest(secret, block + info + bytes([count]), hash_name)
        octets += block
    return octets[:size]


def prf(hash_name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """P_hash of TLS 1.2 (RFC 5246 §5); `seed` starts with the label."""
    octets, link = b"", seed
    while len(octets) < size:
        link = hmac.digest(secret, link, hash_name)
        octets += hmac.digest(secret, link + seed, hash_name)
    return octets[:size]


def protection_12(
    shape: Shape, master: bytes, randoms: tuple[bytes, bytes], client: bool, *, encrypt_then_mac: bool = False,
) -> Aead | Cbc:
    """The protection of one direction in (D)TLS 1.2 (RFC 5246 §6.3).

    Args:
        randoms: the server's and the client's.
        client: whether the sender is the client.
    """
    sizes = (shape.mac, shape.mac, shape.key, shape.key, shape.salt, shape.salt)
    block = prf(shape.hash, master, b"key expansion" + randoms[0] + randoms[1], sum(sizes))
    parts: list[bytes] = []
    for size in sizes:
        parts.append(block[:size])
        block = block[size:]
    mine = 0 if client else 1
    if shape.cipher == "CBC":
        return Cbc(parts[2 + mine], parts[mine], shape.mac_hash, encrypt_then_mac)
    return Aead(shape, parts[2 + mine], parts[4 + mine], modern=False)
