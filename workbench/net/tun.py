"""Packets of this host for one node, by a TUN device (Linux): what the kernel routes there, the node hears.

Two wires end here: what comes from the inside prefix is from the inside wire, all else from the outside one. The kernel
routes packets of the inside prefix that are for somewhere else, and packets for the outside address, to the device;
what the node sends the kernel routes on. Device, routes and rule go with the process; a rule that a killed one left
leads into an empty table, and the next start takes it away.

Source: Linux Documentation/networking/tuntap.rst; ip-rule(8).
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from zlib import crc32

import msgspec

from workbench.errors import LocalProtocolError, NetworkError
from workbench.net.interface import Arrival, Capabilities
from workbench.net.values import ClaimPackets, Command, Drop, Note, PacketArrived, SendPacket, UnclaimPackets

_DEVICE = Path("/dev/net/tun")
# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI, _IFF_TUN_EXCL = 0x0001, 0x1000, 0x8000
_IFNAMSIZ = 16
# Routing tables of ours: numbers that nobody else is likely to have.
_TABLES = 27_000
_MOST_LEFT = 16
_PACKETS_A_TURN = 64
_LONGEST_WAIT = 0.5


class Device(msgspec.Struct, frozen=True):
    """A TUN device and what is routed to it.

    Args:
        name: of the device.
        inside: prefix whose packets come from `inside_wire`.
        outside: address whose packets come from `outside_wire`.
    """

    name: str
    inside: str
    outside: str
    inside_wire: str
    outside_wire: str
    mtu: int = 1500

    @property
    def table(self) -> int:
        """The routing table by which inside packets find the device."""
        return _TABLES + crc32(self.name.encode()) % 1_000


class TunNetwork:
    """Implements `net.interface.Network` for one node that takes and gives packets only.

    Args:
        node: name of the node.
        device: see `Device`.

    Raises:
        NetworkError: what is missing here, for people.
    """

    def __init__(self, node: str, device: Device) -> None:
        self.capabilities = Capabilities(holds_syn=False, packets=True, splice=False)
        self.lost = 0
        self.ready = f"{device.inside} leaves as {device.outside}, by the device {device.name}"
        self._node = node
        self._device = device
        self._inside = ipaddress.ip_network(device.inside)
        self._version = self._inside.version
        self._began = time.monotonic()
        self._arrivals: deque[Arrival] = deque()
        self._interrupted, self._interrupts = socket.socketpair()
        self._interrupted.setblocking(False)
        self._interrupts.setblocking(False)
        self._file = -1
        try:
            self._ip = _checked(device, self._version)
            self._file = _opened(device.name)
            self._route()
        except BaseException:
            self.close()
            raise

    @property
    def now(self) -> float:
        """Seconds since this network was made."""
        return time.monotonic() - self._began

    def interrupt(self) -> None:
        """End a `wait` that is under way; may be called from a signal handler or another thread."""
        with contextlib.suppress(OSError):
            self._interrupts.send(b".")

    def figures(self) -> dict[str, dict[str, float]]:
        """Figures by name, for those who run the node."""
        return {"packets_lost": {"": self.lost}}

    def carry(self, sender: str, command: Command, now: float) -> None:
        """Put a packet on a wire. Raises LocalProtocolError: something else than packets."""
        match command:
            case SendPacket(packet=packet):
                self._send(packet)
            case ClaimPackets(local=None) | UnclaimPackets() | Drop() | Note():
                pass
            case _:
                raise LocalProtocolError(f"a TUN device does not carry {type(command).__name__}")

    def wait(self, deadline: float) -> Arrival | None:
        """The next packet, or None: the deadline came first, `interrupt` was called, or a moment has passed."""
        if not self._arrivals:
            seconds = max(0.0, min(deadline - self.now, _LONGEST_WAIT))
            ready = select.select([self._file, self._interrupted.fileno()], [], [], seconds)[0]
            if self._interrupted.fileno() in ready:
                with contextlib.suppress(OSError):
                    self._interrupted.recv(4096)
            if self._file in ready:
                self._receive()
        return self._arrivals.popleft() if self._arrivals else None

    def close(self) -> None:
        """Take device, routes and rule away."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._forget()
        self._interrupted.close()
        self._interrupts.close()

    # Packets

    def _receive(self) -> None:
        for _ in range(_PACKETS_A_TURN):
            try:
                packet = os.read(self._file, 65_535)
            except BlockingIOError:
                return
            wire = self._wire_of(packet)
            if wire is not None:
                self._arrivals.append(Arrival(self._node, PacketArrived(wire, packet), self.now))

    def _wire_of(self, packet: bytes) -> str | None:
        """By its source; None: not a packet of our IP version (the kernel's own neighbour discovery)."""
        if not packet or packet[0] >> 4 != self._version or len(packet) < (20 if self._version == 4 else 40):
            return None
        source = packet[12:16] if self._version == 4 else packet[8:24]
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = (
            ipaddress.IPv4Address(source) if self._version == 4 else ipaddress.IPv6Address(source))
        return self._device.inside_wire if address in self._inside else self._device.outside_wire

    def _send(self, packet: bytes) -> None:
        try:
            os.write(self._file, packet)
        except OSError as error:
            # A full queue loses packets, as a wire does. EINVAL: not an IP packet, which would be ours.
            if error.errno == errno.EINVAL:
                raise LocalProtocolError("the kernel does not take this packet") from None
            self.lost += 1

    # Routes

    def _route(self) -> None:
        device = self._device
        whole = 32 if self._version == 4 else 128
        self._forget()
        for words in (
            f"link set {device.name} up mtu {device.mtu}",
            f"route add {device.outside}/{whole} dev {device.name}",
            f"route add default dev {device.name} table {device.table}",
            f"route add throw {device.inside} table {device.table}",  # among themselves they need no NAT
            f"rule add {self._rule}",
        ):
            done = self._run(words)
            if done.returncode:
                said = done.stderr.strip() or f"exit status {done.returncode}"
                raise NetworkError(f"ip {words}: {said}")
        self._loosen()

    @property
    def _rule(self) -> str:
        return f"from {self._device.inside} lookup {self._device.table}"

    def _forget(self) -> None:
        """Take away rule and table, also what a killed process has left of them."""
        for _ in range(_MOST_LEFT):
            if self._run(f"rule del {self._rule}").returncode:
                break
        self._run(f"route flush table {self._device.table}")

    def _run(self, words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._ip, f"-{self._version}", *words.split()], capture_output=True, text=True, check=False)

    def _loosen(self) -> None:
        """Packets leave the device with sources that are routed elsewhere: any route back will do (ip-sysctl.rst)."""
        if self._version == 4:
            with contextlib.suppress(OSError):
                Path(f"/proc/sys/net/ipv4/conf/{self._device.name}/rp_filter").write_text("2")


