"""H.248 transactions with one peer over datagrams: octets in, events out (H.248.1 §8, Annex D.1).

A request of ours                                     A request of the peer's
    SENT      repeated with growing intervals             EXECUTING  the node works; a repetition gets Pending
      Pending -> PENDING (longer interval)                  reply() -> REPLIED
      Reply   -> done, ReplyReceived                      REPLIED    a repetition gets the stored octets again
      too long -> done, TimedOut                            TransactionResponseAck -> CONFIRMED
    PENDING   as SENT, with the provisional interval      CONFIRMED  a repetition is ignored
                                                          all: forgotten LONG-TIMER after they arrived

So every request is executed at most once, and exactly once if any copy of it and of its reply get through.

Source: H.248.1 §8.2 (transactions), Annex D.1 (application layer framing over UDP), Annex E.2 (limits of pendings).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from itertools import takewhile
from math import inf

import msgspec

from workbench.errors import IncompatiblePeerError, LocalProtocolError, PeerError, UnexpectedMessageError
from workbench.protocols.h248.coding import Coding, decode, encode, is_error_message
from workbench.protocols.h248.message import (
    Ack,
    Action,
    ActionReply,
    ErrorDescriptor,
    Message,
    Pending,
    Reply,
    Request,
    Segment,
    Transaction,
)
from workbench.protocols.h248.transport import UDP_OCTETS

NEWEST_VERSION = 3
"""The newest protocol version that can be read here."""


class Transmit(msgspec.Struct, frozen=True):
    """One datagram for the peer."""

    octets: bytes


class RequestReceived(msgspec.Struct, frozen=True):
    """A new request of the peer's; it waits for `Transactions.reply`."""

    id: int
    actions: tuple[Action, ...]
    mid: str


class ReplyReceived(msgspec.Struct, frozen=True):
    """The reply to a request of ours; there is no further event for it."""

    id: int
    reply: Reply


class PendingReceived(msgspec.Struct, frozen=True):
    """The peer works on a request of ours."""

    id: int


class TimedOut(msgspec.Struct, frozen=True):
    """Nothing, or nothing but Pending, came for a request of ours; the peer is suspect."""

    id: int


class Confirmed(msgspec.Struct, frozen=True):
    """The peer has acknowledged a reply of ours."""

    id: int


class MessageRefused(msgspec.Struct, frozen=True):
    """The peer could not read or does not accept a whole message of ours; it does not say which."""

    error: ErrorDescriptor


class PeerViolation(msgspec.Struct, frozen=True):
    """A message or a part of it was dropped, since it breaks a rule."""

    error: PeerError


Event = (
    Transmit | RequestReceived | ReplyReceived | PendingReceived | TimedOut | Confirmed | MessageRefused | PeerViolation
)


class Timers(msgspec.Struct, frozen=True):
    """Times in seconds.

    Args:
        average: first guess of the time between request and reply; `deviation` of its spread. Both follow what is seen.
        least, most: bounds of the interval between two repetitions.
        lifetime: after this long without any answer a request is given up; less than `long`.
        execution: when the node works longer than this on a request, the peer is told with Pending, again and again.
        provisional: interval of repetition after the peer said Pending.
        long: LONG-TIMER, how long a peer's request is remembered.
    """

    average: float = 0.25
    deviation: float = 0.0625
    least: float = 0.25
    most: float = 4.0
    lifetime: float = 25.0
    execution: float = 2.0
    provisional: float = 4.0
    long: float = 30.0


class _State(enum.Enum):
    EXECUTING = enum.auto()
    REPLIED = enum.auto()
    CONFIRMED = enum.auto()


class _Ours(msgspec.Struct):
    """A request of ours that has no reply yet."""

    octets: bytes
    first_sent: float
    repeat_at: float
    give_up_at: float
    repeated: int = 0
    pendings: int = 0


class _Theirs(msgspec.Struct):
    """A request of the peer's, until LONG-TIMER after it arrived."""

    mid: str
    id: int
    state: _State
    forget_at: float
    pending_at: float
    octets: bytes = b""
    pendings: int = 0
    repeat_at: float | None = None
    repeated: int = 0


