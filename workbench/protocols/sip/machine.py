"""SIP transactions over UDP, client and server, INVITE and other (RFC 3261 §17, RFC 6026), for one local endpoint.

Timers and repetitions are this machine's; what requests mean is its user's. A 2xx to INVITE is repeated here until
its ACK comes (RFC 3261 §13.3.1.4), and an ACK is repeated when a 2xx comes again (§13.2.2.4).
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError, PeerError, UnexpectedMessageError
from workbench.protocols.sip import wire
from workbench.protocols.sip.messages import Headers, Request, Response

Address = tuple[str, int]

T1 = 0.5
T2 = 4.0
T4 = 5.0
TRYING_AFTER = 0.2
LIFETIME = 64 * T1

_MAGIC = "z9hG4bK"


class Transmit(msgspec.Struct, frozen=True):
    """Octets for the network."""

    data: bytes
    to: Address


class RequestReceived(msgspec.Struct, frozen=True):
    """A new request; `key` names its transaction for `respond`. Its top Via tells where it came from (RFC 3581)."""

    key: str
    request: Request
    source: Address


class ResponseReceived(msgspec.Struct, frozen=True):
    """A response to the request of this transaction; each response comes once."""

    key: str
    response: Response
    source: Address


class AckReceived(msgspec.Struct, frozen=True):
    """The ACK for a 2xx that we sent; `key` is the INVITE's transaction, None if it is not known (any more)."""

    key: str | None
    request: Request


class TimedOut(msgspec.Struct, frozen=True):
    """Nobody answered our request, or nobody acknowledged our 2xx (RFC 3261 timers B, F, H)."""

    key: str


class PeerViolation(msgspec.Struct, frozen=True):
    """A datagram that is not SIP, or that fits nothing; it was dropped."""

    error: PeerError


Event = Transmit | RequestReceived | ResponseReceived | AckReceived | TimedOut | PeerViolation


class State(enum.Enum):
    """States of RFC 3261 figures 5 to 8 and RFC 6026 (`ACCEPTED`)."""

    CALLING = enum.auto()     # client: sent, nothing came back (also Trying of a non-INVITE client)
    PROCEEDING = enum.auto()  # 1xx came back, or (server) was sent or may be
    COMPLETED = enum.auto()   # final response came back, or was sent
    ACCEPTED = enum.auto()    # INVITE only: 2xx
    CONFIRMED = enum.auto()   # INVITE server: ACK came


class _Client(msgspec.Struct):
    key: str
    request: Request
    octets: bytes
    to: Address
    state: State
    repeat: float | None
    interval: float
    ends: float | None
    ack: bytes = b""
    seen: tuple[int, str] = (0, "")


class _Server(msgspec.Struct):
    key: str
    request: Request
    source: Address
    state: State
    ends: float | None = None
    repeat: float | None = None
    interval: float = T1
    octets: bytes = b""
    trying: float | None = None


