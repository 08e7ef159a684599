"""60 seconds of coverage-guided fuzzing: 30 for each decoder of H.248."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import missing

HARNESS = Path(__file__).with_name("fuzz_h248.py")
SECONDS = 30


@pytest.mark.long
@pytest.mark.parametrize("which", ["text", "binary"])
def test_no_octets_break_the_codec(which, tmp_path):
    """Whatever libFuzzer finds: the codec's own error, or a tree that says the same when written and read again."""
    if importlib.util.find_spec("atheris") is None:
        missing("atheris", "pip install atheris (wheels for Linux and macOS on CPython 3.11 and later)")
    command = [
        *(sys.executable, str(HARNESS), which, str(tmp_path / "corpus")),
        *(f"-max_total_time={SECONDS}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-seed=1"),
        *("-print_final_stats=1", f"-artifact_prefix={tmp_path}/"),
    ]
    done = subprocess.run(command, capture_output=True, timeout=SECONDS * 6, check=False)
    said = done.stderr.decode("utf-8", "replace")
    crashes = [path.read_bytes() for path in tmp_path.glob("*-*") if path.is_file()]
    assert not done.returncode and not crashes, (crashes, said[-3000:])
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    assert executed is not None and int(executed[1]) > 1_000, said[-2000:]
    covered = [int(found) for found in re.findall(r"\bcov: (\d+)", said)]
    assert covered and covered[-1] > covered[0], said[-2000:]
