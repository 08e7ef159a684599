"""Two endpoints that the network joins for the gateway: what passes, and that it is taken back.

`splicing` joins streams, `relay` packets. As soon as payload is not to pass like that any more, the joint is parted,
before anything else is ordered. What passes meanwhile is counted by the network, on a meter that statistics read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.net.values import Command, Meter

if TYPE_CHECKING:
    from workbench.nodes.gateway.bearer import Bearer


class Joint:
    """What stands between two endpoints, from the moment at which it is made until it is parted."""

    __slots__ = ("_a", "_b", "_meter")

    def __init__(self, a: Bearer, b: Bearer) -> None:
        self._a = a
        self._b = b
        self._meter = Meter()
        a.joint = b.joint = self
        a.means.out.order(self._begins(self._meter))

    def passed(self, bearer: Bearer) -> tuple[int, int]:
        """Octets of payload that the network has taken in at this endpoint, and those that it has let out there."""
        forth, back = self._meter.read()
        return (forth, back) if bearer is self._a else (back, forth)

    def review(self) -> None:
        """Part it if it should not be there any more."""
        if not self._stands():
            self.part()

    def part(self) -> None:
        """Take it back. Where the network has ended it, the order does nothing."""
        for one in (self._a, self._b):
            one.octets_in, one.octets_out = one.passed
            one.joint = None
        self._a.means.out.order(self._ends())

    def _begins(self, meter: Meter) -> Command:
        raise NotImplementedError

    def _ends(self) -> Command:
        raise NotImplementedError

    def _stands(self) -> bool:
        raise NotImplementedError
