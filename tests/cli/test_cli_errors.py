"""What is wrong when a node starts is one line and exit status 2; what may still come right is said and waited for."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_of_processes import PATIENCE, Edge, start, unprivileged, until

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="all of 127.0.0.0/8 is needed")


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path)
    yield made
    made.close()


def refused(kind: str, path: Path, *options: str, **more) -> str:
    """The line that a node ends with."""
    node = start(kind, "--config", str(path), *options, **more)
    said, complaints = node.communicate(timeout=PATIENCE)
    assert node.returncode == 2, (said, complaints)
    assert complaints.startswith("workbench: ") and complaints.count("\n") == 1, complaints
    return complaints.removeprefix("workbench: ").rstrip()


@pytest.mark.parametrize(("kind", "text", "said"), [
    ("agw", 'controller = "mgc.example:2944"', "line 1: controller: 'mgc.example' is not an IPv4 or IPv6 address"),
    ("agw", 'controller = "192.0.2.5"',
     "line 1: controller: 192.0.2.5:2944 can't be reached from 127.0.0.1, which is for this host alone"),
    ("agw", '\ncontroller = "[::1]"', "line 2: controller: [::1]:2944 can't be reached from 127.0.0.1, which is of"),
    ("agw", 'controller = "127.0.0.1:0"', "line 1: controller: port 0"),
    ("agw", '[realms]\naccess = "192.0.2.77"', "192.0.2.77 is not an address of this host"),
    ("agw", 'control = "192.0.2.1"\ncontroller = "192.0.2.2"',
     "192.0.2.1 is not an address of this host (UDP 192.0.2.1:2944)"),
    ("agw", "control = ", "Invalid value (at end of document)"),
    ("alg", 'gateway = "agw:2944"', "line 1: gateway: 'agw' is not an IPv4 or IPv6 address"),
    ("alg", '[routes]\n"home2.example" = "192.0.2.9"',
     "line 2: routes.home2.example: 192.0.2.9:5060 can't be reached from"),
    ("alg", 'access = "192.0.2.1"', "192.0.2.1 is not an address of this host (UDP 192.0.2.1:5060)"),
    ("ue", 'proxy = "192.0.2.1"', "line 1: proxy: 192.0.2.1:5060 can't be reached from 127.0.0.1"),
    ("ue", 'sip = "192.0.2.1"\nproxy = "192.0.2.2"', "192.0.2.1 is not an address of this host (UDP 192.0.2.1:5060)"),
])
def test_wrong_settings(tmp_path: Path, kind: str, text: str, said: str):
    """A name instead of an address, an address that can't be reached or is not ours, no TOML at all."""
    path = tmp_path / "node.toml"
    path.write_text(text)
    assert said in refused(kind, path)


@linux
@pytest.mark.parametrize(("kind", "text", "said"), [
    ("agw", 'control = "127.0.0.1:25"', "UDP 127.0.0.1:25 is not allowed to us: ports below 1024 need privileges"),
    ("agw", "ports = [70, 80]", "UDP 127.0.0.1:70 is not allowed to us: ports below 1024 need privileges"),
    ("alg", 'core = "127.0.0.1:26"', "UDP 127.0.0.1:26 is not allowed to us: ports below 1024 need privileges"),
    ("ue", 'sip = "127.0.0.1:27"', "UDP 127.0.0.1:27 is not allowed to us: ports below 1024 need privileges"),
])
def test_privileged_ports_of_an_ordinary_user(tmp_path: Path, kind: str, text: str, said: str):
    """Which one, and why."""
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 1024:
        pytest.skip("ports below 1024 are everybody's here")
    path = tmp_path / "node.toml"
    path.write_text(text)
    assert refused(kind, path, preexec_fn=None if os.geteuid() else unprivileged) == said


@linux
@pytest.mark.parametrize("kind", ["agw", "alg", "ue"])
def test_a_port_in_use(edge: Edge, kind: str):
    """Which one; the program that has it goes on."""
    place = {"agw": (f"{edge.net}.20", 2944), "alg": (f"{edge.net}.12", 5060), "ue": (f"{edge.net}.30", 5060)}[kind]
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(place)
        assert refused(kind, edge.folder / f"{kind}.toml") == f"UDP {place[0]}:{place[1]} is in use by another program"


def test_files_that_can_not_be_read_or_written(tmp_path: Path):
    """Settings, log and capture."""
    none = tmp_path / "none" / "file"
    good = tmp_path / "agw.toml"
    good.write_text("")
    assert refused("agw", none) == f"{none}: No such file or directory"
    assert refused("agw", tmp_path) == f"{tmp_path}: Is a directory"
    assert refused("agw", good, "--log", str(none)) == f"--log {none}: No such file or directory"
    assert refused("agw", good, "--capture", str(none)) == f"{none}: No such file or directory"


@linux
def test_a_counterpart_that_does_not_answer(edge: Edge):
    """Is no error at the start: each keeps trying, says what to check, and goes on when the other one comes."""
    agw = edge.start("agw")
    until(agw, f"no controller takes this gateway yet; it keeps trying {edge.net}.10:2944 (udp, pretty). Check")
    agw.send_signal(signal.SIGTERM)
    assert agw.wait(PATIENCE) == 0
    alg = edge.start("alg")
    until(alg, f"no gateway has registered yet, so calls are refused. Check that {edge.net}.20:2944 runs")
    agw = edge.start("agw")
    until(agw, "registered with the controller")
    until(alg, "it has no contexts")
