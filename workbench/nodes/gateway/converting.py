"""Datagrams that the network passes on by itself, once it is plain that nothing else will be done about them.

Two datagram endpoints of a stream are joined while payload of each may go out at the other one:

    both are up: their peers are known, and DTLS, where there is any, has been verified and is not being replaced
    two ends, joined to one another; modes, gates and topology let payload pass both ways
    nobody watches for payload to stop (adid/ipstop): that is seen datagram by datagram

The network asks the DTLS session for each datagram, and tells of all that is no payload of the peer: a repeated flight,
close_notify, what comes in clear or from elsewhere. When one of these ends, so does the joint.

Source: TS 23.334 §5.11.2, §6.2.10.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from workbench.net.values import Command, Convert, Endpoint, Meter, Stream, Unconvert
from workbench.nodes.gateway.joints import Joint
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from workbench.nodes.gateway.associating import Association
    from workbench.nodes.gateway.datagrams import DatagramBearer

_Change = Callable[[bytes], bytes | None]


class Converted(Joint["DatagramBearer"]):
    """Two datagram endpoints, as they were when they were joined."""

    __slots__ = ("_ends_then",)

    def _begins(self, meter: Meter) -> Command:
        a, b = self._a, self._b
        self._ends_then = _end(a), _end(b)
        return Convert(_stream(a), _stream(b), _between(a, b), _between(b, a), meter)

    def _ends(self) -> Command:
        return Unconvert(self._ends_then[0].stream)

    def _stands(self) -> bool:
        a, b = self._a, self._b
        return _lets_pass(a, b) and _lets_pass(b, a) and self._ends_then == (_end(a), _end(b))


class _End(msgspec.Struct, frozen=True):
    """What a joint rests on at one endpoint."""

    stream: Stream
    association: Association | None


def weigh(bearer: DatagramBearer) -> None:
    """Something is new at this endpoint: part it from its partner, or join them."""
    if not bearer.means.policy.converts:
        return
    partner = bearer.partner
    for one in (bearer, partner):
        if one is not None and one.joint is not None:
            one.joint.review()
    if (partner is not None and bearer.joint is None and partner.joint is None
            and _lets_pass(bearer, partner) and _lets_pass(partner, bearer)):
        Converted(bearer, partner)


def _lets_pass(one: DatagramBearer, other: DatagramBearer) -> bool:
    """Payload that comes in at `one` goes out at `other`, and nowhere else."""
    peer = one.peer
    return (
        one.links == one.sinks == (other,) and one.state is State.UP and one.listening and not one.watched
        and one.setting.receives and other.setting.sends and peer is not None and one.admits(peer)
        and (not one.setting.tls or (one.verified and one.association is not None)))


def _end(one: DatagramBearer) -> _End:
    return _End(_stream(one), one.association)


def _stream(one: DatagramBearer) -> Stream:
    peer: Endpoint | None = one.peer
    assert peer is not None
    return Stream(one.setting.local, peer)


def _between(one: DatagramBearer, other: DatagramBearer) -> _Change:
    """What makes a datagram of one peer one for the other."""
    opens = one.association.open if one.setting.tls and one.association is not None else None
    seals = other.association.seal if other.setting.tls and other.association is not None else None
    if opens is None or seals is None:
        return opens or seals or bytes

    def change(data: bytes) -> bytes | None:
        payload = opens(data)
        return None if payload is None else seals(payload)

    return change
