"""`workbench nat` between two hosts (namespaces of our own): real programs through it, and what it needs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_of_processes import PATIENCE, start, unprivileged, until
from programs import need

from workbench.analysis.analyzing import analyze
from workbench.errors import SettingsError
from workbench.lab.settings.nat import device, nat
from workbench.security.source import Source

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="TUN devices are Linux's")
V4 = ("10.7.0.0/24", "10.7.0.1", "10.7.0.2", "192.0.2.99", "198.51.100.1", "198.51.100.2", "/24")
V6 = ("fd07::/64", "fd07::1", "fd07::2", "2001:db8:9::1", "2001:db8:1::1", "2001:db8:1::2", "/64")

SERVE = """
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
with socket.socket(family) as server, socket.socket(family, socket.SOCK_DGRAM) as datagrams:
    for one in (server, datagrams):
        one.bind((sys.argv[1], 7000))
    server.listen()
    print('ready', flush=True)
    data, source = datagrams.recvfrom(2000)
    datagrams.sendto(source[0].encode() + b' ' + data, source)
    taken, source = server.accept()
    with taken:
        size = 0
        while data := taken.recv(65536):
            size += len(data)
        taken.sendall(f'{source[0]} {size}'.encode())
"""
ASK = """
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
place = (sys.argv[1], 7000)
with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
    datagrams.settimeout(10)
    datagrams.sendto(b'hello', place)
    print(datagrams.recv(2000).decode())
with socket.create_connection(place, 10) as stream:
    stream.sendall(b'x' * 1_000_000)
    stream.shutdown(socket.SHUT_WR)
    print(stream.recv(2000).decode())
