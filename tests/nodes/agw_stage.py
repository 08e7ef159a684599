"""A stage for the IMS-AGW: its controller as octets, and peers that speak TCP and TLS with it in memory."""

from __future__ import annotations

from play import Play

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    ClaimPackets,
    Command,
    DatagramReceived,
    Endpoint,
    EndStream,
    Listen,
    LogKeys,
    Note,
    OpenStream,
    PauseStream,
    Prefer,
    RefuseStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamData,
    StreamEnded,
    StreamOffered,
    StreamOpened,
    UnclaimPackets,
    Unlisten,
)
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.security import tls
from workbench.security.identities import Identity
from workbench.security.source import Source

MG = Endpoint("192.0.2.20", 2944)
MGC = Endpoint("192.0.2.10", 2944)
STRANGER = Endpoint("192.0.2.66", 2944)
ACCESS = "198.51.100.20"
CORE = "198.51.100.21"
UE = Endpoint("10.20.30.40", 2855)
PEER = Endpoint("203.0.113.7", 7394)

AGW_IDENTITY = Identity.self_signed("agw.example.net", Source(1, "agw"))
UE_IDENTITY = Identity.self_signed("ue.example.net", Source(1, "ue"))
OTHER_IDENTITY = Identity.self_signed("other.example.net", Source(1, "other"))
UE_PRINT, AGW_PRINT, OTHER_PRINT = (
    one.fingerprint().encode() for one in (UE_IDENTITY, AGW_IDENTITY, OTHER_IDENTITY))
EPOCH = 1_772_360_132.0  # 2026-03-01 10:15:32 UTC


def gateway(**settings: object) -> ImsAgw:
    settings.setdefault("addresses", {"access.example.net": ACCESS, "core.example.net": CORE})
    settings.setdefault("identity", AGW_IDENTITY)
    return ImsAgw("IMS-AGW", control=MG, controller=MGC, source=Source(1, "agw"), epoch=EPOCH, **settings)  # type: ignore[arg-type]


class Stage(Play):
    """A play with a registered gateway; `orders` speaks H.248 text, `Peer` is the other end of a connection."""

    def __init__(self, *, registered: bool = True, **settings: object) -> None:
        super().__init__(gateway(**settings), ignoring=(
            Note, LogKeys, Listen, Unlisten, ClaimPackets, UnclaimPackets, Prefer))
        self.number = 1000
        self.messages: list[h248.Message] = []
        self.sees(Started()).does(BindDatagrams(MG))
        self.hears()
        if registered:
            self.tells("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")

    def tells(self, body: str, source: Endpoint = MGC) -> Stage:
        """The controller sends these transactions."""
        octets = f"MEGACO/2 [{source.host}]:{source.port}\n{body}\n".encode()
        self.sees(DatagramReceived(MG, source, octets))
        return self

    def hears(self, to: Endpoint = MGC) -> h248.Message:
        """The next open command is a message for the controller."""
        assert self.open, "nothing is said"
        command = self.open.pop(0)
        assert isinstance(command, SendDatagram), command
        assert (command.local, command.remote) == (MG, to)
        message = text.decode(command.data)
        self.messages.append(message)
        return message

    def orders(self, actions: str) -> h248.Reply:
        """A request with these actions; its reply. Commands that it causes stay open."""
        self.number += 1
        self.tells(f"Transaction = {self.number} {{ {actions} }}")
        reply = self.hears().body[0]
        assert isinstance(reply, h248.Reply)
        assert reply.id == self.number
        return reply

    def confirms(self, message: h248.Message, error: str = "") -> Stage:
        """The controller answers a Notify."""
        request = message.body[0]
        assert isinstance(request, h248.Request)
        action = request.actions[0]
        name = action.commands[0].terminations[0]
        inside = f"Error = {error} {{ }}" if error else f"Notify = {name}"
        context = "-" if action.context == 0 else action.context
        return self.tells(f"Reply = {request.id} {{ Context = {context} {{ {inside} }} }}")

    def notified(self) -> tuple[str, str, dict[str, str]]:
        """The next message is a Notify: termination, event and its parameters; it is confirmed."""
        index = next((i for i, c in enumerate(self.open) if isinstance(c, SendDatagram)), None)
        assert index is not None, f"nothing is notified: {self.open}"
        self.open.insert(0, self.open.pop(index))
        message = self.hears()
        request = message.body[0]
        assert isinstance(request, h248.Request)
        command = request.actions[0].commands[0]
        assert command.kind is h248.Kind.NOTIFY
        observed = command.descriptor(h248.ObservedEvents)
        assert observed is not None
        event = observed.events[0]
        rest, self.open = self.open, []
        self.confirms(message).does_nothing()
        self.open = rest
        return command.terminations[0], event.name, {one.name: one.value for one in event.parameters}


