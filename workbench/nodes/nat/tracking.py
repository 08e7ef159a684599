"""What a NAT makes of the TCP segments that pass it: which of its two timers a connection has.

A NAT sees segments, not connections. It believes a FIN only from both sides, and an RST only until another segment
shows that the connection is still there.

Source: RFC 5382 §5 and REQ-5; RFC 7857 §2, §2.2 (and RFC 6146 §3.5.2, whose states those are).
"""

from __future__ import annotations

import enum
from typing import Literal

from workbench.net.packets import FIN, RST, SYN

Way = Literal["out", "in"]


class Phase(enum.StrEnum):
    """Where a TCP connection stands, as far as a NAT can tell."""

    NEW = "new"
    SYN_OUT = "the inside has sent a SYN"
    SYN_IN = "the outside has sent a SYN"
    ESTABLISHED = "established"
    FIN_OUT = "the inside has sent a FIN"
    FIN_IN = "the outside has sent a FIN"
    CLOSING = "both have sent a FIN"
    TRANSITORY = "reset, or met in the middle"


class Mark(enum.StrEnum):
    """What counts in a segment."""

    SYN = "SYN"
    FIN = "FIN"
    RST = "RST"
    OTHER = "none of them"


_OPEN = (Phase.ESTABLISHED, Phase.FIN_OUT, Phase.FIN_IN)
_OVER = (Phase.NEW, Phase.CLOSING, Phase.TRANSITORY)

# Whatever is not here changes nothing.
TRANSITIONS: dict[tuple[Phase, Way, Mark], Phase] = {
    (Phase.SYN_OUT, "in", Mark.SYN): Phase.ESTABLISHED,       # SYN, ACK or a simultaneous open
    (Phase.SYN_IN, "out", Mark.SYN): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, "out", Mark.FIN): Phase.FIN_OUT,
    (Phase.ESTABLISHED, "in", Mark.FIN): Phase.FIN_IN,
    (Phase.FIN_OUT, "in", Mark.FIN): Phase.CLOSING,
    (Phase.FIN_IN, "out", Mark.FIN): Phase.CLOSING,
    (Phase.NEW, "out", Mark.OTHER): Phase.TRANSITORY,         # the binding was lost, the connection was not
    (Phase.NEW, "out", Mark.FIN): Phase.TRANSITORY,
    **{(phase, "out", Mark.SYN): Phase.SYN_OUT for phase in _OVER},
    **{(phase, "in", Mark.SYN): Phase.SYN_IN for phase in _OVER},
    **{(phase, way, Mark.RST): Phase.TRANSITORY for phase in _OPEN for way in ("out", "in")},
    **{(Phase.TRANSITORY, way, Mark.OTHER): Phase.ESTABLISHED for way in ("out", "in")},
    (Phase.TRANSITORY, "out", Mark.FIN): Phase.FIN_OUT,
    (Phase.TRANSITORY, "in", Mark.FIN): Phase.FIN_IN,
}


def mark_of(flags: int) -> Mark:
    """What counts in a segment with these flags."""
    if flags & RST:
        return Mark.RST
    if flags & SYN:
        return Mark.SYN
    return Mark.FIN if flags & FIN else Mark.OTHER


def follow(phase: Phase, way: Way, mark: Mark) -> Phase:
    """The phase after a segment."""
    return TRANSITIONS.get((phase, way, mark), phase)


def lasts(phase: Phase) -> bool:
    """Whether the timer for established connections runs, rather than the transitory one."""
    return phase in _OPEN
