"""Whether an endpoint lives on packets or on streams of the network, and which packets are its business.

    no role at either end, `stateless=relay`        `relay.Relay`: packets pass, their sequence numbers untouched
    both ends passive, `merge=translation`,         `merging.Leg`: two handshakes answered, then packets pass with
    no TLS, no application-aware MSRP               their sequence numbers shifted
    everything else                                 streams: a proxy

An endpoint that may still become one of a merged pair (`actpass`, or its partner is not there yet) claims its packets
early: a SYN that has been answered by the network can't be answered again. A network without packets (`Policy.wires`
does not name the address) leaves streams only; then a note says that it is an emulation (R-5.16.1-7).

Source: TS 23.334 §5.16.1 (relay), §5.16.2.2 (proxy), §5.16.2.3 (merge), §5.4 (sources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from workbench.net.values import Command, Drop, Note
from workbench.nodes.gateway.claimed import Packet
from workbench.nodes.gateway.merging import Leg
from workbench.nodes.gateway.relay import Relay
from workbench.nodes.gateway.settings import Merge, Role, Stateless
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.nodes.gateway.bearer import Bearer


class Carriage(Protocol):
    """What stands between an endpoint and its packets.

    `watches`: a connection that does not come is missed.
    """

    watches: bool

    def receive(self, packet: Packet, now: float) -> None:
        """A packet for the endpoint, or an ICMP error about one that it sent."""

    def carry(self, command: Command) -> bool:
        """Do what is ordered for the endpoint's stream; False: that is the network's business."""

    def consider(self, now: float) -> None:
        """Something is new at this endpoint or the other one."""

    def part(self, now: float) -> bool:
        """The endpoint is released: the carriage sees to the last packets itself, or not."""

    def relatch(self) -> None:
        """The source is to be learnt anew."""

    def wake(self, now: float) -> None:
        """Its timer has come."""


def arrive(bearer: Bearer | None, packet: Packet, now: float) -> Drop | None:
    """Hand over a packet, unless nobody is concerned or its time is over."""
    if bearer is None or bearer.carriage is None:
        return Drop(packet.happened, "no termination claims this packet")
    if packet.ip.ttl <= 1:
        return Drop(packet.happened, "time to live is over")
    bearer.carriage.receive(packet, now)
    return None


def suits(bearer: Bearer) -> bool:
    """What carries this endpoint is what should."""
    wanted = _wanted(bearer)
    return bearer.carriage is None if wanted is None else isinstance(bearer.carriage, wanted)


def made_for(bearer: Bearer) -> Carriage | None:
    """What should carry this endpoint; None: streams."""
    wanted = _wanted(bearer)
    return None if wanted is None else wanted(bearer)


def explain(bearer: Bearer) -> None:
    """A note where a stream stands in for what the gateway is set up to do with packets."""
    policy = bearer.means.policy
    if bearer.carriage is not None:
        return
    if bearer.setting.role is Role.NONE and policy.stateless is Stateless.RELAY:
        bearer.order(Note(f"{bearer.termination}: {_hindrance(bearer)}: a proxy emulates the relay [R-5.16.1-7]"))
    if merges(bearer) and policy.merge is Merge.TRANSLATION:
        bearer.order(Note(f"{bearer.termination}: {_hindrance(bearer)}: merged by proxy [TS 23.334 §5.16.2.3]"))


def merges(bearer: Bearer) -> bool:
    """Both ends wait for their peers."""
    partner = bearer.partner
    return partner is not None and bearer.setting.role is Role.PASSIVE and partner.setting.role is Role.PASSIVE


def _hindrance(bearer: Bearer) -> str:
    """Why packets can't be passed on."""
    ends = (bearer, *bearer.links)
    if len(ends) > 2:
        return "more than two ends"
    if any(one.setting.local.host not in one.means.policy.wires for one in ends):
        return "this network gives no packets"
    if any(one.setting.tls for one in ends):
        return "TLS ends here"
    if any(one.setting.path is not None or one.setting.remote_path is not None for one in ends):
        return "MSRP is rewritten here"
    return "a connection, or an order for one, was there before"


def _wanted(bearer: Bearer) -> type[Relay] | type[Leg] | None:
    if len(bearer.links) < 2:
        if _all(bearer, _may_relay, Relay):
            return Relay
        if _all(bearer, _may_merge, Leg):
            return Leg
    return None


def _all(bearer: Bearer, may: Callable[[Bearer], bool], kind: type) -> bool:
    """The endpoint may be carried so, and its partner too; a partner that has a connection is what it is."""
    return may(bearer) and all(
        may(other) and (isinstance(other.carriage, kind) or other.state in (State.IDLE, State.LISTENING))
        for other in bearer.links)


def _may_relay(bearer: Bearer) -> bool:
    policy, setting = bearer.means.policy, bearer.setting
    return (
        policy.stateless is Stateless.RELAY and setting.role is Role.NONE and not setting.tls
        and not bearer.tcp_ordered and setting.local.host in policy.wires)


def _may_merge(bearer: Bearer) -> bool:
    policy, setting = bearer.means.policy, bearer.setting
    aware = setting.path is not None or setting.remote_path is not None
    return (
        policy.merge is Merge.TRANSLATION and setting.role in (Role.PASSIVE, Role.ACTPASS) and not setting.tls
        and not aware and not bearer.tcp_ordered and setting.local.host in policy.wires)
