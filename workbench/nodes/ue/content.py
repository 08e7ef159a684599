"""What a file holds that nobody wrote: octets that follow from a seed, made where they are needed.

Source: RFC 4975 §7.1 (an end-line ends only the message of its own transaction).
"""

from __future__ import annotations

import hashlib

_BLOCK = 4096
_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LETTERS = bytes(_ALPHABET[octet % len(_ALPHABET)] for octet in range(256))


class Content:
    """A body that is not held: a slice of it is computed when it is asked for.

    Args:
        octets: how long it is.
        seed: what it follows from.
        text: lines of 62 letters and digits. Otherwise any octets, and in each block of 4096 a line that looks like the
            end-line of another MSRP transaction.
    """

    def __init__(self, octets: int, seed: bytes, *, text: bool = False) -> None:
        self._octets = octets
        self._seed = seed
        self._text = text

    def __len__(self) -> int:
        return self._octets

    def __getitem__(self, span: slice, /) -> bytes:
        start, stop, step = span.indices(self._octets)
        first, last = start // _BLOCK, max(stop - 1, start) // _BLOCK
        octets = b"".join(self._block(number) for number in range(first, last + 1))
        return octets[start - first * _BLOCK : max(start, stop) - first * _BLOCK : step]

    def _block(self, number: int) -> bytes:
        key = hashlib.sha256(b"%s/%d" % (self._seed, number)).digest()
        if self._text:
            letters = hashlib.shake_256(key).digest(_BLOCK).translate(_LETTERS)
            return b"".join(letters[at : at + 62] + b"\r\n" for at in range(0, _BLOCK, 64))
        transaction = bytes(_ALPHABET[octet % len(_ALPHABET)] for octet in key[:12])
        collision = b"\r\n-------%s%c\r\n" % (transaction, b"$+#"[number % 3])
        noise = hashlib.shake_256(key).digest(_BLOCK - len(collision))
        at = int.from_bytes(key[12:14], "big") % len(noise)
        return noise[:at] + collision + noise[at:]
