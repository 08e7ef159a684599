"""Shared by the tests of the binary encoding: naming of the vectors, vectors as octets, lengths made indefinite."""

from __future__ import annotations

from pathlib import Path

from workbench.protocols.h248.binary import Field, PerLevelNaming, ber

VECTORS = Path(__file__).parent.parent / "vectors" / "h248"
NAMES = sorted(path.name.removesuffix(".txt") for path in VECTORS.glob("*.txt") if ".short." not in path.name)

IQ = PerLevelNaming([Field(3, {"ip": 1}), Field(5), Field(8, {"access": 1, "core": 2}), Field(16)])
"""Terminations of the vectors: four octets, the top three bits 001, as TS 29.334 §5.6 has them for ephemeral ones."""
MEGACO = PerLevelNaming((8, 8, 8))
"""Terminations as Erlang/OTP's megaco names them by default."""


def octets_of(name: str) -> bytes:
    """A vector in the binary encoding."""
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())


def text_of(name: str) -> bytes:
    """A vector in long tokens."""
    return (VECTORS / f"{name}.txt").read_bytes()


def has_octets(name: str) -> bool:
    """Whether the vector can be said in binary with the numbers that are known."""
    return (VECTORS / f"{name}.hex").exists()


def made_indefinite(octets: bytes, start: int = 0, end: int | None = None) -> bytes:
    """The same TLVs, those that hold TLVs with an indefinite length and an end of contents."""
    written = b""
    at, end = start, len(octets) if end is None else end
    while at < end:
        tag = ber.header(octets, at, end)
        stop = tag.content + (tag.length or 0)
        if tag.constructed:
            written += octets[at : tag.length_at] + b"\x80" + made_indefinite(octets, tag.content, stop) + b"\0\0"
        else:
            written += octets[at:stop]
        at = stop
    return written


def made_long(octets: bytes, start: int = 0, end: int | None = None, size: int = 4) -> bytes:
    """The same TLVs with every length in the long form, with leading zeros."""
    written = b""
    at, end = start, len(octets) if end is None else end
    while at < end:
        tag = ber.header(octets, at, end)
        stop = tag.content + (tag.length or 0)
        contents = made_long(octets, tag.content, stop, size) if tag.constructed else octets[tag.content : stop]
        written += octets[at : tag.length_at] + bytes((0x80 | size,)) + len(contents).to_bytes(size, "big") + contents
        at = stop
    return written
