"""The node: H.248 from one controller on one side, connections on the other.

Source: H.248.1 §7.2.8 (registration), §8; TS 29.334 §5.12 (transport), §5.17.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.net.values import (
    BindDatagrams,
    ClaimPackets,
    Command,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Endpoint,
    Happening,
    Listen,
    Note,
    PacketArrived,
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
    UnbindDatagrams,
    UnclaimPackets,
    Unlisten,
    Woke,
)
from workbench.nodes.gateway import carriages, claimed
from workbench.nodes.gateway.addresses import Addresses
from workbench.nodes.gateway.bearer import Bearer
from workbench.nodes.gateway.contexts import HEARTBEAT, Termination
from workbench.nodes.gateway.control import Control
from workbench.nodes.gateway.datagrams import DatagramBearer
from workbench.nodes.gateway.hosting import Host
from workbench.nodes.gateway.link import Link, Transport
from workbench.nodes.gateway.names import BinaryNames, TextNames
from workbench.nodes.gateway.reporting import time_stamp
from workbench.nodes.gateway.settings import Limits, Outbox, Policy, Profile
from workbench.nodes.gateway.states import State
from workbench.nodes.gateway.watching import Notification
from workbench.protocols.h248 import association, machine, service_change
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.association import Association
from workbench.protocols.h248.coding import Codec, Coding, codec_of
from workbench.protocols.h248.packages import Registry
from workbench.protocols.h248.transactions.provisioning import provision
from workbench.security.identities import Identity

INACTIVITY = "it/ito"
REALMS_CHANGED = "ipra/arc"
_HANGS = (410, 411, 430, 435)
# A thousand handshakes whose time is over at once are dealt with in portions, so that an order comes in between.
_OWNERS_AT_ONCE = 32
_PORTIONS_APART = 0.001
_READY = (BindDatagrams, UnbindDatagrams, Listen, Unlisten, ClaimPackets, UnclaimPackets, Note)


class Gateway:
    """A media gateway (MG) with one controller at a time.

    Args:
        name: of the node.
        profile: what this kind of gateway knows.
        control: its own H.248 endpoint.
        controller: whose orders it takes; nobody else's. Several are tried in their order (H.248.1 §11.5).
        addresses: realm, or the first label of its name, to the gateway's address there, or to several.
        identity: its certificate and key; one for all terminations.
        registry: names of packages' items.
        ports: first and last local port for media at each address.
        port_step: distance of the ports that are given.
        epoch: Unix seconds at which `now` is 0, for time stamps.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
        transport: of H.248: `udp`, or `tcp`: the gateway opens the connection and opens it again after a loss.
        version: newest protocol version; with 3, long replies are sent in segments.
        waiting_delay: maximum waiting delay before the first registration (restart avalanche), in seconds.
        jitter: gives numbers from 0 to 1 for random times.
        isn: gives initial sequence numbers, where the gateway answers handshakes itself.
        first_id: id of the first request; after a restart within LONG-TIMER it has to be another one.
        host: the application that its connections end at; None where it joins them with each other.
    """

    def __init__(
        self,
        name: str,
        *,
        profile: Profile,
        control: Endpoint,
        controller: Endpoint | Sequence[Endpoint],
        addresses: Mapping[str, str | Sequence[str]],
        identity: Identity,
        registry: Registry,
        policy: Policy,
        limits: Limits,
        ports: tuple[int, int],
        port_step: int = 2,
        epoch: float,
        coding: Coding | Codec,
        transport: Transport = "udp",
        version: int = 2,
        waiting_delay: float = 0.0,
        jitter: Callable[[], float] = lambda: 1.0,
        isn: Callable[[], int] = lambda: 0,
        first_id: int = 1,
        host: Host | None = None,
    ) -> None:
        self.name = name
        self._profile = profile
        self._local = control
        self._registry = registry
        self._epoch = epoch
        self._out = Outbox()
        controllers = [controller] if isinstance(controller, Endpoint) else controller
        self._association = Association(
            f"[{control.host}]:{control.port}", [(one.host, one.port) for one in controllers], profile=profile.name,
            version=version, reliable=transport == "tcp", coding=coding, waiting_delay=waiting_delay, jitter=jitter,
            first_id=first_id)
        self._tried = " and ".join(f"{one} ({transport}, {codec_of(coding).coding})" for one in controllers)
        self._link = Link(control, transport, self._association, self._out)
        names = BinaryNames(profile.binary_names) if codec_of(coding).coding == "binary" else TextNames(
            profile.text_names)
        self._addresses = Addresses(addresses, ports, port_step, names=names)
        self._control = Control(
            profile=profile, limits=limits, policy=policy, identity=identity,
            addresses=self._addresses, registry=registry, out=self._out, stamp=self._stamp, isn=isn, host=host)
        self._control.reaches = self._association.reaches
        self._notified: dict[int, h248.Command] = {}
        self._provisioned: tuple[h248.Property, ...] = ()
        self._heard = 0.0
        self._portion_at = 0.0
        # The association's first timer, as long as nothing has happened there.
        self._control_at: float | None = None
        self._control_stirred = True

    # The node

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        match happened:
            case StreamData(stream=stream):  # most of all by far
                self._streamed(happened, stream, now)
            case Started():
                self._link.start()
                self._reported(self._link.carry(self._association.start(now), now), now)
            case DatagramReceived():
                self._datagram(happened, now)
            case StreamOffered(stream=stream):
                self._offered(happened, stream, now)
            case (StreamOpened(stream=stream) | StreamFailed(stream=stream) | StreamFull(stream=stream)
                  | StreamWritable(stream=stream) | StreamFlushed(stream=stream) | StreamEnded(stream=stream)
                  | StreamClosed(stream=stream)):
                self._streamed(happened, stream, now)
            case PacketArrived():
                self._packet(happened, now)
            case Woke():
                self._wake(now)
            case DatagramFailed():
                self._unreached(happened, now)
            case _:
                self._out.order(Drop(happened, "nothing here is concerned"))
        self._report(now)
        self._control.ended()
        return self._out.taken()

    def next_wakeup(self) -> float | None:
        """The first timer of H.248, a heartbeat or a bearer."""
        if self._control_stirred:
            self._control_stirred = False
            self._control_at = self._association.next_wakeup()
        first = self._out.agenda.next_wakeup()
        if first is not None and first < self._portion_at:
            first = self._portion_at
        for moment in (self._control_at, self._inactive_at()):
            if moment is not None and (first is None or moment < first):
                first = moment
        return first

    def _wake(self, now: float) -> None:
        self._reported(self._link.carry(self._association.wake(now), now), now)
        due = self._out.agenda.due(now, _OWNERS_AT_ONCE)
        self._portion_at = now + _PORTIONS_APART if len(due) == _OWNERS_AT_ONCE else 0.0
        for owner in due:
            if isinstance(owner, Bearer | DatagramBearer):
                owner.wake(now)
            elif isinstance(owner, Termination):
                self._control.wake(owner, now)
            self._out.agenda.add(owner)
        inactive = self._inactive_at()
        if inactive is not None and inactive <= now:
            self._heard = now
            self._control.watcher.detected_event(self._control.root, INACTIVITY, None, (), now)

    # The controller

    def _datagram(self, happened: DatagramReceived, now: float) -> None:
        if happened.local != self._local:
            bearer = self._control.bearers.get(happened.local)
            if isinstance(bearer, DatagramBearer):
                bearer.arrived(happened, now)
            else:
                self._out.order(Drop(happened, "no termination here takes datagrams"))
            return
        if self._association.hears((happened.remote.host, happened.remote.port)):
            self._heard = now
        self._reported(self._link.datagram(happened, now), now)

    def _unreached(self, happened: DatagramFailed, now: float) -> None:
        bearer = self._control.bearers.get(happened.local)
        if isinstance(bearer, DatagramBearer):
            bearer.failed(happened.reason, now)
        else:
            self._out.order(Note(f"the controller can't be reached: {happened.reason}"))

    def _reported(self, events: Sequence[association.Event], now: float) -> None:
        """What the control association reports, once its messages are on their way."""
        self._control_stirred = True
        for event in events:
            self._control.tally.control(event)
            match event:
                case machine.RequestReceived(id=number, actions=actions):
                    self._obey(number, actions, now)
                case machine.ReplyReceived(id=number, reply=reply):
                    self._replied(number, reply, now)
                case machine.TimedOut(id=number):
                    self._notified.pop(number, None)
                case machine.PeerViolation(error=error):
                    self._out.order(Note(f"H.248: {error}"))
                case machine.MessageRefused(error=error):
                    self._out.order(Note(f"the controller refuses a message: {error.code} {error.text or ''}"))
                case association.Registered():
                    self._heard = now
                    self._provision(self._provisioned)
                    self._out.order(Note("registered with the controller"))
                case association.RegistrationRefused(error=error):
                    self._out.order(Note(f"the controller refuses registration: {error.code} {error.text or ''}"))
                case association.ControlLost(why=why):
                    self._out.order(Note(f"the controller is lost: {why}"))
                case association.HandOffFailed(why=why):
                    self._out.order(Note(f"the other controller does not take over: {why}"))
                case association.OutOfService(why=why):
                    self._control.drop_all(now)
                    self._out.order(Note(f"the gateway is out of service: {why}"))

    def _obey(self, number: int, actions: Sequence[h248.Action], now: float) -> None:
        """Carry out a request. What was reserved is ready when the reply leaves; what it sets in motion comes after."""
        kept, self._out.commands = self._out.commands, []
        replies = self._control.execute(actions, now)
        self._control.tally.answered(replies)
        caused, self._out.commands = self._out.commands, kept
        ready, later = _parted(caused)
        self._out.order(*ready)
        answer = self._answer(number, replies, now)
        self._reported(self._link.carry(answer, now, _why(actions, replies)), now)
        self._out.order(*later)
        root = self._control.root.more
        if root is not None and root.properties is not self._provisioned:
            self._provision(root.properties)
        if self._control.restart_ordered:
            self._control.restart_ordered = False
            self._reported(self._link.carry(self._association.restart(now), now), now)
        if self._control.hand_off_ordered is not None:
            mgc_id, self._control.hand_off_ordered = self._control.hand_off_ordered, None
            self._reported(self._link.carry(self._association.hand_off(mgc_id, now), now), now)

    def _answer(self, number: int, replies: Sequence[h248.ActionReply], now: float) -> list[association.Event]:
        try:
            return self._association.reply(number, replies, now)
        except LocalProtocolError as error:  # something the controller made us keep can't be written back
            self._out.order(Note(f"the reply can't be encoded: {error}"))
            return self._association.reply(number, h248.ErrorDescriptor(500, "internal software failure"), now)

    def _provision(self, properties: tuple[h248.Property, ...]) -> None:
        """Properties of ROOT that set the timers and limits of the association."""
        self._provisioned = properties
        transactions = self._association.transactions
        if transactions is not None:
            provision(transactions, properties, "gateway")

    # For those who run it

    def figures(self) -> dict[str, dict[str, float]]:
        """Figures by name, and by label's value where one has several: what there is now, and totals."""
        control = self._control
        bearers = [*control.bearers.values(), *control.leaving.values()]
        came, went = control.tally.octets(bearers)
        states = Counter(bearer.state.name.lower() for bearer in bearers)
        return {
            "contexts": {"": len(control.contexts)},
            "terminations": {"": sum(1 for _ in control.contexts.terminations())},
            "streams": {state.name.lower(): states[state.name.lower()] for state in State},
            "payload_octets": {"in": came, "out": went},
            "registered": {"": int(self._association.obeys)},
            **{name: {"": total} for name, total in control.tally.totals.items()},
        }

    def lacks(self) -> str:
        """What the gateway waits for, and what to check; empty: nothing."""
        if self._association.obeys:
            return ""
        return (f"no controller takes this gateway yet; it keeps trying {self._tried}. Check address, port, coding "
                f"and transport there, and that it expects a gateway at {self._local}")

    def place_of(self, what: Endpoint | str) -> tuple[int, str] | None:
        """The context and the termination of an endpoint, or of a termination's name."""
        if isinstance(what, str):
            found = self._control.contexts.find(what)
            return None if found is None else (found[0].number, found[1].name)
        bearer = self._control.bearers.get(what)
        return None if bearer is None else (bearer.context, bearer.termination)

    # Leaving and coming back

    def leave(self, now: float, delay: int | None = None) -> list[Command]:
        """Go out of service: at once (Forced), or after so many seconds (Graceful)."""
        events = self._association.leave_now(now) if delay is None else self._association.leave(delay, now)
        self._reported(self._link.carry(events, now), now)
        return self._out.taken()

    def control_lost(self, why: str, now: float) -> list[Command]:
        """Somebody outside found out that the controller is gone: the procedure for that begins (H.248.1 §11.5)."""
        self._reported(self._link.carry(self._association.lost(why, now), now), now)
        return self._out.taken()

    def stay(self, now: float) -> list[Command]:
        """Take Graceful back (reason 918), or come back into service."""
        back = self._association.stay if self._association.obeys else self._association.start
        self._reported(self._link.carry(back(now), now), now)
        return self._out.taken()

    # Notifications

    def _replied(self, number: int, reply: h248.Reply, now: float) -> None:
        error = service_change.error_of(reply)
        command = self._notified.pop(number, None)
        if error is None or command is None:
            return
        name = command.terminations[0]
        self._out.order(Note(f"Notify for {name}: {error.code} {error.text or ''}"))
        observed = command.descriptor(h248.ObservedEvents)
        beat = observed is not None and any(event.name.lower() == HEARTBEAT for event in observed.events)
        if beat and error.code in _HANGS and self._control.clean_up(name, now):
            self._out.order(Note(f"{name} hangs: the controller does not know it, so it is released [H.248.36 §7]"))

    def realm_available(self, realm: str, there: bool, now: float) -> list[Command]:
        """A realm came (back) or went; the controller is told if it watches for that (ipra/arc, H.248.41)."""
        if self._addresses.available(realm, there):
            parameter = h248.Property("nar" if there else "nur", (h248.Quoted(realm),), h248.Form.LIST)
            self._control.watcher.detected_event(self._control.root, REALMS_CHANGED, None, (parameter,), now)
            self._report(now)
        return self._out.taken()

    def _report(self, now: float) -> None:
        self._control.detect(now)
        watcher = self._control.watcher
        if not watcher.notifications:
            return
        notifications, watcher.notifications = watcher.notifications, []
        for one in notifications:
            self._notify(one, now)

    def _notify(self, one: Notification, now: float) -> None:
        descriptors = (one.observed, *((one.error,) if one.error is not None else ()))
        command = h248.Command(h248.Kind.NOTIFY, (one.termination,), descriptors)
        name = one.observed.events[0].name
        try:
            number, events = self._association.request((h248.Action(one.context, (command,)),), now)
        except LocalProtocolError as error:
            self._out.order(Note(f"{name} of {one.termination} is not notified: {error}"))
            return
        self._notified[number] = command
        why = f"Notify {name}: {one.termination} [H.248.1 §7.2.7]"
        self._reported(self._link.carry(events, now, why), now)

    def _stamp(self, now: float) -> str:
        return time_stamp(self._epoch + now)

    def _inactive_at(self) -> float | None:
        if not self._control.root.events:
            return None
        event = self._control.root.armed(INACTIVITY)
        longest = event.parameter("mit") if event is not None else None
        if longest is None or int(longest.value) == 0 or not self._association.obeys:
            return None
        return self._heard + int(longest.value) / 100

    # Connections

    def _offered(self, happened: StreamOffered, stream: Stream, now: float) -> None:
        bearer = self._control.bearers.get(stream.local)
        if not isinstance(bearer, Bearer):
            self._out.order(RefuseStream(stream, "no termination listens here"), Drop(happened, "no termination here"))
        else:
            bearer.offered(happened, now)

    def _packet(self, happened: PacketArrived, now: float) -> None:
        try:
            packet = claimed.read(happened)
        except MalformedMessageError as error:
            self._out.order(Drop(happened, str(error)))
            return
        bearer = self._carrier(Stream(packet.local, packet.remote)) or self._control.bearers.get(packet.local)
        drop = carriages.arrive(bearer if isinstance(bearer, Bearer) else None, packet, now)
        if drop is not None:
            self._out.order(drop)

    def _streamed(self, happened: Happening, stream: Stream, now: float) -> None:
        if self._link.concerns(stream):
            self._heard = now if isinstance(happened, StreamData) else self._heard
            self._reported(self._link.streamed(happened, stream, now), now)
            return
        bearer = self._carrier(stream)
        if bearer is None:
            if not isinstance(happened, StreamClosed):
                self._out.order(Drop(happened, "no termination has this connection"))
            return
        match happened:
            case StreamData(data=data):
                bearer.arrived(data, now)
            case StreamOpened():
                bearer.opened(now)
            case StreamFailed(reason=reason):
                bearer.failed(reason, now)
            case StreamFull():
                bearer.full = True
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
        if not isinstance(bearer, Bearer) or bearer.stream != stream or bearer.state is State.OVER:
            return self._control.leaving.get(stream)
        return bearer


def _parted(caused: Sequence[Command]) -> tuple[list[Command], list[Command]]:
    """What is done before the reply leaves, and what after it.

    The last datagram of an endpoint that is given up (close_notify) leaves before its address may be given to others.
    """
    gone = {command.local for command in caused if isinstance(command, UnbindDatagrams)}
    ready: list[Command] = []
    later: list[Command] = []
    for command in caused:
        last = isinstance(command, SendDatagram) and command.local in gone
        (ready if last or isinstance(command, _READY) else later).append(command)
    return ready, later


def _why(actions: Sequence[h248.Action], replies: Sequence[h248.ActionReply]) -> str:
    kinds = "+".join(dict.fromkeys(command.kind for action in actions for command in action.commands))
    errors = [reply.error or command.error for reply in replies for command in reply.commands or ()]
    error = next((one for one in (*errors, *(reply.error for reply in replies)) if one is not None), None)
    return f"reply to {kinds}" if error is None else f"{kinds} is refused: {error.code} {error.text or ''}"

