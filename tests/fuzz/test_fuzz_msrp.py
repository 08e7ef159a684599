"""30 seconds of coverage-guided fuzzing of MSRP's framing."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.libfuzzer import survives

HARNESS = Path(__file__).with_name("fuzz_msrp.py")


@pytest.mark.long
def test_no_octets_tell_a_rewriter_from_a_reader(tmp_path):
    """Whatever libFuzzer finds: the rewriter does the same in any portions, and sees what a reader sees."""
    survives(HARNESS, [], tmp_path)
