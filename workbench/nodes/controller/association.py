"""The control association seen from the controller: one gateway, its requests, replies and indications on a transport.

Which state the gateway is in, and what a ServiceChange or a loss means, is `protocols.h248.supervision`'s; here it
meets the network and the book of contexts. What leaves does so as `Carry`; all else tells the node what happened.

Source: H.248.1 §7.2.8, §8, §11; Annex D.1 (UDP), D.2 (TCP); TS 29.334 §5.12, §5.17.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from workbench.nodes.controller import indications
from workbench.nodes.controller.book import Book
from workbench.nodes.controller.indications import Indication
from workbench.protocols.h248 import machine, supervision
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.coding import Coding
from workbench.protocols.h248.supervision import Changed, Meaning, State, Supervision
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


class Said(msgspec.Struct, frozen=True):
    """The gateway says something unasked; it has its reply already."""

    indication: Indication


class Stray(msgspec.Struct, frozen=True):
    """A heartbeat of a termination that we don't know (any more); it was refused with 411 or 430 already (H.248.36)."""

    context: int
    termination: str


class Remark(msgspec.Struct, frozen=True):
    """For the trace."""

    text: str


Event = Carry | Answered | Lost | Changed | Said | Stray | Remark

# What is counted, for those who run the node.
_TOTALS_OF: Mapping[type, str] = {
    machine.RequestReceived: "h248_requests_received", machine.ReplyReceived: "h248_replies_received",
    machine.TimedOut: "h248_requests_unanswered", machine.PeerViolation: "h248_messages_wrong",
    machine.MessageRefused: "h248_messages_wrong"}
_TOTALS = tuple(dict.fromkeys(_TOTALS_OF.values()))

# What is known of contexts is over with these; after a takeover there are contexts that nobody here knows.
_NO_CONTEXTS = (Meaning.BEGUN, Meaning.LEFT, Meaning.HANDED_OFF)


