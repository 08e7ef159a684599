"""A gateway, or its controller, is killed and started again: contexts are gone or cleaned, and calls work again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_of_processes import PATIENCE, Edge, until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="all of 127.0.0.0/8 is needed")


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path)
    yield made
    made.close()


def calling(edge: Edge) -> subprocess.Popen[str]:
    """A UE whose call is up."""
    ue = edge.start("ue")
    assert ue.stdin is not None
    ue.stdin.write("register\ncall sip:bob@home2.example\ntext Hello.\n")
    ue.stdin.flush()
    until(ue, "has arrived")
    return ue


def calls_work(edge: Edge) -> None:
    """A new UE registers, calls, is understood, and hangs up."""
    edge.ue("0 register", "0 call sip:bob@home2.example", "0 text Hello again.", "0 hangup")
    ue = edge.start("ue")
    said, _ = ue.communicate(timeout=PATIENCE)
    assert ue.returncode == 0, said


def test_a_controller_that_starts_again(edge: Edge):
    """It asks its gateway, which obeys it still, audits what it holds, and releases what belongs to no call."""
    agw, alg, peer = edge.up()
    ue = calling(edge)
    alg.kill()
    alg.wait()
    alg = edge.start("alg")
    until(alg, "the gateway comes with contexts unknown here")
    until(alg, "context 1 belongs to no call: released")
    until(ue, "the media session is over")
    ue.kill()
    until(peer, "the media session is over")
    peer.kill()
    peer.wait()
    until(edge.start("peer"), "receives datagrams")
    calls_work(edge)
    for process in (agw, alg):
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_a_gateway_that_starts_again(edge: Edge):
    """It registers with Restart, so the controller knows that its contexts are gone: the call is ended with BYE."""
    agw, alg, peer = edge.up()
    ue = calling(edge)
    agw.kill()
    agw.wait()
    agw = edge.start("agw")
    until(agw, "registered with the controller")
    until(alg, "a new gateway, or one that begins anew: it has no contexts")
    for end in (ue, peer):
        until(end, "the media session is over")
    ue.kill()
    calls_work(edge)
    for process in (agw, alg):
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
