"""`Relay` by nftables rules in a host's namespace: the kernel passes packets on, and no octet of them comes to us.

Rules are stateless. Before routing, a packet of a relay gets other addresses and ports (the kernel keeps checksums
right), and is then forwarded like any packet. Nothing is tracked, so no packet is judged: sequence numbers, options and
flags pass as they are, in any order, and rules that are taken away stop what they began. (Translation by connection
tracking does neither: it drops what it takes for outside the window, and goes on for connections that it knows.)

One lookup finds the relay of a packet, however many there are. Changes are collected and told to the kernel at once.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Literal

import msgspec

from workbench.errors import LocalProtocolError, NetworkError
from workbench.net import packets
from workbench.net.packets import Ip
from workbench.net.values import Endpoint, Meter, Relay, Stream

_FAMILIES = {4: ("ip", "ipv4"), 6: ("ip6", "ipv6")}
_PROTOCOLS = {"UDP": packets.UDP, "TCP": packets.TCP}
_MARK = "0x7762"
# Octets of headers without options. TCP's are told by its own field, in words (RFC 9293 §3.1: 5 to 15).
_IP_OCTETS = {4: 20, 6: 40}
_UDP_OCTETS = 8
_TCP_WORDS = range(5, 16)
# One line to the keeper is one message of limited size.
_MOST_OCTETS = 65_536

_COUNTER = re.compile(r"counter (\w+) \{\s*packets (\d+) bytes (\d+)")

_tried: list[str] = []

_Key = tuple[str, Endpoint, Endpoint]       # protocol, where a packet is addressed to, where it is from


def _maps() -> str:
    return "".join(
        f"map {protocol}{version} {{ type ipv{version}_addr . inet_service . ipv{version}_addr . inet_service : "
        "verdict; }\n" for version in _FAMILIES for protocol in ("udp", "tcp"))


def _lookups() -> str:
    return "".join(
        f"{ip} daddr . {protocol} dport . {ip} saddr . {protocol} sport vmap @{protocol}{version}\n"
        for version, (ip, _) in _FAMILIES.items() for protocol in ("udp", "tcp"))


# A rule with tproxy, reached by nothing, has the kernel put fragments together before rules see them.
TABLE = f"""table inet relays {{
{_maps()}
chain whole {{
meta nfproto ipv4 meta l4proto udp tproxy ip to :1
meta nfproto ipv6 meta l4proto udp tproxy ip6 to :1
}}
chain arriving {{
type filter hook prerouting priority raw
{_lookups()}
}}
chain passing {{
type filter hook forward priority filter
meta mark != {_MARK} drop
}}
chain leaving {{
type filter hook output priority filter
icmp type redirect drop
icmpv6 type nd-redirect drop
}}
}}
"""

FORWARDS = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}


class _Side(msgspec.Struct, frozen=True):
    """One direction of a relay: its chain, which its counters are named after."""

    name: str
    key: _Key
    local: Endpoint
    remote: Endpoint

    @property
    def counters(self) -> list[str]:
        if self.key[0] == "UDP":
            return [self.name]
        return [f"{self.name}w{words}" for words in _TCP_WORDS]


class _Pair(msgspec.Struct, frozen=True):
    """Both directions, and who wants to know how much passes."""

    sides: tuple[_Side, _Side]
    meter: Meter | None


class Relays:
    """The relays of one host.

    Args:
        run: has nft carry out a script in the host's namespace; returns what it says. Raises NetworkError.
        prepare: lets the host forward.
        most: relays at a time.
    """

    def __init__(self, run: Callable[[str], str], prepare: Callable[[], None], *, most: int = 16_384) -> None:
        self._run = run
        self._prepare = prepare
        self._most = most
        self._pairs: dict[_Key, _Pair] = {}
        self._script: list[str] = []
        self._count = 0

    def add(self, order: Relay) -> None:
        """Pass packets on from now on; what the endpoints had of relays before is over.

        Raises:
            LocalProtocolError: both sides are the same, or of different IP versions, or there are too many.
        """
        a, b = order.a, order.b
        if len({end.version for end in (a.local, a.remote, b.local, b.remote)}) > 1:
            raise LocalProtocolError(f"this network relays within one IP version: {a} and {b}")
        if a.local == b.local:
            raise LocalProtocolError(f"a relay from {a.local} to itself")
        for old in (a, b):
            self.remove(old, order.protocol)
        if len(self._pairs) >= 2 * self._most:
            raise LocalProtocolError(f"more than {self._most} relays on one host")
        if not self._count:
            self._prepare()
            self._script.append(TABLE)
        self._count += 1
        sides = (_Side(f"r{self._count}a", (order.protocol, a.local, a.remote), b.local, b.remote),
                 _Side(f"r{self._count}b", (order.protocol, b.local, b.remote), a.local, a.remote))
        pair = _Pair(sides, order.meter)
        for side in sides:
            self._pairs[side.key] = pair
            self._script.append(_rules(side))
        if order.meter is not None:
            order.meter.follow(lambda: self._read(pair))

    def remove(self, side: Stream, protocol: Literal["UDP", "TCP"]) -> None:
        """End the relay of which this is either side, if there is one. Its meter keeps the last figures."""
        pair = self._pairs.get((protocol, side.local, side.remote))
        if pair is None:
            return
        if pair.meter is not None:
            pair.meter.follow(None)
        for each in pair.sides:
            del self._pairs[each.key]
            self._script.append(_undo(each))

    def remove_at(self, local: Endpoint | None, protocols: tuple[Literal["UDP", "TCP"], ...] = ("UDP", "TCP")) -> None:
        """End every relay of an endpoint (port 0: of its address; None: of all)."""
        for protocol, end, remote in list(self._pairs):
            is_there = local is None or end == local or (local.port == 0 and end.host == local.host)
            if is_there and protocol in protocols:
                self.remove(Stream(end, remote), protocol)

    def cover(self, ip: Ip) -> bool:
        """Whether the kernel is to pass this packet on."""
        return bool(self._pairs) and self._key(ip) in self._pairs

    def passed(self, ip: Ip) -> bool:
        """Whether the kernel has passed this packet on: it leaves one side of a relay for its remote."""
        ends = packets.endpoints(ip) if self._pairs else None
        if ends is None:
            return False
        source, destination = ends
        return (_name(ip), source, destination) in self._pairs

    def flush(self) -> None:
        """Tell the kernel what has changed. Raises NetworkError."""
        while self._script:
            batch, size = [], 0
            while self._script and size < _MOST_OCTETS:
                size += len(self._script[0])
                batch.append(self._script.pop(0))
            self._run("".join(batch))

    def _read(self, pair: _Pair) -> tuple[int, int]:
        """Octets of payload that have passed each way."""
        self.flush()
        asked = "".join(f"list counter inet relays {name}\n" for side in pair.sides for name in side.counters)
        try:
            told = _counters(self._run(asked))
        except NetworkError:    # the namespaces have gone
            return 0, 0
        forth, back = (sum(_payload(side, name, *told.get(name, (0, 0))) for name in side.counters)
                       for side in pair.sides)
        return forth, back

    @staticmethod
    def _key(ip: Ip) -> _Key | None:
        ends = packets.endpoints(ip)
        return None if ends is None else (_name(ip), ends[1], ends[0])


def why_not(run: Callable[[str], str]) -> str:
    """Why this machine can't relay; empty: it can. It is tried once a process.

    Args:
        run: as of `Relays`.
    """
    if not _tried:
        _tried.append(_try(run))
    return _tried[0]


def _try(run: Callable[[str], str]) -> str:
    if shutil.which("nft") is None:
        return "no nft on the path"
    try:
        run(TABLE + "delete table inet relays\n")
    except NetworkError as error:
        return str(error)
    return ""


def _name(ip: Ip) -> str:
    return "UDP" if ip.protocol == packets.UDP else "TCP" if ip.protocol == packets.TCP else ""


def _element(side: _Side) -> str:
    protocol, local, remote = side.key
    where = f"{local.host} . {local.port} . {remote.host} . {remote.port}"
    return f"element inet relays {protocol.lower()}{local.version} {{ {where} : goto {side.name} }}\n"


def _rules(side: _Side) -> str:
    """The counters and the chain of one direction, and the way into it."""
    protocol = side.key[0].lower()
    ip, _ = _FAMILIES[side.local.version]
    if protocol == "udp":
        count = f"counter name {side.name}"
    else:
        by_words = ", ".join(f"{words} : {side.name}w{words}" for words in _TCP_WORDS)
        count = f"counter name tcp doff map {{ {by_words} }}"
    addresses = f"{ip} saddr set {side.local.host} {ip} daddr set {side.remote.host}"
    ports = (f"{protocol} sport set {side.local.port} {protocol} dport set {side.remote.port} "
             f"meta mark set {_MARK} accept\n")
    # Without a checksum there is none to keep right (RFC 768): the ports as octets behind the IP header.
    bare = f"@th,0,16 set {side.local.port} @th,16,16 set {side.remote.port} meta mark set {_MARK} accept\n"
    return (
        "".join(f"add counter inet relays {name}\n" for name in side.counters)
        + f"add chain inet relays {side.name}\n"
        + (f"add rule inet relays {side.name} udp checksum 0 {count} {addresses} {bare}" if protocol == "udp" else "")
        + f"add rule inet relays {side.name} {count} {addresses} {ports}add {_element(side)}")


def _undo(side: _Side) -> str:
    return (f"delete {_element(side)}flush chain inet relays {side.name}\ndelete chain inet relays {side.name}\n"
            + "".join(f"delete counter inet relays {name}\n" for name in side.counters))


def _payload(side: _Side, name: str, count: int, octets: int) -> int:
    """Octets of payload in so many packets."""
    words = name.rpartition("w")[2] if side.key[0] == "TCP" else ""
    header = 4 * int(words) if words else _UDP_OCTETS
    return octets - count * (_IP_OCTETS[side.local.version] + header)


def _counters(said: str) -> dict[str, tuple[int, int]]:
    """Packets and octets of each counter that `nft list` has told."""
    return {name: (int(count), int(octets)) for name, count, octets in _COUNTER.findall(said)}
