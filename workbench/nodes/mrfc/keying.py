"""Keys of TLS towards participants: what an offer's a=key-mgmt leads to.

`KeyManagement` is the place where a ticket's keys come in: a responder of MIKEY-TICKET takes the TRANSFER_INIT, has the
ticket resolved by the KMS, and gives the TRANSFER_RESP and the TEK of the one Crypto Session. `Configured` stands in
for it: it knows messages and keys beforehand.

Source: TS 23.333 §6.2.19.2.1, R-6.2.19-1 to -6; RFC 4567 §3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from workbench.security.psk import PreSharedKey


class Agreed(msgspec.Struct, frozen=True):
    """What came of an exchange: the value of a=key-mgmt in the answer, and the key for TLS."""

    says: str
    key: PreSharedKey


class KeyManagement(Protocol):
    """The responder of the conference."""

    def respond(self, offered: str) -> Agreed | None:
        """Take the value of a=key-mgmt in an offer; None: it is not valid here."""


class Configured:
    """Exchanges that are known beforehand, by the offered value: a provisional stand-in for tickets and KMS.

    Args:
        exchanges: offered values, each with what it leads to.
    """

    def __init__(self, exchanges: Iterable[tuple[str, Agreed]] = ()) -> None:
        self._known = dict(exchanges)

    def respond(self, offered: str) -> Agreed | None:
        """As of `KeyManagement`."""
        return self._known.get(offered)
