"""The IMS-AGW on the virtual network between two hosts that a test plays, with every packet of both wires kept."""

from __future__ import annotations

from collections.abc import Callable

from agw_stage import ACCESS, AGW_IDENTITY, CORE, MG, MGC, PEER, UE, A, C

from workbench.net import packets
from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.values import (
    AcceptStream,
    BindDatagrams,
    Command,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Listen,
    OpenStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
    Woke,
)
from workbench.net.virtual import VirtualNetwork
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.security.source import Source

RELAYS_BELOW = [False]
"""Whether a bench's gateway has the network relay by itself what it can."""
STRANGER = "10.20.30.99"
HOSTS = (
    Host("MGC", (Foot("Iq", MGC.host),)),
    Host("IMS-AGW", (Foot("Iq", MG.host), Foot("access", ACCESS), Foot("core", CORE))),
    Host("UE", (Foot("access", UE.host), Foot("access", STRANGER))),
    Host("Peer", (Foot("core", PEER.host),)),
)


class Connection:
    """What one end has seen of a connection."""

    def __init__(self) -> None:
        self.data = b""
        self.up = self.ended = self.closed = False
        self.reason: object = None


class End:
    """A host that accepts what it is offered, keeps what it hears, and answers FIN with FIN."""

    def __init__(self) -> None:
        self.connections: dict[Stream, Connection] = {}
        self.half_open = False

    def handle(self, happened: object) -> list[Command]:
        stream = getattr(happened, "stream", None)
        assert isinstance(stream, Stream)
        connection = self.connections.setdefault(stream, Connection())
        match happened:
            case StreamOffered():
                self.connections[stream] = Connection()
                return [AcceptStream(stream)]
            case StreamOpened():
                connection.up = True
            case StreamData(data=data):
                connection.data += data
            case StreamEnded():
                connection.ended = True
                return [] if self.half_open else [EndStream(stream)]
            case StreamClosed(reason=reason) | StreamFailed(reason=reason):
                connection.closed, connection.reason = True, reason
        return []

    @property
    def last(self) -> Connection:
        return list(self.connections.values())[-1] if self.connections else Connection()


class Segment:
    """A TCP segment as it was put on a wire."""

    def __init__(self, time: float, wire: str, packet: bytes) -> None:
        self.time, self.wire, self.packet = time, wire, packet
        self.ip = packets.decode_ip(packet)
        self.tcp = packets.decode_tcp(self.ip)
        self.by_gateway = self.ip.source in (ACCESS, CORE)

    @property
    def own(self) -> tuple[object, ...]:
        """What a relay leaves as it is."""
        tcp = self.tcp
        return (tcp.sequence, tcp.acknowledgment, tcp.flags, tcp.window, tcp.options, tcp.urgent, tcp.payload)


