"""Protected records of DTLS 1.2 with AES-GCM that the library would not make: repeated ones, and alerts of our choice.

A record that is sent again needs a number of its own, and the number is protected (RFC 6347 §4.1.2.1, §4.2.4).
The explicit part of our nonces follows from the key and the number; OpenSSL counts its own from a random start.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag

from workbench.protocols.tls import datagrams
from workbench.protocols.tls.datagrams import Record

if TYPE_CHECKING:
    from workbench.security.alerts import Keys

_DTLS_1_2 = 0xFEFD
_EXPLICIT = 8
_TAG = 16


def seal(keys: Keys, kind: int, epoch: int, sequence: int, plain: bytes) -> Record:
    """A protected record (RFC 5288 §3, RFC 6347 §4.1.2.1).

    Args:
        keys: of our direction, for AES-GCM.
        kind: content type.
    """
    associated = datagrams.header(kind, _DTLS_1_2, epoch, sequence, len(plain))
    number = associated[3:11]
    explicit = hmac.digest(keys.key, b"record" + number, "sha256")[:_EXPLICIT]
    fragment = explicit + keys.aead.encrypt(keys.iv + explicit, plain, number + associated[:3] + associated[11:])
    return Record(0, datagrams.HEADER_OCTETS + len(fragment), kind, _DTLS_1_2, epoch, sequence, fragment)


def unseal(keys: Keys, record: Record) -> bytes | None:
    """What a record of ours protects; None where it does not decrypt."""
    size = len(record.fragment) - _EXPLICIT - _TAG
    if size < 0:
        return None
    head = record.header
    try:
        opened: bytes = keys.aead.decrypt(
            keys.iv + record.fragment[:_EXPLICIT], record.fragment[_EXPLICIT:],
            head[3:11] + head[:3] + size.to_bytes(2))
    except InvalidTag:
        return None
    return opened
