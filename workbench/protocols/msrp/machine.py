"""One end of an MSRP session on one connection (RFC 4975 §5.4, §7): octets in, events out."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.msrp import responses, wire
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.events import (
    Bound,
    Delivered,
    Event,
    MessageDropped,
    MessageFailed,
    MessageReceived,
    PeerViolation,
    RequestRefused,
    Transmit,
)
from workbench.protocols.msrp.messages import (
    Broken,
    ByteRange,
    Flag,
    Header,
    Headers,
    Method,
    Request,
    Response,
    Status,
    get,
)
from workbench.protocols.msrp.responses import Refusal
from workbench.protocols.msrp.transfers import Body, Coverage, Incoming, Outgoing
from workbench.protocols.msrp.uri import Matching, Path

__all__ = [
    "Bindings", "Body", "Bound", "Delivered", "Event", "MessageDropped", "MessageFailed", "MessageReceived",
    "PeerViolation", "RequestRefused", "Session", "State", "Transmit",
]

RESPONSE_SECONDS = 30.0
"""How long a SEND waits for its response (RFC 4975 §7.1.1)."""
INTERRUPTIBLE_ABOVE = 2048
"""A chunk with more octets has to leave its range end open (RFC 4975 §7.1.1)."""
OTHER_BODY_OCTETS = 10240
"""The longest body of a request that is not SEND (RFC 4975 §7.1)."""
_QUIET_LIMIT = 256
_UNREPORTED_LIMIT = 256
_TOKEN_LETTERS = 12  # 71 bits of letters and digits; 64 are asked for (RFC 4975 §7.1)


class State(enum.Enum):
    """Where the session stands (spec: RFC 4975 §5.4)."""

    WAITING = enum.auto()  # no connection yet
    UNBOUND = enum.auto()  # passive, connected, no request for our session yet
    OPEN = enum.auto()
    FAILED = enum.auto()   # 481 or 506, lost framing
    CLOSED = enum.auto()


class Bindings:
    """Which connection each session of an endpoint is tied to, for sessions that share a listener (RFC 4975 §7.3)."""

    def __init__(self) -> None:
        self._owners: dict[str, object] = {}

    def claim(self, session_id: str, owner: object) -> bool:
        """Tie a session to `owner`; False where another one has it."""
        return self._owners.setdefault(session_id, owner) is owner

    def release(self, owner: object) -> None:
        """Forget what `owner` holds."""
        self._owners = {key: value for key, value in self._owners.items() if value is not owner}


class Session:
    """One end of an MSRP session, for as long as its connection lasts.

    Args:
        local_path: our own `a=path`, as text or URIs; the last URI is ours, those before it are relays that we use.
        remote_path: the peer's `a=path`; the last URI is the peer's, those before it are relays that it uses.
        active: we opened the connection, so we send first.
        accept_types: media types that we take (`a=accept-types`); `*` for any, `text/*` for a group.
        token: makes that many unpredictable letters and digits.
        matching: how the To-Path of a request is compared with our URI.
        chunk_octets: the most body octets in one chunk.
        max_octets: the longest message that we take (`a=max-size`).
        max_messages: the most messages that we hold unfinished, and our own that wait.
        window: the most chunks without response; more leave as responses come.
        bindings: shared by the sessions of one endpoint; None where this connection serves one session only.

    Raises:
        MalformedMessageError: a path given as text that is not one.
    """

    def __init__(
        self,
        local_path: str | Sequence[uris.Uri],
        remote_path: str | Sequence[uris.Uri],
        *,
        active: bool,
        accept_types: Sequence[str],
        token: Callable[[int], str],
        matching: Matching = Matching.EXACT,
        chunk_octets: int = INTERRUPTIBLE_ABOVE,
        max_octets: int = 1 << 20,
        max_messages: int = 64,
        window: int = 16,
        bindings: Bindings | None = None,
    ) -> None:
        self.local_path: Path = _path(local_path)
        self.remote_path: Path = _path(remote_path)
        # a=path lists our relays as the peer meets them; we meet them the other way round (RFC 4976 §5.1).
        self._to_path: Path = (*reversed(self.local_path[:-1]), *self.remote_path)
        self._from_path: Path = self.local_path[-1:]
        self.active = active
        self.state = State.WAITING
        self._accept = tuple(kind.lower() for kind in accept_types)
        self._token = token
        self._matching = matching
        self._chunk = max(1, chunk_octets)
        self._max_octets = max_octets
        self._max_messages = max_messages
        self._window = max(1, window)
        self._bindings = bindings if bindings is not None else Bindings()
        self._reader = wire.Reader(max_octets)
        self._stopped: str | None = None   # transaction of the overlong chunk that has its 413 already
        self._incoming: dict[str, Incoming] = {}
        self._outgoing: dict[str, Outgoing] = {}
        self._waiting: dict[str, tuple[str, float]] = {}  # transaction -> Message-ID, when it is too late
        self._quiet: dict[str, str] = {}  # transactions that are answered on failure only -> Message-ID
        self._answered = False
        self._paused = False

    def opened(self, now: float) -> list[Event]:
        """The connection (and TLS above it) is up. The active end sends a SEND without body at once (RFC 4975 §5.4)."""
        if self.state is not State.WAITING:
            raise LocalProtocolError(f"opened while {self.state.name}")
        if not self.active:
            self.state = State.UNBOUND
            return []
        self.state = State.OPEN
        self._bindings.claim(self._own_id, self)
        message_id = self._token(_TOKEN_LETTERS)
        transaction = self._token(_TOKEN_LETTERS)
        self._waiting[transaction] = ("", now + RESPONSE_SECONDS)
        headers = (Header("Message-ID", message_id),)
        hello = Request(transaction, Method.SEND, self._to_path, self._from_path, headers)
        return [Transmit(wire.encode(hello))]

    def send(
        self, body: Body, content_type: str, now: float, success_report: bool = True, failure_report: str = "yes"
    ) -> tuple[str, list[Event]]:
        """Send a message. It is cut into chunks; those above the window leave later, as responses come.

        Args:
            body: what to say; no encoding is applied. It is read chunk by chunk, as they leave.
            content_type: its media type.
            now: seconds on the caller's clock.
            success_report: ask the peer to report when it has all of it (`Delivered`).
            failure_report: `yes`, `partial` or `no` (RFC 4975 §7.1.1).

        Returns:
            The Message-ID, and what leaves now. A passive end that is not bound yet keeps the message until it is.

        Raises:
            LocalProtocolError: there is no connection, too many messages wait, or an argument is not for MSRP.
        """
        if self.state not in (State.UNBOUND, State.OPEN):
            raise LocalProtocolError(f"send while {self.state.name}")
        if failure_report not in ("yes", "partial", "no"):
            raise LocalProtocolError(f"Failure-Report {failure_report!r}")
        if sum(not message.answered for message in self._outgoing.values()) >= self._max_messages:
            raise LocalProtocolError(f"{self._max_messages} messages are waiting already")
        self._forget_unreported()
        message_id = self._token(_TOKEN_LETTERS)
        reports: Headers = (Header("Success-Report", "yes"),) if success_report else ()
        reports += (Header("Failure-Report", failure_report),)
        self._outgoing[message_id] = Outgoing(message_id, body, content_type, reports)
        return message_id, self._push(now)

    def pause(self, paused: bool, now: float) -> list[Event]:
        """Start no further chunk for now, or go on: a=recvonly restricts SENDs with content only (RFC 4975 §8)."""
        self._paused = paused
        return self._push(now)

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take octets in any portions; return what they mean, oldest first.

        A message that is wrong inside is refused (400) and the session goes on. Where the stream can't be cut into
        messages any more, the list ends with `PeerViolation` and the session is FAILED.
        """
        if self.state not in (State.UNBOUND, State.OPEN):
            return []
        events: list[Event] = []
        for framed in self._reader.receive_data(data):
            if self.state not in (State.UNBOUND, State.OPEN):
                break
            match framed.message:
                case Response() as response:
                    events += self._response(response, now)
                case Request() as request:
                    events += self._request(request, now)
                case Broken() as broken:
                    events += self._broken(broken, framed.error)
                case None:
                    assert framed.error is not None
                    events += [*self._fail("the stream can't be read", 0), PeerViolation(framed.error)]
        if self.state in (State.UNBOUND, State.OPEN):
            events += self._stop_overlong()
        return events

    def ended(self, now: float) -> list[Event]:
        """The connection is gone: unfinished messages fail, in both directions (RFC 4975 §5.4)."""
        if self.state in (State.FAILED, State.CLOSED):
            return []
        events = self._fail("the connection ended", 0)
        self.state = State.CLOSED
        return events

    def next_wakeup(self) -> float | None:
        """When a response will be overdue."""
        return min((late for _, late in self._waiting.values()), default=None)

    def wake(self, now: float) -> list[Event]:
        """Give up waiting for responses that are overdue (RFC 4975 §7.1.1)."""
        overdue = [key for key, (_, late) in self._waiting.items() if late <= now]
        events: list[Event] = []
        for transaction in overdue:
            message_id, _ = self._waiting.pop(transaction, ("", 0.0))
            events += self._give_up(message_id, 408, f"no response within {RESPONSE_SECONDS:.0f} s")
        return events

    # Sending

    @property
    def _own_id(self) -> str:
        return self.local_path[-1].session_id or ""

    def _push(self, now: float) -> list[Event]:
        """Send what the window allows, oldest message first."""
        events: list[Event] = []
        if self.state is not State.OPEN or self._paused:
            return events
        for message in list(self._outgoing.values()):
            while not message.finished and len(self._waiting) < self._window:
                events.append(self._next_chunk(message, now))
            if not message.finished:
                break
            self._settle(message)
        return events

    def _next_chunk(self, message: Outgoing, now: float) -> Event:
        part = message.body[message.sent : message.sent + self._chunk]
        total = len(message.body)
        start, end = message.sent + 1, message.sent + len(part)
        message.sent = end
        message.finished = end == total
        # An open end lets the chunk be interrupted; one above 2048 octets must have it (RFC 4975 §7.1.1).
        open_end = not message.finished or len(part) > INTERRUPTIBLE_ABOVE
        span = ByteRange(start, None if open_end else end, total)
        return self._chunk_of(message, span, part, Flag.COMPLETE if message.finished else Flag.MORE, now)

    def _chunk_of(self, message: Outgoing, span: ByteRange, part: bytes, flag: Flag, now: float) -> Event:
        headers = (
            Header("Message-ID", message.message_id), Header("Byte-Range", str(span)), *message.reports,
            Header("Content-Type", message.content_type),
        )
        transaction = self._transaction_for(part)
        if message.reports[-1].value == "yes":
            self._waiting[transaction] = (message.message_id, now + RESPONSE_SECONDS)
            message.waiting += 1
        elif message.reports[-1].value == "partial":
            self._quiet[transaction] = message.message_id
            if len(self._quiet) > _QUIET_LIMIT:
                del self._quiet[next(iter(self._quiet))]
        request = Request(transaction, Method.SEND, self._to_path, self._from_path, headers, part, flag)
        return Transmit(wire.encode(request))

    def _transaction_for(self, body: bytes) -> str:
        """A transaction id that the body does not hold (RFC 4975 §7.1)."""
        for _ in range(16):
            transaction = self._token(_TOKEN_LETTERS)
            if transaction.encode() not in body:
                return transaction
        raise LocalProtocolError("no transaction id was found that is not in the body")

    def _settle(self, message: Outgoing) -> None:
        """Forget what of a message is not needed any more; all of it where no report is to come."""
        if message.answered:
            message.body = b""
            if not message.wants_report:
                self._outgoing.pop(message.message_id, None)

    def _forget_unreported(self) -> None:
        """A peer that never reports must not make us hold more and more: the oldest go first."""
        unreported = [key for key, message in self._outgoing.items() if message.answered]
        for message_id in unreported[: max(0, len(unreported) - _UNREPORTED_LIMIT)]:
            del self._outgoing[message_id]

    def _give_up(self, message_id: str, status: int, reason: str) -> list[Event]:
        message = self._outgoing.pop(message_id, None)
        self._waiting = {key: value for key, value in self._waiting.items() if value[0] != message_id or not message_id}
        if message is None and message_id:
            return []
        return [MessageFailed(message_id, status, reason)]

    def _fail(self, reason: str, status: int) -> list[Event]:
        self.state = State.FAILED
        self._bindings.release(self)
        events: list[Event] = [MessageFailed(message_id, status, reason) for message_id in self._outgoing]
        events += [MessageDropped(message_id) for message_id in self._incoming]
        self._outgoing.clear()
        self._incoming.clear()
        self._waiting.clear()
        return events

    # Receiving

    def _response(self, response: Response, now: float) -> list[Event]:
        known = self._waiting.pop(response.transaction, None)
        quiet = self._quiet.pop(response.transaction, None)
        if known is None and quiet is None:
            return []  # late, or never ours
        message_id = known[0] if known is not None else quiet or ""
        message = self._outgoing.get(message_id)
        if message is not None and known is not None:
            message.waiting -= 1
        if response.status == 200:
            events: list[Event] = []
            if not self._answered and self.active:
                self._answered = True
                events.append(Bound())
            if message is not None:
                self._settle(message)
            return events + self._push(now)
        reason = response.comment or responses.REASONS.get(response.status, "")
        if response.status in (481, 506):
            events = self._fail(reason, response.status)
            return events or [MessageFailed(message_id, response.status, reason)]
        events = []
        if response.status == 413 and message is not None and not message.finished and message.sent:
            events.append(self._interrupt(message, now))
        events += self._give_up(message_id, response.status, reason)
        return events + self._push(now)

    def _interrupt(self, message: Outgoing, now: float) -> Event:
        """Tell the receiver that no more will come: a chunk of no octets that ends with `#` (RFC 4975 §7.1.1)."""
        message.finished = True
        span = ByteRange(message.sent + 1, None, message.size)
        return self._chunk_of(message, span, b"", Flag.ABORTED, now)

    def _request(self, request: Request, now: float) -> list[Event]:
        if request.method not in (Method.SEND, Method.REPORT):
            return self._refuse(request, 501)
        if len(request.to_path) != 1 or not uris.equal(request.to_path[0], self.local_path[-1], self._matching):
            return self._refuse(request, 481)
        if not self._bindings.claim(self._own_id, self):
            return self._refuse(request, 506)
        events: list[Event] = []
        if self.state is State.UNBOUND:
            self.state = State.OPEN
            events.append(Bound())
        events += self._report(request) if request.method == Method.REPORT else self._take(request)
        return events + self._push(now)

    def _report(self, request: Request) -> list[Event]:
        """A REPORT is never answered (RFC 4975 §7.1.2)."""
        message_id = request.get("Message-ID") or ""
        message = self._outgoing.get(message_id)
        try:
            status = wire.decode_status(request.get("Status") or "")
            span = wire.decode_byte_range(request.get("Byte-Range") or f"1-*/{message.size if message else '*'}")
        except MalformedMessageError as error:
            return [RequestRefused(request.method, 400, error.what)]
        if message is None or status.namespace != 0:
            return []
        if status.code != 200:
            return self._give_up(message_id, status.code, status.comment or responses.REASONS.get(status.code, ""))
        end = span.end if span.end is not None else message.size
        if end > message.size:
            return [RequestRefused(request.method, 400, f"report on octet {end} of {message.size}")]
        message.reported.add(span.start, end + 1)
        if len(message.reported.ranges) > Coverage.LIMIT or not message.reported.whole(message.size):
            return []
        self._outgoing.pop(message_id)
        return [Delivered(message_id)]

    def _take(self, request: Request) -> list[Event]:
        """A SEND for our session."""
        message_id = request.get("Message-ID") or ""
        if request.body is None:
            return self._accepted(request) + self._reports(request, message_id, 0)
        try:
            message = self._store(request, message_id)
        except Refusal as refusal:
            self._incoming.pop(message_id, None)
            return self._refuse(request, refusal.status, refusal.reason)
        if request.flag is Flag.ABORTED:
            self._incoming.pop(message_id, None)
            return [*self._accepted(request), MessageDropped(message_id)]
        events = self._accepted(request)
        body = message.body
        if body is not None:
            self._incoming.pop(message_id, None)
            events += self._reports(request, message_id, len(body))
            events.append(MessageReceived(message_id, message.content_type, body))
        return events

    def _store(self, request: Request, message_id: str) -> Incoming:
        assert request.body is not None
        if wire.IDENT_PATTERN.fullmatch(message_id) is None:
            raise Refusal(400, "no Message-ID")
        content_type = request.get("Content-Type") or ""
        if not self._accepts(content_type):
            raise Refusal(415, f"{content_type.split(';')[0]} is not among the accepted types")
        try:
            span = wire.decode_byte_range(request.get("Byte-Range") or "1-*/*")
        except MalformedMessageError as error:
            raise Refusal(400, error.what) from None
        # How long a chunk is tells the payload, not the range; `$` tells how long the message is (RFC 4975 §7.3.1).
        # So the RFC's own examples arrive, whose ranges count the CRLF behind the body.
        end = span.start - 1 + len(request.body)
        if span.end is not None and len(request.body) > INTERRUPTIBLE_ABOVE:
            raise Refusal(400, f"{len(request.body)} octets in a chunk that can't be interrupted")
        if span.total is not None and end > span.total and request.flag is not Flag.COMPLETE:
            raise Refusal(400, f"body ends at octet {end} of {span.total}")
        if max(end, span.total or 0) > self._max_octets:
            raise Refusal(413, f"message of more than {self._max_octets} octets")
        message = self._incoming.get(message_id)
        if message is None:
            if len(self._incoming) >= self._max_messages:
                raise Refusal(413, f"{self._max_messages} unfinished messages")
            message = self._incoming[message_id] = Incoming()
        if request.flag is Flag.ABORTED:
            return message
        message.take(span.start, request.body, request.flag)
        message.content_type = content_type
        return message

    def _accepts(self, content_type: str) -> bool:
        kind = content_type.split(";")[0].strip().lower()
        return any(one in ("*", kind, f"{kind.partition('/')[0]}/*") for one in self._accept)

    def _accepted(self, request: Request) -> list[Event]:
        if responses.failure_report(request.headers) != "yes":
            return []
        return [Transmit(_answer(request, 200, "OK"))]

    def _reports(self, request: Request, message_id: str, total: int) -> list[Event]:
        if (request.get("Success-Report") or "no").lower() != "yes" or not message_id:
            return []
        headers = (
            Header("Message-ID", message_id), Header("Byte-Range", str(ByteRange(1, total, total))),
            Header("Status", str(Status(0, 200, "OK"))),
        )
        transaction = self._token(_TOKEN_LETTERS)
        report = Request(transaction, Method.REPORT, request.from_path, self._from_path, headers)
        return [Transmit(wire.encode(report))]

    def _refuse(self, request: Request, status: int, reason: str = "") -> list[Event]:
        events: list[Event] = [RequestRefused(request.method, status, reason or responses.REASONS[status])]
        allowed = responses.may_refuse(request.method, responses.failure_report(request.headers))
        if allowed and not (request.method == Method.SEND and self._stopped == request.transaction):
            events.insert(0, Transmit(_answer(request, status)))
        return events

    def _broken(self, broken: Broken, error: MalformedMessageError | None) -> list[Event]:
        """Refuse a message that has both ends and is wrong in between, as far as its paths can be read."""
        overlong = error is not None and error.clause == "RFC 4975 §10.5"
        status = 413 if overlong else 400
        events: list[Event] = [RequestRefused(broken.what, status, "" if error is None else str(error))]
        if broken.what.isdigit():
            return events
        if self._stopped != broken.transaction:
            events = _refusal_of(broken, status) + events
        self._stopped = None
        message_id = get(broken.headers, "Message-ID") or ""
        if self._incoming.pop(message_id, None) is not None:
            events.append(MessageDropped(message_id))
        return events

    def _stop_overlong(self) -> list[Event]:
        """Say 413 while an overlong chunk is still arriving, once."""
        overlong = self._reader.overflowing
        if overlong is None or overlong.transaction == self._stopped:
            return []
        self._stopped = overlong.transaction
        return _refusal_of(overlong, 413)


def _path(path: str | Sequence[uris.Uri]) -> Path:
    return uris.decode_path(path) if isinstance(path, str) else tuple(path)


def _answer(request: Request, status: int, comment: str = "") -> bytes:
    return responses.response(
        request.transaction, request.method, status, request.to_path, request.from_path, comment)


def _refusal_of(broken: Broken, status: int) -> list[Event]:
    """The response to a message whose headers may be wrong; none where it can't be addressed."""
    if not responses.may_refuse(broken.what, responses.failure_report(broken.headers)):
        return []
    try:
        back = uris.decode_path(get(broken.headers, "From-Path") or "")
        own = uris.decode_path(get(broken.headers, "To-Path") or "")
    except MalformedMessageError:
        return []
    return [Transmit(responses.response(broken.transaction, broken.what, status, own, back))]
