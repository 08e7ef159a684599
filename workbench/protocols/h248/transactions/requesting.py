"""Requests of ours: repeated until the peer answers, then the reply, whole.

    SENT      repeated with growing intervals; a reliable transport does that
      Pending -> PENDING (interval of the provisional timer)
      Segment -> COLLECTING
      Reply   -> done, ReplyReceived
      too long without a sign of life -> done, TimedOut
    PENDING   as SENT; too many Pendings -> done, TimedOut
    COLLECTING  as PENDING; the last missing segment -> done, ReplyReceived

Source: H.248.1 §8.2, Annex D.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import msgspec

from workbench.errors import LocalProtocolError, PeerError, UnexpectedMessageError
from workbench.protocols.h248.message import Action, Reply, Request, Segment
from workbench.protocols.h248.transactions.events import (
    Event,
    PeerViolation,
    PendingReceived,
    ReplyReceived,
    TimedOut,
    Transmit,
)
from workbench.protocols.h248.transactions.segmentation import CLAUSE, Collector
from workbench.protocols.h248.transactions.sending import Sender
from workbench.protocols.h248.transactions.timing import Deadlines, Delay, Timers


class _Ours(msgspec.Struct, gc=False):
    """A request of ours that has no reply yet. `octets` are missing until it is repeated, if it left in company."""

    request: Request | None
    octets: bytes
    first_sent: float
    repeat_at: float
    give_up_at: float
    repeated: int = 0
    pendings: int = 0
    segments: Collector | None = None


class Requests:
    """Requests of ours without reply.

    Args:
        reliable: nothing is repeated while the connection stands.
        acknowledge: replies are acknowledged in the next message that leaves anyhow.
        max_open: most requests without reply.
        pending_limit: most Pendings for one of them.
        max_segments, max_segment_octets: of one reply; all of them together hold at most four times these octets.
    """

    def __init__(
        self,
        sender: Sender,
        timers: Timers,
        delay: Delay,
        *,
        first_id: int,
        reliable: bool,
        acknowledge: bool,
        max_open: int,
        pending_limit: int,
        max_segments: int,
        max_segment_octets: int,
    ) -> None:
        self.timers = timers
        self.pending_limit = pending_limit
        self._sender = sender
        self._delay = delay
        self.next_id = first_id
        self._reliable = reliable
        self._acknowledge = acknowledge
        self._max_open = max_open
        self._max_segments = max_segments
        self._max_segment_octets = max_segment_octets
        self._ours: dict[int, _Ours] = {}
        self._deadlines = Deadlines()
        self._segment_octets = 0

    def __len__(self) -> int:
        return len(self._ours)

    @property
    def numbers(self) -> list[int]:
        """Their ids, oldest first."""
        return list(self._ours)

    def send(self, actions: Iterable[Action], now: float) -> tuple[int, bytes]:
        """Begin one request; its id, and the message."""
        self._room(1)
        number = self._take_id()
        octets = self._sender.with_lift(Request(number, tuple(actions)))
        self._fits(octets)
        self._begin(number, _Ours(None, octets, now, 0.0, now + self.timers.lifetime), now)
        return number, octets

    def send_many(self, many: Iterable[Iterable[Action]], now: float) -> tuple[list[int], list[bytes]]:
        """Begin several requests that leave together; their ids, and as few messages as they fit into."""
        requests: list[Request] = []
        for actions in many:
            self._room(len(requests) + 1)
            requests.append(Request(self._take_id(), tuple(actions)))
        messages = self._sender.together(requests)
        for request in requests:
            self._begin(request.id, _Ours(request, b"", now, 0.0, now + self.timers.lifetime), now)
        return [request.id for request in requests], messages

    def repeat_all(self, now: float) -> list[Event]:
        """Once more, what the peer may not have got before the connection broke."""
        return [self._repeat(number, ours, now) for number, ours in list(self._ours.items())]

    def give_up(self, number: int) -> None:
        """Wait for this reply no longer."""
        ours = self._ours.pop(number, None)
        self._deadlines.drop(number)
        if ours is not None and ours.segments is not None:
            self._segment_octets -= ours.segments.octets

    def forget(self) -> None:
        """Wait for no reply."""
        self._ours.clear()
        self._deadlines.clear()
        self._segment_octets = 0

    # --- time ---

    def next_wakeup(self) -> float | None:
        """When `wake` has something to do, or None."""
        return self._deadlines.first()

    def wake(self, now: float) -> list[Event]:
        """Repeat what is due, and give up what took too long."""
        return [self._due(number, self._ours[number], now) for number in self._deadlines.due(now)]

    def _due(self, number: int, ours: _Ours, now: float) -> Event:
        if now < ours.give_up_at:
            return self._repeat(number, ours, now)
        why = "" if ours.segments is None else f"{ours.segments.missing} of the reply did not come"
        self.give_up(number)
        return TimedOut(number, why)

    def _begin(self, number: int, ours: _Ours, now: float) -> None:
        self._ours[number] = ours
        self._repeat_after(number, ours, now, self._delay.interval(0, self.timers))

    def _repeat(self, number: int, ours: _Ours, now: float) -> Event:
        ours.repeated += 1
        if ours.request is not None:
            ours.octets, ours.request = self._sender.encoded(ours.request), None
        waiting = ours.pendings or ours.segments is not None
        wait = self.timers.provisional if waiting else self._delay.interval(ours.repeated, self.timers)
        self._repeat_after(number, ours, now, wait)
        return Transmit(ours.octets)

    def _repeat_after(self, number: int, ours: _Ours, now: float, wait: float) -> None:
        ours.repeat_at = inf if self._reliable else now + wait
        self._deadlines.put(number, min(ours.repeat_at, ours.give_up_at))

    def _sign_of_life(self, number: int, ours: _Ours, now: float) -> None:
        ours.give_up_at = now + self.timers.lifetime
        self._repeat_after(number, ours, now, self.timers.provisional)

    # --- what the peer says to them ---

    def on_pending(self, number: int, now: float) -> list[Event]:
        """The peer works on it."""
        ours = self._ours.get(number)
        if ours is None:
            return []
        ours.pendings += 1
        if ours.pendings > self.pending_limit:
            self.give_up(number)
            return [TimedOut(number, f"more than {self.pending_limit} Pendings")]
        self._sign_of_life(number, ours, now)
        return [PendingReceived(number)]

    def on_reply(self, reply: Reply, now: float) -> list[Event]:
        """A whole reply; again and again acknowledged where the peer asks for that at once."""
        events: list[Event] = []
        if reply.immediate_ack:
            events.append(Transmit(self._sender.acknowledge_now(reply.id)))
        ours = self._ours.get(reply.id)
        if ours is None:  # a repetition of a reply that was received, or one that came too late
            return events
        if not ours.repeated and not ours.pendings:  # otherwise nobody knows which copy was answered (RFC 6298 §3)
            self._delay.seen(now - ours.first_sent)
        return [*events, *self._done(reply)]

    def on_segment(self, reply: Reply, octets: int, now: float) -> list[Event]:
        """A segment of a reply: acknowledged at once, also when it comes again."""
        number = reply.segment or 0
        ours = self._ours.get(reply.id)
        if ours is not None:
            try:
                whole = self._collected(reply.id, ours, reply, octets)
            except PeerError as error:
                return [PeerViolation(error)]
            self._sign_of_life(reply.id, ours, now)
        events: list[Event] = [Transmit(self._sender.encoded(Segment(reply.id, number, reply.last)))]
        if ours is None or whole is None:
            return events
        if whole.immediate_ack:
            events.append(Transmit(self._sender.acknowledge_now(reply.id)))
        return [*events, *self._done(whole)]

    def _collected(self, number: int, ours: _Ours, reply: Reply, octets: int) -> Reply | None:
        if self._segment_octets + octets > 4 * self._max_segment_octets:
            what = f"reply to {number}: segments of more than {4 * self._max_segment_octets} octets wait"
            raise UnexpectedMessageError(what, clause=CLAUSE)
        if ours.segments is None:
            ours.segments = Collector(self._max_segments, self._max_segment_octets)
        before = ours.segments.octets
        try:
            return ours.segments.take(reply, octets)
        finally:
            self._segment_octets += ours.segments.octets - before

    def _done(self, reply: Reply) -> list[Event]:
        self.give_up(reply.id)
        if self._acknowledge and not reply.immediate_ack:
            self._sender.acknowledge_later(reply.id)
        return [ReplyReceived(reply.id, reply)]

    # --- ids and limits ---

    def _take_id(self) -> int:
        while self.next_id in self._ours or not 0 < self.next_id <= 0xFFFFFFFF:
            self.next_id = self.next_id + 1 if 0 < self.next_id < 0xFFFFFFFF else 1
        number = self.next_id
        self.next_id += 1
        return number

    def _room(self, more: int) -> None:
        if len(self._ours) + more > self._max_open:
            raise LocalProtocolError(f"{self._max_open} requests wait for their replies already")

    def _fits(self, octets: bytes) -> None:
        if len(octets) > self._sender.max_octets:  # requests are never segmented (§8.2.2)
            raise LocalProtocolError(f"a request of {len(octets)} octets does not fit into {self._sender.max_octets}")
