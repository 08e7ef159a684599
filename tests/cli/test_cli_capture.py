"""`--capture` and `--log` of node commands: a call through processes, and what is found in each node's files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_of_processes import PATIENCE, Edge, unprivileged, until
from programs import need

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.net.listening import possible

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="all of 127.0.0.0/8 is needed")


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path)
    yield made
    made.close()


def captured(edge: Edge, **more) -> dict[str, Report]:
    """A call, with the captures of all four nodes."""

    def options(name: str) -> tuple[str, ...]:
        keys = () if name == "alg" else ("--keylog",)
        return ("--capture", str(edge.folder / f"{name}.pcapng"), "--log", str(edge.folder / f"{name}.log"), *keys)

    alg = edge.start("alg", *options("alg"), **more)
    until(alg, f"at {edge.net}.10:2944")
    agw, peer = (edge.start(name, *options(name), **more) for name in ("agw", "peer"))
    until(agw, "registered with the controller")
    until(peer, "receives datagrams")
    edge.ue("0 register", "0 call sip:bob@home2.example", "0 text Hello, Bob.", "0 hangup")
    ue = edge.start("ue", *options("ue"), **more)
    said, _ = ue.communicate(timeout=PATIENCE)
    assert ue.returncode == 0, said
    until(peer, "the media session is over")
    for process in (agw, alg, peer):
        process.send_signal(signal.SIGTERM)
        said, complaints = process.communicate(timeout=PATIENCE)
        assert (process.returncode, complaints) == (0, ""), said
        assert "packets in" in said
    return {name: analyze(edge.folder / f"{name}.pcapng") for name in ("agw", "alg", "peer", "ue")}


def check(edge: Edge, reports: dict[str, Report]) -> None:
    """Each node's capture shows its part of the call; the gateway's decrypts, the log agrees."""
    for name, report in reports.items():
        assert not report.notes and "call-1" in [session.id for session in report.sessions], name
        assert any(node.named for node in report.nodes), name
    agw, alg, ue = reports["agw"], reports["alg"], reports["ue"]
    (call,) = [session for session in agw.sessions if session.id == "call-1"]
    assert (call.security, call.context) == ("e2ae", 1)
    legs = {leg.name: leg for leg in call.legs}
    assert legs["access"].tls_version == "TLS 1.3" and legs["core"].tcp_client == "IMS-AGW"
    words = [message for message in agw.messages if b"Hello, Bob." in message.octets]
    assert len(words) == 2  # decrypted on the access leg, in the clear on the core
    assert {message.protocol for message in alg.messages} >= {"SIP", "H.248"}
    assert any(session.kind == "registration" for session in ue.sessions)
    lines = [json.loads(line) for line in (edge.folder / "agw.log").read_text().splitlines()]
    assert any(line.get("context") == 1 and line["event"] == "StreamOpened" for line in lines)


def strange(edge: Edge, name: str, *more: str) -> list[str]:
    """Frames of TCP in which an independent decoder finds a wrong checksum or a malformed packet, or one of `more`."""
    wrong = " or ".join(("tcp.checksum.status == 0", "_ws.malformed", *more))
    words = [need("tshark"), "-r", str(edge.folder / f"{name}.pcapng"), "-o", "tcp.check_checksum:TRUE",
             "-Y", f"tcp and ({wrong})"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(bool(possible()), reason=possible())
def test_real_packets_of_a_call(edge: Edge):
    """With CAP_NET_RAW: the kernel's own segments, in the wires' names."""
    reports = captured(edge)
    check(edge, reports)
    assert b"rebuilt" not in (edge.folder / "agw.pcapng").read_bytes()
    assert [line for name in reports for line in strange(edge, name)] == []


def test_rebuilt_packets_of_a_call(edge: Edge):
    """Without it: packets made again from what the nodes heard and said; nothing is spliced then."""
    reports = captured(edge, preexec_fn=None if os.geteuid() else unprivileged)
    check(edge, reports)
    assert b"rebuilt from socket octets" in (edge.folder / "agw.pcapng").read_bytes()
    order = ("tcp.analysis.lost_segment", "tcp.analysis.retransmission", "tcp.analysis.out_of_order",
             "tcp.analysis.ack_lost_segment")
    assert [line for name in reports for line in strange(edge, name, *order)] == []


@pytest.mark.parametrize("real", [True, False])
def test_a_killed_node_leaves_a_capture(edge: Edge, real: bool):
    """Whatever it did before kill -9 can be analysed; of real packets the file is even ended in order."""
    if real and possible():
        pytest.skip(possible())
    alg = edge.start("alg")
    until(alg, f"at {edge.net}.10:2944")
    path = str(edge.folder / "agw.pcapng")
    agw = edge.start("agw", "--capture", path, preexec_fn=None if real or os.geteuid() else unprivileged)
    until(agw, "registered with the controller")
    agw.kill()
    agw.communicate(timeout=PATIENCE)  # whoever writes for it has ended, too
    report = analyze(edge.folder / "agw.pcapng")
    assert any(session.kind == "control" for session in report.sessions) and not report.notes


@pytest.mark.skipif(bool(possible()), reason=possible())
def test_a_capture_whose_process_is_killed(edge: Edge):
    """The node goes on without it, and says at the end what has become of its capture."""
    agw = edge.start("agw", "--capture", str(edge.folder / "agw.pcapng"))
    until(agw, "receives datagrams")
    (writer,) = Path(f"/proc/{agw.pid}/task/{agw.pid}/children").read_text().split()
    os.kill(int(writer), signal.SIGKILL)
    agw.send_signal(signal.SIGTERM)
    said, complaints = agw.communicate(timeout=PATIENCE)
    assert (agw.returncode, complaints) == (0, "")
    assert "the capture's process has ended before its time" in said


def test_a_log_on_standard_output_is_alone_there(edge: Edge):
    """Every line is JSON, until the node has ended."""
    agw = edge.start("agw", "--log", "-")
    assert agw.stdout is not None
    agw.stdout.readline()
    agw.send_signal(signal.SIGINT)
    said, _ = agw.communicate(timeout=PATIENCE)
    assert [json.loads(line)["node"] for line in said.splitlines()]


@pytest.mark.skipif(bool(possible()), reason=possible())
def test_what_the_system_carries_past_the_gateway(edge: Edge):
    """Plain payload is spliced: the gateway never sees it, yet real packets show it, and it is counted."""
    alg = edge.start("alg")
    until(alg, f"at {edge.net}.10:2944")
    files = ("--capture", str(edge.folder / "agw.pcapng"), "--log", str(edge.folder / "agw.log"))
    agw = edge.start("agw", *files, "--all")
    peer = edge.start("peer")
    until(agw, "registered with the controller")
    until(peer, "receives datagrams")
    edge.ue("0 register", "0 call sip:bob@home2.example", "0 text Hello, Bob.", "0 hangup")
    path = edge.folder / "ue.toml"
    path.write_text("media_security = false\n" + path.read_text())
    ue = edge.start("ue")
    said, _ = ue.communicate(timeout=PATIENCE)
    assert ue.returncode == 0, said
    agw.send_signal(signal.SIGUSR1)
    agw.send_signal(signal.SIGTERM)
    agw.communicate(timeout=PATIENCE)
    lines = [json.loads(line) for line in (edge.folder / "agw.log").read_text().splitlines()]
    assert any(line["event"] == "Splice" for line in lines)
    (figures,) = [line for line in lines if line["event"] == "Figures"]
    assert figures["payload_octets"]["in"] > 100
    report = analyze(edge.folder / "agw.pcapng")
    assert len([message for message in report.messages if b"Hello, Bob." in message.octets]) == 2
