"""How a NAT behaves, in the words of RFC 4787 (UDP), RFC 5382 (TCP), RFC 5508 (ICMP) and RFC 7857 (updates)."""

from __future__ import annotations

import enum

import msgspec

from workbench.net.values import Endpoint

# How long a binding lives without packets from inside.
UDP_SECONDS = 300.0         # RFC 4787 REQ-5: at least 2 minutes; 5 minutes recommended
TCP_SECONDS = 7440.0        # RFC 5382 REQ-5: established, at least 2 hours 4 minutes
TRANSITORY_SECONDS = 240.0  # RFC 5382 REQ-5: partially open or closing, at least 4 minutes
ICMP_SECONDS = 60.0         # RFC 5508 REQ-2: queries, at least 60 s

PATIENCE_SECONDS = 6.0
"""RFC 5382 REQ-4: an unsolicited SYN is not answered earlier, since the inside may be about to open too."""


class Behaviour(enum.StrEnum):
    """How far a mapping or a filter depends on the remote side (RFC 4787 §4.1 and §5)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"

    def key(self, remote: Endpoint) -> tuple[str, int]:
        """The part of the remote side that this behaviour looks at."""
        match self:
            case Behaviour.ENDPOINT_INDEPENDENT:
                return ("", 0)
            case Behaviour.ADDRESS_DEPENDENT:
                return (remote.host, 0)
            case Behaviour.ADDRESS_AND_PORT_DEPENDENT:
                return (remote.host, remote.port)


class Unsolicited(enum.StrEnum):
    """What a SYN from outside gets that no binding and no filter lets through (RFC 5382 REQ-4).

    `icmp` is what the RFC asks for: ICMP port unreachable, six seconds later, unless the inside sends its own SYN.
    `reset` is what it forbids, because it ends the remote side's attempt before the inside has made its own.
    """

    DROP = "drop"
    RESET = "reset"
    ICMP = "icmp"


class Lifetimes(msgspec.Struct, frozen=True):
    """Seconds that what a NAT remembers lives without packets from inside (RFC 4787 REQ-6: outbound refresh)."""

    udp: float = UDP_SECONDS
    tcp: float = TCP_SECONDS
    transitory: float = TRANSITORY_SECONDS
    icmp: float = ICMP_SECONDS
