"""`workbench run --network kernel` as people meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from workbench.net.kernel.namespaces import why_not


def workbench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a shell would start."""
    return subprocess.run([sys.executable, "-m", "workbench.cli", *words], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})


@pytest.mark.skipif(bool(why_not()), reason=f"no kernel network here: {why_not()}")
def test_a_run_names_its_network(tmp_path):
    """The JSON of a run says which network it was on."""
    done = workbench("run", "tcp-aware-a-active", "--network", "kernel", "--out", str(tmp_path), "--json")
    (told,) = json.loads(done.stdout)
    assert (done.returncode, told["network"], told["passed"]) == (0, "kernel", True)


def test_without_its_program_one_line_says_so(tmp_path):
    """No `ip` on the path: one line with the command that brings it, and status 2."""
    done = workbench("run", "tcp-aware-a-active", "--network", "kernel", "--out", str(tmp_path), PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "kernel network needs" in done.stderr


def test_an_unknown_network_is_wrong_usage(tmp_path):
    """Status 2, and the networks that are there."""
    done = workbench("run", "tcp-aware-a-active", "--network", "carrier-pigeon", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "virtual, kernel" in done.stderr