def local(proto: str, setup: str | None, *lines: str, host: str = "$", port: object = "$") -> str:
    version = 6 if ":" in host else 4
    body = ["v=0", f"c=IN IP{version} {host}", f"m=message {port} {proto} *"]
    body += [] if setup is None else [f"a=setup:{setup}"]
    return "Local {\n" + "\n".join([*body, *lines]) + "\n}"


def remote(proto: str, setup: str | None, where: Endpoint, *lines: str) -> str:
    return local(proto, setup, *lines, host=where.host, port=where.port).replace("Local", "Remote", 1)


def stream(*parts: str, mode: str = "SendReceive", realm: str = "") -> str:
    named = f', ipdc/realm = "{realm}"' if realm else ""
    return ("Media { Stream = 1 { " + ", ".join([f"LocalControl {{ Mode = {mode}{named} }}", *parts]) + " } }")


EVENTS = ("Events = {} {{ g/cause, hangterm/thb {{ timerx = 600 }}, tcpbcc/BNCChange {{ Stream = 1 }}, "
          "tlsbsc/BNCChange {{ Stream = 1 }} }}")


def add(side: str, *descriptors: str, context: object = "$") -> str:
    return f"Context = {context} {{ Add = ip/1/{side}/$ {{ {', '.join(descriptors)} }} }}"


def modify(name: str, *descriptors: str, context: object = 1) -> str:
    return f"Context = {context} {{ Modify = {name} {{ {', '.join(descriptors)} }} }}"


def given(reply: h248.Reply) -> Endpoint:
    """Address and port in the reply to an Add or Modify."""
    media = reply.actions[0].commands[0].descriptor(h248.Media)
    assert media is not None and media.streams[0].local
    described = media.streams[0].local[0]
    connection = described.connection_of(described.media[0])
    assert connection is not None and described.media[0].port is not None
    return Endpoint(connection.address, described.media[0].port)


def error(reply: h248.Reply) -> tuple[int, str] | None:
    """The only error of a reply, at whatever level."""
    found = [reply.error, *(a.error for a in reply.actions), *(c.error for a in reply.actions for c in a.commands)]
    errors = [one for one in found if one is not None]
    assert len(errors) < 2, errors
    return (errors[0].code, errors[0].text or "") if errors else None


class Peer:
    """The other end of one connection of the gateway's.

    Args:
        stream: as the gateway names it.
        session: TLS over it; None: plain TCP.
    """

    def __init__(self, stage: Stage, stream: Stream, session: tls.TlsSession | None = None) -> None:
        self.stage = stage
        self.stream = stream
        self.session = session
        self.heard = b""
        self.octets = b""
        self.secured: list[tls.Event] = []
        self.ended = False
        self.aborted = False
        self.paused = False

    def connects(self) -> Peer:
        """SYN; the gateway has to accept, and is told that the connection is up."""
        self.stage.sees(StreamOffered(self.stream))
        commands = self.stage.take()
        assert any(isinstance(c, AcceptStream) and c.stream == self.stream for c in commands), commands
        self.stage.open = [c for c in commands if not isinstance(c, AcceptStream)]
        return self

    def up(self) -> Peer:
        """The connection is established; TLS starts where there is any."""
        self._see(StreamOpened(self.stream))
        if self.session is not None:
            self._secured(self.session.start())
        return self

    def sends(self, data: bytes) -> Peer:
        """Payload, through TLS where there is any."""
        if self.session is not None:
            self._secured(self.session.send(data))
        else:
            self._see(StreamData(self.stream, data))
        return self

    def raw(self, data: bytes) -> Peer:
        """Octets as they are."""
        self._see(StreamData(self.stream, data))
        return self

    def closes(self) -> Peer:
        """close_notify where there is TLS, and FIN."""
        if self.session is not None:
            self._secured(self.session.close())
        self._see(StreamEnded(self.stream))
        return self

    def sees(self, happened: object) -> Peer:
        """Hand over a happening about this connection."""
        self._see(happened)
        return self

    def _see(self, happened: object) -> None:
        kept, self.stage.open = self.stage.open, []
        self.stage.sees(happened)  # type: ignore[arg-type]
        self.stage.open = kept + self.stage.open

    def reads(self) -> Peer:
        """Take what the gateway has ordered for this connection, until nothing is left."""
        while True:
            own = [c for c in self.stage.open
                   if getattr(c, "stream", None) == self.stream and not isinstance(c, OpenStream)]
            if not own:
                return self
            self.stage.open = [c for c in self.stage.open if c not in own]
            for command in own:
                self._read(command)

    def _read(self, command: Command) -> None:
        match command:
            case SendStream(data=data):
                assert not self.ended, "octets behind FIN"
                self.octets += data
                if self.session is None:
                    self.heard += data
                else:
                    self._secured(self.session.receive_data(data))
            case EndStream():
                self.ended = True
            case AbortStream() | RefuseStream():
                self.aborted = True
            case PauseStream(paused=paused):
                self.paused = paused

    def _secured(self, events: list[tls.Event]) -> None:
        for event in events:
            match event:
                case tls.Transmit(octets=octets):
                    self._see(StreamData(self.stream, octets))
                case tls.Data(octets=octets):
                    self.heard += octets
                case _:
                    self.secured.append(event)


