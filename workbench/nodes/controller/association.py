"""The control association seen from the controller: one gateway, its registration, requests, replies and indications.

    NO GATEWAY     the gateway's ServiceChange (Restart, Disconnected, Failover, HandOff) on ROOT -> IN SERVICE
    IN SERVICE     ServiceChange Forced or Graceful on ROOT, a lost connection, silence -> NO GATEWAY

What leaves does so as `Carry`; everything else tells the node what happened.

Source: H.248.1 §7.2.8, §8, §11; Annex D.1 (UDP), D.2 (TCP); TS 29.334 §5.12, §5.17.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    Command,
    DatagramFailed,
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
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
)
from workbench.nodes.controller import indications, iq
from workbench.nodes.controller.book import Book
from workbench.nodes.controller.indications import Indication, ServiceChanged
from workbench.protocols.h248 import machine
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.coding import Coding
from workbench.protocols.h248.transport import Tpkt, mid_of

Transport = Literal["udp", "tcp"]


class Carry(msgspec.Struct, frozen=True):
    """This has to be carried."""

    command: Command


class Answered(msgspec.Struct, frozen=True):
    """The reply to a request of ours."""

    id: int
    reply: h248.Reply


class Lost(msgspec.Struct, frozen=True):
    """A request of ours got no reply."""

    id: int


class Up(msgspec.Struct, frozen=True):
    """The gateway is in service; `kept` says whether its contexts are still there."""

    change: ServiceChanged
    kept: bool


class Down(msgspec.Struct, frozen=True):
    """There is no gateway any more; its contexts may come back with it."""

    why: str


class Said(msgspec.Struct, frozen=True):
    """The gateway says something unasked; it has its reply already."""

    indication: Indication


class Remark(msgspec.Struct, frozen=True):
    """For the trace."""

    text: str


Event = Carry | Answered | Lost | Up | Down | Said | Remark

_COMES = (h248.Method.RESTART, h248.Method.DISCONNECTED, h248.Method.FAILOVER, h248.Method.HAND_OFF)
_GOES = (h248.Method.FORCED, h248.Method.GRACEFUL)


class Association:
    """A controller's half of a control association.

    Args:
        control: our own H.248 endpoint.
        gateway: whose messages are taken; None: the first gateway that registers.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
        transport: `udp`, or `tcp`: the gateway opens the connection.
        first_id: id of our first request.
        profiles: `name/version` of the profiles that are accepted (error 459 for others); None: any.
        supervision: after this many seconds of silence the gateway is asked whether it lives; None: never.
        timers: see `machine.Timers`.
    """

    def __init__(
        self,
        control: Endpoint,
        gateway: Endpoint | None,
        *,
        coding: Coding = "pretty",
        transport: Transport = "udp",
        first_id: int = 1001,
        profiles: frozenset[str] | None = None,
        supervision: float | None = None,
        timers: machine.Timers | None = None,
    ) -> None:
        self.control = control
        self.gateway = gateway
        self.in_service = False
        self.book = Book()
        self._anyone = gateway is None
        self._transport = transport
        self._h248 = machine.Transactions(
            mid_of(control.host, control.port), coding=coding, reliable=transport == "tcp", first_id=first_id,
            timers=timers)
        self._profiles = profiles
        self._supervision = supervision
        self._heard = 0.0
        self._audit: int | None = None
        self._stream: Stream | None = None
        self._opened = False
        self._full = False
        self._connections = 0
        self._framing = Tpkt()

    # What the node asks for

    def request(self, actions: Iterable[h248.Action], now: float, why: str = "") -> tuple[int, list[Event]]:
        """Send a transaction request: its id, and what to carry.

        Raises:
            LocalProtocolError: it can't be encoded or does not fit, there is no gateway, or too many wait.
        """
        if self._full:
            raise LocalProtocolError("the gateway reads more slowly than it is written to")
        if self._transport == "udp" and self.gateway is None:
            raise LocalProtocolError("no gateway has registered")
        number, events = self._h248.request(actions, now)
        return number, self._meant(events, now, why)

    # What happens

    def concerns(self, happened: Happening) -> bool:
        """Whether this is for the association."""
        match happened:
            case Started():
                return True
            case DatagramReceived(local=local) | DatagramFailed(local=local):
                return local == self.control
            case (StreamOffered(stream=stream) | StreamOpened(stream=stream) | StreamFailed(stream=stream)
                  | StreamData(stream=stream) | StreamFull(stream=stream) | StreamWritable(stream=stream)
                  | StreamEnded(stream=stream) | StreamClosed(stream=stream)):
                return stream.local == self.control
        return False

    def handle(self, happened: Happening, now: float) -> list[Event]:
        """Take a happening; what it means."""
        match happened:
            case Started():
                return [Carry(Listen(self.control) if self._transport == "tcp" else BindDatagrams(self.control))]
            case DatagramReceived(remote=remote, data=data):
                if not self._ours(remote):
                    return [Carry(Drop(happened, "not from our gateway"))]
                return self._received(data, now, remote)
            case DatagramFailed(reason=reason):
                return [Remark(f"the gateway can't be reached: {reason}")]
            case StreamOffered(stream=stream):
                return self._offered(happened, stream)
            case _:
                return self._streamed(happened, now)

    def next_wakeup(self) -> float | None:
        """When `wake` has something to do."""
        moments = [self._h248.next_wakeup(), self._silent_at()]
        return min((moment for moment in moments if moment is not None), default=None)

    def wake(self, now: float) -> list[Event]:
        """Repeat, give up, and look whether the gateway is still there."""
        events = self._meant(self._h248.wake(now), now)
        silent = self._silent_at()
        if silent is not None and silent <= now:
            self._heard = now
            self._audit, asked = self._h248.request((iq.supervise(),), now)
            events += self._meant(asked, now, "is the gateway there? [TS 29.334 §5.12]")
        return events

    def _silent_at(self) -> float | None:
        if self._supervision is None or not self.in_service or self._audit is not None:
            return None
        return self._heard + self._supervision

    # Transport

    def _ours(self, remote: Endpoint) -> bool:
        return self.gateway is None or remote == self.gateway or (self._anyone and not self.in_service)

    def _offered(self, happened: StreamOffered, stream: Stream) -> list[Event]:
        if self._stream == stream or self._transport != "tcp":
            return [Carry(RefuseStream(stream)), Carry(Drop(happened, "no connection is expected"))]
        if self.gateway is not None and not self._anyone and stream.remote.host != self.gateway.host:
            return [Carry(RefuseStream(stream)), Carry(Drop(happened, "not from our gateway"))]
        events: list[Event] = []
        if self._stream is not None:
            # The gateway opens anew: the connection that we still have is dead (Annex D.2).
            events = [Carry(AbortStream(self._stream, "the gateway has opened another connection"))]
        self._stream, self._opened, self._full = stream, False, False
        self._framing = Tpkt()
        return [*events, Carry(AcceptStream(stream, "the gateway opens the control connection [H.248.1 Annex D.2]"))]

    def _streamed(self, happened: Happening, now: float) -> list[Event]:
        stream = getattr(happened, "stream", None)
        if stream is None or stream != self._stream:
            return []
        match happened:
            case StreamOpened():
                self._opened = True
                self.gateway = stream.remote
                self._connections += 1
                return self._meant(self._h248.reconnected(now), now) if self._connections > 1 else []
            case StreamData(data=data):
                return self._stream_data(stream, data, now)
            case StreamFull():
                self._full = True
            case StreamWritable():
                self._full = False
            case StreamEnded():
                return [Carry(EndStream(stream))]
            case StreamFailed(reason=reason):
                return self._disconnected(f"connection failed: {reason}")
            case StreamClosed(reason=reason):
                return self._disconnected(f"connection lost: {reason}" if reason else "connection closed")
        return []

    def _stream_data(self, stream: Stream, data: bytes, now: float) -> list[Event]:
        events: list[Event] = []
        try:
            messages = self._framing.receive_data(data)
        except MalformedMessageError as error:
            return [Remark(f"TPKT: {error}"), Carry(AbortStream(stream, "framing is lost")),
                    *self._disconnected("framing is lost")]
        for message in messages:
            events += self._received(message, now, stream.remote)
        if self._framing.broken is not None:
            events += [Remark(f"TPKT: {self._framing.broken}"), Carry(AbortStream(stream, "framing is lost")),
                       *self._disconnected("framing is lost")]
        return events

    def _disconnected(self, why: str) -> list[Event]:
        self._stream, self._opened, self._full = None, False, False
        return self._down(why)

    def _send(self, octets: bytes, to: machine.Address | None, why: str) -> list[Event]:
        if self._transport == "tcp":
            if self._stream is None or not self._opened:
                return []  # a reply is kept and a request repeated when the gateway has connected again
            return [Carry(SendStream(self._stream, Tpkt.frame(octets), why))]
        remote = Endpoint(*to) if to is not None else self.gateway
        return [] if remote is None else [Carry(SendDatagram(self.control, remote, octets, why))]

    # Transactions

    def _received(self, data: bytes, now: float, remote: Endpoint) -> list[Event]:
        self._heard = now
        source = (remote.host, remote.port) if self._transport == "udp" else None
        return self._meant(self._h248.receive_data(data, now, source), now)

    def _meant(self, events: Sequence[machine.Event], now: float, why: str = "") -> list[Event]:
        meant: list[Event] = []
        for event in events:
            match event:
                case machine.Transmit(octets=octets, to=to):
                    meant += self._send(octets, to, why)
                case machine.ReplyReceived(id=number, reply=reply):
                    self.book.take(reply, now)
                    if number == self._audit:
                        self._audit = None
                    else:
                        meant.append(Answered(number, reply))
                case machine.TimedOut(id=number):
                    if number == self._audit:
                        self._audit = None
                        meant += self._down("the gateway does not answer")
                    else:
                        meant.append(Lost(number))
                case machine.RequestReceived(id=number, actions=actions, mid=mid, source=source):
                    meant += self._obliged(number, actions, mid, source, now)
                case machine.PeerViolation(error=error):
                    meant.append(Remark(f"H.248: {error}"))
                case machine.MessageRefused(error=error):
                    meant.append(Remark(f"the gateway refuses a message: {error.code} {error.text or ''}"))
        return meant

    def _obliged(
        self, number: int, actions: Sequence[h248.Action], mid: str, source: machine.Address | None, now: float
    ) -> list[Event]:
        """A request of the gateway's: the reply first, then what it told."""
        replies: list[h248.ActionReply] = []
        told: list[Event] = []
        for action in actions:
            answers: list[h248.CommandReply] = []
            for command in action.commands:
                descriptors, events = self._command(action.context, command, source, now)
                answers.append(h248.CommandReply(command.kind, command.terminations, descriptors))
                told += events
                if isinstance(next(iter(descriptors), None), h248.ErrorDescriptor) and not command.optional:
                    break
            replies.append(h248.ActionReply(action.context, tuple(answers)))
        try:
            sent = self._h248.reply(number, tuple(replies), now, mid=mid)
        except LocalProtocolError as error:  # what the gateway wrote can't be written back
            told.append(Remark(f"the reply can't be encoded: {error}"))
            sent = self._h248.reply(number, h248.ErrorDescriptor(500, "internal software failure"), now, mid=mid)
        return [*self._meant(sent, now, "controller's reply"), *told]

    def _command(
        self, context: int, command: h248.Command, source: machine.Address | None, now: float
    ) -> tuple[tuple[h248.Descriptor, ...], list[Event]]:
        """What is answered to a command of the gateway's, and what it means."""
        if command.kind is h248.Kind.SERVICE_CHANGE:
            return self._service_change(context, command, source, now)
        if command.kind is not h248.Kind.NOTIFY:
            return (h248.ErrorDescriptor(443, "not for a controller"),), []
        if command.descriptor(h248.ObservedEvents) is None:
            return (), []
        wrong = self.book.wrong(context, command.terminations[0] if command.terminations else "", now)
        said: list[Event] = [Said(one) for one in indications.observed(context, command)]
        if wrong is not None:
            return (wrong,), [Remark(f"Notify of {command.terminations[0]} in context {context}: {wrong.code}")]
        return (), said

    # Registration

    def _service_change(
        self, context: int, command: h248.Command, source: machine.Address | None, now: float
    ) -> tuple[tuple[h248.Descriptor, ...], list[Event]]:
        services = command.descriptor(h248.Services)
        change = indications.service_changed(context, command)
        if services is None or change is None:
            return (h248.ErrorDescriptor(472, "ServiceChange without Method"),), []
        if not change.of_gateway:
            if change.method == h248.Method.FORCED and context != h248.NULL:
                self.book.lose(context, change.termination, now)
            return (), [Said(change)]
        if change.method in _GOES:
            down = self._down(f"{change.method} {change.code} {change.reason}".strip())
            return (), [Said(change), *down]
        if change.method not in _COMES:
            return (h248.ErrorDescriptor(501, "ServiceChange method"),), []
        if self._profiles is not None and services.profile is not None and services.profile not in self._profiles:
            return (h248.ErrorDescriptor(459, services.profile),), []
        return (self._registered(services),), self._up(services, change, source)

    def _registered(self, services: h248.Services) -> h248.Services:
        """The reply: the highest version that both sides know, and the profile."""
        version = services.version
        if version is not None:
            version = min(version, machine.NEWEST_VERSION)
            self._h248.version = version
        return h248.Services(version=version, profile=services.profile)

    def _up(self, services: h248.Services, change: ServiceChanged, source: machine.Address | None) -> list[Event]:
        if self._transport == "udp" and source is not None and self._anyone:
            self.gateway = Endpoint(*source)
        if self._transport == "udp" and services.address and self.gateway is not None:
            self.gateway = _told(services.address, self.gateway)
        kept = change.method != h248.Method.RESTART
        if not kept:
            self.book.forget()
        self.in_service = True
        return [Up(change, kept)]

    def _down(self, why: str) -> list[Event]:
        was, self.in_service, self._audit = self.in_service, False, None
        return [Down(why)] if was else []


def _told(address: str, before: Endpoint) -> Endpoint:
    """Where the gateway wants to be addressed (ServiceChangeAddress): a port, or a message identifier."""
    if address.isascii() and address.isdigit():
        return Endpoint(before.host, int(address)) if 0 < int(address) < 65_536 else before
    found = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?", address)
    if found is None:
        return before
    port = int(found[2]) if found[2] else before.port
    return Endpoint(found[1], port) if 0 < port < 65_536 else before
