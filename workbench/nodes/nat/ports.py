"""Which outside port a new binding gets.

Source: RFC 4787 §4.2 (preservation, overloading, parity, ranges), RFC 5382 REQ-7, RFC 7857 §9 (randomization).
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.net.packets import UDP
from workbench.security.source import Source

_WELL_KNOWN = range(1, 1024)
_DYNAMIC = range(49152, 65536)


class Ports:
    """Finds outside ports.

    Args:
        preserves: the inside port is kept where it is free (RFC 4787 §4.2.1).
        overloads: it is kept even where it is taken. RFC 4787 REQ-3 and RFC 5382 REQ-7 forbid that.
    """

    def __init__(self, source: Source, *, preserves: bool, overloads: bool) -> None:
        self._source = source
        self._preserves = preserves
        self._overloads = overloads

    def find(self, protocol: int, inside: int, is_taken: Callable[[int], bool]) -> int | None:
        """A port for a binding of the inside port `inside`; None: all are taken.

        Without preservation, and where the port is taken, the port is a random one of the same kind: below 1024 for
        one below 1024 (RFC 4787 REQ-3a, REQ-3b), and of the same parity for UDP (REQ-4: RTP and RTCP).
        """
        if self._overloads or (self._preserves and not is_taken(inside)):
            return inside
        pool = _WELL_KNOWN if 0 < inside < 1024 else _DYNAMIC
        if protocol == UDP:
            pool = pool[(pool[0] ^ inside) & 1 :: 2]
        first = self._source.number(0, len(pool) - 1)
        around = (*pool[first:], *pool[:first]) if is_taken(pool[first]) else (pool[first],)
        return next((port for port in around if not is_taken(port)), None)
