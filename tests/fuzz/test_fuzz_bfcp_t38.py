"""30 seconds of coverage-guided fuzzing each of BFCP and of T.38."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.libfuzzer import survives


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["bfcp", "t38"])
def test_no_octets_raise_anything_but_the_codecs_own_errors(tmp_path, protocol):
    """Whatever libFuzzer finds: codecs refuse with their own error, layouts cover all, machines raise nothing."""
    survives(Path(__file__).with_name(f"fuzz_{protocol}.py"), [], tmp_path)
