"""SIP transactions over UDP, client and server, INVITE and others, for one local endpoint. Octets in, events out.

Timers and repetitions are this machine's, what a message means is its user's (the TU of RFC 3261). Two things that
RFC 3261 leaves to the TU are done here too, because they are nothing but repetition: a 2xx to INVITE is sent again
until its ACK comes (§13.3.1.4), and that ACK is sent again when the 2xx comes again (§13.2.2.4).

Source: RFC 3261 §17 (figures 5 to 8, timers of table 4), RFC 6026 (2xx to INVITE), RFC 3581 (rport).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

import msgspec

from workbench.errors import LocalProtocolError, PeerError, UnexpectedMessageError
from workbench.protocols.sip import wire
from workbench.protocols.sip.grammar import Via, split
from workbench.protocols.sip.messages import REASONS, Headers, Request, Response, canonical

Address = tuple[str, int]
"""Host and port of a UDP endpoint."""

# RFC 3261 table 4, in seconds
T1 = 0.5
T2 = 4.0
T4 = 5.0
LIFETIME = 64 * T1       # timers B, F, H, J, L, M; D for UDP
TRYING_AFTER = 0.2       # §17.2.1: 100 unless the TU answers before
PROCEEDING_FOR = 180.0   # no final response to an INVITE: timer C of §16.6, here for every INVITE client

_COOKIE = "z9hG4bK"


class Transmit(msgspec.Struct, frozen=True):
    """One datagram for the network."""

    data: bytes
    to: Address


class RequestReceived(msgspec.Struct, frozen=True):
    """A new request. `key` names its transaction for `respond`; its top Via tells where it came from (RFC 3581)."""

    key: str
    request: Request
    source: Address


class ResponseReceived(msgspec.Struct, frozen=True):
    """A response to the request of transaction `key`. Repetitions are not reported."""

    key: str
    response: Response
    source: Address


class AckReceived(msgspec.Struct, frozen=True):
    """The ACK for a 2xx of ours, once. `key` is the INVITE's transaction; None: we know of no such 2xx (any more)."""

    key: str | None
    request: Request


class TimedOut(msgspec.Struct, frozen=True):
    """Our request got no (final) response, or our final response to INVITE no ACK: timers B, F, C, H, L."""

    key: str
    request: Request


class PeerViolation(msgspec.Struct, frozen=True):
    """A datagram that is not SIP, or that fits nothing; it was dropped."""

    error: PeerError


Event = Transmit | RequestReceived | ResponseReceived | AckReceived | TimedOut | PeerViolation


class State(enum.StrEnum):
    """States of RFC 3261 figures 5 to 8 and of RFC 6026."""

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    ACCEPTED = "Accepted"
    CONFIRMED = "Confirmed"
    TERMINATED = "Terminated"


# What a response does to a client transaction, by kind, state and class of status code. States that are missing
# ignore the response, except for what `_response` does about repetitions.
CLIENT: dict[tuple[str, State, int], State] = {
    ("INVITE", State.CALLING, 1): State.PROCEEDING,      # figure 5
    ("INVITE", State.CALLING, 2): State.ACCEPTED,        # RFC 6026 figure 3
    ("INVITE", State.CALLING, 3): State.COMPLETED,
    ("INVITE", State.PROCEEDING, 1): State.PROCEEDING,
    ("INVITE", State.PROCEEDING, 2): State.ACCEPTED,
    ("INVITE", State.PROCEEDING, 3): State.COMPLETED,
    ("INVITE", State.ACCEPTED, 2): State.ACCEPTED,       # of another branch of a fork: reported, else repetition
    ("other", State.TRYING, 1): State.PROCEEDING,        # figure 6
    ("other", State.TRYING, 2): State.COMPLETED,
    ("other", State.TRYING, 3): State.COMPLETED,
    ("other", State.PROCEEDING, 1): State.PROCEEDING,
    ("other", State.PROCEEDING, 2): State.COMPLETED,
    ("other", State.PROCEEDING, 3): State.COMPLETED,
}
"""Client transitions: (kind, state, 1: provisional, 2: 2xx, 3: 3xx to 6xx) to the next state."""

# What the TU's response does to a server transaction.
SERVER: dict[tuple[str, State, int], State] = {
    ("INVITE", State.PROCEEDING, 1): State.PROCEEDING,   # figure 7
    ("INVITE", State.PROCEEDING, 2): State.ACCEPTED,     # RFC 6026 figure 1
    ("INVITE", State.PROCEEDING, 3): State.COMPLETED,
    ("other", State.TRYING, 1): State.PROCEEDING,        # figure 8
    ("other", State.TRYING, 2): State.COMPLETED,
    ("other", State.TRYING, 3): State.COMPLETED,
    ("other", State.PROCEEDING, 1): State.PROCEEDING,
    ("other", State.PROCEEDING, 2): State.COMPLETED,
    ("other", State.PROCEEDING, 3): State.COMPLETED,
}
"""Server transitions: (kind, state, class of the TU's response) to the next state."""


