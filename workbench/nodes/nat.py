"""A NAT: a node with two feet that rewrites addresses, described by mapping and filtering behaviour.

Source: RFC 4787 (UDP), RFC 5382 (TCP), RFC 7857; address and port translation as RFC 3022 §2.2.
"""

from __future__ import annotations

import enum

import msgspec

from workbench.errors import MalformedMessageError
from workbench.net import packets
from workbench.net.values import (
    ClaimPackets,
    Command,
    Drop,
    Endpoint,
    Happening,
    PacketArrived,
    SendPacket,
    Started,
)
from workbench.security.source import Source

# RFC 4787 REQ-5, RFC 5382 REQ-5: how long a binding lives without packets from inside.
UDP_SECONDS = 300.0
TCP_SECONDS = 7440.0
TRANSITORY_SECONDS = 240.0


class Behaviour(enum.StrEnum):
    """How far a mapping or a filter depends on the remote side (RFC 4787 §4.1 and §5)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"

    def key(self, remote: Endpoint) -> tuple[str, int]:
        """The part of the remote side that this behaviour looks at."""
        match self:
            case Behaviour.ENDPOINT_INDEPENDENT:
                return ("", 0)
            case Behaviour.ADDRESS_DEPENDENT:
                return (remote.host, 0)
            case Behaviour.ADDRESS_AND_PORT_DEPENDENT:
                return (remote.host, remote.port)


class Unsolicited(enum.StrEnum):
    """What a SYN from outside gets that no binding and no filter lets through (RFC 5382 REQ-4).

    `icmp` is what the RFC recommends: ICMP port unreachable, six seconds later, unless the inside sends its own SYN.
    """

    DROP = "drop"
    RESET = "reset"
    ICMP = "icmp"


class Binding(msgspec.Struct):
    """One mapping: an inside endpoint, the outside port it got, and whom it may hear."""

    protocol: int
    inside: Endpoint
    port: int
    expires: float
    open_to: set[tuple[str, int]]
    ended: bool = False


class Nat:
    """A NAPT between one inside and one outside wire.

    Args:
        inside, outside: its addresses on the two wires.
        mapping, filtering: see `Behaviour`.
        preserves_ports: an inside port is kept outside where it is free (RFC 4787 §4.2.1).
        overloads: a port that is taken is given out again to other inside hosts (RFC 4787 REQ-3 forbids it).
        hairpins: packets from inside to an outside endpoint of the NAT come back in (RFC 4787 REQ-9).
        unsolicited: what answers a SYN from outside that has no binding, or that the filter stops.
        udp_seconds, tcp_seconds, transitory_seconds: how long a binding lives unused.
        most: bindings at a time; a packet that needs one more is dropped.
    """

    def __init__(
        self,
        name: str,
        *,
        inside_wire: str,
        inside: str,
        outside_wire: str,
        outside: str,
        source: Source,
        mapping: Behaviour = Behaviour.ENDPOINT_INDEPENDENT,
        filtering: Behaviour = Behaviour.ADDRESS_AND_PORT_DEPENDENT,
        preserves_ports: bool = True,
        overloads: bool = False,
        hairpins: bool = False,
        unsolicited: Unsolicited = Unsolicited.DROP,
        udp_seconds: float = UDP_SECONDS,
        tcp_seconds: float = TCP_SECONDS,
        transitory_seconds: float = TRANSITORY_SECONDS,
        most: int = 4096,
    ) -> None:
        self.name = name
        self._inside_wire = inside_wire
        self._inside = inside
        self._outside_wire = outside_wire
        self._outside = outside
        self._source = source
        self._mapping = Behaviour(mapping)
        self._filtering = Behaviour(filtering)
        self._most = most
        self._by_inside: dict[tuple[int, Endpoint, tuple[str, int]], Binding] = {}
        self._by_port: dict[tuple[int, int], Binding] = {}

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Rewrite and pass on a packet, or drop it with its reason."""
        match happened:
            case Started():
                return [ClaimPackets(None)]
            case PacketArrived():
                try:
                    return self._translate(happened, now)
                except MalformedMessageError as error:
                    return [Drop(happened, str(error))]
        return []

    def next_wakeup(self) -> float | None:
        """Never: bindings are looked at when packets come."""
        return None

    def _translate(self, happened: PacketArrived, now: float) -> list[Command]:
        ip = packets.decode_ip(happened.packet)
        ends = packets.endpoints(ip)
        if ip.ttl <= 1:
            return [Drop(happened, "time to live is over")]
        if happened.wire == self._inside_wire:
            if ends is None:
                return [Drop(happened, "neither UDP, TCP nor ICMP echo")]
            return self._outwards(happened, ip, ends, now)
        if ends is None:
            return self._error_inwards(happened, ip, now)
        return self._inwards(happened, ip, ends, now)

    def _outwards(
        self, happened: PacketArrived, ip: packets.Ip, ends: tuple[Endpoint, Endpoint], now: float,
    ) -> list[Command]:
        source, destination = ends
        if destination.host in (self._inside, self._outside):
            return [Drop(happened, "addressed to the NAT itself (no hairpinning)")]
        key = (ip.protocol, source, self._mapping.key(destination))
        binding = self._by_inside.get(key)
        if binding is None or binding.expires <= now:
            binding = self._bind(key, source, now)
            if binding is None:
                return [Drop(happened, "no binding or port is free")]
        binding.open_to.add(self._filtering.key(destination))
        self._use(binding, ip, now)
        outside = Endpoint(self._outside, binding.port)
        packet = packets.rewrite(happened.packet, source=outside, ttl=ip.ttl - 1)
        return [SendPacket(self._outside_wire, packet, f"NAT: {source} leaves as {outside}")]

    def _inwards(
        self, happened: PacketArrived, ip: packets.Ip, ends: tuple[Endpoint, Endpoint], now: float,
    ) -> list[Command]:
        source, destination = ends
        if destination.host != self._outside:
            return [Drop(happened, "not addressed to the NAT")]
        binding = self._by_port.get((ip.protocol, destination.port))
        if binding is None or binding.expires <= now:
            return [Drop(happened, f"no binding for port {destination.port}")]
        if self._filtering.key(source) not in binding.open_to:
            return [Drop(happened, f"{source} was never sent to ({self._filtering} filtering)")]
        if _ends_connection(ip):
            self._use(binding, ip, now)
        packet = packets.rewrite(happened.packet, destination=binding.inside, ttl=ip.ttl - 1)
        return [SendPacket(self._inside_wire, packet, f"NAT: {destination} is {binding.inside} inside")]

    def _error_inwards(self, happened: PacketArrived, ip: packets.Ip, now: float) -> list[Command]:
        """An ICMP error about a packet that we translated goes to its sender, translated inside too (RFC 5508 §4.2)."""
        if ip.protocol not in (packets.ICMP, packets.ICMP_V6) or ip.destination != self._outside:
            return [Drop(happened, "neither UDP, TCP nor ICMP")]
        protocol, source, _, _ = packets.decode_quoted(packets.decode_icmp(ip))
        binding = self._by_port.get((protocol, source.port))
        if binding is None or binding.expires <= now:
            return [Drop(happened, f"no binding for port {source.port}")]
        packet = packets.rewrite_error(
            happened.packet, destination=binding.inside.host, quoted_source=binding.inside, ttl=ip.ttl - 1)
        return [SendPacket(self._inside_wire, packet, f"NAT: ICMP error about {source} is for {binding.inside}")]

    def _use(self, binding: Binding, ip: packets.Ip, now: float) -> None:
        """Outbound traffic keeps a binding alive (RFC 4787 REQ-6); FIN or RST makes it transitory (RFC 5382 §5)."""
        binding.ended = binding.ended or _ends_connection(ip)
        if ip.protocol != packets.TCP:
            binding.expires = now + UDP_SECONDS
        else:
            binding.expires = now + (TRANSITORY_SECONDS if binding.ended else TCP_SECONDS)

    def _bind(self, key: tuple[int, Endpoint, tuple[str, int]], source: Endpoint, now: float) -> Binding | None:
        for old in [k for k, b in self._by_inside.items() if b.expires <= now]:
            stale = self._by_inside.pop(old)
            self._by_port.pop((stale.protocol, stale.port), None)
        if len(self._by_inside) >= self._most:
            return None
        port = source.port  # port preservation where it is free (RFC 4787 §4.2.1)
        for _ in range(64):
            if (key[0], port) not in self._by_port:
                break
            port = self._source.number(49152, 65535)
        else:
            return None
        binding = Binding(key[0], source, port, now, set())
        self._by_inside[key] = binding
        self._by_port[key[0], port] = binding
        return binding


def _ends_connection(ip: packets.Ip) -> bool:
    return ip.protocol == packets.TCP and len(ip.payload) > 13 and bool(ip.payload[13] & (packets.FIN | packets.RST))
