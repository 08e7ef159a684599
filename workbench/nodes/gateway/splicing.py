"""Plain payload that the network copies by itself.

Two ends of a stream are spliced while payload of each may go out at the other one and nobody here has to see it:

    both connections are up, neither side has ended or is being released
    plain TCP at both ends, on streams of the network, not application-aware
    two ends, joined to one another; modes and topology let payload pass both ways
    nothing waits at either end for the other one, and none is full
    nobody watches for payload to stop (adid/ipstop): that is seen octet by octet

When one of these ends, the splice does. An end of one direction (FIN) is no reason: it is told behind all octets before
it, and passed on as ever.

Source: TS 23.334 §5.16.2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.net.values import Command, Meter, Splice, Stream, Unsplice
from workbench.nodes.gateway import aware
from workbench.nodes.gateway.joints import Joint
from workbench.nodes.gateway.states import State

if TYPE_CHECKING:
    from workbench.nodes.gateway.flow import Flow


class Spliced(Joint["Flow"]):
    """Two streams."""

    __slots__ = ()

    def _begins(self, meter: Meter) -> Command:
        return Splice(_stream(self._a), _stream(self._b), meter)

    def _ends(self) -> Command:
        return Unsplice(_stream(self._a))

    def _stands(self) -> bool:
        return _plainly_joined(self._a, self._b)


def consider(bearer: Flow) -> None:
    """Splice this endpoint and its partner, if that may be."""
    policy = bearer.means.policy
    # What is to be changed has to come by here.
    if not policy.splices or policy.tampers_after or bearer.joint is not None or bearer.setting.tls:
        return
    partner = bearer.partner
    if (partner is not None and not partner.setting.tls
            and _rests(bearer) and _rests(partner) and _plainly_joined(bearer, partner)):
        Spliced(bearer, partner)


def _stream(bearer: Flow) -> Stream:
    assert bearer.stream is not None
    return bearer.stream


def _plainly_joined(a: Flow, b: Flow) -> bool:
    return _lets_pass(a, b) and _lets_pass(b, a)


def _lets_pass(one: Flow, other: Flow) -> bool:
    """Payload that comes in at `one` goes out at `other` as it is, and nowhere else."""
    setting = one.setting
    return (
        one.links == one.sinks == (other,) and setting.receives and other.setting.sends and not setting.tls
        and not one.watched and not aware.concerns(one))


def _rests(bearer: Flow) -> bool:
    """Up in both directions, and nothing is under way here."""
    return (
        bearer.state is State.UP and bearer.carriage is None and bearer.joint is None and not bearer.fin_seen
        and not bearer.fin_sent and not bearer.leaving and not bearer.full and bearer.rests)