def ue_session(
    client: bool, version: str = "1.3", identity: Identity | None = UE_IDENTITY, **settings: object
) -> tls.TlsSession:
    settings.setdefault("announced", [AGW_IDENTITY.fingerprint()])
    return tls.TlsSession(identity, client, versions=[version], **settings)  # type: ignore[arg-type]


def settle(*peers: Peer) -> None:
    """Let all peers read until nothing moves."""
    for _ in range(50):
        before = [len(peer.octets) for peer in peers]
        for peer in peers:
            peer.reads()
        if before == [len(peer.octets) for peer in peers]:
            return
    raise AssertionError("no end")


A = "access.example.net"
C = "core.example.net"


def originating(stage: Stage) -> tuple[Endpoint, Endpoint]:
    """C1 steps 2 to 13: T_core (ip/1/core/1) active, T_acc (ip/1/access/2) passive with TLS; their addresses."""
    core = given(stage.orders(add("core", stream(local("TCP", "active"), mode="Inactive", realm=C), EVENTS.format(1))))
    stage.orders(modify("ip/1/core/1", stream(
        local("TCP", "active", host=core.host, port=core.port), remote("TCP", "passive", PEER))))
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS", "passive", "a=fingerprint:SHA-256 $"),
        remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"), realm=A), EVENTS.format(2), context=1)))
    return access, core


def established(stage: Stage, version: str = "1.3", **settings: object) -> tuple[Peer, Peer]:
    """C1 up to the point where payload may pass: the UE's and the core peer's end."""
    access, core = originating(stage)
    session = ue_session(True, version, **settings)  # type: ignore[arg-type]
    ue = Peer(stage, Stream(access, Endpoint(UE.host, 5555)), session).connects()
    stage.does(OpenStream(Stream(core, PEER)))
    peer = Peer(stage, Stream(core, PEER)).up()
    ue.up()
    settle(ue, peer)
    return ue, peer


def plain(stage: Stage, mode: str = "SendReceive") -> tuple[Endpoint, Endpoint]:
    """Two plain TCP endpoints: ip/1/access/1 passive for the UE, ip/1/core/2 active towards the peer."""
    first = stage.orders(add("access", stream(
        local("TCP", "passive"), remote("TCP", "active", UE), realm=A, mode=mode), EVENTS.format(1)))
    outside = given(stage.orders(add("core", stream(
        local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), EVENTS.format(2),
        context=first.actions[0].context)))
    return given(first), outside


def plain_up(stage: Stage, mode: str = "SendReceive") -> tuple[Peer, Peer]:
    """Both plain connections established."""
    inside, outside = plain(stage, mode)
    ue = Peer(stage, Stream(inside, Endpoint(UE.host, 5555))).connects()
    stage.does(OpenStream(Stream(outside, PEER)))
    peer = Peer(stage, Stream(outside, PEER)).up()
    ue.up()
    return ue, peer