"""


class Place:
    """Three hosts in a row: `inside`, `nat` and `outside`, as network namespaces that end with their processes."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self.prefix, near, self.host, self.outside, far, self.server, size = addresses
        holder = ["unshare", "--net", "sh", "-c", "echo; exec sleep 600"]
        self.holders = [subprocess.Popen(holder, stdout=subprocess.PIPE) for _ in range(3)]
        try:
            self._lay(near, far, size)
        except BaseException:
            self.close()
            raise

    def _lay(self, near: str, far: str, size: str) -> None:
        for holder in self.holders:
            assert holder.stdout is not None
            if not holder.stdout.readline():
                pytest.skip("no network namespaces of our own here")
        inside, nat, outside = self.holders
        for left, right, one, two in ((inside, nat, self.host, near), (nat, outside, far, self.server)):
            self.run(left, "ip", "link", "add", "down0", "type", "veth", "peer", "name", "up0", "netns", str(right.pid))
            for holder, link, address in ((left, "down0", one), (right, "up0", two)):
                nodad = ["nodad"] if ":" in one else []
                self.run(holder, "ip", "address", "add", address + size, "dev", link, *nodad)
                self.run(holder, "ip", "link", "set", link, "up")
        version = "-6" if ":" in near else "-4"
        self.run(inside, "ip", version, "route", "add", "default", "via", near)
        self.run(outside, "ip", version, "route", "add", self.outside, "via", far)
        self.forward(True)

    def forward(self, wanted: bool) -> None:
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.run(self.holders[1], "sh", "-c", f"echo {int(wanted)} > /proc/sys/net/{name}")

    def words(self, holder: subprocess.Popen, *words: str) -> list[str]:
        return [need("nsenter", "util-linux"), "-t", str(holder.pid), "-n", *words]

    def run(self, holder: subprocess.Popen, *words: str) -> str:
        done = subprocess.run(self.words(holder, *words), capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def open(self, *words: str, **more) -> subprocess.Popen[str]:
        return subprocess.Popen(self.words(self.holders[1], sys.executable, "-m", "workbench.cli", "nat", *words),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def close(self) -> None:
        for holder in self.holders:
            holder.kill()
            holder.communicate()


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip("namespaces and TUN devices of our own need root on Linux")
    if not Path("/dev/net/tun").exists():
        pytest.skip("no /dev/net/tun here: modprobe tun")
    made = Place(getattr(request, "param", V4))
    yield made
    made.close()


def settings(tmp_path: Path, place: Place | None = None, more: str = "") -> Path:
    inside, outside = (place.prefix, place.outside) if place else (V4[0], V4[3])
    path = tmp_path / "nat.toml"
    path.write_text(f'inside = "{inside}"\noutside = "{outside}"\n{more}')
    return path


@linux
@pytest.mark.parametrize("place", [V4, V6], indirect=True, ids=["IPv4", "IPv6"])
def test_programs_through_the_nat(place: Place, tmp_path: Path):
    """Ping, a datagram and a megabyte over TCP: the server sees the outside address, and the capture shows a NAT."""
    inside, router, outside = place.holders
    path = tmp_path / "nat.pcapng"
    nat = place.open("--config", str(settings(tmp_path, place)), "--capture", str(path))
    until(nat, f"leaves as {place.outside}")
    server = subprocess.Popen(place.words(outside, sys.executable, "-c", SERVE, place.server),
                              stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None and server.stdout.readline() == "ready\n"
        ping = need("ping", "iputils-ping")
        assert "1 received" in place.run(inside, ping, "-n", "-c", "1", "-W", "10", place.server)
        said = place.run(inside, sys.executable, "-c", ASK, place.server)
        assert said.splitlines() == [f"{place.outside} hello", f"{place.outside} 1000000"]
        nat.send_signal(signal.SIGINT)
        _, complaints = nat.communicate(timeout=PATIENCE)
        assert (nat.returncode, complaints) == (0, "")
    finally:
        for process in (server, nat):
            process.kill()
            process.communicate()
    report = analyze(path)
    assert not report.notes and report.packets > 20
    left = place.run(router, "ip", "-6" if ":" in place.server else "-4", "rule")
    assert place.prefix not in left and "workbench-nat" not in place.run(router, "ip", "link")


def refused(path: Path, **more) -> str:
    """What `workbench nat` says, and that it ends with exit status 2."""
    nat = start("nat", "--config", str(path), **more)
    said, complaints = nat.communicate(timeout=PATIENCE)
    assert (nat.returncode, said, complaints.count("\n")) == (2, "", 1), complaints
    return complaints


@linux
def test_it_is_told_what_is_missing(place: Place, tmp_path: Path):
    """One line and exit status 2: no forwarding, no iproute2, an address or a device that is taken."""
    path = settings(tmp_path, place)

    def said(*words: str, **more) -> str:
        nat = place.open(*words, **more)
        _, complaints = nat.communicate(timeout=PATIENCE)
        assert (nat.returncode, complaints.count("\n")) == (2, 1), complaints
        return complaints

    taken = settings(tmp_path, place).read_text().replace(place.outside, "198.51.100.1")
    assert "ip is missing: apt-get install iproute2" in said(
        "--config", str(path), env={**os.environ, "PATH": str(tmp_path)})
    (tmp_path / "taken.toml").write_text(taken)
    assert "198.51.100.1 is this host's own address" in said("--config", str(tmp_path / "taken.toml"))
    first = place.open("--config", str(path))
    until(first, "leaves as")
    assert "there is a device workbench-nat already" in said("--config", str(path))
    first.kill()
    first.communicate()
    # What a killed one left does not keep the next one from starting.
    again = place.open("--config", str(path))
    until(again, "leaves as")
    again.send_signal(signal.SIGTERM)
    assert again.wait(PATIENCE) == 0
    again.communicate()
    place.forward(False)
    assert "sysctl -w net.ipv4.ip_forward=1" in said("--config", str(path))


@linux
def test_without_privileges(tmp_path: Path):
    """Whatever is missing first, it is said, and nothing is left behind."""
    said = refused(settings(tmp_path), preexec_fn=None if os.geteuid() else unprivileged)
    assert "CAP_NET_ADMIN" in said or "sysctl -w" in said or "modprobe tun" in said


@pytest.mark.parametrize(("text", "said"), [
    ("", "nat.toml: inside: has to be set"),
    ('inside = "10.7.0.0/24"', "outside: has to be set"),
    ('inside = "10.7.0.1/24"\noutside = "192.0.2.1"', "line 1: inside: '10.7.0.1/24' is not a prefix"),
    ('outside = "192.0.2.1"\ninside = "fd00::/64"', "line 1: outside: 192.0.2.1 and fd00::/64 are of different"),
    ('inside = "10.7.0.0/24"\noutside = "10.7.0.9"', "line 2: outside: 10.7.0.9 lies in the inside prefix"),
    ('inside = "10.7.0.0/24"\noutside = "nat.example"', "line 2: outside: 'nat.example' is not an IPv4"),
    ('inside = "10.7.0.0/24"\noutside = "192.0.2.1"\nmapping = "cone"', "line 3: mapping: invalid enum value 'cone'"),
    ('inside = "10.7.0.0/24"\noutside = "192.0.2.1"\nudp_seconds = 0', "line 3: udp_seconds: 0; more than 0"),
    ('inside = "10.7.0.0/24"\noutside = "192.0.2.1"\ndevice = "a b"', "line 3: device: 'a b'"),
    ('inside = "10.7.0.0/24"\noutside = "192.0.2.1"\nmtu = 100', "line 3: mtu: 100; from 1280"),
])
def test_wrong_settings(tmp_path: Path, text: str, said: str):
    """Key and line, before anything of this host is touched."""
    path = tmp_path / "nat.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        device(path)
        nat(path, Source(1, "x"), 0.0)
    assert said in str(caught.value)
