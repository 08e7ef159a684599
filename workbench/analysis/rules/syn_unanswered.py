"""A SYN that nobody answers, neither with a SYN of its own nor with a RST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.rules.bearers import Attempt, attempts, syn_frames, where
from workbench.analysis.rules.rule import Evidence, Rule

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# Three repetitions of a SYN (1, 2 and 4 seconds apart, RFC 6298) have passed then.
_PATIENCE = 7.0


def _find(report: Report) -> Iterator[Evidence]:
    behind = {place.address for one in report.bindings.all for place in (one.inside, one.outside)}
    for call in report.calls:
        held = list(attempts(call))
        for one in held:
            if one.answered or not waited_long(one, report.end) or one.server_end.host in behind or (
                    not _is_cause(one, held)):
                continue
            frames = syn_frames(one.connection)
            again = len(frames) - 1
            yield Evidence(frames[:4], (
                f"{where(report, one.client_end)} sends a SYN to {where(report, one.server_end)} at "
                f"{one.connection.seen[0]:.3f} s, {f'repeats it {again} times' if again else 'once'}, and nothing "
                "comes back: no SYN-ACK, which a host that listens sends, and no RST, which one that does not listen "
                "sends. The SYN is lost on the way, filtered, or the host is not there"))


def waited_long(one: Attempt, end: float) -> bool:
    """Nothing came for longer than a SYN is repeated in vain; a RST after that is clearing up."""
    over = one.connection.closed if one.connection.closed is not None else end
    return over - one.connection.seen[0] >= _PATIENCE


def _is_cause(one: Attempt, held: list[Attempt]) -> bool:
    """It is the far leg of a relay; and where the gateway is silent, that is not because of its other leg."""
    if one.span.relayed[-1] is not one.span:
        return False
    here = one.termination
    if here is None or not one.by_peer:
        return True
    # It may hold its answer back until the other leg is up (delayed establishment), or both have come (merge mode).
    others = [other for other in held if other.termination is not None and other.termination is not here
              and other.termination.context is here.context]
    return any(other.answered for other in others)


rule = Rule("syn-unanswered", "RFC 9293 §3.5, RFC 6298 §5.7, TS 23.334 §5.16.2.2", "error",
            "A SYN is answered, with SYN-ACK or with RST", _find,
            next="Check whether the SYN reaches the other side's own interface (capture there), routes and filters in "
                 "between, and whether c= and m= name an address of the right realm. Look then whether the gateway "
                 "gives up after its guard time and reports a failure (the TCP package's change).")
