"""Figures of running nodes: over HTTP, on a Unix socket, and on SIGUSR1; and how a node is stopped."""

from __future__ import annotations

import errno
import json
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_of_processes import PATIENCE, Edge, until

from workbench.net.sockets import free_port

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="all of 127.0.0.0/8 is needed")


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path)
    yield made
    made.close()


def figures(text: str) -> dict[str, float]:
    """Names with labels to values; the form is right: HELP and TYPE before each name, once."""
    found: dict[str, float] = {}
    known: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in known and line.split()[3] in ("gauge", "counter")
            known.add(name)
        elif not line.startswith("# HELP "):
            shown = re.fullmatch(r'([a-z0-9_]+)\{node="IMS-AGW"(?:,(?:\w+="(\w+)"))?\} (\S+)', line)
            assert shown is not None, line
            assert shown[1] in known
            found[" ".join(filter(None, [shown[1].removeprefix("workbench_"), shown[2]]))] = float(shown[3])
    return found


def over_unix(path: Path, request: bytes = b"GET /metrics HTTP/1.0\r\n\r\n") -> str:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PATIENCE)
        asking.connect(str(path))
        asking.sendall(request)
        answer = b""
        while more := asking.recv(65_536):
            answer += more
    return answer.decode()


def logged_figures(log: Path, count: int) -> list[dict[str, object]]:
    """The lines of figures in a log, once there are so many."""
    ends = time.monotonic() + PATIENCE
    while True:
        lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        found = [line for line in lines if line["event"] == "Figures"]
        if len(found) >= count or time.monotonic() > ends:
            return found
        time.sleep(0.02)


def test_figures_of_a_call(edge: Edge):
    """Contexts, streams by state, octets, H.248, TLS: while the call runs and after it."""
    path = edge.folder / "figures"
    alg = edge.start("alg", "--log", str(edge.folder / "alg.log"))
    until(alg, f"at {edge.net}.10:2944")
    agw = edge.start("agw", "--metrics", str(path), "--log", str(edge.folder / "agw.log"))
    peer = edge.start("peer")
    until(agw, "registered with the controller")
    until(peer, "receives datagrams")
    ue = edge.start("ue")
    assert ue.stdin is not None
    ue.stdin.write("register\ncall sip:bob@home2.example\ntext Hello.\n")
    ue.stdin.flush()
    until(ue, "has arrived")
    during = figures(over_unix(path).partition("\r\n\r\n")[2])
    assert (during["contexts"], during["terminations"], during["streams up"], during["registered"]) == (1, 2, 2, 1)
    assert (during["tls_handshakes_done_total"], during["tls_handshakes_failed_total"]) == (1, 0)
    assert during["payload_octets_total in"] > 100 and during["sockets open"] == 2
    assert during["resident_octets"] > 1e6 and during["uptime_seconds_total"] > 0
    for node in (agw, alg):
        node.send_signal(signal.SIGUSR1)
    logs = edge.folder / "agw.log", edge.folder / "alg.log"
    assert all(logged_figures(log, 1) for log in logs)
    ue.stdin.write("hangup\nquit\n")
    ue.stdin.flush()
    assert ue.wait(PATIENCE) == 0
    until(peer, "the media session is over")
    ends = time.monotonic() + PATIENCE
    after = during
    while after["contexts"] and time.monotonic() < ends:    # the Subtract may come after the BYE
        after = figures(over_unix(path).partition("\r\n\r\n")[2])
    assert (after["contexts"], after["streams up"]) == (0, 0)
    agw.send_signal(signal.SIGUSR1)
    first, second = logged_figures(logs[0], 2)
    assert after["payload_octets_total in"] >= during["payload_octets_total in"]
    assert after["h248_requests_received_total"] >= 3 and after["h248_requests_refused_total"] == 0
    agw.send_signal(signal.SIGTERM)
    agw.wait(PATIENCE)
    assert (first["contexts"], first["streams"]["up"], second["contexts"]) == (1, 2, 0)
    assert not path.exists()
    alg.send_signal(signal.SIGTERM)
    alg.wait(PATIENCE)
    (shown,) = logged_figures(logs[1], 1)
    assert (shown["calls"], shown["registrations"], shown["registered"]) == (1, 1, 1)
    assert shown["h248_replies_received"] >= 2 and shown["h248_messages_wrong"] == 0


def test_who_asks_for_something_else(edge: Edge):
    """Another path, another method, no HTTP at all; the next one is answered as ever."""
    port = free_port(stream=True)
    agw = edge.start("agw", "--metrics", str(port))
    until(agw, "receives datagrams")
    for path, status in (("/none", 404), ("/metrics", 405)):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST" if status == 405 else "GET")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=PATIENCE)
        assert caught.value.code == status
        caught.value.close()
    for garbage in (b"\x00" * 10_000, b"GET", b""):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as asking:
            try:
                asking.sendall(garbage)
                asking.shutdown(socket.SHUT_WR)
                assert asking.recv(100) == b""
            except OSError as error:  # it was reset before we had said all
                assert error.errno in (errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        assert figures(answer.read().decode())["contexts"] == 0


@pytest.mark.parametrize(("place", "said"), [
    ("nowhere", "--metrics nowhere: neither PORT, ADDRESS:PORT nor a path with a /"),
    ("99999", "--metrics 99999: port 99999"),
    ("192.0.2.1:9100", "--metrics 192.0.2.1:9100: Cannot assign requested address"),
    ("/none/figures", "--metrics /none/figures: No such file or directory"),
])
def test_a_place_that_can_not_be_had(edge: Edge, place: str, said: str):
    """One line and exit status 2."""
    agw = edge.start("agw", "--metrics", place)
    _, complaints = agw.communicate(timeout=PATIENCE)
    assert (agw.returncode, complaints) == (2, f"workbench: {said}\n")


def test_a_socket_that_a_killed_node_left_is_taken_over(edge: Edge):
    """But not one that somebody answers on."""
    path = edge.folder / "figures"
    first = edge.start("agw", "--metrics", str(path))
    until(first, "receives datagrams")
    second = edge.start("peer", "--metrics", str(path))
    _, complaints = second.communicate(timeout=PATIENCE)
    assert (second.returncode, complaints) == (2, f"workbench: --metrics {path}: Address already in use\n")
    first.kill()
    first.wait()
    third = edge.start("agw", "--metrics", str(path))
    until(third, "receives datagrams")
    assert "workbench_contexts" in over_unix(path)


def test_figures_on_standard_output(edge: Edge):
    """Without a log SIGUSR1 writes its line there."""
    alg = edge.start("alg")
    until(alg, "receives datagrams")
    alg.send_signal(signal.SIGUSR1)
    line = json.loads(until(alg, '"event":"Figures"')[-1])
    assert (line["node"], line["calls"], line["registrations"]) == ("IMS-ALG", 0, 0)


def test_the_second_signal_ends_a_node_at_once(edge: Edge):
    """A gateway that waits for a reply to its farewell is not waited for: exit status 130."""
    agw = edge.start("agw")
    until(agw, "receives datagrams")
    agw.send_signal(signal.SIGSTOP)
    for number in (signal.SIGINT, signal.SIGTERM):
        agw.send_signal(number)
    agw.send_signal(signal.SIGCONT)
    said, complaints = agw.communicate(timeout=PATIENCE)
    assert (agw.returncode, complaints) == (130, ""), said
