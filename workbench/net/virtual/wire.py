"""What a wire does to a packet: when copies of it arrive, if any. Random numbers come from the wire's own seed."""

from __future__ import annotations

from random import Random

from workbench.net.interface import Wire

# A packet that is held back arrives later by this much of the wire's delay and jitter, and by 10 ms at least:
# enough for what follows within a round trip to overtake it.
_HELD_BACK = 3.0
_HELD_BACK_MIN = 0.01


class Impairments:
    """One wire's behaviour. Delay and jitter keep the order between two hosts; only `reorder` changes it."""

    def __init__(self, wire: Wire, seed: str) -> None:
        self.wire = wire
        self._random = Random(f"{seed}:{wire.name}")
        self._last: dict[tuple[str, str], float] = {}

    def arrivals(self, sender: str, receiver: str, now: float) -> list[float]:
        """The moments at which a packet put on the wire `now` reaches `receiver`: none, one or two."""
        wire, chance = self.wire, self._random.random
        if wire.loss and chance() < wire.loss:
            return []
        moment = now + wire.delay + (wire.jitter * chance() if wire.jitter else 0.0)
        if wire.reorder and chance() < wire.reorder:
            moment += max(_HELD_BACK * (wire.delay + wire.jitter), _HELD_BACK_MIN) * (0.5 + chance())
        else:
            # One queue a direction: a packet with less jitter waits for the one before it.
            moment = self._last[sender, receiver] = max(moment, self._last.get((sender, receiver), 0.0))
        if wire.duplicate and chance() < wire.duplicate:
            return [moment, moment + wire.delay * chance()]
        return [moment]
