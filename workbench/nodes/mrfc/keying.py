"""Keys of TLS towards participants: what a=key-mgmt of offers leads to, and what the conference's own offers say.

`KeyManagement` is what an MRFC needs of it. `ticketing.Ticketed` has tickets made and resolved (MIKEY-TICKET).
`Configured` stands in for that: it knows exchanges beforehand.

Source: TS 23.333 §6.2.19.2, R-6.2.19-1 to -6; RFC 4567 §3.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from workbench.net.values import Command
from workbench.nodes.procedure import Await
from workbench.security.psk import PreSharedKey


class Agreed(msgspec.Struct, frozen=True):
    """What came of an exchange: the value of a=key-mgmt in the answer, and the key for TLS."""

    says: str
    key: PreSharedKey


class Without(msgspec.Struct, frozen=True):
    """No key came of it: why, and how an offer with it is refused."""

    why: str
    status: int = 488


class Offering(Protocol):
    """An offer of the conference that waits for its answer: the value of its a=key-mgmt, and the key's name in TLS."""

    says: str
    name: bytes

    def answered(self, value: str | None, now: float) -> Agreed | Without:
        """Take the value of a=key-mgmt in the answer; None: there is none."""


Responding = Generator[Command | Await, Any, Agreed | Without]
Beginning = Generator[Command | Await, Any, Offering | Without | None]


class KeyManagement(Protocol):
    """Both sides of it. A conference is known by its URI."""

    def respond(self, conference: str, offered: str, protocols: Sequence[str]) -> Responding:
        """Take the value of a=key-mgmt for MIKEY in an offer to the conference; `protocols`: of all such lines."""

    def offer(self, conference: str, called: str) -> Beginning:
        """Begin an exchange with somebody whom the conference calls; None: it calls without TLS."""


class Configured:
    """Exchanges that are known beforehand, by the offered value: a provisional stand-in for tickets and KMS.

    Args:
        exchanges: offered values, each with what it leads to.
        behind: asked where a value is not known, and for offers of the conference; None: nobody.
    """

    def __init__(self, exchanges: Iterable[tuple[str, Agreed]] = (), behind: KeyManagement | None = None) -> None:
        self._known = dict(exchanges)
        self._behind = behind

    def respond(self, conference: str, offered: str, protocols: Sequence[str]) -> Responding:
        """As of `KeyManagement`."""
        known = self._known.get(offered)
        if known is not None:
            return known
        if self._behind is not None:
            return (yield from self._behind.respond(conference, offered, protocols))
        return Without("a=key-mgmt of the offer leads to no key here [TS 23.333 §6.2.19]")

    def offer(self, conference: str, called: str) -> Beginning:
        """As of `KeyManagement`."""
        if self._behind is None:
            return None
        return (yield from self._behind.offer(conference, called))