class _Transaction(msgspec.Struct):
    """What both sides keep.

    Args:
        repeat: when `octets` leave again (timers A, E, G), and after which interval the time after that.
        ends: when it is over (timers B, C, D, F, H, I, J, K, L, M).
    """

    key: str
    request: Request
    to: Address
    state: State
    octets: bytes = b""
    repeat: float | None = None
    interval: float = T1
    ends: float | None = None

    @property
    def kind(self) -> str:
        return "INVITE" if self.request.method == "INVITE" else "other"

    def moments(self) -> Iterable[float | None]:
        return (self.repeat, self.ends)

    def due(self, now: float) -> bool:
        """A repetition is due, and not after the transaction's end."""
        return self.repeat is not None and self.repeat <= now and (self.ends is None or self.repeat < self.ends)


class _Client(_Transaction):
    acks: dict[str, tuple[bytes, Address]] = {}
    heard: set[tuple[int, str]] = set()
    early: bytes = b""


class _Server(_Transaction):
    trying: float | None = None

    def moments(self) -> Iterable[float | None]:
        return (self.repeat, self.ends, self.trying)


class Transactions:
    """All transactions of one local UDP endpoint.

    Args:
        sent_by: `host:port` for our Via.
        token: makes that many unpredictable letters and digits.
        max_transactions: server transactions at a time; a request above is dropped and reported.
    """

    def __init__(self, sent_by: str, token: Callable[[int], str], *, max_transactions: int = 4_096) -> None:
        self._sent_by = sent_by
        self._token = token
        self._most = max_transactions
        self._clients: dict[str, _Client] = {}
        self._servers: dict[str, _Server] = {}
        # Server INVITE transactions by dialog and CSeq, for the ACK of their 2xx (another branch, RFC 3261 §13.2.2.4).
        self._accepted: dict[tuple[str, str, str, int], str] = {}

    # What the user asks for

    def request(self, request: Request, to: Address, now: float) -> tuple[str, list[Event]]:
        """Send a request in a new client transaction.

        Returns:
            The transaction's key, and what leaves.

        Raises:
            LocalProtocolError: an ACK, which is no transaction (see `ack`).
        """
        if request.method == "ACK":
            raise LocalProtocolError("ACK starts no transaction")
        branch = _COOKIE + self._token(16)
        sent = self._with_via(request, branch)
        return self._start(sent, to, now)

    def cancel(self, key: str, now: float) -> tuple[str, list[Event]] | None:
        """Send CANCEL for our INVITE; None where there is nothing to cancel (no 1xx yet, or a final response).

        The INVITE's own final response (487, or a 2xx that was faster) is reported in its transaction.

        Source: RFC 3261 §9.1.
        """
        client = self._clients.get(key)
        if client is None or client.kind != "INVITE" or client.state is not State.PROCEEDING:
            return None
        client.ends = now + LIFETIME
        return self._start(_follow_up(client.request, "CANCEL", client.request.headers.get("To") or ""), client.to, now)

    def ack(self, request: Request, to: Address, now: float) -> list[Event]:
        """Send the ACK for a 2xx. It leaves again whenever that 2xx comes again (RFC 3261 §13.2.2.4)."""
        sent = self._with_via(request, _COOKIE + self._token(16))
        octets = wire.encode(sent)
        for client in self._clients.values():
            if (client.state is State.ACCEPTED and client.request.call_id == request.call_id
                    and client.request.cseq.number == request.cseq.number):
                client.acks[request.to_tag] = (octets, to)
        return [Transmit(octets, to)]

    def respond(self, key: str, response: Response, now: float) -> list[Event]:
        """Answer the request of a server transaction. One that is over, or has its final response, sends nothing."""
        server = self._servers.get(key)
        if server is None:
            return []
        after = SERVER.get((server.kind, server.state, _class(response.status)))
        if after is None:
            return []
        server.state, server.octets, server.trying = after, wire.encode(response), None
        if after is State.COMPLETED:
            server.ends = now + LIFETIME                                # timers H, J
            if server.kind == "INVITE":
                server.repeat, server.interval = now + T1, T1           # timer G
        elif after is State.ACCEPTED:
            server.ends = now + LIFETIME                                # timer L
            server.repeat, server.interval = now + T1, T1               # §13.3.1.4
            self._accepted[_dialog_key(server.request, response.to_tag)] = key
        return [Transmit(server.octets, server.to)]

    def matching_invite(self, cancel: Request) -> str | None:
        """The key of the INVITE that a received CANCEL is for; None where there is none (RFC 3261 §9.2)."""
        key = _server_key(cancel, "INVITE")
        return key if key in self._servers else None

    # What the network and the clock bring

    def receive_data(self, data: bytes, source: Address, now: float) -> list[Event]:
        """Take one datagram; return what it means, oldest first. A bad one is reported and dropped."""
        if not data.strip(b"\r\n\0"):
            return []  # keep-alive (RFC 5626 §3.5.1)
        try:
            message = wire.decode(data)
            if isinstance(message, Response):
                return self._response(message, source, now)
            if message.method == "ACK":
                return self._ack(message, now)
            return self._request(message, source, now)
        except PeerError as error:
            return [PeerViolation(error)]

    def next_wakeup(self) -> float | None:
        """When the first timer is due, on the caller's clock; None: none runs."""
        moments = (
            moment for group in (self._clients, self._servers) for one in group.values()
            for moment in one.moments() if moment is not None)
        return min(moments, default=None)

    def wake(self, now: float) -> list[Event]:
        """Let timers run out, in the order in which they are due."""
        events: list[tuple[float, Event]] = []
        for client in list(self._clients.values()):
            self._wake_client(client, now, events)
        for server in list(self._servers.values()):
            self._wake_server(server, now, events)
        return [event for _, event in sorted(events, key=lambda pair: pair[0])]

    # Client side

    def _start(self, sent: Request, to: Address, now: float) -> tuple[str, list[Event]]:
        key = f"{sent.via.branch} {sent.method}"
        octets = wire.encode(sent)
        state = State.CALLING if sent.method == "INVITE" else State.TRYING
        self._clients[key] = _Client(
            key, sent, to, state, octets, repeat=now + T1, ends=now + LIFETIME)        # timers A, E and B, F
        return key, [Transmit(octets, to)]

    def _with_via(self, request: Request, branch: str) -> Request:
        via = f"SIP/2.0/UDP {self._sent_by};branch={branch};rport"
        return request.with_headers(request.headers.without("Via").added("Via", via, first=True))

    def _response(self, response: Response, source: Address, now: float) -> list[Event]:
        via = response.via
        client = self._clients.get(f"{via.branch} {response.method}")
        if client is None or via.sent_by != self._sent_by.lower():
            raise UnexpectedMessageError(
                f"{response.status} to {response.method} answers no request of ours", clause="RFC 3261 §18.1.2")
        kind = _class(response.status)
        if client.kind == "INVITE" and client.state is State.COMPLETED and kind == 3:
            return [Transmit(*client.acks[""])]                                         # figure 5: ACK again
        after = CLIENT.get((client.kind, client.state, kind))
        if after is None:
            return []
        heard = (response.status, response.to_tag)
        if kind == 1:
            client.state = after
            if client.kind == "INVITE":
                client.repeat = None
                client.ends = now + PROCEEDING_FOR
            again = client.early == response.body and heard in client.heard and response.headers.get("RSeq") is None
            client.early = response.body
        else:
            again = heard in client.heard
        client.heard = {*list(client.heard)[-15:], heard}
        if kind == 1:
            return [] if again else [ResponseReceived(client.key, response, source)]
        if client.state is State.ACCEPTED and again:
            ack = client.acks.get(response.to_tag)
            return [Transmit(*ack)] if ack is not None else []
        events: list[Event] = []
        if client.state is not after:
            client.state, client.repeat = after, None
            client.ends = now + (LIFETIME if client.kind == "INVITE" else T4)           # timers D, M and K
            if client.kind == "INVITE" and after is State.COMPLETED:
                ack_octets = wire.encode(_follow_up(client.request, "ACK", response.headers.get("To") or ""))
                client.acks = {"": (ack_octets, client.to)}
                events.append(Transmit(ack_octets, client.to))
        return [*events, ResponseReceived(client.key, response, source)]

    def _wake_client(self, client: _Client, now: float, events: list[tuple[float, Event]]) -> None:
        while client.due(now):
            assert client.repeat is not None
            events.append((client.repeat, Transmit(client.octets, client.to)))
            if client.kind == "INVITE":
                client.interval *= 2                                                    # timer A
            else:
                client.interval = T2 if client.state is State.PROCEEDING else min(2 * client.interval, T2)  # timer E
            client.repeat += client.interval
        if client.ends is not None and client.ends <= now:
            del self._clients[client.key]
            if client.state in (State.CALLING, State.TRYING, State.PROCEEDING):
                events.append((client.ends, TimedOut(client.key, client.request)))

    # Server side

    def _request(self, request: Request, source: Address, now: float) -> list[Event]:
        key = _server_key(request, request.method)
        server = self._servers.get(key)
        if server is not None:
            # An INVITE in Accepted is absorbed: its 2xx has a timer of its own (RFC 6026 §7.1).
            again = server.octets and server.state in (State.PROCEEDING, State.COMPLETED)
            return [Transmit(server.octets, server.to)] if again else []
        if len(self._servers) >= self._most:
            raise UnexpectedMessageError(f"{self._most} transactions are running", clause="RFC 3261 §21.5.4")
        received, to = _with_source(request, source)
        invite = request.method == "INVITE"
        self._servers[key] = _Server(
            key, received, to, State.PROCEEDING if invite else State.TRYING,
            trying=now + TRYING_AFTER if invite else None,
            # A TU that never answers must not keep us holding the request for ever.
            ends=None if invite else now + 2 * LIFETIME)
        return [RequestReceived(key, received, source)]

    def _ack(self, ack: Request, now: float) -> list[Event]:
        server = self._servers.get(_server_key(ack, "INVITE"))
        if server is not None and server.state in (State.COMPLETED, State.CONFIRMED):
            if server.state is State.COMPLETED:
                server.state, server.repeat, server.ends = State.CONFIRMED, None, now + T4     # timer I
            return []
        key = self._accepted.get(_dialog_key(ack, ack.to_tag))
        if key is None:
            return [AckReceived(None, ack)]
        accepted = self._servers[key]
        if accepted.repeat is None:
            return []                                                                   # a repeated ACK
        accepted.repeat, accepted.ends = None, now + LIFETIME
        return [AckReceived(key, ack)]

    def _wake_server(self, server: _Server, now: float, events: list[tuple[float, Event]]) -> None:
        if server.trying is not None and server.trying <= now:
            server.octets = wire.encode(_trying(server.request))
            events.append((server.trying, Transmit(server.octets, server.to)))
            server.trying = None
        waits = server.repeat is not None
        while server.due(now):
            assert server.repeat is not None
            events.append((server.repeat, Transmit(server.octets, server.to)))
            server.interval = min(2 * server.interval, T2)                              # timer G, §13.3.1.4
            server.repeat += server.interval
        if server.ends is not None and server.ends <= now:
            del self._servers[server.key]
            self._accepted = {dialog: key for dialog, key in self._accepted.items() if key != server.key}
            if server.kind == "INVITE" and waits:
                events.append((server.ends, TimedOut(server.key, server.request)))


