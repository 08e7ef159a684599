"""The node: H.248 from one controller on one side, connections on the other.

Source: H.248.1 §7.2.8 (registration), §8; TS 29.334 §5.12 (transport), §5.17.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.errors import LocalProtocolError, PeerError
from workbench.net.values import (
    BindDatagrams,
    Command,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Endpoint,
    Happening,
    Listen,
    Note,
    RefuseStream,
    SendDatagram,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFlushed,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    Unlisten,
    Woke,
)
from workbench.nodes.gateway.addresses import Addresses
from workbench.nodes.gateway.bearer import Bearer, State
from workbench.nodes.gateway.contexts import HEARTBEAT, Termination
from workbench.nodes.gateway.control import Control
from workbench.nodes.gateway.reporting import time_stamp
from workbench.nodes.gateway.settings import Limits, Outbox, Policy, Profile
from workbench.nodes.gateway.watching import Notification
from workbench.protocols.h248 import machine
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.coding import Codec, Coding
from workbench.protocols.h248.packages import Registry
from workbench.security.identities import Identity

INACTIVITY = "it/ito"
REALMS_CHANGED = "ipra/arc"
_HANGS = (410, 411, 430, 435)
_AGAIN = 5.0
_MOST_FOREIGN_OCTETS = 8_192
_READY = (Listen, Unlisten, Note)


class Gateway:
    """A media gateway (MG) with one controller.

    Args:
        name: of the node.
        profile: what this kind of gateway knows.
        control: its own H.248 endpoint.
        controller: whose orders it takes; nobody else's.
        addresses: realm, or the first label of its name, to the gateway's address there, or to several.
        identity: its certificate and key; one for all terminations.
        registry: names of packages' items.
        ports: first and last local port for media at each address.
        port_step: distance of the ports that are given.
        epoch: Unix seconds at which `now` is 0, for time stamps.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
    """

    def __init__(
        self,
        name: str,
        *,
        profile: Profile,
        control: Endpoint,
        controller: Endpoint,
        addresses: Mapping[str, str | Sequence[str]],
        identity: Identity,
        registry: Registry,
        policy: Policy,
        limits: Limits,
        ports: tuple[int, int],
        port_step: int = 2,
        epoch: float,
        coding: Coding | Codec,
    ) -> None:
        self.name = name
        self._profile = profile
        self._local = control
        self._controller = controller
        self._registry = registry
        self._epoch = epoch
        self._out = Outbox()
        self._h248 = machine.Transactions(f"[{control.host}]:{control.port}", coding=coding)
        self._addresses = Addresses(addresses, ports, port_step, binary=coding == "binary")
        self._control = Control(
            profile=profile, limits=limits, policy=policy, identity=identity,
            addresses=self._addresses, registry=registry, out=self._out, stamp=self._stamp)
        self._registration: int | None = None
        self._registered = False
        self._register_at: float | None = None
        self._method = (h248.Method.RESTART, "901 Cold Boot")
        self._notified: dict[int, h248.Command] = {}
        self._heard = 0.0

    # The node

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        match happened:
            case Started():
                self._out.order(BindDatagrams(self._local))
                self._register(now)
            case DatagramReceived(local=local, remote=remote, data=data):
                self._datagram(happened, local, remote, data, now)
            case StreamOffered(stream=stream):
                self._offered(happened, stream, now)
            case (StreamOpened(stream=stream) | StreamFailed(stream=stream) | StreamData(stream=stream)
                  | StreamFull(stream=stream) | StreamWritable(stream=stream) | StreamFlushed(stream=stream)
                  | StreamEnded(stream=stream)
                  | StreamClosed(stream=stream)):
                self._streamed(happened, stream, now)
            case Woke():
                self._wake(now)
            case DatagramFailed(reason=reason):
                self._out.order(Note(f"the controller can't be reached: {reason}"))
            case _:
                self._out.order(Drop(happened, "nothing here is concerned"))
        self._report(now)
        self._control.ended()
        return self._out.taken()

    def next_wakeup(self) -> float | None:
        """The first timer of H.248, a heartbeat or a bearer."""
        moments = [
            self._h248.next_wakeup(), self._register_at, self._inactive_at(), self._out.agenda.next_wakeup()]
        return min((moment for moment in moments if moment is not None), default=None)

    def _wake(self, now: float) -> None:
        self._controlled(self._h248.wake(now), now)
        if self._register_at is not None and self._register_at <= now:
            self._register(now)
        for owner in self._out.agenda.due(now):
            if isinstance(owner, Bearer):
                owner.wake(now)
            elif isinstance(owner, Termination):
                self._control.wake(owner, now)
            self._out.agenda.add(owner)
        inactive = self._inactive_at()
        if inactive is not None and inactive <= now:
            self._heard = now
            self._control.watcher.detected_event(self._control.root, INACTIVITY, None, (), now)

    # The controller

    def _datagram(self, happened: Happening, local: Endpoint, remote: Endpoint, data: bytes, now: float) -> None:
        if local != self._local:
            self._out.order(Drop(happened, "no termination here takes datagrams"))
        elif remote != self._controller:
            self._foreign(happened, remote, data)
        else:
            self._heard = now
            self._controlled(self._h248.receive_data(data, now), now)

    def _foreign(self, happened: Happening, remote: Endpoint, data: bytes) -> None:
        """Somebody else's message: nothing is done, and a request is told so once (error 504)."""
        self._out.order(Drop(happened, f"{remote} is not the controller"))
        if len(data) > _MOST_FOREIGN_OCTETS:
            return
        try:
            message = self._h248.codec.decode(data)
        except PeerError:
            return
        refusal = h248.ErrorDescriptor(504, "this gateway has another controller")
        replies = tuple(h248.Reply(one.id, error=refusal) for one in message.body if isinstance(one, h248.Request))
        if replies:
            octets = self._h248.codec.encode(h248.Message(1, self._h248.mid, replies[:10]))
            self._out.order(SendDatagram(self._local, remote, octets, "another controller is refused (504) [H.248.8]"))

    def _controlled(self, events: Sequence[machine.Event], now: float, why: str = "") -> None:
        for event in events:
            match event:
                case machine.Transmit(octets=octets):
                    self._out.order(SendDatagram(self._local, self._controller, octets, why))
                case machine.RequestReceived(id=number, actions=actions):
                    self._obey(number, actions, now)
                case machine.ReplyReceived(id=number, reply=reply):
                    self._replied(number, reply, now)
                case machine.TimedOut(id=number):
                    self._unanswered(number, now)
                case machine.PeerViolation(error=error):
                    self._out.order(Note(f"H.248: {error}"))
                case machine.MessageRefused(error=error):
                    self._out.order(Note(f"the controller refuses a message: {error.code} {error.text or ''}"))

    def _obey(self, number: int, actions: Sequence[h248.Action], now: float) -> None:
        """Carry out a request. What was reserved is ready when the reply leaves; what it sets in motion comes after."""
        if not self._registered:
            early = h248.ErrorDescriptor(505, "request before the reply to ServiceChange")
            self._controlled(self._h248.reply(number, early, now), now, "not registered yet [H.248.1 §7.2.8]")
            return
        kept, self._out.commands = self._out.commands, []
        replies = self._control.execute(actions, now)
        caused, self._out.commands = self._out.commands, kept
        self._out.order(*(command for command in caused if isinstance(command, _READY)))
        self._controlled(self._answer(number, replies, now), now, _why(actions, replies))
        self._out.order(*(command for command in caused if not isinstance(command, _READY)))
        if self._control.restart_ordered:
            self._control.restart_ordered = False
            self._registered = False
            self._method = (h248.Method.RESTART, "903 MGC Directed Change")
            self._register(now)

    def _answer(self, number: int, replies: Sequence[h248.ActionReply], now: float) -> list[machine.Event]:
        try:
            return self._h248.reply(number, replies, now)
        except LocalProtocolError as error:  # something the controller made us keep can't be written back
            self._out.order(Note(f"the reply can't be encoded: {error}"))
            return self._h248.reply(number, h248.ErrorDescriptor(500, "internal software failure"), now)

    # Registration

    def _register(self, now: float) -> None:
        self._register_at = None
        method, reason = self._method
        services = h248.Services(
            method=method, reason=h248.Quoted(reason), version=self._h248.version, profile=self._profile.name)
        command = h248.Command(h248.Kind.SERVICE_CHANGE, (h248.ROOT,), (services,))
        self._registration, events = self._h248.request((h248.Action(h248.NULL, (command,)),), now)
        self._controlled(events, now, f"ServiceChange {method}: the gateway comes into service [H.248.1 §7.2.8]")

    def _replied(self, number: int, reply: h248.Reply, now: float) -> None:
        error = _error_of(reply)
        if number == self._registration:
            self._registration = None
            if error is None:
                self._registered = True
                self._heard = now
                self._out.order(Note("registered with the controller"))
            else:
                self._out.order(Note(f"the controller refuses registration: {error.code} {error.text or ''}"))
                self._register_at = now + _AGAIN
            return
        command = self._notified.pop(number, None)
        if error is None or command is None:
            return
        name = command.terminations[0]
        self._out.order(Note(f"Notify for {name}: {error.code} {error.text or ''}"))
        observed = command.descriptor(h248.ObservedEvents)
        beat = observed is not None and any(event.name.lower() == HEARTBEAT for event in observed.events)
        if beat and error.code in _HANGS and self._control.clean_up(name, now):
            self._out.order(Note(f"{name} hangs: the controller does not know it, so it is released [H.248.36 §7]"))

    def _unanswered(self, number: int, now: float) -> None:
        """The controller is lost: register again until it answers; contexts stay (H.248.1 §11.5)."""
        self._notified.pop(number, None)
        if number == self._registration or self._registration is None:
            if number != self._registration:
                self._method = (h248.Method.DISCONNECTED, "900 Service Restored")
            self._registration = None
            self._register_at = now + _AGAIN
        self._out.order(Note("the controller does not answer"))

    # Notifications

    def realm_available(self, realm: str, there: bool, now: float) -> list[Command]:
        """A realm came (back) or went; the controller is told if it watches for that (ipra/arc, H.248.41)."""
        if self._addresses.available(realm, there):
            parameter = h248.Property("nar" if there else "nur", (h248.Quoted(realm),), h248.Form.LIST)
            self._control.watcher.detected_event(self._control.root, REALMS_CHANGED, None, (parameter,), now)
            self._report(now)
        return self._out.taken()

    def _report(self, now: float) -> None:
        self._control.detect(now)
        notifications, self._control.watcher.notifications = self._control.watcher.notifications, []
        for one in notifications:
            self._notify(one, now)

    def _notify(self, one: Notification, now: float) -> None:
        descriptors = (one.observed, *((one.error,) if one.error is not None else ()))
        command = h248.Command(h248.Kind.NOTIFY, (one.termination,), descriptors)
        name = one.observed.events[0].name
        try:
            number, events = self._h248.request((h248.Action(one.context, (command,)),), now)
        except LocalProtocolError as error:
            self._out.order(Note(f"{name} of {one.termination} is not notified: {error}"))
            return
        self._notified[number] = command
        self._controlled(events, now, f"Notify {name}: {one.termination} [H.248.1 §7.2.7]")

    def _stamp(self, now: float) -> str:
        return time_stamp(self._epoch + now)

    def _inactive_at(self) -> float | None:
        event = self._control.root.armed(INACTIVITY)
        longest = event.parameter("mit") if event is not None else None
        if longest is None or int(longest.value) == 0 or not self._registered:
            return None
        return self._heard + int(longest.value) / 100

    # Connections

    def _offered(self, happened: StreamOffered, stream: Stream, now: float) -> None:
        bearer = self._control.bearers.get(stream.local)
        if bearer is None:
            self._out.order(RefuseStream(stream, "no termination listens here"), Drop(happened, "no termination here"))
        else:
            bearer.offered(happened, now)

    def _streamed(self, happened: Happening, stream: Stream, now: float) -> None:
        bearer = self._carrier(stream)
        if bearer is None:
            if not isinstance(happened, StreamClosed):
                self._out.order(Drop(happened, "no termination has this connection"))
            return
        match happened:
            case StreamOpened():
                bearer.opened(now)
            case StreamFailed(reason=reason):
                bearer.failed(reason, now)
            case StreamData(data=data):
                bearer.arrived(data, now)
            case StreamFull():
                bearer.full()
            case StreamWritable():
                bearer.writable(now)
            case StreamFlushed():
                bearer.flushed(now)
            case StreamEnded():
                bearer.ended(now)
            case StreamClosed(reason=reason):
                bearer.closed(reason, now)

    def _carrier(self, stream: Stream) -> Bearer | None:
        """Whose connection it is: that of an endpoint, or one that still ends after its endpoint is gone."""
        bearer = self._control.bearers.get(stream.local)
        if bearer is None or bearer.stream != stream or bearer.state is State.OVER:
            bearer = self._control.leaving.get(stream)
        return bearer


def _why(actions: Sequence[h248.Action], replies: Sequence[h248.ActionReply]) -> str:
    kinds = "+".join(dict.fromkeys(command.kind for action in actions for command in action.commands))
    errors = [reply.error or command.error for reply in replies for command in reply.commands or ()]
    error = next((one for one in (*errors, *(reply.error for reply in replies)) if one is not None), None)
    return f"reply to {kinds}" if error is None else f"{kinds} is refused: {error.code} {error.text or ''}"


def _error_of(reply: h248.Reply) -> h248.ErrorDescriptor | None:
    errors = [reply.error]
    for action in reply.actions:
        errors += [action.error, *(command.error for command in action.commands)]
    return next((error for error in errors if error is not None), None)
