"""Requests of the peer's: executed at most once, their replies kept as long as a copy of the request may come.

    EXECUTING  the node works; too long, or a repetition: Pending
      reply() -> REPLIED
      too many Pendings -> REPLIED with error 506
    REPLIED    a repetition gets the stored octets again
      TransactionResponseAck, or all segments acknowledged -> CONFIRMED
    CONFIRMED  a repetition is ignored
    REPLIED and CONFIRMED are forgotten LONG-TIMER after the reply was made.

A reply that has to be acknowledged (after Pending, and one in segments) is repeated until it is.

Source: H.248.1 §8.2, Annex D.1.2, Annex E.2 (limits of Pendings).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from math import inf

import msgspec

from workbench.errors import LocalProtocolError, UnexpectedMessageError
from workbench.protocols.h248.message import (
    ActionReply,
    ErrorDescriptor,
    Message,
    Pending,
    Reply,
    Request,
    Segment,
)
from workbench.protocols.h248.transactions.events import (
    Address,
    Confirmed,
    Event,
    PeerViolation,
    RequestReceived,
    Transmit,
)
from workbench.protocols.h248.transactions.segmentation import CLAUSE, split
from workbench.protocols.h248.transactions.sending import Sender
from workbench.protocols.h248.transactions.timing import Deadlines, Delay, Timers

_IDS = 32
_ID_MASK = 0xFFFFFFFF
_TOO_LONG = ErrorDescriptor(533, "response exceeds maximum transport PDU size")
_TOO_MANY = ErrorDescriptor(506, "Number of TransactionPendings Exceeded")

Result = Iterable[ActionReply] | ErrorDescriptor
"""What became of a request: of its actions, or why nothing was done."""


class _Executing(msgspec.Struct, gc=False):
    """A request that the node works on."""

    source: Address | None
    pending_sent: float = -inf
    pendings: int = 0


class _Unheard(msgspec.Struct, gc=False):
    """A reply that the peer has to acknowledge: whole (as number 0), or in segments, some out and some waiting."""

    to: Address | None
    out: dict[int, bytes]
    waiting: deque[tuple[int, bytes]]
    repeated: int = 0

    @property
    def segment_octets(self) -> int:
        """Of the segments that are kept."""
        return sum(len(octets) for number, octets in (*self.out.items(), *self.waiting) if number)


class Replies:
    """Requests of the peer's within LONG-TIMER.

    A key is the number of the peer's message identifier, then the transaction id: a peer may change its identifier.

    Args:
        segmentation: long replies are sent in segments, from version 3.
        pending_limit: most Pendings for one request.
        max_remembered: most requests, and `max_remembered_octets` most octets of replies to them.
        max_mids: most message identifiers.
        segments_ahead: most segments of a reply that wait for their acknowledgement.
    """

    def __init__(
        self,
        sender: Sender,
        timers: Timers,
        delay: Delay,
        *,
        reliable: bool,
        segmentation: bool,
        pending_limit: int,
        max_remembered: int,
        max_remembered_octets: int,
        max_mids: int,
        segments_ahead: int,
    ) -> None:
        self.timers = timers
        self.segmentation = segmentation
        self.pending_limit = pending_limit
        self.octets = 0
        """Of all replies that are remembered."""
        self._sender = sender
        self._delay = delay
        self._reliable = reliable
        self._max_remembered = max_remembered
        self._max_octets = max_remembered_octets
        self._max_mids = max_mids
        self._segments_ahead = segments_ahead
        self._mids: dict[str, int] = {}
        self._executing: dict[int, _Executing] = {}
        # In order of the reply, so in order of oblivion. Once confirmed, no octets are left.
        self._replied: dict[int, bytes] = {}
        self._order: deque[int] = deque()
        self._forget_at: deque[float] = deque()
        self._unheard: dict[int, _Unheard] = {}
        self._deadlines = Deadlines()

    def __len__(self) -> int:
        return len(self._executing) + len(self._replied)

    # --- what the peer sends ---

    def on_request(self, request: Request, message: Message, source: Address | None, now: float) -> list[Event]:
        """A request, new or repeated."""
        base = self._base(message.mid)
        if base is None:
            return [_violation(f"more than {self._max_mids} message identifiers")]
        key = base | request.id
        unheard = self._unheard.get(key)
        if unheard is not None:
            return [Transmit(octets, source) for octets in unheard.out.values()]
        octets = self._replied.get(key)
        if octets is not None:
            return [Transmit(octets, source)] if octets else []
        executing = self._executing.get(key)
        if executing is not None:
            executing.source = source
            return self._still(key, executing, now) if now - executing.pending_sent >= self.timers.least else []
        if len(self) >= self._max_remembered:
            return [_violation(f"more than {self._max_remembered} requests within LONG-TIMER")]
        if self.octets >= self._max_octets:
            return [_violation(f"replies of more than {self._max_octets} octets within LONG-TIMER")]
        due = now + self.timers.execution
        self._executing[key] = _Executing(source)
        self._deadlines.put(key, due)
        return [RequestReceived(
            request.id, request.actions, message.mid, source, message.authentication, message.version)]

    def on_ack(self, ranges: Sequence[tuple[int, int]], mid: str) -> list[Event]:
        """Replies that arrived. However large the ranges, only what is remembered is looked at."""
        base = self._mids.get(mid) or self._mids.get(mid.lower())
        if base is None or not self.octets:
            return []
        lows, highs = _merged(ranges)
        if sum(highs) - sum(lows) + len(lows) <= len(self._replied):
            keys = [base | one for low, high in zip(lows, highs, strict=True) for one in range(low, high + 1)]
        else:
            own = (key for key in self._order if key >> _IDS == base >> _IDS)
            keys = [key for key in own if (key & _ID_MASK) <= _last_before(lows, highs, key & _ID_MASK)]
        return [Confirmed(key & _ID_MASK) for key in keys if self._confirm(key)]

    def on_segment_ack(self, segment: Segment, mid: str, now: float) -> list[Event]:
        """A segment of a reply arrived; the next one may leave."""
        base = self._mids.get(mid) or self._mids.get(mid.lower())
        key = (base or 0) | segment.id
        unheard = self._unheard.get(key)
        if base is None or unheard is None or 0 in unheard.out:
            if base is None or self._replied.get(key) != b"":  # one that is confirmed may be told twice
                return [_violation(f"acknowledgement of a segment of {segment.id}, which was not sent in segments",
                                   CLAUSE)]
            return []
        octets = unheard.out.pop(segment.segment, None)
        if octets is None:
            return []
        self.octets -= len(octets)
        events = self._next_segments(unheard)
        if not unheard.out:
            self._confirm(key)
            return [Confirmed(segment.id)]
        unheard.repeated = 0
        self._deadlines.put(key, inf if self._reliable else now + self.timers.segmentation)
        return events

    # --- what the node answers ---

    def reply(self, number: int, result: Result, now: float, mid: str | None, immediate_ack: bool) -> list[Event]:
        """Answer one request."""
        key, executing = self._find(number, mid)
        reply = _reply(number, result, immediate_ack or executing.pendings > 0)
        return self._answered(key, executing, reply, self._sender.with_lift(reply), now)

    def reply_many(self, results: Iterable[tuple[int, Result]], now: float, mid: str | None) -> list[Event]:
        """Answer several requests in as few messages as the replies fit into."""
        answers: list[tuple[int, _Executing, Reply, bytes]] = []
        for number, result in results:
            key, executing = self._find(number, mid)
            reply = _reply(number, result, executing.pendings > 0)
            answers.append((key, executing, reply, self._sender.encoded(reply)))
        together: dict[Address | None, list[Reply]] = {}
        events: list[Event] = []
        for key, executing, reply, octets in answers:
            sent = self._answered(key, executing, reply, octets, now)
            if len(octets) <= self._sender.max_octets:
                together.setdefault(executing.source, []).append(reply)
            else:
                events += sent
        for source, replies in together.items():
            events += [Transmit(message, source) for message in self._sender.together(replies)]
        return events

    def repeat_all(self) -> list[Event]:
        """Once more, the replies that the peer has to acknowledge: the connection broke."""
        return [Transmit(octets, one.to) for one in self._unheard.values() for octets in one.out.values()]

    def forget(self) -> None:
        """Remember no request."""
        for held in (self._mids, self._executing, self._replied, self._order, self._forget_at, self._unheard):
            held.clear()
        self._deadlines.clear()
        self.octets = 0

    # --- time ---

    def next_wakeup(self) -> float | None:
        """When `wake` has something to do, or None."""
        return self._deadlines.first()

    def wake(self, now: float) -> list[Event]:
        """Say Pending for what takes long, and repeat what was not acknowledged."""
        events: list[Event] = []
        for key in self._deadlines.due(now):
            executing = self._executing.get(key)
            if executing is not None:
                events += self._still(key, executing, now)
            elif (unheard := self._unheard.get(key)) is not None:
                unheard.repeated += 1
                self._repeat_after(key, unheard, now)
                events += [Transmit(octets, unheard.to) for octets in unheard.out.values()]
        return events

    def forget_old(self, now: float) -> None:
        """Forget the replies that were made LONG-TIMER ago."""
        while self._forget_at and self._forget_at[0] <= now:
            self._forget_at.popleft()
            key = self._order.popleft()
            self._confirm(key)
            del self._replied[key]

    # --- states ---

    def _still(self, key: int, executing: _Executing, now: float) -> list[Event]:
        """Pending, until there were too many."""
        executing.pendings += 1
        if executing.pendings > self.pending_limit:
            reply = Reply(key & _ID_MASK, (), _TOO_MANY, True)
            return self._answered(key, executing, reply, self._sender.encoded(reply), now)
        executing.pending_sent = now
        self._deadlines.put(key, now + self.timers.execution)
        return [Transmit(self._sender.encoded(Pending(key & _ID_MASK)), executing.source)]

    def _answered(self, key: int, executing: _Executing, reply: Reply, octets: bytes, now: float) -> list[Event]:
        to = executing.source
        segments: list[bytes] = []
        if len(octets) > self._sender.max_octets:
            segments = self._segments(reply)
            if not segments:
                octets = self._sender.encoded(Reply(reply.id, (), _TOO_LONG, reply.immediate_ack))
        del self._executing[key]
        self._deadlines.drop(key)
        self._order.append(key)
        self._forget_at.append(now + self.timers.long)
        self._replied[key] = b"" if segments else octets
        self.octets += sum(map(len, segments)) or len(octets)
        if segments:
            unheard = self._unheard[key] = _Unheard(to, {}, deque(enumerate(segments, 1)))
            self._repeat_after(key, unheard, now)
            return self._next_segments(unheard)
        if reply.immediate_ack:
            unheard = self._unheard[key] = _Unheard(to, {0: octets}, deque())
            self._repeat_after(key, unheard, now)
        return [Transmit(octets, to)]

    def _segments(self, reply: Reply) -> list[bytes]:
        if not self.segmentation or self._sender.version < 3 or reply.error is not None:
            return []
        encoded = self._sender.encoded
        segments = split(reply, lambda one: len(encoded(one)), self._sender.max_octets)
        return [encoded(segment) for segment in segments or ()]

    def _next_segments(self, unheard: _Unheard) -> list[Event]:
        events: list[Event] = []
        while unheard.waiting and len(unheard.out) < self._segments_ahead:
            number, octets = unheard.waiting.popleft()
            unheard.out[number] = octets
            events.append(Transmit(octets, unheard.to))
        return events

    def _repeat_after(self, key: int, unheard: _Unheard, now: float) -> None:
        """After Pending the peer may have stopped repeating, so we repeat until it acknowledges."""
        whole = 0 in unheard.out
        wait = self._delay.interval(unheard.repeated, self.timers) if whole else self.timers.segmentation
        self._deadlines.put(key, inf if self._reliable else now + wait)

    def _confirm(self, key: int) -> bool:
        """Let go of the octets of a reply; whether there were any."""
        octets = self._replied.get(key)
        unheard = self._unheard.pop(key, None)
        if octets is None or (not octets and unheard is None):
            return False
        self.octets -= len(octets) + (0 if unheard is None else unheard.segment_octets)
        self._replied[key] = b""
        self._deadlines.drop(key)
        return True

    def _base(self, mid: str) -> int | None:
        """The keys of this identifier; None if there are too many identifiers."""
        base = self._mids.get(mid)
        if base is None:
            if len(self._mids) >= self._max_mids and not len(self):
                self._mids.clear()
            base = self._mids.get(mid.lower())
            if base is None and len(self._mids) < self._max_mids:
                base = self._mids[mid.lower()] = (len(self._mids) + 1) << _IDS
        return base

    def _find(self, number: int, mid: str | None) -> tuple[int, _Executing]:
        mids = reversed(self._mids.values()) if mid is None else [self._mids.get(mid.lower(), 0)]
        for base in mids:
            executing = self._executing.get(base | number)
            if executing is not None:
                return base | number, executing
        raise LocalProtocolError(f"no request {number} is being worked on")


def _reply(number: int, result: Result, immediate_ack: bool) -> Reply:
    if isinstance(result, ErrorDescriptor):
        return Reply(number, (), result, immediate_ack)
    return Reply(number, tuple(result), None, immediate_ack)


def _violation(what: str, clause: str = "H.248.1 Annex D.1") -> PeerViolation:
    return PeerViolation(UnexpectedMessageError(what, clause=clause))


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """First and last numbers of ranges in order, none of which touch."""
    lows: list[int] = []
    highs: list[int] = []
    for low, high in sorted(ranges):
        if high < low:
            continue
        if lows and low <= highs[-1] + 1:
            highs[-1] = max(highs[-1], high)
        else:
            lows.append(low)
            highs.append(high)
    return lows, highs


def _last_before(lows: list[int], highs: list[int], number: int) -> int:
    """The end of the range that begins at or before the number; -1 if none does."""
    place = bisect_right(lows, number)
    return highs[place - 1] if place else -1