class Transactions:
    """One side of a control association over datagrams.

    Args:
        mid: our own message identifier, such as `[192.0.2.10]:2944`.
        peer_mid: if given, messages of anybody else are dropped.
        version: of the protocol, for what we send; set it to what registration agreed on.
        coding: long tokens (`pretty`), short ones (`compact`) or `binary`; on an association it does not change.
        reliable: TCP or SCTP carries the messages: nothing is repeated while the connection stands (`reconnected`).
        first_id: id of the first request.
        timers: see `Timers`.
        jitter: gives numbers from 0 to 1 that spread repetitions.
        acknowledge: whether replies are acknowledged in the next message we send anyhow; those that ask for an
            immediate acknowledgement always get one.
        max_transactions: most items of a message that is accepted (10 on Iq).
        max_open: most requests of ours without reply.
        max_remembered: most requests of the peer's within LONG-TIMER; further ones wait until there is room.
        max_octets: longest datagram that we send.
        pending_limit: most Pendings for one request, either way.

    Source: H.248.1 §8.2, Annex D.1.
    """

    def __init__(
        self,
        mid: str,
        *,
        peer_mid: str | None = None,
        version: int = 2,
        coding: Coding = "pretty",
        reliable: bool = False,
        first_id: int = 1,
        timers: Timers | None = None,
        jitter: Callable[[], float] = lambda: 1.0,
        acknowledge: bool = False,
        max_transactions: int = 10,
        max_open: int = 10_000,
        max_remembered: int = 50_000,
        max_octets: int = UDP_OCTETS,
        pending_limit: int = 20,
    ) -> None:
        self.mid = mid
        self.peer_mid = peer_mid
        self.version = version
        self.coding: Coding = coding
        self.reliable = reliable
        self.timers = timers or Timers()
        if self.timers.lifetime >= self.timers.long:
            raise LocalProtocolError(
                "a request may not be repeated once the peer may have forgotten it: lifetime < long"
            )
        self._jitter = jitter
        self._acknowledge = acknowledge
        self._max_transactions = max_transactions
        self._max_open = max_open
        self._max_remembered = max_remembered
        self._max_octets = max_octets
        self._pending_limit = pending_limit
        self._next_id = first_id
        self._average = self.timers.average
        self._deviation = self.timers.deviation
        self._ours: dict[int, _Ours] = {}
        self._theirs: dict[tuple[str, int], _Theirs] = {}  # in order of arrival, so in order of forget_at
        self._busy: dict[tuple[str, int], _Theirs] = {}  # those with something to do at a certain time
        self._to_acknowledge: list[int] = []

    # --- what the node asks for ---

    def request(self, actions: Iterable[Action], now: float) -> tuple[int, list[Event]]:
        """Send a transaction request.

        Returns:
            Its id, and the datagram to send.

        Raises:
            LocalProtocolError: it does not fit into a datagram, can't be encoded, or too many are open.
        """
        if len(self._ours) >= self._max_open:
            raise LocalProtocolError(f"{self._max_open} requests wait for their replies already")
        number = self._take_id()
        octets = self._encoded(Request(number, tuple(actions)))
        if len(octets) > self._max_octets:
            raise LocalProtocolError(f"a request of {len(octets)} octets does not fit into {self._max_octets}")
        self._ours[number] = _Ours(octets, now, self._repetition(now, 0), now + self.timers.lifetime)
        return number, [Transmit(octets)]

    def reply(
        self,
        number: int,
        result: Iterable[ActionReply] | ErrorDescriptor,
        now: float,
        *,
        mid: str | None = None,
        immediate_ack: bool = False,
    ) -> list[Event]:
        """Answer a request of the peer's.

        Args:
            number: the request's id.
            result: what became of its actions, or why nothing was done.
            mid: whose request; needed only where the peer changed its identifier.
            immediate_ack: ask for an acknowledgement; done by itself once the peer was told Pending.

        Raises:
            LocalProtocolError: no such request is being worked on, or the reply can't be encoded.
        """
        theirs = self._executing(number, mid)
        wait_for_ack = immediate_ack or theirs.pendings > 0
        if isinstance(result, ErrorDescriptor):
            reply = Reply(number, (), result, wait_for_ack)
        else:
            reply = Reply(number, tuple(result), None, wait_for_ack)
        octets = self._encoded(reply)
        if len(octets) > self._max_octets:
            refusal = ErrorDescriptor(533, "response exceeds maximum transport PDU size")
            octets = self._encoded(Reply(number, (), refusal, wait_for_ack))
        return self._replied(theirs, octets, wait_for_ack, now)

    def reconnected(self, now: float) -> list[Event]:
        """A new connection stands where one broke: once more what the peer may not have got (Annex D.2)."""
        unheard = [theirs for theirs in self._busy.values() if theirs.state is _State.REPLIED]
        return [
            *(self._repeat(ours, now) for ours in self._ours.values()),
            *(Transmit(theirs.octets) for theirs in unheard),
        ]

    def forget(self) -> None:
        """Forget everything about the peer: it restarted, or another one took its place."""
        self._ours.clear()
        self._theirs.clear()
        self._busy.clear()
        self._to_acknowledge.clear()

    @property
    def open_requests(self) -> int:
        """How many requests of ours have no reply yet."""
        return len(self._ours)

    # --- what the peer sends ---

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take one datagram; return what it means, oldest first."""
        self._forget_old(now)
        try:
            message = decode(data, self.coding)
        except PeerError as error:
            violation = PeerViolation(error)
            # An error message is never answered by another one, or two ends could go on for ever.
            return [violation] if is_error_message(data, self.coding) else [violation, *self._refused(400, f"{error}")]
        if message.version > NEWEST_VERSION:
            wrong: PeerError = IncompatiblePeerError(f"protocol version {message.version}", clause="H.248.1 §8.3")
            return [PeerViolation(wrong), *self._refused(406, "Version Not Supported", message)]
        if self.peer_mid is not None and message.mid.lower() != self.peer_mid.lower():
            what = f"message of {message.mid}, where only {self.peer_mid} may speak"
            return [PeerViolation(UnexpectedMessageError(what, clause="H.248.1 §8.3"))]
        if message.error is not None:
            return [MessageRefused(message.error)]
        if len(message.body) > self._max_transactions:
            what = f"{len(message.body)} transactions in a message, more than {self._max_transactions}"
            wrong = UnexpectedMessageError(what, clause="H.248.1 §8.3")
            return [
                PeerViolation(wrong),
                *self._refused(413, "Number of transactions in message exceeds limit", message),
            ]
        return [event for transaction in message.body for event in self._apply(transaction, message.mid, now)]

    def next_wakeup(self) -> float | None:
        """When `wake` has something to do, or None."""
        times: list[float] = [min(ours.repeat_at, ours.give_up_at) for ours in self._ours.values()]
        times += [self._due(theirs) for theirs in self._busy.values()]
        first = min(times, default=inf)
        return None if first == inf else first

    def wake(self, now: float) -> list[Event]:
        """Repeat what is due, and give up what took too long."""
        self._forget_old(now)
        events: list[Event] = []
        for number, ours in list(self._ours.items()):
            if now >= ours.give_up_at:
                del self._ours[number]
                events.append(TimedOut(number))
            elif now >= ours.repeat_at:
                events.append(self._repeat(ours, now))
        for theirs in [theirs for theirs in self._busy.values() if now >= self._due(theirs)]:
            events += (
                self._still_executing(theirs, now) if theirs.state is _State.EXECUTING else self._unheard(theirs, now)
            )
        return events

    # --- requests of ours ---

    def _take_id(self) -> int:
        while self._next_id in self._ours or not 0 < self._next_id <= 0xFFFFFFFF:
            self._next_id = self._next_id + 1 if 0 < self._next_id < 0xFFFFFFFF else 1
        number = self._next_id
        self._next_id += 1
        return number

    def _interval(self, repeated: int) -> float:
        """Time to the next repetition.

        Average and deviation of the delay are kept as TCP does (RFC 6298 §2). With each repetition the average counts
        double, and a random part of up to half of it is left out (Annex D.1.4).
        """
        average = self._average * float(1 << min(repeated, 16))
        interval = average * (0.5 + 0.5 * self._jitter()) + 4 * self._deviation
        return min(max(interval, self.timers.least), self.timers.most)

    def _repetition(self, now: float, repeated: int, wait: float | None = None) -> float:
        if self.reliable:
            return inf
        return now + (self._interval(repeated) if wait is None else wait)

    def _repeat(self, ours: _Ours, now: float) -> Event:
        ours.repeated += 1
        wait = self.timers.provisional if ours.pendings else None
        ours.repeat_at = self._repetition(now, ours.repeated, wait)
        return Transmit(ours.octets)

    def _measured(self, delay: float) -> None:
        self._deviation += (abs(delay - self._average) - self._deviation) / 4
        self._average += (delay - self._average) / 8

    def _on_reply(self, reply: Reply, now: float) -> list[Event]:
        events: list[Event] = []
        ours = self._ours.get(reply.id)
        if reply.segment is not None and ours is not None:
            what = f"segment {reply.segment} of the reply to {reply.id}, where segments were not agreed on"
            return [PeerViolation(UnexpectedMessageError(what, clause="H.248.1 §8.2.2"))]
        if reply.immediate_ack:
            self._to_acknowledge = [number for number in self._to_acknowledge if number != reply.id]
            events.append(Transmit(self._encoded(Ack(((reply.id, reply.id),)))))
        if ours is None:  # a repetition of a reply that was received, or one that came too late
            return events
        del self._ours[reply.id]
        if not ours.repeated and not ours.pendings:  # otherwise nobody knows which copy was answered (RFC 6298 §3)
            self._measured(now - ours.first_sent)
        if self._acknowledge and not reply.immediate_ack:
            self._to_acknowledge.append(reply.id)
        return [*events, ReplyReceived(reply.id, reply)]

    def _on_pending(self, number: int, now: float) -> list[Event]:
        ours = self._ours.get(number)
        if ours is None:
            return []
        ours.pendings += 1
        if ours.pendings > self._pending_limit:
            del self._ours[number]
            return [TimedOut(number)]
        ours.repeat_at = self._repetition(now, ours.repeated, self.timers.provisional)
        ours.give_up_at = now + self.timers.lifetime
        return [PendingReceived(number)]

    # --- requests of the peer's ---

    def _apply(self, transaction: Transaction, mid: str, now: float) -> list[Event]:
        match transaction:
            case Request():
                return self._on_request(transaction, mid, now)
            case Reply():
                return self._on_reply(transaction, now)
            case Pending(id=number):
                return self._on_pending(number, now)
            case Ack(ranges=ranges):
                return self._on_ack(ranges, mid)
            case Segment(id=number):
                what = f"acknowledgement of a segment of {number}, which was sent whole"
                return [PeerViolation(UnexpectedMessageError(what, clause="H.248.1 §8.2.2"))]

    def _on_request(self, request: Request, mid: str, now: float) -> list[Event]:
        key = (mid.lower(), request.id)
        known = self._theirs.get(key)
        if known is not None:
            match known.state:
                case _State.EXECUTING:
                    return self._still_executing(known, now)
                case _State.REPLIED:
                    return [Transmit(known.octets)]
                case _State.CONFIRMED:
                    return []
        if len(self._theirs) >= self._max_remembered:
            what = f"more than {self._max_remembered} requests within LONG-TIMER"
            return [PeerViolation(UnexpectedMessageError(what, clause="H.248.1 Annex D.1"))]
        times = self.timers
        theirs = _Theirs(mid, request.id, _State.EXECUTING, now + times.long, now + times.execution)
        self._theirs[key] = self._busy[key] = theirs
        return [RequestReceived(request.id, request.actions, mid)]

    def _still_executing(self, theirs: _Theirs, now: float) -> list[Event]:
        theirs.pendings += 1
        if theirs.pendings > self._pending_limit:
            refusal = Reply(theirs.id, (), ErrorDescriptor(506, "Number of TransactionPendings Exceeded"), True)
            return self._replied(theirs, self._encoded(refusal), True, now)
        theirs.pending_at = now + self.timers.execution
        return [Transmit(self._encoded(Pending(theirs.id)))]

    def _replied(self, theirs: _Theirs, octets: bytes, wait_for_ack: bool, now: float) -> list[Event]:
        theirs.state = _State.REPLIED
        theirs.octets = octets
        # After Pending the peer may have stopped repeating, so we repeat the reply until it is acknowledged.
        theirs.repeat_at = self._repetition(now, 0) if wait_for_ack else None
        theirs.forget_at = max(theirs.forget_at, now + self.timers.lifetime) if wait_for_ack else theirs.forget_at
        if not wait_for_ack:
            self._busy.pop((theirs.mid.lower(), theirs.id), None)
        return [Transmit(octets)]

    def _unheard(self, theirs: _Theirs, now: float) -> list[Event]:
        """Repeat a reply that has to be acknowledged, until LONG-TIMER."""
        theirs.repeated += 1
        theirs.repeat_at = self._repetition(now, theirs.repeated)
        return [Transmit(theirs.octets)]

    def _on_ack(self, ranges: tuple[tuple[int, int], ...], mid: str) -> list[Event]:
        merged: list[list[int]] = []
        for low, high in sorted(ranges):
            if merged and low <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], high)
            else:
                merged.append([low, high])
        events: list[Event] = []
        numbers = sorted(number for whose, number in self._theirs if whose == mid.lower())
        at = 0
        for number in numbers:
            while at < len(merged) and merged[at][1] < number:
                at += 1
            if at == len(merged):
                break
            theirs = self._theirs[mid.lower(), number]
            if merged[at][0] <= number and theirs.state is _State.REPLIED:
                theirs.state = _State.CONFIRMED
                theirs.octets = b""
                self._busy.pop((mid.lower(), number), None)
                events.append(Confirmed(number))
        return events

    def _executing(self, number: int, mid: str | None) -> _Theirs:
        for theirs in reversed(list(self._busy.values())):
            same = mid is None or theirs.mid.lower() == mid.lower()
            if theirs.id == number and same and theirs.state is _State.EXECUTING:
                return theirs
        raise LocalProtocolError(f"no request {number} is being worked on")

    def _due(self, theirs: _Theirs) -> float:
        if theirs.state is _State.EXECUTING or theirs.repeat_at is None:
            return theirs.pending_at
        return theirs.repeat_at

    def _forget_old(self, now: float) -> None:
        """Requests are remembered in order of arrival; one that still executes is kept however old."""
        old = takewhile(lambda item: item[1].forget_at <= now, self._theirs.items())
        for key, theirs in list(old):
            if theirs.state is _State.EXECUTING:
                theirs.forget_at = now + self.timers.long
                self._theirs[key] = self._theirs.pop(key)
            else:
                del self._theirs[key]
                self._busy.pop(key, None)

    # --- messages ---

    def _encoded(self, transaction: Transaction) -> bytes:
        """A message with this item, and with the acknowledgements that wait for a lift."""
        body: tuple[Transaction, ...] = (transaction,)
        if self._to_acknowledge and not isinstance(transaction, Ack):
            body = (Ack(_ranges(self._to_acknowledge)), transaction)
            self._to_acknowledge = []
        return encode(Message(self.version, self.mid, body), self.coding)

    def _refused(self, code: int, why: str, message: Message | None = None) -> list[Event]:
        """A message that says why one of the peer's was refused as a whole; none if that was such a message itself."""
        if message is not None and message.error is not None:
            return []
        readable = "".join(c if " " <= c <= "~" and c != '"' else "'" for c in why)[:200]
        refusal = Message(self.version, self.mid, (), ErrorDescriptor(code, readable))
        return [Transmit(encode(refusal, self.coding))]


def _ranges(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Numbers as ranges, both ends included."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)