class Transactions:
    """All transactions of one local endpoint.

    Args:
        sent_by: `host:port` for our Via.
        token: makes that many unpredictable letters and digits.
        most: transactions of each kind at a time; requests above it are dropped (the peer repeats them).
    """

    def __init__(self, sent_by: str, token: Callable[[int], str], *, most: int = 10_000) -> None:
        self._sent_by = sent_by
        self._token = token
        self._most = most
        self._clients: dict[str, _Client] = {}
        self._servers: dict[str, _Server] = {}

    def request(self, request: Request, to: Address, now: float) -> tuple[str, list[Event]]:
        """Send a request in a transaction of its own.

        Returns:
            The transaction's key, and what leaves.

        Raises:
            LocalProtocolError: ACK (see `ack`), or too many transactions.
        """
        if request.method == "ACK":
            raise LocalProtocolError("ACK for a 2xx is not a transaction of its own")
        if len(self._clients) >= self._most:
            raise LocalProtocolError(f"{self._most} client transactions are running")
        sent, branch = self._with_via(request)
        octets = wire.encode(sent)
        self._clients[branch] = _Client(branch, sent, octets, to, State.CALLING, now + T1, T1, now + LIFETIME)
        return branch, [Transmit(octets, to)]

    def ack(self, request: Request, to: Address, now: float) -> list[Event]:
        """Send the ACK for a 2xx; it is repeated whenever that 2xx comes again (RFC 3261 §13.2.2.4)."""
        sent, _ = self._with_via(request)
        octets = wire.encode(sent)
        for client in self._clients.values():
            if (client.state is State.ACCEPTED and client.request.call_id == request.call_id
                    and client.request.cseq[0] == request.cseq[0]):
                client.ack, client.to = octets, to
        return [Transmit(octets, to)]

    def respond(self, key: str, response: Response, now: float) -> list[Event]:
        """Answer a request. A transaction that is over by now is answered by nobody (nothing leaves)."""
        server = self._servers.get(key)
        if server is None or server.state not in (State.PROCEEDING,):
            return []
        server.octets = wire.encode(response)
        server.trying = None
        if response.status < 200:
            return [Transmit(server.octets, server.source)]
        server.ends = now + LIFETIME
        if server.request.method != "INVITE":
            server.state = State.COMPLETED
        else:
            server.state = State.ACCEPTED if response.status < 300 else State.COMPLETED
            server.repeat, server.interval = now + T1, T1
        return [Transmit(server.octets, server.source)]

    def receive_data(self, data: bytes, source: Address, now: float) -> list[Event]:
        """Take one datagram; return what it means, oldest first. A bad one is reported and dropped."""
        if not data.strip(b"\r\n\0"):
            return []  # a keep-alive (RFC 5626 §3.5.1)
        try:
            message = wire.decode(data)
            if isinstance(message, Response):
                return self._response(message, source, now)
            return self._request(message, source, now)
        except PeerError as error:
            return [PeerViolation(error)]

    def next_wakeup(self) -> float | None:
        """When the first timer is due, on the caller's clock."""
        moments = [m for c in self._clients.values() for m in (c.repeat, c.ends) if m is not None]
        moments += [m for s in self._servers.values() for m in (s.repeat, s.ends, s.trying) if m is not None]
        return min(moments, default=None)

    def wake(self, now: float) -> list[Event]:
        """Let timers run out: repetitions, time-outs, and the 100 that a slow user owes (RFC 3261 §17.2.1)."""
        events: list[Event] = []
        for client in list(self._clients.values()):
            if client.ends is not None and client.ends <= now:
                del self._clients[client.key]
                if client.state in (State.CALLING, State.PROCEEDING):
                    events.append(TimedOut(client.key))
            elif client.repeat is not None and client.repeat <= now:
                events.append(Transmit(client.octets, client.to))
                client.interval = self._next_interval(client)
                client.repeat = now + client.interval
        for server in list(self._servers.values()):
            if server.ends is not None and server.ends <= now:
                del self._servers[server.key]
                if server.request.method == "INVITE" and server.state in (State.ACCEPTED, State.COMPLETED):
                    events.append(TimedOut(server.key))
            elif server.repeat is not None and server.repeat <= now:
                events.append(Transmit(server.octets, server.source))
                server.interval = min(2 * server.interval, T2)
                server.repeat = now + server.interval
            elif server.trying is not None and server.trying <= now:
                server.trying = None
                server.octets = wire.encode(_trying(server.request))
                events.append(Transmit(server.octets, server.source))
        return events

    # Client side

    @staticmethod
    def _next_interval(client: _Client) -> float:
        if client.request.method == "INVITE":
            return 2 * client.interval  # timer A
        return T2 if client.state is State.PROCEEDING else min(2 * client.interval, T2)  # timer E

    def _with_via(self, request: Request) -> tuple[Request, str]:
        branch = _MAGIC + self._token(16)
        via = f"SIP/2.0/UDP {self._sent_by};branch={branch};rport"
        return msgspec.structs.replace(request, headers=request.headers.first("Via", via)), branch

    def _response(self, response: Response, source: Address, now: float) -> list[Event]:
        via = response.headers.get("Via") or ""
        client = self._clients.get(_parameter(via, "branch"))
        if client is None or client.request.method != response.method:
            return []  # late or strange: RFC 3261 §17.1.3, dropped
        invite = client.request.method == "INVITE"
        if client.state is State.ACCEPTED:
            if 200 <= response.status < 300:
                return [Transmit(client.ack, client.to)] if client.ack else []
            return []
        if client.state is State.COMPLETED:
            return [Transmit(client.ack, client.to)] if client.ack and response.status >= 300 else []
        if response.status < 200:
            client.state = State.PROCEEDING
            if invite:
                client.repeat, client.ends = None, None
            if client.seen == (response.status, response.to_tag):
                return []
            client.seen = (response.status, response.to_tag)
            return [ResponseReceived(client.key, response, source)]
        client.repeat = None
        if not invite:
            client.state, client.ends = State.COMPLETED, now + T4
            return [ResponseReceived(client.key, response, source)]
        client.ends = now + LIFETIME
        if response.status < 300:
            client.state = State.ACCEPTED
            return [ResponseReceived(client.key, response, source)]
        client.state = State.COMPLETED
        client.ack = wire.encode(_ack_for_refusal(client.request, response))
        return [Transmit(client.ack, client.to), ResponseReceived(client.key, response, source)]

    # Server side

    def _request(self, request: Request, source: Address, now: float) -> list[Event]:
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            if request.headers.get(name) is None:
                raise MalformedMessageError(f"a request without {name}", clause="RFC 3261 §8.1.1", offset=0)
        if request.cseq[1] != request.method:
            raise MalformedMessageError(
                f"CSeq of {request.cseq[1] or 'nothing'} in {request.method}", clause="RFC 3261 §8.1.1.5", offset=0)
        via = request.headers.get("Via") or ""
        key = f"{_parameter(via, 'branch')}/{_sent_by(via)}"
        if request.method == "ACK":
            return self._ack(request, key, now)
        key = f"{key}/{request.method}" if request.method == "CANCEL" else key
        server = self._servers.get(key)
        if server is not None:
            if server.request.method != request.method:
                raise UnexpectedMessageError("a branch used twice", clause="RFC 3261 §17.2.3", offset=0)
            return [Transmit(server.octets, server.source)] if server.octets else []
        if len(self._servers) >= self._most:
            raise UnexpectedMessageError(f"{self._most} transactions are running", clause="local limit")
        received = msgspec.structs.replace(request, headers=_with_source(request.headers, source))
        self._servers[key] = _Server(
            key, received, source, State.PROCEEDING, trying=now + TRYING_AFTER if request.method == "INVITE" else None,
            ends=None if request.method == "INVITE" else now + 2 * LIFETIME)
        return [RequestReceived(key, received, source)]

    def _ack(self, request: Request, key: str, now: float) -> list[Event]:
        server = self._servers.get(key)
        if server is not None and server.state is State.COMPLETED:
            server.state, server.repeat, server.ends = State.CONFIRMED, None, now + T4
            return []
        if server is not None and server.state is State.CONFIRMED:
            return []
        for accepted in self._servers.values():
            if (accepted.request.method == "INVITE" and accepted.request.call_id == request.call_id
                    and accepted.request.from_tag == request.from_tag and accepted.request.cseq[0] == request.cseq[0]):
                if accepted.state is not State.ACCEPTED:
                    return []
                accepted.state, accepted.repeat, accepted.ends = State.CONFIRMED, None, now + LIFETIME
                return [AckReceived(accepted.key, request)]
        return [AckReceived(None, request)]


