"""Stateless TCP handling: packets pass between two endpoints with other addresses, and nothing else is changed.

The gateway is no end of any connection: sequence numbers, options and flags are the peers' own. It originates nothing,
and of connections it reports nothing. What it keeps is where the peers are: the source of the last SYN that was let in
at one endpoint, and at the other the address that was signalled, or latched. So one connection after another passes,
from any port. Once both peers are known, a network that can is ordered to relay between these two by itself; packets of
other sources still come here, and as soon as anything else is to be done it is taken back. After the release payload
passes no more; for `linger` seconds everything else does, so that peers can end in order.

Source: TS 23.334 §5.16.1, §5.4, §6.2.18.2; RFC 3022 §4.1 (what is changed), RFC 5508 §4.2 (ICMP errors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.net import packets, values
from workbench.net.values import Command, Drop, Endpoint, Meter, Note, SendPacket, Stream
from workbench.nodes.gateway.joints import Joint
from workbench.nodes.gateway.settings import Change
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from workbench.nodes.gateway.bearer import Bearer
    from workbench.nodes.gateway.claimed import Packet

CLAUSE = "TS 23.334 §5.16.1"


class Relay:
    """One endpoint without a role.

    Args:
        bearer: the endpoint.

    `peer` is who takes part in the current connection here, `latched` the source of the last SYN that was let in.
    """

    __slots__ = ("_bearer", "_latched", "_mate", "_peer")

    watches = False

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer
        self._peer: Endpoint | None = None
        self._latched: Endpoint | None = None
        self._mate: Relay | None = None

    def receive(self, packet: Packet, now: float) -> None:
        """Pass it on, or drop it and say why."""
        far = self._far
        why = self._obstacle(packet, far)
        if why or far is None:
            self._bearer.order(Drop(packet.happened, why or "no other endpoint"))
            return
        if packet.segment is None:
            self._pass_error(packet, far)
            return
        if packet.begins:
            self._begin(packet.remote, far)
        if far._peer is None:
            self._bearer.order(Drop(packet.happened, f"nobody is known at {far._bearer.termination} yet"))
            return
        self._pass(packet, far, far._peer)
        self._hand_down()

    def carry(self, command: Command) -> bool:
        """Nothing is ordered for a stream; the rest goes its way."""
        return not isinstance(command, Drop | Note | SendPacket)

    def consider(self, now: float) -> None:
        """Nothing waits; but perhaps the network may do it from now on."""
        self._hand_down()

    def part(self, now: float) -> bool:
        """The last packets of the current connection pass, if there is one."""
        bearer = self._bearer
        if self._peer is None or bearer.leaving:
            return False
        bearer.stream = Stream(bearer.setting.local, self._peer)
        bearer.leaving = True
        bearer.arm("linger", now + bearer.means.policy.linger)
        return True

    def relatch(self) -> None:
        """The next SYN says where the peer is, so it has to come here."""
        self._bearer.part()
        self._latched = None

    def wake(self, now: float) -> None:
        """There is no timer."""

    @property
    def _far(self) -> Relay | None:
        """The other end; behind Subtract too, as long as the last packets pass."""
        partner = self._bearer.partner
        if partner is None:
            return self._mate
        return partner.carriage if isinstance(partner.carriage, Relay) else None

    @property
    def _there(self) -> Endpoint | None:
        """Where a new connection of the other side finds this side's peer."""
        setting = self._bearer.setting
        return self._latched if setting.latch and self._latched is not None else setting.remote

    def _obstacle(self, packet: Packet, far: Relay | None) -> str:
        """Why a packet is not passed on; empty if it is."""
        setting, source = self._bearer.setting, packet.remote
        segment = packet.segment
        if far is None or far._bearer.state is State.OVER:
            return "no other endpoint"
        if segment is not None and (segment.payload or packet.begins) and (self._bearer.leaving or far._bearer.leaving):
            return "the relay is released"
        if closed := self._closed(far):
            return closed
        if segment is None:
            return "" if source == self._peer and far._peer is not None else f"nothing was sent to {source}"
        if setting.remote is None and not setting.latch:
            return "nobody has said yet where the peer is"
        if packet.begins and setting.latch and self._latched is not None and self._latched.host != source.host:
            return f"latched on {self._latched.host}"
        if not packet.begins and source != (self._peer or setting.remote):
            return f"not the connection of {self._peer or setting.remote}"
        return setting.refusal(source)

    def _closed(self, far: Relay) -> str:
        """Why nothing passes from here to the other end; empty if it may."""
        setting = self._bearer.setting
        if not setting.receives:
            return f"{setting.mode} at {self._bearer.termination}"
        if not far._bearer.setting.sends:
            return f"{far._bearer.setting.mode} at {far._bearer.termination}"
        if self._bearer.partner is not None and far._bearer not in self._bearer.sinks:
            return f"Topology: {far._bearer.termination} does not hear {self._bearer.termination}"
        return ""

    def _begin(self, source: Endpoint, far: Relay) -> None:
        """A SYN: whose connection it is from here on. One of the same two peers is a repetition, or crosses theirs."""
        setting = self._bearer.setting
        if setting.latch and source not in (setting.remote, self._latched):
            self._bearer.observe(Change.SOURCE, source)
        self._latched = source
        self._mate, far._mate = far, self
        if source != self._peer or far._peer is None:
            self._bearer.part()
            self._peer, far._peer = source, far._there

    @property
    def here(self) -> Stream:
        """Our address and the peer's."""
        assert self._peer is not None
        return Stream(self._bearer.setting.local, self._peer)

    def may_pass_below(self, far: Relay | None) -> bool:
        """Whether whatever comes from the peer passes to the peer of the other end, and nobody here has to see it."""
        bearer, setting = self._bearer, self._bearer.setting
        return (
            far is not None and far is self._far and self._peer is not None and far._peer is not None
            and not bearer.leaving and not bearer.watched and not self._closed(far)
            and (setting.remote is not None or setting.latch) and not setting.refusal(self._peer))

    def _hand_down(self) -> None:
        """Have the network relay between the two peers, if it can and may."""
        bearer, far = self._bearer, self._far
        if not bearer.means.policy.relays or bearer.joint is not None or bearer.partner is None or far is None:
            return
        one_version = bearer.setting.local.version == far._bearer.setting.local.version
        if one_version and self.may_pass_below(far) and far.may_pass_below(self):
            Relayed(bearer, far._bearer)

    def _pass(self, packet: Packet, far: Relay, peer: Endpoint) -> None:
        near, other, segment = self._bearer, far._bearer, packet.segment
        if segment is not None and segment.payload:
            near.count(len(segment.payload), incoming=True)
            other.count(len(segment.payload), incoming=False)
        octets = packets.rewrite(
            packet.happened.packet, source=other.setting.local, destination=peer, ttl=packet.ip.ttl - 1)
        why = f"relayed from {near.termination} to {other.termination}, sequence numbers untouched [{CLAUSE}]"
        other.order(SendPacket(other.means.policy.wires[other.setting.local.host], octets, why))

    def _pass_error(self, packet: Packet, far: Relay) -> None:
        """ICMP about a packet that was passed on to our peer: for its sender, in the addresses that it knows."""
        near, other = self._bearer, far._bearer
        peer = far._peer
        assert peer is not None
        octets = packets.rewrite_error(
            packet.happened.packet, source=other.setting.local.host, destination=peer.host, quoted_source=peer,
            quoted_destination=other.setting.local, ttl=packet.ip.ttl - 1)
        why = f"ICMP error at {near.termination} is passed on to {other.termination} [{CLAUSE}, RFC 5508 §4.2]"
        other.order(SendPacket(other.means.policy.wires[other.setting.local.host], octets, why))


class Relayed(Joint["Bearer"]):
    """Packets of two peers that the network passes on by itself."""

    __slots__ = ("_streams",)

    def _begins(self, meter: Meter) -> Command:
        one, other = self._a.carriage, self._b.carriage
        assert isinstance(one, Relay) and isinstance(other, Relay)
        self._streams = one.here, other.here
        return values.Relay(*self._streams, "TCP", meter)

    def _ends(self) -> Command:
        return values.Unrelay(self._streams[0], "TCP")

    def _stands(self) -> bool:
        one, other = self._a.carriage, self._b.carriage
        return (
            isinstance(one, Relay) and isinstance(other, Relay)
            and one.may_pass_below(other) and other.may_pass_below(one))
