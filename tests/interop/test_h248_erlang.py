"""Erlang/OTP's megaco as the second opinion on our H.248 text."""

from __future__ import annotations

from pathlib import Path

import pytest
from h248.trees import messages
from hypothesis import HealthCheck, Phase, given, settings
from interop.erlang import Refused, erlang_terms, example_messages

from workbench.protocols.h248 import text

VECTORS = Path(__file__).parent.parent / "vectors" / "h248"

# What megaco 4.4.2 does not read although the grammar has it. Its scanner ends a Local body at the first closing brace,
# escaped or not; its parser has no rule that takes these tokens, nor an extension as a ServiceChange method.
UNKNOWN_TO_MEGACO = (b"\\}", b"Nx64Kservice", b"Iteration", b"ANDLgc", b"X-Odd")


def same_terms(originals: list[bytes]) -> None:
    """Each message, and what we make of it in both styles, is one term to megaco."""
    batch = [octets for original in originals for octets in (original, *rewritten(original))]
    terms = erlang_terms(batch)
    for number, original in enumerate(originals):
        first, pretty, compact = terms[3 * number : 3 * number + 3]
        assert not isinstance(first, Refused), (original, first[:300])
        assert pretty == first, (original, pretty[:300])
        assert compact == first, (original, compact[:300])


def rewritten(original: bytes) -> tuple[bytes, bytes]:
    tree = text.decode(original)
    return text.encode(tree, "pretty"), text.encode(tree, "compact")


def test_vectors():
    """Every message of the Iq interface is accepted, in long and short tokens, and means the same."""
    same_terms([path.read_bytes() for path in sorted(VECTORS.glob("*.txt"))])


def test_examples():
    """The 149 messages that come with megaco, decoded and encoded again by us, are the same terms. No exceptions."""
    examples = example_messages()
    assert len(examples) == 149
    same_terms(list(examples.values()))


@pytest.mark.parametrize("count", [120, pytest.param(400, marks=pytest.mark.long)])
def test_random_messages(count: int):
    """Messages of any shape that megaco's grammar has mean the same to it in both styles."""
    drawn: list[bytes] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(messages)
    def draw(tree):
        pretty = text.encode(tree)
        if not any(unknown in pretty for unknown in UNKNOWN_TO_MEGACO):
            drawn.append(pretty)

    draw()
    assert len(drawn) > count // 2
    same_terms(drawn)


def test_megaco_refuses_what_is_wrong():
    """The second opinion is one: a broken message is refused."""
    (answer,) = erlang_terms([b"MEGACO/2 [192.0.2.1] Transaction = 1 { Kontext = 1 }"])
    assert isinstance(answer, Refused)
