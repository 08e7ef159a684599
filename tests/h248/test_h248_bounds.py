"""What a hostile message may cost: work that grows with its length and no faster, at a depth that does not grow at all.

Work is counted in calls of functions, Python's and C's, so that the count is the same on any machine. The time that the
same shapes take at 64 kB is shown by benchmarks/h248_worst_case.py.
"""

from __future__ import annotations

import pytest
from counting import work
from h248.hostile_shapes import BINARY, TEXT

from workbench.errors import MalformedMessageError
from workbench.protocols.h248 import binary, text

SIZE = 6_000


def decoding(decode, octets):
    """Calls made, and the deepest nesting of Python's functions, whether the octets are a message or not."""

    def tried():
        try:
            decode(octets)
        except MalformedMessageError as error:
            assert error.offset is not None and 0 <= error.offset <= len(octets)

    return work(tried)


@pytest.mark.parametrize(
    ("decode", "make"),
    [
        *(pytest.param(text.decode, make, id=f"text: {name}") for name, make in TEXT.items()),
        *(pytest.param(binary.decode, make, id=f"BER: {name}") for name, make in BINARY.items()),
    ],
)
def test_work_grows_with_the_length_only(decode, make):
    """Twice the octets, twice the calls, and no deeper."""
    decoding(decode, make(SIZE))  # what is made once, is made
    calls, depth = decoding(decode, make(SIZE))
    twice, deeper = decoding(decode, make(2 * SIZE))
    assert twice <= 2.4 * calls + 400
    assert deeper <= depth + 2
    assert deeper < 60


@pytest.mark.parametrize("decode", [text.decode, binary.decode])
def test_a_message_beyond_the_limit_is_not_looked_at(decode):
    """The largest message is the caller's choice; a longer one costs nothing."""
    calls, _ = decoding(decode, b"\x30" * 300_000)
    assert calls < 20
