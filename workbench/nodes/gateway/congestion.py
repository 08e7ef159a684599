"""How full a gateway is, and what it tells the controller about that (H.248.10 chp, H.248.11 ocp).

Load is the share of the contexts that may exist. Above `BUSY` the controller is asked to block half of what it would
order, with no context left all of it; below `RELAXED` none. Each step is told once (chp/MGCon), and each one upwards
is an overload (ocp/mg_overload).
"""

from __future__ import annotations

BUSY, RELAXED = 0.9, 0.8
CONGESTED = "chp/MGCon"
OVERLOADED = "ocp/mg_overload"


class Congestion:
    """The reduction, in percent, that the controller has been asked for.

    Args:
        most: contexts that may exist.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.reduction = 0

    def changed(self, contexts: int) -> list[tuple[str, int | None]]:
        """Events that so many contexts bring about: name, and the reduction where it has one."""
        before, self.reduction = self.reduction, self._reduction(contexts)
        if self.reduction == before:
            return []
        told: list[tuple[str, int | None]] = [(CONGESTED, self.reduction)]
        return [*told, (OVERLOADED, None)] if self.reduction > before else told

    def _reduction(self, contexts: int) -> int:
        load = contexts / self._most
        if load >= 1:
            return 100
        if load >= BUSY or (self.reduction and load >= RELAXED):
            return 50
        return 0
