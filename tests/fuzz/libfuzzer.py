"""Running a harness for a while, and judging what libFuzzer said."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from programs import missing

SECONDS = 30


def survives(harness: Path, words: list[str], folder: Path) -> None:
    """Half a minute of coverage-guided fuzzing finds nothing, and has found its way into the code."""
    if importlib.util.find_spec("atheris") is None:
        missing("atheris", "pip install atheris (wheels for Linux and macOS on CPython 3.11 and later)")
    command = [
        *(sys.executable, str(harness), *words, str(folder / "corpus")),
        *(f"-max_total_time={SECONDS}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-seed=1"),
        *("-print_final_stats=1", f"-artifact_prefix={folder}/"),
    ]
    done = subprocess.run(command, capture_output=True, timeout=SECONDS * 6, check=False)
    said = done.stderr.decode("utf-8", "replace")
    crashes = [path.read_bytes() for path in folder.glob("*-*") if path.is_file()]
    assert not done.returncode and not crashes, (crashes, said[-3000:])
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    assert executed is not None and int(executed[1]) > 1_000, said[-2000:]
    covered = [int(found) for found in re.findall(r"\bcov: (\d+)", said)]
    assert covered and covered[-1] > covered[0], said[-2000:]
