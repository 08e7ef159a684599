"""A NAT: a node with two feet that rewrites addresses, described by behaviours and not by "cone" names.

`behaviour` has the words, `tracking` what a NAT makes of TCP segments, `ports` how outside ports are found,
`bindings` what it remembers, `node` the node.

What the RFCs ask for, and the setting that breaks it (none: it is always done):

    RFC 4787 REQ-1, RFC 5382 REQ-1    endpoint-independent mapping               mapping
    RFC 4787 REQ-3, RFC 5382 REQ-7    no port is given out twice                 overloads
    RFC 4787 REQ-3a, REQ-3b           a port below 1024 stays below it
    RFC 4787 REQ-4                    UDP ports keep their parity
    RFC 4787 REQ-5, RFC 5382 REQ-5    how long what is unused lives              udp_seconds, tcp_seconds, ...
    RFC 4787 REQ-6, RFC 7857 §7       packets from inside refresh, no others
    RFC 4787 REQ-8, RFC 5382 REQ-3    endpoint-independent or address-dependent  filtering
    RFC 4787 REQ-9, RFC 5382 REQ-8    hairpinning, with the outside source       hairpins (off unless asked for)
    RFC 4787 REQ-12, RFC 5382 REQ-10  ICMP errors end nothing
    RFC 4787 REQ-14                   fragments                                  not done: refused with the reason
    RFC 5382 REQ-2                    connections from outside, simultaneous open
    RFC 5382 REQ-4                    an unsolicited SYN: silence for 6 s        unsolicited
    RFC 5508 REQ-2 to REQ-5           queries live 60 s; sound errors of known sessions pass, translated inside too
    RFC 7857 §2, §2.2                 FIN of both sides, RST until disproved
    RFC 7857 §7.1                     an RST from inside refreshes nothing
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
