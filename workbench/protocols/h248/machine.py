"""H.248 transactions with one peer: octets in, events out (H.248.1 §8, Annex D).

A request of ours                                     A request of the peer's
    SENT      repeated with growing intervals             EXECUTING  the node works; a repetition gets Pending
      Pending -> PENDING (longer interval)                  reply() -> REPLIED
      Reply   -> done, ReplyReceived                      REPLIED    a repetition gets the stored octets again
      too long -> done, TimedOut                            TransactionResponseAck -> CONFIRMED
    PENDING   as SENT, with the provisional interval      CONFIRMED  a repetition is ignored
                                                          all: forgotten LONG-TIMER after the reply was made

So every request is executed at most once, and exactly once if any copy of it and of its reply get through.
`requesting.Requests` is the left side, `answering.Replies` the right one, `segmentation` what version 3 adds (all in
`transactions`).

Source: H.248.1 §8.2 (transactions), Annex D.1 (application layer framing over UDP), Annex D.2 (TCP), Annex E.2 (limits
of Pendings).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workbench.errors import IncompatiblePeerError, LocalProtocolError, PeerError, UnexpectedMessageError
from workbench.protocols.h248.coding import Codec, Coding, codec_of
from workbench.protocols.h248.message import Ack, Action, Message, Pending, Reply, Request, Segment, Transaction
from workbench.protocols.h248.transactions.answering import Replies, Result
from workbench.protocols.h248.transactions.events import (
    Address,
    Confirmed,
    Event,
    MessageRefused,
    PeerViolation,
    PendingReceived,
    ReplyReceived,
    RequestReceived,
    TimedOut,
    Transmit,
)
from workbench.protocols.h248.transactions.requesting import Requests
from workbench.protocols.h248.transactions.segmentation import CLAUSE as SEGMENTATION
from workbench.protocols.h248.transactions.sending import Sender
from workbench.protocols.h248.transactions.timing import Delay, Timers
from workbench.protocols.h248.transport import TPKT_OCTETS, UDP_OCTETS

__all__ = [
    "NEWEST_VERSION",
    "Address",
    "Confirmed",
    "Event",
    "MessageRefused",
    "PeerViolation",
    "PendingReceived",
    "ReplyReceived",
    "RequestReceived",
    "Result",
    "TimedOut",
    "Timers",
    "Transactions",
    "Transmit",
]

NEWEST_VERSION = 3
"""The newest protocol version that can be read here."""


class Transactions:
    """One side of a control association.

    Args:
        mid: our own message identifier, such as `[192.0.2.10]:2944`.
        peer_mid: if given, messages of anybody else are dropped.
        version: of the protocol, for what we send; set it to what registration agreed on.
        coding: long tokens (`pretty`), short ones (`compact`) or `binary`; on an association it does not change. A
            `Codec` where more than that has to be said.
        reliable: TCP or SCTP carries the messages: nothing is repeated while the connection stands (`reconnected`).
        first_id: id of the first request. A node that restarts within LONG-TIMER needs another one than before.
        timers: see `Timers`; they may be set again (packages root and seg).
        jitter: gives numbers from 0 to 1 that spread repetitions.
        acknowledge: whether replies are acknowledged in the next message we send anyhow; those that ask for an
            immediate acknowledgement always get one.
        segmentation: replies longer than `max_octets` are sent, and taken, in segments; from version 3.
        max_transactions: most items of a message that is accepted, and that we send (10 on Iq).
        max_open: most requests of ours without reply.
        max_remembered: most requests of the peer's within LONG-TIMER, and `max_remembered_octets` of the replies to
            them; further requests are not taken until there is room.
        max_mids: most message identifiers that the peer may use.
        max_octets: longest message that we send; by default what the transport carries.
        max_segments, max_segment_octets: of one segmented reply that we take.
        segments_ahead: most segments of a reply of ours that wait for their acknowledgement.
        pending_limit: most Pendings for one request, either way.

    Source: H.248.1 §8.2, Annex D.
    """

    def __init__(
        self,
        mid: str,
        *,
        peer_mid: str | None = None,
        version: int = 2,
        coding: Coding | Codec = "pretty",
        reliable: bool = False,
        first_id: int = 1,
        timers: Timers | None = None,
        jitter: Callable[[], float] = lambda: 1.0,
        acknowledge: bool = False,
        segmentation: bool = True,
        max_transactions: int = 10,
        max_open: int = 10_000,
        max_remembered: int = 250_000,
        max_remembered_octets: int = 64 * 1024 * 1024,
        max_mids: int = 16,
        max_octets: int | None = None,
        max_segments: int = 4096,
        max_segment_octets: int = 4 * 1024 * 1024,
        segments_ahead: int = 8,
        pending_limit: int = 20,
    ) -> None:
        timers = _checked(timers or Timers())
        self.mid = mid
        self.peer_mid = peer_mid
        self.codec = codec_of(coding)
        self.reliable = reliable
        self._max_transactions = max_transactions
        self.carried_octets = TPKT_OCTETS if reliable else UDP_OCTETS
        """Longest message that the transport carries."""
        most = max_octets or self.carried_octets
        delay = Delay(timers, jitter)
        self._sender = Sender(mid, version, self.codec, most, max_transactions)
        self._requests = Requests(
            self._sender, timers, delay, first_id=first_id, reliable=reliable, acknowledge=acknowledge,
            max_open=max_open, pending_limit=pending_limit, max_segments=max_segments,
            max_segment_octets=max_segment_octets)
        self._replies = Replies(
            self._sender, timers, delay, reliable=reliable, segmentation=segmentation, pending_limit=pending_limit,
            max_remembered=max_remembered, max_remembered_octets=max_remembered_octets, max_mids=max_mids,
            segments_ahead=segments_ahead)

    # --- settings that may change ---

    @property
    def version(self) -> int:
        """Of the protocol, for what we send."""
        return self._sender.version

    @version.setter
    def version(self, version: int) -> None:
        self._sender.version = version

    @property
    def timers(self) -> Timers:
        """See `Timers`."""
        return self._requests.timers

    @timers.setter
    def timers(self, timers: Timers) -> None:
        self._requests.timers = self._replies.timers = _checked(timers)

    @property
    def max_octets(self) -> int:
        """Longest message that we send: what the transport carries, or what the peer takes if that is less."""
        return self._sender.max_octets

    @max_octets.setter
    def max_octets(self, octets: int) -> None:
        self._sender.max_octets = octets

    @property
    def own_pending_limit(self) -> int:
        """Most Pendings that we send for a request (root/MGOriginatedPendingLimit of a gateway)."""
        return self._replies.pending_limit

    @own_pending_limit.setter
    def own_pending_limit(self, limit: int) -> None:
        self._replies.pending_limit = limit

    @property
    def peer_pending_limit(self) -> int:
        """Most Pendings that the peer may send for a request (root/MGCOriginatedPendingLimit at a gateway)."""
        return self._requests.pending_limit

    @peer_pending_limit.setter
    def peer_pending_limit(self, limit: int) -> None:
        self._requests.pending_limit = limit

    # --- what the node asks for ---

    def request(self, actions: Iterable[Action], now: float) -> tuple[int, list[Event]]:
        """Send a transaction request.

        Returns:
            Its id, and the message to send.

        Raises:
            LocalProtocolError: it does not fit into a message (requests are never segmented), can't be encoded, or too
                many are open.
        """
        number, octets = self._requests.send(actions, now)
        return number, [Transmit(octets)]

    def request_many(self, many: Iterable[Iterable[Action]], now: float) -> tuple[list[int], list[Event]]:
        """Send several transaction requests in as few messages as they fit into.

        Raises:
            LocalProtocolError: as `request`; then none of them has left.
        """
        numbers, messages = self._requests.send_many(many, now)
        return numbers, [Transmit(octets) for octets in messages]

    def reply(
        self,
        number: int,
        result: Result,
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
        return self._replies.reply(number, result, now, mid, immediate_ack)

    def reply_many(
        self, results: Iterable[tuple[int, Result]], now: float, *, mid: str | None = None
    ) -> list[Event]:
        """Answer several requests in as few messages as the replies fit into.

        Raises:
            LocalProtocolError: as `reply`; then none of them has left.
        """
        return self._replies.reply_many(results, now, mid)

    def give_up(self, number: int) -> None:
        """Wait for the reply to this request of ours no longer; nothing more is heard of it."""
        self._requests.give_up(number)

    def give_up_all(self) -> list[TimedOut]:
        """Wait for no reply any longer; requests of the peer's are remembered all the same."""
        numbers = self._requests.numbers
        self._requests.forget()
        return [TimedOut(number, "given up") for number in numbers]

    def reconnected(self, now: float) -> list[Event]:
        """A new connection stands where one broke: once more what the peer may not have got (Annex D.2)."""
        return [*self._requests.repeat_all(now), *self._replies.repeat_all()]

    def forget(self) -> None:
        """Forget everything about the peer: it restarted, or another one took its place."""
        self._requests.forget()
        self._replies.forget()
        self._sender.forget()

    @property
    def next_id(self) -> int:
        """The id of the next request, as far as none waits under it."""
        return self._requests.next_id

    @property
    def open_requests(self) -> int:
        """How many requests of ours have no reply yet."""
        return len(self._requests)

    @property
    def remembered(self) -> tuple[int, int]:
        """How many requests of the peer's are remembered, and how many octets of replies to them."""
        return len(self._replies), self._replies.octets

    # --- what the peer sends ---

    def receive_data(self, data: bytes, now: float, source: Address | None = None) -> list[Event]:
        """Take one message; return what it means, oldest first.

        Args:
            source: where it came from. What answers it goes there (`Transmit.to`).
        """
        self._replies.forget_old(now)
        try:
            message = self.codec.decode(data)
        except PeerError as error:
            violation = PeerViolation(error)
            # An error message is never answered by another one, or two ends could go on for ever.
            if self.codec.is_error_message(data):
                return [violation]
            return [violation, Transmit(self._sender.refusal(400, f"{error}"), source)]
        wrong = self._wrong(message)
        if wrong is not None:
            code, why, problem = wrong
            refused = [] if message.error or not code else [Transmit(self._sender.refusal(code, why), source)]
            return [PeerViolation(problem), *refused]
        if message.error is not None:
            return [MessageRefused(message.error)]
        events: list[Event] = []
        for transaction in message.body:
            events += self._apply(transaction, message, len(data), source, now)
        return events

    def next_wakeup(self) -> float | None:
        """When `wake` has something to do, or None."""
        ours, theirs = self._requests.next_wakeup(), self._replies.next_wakeup()
        if ours is None or theirs is None:
            return ours if theirs is None else theirs
        return min(ours, theirs)

    def wake(self, now: float) -> list[Event]:
        """Repeat what is due, and give up what took too long."""
        self._replies.forget_old(now)
        return [*self._requests.wake(now), *self._replies.wake(now)]

    # --- inside ---

    def _wrong(self, message: Message) -> tuple[int, str, PeerError] | None:
        """Why a whole message is refused: error code (0: not told), its text, and what the trace says."""
        if message.version > NEWEST_VERSION:
            problem: PeerError = IncompatiblePeerError(f"protocol version {message.version}", clause="H.248.1 §8.3")
            return 406, "Version Not Supported", problem
        if self.peer_mid is not None and message.mid.lower() != self.peer_mid.lower():
            what = f"message of {message.mid}, where only {self.peer_mid} may speak"
            return 0, "", UnexpectedMessageError(what, clause="H.248.1 §8.3")
        if len(message.body) > self._max_transactions:
            what = f"{len(message.body)} transactions in a message, more than {self._max_transactions}"
            problem = UnexpectedMessageError(what, clause="H.248.1 §8.3")
            return 413, "Number of transactions in message exceeds limit", problem
        return None

    def _apply(
        self, transaction: Transaction, message: Message, octets: int, source: Address | None, now: float
    ) -> list[Event]:
        match transaction:
            case Request():
                return self._replies.on_request(transaction, message, source, now)
            case Reply(segment=None):
                return self._requests.on_reply(transaction, now)
            case Reply(id=number):
                if self._replies.segmentation and self.version >= 3:
                    return self._requests.on_segment(transaction, octets, now)
                what = f"segment {transaction.segment} of the reply to {number}, where segments were not agreed on"
                return [PeerViolation(UnexpectedMessageError(what, clause=SEGMENTATION))]
            case Pending(id=number):
                return self._requests.on_pending(number, now)
            case Ack(ranges=ranges):
                return self._replies.on_ack(ranges, message.mid)
            case Segment():
                return self._replies.on_segment_ack(transaction, message.mid, now)


def _checked(timers: Timers) -> Timers:
    if timers.lifetime >= timers.long:
        raise LocalProtocolError("a request may not be repeated once the peer may have forgotten it: lifetime < long")
    return timers
