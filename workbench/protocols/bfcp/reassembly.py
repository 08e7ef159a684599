"""From octets to messages: a TCP stream cut into messages, and datagrams put together again. All of it bounded.

Source: RFC 8855 §6.1 (reliable), §6.2 and §6.2.3 (unreliable, fragments), §8.3.2 (T2).
"""

from __future__ import annotations

from workbench.protocols.bfcp.messages import RELIABLE, Message
from workbench.protocols.bfcp.registry import ErrorCode
from workbench.protocols.bfcp.wire import (
    HEADER_OCTETS,
    Fragment,
    Header,
    RefusedMessageError,
    decode,
    decode_datagram,
    decode_header,
    decode_payload,
)

MAX_MESSAGE_OCTETS = 16_384
"""The longest message that is taken, unless told otherwise."""
MAX_PARTIAL = 8
"""The most messages that are held unfinished, unless told otherwise."""


class StreamReader:
    """Cuts a stream into messages: the header tells the length.

    Args:
        max_octets: the longest message that is taken.
    """

    def __init__(self, max_octets: int = MAX_MESSAGE_OCTETS) -> None:
        self._max_octets = max_octets
        self._inbox = bytearray()

    @property
    def held(self) -> int:
        """Octets of an unfinished message."""
        return len(self._inbox)

    def feed(self, data: bytes) -> None:
        """Take octets in any portions."""
        self._inbox += data

    def take(self) -> Message | None:
        """The next message; None: it is not all here yet.

        Raises:
            RefusedMessageError: it does not decode. Where `lost`, nothing behind it can be read either.
        """
        if len(self._inbox) < HEADER_OCTETS:
            self._check_first()
            return None
        header = decode_header(bytes(self._inbox[:HEADER_OCTETS]) + bytes(4))
        self._check_first(header)
        size = HEADER_OCTETS + header.size
        if size > self._max_octets:
            raise RefusedMessageError(
                f"message of {size} octets; {self._max_octets} are taken", header=header,
                code=ErrorCode.INCORRECT_MESSAGE_LENGTH, clause="RFC 8855 §5.1", offset=2)
        if len(self._inbox) < size:
            return None
        octets = bytes(self._inbox[:size])
        del self._inbox[:size]
        return decode(octets)

    def clear(self) -> None:
        """Forget what is held: the stream is given up."""
        self._inbox.clear()

    def _check_first(self, header: Header | None = None) -> None:
        """The first octet says already whether this is BFCP of version 1 (RFC 8855 §5.1)."""
        if self._inbox and self._inbox[0] >> 5 != RELIABLE:
            raise RefusedMessageError(
                f"version {self._inbox[0] >> 5} on a reliable transport", code=ErrorCode.UNSUPPORTED_VERSION,
                header=header, clause="RFC 8855 §5.1", offset=0)


class Reassembly:
    """Datagrams of one peer to messages; fragments in any order, repeated or overlapping (RFC 8855 §6.2.3).

    Args:
        hold: seconds that an unfinished message is kept (T2).
        max_octets: the longest message that is put together.
        max_partial: the most messages that are held unfinished; the oldest goes first.
    """

    def __init__(
        self, hold: float, max_octets: int = MAX_MESSAGE_OCTETS, max_partial: int = MAX_PARTIAL,
    ) -> None:
        self._hold = hold
        self._max_octets = max_octets
        self._max_partial = max_partial
        self._partial: dict[tuple[int, int, int, bool, int], _Partial] = {}

    @property
    def held(self) -> int:
        """Octets of unfinished messages."""
        return sum(len(one.payload) for one in self._partial.values())

    def receive(self, datagram: bytes, now: float) -> Message | None:
        """What a datagram completes; None: a fragment, and others are missing.

        Raises:
            RefusedMessageError: it does not decode, or contradicts the fragments that are here.
        """
        self.wake(now)
        return self._put(decode_datagram(datagram), now)

    def take(self, found: Message | Fragment, now: float) -> Message | None:
        """As `receive`, of a datagram that is decoded already."""
        self.wake(now)
        return self._put(found, now)

    def _put(self, found: Message | Fragment, now: float) -> Message | None:
        if isinstance(found, Message):
            return found
        header = found.header
        if HEADER_OCTETS + header.size > self._max_octets:
            raise RefusedMessageError(
                f"message of {header.size} octets in fragments; {self._max_octets} are taken", header=header,
                code=ErrorCode.INCORRECT_MESSAGE_LENGTH, clause="RFC 8855 §6.2.3", offset=2)
        key = (header.conference, header.user, header.transaction, header.responder, header.primitive)
        partial = self._partial.get(key)
        if partial is None:
            if len(self._partial) >= self._max_partial:
                del self._partial[next(iter(self._partial))]
            partial = self._partial[key] = _Partial(header, now + self._hold)
        if partial.header.size != header.size:
            raise RefusedMessageError(
                f"a fragment of {header.size} octets among those of {partial.header.size}", header=header,
                code=ErrorCode.INCORRECT_MESSAGE_LENGTH, clause="RFC 8855 §6.2.3", offset=2)
        if not partial.add(found):
            return None
        del self._partial[key]
        return decode_payload(header, bytes(partial.payload))

    def next_wakeup(self) -> float | None:
        """When the oldest unfinished message is given up."""
        return next((one.until for one in self._partial.values()), None)

    def wake(self, now: float) -> None:
        """Forget unfinished messages that have waited for T2."""
        for key in [key for key, one in self._partial.items() if one.until <= now]:
            del self._partial[key]


class _Partial:
    """A message of which fragments are here; a bit in `_words` for each word of its payload."""

    def __init__(self, header: Header, until: float) -> None:
        self.header = header
        self.until = until
        self.payload = bytearray(header.size)
        self._words = 0
        self._all = (1 << header.size // 4) - 1

    def add(self, fragment: Fragment) -> bool:
        """Whether all of the message is here now."""
        size = len(fragment.payload)
        self.payload[fragment.offset : fragment.offset + size] = fragment.payload
        self._words |= ((1 << size // 4) - 1) << fragment.offset // 4
        return self._words == self._all
