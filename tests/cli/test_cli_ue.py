"""`workbench ue`: a person's words in a script or typed, carried out through an access edge of processes."""

from __future__ import annotations

import signal
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


def test_a_script_s_call_comes_about(edge: Edge):
    """Register, call, say something, hear something, hang up: exit status 0; the other end took the call by itself."""
    agw, alg, peer = edge.up()
    edge.ue("0 register", "0.1 call sip:bob@home2.example", "0.2 text Hello, Bob.", "0.3 file 50000", "0.4 hangup 1")
    assert peer.stdin is not None
    peer.stdin.write("text Hello, Alice.\n")
    peer.stdin.flush()
    ue = edge.start("ue")
    said, complaints = ue.communicate(timeout=PATIENCE)
    assert (ue.returncode, complaints) == (0, ""), said
    assert "heard: Hello, Alice." in said
    until(peer, "heard: Hello, Bob.")
    until(peer, "heard: 50000 octets of application/octet-stream")
    until(peer, "the media session is over")
    peer.send_signal(signal.SIGTERM)
    assert (peer.wait(PATIENCE), agw.poll(), alg.poll()) == (0, None, None)


@pytest.mark.parametrize(("script", "why"), [
    (("0 register", "0.1 call sip:nobody@nowhere.example"), "no call to sip:nobody@nowhere.example"),
    (("0 call sip:bob@home2.example", "1 quit"), "not called: not registered"),
    (("0 register", "0.1 call sip:bob@home2.example", "0.2 hangup", "0.3 text too late"), "the session is over"),
])
def test_what_does_not_come_about_is_exit_status_1(edge: Edge, script: tuple[str, ...], why: str):
    """A call that is refused, one without registration, words behind the end of the call."""
    edge.up()
    edge.ue(*script)
    ue = edge.start("ue")
    said, complaints = ue.communicate(timeout=PATIENCE)
    assert ue.returncode == 1, said
    assert why in said + complaints


def test_what_is_typed_is_done(edge: Edge):
    """Commands line by line; what is no command is said, and quit ends the process when all is done."""
    edge.up()
    ue = edge.start("ue")
    said, complaints = ue.communicate("register\ndance\ncall sip:bob@home2.example\ntext \x1b[2JHi.\nhangup\nquit\n",
                                      timeout=PATIENCE)
    assert (ue.returncode, complaints) == (0, ""), said
    assert "'dance' is no command; there are register, call URI" in said
    assert "has arrived" in said


def test_a_call_ends_with_its_process(edge: Edge):
    """Ctrl-C in the middle of a call: BYE, and the gateway's context is released."""
    edge.up()
    ue = edge.start("ue")
    assert ue.stdin is not None
    ue.stdin.write("register\ncall sip:bob@home2.example\ntext Hello.\n")
    ue.stdin.flush()
    until(ue, "has arrived")
    ue.send_signal(signal.SIGINT)
    assert ue.wait(PATIENCE) == 0
    until(edge.running[2], "the media session is over")


def test_a_wrong_script_is_said_with_its_line(edge: Edge):
    """The person who wrote it finds the line at once."""
    path = edge.write("ue", 'name = "x"\nscript = [\n"0 register",\n"0.1 call Bob",\n]')
    ue = edge.start("ue")
    _, complaints = ue.communicate(timeout=PATIENCE)
    assert (ue.returncode, complaints) == (
        2, f"workbench: {path}, line 4: script[1]: 'Bob' is not a SIP URI such as sip:bob@home2.example\n")
