"""`Relay` by nftables rules in a host's namespace: the kernel passes packets on, and no octet of them comes to us.

Rules are stateless, and act where a packet comes in from its link: it gets other addresses and ports (the kernel keeps
checksums right) and goes out on another link, one hop on. Nothing is tracked, so no packet is judged: sequence numbers,
options and flags pass as they are, in any order, and rules that are taken away stop what they began. (Translation by
connection tracking does neither: it drops what it takes for outside the window, and goes on for connections that it
knows.) No route is looked up, so the host need not be a router, and is none for anything else.

One lookup finds the relay of a packet, however many there are. Changes are collected and told to the kernel at once.
Fragments have no ports to look up: on our own wires they are put together and passed on by us (`host`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from workbench.errors import LocalProtocolError, NetworkError
from workbench.net import packets
from workbench.net.packets import Ip
from workbench.net.values import Endpoint, Meter, Relay, SendPacket, Stream

_IP_NAMES = {4: "ip", 6: "ip6"}
# Octets of headers without options. TCP's are told by its own field, in words (RFC 9293 §3.1: 5 to 15).
_IP_OCTETS = {4: 20, 6: 40}
_UDP_OCTETS = 8
_TCP_WORDS = range(5, 16)
# One line to the keeper is one message of limited size.
_MOST_OCTETS = 65_536
_COUNTER = re.compile(r"counter (\w+) \{\s*packets (\d+) bytes (\d+)")

_tried: list[str] = []

RELAYED = "relayed by the kernel"

_Key = tuple[str, Endpoint, Endpoint]       # protocol, where a packet is addressed to, where it is from


# Where a packet leaves a host: the name of the link, and of its wire.
Way = tuple[str, str]


def table(links: Sequence[str]) -> str:
    """The empty table of a host with these links."""
    every = [(protocol, version) for version in _IP_NAMES for protocol in ("udp", "tcp")]
    maps = "".join(
        f"map {protocol}{version} {{ type ipv{version}_addr . inet_service . ipv{version}_addr . inet_service : "
        "verdict; }\n" for protocol, version in every)
    lookups = "".join(
        f"{_IP_NAMES[version]} daddr . {protocol} dport . {_IP_NAMES[version]} saddr . {protocol} sport "
        f"vmap @{protocol}{version}\n" for protocol, version in every)
    return (f"table netdev relays {{\n{maps}chain arriving {{\n"
            f"type filter hook ingress devices = {{ {', '.join(links)} }} priority 0\n"
            f"ip frag-off & 0x3fff != 0 accept\nexthdr frag exists accept\n{lookups}}}\n}}\n")


class _Side(msgspec.Struct, frozen=True):
    """One direction of a relay: its chain, which its counters are named after, and what packets get."""

    name: str
    key: _Key
    local: Endpoint
    remote: Endpoint
    way: Way

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
        links: names of the host's links.
        way: tells where what goes from one endpoint to another leaves; None: nowhere.
        most: relays at a time.
    """

    def __init__(self, run: Callable[[str], str], links: Sequence[str], way: Callable[[str, str], Way | None], *,
                 most: int = 16_384) -> None:
        self._run = run
        self._links = links
        self._way = way
        self._most = most
        self._pairs: dict[_Key, _Pair] = {}
        self._script: list[str] = []
        self._count = 0

    @property
    def any(self) -> bool:
        """Whether there is a relay."""
        return bool(self._pairs)

    def add(self, order: Relay) -> None:
        """Pass packets on from now on; what the endpoints had of relays before is over.

        Raises:
            LocalProtocolError: both sides are the same, or of different IP versions; one of them can't be reached from
                its endpoint; there are too many.
        """
        a, b = order.a, order.b
        if len({end.version for end in (a.local, a.remote, b.local, b.remote)}) > 1:
            raise LocalProtocolError(f"this network relays within one IP version: {a} and {b}")
        if a.local == b.local:
            raise LocalProtocolError(f"a relay from {a.local} to itself")
        ways = [self._way(side.local.host, side.remote.host) for side in (a, b)]
        if ways[0] is None or ways[1] is None:
            raise LocalProtocolError(f"no way leads from here to {(b if ways[0] else a).remote}")
        for old in (a, b):
            self.remove(old, order.protocol)
        if len(self._pairs) >= 2 * self._most:
            raise LocalProtocolError(f"more than {self._most} relays on one host")
        if not self._count:
            self._script.append(table(self._links))
        self._count += 1
        sides = (_Side(f"r{self._count}a", (order.protocol, a.local, a.remote), b.local, b.remote, ways[1]),
                 _Side(f"r{self._count}b", (order.protocol, b.local, b.remote), a.local, a.remote, ways[0]))
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
        """Whether this packet belongs to a relay."""
        return bool(self._pairs) and _key(ip) in self._pairs

    def pass_on(self, packet: bytes, ip: Ip) -> SendPacket:
        """What becomes of a packet that the kernel got in fragments, so that we have to pass it on."""
        key = _key(ip)
        pair = self._pairs[key]     # type: ignore[index]
        side = pair.sides[pair.sides[0].key != key]
        if pair.meter is not None:
            octets = len(ip.payload) - (_UDP_OCTETS if ip.protocol == packets.UDP else ip.payload[12] // 16 * 4)
            pair.meter.count(*((octets, 0) if side is pair.sides[0] else (0, octets)))
        passed = packets.rewrite(packet, source=side.local, destination=side.remote, ttl=ip.ttl - 1)
        return SendPacket(side.way[1], passed, RELAYED)

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
        asked = "".join(f"list counter netdev relays {name}\n" for side in pair.sides for name in side.counters)
        try:
            self.flush()
            told = _counters(self._run(asked))
        except NetworkError:    # the namespaces have gone
            return 0, 0
        forth, back = (sum(_payload(side, name, *told.get(name, (0, 0))) for name in side.counters)
                       for side in pair.sides)
        return forth, back


def why_not(run: Callable[[str], str]) -> str:
    """Why this machine can't relay; empty: it can. It is tried once a process.

    Args:
        run: as of `Relays`.
    """
    if not _tried:
        _tried.append(_try(run))
    return _tried[0]


def _try(run: Callable[[str], str]) -> str:
    try:
        run(table(["lo"]) + "delete table netdev relays\n")
    except NetworkError as error:
        return str(error)
    return ""


def _key(ip: Ip) -> _Key | None:
    ends = packets.endpoints(ip)
    return None if ends is None else (_name(ip), ends[1], ends[0])


def _name(ip: Ip) -> str:
    return "UDP" if ip.protocol == packets.UDP else "TCP" if ip.protocol == packets.TCP else ""


def _element(side: _Side) -> str:
    protocol, local, remote = side.key
    where = f"{local.host} . {local.port} . {remote.host} . {remote.port}"
    return f"element netdev relays {protocol.lower()}{local.version} {{ {where} : goto {side.name} }}\n"


def _rules(side: _Side) -> str:
    """The counters and the chain of one direction, and the way into it."""
    protocol = side.key[0].lower()
    ip = _IP_NAMES[side.local.version]
    if protocol == "udp":
        count = f"counter name {side.name}"
    else:
        by_words = ", ".join(f"{words} : {side.name}w{words}" for words in _TCP_WORDS)
        count = f"counter name tcp doff map {{ {by_words} }}"
    addresses = f"{ip} saddr set {side.local.host} {ip} daddr set {side.remote.host}"
    leave = f"fwd {ip} to {side.remote.host} device {side.way[0]}\n"
    ports = f"{protocol} sport set {side.local.port} {protocol} dport set {side.remote.port} {leave}"
    # Without a checksum there is none to keep right (RFC 768): the ports as octets behind the IP header.
    bare = f"@th,0,16 set {side.local.port} @th,16,16 set {side.remote.port} {leave}"
    return (
        "".join(f"add counter netdev relays {name}\n" for name in side.counters)
        + f"add chain netdev relays {side.name}\n"
        + (f"add rule netdev relays {side.name} udp checksum 0 {count} {addresses} {bare}" if protocol == "udp" else "")
        + f"add rule netdev relays {side.name} {count} {addresses} {ports}add {_element(side)}")


def _undo(side: _Side) -> str:
    return (f"delete {_element(side)}flush chain netdev relays {side.name}\ndelete chain netdev relays {side.name}\n"
            + "".join(f"delete counter netdev relays {name}\n" for name in side.counters))


def _payload(side: _Side, name: str, count: int, octets: int) -> int:
    """Octets of payload in so many packets."""
    words = name.rpartition("w")[2] if side.key[0] == "TCP" else ""
    header = 4 * int(words) if words else _UDP_OCTETS
    return octets - count * (_IP_OCTETS[side.local.version] + header)


def _counters(said: str) -> dict[str, tuple[int, int]]:
    """Packets and octets of each counter that `nft list` has told."""
    return {name: (int(count), int(octets)) for name, count, octets in _COUNTER.findall(said)}
