"""A STUN server: it answers Binding requests with the address that they came from, over UDP and TCP.

Source: RFC 8489 §6.3 (receiving), §6.2.2 (TCP: the client closes, the server waits), §12 (basic server).
"""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    Command,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Happening,
    Listen,
    RefuseStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
)
from workbench.protocols import stun

SOFTWARE = "workbench"
_SEEN = "STUN: the address that the request came from [RFC 8489 §6.3.1.1]"


class StunServer:
    """A basic STUN server without authentication.

    Args:
        address: where it listens, UDP and TCP.
        most: connections at a time; one more is refused.
    """

    def __init__(self, name: str, *, address: Endpoint, most: int = 1024) -> None:
        self.name = name
        self._address = address
        self._most = most
        self._streams: dict[Stream, stun.Incoming] = {}

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        match happened:
            case Started():
                return [BindDatagrams(self._address), Listen(self._address)]
            case DatagramReceived(remote=remote, data=data):
                return self._datagram(happened, remote, data)
            case StreamOffered(stream=stream):
                if len(self._streams) >= self._most:
                    return [RefuseStream(stream, f"{self._most} connections are open")]
                self._streams[stream] = stun.Incoming()
                return [AcceptStream(stream)]
            case StreamData(stream=stream, data=data) if stream in self._streams:
                return self._data(stream, data)
            case StreamEnded(stream=stream) if stream in self._streams:
                return [EndStream(stream)]
            case StreamClosed(stream=stream) | StreamFailed(stream=stream):
                self._streams.pop(stream, None)
        return []

    def next_wakeup(self) -> float | None:
        """Never: a server has no timers; a client keeps its connection as long as it wants to."""
        return None

    def _datagram(self, happened: DatagramReceived, remote: Endpoint, data: bytes) -> list[Command]:
        try:
            message = stun.decode(data)
        except PeerError as error:
            return [Drop(happened, str(error))]
        answer = _answer(message, remote)
        if answer is None:
            return [Drop(happened, "no Binding request")]
        return [SendDatagram(self._address, remote, answer, _SEEN)]

    def _data(self, stream: Stream, data: bytes) -> list[Command]:
        commands: list[Command] = []
        for event in self._streams[stream].receive_data(data):
            match event:
                case stun.Received(message=message):
                    answer = _answer(message, stream.remote)
                    commands += [] if answer is None else [SendStream(stream, answer, _SEEN)]
                case stun.PeerViolation(error=error):
                    del self._streams[stream]
                    commands.append(AbortStream(stream, str(error)))
        return commands


def _answer(message: stun.Message, seen: Endpoint) -> bytes | None:
    """None: not a request, so it is not answered (RFC 8489 §6.3.2)."""
    if message.kind is not stun.Class.REQUEST:
        return None
    if message.method != stun.BINDING:
        return stun.encode(stun.error_response(message, 400, "Bad Request"))
    if message.unknown:
        return stun.encode(stun.error_response(message, 420, "Unknown Attribute"))
    return stun.encode(stun.binding_success(message, (seen.host, seen.port), software=SOFTWARE))