class Bench:
    """The gateway, its controller as octets, and two hosts, in virtual time."""

    def __init__(self, *, seed: int = 1, spoilt: dict[str, float] | None = None, **settings: object) -> None:
        wires = tuple(Wire(name, **(spoilt or {})) for name in ("access", "core"))
        self.tapped: list[tuple[float, str, bytes, str]] = []
        self.net = VirtualNetwork(
            Plan(HOSTS, (Wire("Iq"), *wires)), seed=seed, taps=[lambda *what: self.tapped.append(what)])
        settings.setdefault("wires", {ACCESS: "access", CORE: "core"})
        settings.setdefault("relays", RELAYS_BELOW[0])
        self.agw = ImsAgw("IMS-AGW", control=MG, controller=MGC, source=Source(seed, "agw"), identity=AGW_IDENTITY,
                          addresses={A: ACCESS, C: CORE}, **settings)  # type: ignore[arg-type]
        self.ends = {"UE": End(), "Peer": End()}
        self.now = 0.0
        self.heard: list[h248.Message] = []
        self.ordered: list[Command] = []
        self.number = 1000
        self.carry("MGC", BindDatagrams(MGC))
        self.carry("IMS-AGW", *self.agw.handle(Started(), 0.0))
        self.until(lambda: bool(self.heard))
        self.tells("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")

    # Time

    def carry(self, node: str, *commands: Command) -> None:
        for command in commands:
            self.net.carry(node, command, self.now)
        if node == "IMS-AGW":
            self.ordered += commands

    def turn(self, limit: float) -> bool:
        wakeup = self.agw.next_wakeup()
        deadline = limit if wakeup is None else min(limit, wakeup)
        arrival = self.net.wait(deadline)
        if arrival is not None:
            self.now = arrival.time
            if arrival.node == "IMS-AGW":
                self.carry("IMS-AGW", *self.agw.handle(arrival.happened, self.now))
            elif arrival.node == "MGC":
                self._hears(arrival.happened)
            else:
                self.carry(arrival.node, *self.ends[arrival.node].handle(arrival.happened))
            return True
        self.now = deadline
        if wakeup is None or wakeup > deadline:
            return False
        self.carry("IMS-AGW", *self.agw.handle(Woke(), self.now))
        return True

    def until(self, done: Callable[[], bool], seconds: float = 300.0) -> None:
        limit = self.now + seconds
        while not done():
            assert self.turn(limit), "it never happens"

    def passes(self, seconds: float) -> None:
        limit = self.now + seconds
        while self.turn(limit):
            pass

    # The controller

    def _hears(self, happened: object) -> None:
        assert isinstance(happened, DatagramReceived)
        message = text.decode(happened.data)
        self.heard.append(message)
        for body in message.body:
            if isinstance(body, h248.Request) and (name := self._notifies(body)):
                self.tells(f"Reply = {body.id} {{ Context = {body.actions[0].context} {{ Notify = {name} }} }}")

    @staticmethod
    def _notifies(request: h248.Request) -> str:
        command = request.actions[0].commands[0]
        return command.terminations[0] if command.kind is h248.Kind.NOTIFY else ""

    def tells(self, body: str) -> None:
        self.carry("MGC", SendDatagram(MGC, MG, f"MEGACO/2 [{MGC.host}]:{MGC.port}\n{body}\n".encode()))

    def orders(self, actions: str) -> h248.Reply:
        self.number += 1
        number = self.number
        self.tells(f"Transaction = {number} {{ {actions} }}")

        def reply() -> h248.Reply | None:
            return next((body for message in self.heard for body in message.body
                         if isinstance(body, h248.Reply) and body.id == number), None)

        self.until(lambda: reply() is not None)
        found = reply()
        assert found is not None
        return found

    def notified(self) -> list[tuple[str, str, dict[str, str]]]:
        """All that was notified so far: termination, event, parameters."""
        found = []
        for message in self.heard:
            for body in message.body:
                if isinstance(body, h248.Request) and self._notifies(body):
                    command = body.actions[0].commands[0]
                    observed = command.descriptor(h248.ObservedEvents)
                    assert observed is not None
                    event = observed.events[0]
                    found.append((command.terminations[0], event.name,
                                  {one.name: one.value for one in event.parameters}))
        return found

    # The hosts

    def opens(self, name: str, local: Endpoint, remote: Endpoint) -> Stream:
        stream = Stream(local, remote)
        self.ends[name].connections[stream] = Connection()
        self.carry(name, OpenStream(stream))
        return stream

    def listens(self, name: str, local: Endpoint) -> None:
        self.carry(name, Listen(local))

    def sends(self, name: str, data: bytes, stream: Stream | None = None) -> None:
        self.carry(name, SendStream(stream or list(self.ends[name].connections)[-1], data))

    def closes(self, name: str) -> None:
        self.carry(name, EndStream(list(self.ends[name].connections)[-1]))

    # The wires

    @property
    def segments(self) -> list[Segment]:
        """TCP segments of access and core, as they were put on the wires."""
        return [Segment(time, wire, packet) for time, wire, packet, _ in self.tapped
                if wire != "Iq" and packets.decode_ip(packet).protocol == packets.TCP]

    @property
    def dropped(self) -> list[str]:
        """Why the gateway dropped what it dropped."""
        return [command.reason for command in self.ordered if isinstance(command, Drop)]
