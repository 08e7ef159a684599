"""A KMS as a node: MIKEY-TICKET requests over HTTP/1.1 on TCP, answered from its users' keys.

How messages travel between user and KMS is provisional (`Transport`): the readable specifications say HTTP, no more.

Source: RFC 6043 §4.2; TS 33.328 §5.4.3; RFC 9112.
"""

from __future__ import annotations

import msgspec

from workbench.errors import PeerError
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Command,
    Endpoint,
    EndStream,
    Happening,
    Listen,
    Note,
    RefuseStream,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
)
from workbench.protocols.http import messages as http
from workbench.protocols.http import wire
from workbench.protocols.mikey.registry import DataType
from workbench.protocols.mikey.times import UNIX_EPOCH
from workbench.security.tickets import Answered, Kms

_RESOLVE = {bytes([kind]) for kind in (DataType.RESOLVE_INIT_PSK, DataType.RESOLVE_INIT_PK)}
PORT = 80
"""Where a KMS listens unless told otherwise. Provisional."""


class Transport(msgspec.Struct, frozen=True):
    """How MIKEY travels over HTTP. Provisional: TS 33.328 has the request's form where nobody may read it.

    Args:
        method, target: of the request.
        media_type: of both bodies (registered with IANA).
    """

    method: str = "POST"
    target: str = "/keymanagement"
    media_type: str = http.MIKEY


class KeyManagementService:
    """A KMS on one endpoint.

    Args:
        address: where it listens, TCP.
        kms: grants and resolves tickets.
        epoch: Unix seconds at which the node's time is 0.
        also: further endpoints, on other sides.
        most: connections at a time; one more is refused.
        resolves: False: who asks it to resolve a ticket gets no answer, for showing what then goes wrong.
    """

    def __init__(self, name: str, *, address: Endpoint, kms: Kms, epoch: float, transport: Transport | None = None,
                 also: tuple[Endpoint, ...] = (), most: int = 1024, resolves: bool = True) -> None:
        self.name = name
        self._addresses, self._kms, self._most = (address, *also), kms, most
        self._resolves = resolves
        self._transport = transport or Transport()
        self._since_1900 = epoch + UNIX_EPOCH
        self._streams: dict[Stream, wire.Inbox] = {}

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        match happened:
            case Started():
                return [Listen(address) for address in self._addresses]
            case StreamOffered(stream=stream):
                if len(self._streams) >= self._most:
                    return [RefuseStream(stream, f"{self._most} connections are open")]
                self._streams[stream] = wire.Inbox()
                return [AcceptStream(stream)]
            case StreamData(stream=stream, data=data) if stream in self._streams:
                return self._data(stream, data, now)
            case StreamEnded(stream=stream) if stream in self._streams:
                return [EndStream(stream)]
            case StreamClosed(stream=stream) | StreamFailed(stream=stream):
                self._streams.pop(stream, None)
        return []

    def next_wakeup(self) -> float | None:
        """Never: clients keep their connections as long as they want to."""
        return None

    def _data(self, stream: Stream, data: bytes, now: float) -> list[Command]:
        inbox = self._streams[stream]
        commands: list[Command] = []
        for message in inbox.receive_data(data):
            commands += self._message(stream, message, now)
        if inbox.error is not None:
            commands += self._gone(stream, inbox.error)
        return commands

    def _message(self, stream: Stream, message: http.Message, now: float) -> list[Command]:
        way = self._transport
        if not isinstance(message, http.Request):
            return [Note(f"{stream.remote}: a response, and nothing was asked [RFC 9112 §9.2]")]
        if message.target != way.target:
            return [self._send(stream, http.answer(404, "Not Found"), f"no {message.target} here")]
        if message.method != way.method:
            return [self._send(stream, http.answer(405, "Method Not Allowed"), f"{message.method}, not {way.method}")]
        if message.content_type != way.media_type:
            return [self._send(stream, http.answer(415, "Unsupported Media Type"), f"not {way.media_type}")]
        return self._asked(stream, message.body, now)

    def _asked(self, stream: Stream, octets: bytes, now: float) -> list[Command]:
        """A MIKEY message. An Error message is an answer like any other, so its status is 200 too."""
        if not self._resolves and octets[1:2] in _RESOLVE:
            return [Note("who wants a ticket resolved gets no answer here")]
        found = self._kms.receive(octets, self._since_1900 + now)
        if isinstance(found, Answered):
            why = f"KMS: {found.what} [RFC 6043 §4.2]"
            return [self._send(stream, http.answer(200, "OK", found.octets, self._transport.media_type), why)]
        why = f"KMS refuses: {found}"
        if not found.octets:
            return [Note(why), self._send(stream, http.answer(204, "No Content"), "an Error is not answered")]
        return [Note(why), self._send(stream, http.answer(200, "OK", found.octets, self._transport.media_type), why)]

    def _send(self, stream: Stream, answer: http.Response, why: str) -> Command:
        return SendStream(stream, wire.encode(answer), why)

    def _gone(self, stream: Stream, error: PeerError) -> list[Command]:
        del self._streams[stream]
        return [AbortStream(stream, str(error))]
