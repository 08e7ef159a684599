"""Two endpoints that the network joins for the gateway: what passes, and that it is taken back.

`splicing` joins streams, `relay` packets, `converting` datagrams. As soon as payload is not to pass like that any
more, the joint is parted, before anything else is ordered. What passes meanwhile is counted by the network, on a meter
that statistics read; later too, since octets that were under way when a joint was parted are counted when the network
has put them where they go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from workbench.net.values import Command, Meter

if TYPE_CHECKING:
    from workbench.nodes.gateway.connection import Connection

_E = TypeVar("_E", bound="Connection")
_MOST_METERS = 4


class Joint(Generic[_E]):
    """What stands between two endpoints, from the moment at which it is made until it is parted."""

    __slots__ = ("_a", "_b")

    def __init__(self, a: _E, b: _E) -> None:
        self._a = a
        self._b = b
        meter = Meter()
        for one in (a, b):
            one.joint = self
            _remember(one, meter, forth=one is a)
        a.means.out.order(self._begins(meter))

    def review(self) -> None:
        """Part it if it should not be there any more."""
        if not self._stands():
            self.part()

    def part(self) -> None:
        """Take it back. Where the network has ended it, the order does nothing."""
        self._a.joint = self._b.joint = None
        self._a.means.out.order(self._ends())

    def _begins(self, meter: Meter) -> Command:
        raise NotImplementedError

    def _ends(self) -> Command:
        raise NotImplementedError

    def _stands(self) -> bool:
        raise NotImplementedError


def read(meters: tuple[tuple[Meter, bool], ...]) -> tuple[int, int]:
    """Octets of payload that the network has taken in at an endpoint, and those that it has let out there."""
    came = went = 0
    for meter, forth in meters:
        one, other = meter.read()
        came, went = (came + one, went + other) if forth else (came + other, went + one)
    return came, went


def _remember(bearer: Connection, meter: Meter, *, forth: bool) -> None:
    """Read this meter as well from now on. The oldest of many stands still by now: it is read a last time."""
    if len(bearer.meters) >= _MOST_METERS:
        came, went = read(bearer.meters[:1])
        bearer.octets_in += came
        bearer.octets_out += went
        bearer.meters = bearer.meters[1:]
    bearer.meters = (*bearer.meters, (meter, forth))
