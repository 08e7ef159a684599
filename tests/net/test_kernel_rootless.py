"""The kernel network without privilege: an ordinary user is root in a user namespace (user_namespaces(7))."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from kernel_stage import needs_namespaces

pytestmark = needs_namespaces

ROOT = Path(__file__).parents[2]
_NOBODY = 65534
# The one privilege that is kept lets the user read this interpreter and these files, wherever root has them.
_READS = ["-all,+dac_read_search"]
_AS_NOBODY = [
    "setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--inh-caps", *_READS, "--ambient-caps",
    *_READS, "--bounding-set", *_READS, "--"]
_COMMAND = [sys.executable, "-c", "from workbench.cli import main; main()"]


def run_as_user(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The workbench command as a user who is not root."""
    before = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("no setpriv (util-linux) to become an ordinary user with")
        before = _AS_NOBODY
    return subprocess.run(
        [*before, *_COMMAND, *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"})


@pytest.fixture
def out():
    """A folder of that user's, where only folders lead that everybody may pass."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-rootless-"))
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("id", [
    "tcp-stateless-relay", "tcp-merge-both-behind-nat", "e2ae-msrp-originating", "t38-dtls-originating"])
def test_an_ordinary_user_runs_scenarios(id, out):
    """Claimed packets, NATs, TLS and DTLS: all expectations hold, without root."""
    done = run_as_user("run", id, "--network", "kernel", "--out", str(out), "--json")
    if done.returncode == 2 and "does not give us a namespace" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stderr == ""
    (told,) = json.loads(done.stdout)
    assert (told["network"], told["passed"]) == ("kernel", True)
    capture = out / f"{id}.pcapng"
    if id == "tcp-stateless-relay" and shutil.which("nft") is not None:     # nftables is a user's own in a namespace
        assert b"relayed by the kernel" in capture.read_bytes()
    assert capture.stat().st_uid == (_NOBODY if os.geteuid() == 0 else os.geteuid())
