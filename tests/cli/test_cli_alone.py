"""`workbench agw` and `workbench alg` as processes: they find each other on loopback and end when told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from edge_of_processes import until

from workbench.net.sockets import free_port

PATIENCE = 20


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workbench.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on POSIX here")
@pytest.mark.parametrize(("ends", "transport", "coding"), [
    (signal.SIGINT, "udp", "pretty"), (signal.SIGTERM, "tcp", "binary")])
def test_a_gateway_registers_with_a_controller(tmp_path: Path, ends: signal.Signals, transport: str, coding: str):
    """Two commands, two settings files; Ctrl-C or SIGTERM ends each with exit status 0, and the gateway says so."""
    control, gateway = (free_port(stream=transport == "tcp") for _ in range(2))
    access, core = (free_port() for _ in range(2))
    common = f'transport = "{transport}"\ncoding = "{coding}"\n'
    (tmp_path / "agw.toml").write_text(
        f'{common}control = "127.0.0.1:{gateway}"\ncontroller = "127.0.0.1:{control}"\n')
    (tmp_path / "alg.toml").write_text(
        f'{common}control = "127.0.0.1:{control}"\ngateway = "127.0.0.1:{gateway}"\n'
        f'access = "127.0.0.1:{access}"\ncore = "127.0.0.1:{core}"\n')
    alg = start("alg", "--config", str(tmp_path / "alg.toml"))
    agw = None
    try:
        until(alg, f"at 127.0.0.1:{control}")
        agw = start("agw", "--config", str(tmp_path / "agw.toml"))
        until(agw, "registered with the controller")
        agw.send_signal(ends)
        until(alg, "the gateway went out of service")
        alg.send_signal(ends)
        for process in (agw, alg):
            _, complaints = process.communicate(timeout=PATIENCE)
            assert (process.returncode, complaints) == (0, "")
    finally:
        for process in (alg, agw):
            if process is not None:
                process.kill()
                process.communicate()


@pytest.mark.parametrize(("text", "said"), [
    ("coding = 1", "line 1: coding: expected str, got int"),
    ('control = "192.0.2.1"', "192.0.2.1 is not an address of this host (UDP 192.0.2.1:2944)"),
])
def test_wrong_input_is_one_line_and_exit_status_2(tmp_path: Path, text: str, said: str):
    """What is wrong, for people; nothing runs on."""
    file = tmp_path / "agw.toml"
    file.write_text(text)
    done = subprocess.run([sys.executable, "-m", "workbench.cli", "agw", "--config", str(file)],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_endpoint_in_use_is_said(tmp_path: Path):
    """Two programs on one port: the second one says so and ends."""
    with socket.socket(type=socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        file = tmp_path / "agw.toml"
        file.write_text(f'control = "127.0.0.1:{port}"')
        done = subprocess.run([sys.executable, "-m", "workbench.cli", "agw", "--config", str(file)],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert f"UDP 127.0.0.1:{port} is in use by another program" in done.stderr
