"""60 seconds of coverage-guided fuzzing: 30 for each decoder of H.248."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.libfuzzer import survives

HARNESS = Path(__file__).with_name("fuzz_h248.py")


@pytest.mark.long
@pytest.mark.parametrize("which", ["text", "binary"])
def test_no_octets_break_the_codec(which, tmp_path):
    """Whatever libFuzzer finds: the codec's own error, or a tree that says the same when written and read again."""
    survives(HARNESS, [which], tmp_path)
