"""Random messages go through every encoding and come back: 20,000 through text, 20,000 through BER."""

from __future__ import annotations

from random import Random

import pytest
from h248 import forest
from h248.binary_forms import made_indefinite, made_long
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.protocols.h248 import binary, text

TREES = 20_000
PARTS = 8
"""Each part is a test of its own, so that several processes share them."""
EVERYTHING = {
    *("Ack", "Action", "ActionReply", "Audit", "AuditItem", "Authentication", "Command", "CommandReply"),
    *("ContextAudit", "ContextProperties", "DigitMap", "Embed", "ErrorDescriptor", "Event", "EventBuffer", "Events"),
    *("LocalControl", "Media", "Message", "Modem", "Mux", "ObservedEvent", "ObservedEvents", "PackageVersion"),
    *("Packages", "Pending", "Property", "Reply", "Request", "Segment", "Services", "Signal", "SignalList", "Signals"),
    *("Statistics", "StreamDescriptor", "TerminationState", "Token", "Topology"),
}
SEEDS = [range(part * TREES // PARTS, (part + 1) * TREES // PARTS) for part in range(PARTS)]


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_text(seeds):
    """Decoding what was encoded, in long tokens and in short ones by turns, gives the same tree."""
    for seed in seeds:
        tree = forest.message(seed)
        octets = text.encode(tree, "pretty" if seed % 2 else "compact")
        assert text.decode(octets) == tree, f"seed {seed}"


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_binary(seeds):
    """Decoding what was encoded in BER gives the same tree; the form of lengths does not matter."""
    for seed in seeds:
        tree = forest.message(seed)
        octets = binary.encode(tree)
        assert binary.decode(octets) == tree, f"seed {seed}"
        if seed % 16 == 0:
            assert binary.decode(made_indefinite(octets)) == tree, f"seed {seed}"
            assert binary.decode(made_long(octets)) == tree, f"seed {seed}"


def test_the_trees_have_everything():
    """Every kind of command, descriptor and transaction is among the random messages."""
    seen: set[str] = set()
    for seed in range(2000):
        seen |= names_in(forest.message(seed))
    assert seen >= EVERYTHING


def names_in(value: object) -> set[str]:
    """The classes of all values in a tree."""
    if isinstance(value, tuple):
        return set().union(*map(names_in, value)) if value else set()
    fields = getattr(type(value), "__struct_fields__", None)
    if fields is None:
        return set()
    return {type(value).__name__}.union(*(names_in(getattr(value, field)) for field in fields))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_both_encodings_with_shrinking(chance: Random):
    """The same messages from hypothesis, which makes a failing one as small as it can be."""
    tree = forest.Forest(chance).message()
    assert text.decode(text.encode(tree)) == tree
    assert binary.decode(binary.encode(tree)) == tree
