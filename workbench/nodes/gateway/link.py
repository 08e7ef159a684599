"""What carries H.248 between a gateway and its controllers: datagrams, or a TCP connection that the gateway opens.

The association decides, this module carries: its messages and connections become commands, what arrives goes to it, and
what it reports goes back to the node.

Source: H.248.1 Annex D; TS 29.334 §5.12.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal

from workbench.errors import MalformedMessageError
from workbench.net.values import (
    AbortStream,
    BindDatagrams,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Happening,
    Note,
    OpenStream,
    Prefer,
    SendDatagram,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFull,
    StreamOpened,
    StreamWritable,
)
from workbench.nodes.gateway.settings import Outbox
from workbench.protocols.h248.association import Association, Connect, Disconnect, Event
from workbench.protocols.h248.machine import Address, PeerViolation, Transmit
from workbench.protocols.h248.transport import Tpkt

Transport = Literal["udp", "tcp"]

_MOST_HELD = 1_048_576


class _Connection:
    """A connection to one controller, and what waits for room on it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.framing = Tpkt()
        self.open = False
        self.full = False
        self.held: deque[tuple[bytes, str]] = deque()
        self.held_octets = 0


class Link:
    """The transport of a gateway's control association.

    Args:
        local: the gateway's H.248 endpoint.
        transport: `udp`, or `tcp` with TPKT framing.
        out: where commands go.
    """

    def __init__(self, local: Endpoint, transport: Transport, association: Association, out: Outbox) -> None:
        self._local = local
        self._transport = transport
        self._association = association
        self._out = out
        self._connections: dict[Stream, _Connection] = {}

    def start(self) -> None:
        """Be ready for what controllers send, whatever else arrives."""
        if self._transport == "udp":
            self._out.order(BindDatagrams(self._local))
        self._out.order(Prefer(self._local))

    def concerns(self, stream: Stream) -> bool:
        """Whether this connection is one to a controller."""
        return stream in self._connections

    def carry(self, events: Iterable[Event], now: float, why: str = "") -> list[Event]:
        """Carry what can be carried; what is left is for the node.

        Args:
            why: for messages that do not say so themselves.
        """
        left: list[Event] = []
        for event in events:
            match event:
                case Transmit(octets=octets, to=to):
                    left += self._send(octets, _endpoint(to), event.why or why, now)
                case Connect(to=to):
                    self._connect(_endpoint(to))
                case Disconnect(to=to, orderly=orderly):
                    self._disconnect(_endpoint(to), orderly)
                case _:
                    left.append(event)
        return left

    def datagram(self, happened: DatagramReceived, now: float) -> list[Event]:
        """A datagram at our endpoint."""
        remote = happened.remote
        source = (remote.host, remote.port)
        known = self._association.knows(source)
        if not known:
            self._out.order(Drop(happened, f"{remote} is not the controller"))
        events = self._association.receive_data(happened.data, source, now)
        return self.carry([one for one in events if known or not isinstance(one, PeerViolation)], now)

    def streamed(self, happened: Happening, stream: Stream, now: float) -> list[Event]:
        """Something happened on a connection to a controller."""
        connection = self._connections[stream]
        match happened:
            case StreamOpened():
                connection.open = True
                return self.carry(self._association.connected(_address(stream), now), now)
            case StreamData(data=data):
                return self._arrived(connection, data, now)
            case StreamFull():
                connection.full = True
            case StreamWritable():
                connection.full = False
                self._flush(connection)
            case StreamEnded():
                self._out.order(EndStream(stream, "the controller has closed its direction"))
                return self._over(stream, "the controller has closed the connection", now)
            case StreamFailed(reason=reason):
                return self._over(stream, str(reason), now)
            case StreamClosed(reason=reason):
                return self._over(stream, "closed" if reason is None else str(reason), now)
        return []

    # --- datagrams and connections ---

    def _send(self, octets: bytes, to: Endpoint, why: str, now: float) -> list[Event]:
        if self._transport == "udp":
            self._out.order(SendDatagram(self._local, to, octets, why))
            return []
        connection = self._connections.get(Stream(self._local, to))
        if connection is None or not connection.open:
            self._out.order(Note(f"no connection to {to} for a message"))
            return []
        framed = Tpkt.frame(octets)
        if not connection.full:
            self._out.order(SendStream(connection.stream, framed, why))
            return []
        connection.held.append((framed, why))
        connection.held_octets += len(framed)
        if connection.held_octets <= _MOST_HELD:
            return []
        self._out.order(AbortStream(connection.stream, "the controller does not read"))
        return self._over(connection.stream, "the controller does not read", now)

    def _flush(self, connection: _Connection) -> None:
        while connection.held:
            framed, why = connection.held.popleft()
            connection.held_octets -= len(framed)
            self._out.order(SendStream(connection.stream, framed, why))

    def _connect(self, to: Endpoint) -> None:
        stream = Stream(self._local, to)
        if stream in self._connections:
            self._out.order(AbortStream(stream, "this connection to the controller is not used any more"))
        self._connections[stream] = _Connection(stream)
        self._out.order(OpenStream(stream, "the gateway opens the control connection [H.248.1 Annex D.2]"))

    def _disconnect(self, to: Endpoint, orderly: bool) -> None:
        connection = self._connections.pop(Stream(self._local, to), None)
        if connection is None:
            return
        if orderly and connection.open:
            self._flush(connection)
            self._out.order(EndStream(connection.stream, "this controller is not obeyed any more"))
        else:
            self._out.order(AbortStream(connection.stream, "this controller is given up"))

    def _arrived(self, connection: _Connection, data: bytes, now: float) -> list[Event]:
        left: list[Event] = []
        try:
            messages = connection.framing.receive_data(data)
        except MalformedMessageError:
            messages = []
        for message in messages:
            if self._connections.get(connection.stream) is connection:  # an order may end it
                received = self._association.receive_data(message, _address(connection.stream), now)
                left += self.carry(received, now)
        broken = connection.framing.broken
        if broken is not None and self._connections.get(connection.stream) is connection:
            self._out.order(AbortStream(connection.stream, f"framing is lost: {broken}"))
            left += self._over(connection.stream, f"framing is lost: {broken}", now)
        return left

    def _over(self, stream: Stream, why: str, now: float) -> list[Event]:
        self._connections.pop(stream, None)
        return self.carry(self._association.disconnected(_address(stream), why, now), now)


def _endpoint(address: Address | None) -> Endpoint:
    host, port = address or ("", 0)
    return Endpoint(host, port)


def _address(stream: Stream) -> Address:
    return stream.remote.host, stream.remote.port
