"""The NAT as a node: packets in on one foot, out on the other, or dropped with the reason.

Source: RFC 3022 §2.2 (address and port translation), RFC 4787, RFC 5382, RFC 5508, RFC 7857.
"""

from __future__ import annotations

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
    Woke,
)
from workbench.nodes.nat.behaviour import (
    PATIENCE_SECONDS,
    TCP_SECONDS,
    TRANSITORY_SECONDS,
    UDP_SECONDS,
    Behaviour,
    Lifetimes,
    Unsolicited,
)
from workbench.nodes.nat.bindings import Bindings
from workbench.nodes.nat.ports import Ports
from workbench.nodes.nat.tracking import Mark, mark_of
from workbench.security.source import Source

_ICMP = (packets.ICMP, packets.ICMP_V6)
_FULL = "no binding or port is free"


class Nat:
    """A NAPT between one inside and one outside wire.

    Args:
        inside, outside: its addresses on the two wires.
        mapping, filtering: see `Behaviour`.
        preserves_ports: an inside port is kept outside where it is free (RFC 4787 §4.2.1).
        overloads: it is kept even where it is taken, for several inside hosts at a time (RFC 4787 REQ-3 forbids it).
        hairpins: packets from inside to an outside endpoint of the NAT come back in, with their outside source
            endpoint (RFC 4787 REQ-9, REQ-9a; RFC 5382 REQ-8).
        unsolicited: what answers a SYN from outside that has no binding, or that the filter stops.
        udp_seconds, tcp_seconds, transitory_seconds: how long a binding lives unused.
        most: sessions (a binding and a remote endpoint) at a time; a packet that needs one more is dropped.
        most_held: unsolicited SYNs that wait for their answer at a time; one more gets none.
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
        most_held: int = 256,
    ) -> None:
        self.name = name
        self._inside_wire = inside_wire
        self._inside = inside
        self._outside_wire = outside_wire
        self._outside = outside
        self._hairpins = hairpins
        self._unsolicited = Unsolicited(unsolicited)
        self._most_held = most_held
        self._bindings = Bindings(
            Behaviour(mapping), Behaviour(filtering), Ports(source, preserves=preserves_ports, overloads=overloads),
            Lifetimes(udp_seconds, tcp_seconds, transitory_seconds), most=most)
        # SYNs that wait for their ICMP error: remote and outside endpoint; in the order in which they came.
        self._held: dict[tuple[Endpoint, Endpoint], tuple[float, bytes]] = {}

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
            case Woke():
                return self._refuse_held(now)
        return []

    def next_wakeup(self) -> float | None:
        """When the oldest unsolicited SYN is answered. Bindings are looked at when packets come."""
        return next(iter(self._held.values()))[0] if self._held else None

    def figures(self) -> dict[str, dict[str, float]]:
        """Figures by name, for those who run it."""
        return {"nat_sessions": {"": len(self._bindings)}, "nat_held": {"": len(self._held)}}

    def _translate(self, happened: PacketArrived, now: float) -> list[Command]:
        ip = packets.decode_ip(happened.packet)
        if ip.ttl <= 1:
            return [Drop(happened, "time to live is over")]
        if ip.is_fragment:
            # RFC 4787 REQ-14 asks for reassembly; our hosts set DF, and no wire here has a small MTU.
            return [Drop(happened, "fragments are not translated")]
        from_inside = happened.wire == self._inside_wire
        ends = packets.endpoints(ip)
        if ends is None:
            if ip.protocol not in _ICMP:
                return [Drop(happened, "neither UDP, TCP nor ICMP")]
            return self._error_outwards(happened, ip, now) if from_inside else self._error_inwards(happened, ip, now)
        if from_inside:
            return self._outwards(happened, ip, *ends, now)
        return self._inwards(happened, ip, *ends, now)

    # Packets

    def _outwards(
        self, happened: PacketArrived, ip: packets.Ip, source: Endpoint, destination: Endpoint, now: float,
    ) -> list[Command]:
        to_us = destination.host in (self._inside, self._outside)
        if to_us and (destination.host == self._inside or not self._hairpins):
            return [Drop(happened, "addressed to the NAT itself (no hairpinning)")]
        mark = _mark(ip)
        binding = self._bindings.outgoing(ip.protocol, source, _remote(ip, destination), mark, now)
        if binding is None:
            return [Drop(happened, "RST of a connection that is not known" if mark is Mark.RST else _FULL)]
        outside = Endpoint(self._outside, binding.port)
        if to_us:
            return self._back_in(happened, ip, outside, destination, now)
        if mark is Mark.SYN:
            self._held.pop((destination, outside), None)      # RFC 5382 REQ-4: dropped silently
        packet = packets.rewrite(happened.packet, source=outside, ttl=ip.ttl - 1)
        return [SendPacket(self._outside_wire, packet, f"NAT: {source} leaves as {outside}")]

    def _back_in(
        self, happened: PacketArrived, ip: packets.Ip, outside: Endpoint, destination: Endpoint, now: float,
    ) -> list[Command]:
        """Hairpinning: the packet left as `outside`, and comes in as if from there (RFC 4787 REQ-9a)."""
        binding = self._bindings.incoming(ip.protocol, destination.port, _remote(ip, outside), _mark(ip), now)
        if isinstance(binding, str):
            return [Drop(happened, binding)]
        packet = packets.rewrite(happened.packet, source=outside, destination=binding.inside, ttl=ip.ttl - 1)
        return [SendPacket(self._inside_wire, packet, f"NAT: hairpinning, {outside} to {binding.inside}")]

    def _inwards(
        self, happened: PacketArrived, ip: packets.Ip, source: Endpoint, destination: Endpoint, now: float,
    ) -> list[Command]:
        if destination.host != self._outside:
            return [Drop(happened, "not addressed to the NAT")]
        mark = _mark(ip)
        binding = self._bindings.incoming(ip.protocol, destination.port, _remote(ip, source), mark, now)
        if isinstance(binding, str):
            return self._not_let_in(happened, ip, (source, destination), binding, now)
        packet = packets.rewrite(happened.packet, destination=binding.inside, ttl=ip.ttl - 1)
        return [SendPacket(self._inside_wire, packet, f"NAT: {destination} is {binding.inside} inside")]

    def _not_let_in(
        self, happened: PacketArrived, ip: packets.Ip, ends: tuple[Endpoint, Endpoint], reason: str, now: float,
    ) -> list[Command]:
        """RFC 5382 REQ-4. Only a SYN that opens is answered; its repetitions wait with the first one."""
        dropped = Drop(happened, reason)
        if ip.protocol != packets.TCP or packets.decode_tcp(ip).flags & (packets.SYN | packets.ACK) != packets.SYN:
            return [dropped]
        if self._unsolicited is Unsolicited.RESET:
            why = f"NAT: RST at once, {reason} [RFC 5382 REQ-4 forbids it]"
            return [dropped, SendPacket(self._outside_wire, _reset(packets.decode_tcp(ip)), why)]
        if self._unsolicited is Unsolicited.ICMP and ends not in self._held and len(self._held) < self._most_held:
            self._held[ends] = (now + PATIENCE_SECONDS, happened.packet)
        return [dropped]

    def _refuse_held(self, now: float) -> list[Command]:
        commands: list[Command] = []
        while self._held and (ends := next(iter(self._held))) and self._held[ends][0] <= now:
            _, packet = self._held.pop(ends)
            error = packets.encode_unreachable(packet, packets.decode_ip(packet), self._outside)
            why = f"NAT: nobody inside has sent to {ends[0]} for {PATIENCE_SECONDS:.0f} s [RFC 5382 REQ-4]"
            commands.append(SendPacket(self._outside_wire, error, why))
        return commands

    # ICMP errors. They change no binding (RFC 4787 REQ-12, RFC 5382 REQ-10).

    def _error_inwards(self, happened: PacketArrived, ip: packets.Ip, now: float) -> list[Command]:
        """An error about a packet that we translated goes to its sender, translated inside too (RFC 5508 REQ-4)."""
        if ip.destination != self._outside:
            return [Drop(happened, "not addressed to the NAT")]
        protocol, source, destination = _quoted(ip)
        binding = self._bindings.quoted(protocol, source.port, _far_end(protocol, destination), now)
        if binding is None:
            return [Drop(happened, f"an error about {source} to {destination}, which was not sent")]
        packet = packets.rewrite_error(
            happened.packet, destination=binding.inside.host, quoted_source=binding.inside, ttl=ip.ttl - 1)
        return [SendPacket(self._inside_wire, packet, f"NAT: ICMP error about {source} is for {binding.inside}")]

    def _error_outwards(self, happened: PacketArrived, ip: packets.Ip, now: float) -> list[Command]:
        """An error from inside about a packet that came in tells nothing of the inside (RFC 5508 REQ-5)."""
        protocol, source, destination = _quoted(ip)
        binding = self._bindings.answered(protocol, destination, _far_end(protocol, source), now)
        if binding is None or ip.destination != source.host:
            return [Drop(happened, f"an error about {source} to {destination}, which did not come in")]
        outside = Endpoint(self._outside, binding.port)
        packet = packets.rewrite_error(
            happened.packet, source=self._outside, quoted_destination=outside, ttl=ip.ttl - 1)
        return [SendPacket(self._outside_wire, packet, f"NAT: ICMP error from {destination} leaves as from {outside}")]


def _mark(ip: packets.Ip) -> Mark:
    if ip.protocol != packets.TCP:
        return Mark.OTHER
    if len(ip.payload) < 20:
        raise MalformedMessageError("TCP header cut short", clause="RFC 9293 §3.1", offset=len(ip.payload))
    return mark_of(ip.payload[13])


def _quoted(ip: packets.Ip) -> tuple[int, Endpoint, Endpoint]:
    """Protocol, source and destination of the packet that an ICMP error quotes.

    Raises:
        MalformedMessageError: not an error, or damaged; with a new checksum it would pass for sound (RFC 5508 REQ-3).
    """
    icmp = packets.decode_icmp(ip)
    protocol, source, destination, _ = packets.decode_quoted(icmp)
    if not icmp.checksum_ok or not packets.decode_ip(icmp.body, whole=False).checksum_ok:
        raise MalformedMessageError("ICMP error with a wrong checksum", clause="RFC 5508 REQ-3")
    return protocol, source, destination


def _remote(ip: packets.Ip, remote: Endpoint) -> Endpoint:
    return _far_end(ip.protocol, remote)


def _far_end(protocol: int, remote: Endpoint) -> Endpoint:
    """The remote side of a session: an ICMP query has an identifier of the inside's only (RFC 5508 §3)."""
    return Endpoint(remote.host, 0) if protocol in _ICMP else remote


def _reset(syn: packets.Tcp) -> bytes:
    """The RST that answers a SYN (RFC 9293 §3.10.7.1)."""
    return packets.encode_tcp(packets.Tcp(
        syn.destination, syn.source, 0, syn.sequence + syn.length & 0xFFFFFFFF, packets.RST | packets.ACK, 0))
