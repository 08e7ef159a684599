"""Messages of ours: transactions under our header, with the acknowledgements that wait for a lift."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.coding import Codec
from workbench.protocols.h248.message import Ack, ErrorDescriptor, Message, Transaction

MOST_RANGES = 10
"""Ranges that one TransactionResponseAck of ours holds; more wait for the next message."""


class Sender:
    """Makes messages.

    Args:
        mid: our message identifier.
        version: of the protocol.
        codec: of the association.
        max_octets: longest message; it follows what the peer takes (seg/MGMaxPDUSize, seg/MGCMaxPDUSize).
        max_transactions: most items in a message.
    """

    def __init__(self, mid: str, version: int, codec: Codec, max_octets: int, max_transactions: int) -> None:
        self.mid = mid
        self.version = version
        self.codec = codec
        self.max_octets = max_octets
        self.max_transactions = max_transactions
        self._unacknowledged: list[int] = []

    def acknowledge_later(self, number: int) -> None:
        """The next message has to say that this reply arrived."""
        self._unacknowledged.append(number)

    def acknowledge_now(self, number: int) -> bytes:
        """A message that says that this reply arrived, and what waits with it."""
        self._unacknowledged = [one for one in self._unacknowledged if one != number]
        return self.encoded(Ack(self._lift([number])))

    def forget(self) -> None:
        """Nothing is left to acknowledge."""
        self._unacknowledged.clear()

    def encoded(self, *body: Transaction) -> bytes:
        """A message with these items and nothing else.

        Raises:
            LocalProtocolError: the encoding can't carry it.
        """
        return self.codec.encode(Message(self.version, self.mid, body))

    def with_lift(self, transaction: Transaction) -> bytes:
        """A message with this item, and with the acknowledgements that wait, if they fit."""
        if not self._unacknowledged:
            return self.encoded(transaction)
        waiting = list(self._unacknowledged)
        try:
            octets = self.encoded(Ack(self._lift()), transaction)
        except LocalProtocolError:
            self._unacknowledged = waiting
            raise
        if len(octets) <= self.max_octets:
            return octets
        self._unacknowledged = waiting
        return self.encoded(transaction)

    def together(self, transactions: Sequence[Transaction]) -> list[bytes]:
        """As few messages as these items fit into.

        Raises:
            LocalProtocolError: one of them does not fit even alone.
        """
        if self._unacknowledged and transactions:
            transactions = [Ack(self._lift()), *transactions]
        return self._packed(transactions)

    def _packed(self, transactions: Sequence[Transaction]) -> list[bytes]:
        messages: list[bytes] = []
        start, count = 0, self.max_transactions
        while start < len(transactions):
            some = transactions[start : start + count]
            octets = self.encoded(*some)
            if len(octets) <= self.max_octets:
                messages.append(octets)
                start, count = start + len(some), self.max_transactions
            elif len(some) == 1:
                raise LocalProtocolError(f"a message of {len(octets)} octets does not fit into {self.max_octets}")
            else:
                count = len(some) // 2
        return messages

    def refusal(self, code: int, why: str) -> bytes:
        """A message that only says why one of the peer's was refused as a whole."""
        readable = "".join(c if " " <= c <= "~" and c != '"' else "'" for c in why)[:200]
        return self.codec.encode(Message(self.version, self.mid, (), ErrorDescriptor(code, readable)))

    def _lift(self, now: Iterable[int] = ()) -> tuple[tuple[int, int], ...]:
        """Ranges of what is to be acknowledged, with `now` among them; what does not fit goes on waiting."""
        urgent = list(now)
        ranges = ranges_of([*self._unacknowledged, *urgent])
        ranges.sort(key=lambda given: not any(given[0] <= one <= given[1] for one in urgent))
        told = sorted(ranges[:MOST_RANGES])
        self._unacknowledged = [
            one for one in self._unacknowledged if not any(low <= one <= high for low, high in told)]
        return tuple(told)


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as ranges in order, both ends included."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