def _trying(request: Request) -> Response:
    copied = ("via", "v", "from", "f", "to", "t", "call-id", "i", "cseq")
    kept = [(name, value) for name, value in request.headers.fields if name.lower() in copied]
    return Response(Headers(tuple(kept)), status=100, reason="Trying")


def _ack_for_refusal(request: Request, response: Response) -> Request:
    """The ACK of a 3xx to 6xx: same branch, To of the response (RFC 3261 §17.1.1.3)."""
    fields = [
        ("Via", request.headers.get("Via") or ""), ("From", request.headers.get("From") or ""),
        ("To", response.headers.get("To") or ""), ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq[0]} ACK"), ("Max-Forwards", "70"),
        *(("Route", route) for route in request.headers.all("Route")),
    ]
    return Request(Headers(tuple(fields)), method="ACK", uri=request.uri)


def _parameter(value: str, name: str) -> str:
    for part in value.split(",")[0].split(";")[1:]:
        own, _, content = part.partition("=")
        if own.strip().lower() == name:
            return content.strip()
    return ""


def _sent_by(via: str) -> str:
    return via.split(",")[0].split(";")[0].rpartition(" ")[2].strip().lower()


def _with_source(fields: Headers, source: Address) -> Headers:
    """The top Via with `received`, and with `rport` where it was asked for (RFC 3261 §18.2.1, RFC 3581 §4)."""
    tops = fields.fields
    for index, (name, value) in enumerate(tops):
        if name.lower() not in ("via", "v"):
            continue
        top, comma, rest = value.partition(",")
        parts = top.split(";")
        asked = any(part.strip().lower().partition("=")[0] == "rport" for part in parts[1:])
        parts = [f"rport={source[1]}" if part.strip().lower() == "rport" else part for part in parts]
        if asked or _sent_by(value).rpartition(":")[0].strip("[]") not in (source[0], ""):
            parts.append(f"received={source[0]}")
        return Headers((*tops[:index], (name, ";".join(parts) + comma + rest), *tops[index + 1 :]))
    return fields
