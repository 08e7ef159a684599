"""However a run on the kernel network ends, nothing of it is left."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from kernel_stage import Stage, needs_namespaces

from workbench.errors import NetworkError
from workbench.net.kernel import leftovers
from workbench.net.kernel.namespaces import owner
from workbench.net.values import BindDatagrams, Endpoint

pytestmark = needs_namespaces

ROOT = Path(__file__).parents[2]
_OWNER = """
import sys, kernel_stage
stage = kernel_stage.Stage()
print(stage.network.keeper, flush=True)
sys.stdin.readline()
stage.network.close()
"""


class Owner:
    """Another process with a kernel network, and the end of its keeper."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path})
        assert self.process.stdout is not None
        self.keeper = int(self.process.stdout.readline())
        self._ended = os.pidfd_open(self.keeper)

    def keeper_ends(self) -> bool:
        """Whether the keeper has ended, or does before anybody would give up waiting."""
        return bool(select.select([self._ended], [], [], 30.0)[0])

    def is_up(self) -> bool:
        return not select.select([self._ended], [], [], 0.0)[0]

    def close(self) -> None:
        os.close(self._ended)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def other():
    """An owner that has just started."""
    found = Owner()
    yield found
    found.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_all(other, number):
    """The keeper ends with its owner, and the kernel takes back what it held."""
    assert other.is_up()
    assert any(keeper.process == other.keeper and not keeper.is_left for keeper in leftovers.keepers())
    os.kill(other.process.pid, number)
    assert other.keeper_ends()
    assert all(keeper.process != other.keeper for keeper in leftovers.keepers())


def test_the_end_of_a_run_ends_all(other):
    """An owner that is done leaves nothing."""
    other.process.communicate(b"\n")
    assert other.process.returncode == 0
    assert other.keeper_ends()


def test_a_keeper_that_hangs_is_cleaned(other):
    """`doctor --clean` ends a keeper whose owner was killed; one whose owner lives is left alone."""
    with Stage() as stage:
        os.kill(other.keeper, signal.SIGSTOP)
        os.kill(other.process.pid, signal.SIGKILL)
        other.process.wait()
        assert other.is_up()
        assert [keeper.is_left for keeper in leftovers.keepers() if keeper.process == other.keeper] == [True]
        done = subprocess.run([sys.executable, "-m", "workbench.cli", "doctor", "--clean", "--json"],
                              capture_output=True, text=True, check=True)
        assert other.keeper_ends()
        assert f"(process {stage.network.keeper})" not in done.stdout
        assert all("namespaces of wb-" in told for told in json.loads(done.stdout))
        stage.do("a", BindDatagrams(Endpoint("10.1.0.1", 7)))


def test_a_process_is_named_beyond_its_id():
    """A later process of the same id is another owner."""
    assert owner() == f"wb-{os.getpid()}-{owner().rpartition('-')[2]}"
    assert not leftovers._is_there(f"wb-{os.getpid()}-1")
    assert leftovers._is_there(owner())


def test_a_network_without_keeper_says_so():
    """When the namespaces are gone an order that needs one is an error for people."""
    with Stage() as stage:
        os.kill(stage.network.keeper, signal.SIGKILL)
        with pytest.raises(NetworkError, match="the process that holds the namespaces has gone"):
            stage.do("a", BindDatagrams(Endpoint("10.1.0.1", 7)))


def test_a_failed_start_leaves_nothing(monkeypatch):
    """What `ip` refuses is told in its words, and the keeper ends."""
    from workbench.net.kernel import layout, namespaces

    before = {keeper.process for keeper in leftovers.keepers()}
    wrong = layout.Namespace("a", (), "route add nonsense\n", "")
    with pytest.raises(NetworkError, match="nonsense"):
        namespaces.Namespaces((wrong,))
    assert {keeper.process for keeper in leftovers.keepers() if keeper.owner == owner()} <= before
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NetworkError, match="needs the program ip"):
        namespaces.Namespaces(())


def _outside() -> dict[str, list[str]]:
    """What a run could leave in this system's own namespace: links, rules, named namespaces, processes, folders."""
    def say(*command: str) -> list[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()

    return {
        "links": [line.split(":")[1] for line in say("ip", "-o", "link")], "rules": say("nft", "list", "ruleset"),
        "namespaces": say("ip", "netns", "list"), "files": sorted(map(str, Path(tempfile.gettempdir()).glob("wb-*"))),
        "keepers": [str(keeper.process) for keeper in leftovers.keepers() if keeper.is_left]}


@pytest.mark.long
def test_fifty_runs_of_which_ten_are_killed(tmp_path):
    """No namespace, link, rule, process or file is left but the captures of the runs that came to their end.

    Each fifth run is killed with SIGKILL, at another moment: when so many of its descriptors are namespaces' sockets.
    """
    before = _outside()
    owners: dict[int, bool] = {}
    for number in range(50):
        folder = tmp_path / str(number)
        run = subprocess.Popen(
            [sys.executable, "-m", "workbench.cli", "run", "tcp-stateless-relay", "--network", "kernel", "--out",
             str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)})
        killed = number % 5 == 4
        if killed:
            _kill_with_keeper(run, sockets=number // 5)
        _, said = run.communicate()
        owners[run.pid] = killed
        assert run.returncode == (-signal.SIGKILL if killed else 0), said.decode()
        assert killed or [path.name for path in folder.glob("*.pcapng")]
    mine = [keeper for keeper in leftovers.keepers() if int(keeper.owner.split("-")[1]) in owners]
    for keeper in mine:     # one that has not noticed yet does within a second
        ended = os.pidfd_open(keeper.process)
        assert select.select([ended], [], [], 30.0)[0]
        os.close(ended)
    assert sum(owners.values()) == 10
    assert _outside() == before


def _kill_with_keeper(run: subprocess.Popen[bytes], sockets: int) -> None:
    """SIGKILL a run that has its keeper and at least so many more descriptors than when it got it."""
    while run.poll() is None and not any(f"wb-{run.pid}-" in keeper.owner for keeper in leftovers.keepers()):
        pass
    first = _descriptors(run.pid)
    while run.poll() is None and _descriptors(run.pid) < first + sockets:
        pass
    run.kill()


def _descriptors(process: int) -> int:
    try:
        return len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        return 1 << 30
