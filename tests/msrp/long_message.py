"""A message too long to be held, made as it is sent; what has to leave a rewriter is hashed, not kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path as File

from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp import wire
from workbench.protocols.msrp.messages import Flag, Header, Request

GIGABYTE = 1 << 30
CHUNK = 16 << 20
"""Body octets of one SEND."""
SEGMENT = 61_440
"""What arrives at once."""
GROWTH = 64 << 20
"""What a process may grow by while a gigabyte passes."""
STATUS = File("/proc/self/statm")


def resident() -> int:
    """Octets that this process has in memory now."""
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def frame(number: int, total: int, to_path: uris.Path, from_path: uris.Path) -> tuple[bytes, bytes]:
    """A chunk's octets before its body, and behind it."""
    start = number * CHUNK + 1
    last = start + CHUNK > total
    headers = (Header("Message-ID", "big-0001"), Header("Byte-Range", f"{start}-*/{total}"),
               Header("Content-Type", "application/octet-stream"))
    octets = wire.encode(Request(f"tid{number:05}", "SEND", to_path, from_path, headers, b"",
                                 Flag.COMPLETE if last else Flag.MORE))
    head, _, tail = octets.rpartition(b"\r\n-------")
    return head, b"\r\n-------" + tail


def content() -> bytes:
    """A block that repeats: every octet there is, hyphens, end-lines of other transactions, one that lacks its flag."""
    lures = b"\r\n-------other123$\r\n\r\n-------tid0000\r\n-------tid99999+\r\n-------\r\r\n"
    block = b"".join(bytes(range(256)) * 3 + lures + b"-" * (each % 90) for each in range(600))
    return block[: len(block) - len(block) % 4096]


class LongMessage:
    """`total` octets in chunks.

    Args:
        total: a multiple of `CHUNK`.
        comes: To-Path and From-Path of what arrives.
        leaves: those of what has to leave; `expected` is the hash of that.
    """

    def __init__(self, total: int, comes: tuple[uris.Path, uris.Path], leaves: tuple[uris.Path, uris.Path]) -> None:
        self.expected = hashlib.sha256()
        self._total = total
        self._comes = comes
        self._leaves = leaves

    def segments(self) -> Iterator[bytes]:
        """It arrives in segments that end anywhere."""
        block, waiting = content(), b""
        for number in range(self._total // CHUNK):
            head, tail = frame(number, self._total, *self._comes)
            new_head, new_tail = frame(number, self._total, *self._leaves)
            self.expected.update(new_head)
            waiting += head
            left = CHUNK
            while left:
                part = block[:left]
                self.expected.update(part)
                waiting += part
                left -= len(part)
                while len(waiting) >= SEGMENT:
                    yield waiting[:SEGMENT]
                    waiting = waiting[SEGMENT:]
            self.expected.update(new_tail)
            waiting += tail
        yield waiting
