"""The process that holds a kernel network's namespaces, and makes sockets in them for the process that runs the nodes.

Namespaces have no names: they live as long as this process does, and with them their links, addresses, routes and
sockets. It ends when the process that started it does, however that ends, so nothing has to be removed.

Started by `namespaces.py` with one socket as standard input; standard library only, so that it starts quickly. Each
request is one JSON document, answered by one, with file descriptors beside it (SCM_RIGHTS).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from typing import Any

_NEW_USER = 0x10000000
_NEW_NET = 0x40000000
_MOST_OCTETS = 1 << 18
# How often we look whether our parent is still there, if its socket was inherited by somebody (seconds).
_LOOK = 1.0

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_IGNORE_OUTGOING = 23
_BUFFER = 8 << 20
_SO_RCVBUFFORCE = 33
_SO_SNDBUFFORCE = 32
_SIOCETHTOOL = 0x8946
# Checksums are written and segments cut before a packet is on the wire: ETHTOOL_STXCSUM, STSO, SGSO, SGRO.
_OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)

_SYSCTLS = {
    "net/ipv4/ip_unprivileged_port_start": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/accept_local": "1",
    "net/ipv4/tcp_syn_linear_timeouts": "0",    # a SYN is repeated after 1, 2, 4 s (RFC 6298 §5.5)
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv6/conf/all/accept_ra": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}

_libc = ctypes.CDLL(None, use_errno=True)


class Keeper:
    """All namespaces of one network: one for the ends of its wires, and one a host."""

    def __init__(self) -> None:
        self.wires = _new_namespace()
        self.hosts: list[int] = []

    def build(self, hosts: list[dict[str, Any]]) -> list[int]:
        """Set up every host; a packet socket for each of its links that has one, host by host, link by link."""
        for _ in hosts:
            self.hosts.append(_new_namespace())
            self.set(len(self.hosts) - 1, _SYSCTLS)     # before there are links, which take over what is the default
        _enter(self.wires)
        _ip([], "".join(self._link(number, link) for number, host in enumerate(hosts) for link in host["links"]),
            *self.hosts)
        for number, host in enumerate(hosts):
            _enter(self.hosts[number])
            for link in host["links"]:
                if link["end"]:
                    _switch_off_offloads(link["name"])
            _ip([], host["batch"])
            _ip(["-6"], host["batch6"])
        return [made for number, host in enumerate(hosts) for link in host["links"]
                for made in self._tap(number, link)]

    def _link(self, host: int, link: dict[str, Any]) -> str:
        """Lines that make a link: to the namespace of the wires, or straight to another host."""
        end, name, space = link["end"], link["name"], self.hosts[host]
        if end:
            return (f"link add {end} type veth peer name {name} netns /proc/self/fd/{space}\n"
                    f"link set {end} arp off multicast off addrgenmode none\nlink set {end} up\n")
        if link["peer"] is None:    # made with the other host's
            return ""
        other = self.hosts[link["peer"][0]]
        return (f"link add {name} netns /proc/self/fd/{space} type veth peer name {link['peer'][1]} "
                f"netns /proc/self/fd/{other}\n")

    def _tap(self, host: int, link: dict[str, Any]) -> list[int]:
        if link["end"]:
            _enter(self.wires)
            return [_tap(link["end"])]
        _enter(self.hosts[host])
        return [_tap(link["name"], both=True)] if link["tapped"] else []

    def set(self, host: int, sysctls: dict[str, str]) -> None:
        """Set what a host's namespace has of kernel parameters; a kernel may lack some."""
        _enter(self.hosts[host])
        for path, value in sysctls.items():
            with contextlib.suppress(OSError):
                _write(f"/proc/sys/{path}", value)

    def nft(self, host: int, script: str) -> str:
        """Have nft carry out a script in a host's namespace: all of it or nothing. What it says."""
        _enter(self.hosts[host])
        done = subprocess.run(["nft", "-f", "-"], input=script.encode(), check=True, capture_output=True)
        return done.stdout.decode(errors="replace")

    def socket(self, host: int, family: int, kind: int) -> int:
        """A socket in a host's namespace."""
        _enter(self.hosts[host])
        return socket.socket(family, kind).detach()


def main() -> int:
    """Serve one parent until it is gone. Signals of its terminal are for it alone."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()
    line = socket.socket(fileno=os.dup(0))
    try:
        _become_root()
        keeper = Keeper()
    except OSError as error:
        line.send(json.dumps({"error": f"this kernel does not give us a namespace: {error.strerror}"}).encode())
        return 1
    line.send(b"{}")
    while os.getppid() == parent:
        if not select.select([line], [], [], _LOOK)[0]:
            continue
        request = line.recv(_MOST_OCTETS)
        if not request:
            break
        _answer(line, keeper, json.loads(request))
    return 0


def _answer(line: socket.socket, keeper: Keeper, request: dict[str, Any]) -> None:
    made: list[int] = []
    said = ""
    try:
        if "hosts" in request:
            made = keeper.build(request["hosts"])
        elif "sysctls" in request:
            keeper.set(request["host"], request["sysctls"])
        elif "nft" in request:
            said = keeper.nft(request["host"], request["nft"])
        else:
            made = [keeper.socket(request["host"], request["family"], request["kind"])]
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace") or str(error)
        line.send(json.dumps({"error": said, "errno": getattr(error, "errno", None)}).encode())
        return
    # The kernel takes at most 253 descriptors a message (SCM_MAX_FD).
    for start in range(0, max(1, len(made)), 200):
        socket.send_fds(line, [json.dumps({"said": said}).encode()], made[start:start + 200])
    for descriptor in made:
        os.close(descriptor)


def _become_root() -> None:
    """Without privilege: root in a user namespace of our own (user_namespaces(7))."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        return
    _unshare(_NEW_USER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        _write(f"/proc/self/{name}", text)


def _new_namespace() -> int:
    _unshare(_NEW_NET)
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _unshare(what: int) -> None:
    if _libc.unshare(what):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _enter(space: int) -> None:
    if _libc.setns(space, _NEW_NET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ip(options: list[str], batch: str, *descriptors: int) -> None:
    if batch:
        subprocess.run(["ip", *options, "-batch", "-"], input=batch.encode(), check=True, capture_output=True,
                       pass_fds=descriptors)


def _switch_off_offloads(link: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
            asked = struct.pack("16sQ16x", link.encode(), ctypes.addressof(value))
            with contextlib.suppress(OSError):  # a link without it
                fcntl.ioctl(control.fileno(), _SIOCETHTOOL, asked)


def _tap(end: str, *, both: bool = False) -> int:
    """A packet socket at the end of a wire: what the host sends comes out of it, what goes in reaches the host.

    With `both` it stands at a host's own link, and hears what the host sends and what it gets.
    """
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    if not both:
        made.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    for force, plain in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            made.setsockopt(socket.SOL_SOCKET, force, _BUFFER)
        except PermissionError:  # in a user namespace: what the system allows to everybody
            made.setsockopt(socket.SOL_SOCKET, plain, _BUFFER)
    made.bind((end, _ETH_P_ALL))
    return made.detach()


if __name__ == "__main__":
    sys.exit(main())
