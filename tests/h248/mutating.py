"""Good messages, and what becomes of them on a bad day: seeded changes of their octets."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec
from h248.binary_forms import IQ, MEGACO

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.h248 import binary, text
from workbench.protocols.h248.binary.naming import TerminationNaming
from workbench.protocols.h248.message import Message
from workbench.protocols.h248.tokens import TOKENS

VECTORS = Path(__file__).parent.parent / "vectors" / "h248"

_WORDS = [
    *(word.encode() for pair in TOKENS.items() for word in pair),
    *b"{ } , = : [ ] < > # \" ; \n * $ - / } }".split(b" "),
    *(b"L{", b"Local {", b"R\n{", b"DM={", b"\\}", b"\r\n", b"\x00", b"\xff", b"= L {", b"ROOT", b"O-W-"),
    *(b"4294967295", b"v=0\n", b"m=audio $ RTP/AVP 0\n", b'"a b"', b"20260301T10153250:", b"X-a = 1", b"1-3", b"8/1"),
    b"; L{\n",
]
_TAGS = [
    *(b"\x30\x80", b"\x00\x00", b"\x80\x00", b"\xa0\x00", b"\xa1\x80", b"\x81\x84", b"\xff\xff\xff\xff", b"\x84\x7f"),
    *(b"\x9f\x81\x01", b"\x04\x00", b"\xbf\x1f\x00", b"\x24\x80", b"\x02\x01\x00", b"\x83\xff\xff\xff", b"\x80\x05"),
]


@lru_cache(maxsize=1)
def texts() -> tuple[bytes, ...]:
    """The stored messages in both lengths of tokens."""
    stored = (path.read_bytes() for path in sorted(VECTORS.glob("*.txt")))
    return tuple(stored)


def found(which: str) -> tuple[bytes, ...]:
    """Octets of `text` or `binary` that fuzzing once found wanting."""
    return tuple(path.read_bytes() for path in sorted((VECTORS / "found").glob(f"*.{which}")))


def forms(messages: tuple[bytes, ...], naming: TerminationNaming) -> Iterator[bytes]:
    """The BER of text messages, where binary can carry them."""
    for octets in messages:
        try:
            yield binary.encode(text.decode(octets), naming=naming)
        except LocalProtocolError:
            continue


def mutated(good: bytes, others: tuple[bytes, ...], draw: random.Random, words: list[bytes]) -> bytes:
    """A message with one to four changes: octets replaced, words put in, pieces cut, doubled or taken from another."""
    octets = bytearray(good)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        at = draw.randrange(len(octets) + 1)
        end = min(len(octets), at + draw.choice((1, 1, 2, 5, 30)))
        match draw.randrange(7):
            case 0:
                octets[at:end] = draw.randbytes(end - at)
            case 1:
                octets[at:at] = draw.choice(words)
            case 2:
                octets[at:end] = draw.choice(words)
            case 3:
                del octets[at:end]
            case 4:
                octets[at:at] = octets[at:end] * draw.choice((1, 1, 9))
            case 5:
                other = draw.choice(others)
                start = draw.randrange(len(other))
                octets[at:end] = other[start : start + draw.randrange(60)]
            case _:
                if at < len(octets):
                    octets[at] ^= 1 << draw.randrange(8)
    return bytes(octets)


def text_mutations(good: tuple[bytes, ...], seed: int, count: int) -> Iterator[bytes]:
    """Mutated text messages."""
    draw = random.Random(seed)
    return (mutated(draw.choice(good), good, draw, _WORDS) for _ in range(count))


def binary_mutations(good: tuple[bytes, ...], seed: int, count: int) -> Iterator[bytes]:
    """Mutated BER messages."""
    draw = random.Random(seed)
    return (mutated(draw.choice(good), good, draw, _TAGS) for _ in range(count))


def survives_as_text(octets: bytes) -> Message | None:
    """The text codec's whole promise about any octets: its own error, or a tree that says the same when written again.

    The tree, or None for octets that were refused.
    """
    try:
        tree = text.decode(octets)
    except MalformedMessageError as error:
        assert error.offset is not None and 0 <= error.offset <= len(octets), octets
        assert error.clause, octets
        return None
    for style in ("pretty", "compact"):
        written = text.encode(tree, style)
        assert text.decode(written) == tree, (octets, written)
    return tree


def survives_as_binary(octets: bytes, naming: TerminationNaming) -> Message | None:
    """The same for BER; where values are taken as they come, the second reading is the one that stays.

    A value that stands bare in its OCTET STRING, as megaco writes them, is written again wrapped in its type, as the
    standard has it; there a second reading may differ (00 becomes 0), and must then stay.
    """
    try:
        tree = binary.decode(octets, naming=naming)
    except MalformedMessageError as error:
        assert error.offset is not None and 0 <= error.offset <= len(octets), octets
        assert error.clause, octets
        return None
    written = binary.encode(tree, naming=naming)
    again = binary.decode(written, naming=naming)
    if again != tree:
        assert _without_values(again) == _without_values(tree), (octets, written)
        tree, written = again, binary.encode(again, naming=naming)
    assert binary.decode(written, naming=naming) == tree, (octets, written)
    return tree


def _without_values(tree: Message) -> bytes:
    return re.sub(rb'"values":\["(?:[^"\\]|\\.)*"\]', b"", msgspec.json.encode(tree, enc_hook=str))


__all__ = [
    "IQ",
    "MEGACO",
    "binary_mutations",
    "forms",
    "found",
    "survives_as_binary",
    "survives_as_text",
    "text_mutations",
    "texts",
]