class Association:
    """A controller's half of a control association.

    Args:
        control: our own H.248 endpoint.
        gateway: whose messages are taken; None: the first gateway that registers.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
        transport: `udp`, or `tcp`: the gateway opens the connection.
        first_id: id of our first request.
        profiles: `name/version` of the profiles that are accepted (error 459 for others); empty: any.
        supervision: after this many seconds of silence the gateway is asked whether it lives; None: never.
        looks: at the start a gateway is looked for that obeyed us before (UDP; over TCP it comes back by itself).
    """

    def __init__(
        self,
        control: Endpoint,
        gateway: Endpoint | None,
        *,
        coding: Coding = "pretty",
        transport: Transport = "udp",
        first_id: int = 1001,
        profiles: Sequence[str] = (),
        supervision: float | None = None,
        looks: bool = False,
    ) -> None:
        self.control = control
        self.totals: Counter[str] = Counter(dict.fromkeys(_TOTALS, 0))
        self._looks = looks and transport == "udp"
        self.book = Book()
        self._only = gateway
        self._transport = transport
        self._supervision = Supervision(
            mid_of(control.host, control.port), profiles=profiles, versions=(1, 3), audit_interval=supervision,
            max_gateways=1, first_id=first_id, coding=coding, reliable=transport == "tcp")
        self._stream: Stream | None = None
        self._opened = False
        self._full = False
        self._framing = Tpkt()

    @property
    def gateway(self) -> supervision.Gateway | None:
        """The gateway that obeys us, or None."""
        return next(iter(self._supervision.gateways), None)

    @property
    def in_service(self) -> bool:
        """Whether there is a gateway that takes new contexts."""
        gateway = self.gateway
        return gateway is not None and self._supervision.state(gateway.mid) is State.REGISTERED

    # What the node asks for

    def request(self, actions: Iterable[h248.Action], now: float, why: str = "") -> tuple[int, list[Event]]:
        """Send a transaction request: its id, and what to carry.

        Raises:
            LocalProtocolError: it can't be encoded or does not fit, there is no gateway, or too many wait.
        """
        ordered = tuple(actions)
        number, events = self._supervision.request(self._mid(), ordered, now)
        self.book.ordered(number, ordered)
        return number, self._meant(events, now, why)

    def hand_off(self, mgc_id: str, now: float) -> list[Event]:
        """Order the gateway to another controller. Raises LocalProtocolError: there is none that could go."""
        return self._meant(self._supervision.hand_off(self._mid(), mgc_id, now), now)

    def restart(self, now: float) -> list[Event]:
        """Order the gateway to begin anew. Raises LocalProtocolError: there is none."""
        return self._meant(self._supervision.restart(self._mid(), now), now)

    def _mid(self) -> str:
        gateway = self.gateway
        if gateway is None:
            raise LocalProtocolError("no gateway has registered")
        if self._full:
            raise LocalProtocolError("the gateway reads more slowly than it is written to")
        return gateway.mid

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
                return self._started(now)
            case DatagramReceived(remote=remote, data=data):
                if self._only is not None and remote != self._only:
                    return [Carry(Drop(happened, "not from our gateway"))]
                return self._received(data, now, remote)
            case DatagramFailed(reason=reason):
                return [Remark(f"the gateway can't be reached: {reason}")]
            case StreamOffered(stream=stream):
                return self._offered(happened, stream, now)
            case _:
                return self._streamed(happened, now)

    def next_wakeup(self) -> float | None:
        """When `wake` has something to do."""
        return self._supervision.next_wakeup()

    def wake(self, now: float) -> list[Event]:
        """Repeat, give up, and look whether the gateway is still there."""
        return self._meant(self._supervision.wake(now), now)

    # Transport

    def _started(self, now: float) -> list[Event]:
        if self._transport == "tcp":
            return [Carry(Listen(self.control))]
        found = []
        if self._looks and self._only is not None:
            found = self._supervision.look_for((self._only.host, self._only.port), now)
        return [Carry(BindDatagrams(self.control)), *self._meant(found, now)]

    def _offered(self, happened: StreamOffered, stream: Stream, now: float) -> list[Event]:
        if self._only is not None and stream.remote.host != self._only.host:
            return [Carry(RefuseStream(stream)), Carry(Drop(happened, "not from our gateway"))]
        events: list[Event] = []
        if self._stream is not None:
            # The gateway opens anew: the connection that we still have is dead (Annex D.2).
            why = "the gateway has opened another connection"
            events = [Carry(AbortStream(self._stream, why)), *self._disconnected(why, now)]
        self._stream = stream
        self._framing = Tpkt()
        return [*events, Carry(AcceptStream(stream, "the gateway opens the control connection [H.248.1 Annex D.2]"))]

    def _streamed(self, happened: Happening, now: float) -> list[Event]:
        stream = getattr(happened, "stream", None)
        if stream is None or stream != self._stream:
            return []
        match happened:
            case StreamOpened():
                self._opened = True
            case StreamData(data=data):
                return self._stream_data(stream, data, now)
            case StreamFull():
                self._full = True
            case StreamWritable():
                self._full = False
            case StreamEnded():
                return [Carry(EndStream(stream))]
            case StreamFailed(reason=reason):
                return self._disconnected(f"connection failed: {reason}", now)
            case StreamClosed(reason=reason):
                return self._disconnected(f"connection lost: {reason}" if reason else "connection closed", now)
        return []

    def _stream_data(self, stream: Stream, data: bytes, now: float) -> list[Event]:
        events: list[Event] = []
        try:
            for message in self._framing.receive_data(data):
                events += self._received(message, now, stream.remote)
        except MalformedMessageError:
            pass  # said below
        if self._framing.broken is not None:
            events += [Remark(f"TPKT: {self._framing.broken}"), Carry(AbortStream(stream, "framing is lost")),
                       *self._disconnected("framing is lost", now)]
        return events

    def _disconnected(self, why: str, now: float) -> list[Event]:
        stream, self._stream, self._opened, self._full = self._stream, None, False, False
        if stream is None:
            return []
        return self._meant(self._supervision.disconnected((stream.remote.host, stream.remote.port), why), now)

    def _send(self, octets: bytes, to: machine.Address | None, why: str) -> list[Event]:
        if self._transport == "tcp":
            # Without a connection a reply is kept until the gateway asks again.
            if self._stream is None or not self._opened:
                return []
            return [Carry(SendStream(self._stream, Tpkt.frame(octets), why))]
        return [] if to is None else [Carry(SendDatagram(self.control, Endpoint(*to), octets, why))]

    # Transactions

    def _received(self, data: bytes, now: float, remote: Endpoint) -> list[Event]:
        return self._meant(self._supervision.receive_data(data, (remote.host, remote.port), now), now)

    def _meant(self, events: Sequence[supervision.Event], now: float, why: str = "") -> list[Event]:
        meant: list[Event] = []
        for event in events:
            match event:
                case machine.Transmit(octets=octets, to=to, why=reason):
                    meant += self._send(octets, to, reason or why)
                case Changed(meaning=meaning):
                    self._noted(meaning)
                    meant.append(event)
                case supervision.Heard(gateway=gateway, event=heard):
                    meant += self._heard(gateway, heard, now)
        return meant

    def _noted(self, meaning: Meaning) -> None:
        if meaning in _NO_CONTEXTS:
            self.book.forget()
        elif meaning is Meaning.TAKEN_OVER:
            self.book.forget()
            self.book.complete = False

    def _heard(self, gateway: supervision.Gateway, event: machine.Event, now: float) -> list[Event]:
        name = _TOTALS_OF.get(type(event))
        if name is not None:
            self.totals[name] += 1
        match event:
            case machine.ReplyReceived(id=number, reply=reply):
                self.book.take(reply, now)
                self.book.answered(number)
                return [Answered(number, reply)]
            case machine.TimedOut(id=number):
                self.book.answered(number)
                return [Lost(number)]
            case machine.RequestReceived(id=number, actions=actions):
                return self._obliged(gateway, number, actions, now)
            case machine.PeerViolation(error=error):
                return [Remark(f"H.248: {error}")]
            case machine.MessageRefused(error=error):
                return [Remark(f"the gateway refuses a message: {error.code} {error.text or ''}")]
        return []

    def _obliged(
        self, gateway: supervision.Gateway, number: int, actions: Sequence[h248.Action], now: float
    ) -> list[Event]:
        """A request of the gateway's: the reply first, then what it told."""
        replies: list[h248.ActionReply] = []
        told: list[Event] = []
        for action in actions:
            answers: list[h248.CommandReply] = []
            for command in action.commands:
                descriptors, events = self._command(action.context, command, now)
                answers.append(h248.CommandReply(command.kind, command.terminations, descriptors))
                told += events
                if isinstance(next(iter(descriptors), None), h248.ErrorDescriptor) and not command.optional:
                    break
            replies.append(h248.ActionReply(action.context, tuple(answers)))
        try:
            sent = self._supervision.reply(gateway.mid, number, tuple(replies), now)
        except LocalProtocolError as error:  # what the gateway wrote can't be written back
            told.append(Remark(f"the reply can't be encoded: {error}"))
            failed = h248.ErrorDescriptor(500, "internal software failure")
            sent = self._supervision.reply(gateway.mid, number, failed, now)
        return [*self._meant(sent, now, "controller's reply"), *told]

    def _command(
        self, context: int, command: h248.Command, now: float
    ) -> tuple[tuple[h248.Descriptor, ...], list[Event]]:
        """What is answered to a command of the gateway's, and what it means."""
        termination = command.terminations[0] if command.terminations else ""
        if command.kind is h248.Kind.SERVICE_CHANGE:
            change = indications.service_changed(context, command)
            if change is None:
                return (h248.ErrorDescriptor(472, "ServiceChange without Method"),), []
            if change.method == h248.Method.FORCED and context != h248.NULL:
                self.book.lose(context, change.termination, now)
            return (), [Said(change)]
        if command.kind is not h248.Kind.NOTIFY:
            return (h248.ErrorDescriptor(443, "not for a controller"),), []
        if command.descriptor(h248.ObservedEvents) is None:
            return (), []
        wrong = self.book.wrong(context, termination, now)
        if wrong is not None:
            told: list[Event] = [Remark(f"Notify of {termination} in context {context}: {wrong.code} {wrong.text}")]
            beats = any(isinstance(one, indications.TerminationHeartbeat)
                        for one in indications.observed(context, command))
            # With 435 it is ours, only elsewhere.
            return (wrong,), [*told, Stray(context, termination)] if beats and wrong.code != 435 else told
        return (), [Said(one) for one in indications.observed(context, command)]
