"""100,000 messages that something happened to on the way: each is refused by the codec's own error, or says something.

What decodes has to encode, and to decode to the same tree again. The seeds are fixed; a failure shows the octets.
"""

from __future__ import annotations

import shutil
from functools import lru_cache

import pytest
from h248.mutating import (
    IQ,
    MEGACO,
    binary_mutations,
    forms,
    found,
    survives_as_binary,
    survives_as_text,
    text_mutations,
    texts,
)
from interop.erlang import example_ber, example_messages

PARTS = 10
COUNT = 5_000


@lru_cache(maxsize=1)
def examples() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Megaco's own messages as text and as BER; none where it is not installed."""
    if shutil.which("erl") is None:
        return (), ()
    return tuple(example_messages().values()), tuple(example_ber().values())


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_text(part):
    """50,000 mutated text messages; some of them still say something."""
    good = texts() + examples()[0]
    trees = [survives_as_text(octets) for octets in text_mutations(good, part, COUNT)]
    assert len(trees) == COUNT
    assert sum(tree is not None for tree in trees) > COUNT / 20


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_binary(part):
    """50,000 mutated BER messages: the vectors' in even parts, megaco's own in odd ones."""
    naming = MEGACO if part % 2 and examples()[1] else IQ
    good = examples()[1] if naming is MEGACO else tuple(forms(texts(), IQ))
    trees = [survives_as_binary(octets, naming) for octets in binary_mutations(good, part, COUNT)]
    assert len(trees) == COUNT
    assert sum(tree is not None for tree in trees) > COUNT / 50


def test_what_was_found():
    """Messages that once broke the promise keep it."""
    assert found("text")
    for octets in found("text"):
        survives_as_text(octets)
    for octets in found("binary"):
        survives_as_binary(octets, IQ)