def _class(status: int) -> int:
    """1: provisional, 2: success, 3: everything that ends in failure."""
    return min(status // 100, 3)


def _dialog_key(request: Request, to_tag: str) -> tuple[str, str, str, int]:
    return (request.call_id, request.from_tag, to_tag, request.cseq.number)


def _server_key(request: Request, method: str) -> str:
    """What a request and its repetitions have in common (RFC 3261 §17.2.3)."""
    via = request.via
    if via.branch.startswith(_COOKIE):
        return f"{via.branch} {via.sent_by} {method}"
    # A sender of RFC 2543 makes no unique branch: the message itself names the transaction.
    return f"{via.sent_by} {request.call_id} {request.from_tag} {request.cseq.number} {method}"


def _with_source(request: Request, source: Address) -> tuple[Request, Address]:
    """The request with `received` and `rport` in its top Via, and where responses go (§18.2.1, RFC 3581 §4)."""
    via = request.via
    asked = via.parameter("rport") is not None
    if asked:
        via = via.with_parameter("rport", str(source[1]))
    if asked or via.host.strip("[]").lower() != source[0].lower():
        via = via.with_parameter("received", source[0])
    to = (source[0], source[1] if asked else via.port or 5060)
    return request.with_headers(_with_top_via(request.headers, via)), to


def _with_top_via(headers: Headers, via: Via) -> Headers:
    fields = list(headers.fields)
    for index, (name, value) in enumerate(fields):
        members = split(value, ",")
        if canonical(name) == "via" and members:
            fields[index] = (name, ", ".join((str(via), *members[1:])))
            break
    return Headers(tuple(fields))


def _trying(request: Request) -> Response:
    """The 100 that the transaction sends for a TU that takes its time (§17.2.1); To gets no tag."""
    copied = ("via", "from", "to", "call-id", "cseq", "timestamp")
    fields = tuple(field for field in request.headers if canonical(field[0]) in copied)
    return Response(Headers(fields), status=100, reason=REASONS[100])


def _follow_up(request: Request, method: str, to: str) -> Request:
    """An ACK for a failure, or a CANCEL: same branch, Request-URI, Call-ID, From and CSeq number (§17.1.1.3, §9.1)."""
    fields = [
        ("Via", str(request.via)), ("From", request.headers.get("From") or ""), ("To", to),
        ("Call-ID", request.call_id), ("CSeq", f"{request.cseq.number} {method}"),
        *(("Route", route) for route in request.headers.all("Route")), ("Max-Forwards", "70"),
    ]
    return Request(Headers(tuple(fields)), method=method, uri=request.uri)
