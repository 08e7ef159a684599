"""Sequence numbers of two connections that were joined after both had begun (TCP merge by translation).

Peer A opened a connection towards the gateway with initial sequence number a; the gateway answered with its own, g.
Peer B did the same with b, and was answered with h. All numbers are modulo 2^32.

    octet n (1, 2, ...) of A    is a + n in A's connection,  and has to be h + n in B's
    octet n of B                is b + n in B's connection,  and has to be g + n in A's

So a segment of A's, with sequence number s and acknowledgment k, leaves towards B with

    s' = s - a + h          because  s = a + n        becomes  h + n
    k' = k - g + b          because  k = g + m        (A has the octets of B before m)  becomes  b + m

and one of B's towards A with s' = s - b + g and k' = k - h + a. Each pair undoes the other: what B acknowledges in the
numbers it saw, A hears in the numbers it sent. SYN and FIN count as octets on both sides alike (n = 0, and behind the
last one), so retransmissions, duplicates, half-close and simultaneous close need no rule of their own. The edges of
SACK blocks (RFC 2018) are acknowledgments, and are shifted as these.

What can't be shifted is not agreed on when the handshakes are answered:

    window scale     whether, and how far, the second peer scales is not known when the first one is answered, and
                     rounding could take back window already given: neither scales, windows pass as they are
    timestamps       the second peer may have none to echo: neither sends them
    MSS              the first peer is told what every host takes (536 octets, 1,220 over IPv6), since the second one's
                     is not known; the second one is told the first one's own. A peer that takes less is refused
    SACK permitted   agreed with each peer that offers it; blocks for a peer that did not offer it become no-operations

Source: RFC 9293 §3.4 (arithmetic), §3.7.1 (MSS); RFC 2018; RFC 7323 §2.2, §3.2. TS 23.334 §5.16.2.3 asks for the
joining; which kind is meant is provisional.
"""

from __future__ import annotations

import msgspec

from workbench.net import packets
from workbench.net.packets import Tcp

MODULUS = 1 << 32
SAFE_MSS = {4: 536, 6: 1220}
"""What every host takes (RFC 9293 §3.7.1), by IP version."""

_END, _NO_OPERATION, _SACK = 0, 1, 5


class Numbers(msgspec.Struct, frozen=True):
    """Where counting begins in one connection: the peer's initial sequence number, and the gateway's."""

    theirs: int
    ours: int


def plus(number: int, by: int) -> int:
    """A sequence number so much further on (or back)."""
    return (number + by) % MODULUS


def distance(first: int, second: int) -> int:
    """How far the second is behind the first, from -2^31 to 2^31 - 1."""
    return (second - first + MODULUS // 2) % MODULUS - MODULUS // 2


def sequence(number: int, near: Numbers, far: Numbers) -> int:
    """A sequence number of the near peer's, as the far one is to see it."""
    return (number - near.theirs + far.ours) % MODULUS


def acknowledgment(number: int, near: Numbers, far: Numbers) -> int:
    """An acknowledgment of the near peer's, as the far one is to see it."""
    return (number - near.ours + far.theirs) % MODULUS


def translate(segment: Tcp, near: Numbers, far: Numbers, *, sack: bool) -> Tcp:
    """A segment of the near peer's with the far connection's numbers; its endpoints are left as they are.

    Args:
        sack: the far peer takes SACK blocks.
    """
    acknowledges = bool(segment.flags & packets.ACK)
    return msgspec.structs.replace(
        segment,
        sequence=sequence(segment.sequence, near, far),
        acknowledgment=acknowledgment(segment.acknowledgment, near, far) if acknowledges else 0,
        options=_options(segment.options, near, far, sack=sack and acknowledges))


def _options(options: bytes, near: Numbers, far: Numbers, *, sack: bool) -> bytes:
    """Options in the same places; what was not agreed on, or is cut short, becomes no-operations."""
    if not options:
        return options
    shown = bytearray(bytes((_NO_OPERATION,)) * len(options))
    at = 0
    while at < len(options) and options[at] != _END:
        if options[at] == _NO_OPERATION:
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            break
        if options[at] == _SACK and sack and size % 8 == 2:
            shown[at : at + size] = _blocks(options[at : at + size], near, far)
        at += size
    return bytes(shown)


def _blocks(option: bytes, near: Numbers, far: Numbers) -> bytes:
    edges = (int.from_bytes(option[at : at + 4], "big") for at in range(2, len(option), 4))
    return option[:2] + b"".join(acknowledgment(edge, near, far).to_bytes(4, "big") for edge in edges)