def _checked(device: Device, version: int) -> str:
    """The path of iproute2, if a NAT can work here. Raises NetworkError."""
    if not sys.platform.startswith("linux"):
        raise NetworkError("a NAT alone needs a TUN device, which is there on Linux only")
    ip = shutil.which("ip")
    if ip is None:
        raise NetworkError("ip is missing: apt-get install iproute2")
    switch = "net.ipv4.ip_forward" if version == 4 else "net.ipv6.conf.all.forwarding"
    try:
        forwards = Path("/proc/sys", *switch.split(".")).read_text().strip() != "0"
    except OSError:
        forwards = False
    if not forwards:
        raise NetworkError(f"this host forwards no packets, which a NAT needs: sysctl -w {switch}=1")
    if _is_ours(device.outside, version):
        raise NetworkError(f"{device.outside} is this host's own address: a NAT needs an outside address for itself")
    return ip


def _is_ours(address: str, version: int) -> bool:
    with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _opened(name: str) -> int:
    """A file descriptor of a new TUN device. Raises NetworkError."""
    import fcntl

    try:
        file = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        raise NetworkError("a NAT alone needs a TUN device: run it as root, or with CAP_NET_ADMIN") from None
    except OSError as error:
        raise NetworkError(f"{_DEVICE}: {error.strerror}: a NAT alone needs a TUN device (modprobe tun)") from None
    request = struct.pack(f"{_IFNAMSIZ}sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI | _IFF_TUN_EXCL)
    try:
        fcntl.ioctl(file, _TUNSETIFF, request)
    except OSError as error:
        os.close(file)
        if error.errno in (errno.EPERM, errno.EACCES):
            raise NetworkError("a NAT alone needs a TUN device: run it as root, or with CAP_NET_ADMIN") from None
        if error.errno in (errno.EBUSY, errno.EEXIST):
            raise NetworkError(f"there is a device {name} already: give this NAT another one (device = ...)") from None
        raise NetworkError(f"TUN device {name}: {error.strerror}") from None
    return file
