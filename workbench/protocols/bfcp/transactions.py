"""BFCP transactions (RFC 8855 §8): ids, what waits for an answer, retransmission, and answers kept for repetition.

Times are in seconds. With version 1 nothing is retransmitted and any number of transactions is open; with version 2
one is open at a time, the others wait.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from workbench.errors import LocalProtocolError
from workbench.protocols.bfcp.messages import RELIABLE, Message
from workbench.protocols.bfcp.wire import encode_datagrams

T1 = 0.5
"""The first retransmission comes after this, and each later one after twice as long (RFC 8855 §8.3.3)."""
RETRANSMISSIONS = 3
"""How often a message is repeated before it has failed (RFC 8855 §8.3.1)."""
DATAGRAM_OCTETS = 1200
"""The longest datagram that is sent, unless told otherwise; a longer message goes in fragments."""


def hold_of(t1: float) -> float:
    """T2: how long an answer, or a part of a message, is kept (RFC 8855 §8.3.3)."""
    return t1 * (1 << RETRANSMISSIONS + 1) * 1.25


class Open(msgspec.Struct):
    """A message of ours that is not answered yet.

    Args:
        message: with its transaction id.
        topic: what it is about; a later message about the same takes its place. None: nothing does.
        sent: how often it has left; 0: it waits for its turn.
        due: when it leaves again, or has failed.
    """

    message: Message
    topic: Hashable = None
    sent: int = 0
    due: float = 0.0


class Requests:
    """Our side of the transactions that we start with one peer.

    Args:
        version: of the transport.
        t1: seconds before the first retransmission.
        max_waiting: the most messages without an answer.
        max_datagram: octets.
    """

    def __init__(
        self, version: int, *, t1: float = T1, max_waiting: int = 64, max_datagram: int = DATAGRAM_OCTETS,
    ) -> None:
        self._version = version
        self._t1 = t1
        self._max_waiting = max_waiting
        self._max_datagram = max_datagram
        self._last = 0
        self._open: dict[int, Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def start(self, message: Message, now: float, topic: Hashable = None) -> tuple[int, list[bytes]]:
        """Give a message its transaction id and send it, or keep it until it is its turn.

        Args:
            message: its transaction id does not matter.
            now: seconds on the caller's clock.
            topic: a message about the same topic that is not answered yet is given up (RFC 8855 §8.2).

        Returns:
            The transaction id, and the octets that leave now.

        Raises:
            LocalProtocolError: too many messages wait already, or it can't be encoded.
        """
        if topic is not None:
            self._open = {key: one for key, one in self._open.items() if one.topic != topic}
        if len(self._open) >= self._max_waiting:
            raise LocalProtocolError(f"{self._max_waiting} BFCP messages are waiting for an answer already")
        transaction = self._next_id()
        entry = Open(msgspec.structs.replace(message, transaction=transaction), topic)
        self._octets(entry)
        self._open[transaction] = entry
        return transaction, self.push(now)

    def find(self, transaction: int) -> Message | None:
        """The message with this transaction id that has left and is not answered."""
        entry = self._open.get(transaction)
        return entry.message if entry is not None and entry.sent else None

    def answered(self, transaction: int, now: float) -> list[bytes]:
        """Its answer is here: what leaves next."""
        self._open.pop(transaction, None)
        return self.push(now)

    def push(self, now: float) -> list[bytes]:
        """Send what may leave: with version 1 all, with version 2 the oldest if none is open (RFC 8855 §8.1)."""
        if self._version != RELIABLE and any(one.sent for one in self._open.values()):
            return []
        octets: list[bytes] = []
        for entry in self._open.values():
            if not entry.sent:
                entry.sent = 1
                entry.due = now + self._t1
                octets += self._octets(entry)
                if self._version != RELIABLE:
                    break
        return octets

    def next_wakeup(self) -> float | None:
        """When something is to be repeated or has failed; None with version 1."""
        if self._version == RELIABLE:
            return None
        return next((one.due for one in self._open.values() if one.sent), None)

    def wake(self, now: float) -> tuple[list[bytes], Message | None]:
        """Repeat what is due (RFC 8855 §8.3.1).

        Returns:
            The octets that leave now, and the message that has failed. After that nothing leaves any more.
        """
        due = self.next_wakeup()
        if due is None or due > now:
            return [], None
        entry = next(one for one in self._open.values() if one.sent)
        if entry.sent > RETRANSMISSIONS:
            self._open.clear()
            return [], entry.message
        entry.due = now + self._t1 * 2**entry.sent
        entry.sent += 1
        return self._octets(entry), None

    def clear(self) -> list[Message]:
        """Give all up; what was open."""
        messages = [one.message for one in self._open.values()]
        self._open.clear()
        return messages

    def _next_id(self) -> int:
        """The next id that no open transaction has: 16 bits, never 0 (RFC 8855 §8.1)."""
        while True:
            self._last = self._last % 0xFFFF + 1
            if self._last not in self._open:
                return self._last

    def _octets(self, entry: Open) -> list[bytes]:
        limit = 1 << 20 if self._version == RELIABLE else self._max_datagram
        return encode_datagrams(entry.message, limit)


class Answer(msgspec.Struct, frozen=True):
    """What was answered to a question.

    Args:
        until: when it is forgotten.
        octets: its datagrams.
        change: how many changes the answerer had seen then.
        request: the floor request that it told about; None: none.
    """

    until: float
    octets: list[bytes]
    change: int = 0
    request: int | None = None


class Answers:
    """What was answered, for as long as the question may be repeated (T2; RFC 8855 §8.3.2). Bounded.

    Args:
        hold: seconds.
        most: the oldest go first.
    """

    def __init__(self, hold: float, most: int = 32) -> None:
        self._hold = hold
        self._most = most
        self._kept: dict[Hashable, Answer] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Hashable, now: float) -> Answer | None:
        """What was answered to this; None: it is new."""
        self._kept = {one: kept for one, kept in self._kept.items() if kept.until > now}
        return self._kept.get(key)

    def keep(
        self, key: Hashable, octets: list[bytes], now: float, change: int = 0, request: int | None = None,
    ) -> None:
        """Remember an answer."""
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = Answer(now + self._hold, octets, change, request)
