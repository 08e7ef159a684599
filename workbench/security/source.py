"""The seeded source a node draws its ports, tags and keys from, so that one seed gives one trace."""

from __future__ import annotations

import hashlib

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Source:
    """Octets that look random and follow from a seed and a name alone (SHA-256 in counter mode).

    Not for protecting anything: whoever knows the seed knows every octet.
    """

    def __init__(self, seed: int, name: str) -> None:
        self._prefix = f"{seed}/{name}/".encode()
        self._count = 0
        self._pool = b""

    def octets(self, size: int) -> bytes:
        """The next `size` octets."""
        while len(self._pool) < size:
            self._pool += hashlib.sha256(self._prefix + str(self._count).encode()).digest()
            self._count += 1
        taken, self._pool = self._pool[:size], self._pool[size:]
        return taken

    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int.from_bytes(self.octets(8)) % (high - low + 1)

    def token(self, size: int) -> str:
        """`size` letters and digits: a tag, a branch, a transaction id (5.95 bits each)."""
        return "".join(_LETTERS[octet % len(_LETTERS)] for octet in self.octets(size))

    def __repr__(self) -> str:
        return "Source(...)"
