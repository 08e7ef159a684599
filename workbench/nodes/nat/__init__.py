"""A NAT: a node with two feet that rewrites addresses, described by behaviours and not by "cone" names.

`behaviour` has the words, `tracking` what a NAT makes of TCP segments, `ports` how outside ports are found,
`bindings` what it remembers, `node` the node.
"""

from __future__ import annotations

from workbench.nodes.nat.behaviour import (
    PATIENCE_SECONDS,
    TCP_SECONDS,
    TRANSITORY_SECONDS,
    UDP_SECONDS,
    Behaviour,
    Lifetimes,
    Unsolicited,
)
from workbench.nodes.nat.node import Nat

__all__ = [
    "PATIENCE_SECONDS", "TCP_SECONDS", "TRANSITORY_SECONDS", "UDP_SECONDS", "Behaviour", "Lifetimes", "Nat",
    "Unsolicited",
]
