"""A UE with its proxy and its peer played by the test, and two UEs back to back on the virtual network."""

from __future__ import annotations

from typing import Any

import msgspec
from play import Play

from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.packets import ACK, SYN, TCP, UDP, Ip, Tcp, decode_ip, decode_tcp, decode_udp
from workbench.net.values import (
    Asked,
    BindDatagrams,
    Command,
    DatagramReceived,
    Endpoint,
    Happening,
    Listen,
    LogKeys,
    Note,
    OpenStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamData,
    StreamOpened,
    Woke,
)
from workbench.net.virtual import VirtualNetwork
from workbench.nodes.nat import Behaviour, Nat
from workbench.nodes.orders import Call
from workbench.nodes.stun_server import StunServer
from workbench.nodes.ue import UserEquipment
from workbench.protocols import sdp, sip
from workbench.protocols.msrp import machine as msrp
from workbench.security.identities import Identity
from workbench.security.source import Source

UE, PROXY = Endpoint("203.0.113.10", 5060), Endpoint("198.51.100.5", 5060)
MEDIA = Endpoint("198.51.100.1", 30000)
ALICE, BOB = "sip:alice@home1.example", "sip:bob@home2.example"
IDENTITY = Identity.self_signed(ALICE, Source(1, "alice"))
PRINT = "SHA-256 " + ":".join(["AB"] * 32)


class Line(Play):
    """A UE, and its proxy played by the test: requests and responses in, commands out."""

    def __init__(self, **settings: object) -> None:
        settings.setdefault("registers", False)
        settings.setdefault("media_security", False)
        self.ue = UserEquipment(
            "UE", uri=ALICE, address=UE.host, proxy=PROXY, source=Source(1, "ue"), identity=IDENTITY,
            presents=IDENTITY, **settings)  # type: ignore[arg-type]
        super().__init__(self.ue)
        self.token = Source(2, "proxy").token
        self.invite: sip.Request
        self.dialog: sip.Dialog | None = None
        self.sees(Started()).does(BindDatagrams(UE))

    # SIP

    def waits(self, seconds: float) -> Line:
        """Time passes; repetitions of what was sent before need no claim."""
        said = {command.data for command in self.all if isinstance(command, SendDatagram)}
        self.later(seconds)
        for command in self.take():
            if not isinstance(command, SendDatagram) or command.data not in said:
                self.open.append(command)
            if isinstance(command, SendDatagram):
                said.add(command.data)
        return self

    def asked(self, order: object) -> Line:
        self.sees(Asked(order))
        return self

    def hears(self) -> sip.Message:
        """The next command is a SIP message to the proxy."""
        assert self.open, "nothing is said"
        command = self.open.pop(0)
        assert isinstance(command, SendDatagram), command
        assert (command.local, command.remote) == (UE, PROXY)
        return sip.decode(command.data)

    def hears_request(self, method: str) -> sip.Request:
        message = self.hears()
        assert isinstance(message, sip.Request)
        assert message.method == method
        return message

    def hears_status(self, *statuses: int) -> sip.Response:
        """The next messages are responses with these status codes; the last one."""
        for status in statuses:
            message = self.hears()
            assert isinstance(message, sip.Response)
            assert message.status == status, (message.status, message.reason)
        return message

    def octets(self, data: bytes) -> Line:
        self.sees(DatagramReceived(UE, PROXY, data))
        return self

    def says(self, message: sip.Message, branch: str = "") -> Line:
        """The proxy sends a response, or a request with a Via of its own."""
        if isinstance(message, sip.Request):
            via = ("Via", f"SIP/2.0/UDP {PROXY};branch=z9hG4bK{branch or self.token(9)};rport")
            headers = sip.Headers((via, *message.headers.without("Via").fields))
            message = sip.Request(headers, message.body, method=message.method, uri=message.uri)
        return self.octets(sip.encode(message))

    def answers(self, request: sip.Request, status: int, body: str = "", **more: object) -> sip.Response:
        response = sip.response(
            request, status, sip.REASONS[status], "proxytag", contact=f"<sip:bob@{PROXY}>", body=body.encode(),
            **more)  # type: ignore[arg-type]
        self.says(response)
        return response

    def calls(self, body: str, **more: object) -> sip.Request:
        """Bob calls: the INVITE as he sent it."""
        invite = sip.invite(ALICE, caller=BOB, contact=f"<sip:bob@{PROXY}>", token=self.token, body=body.encode(),
                            **more)  # type: ignore[arg-type]
        self.says(invite, "invite1")
        return invite

    def within(self, method: str, number: int = 0) -> Line:
        """Bob's next request inside the dialog."""
        assert self.dialog is not None
        if number:
            self.dialog = msgspec.structs.replace(self.dialog, cseq=number - 1)
        self.dialog, request = self.dialog.request(method, contact=f"<sip:bob@{PROXY}>" if method == "INVITE" else "")
        return self.says(request)

    # Whole stretches of a call

    def called(self, body: str | None = None) -> tuple[Line, Endpoint]:
        """Bob has called and the UE has answered, passive: the call, and where its media is."""
        invite = self.calls(body or offer())
        self.hears_status(180)
        self.does(Listen)
        response = self.hears_status(200)
        self.dialog = sip.Dialog.of_caller(invite, response)
        self.says(self.dialog.ack()).does_nothing()
        return self, where(response.body)

    def calling(self, body: str | None = None) -> tuple[Line, Stream]:
        """Alice has called and Bob has answered, passive: the call, and the connection that the UE opens."""
        invite = self.asked(Call(BOB)).hears_request("INVITE")
        self.invite = invite
        response = self.answers(invite, 200, body or answer())
        self.dialog = sip.Dialog.of_callee(invite, response)
        self.hears_request("ACK")
        command = self.open.pop(0)
        assert isinstance(command, OpenStream)
        assert command.stream.remote == MEDIA
        self.does_nothing()
        return self, command.stream

    def notes(self) -> list[str]:
        return [command.text for command in self.all if isinstance(command, Note)]


def offer(setup: str = "active", proto: str = "TCP/MSRP", port: int = 9, *lines: str, path: str = "") -> str:
    return "\r\n".join([
        "v=0", "o=- 1 1 IN IP4 198.51.100.1", "s=-", "c=IN IP4 198.51.100.1", "t=0 0", f"m=message {port} {proto} *",
        f"a=setup:{setup}", "a=accept-types:text/plain", f"a=path:{path or 'msrp://198.51.100.1:30000/bob;tcp'}",
        "a=msrp-cema", *lines]) + "\r\n"


def answer(setup: str = "passive", proto: str = "TCP/MSRP", port: int = 30000, *lines: str, path: str = "") -> str:
    return offer(setup, proto, port, *lines, path=path)


def where(body: bytes) -> Endpoint:
    described = sdp.decode(body)
    connection = described.connection_of(described.media[0])
    assert connection is not None and described.media[0].port is not None
    return Endpoint(connection.address, described.media[0].port)


# MSRP at the other end

class Peer:
    """MSRP at the other end of the UE's connection."""

    def __init__(
        self, line: Line, stream: Stream, path: str, *, active: bool, own: str = "msrp://198.51.100.1:30000/bob;tcp",
    ) -> None:
        self.line = line
        self.stream = stream
        self.msrp = msrp.Session(own, path, active=active, accept_types=("*",), token=Source(3, "bob").token)
        self.events: list[msrp.Event] = []
        self.reports = True
        self.tell(self.msrp.opened(line.now))

    def tell(self, events: list[msrp.Event]) -> None:
        for event in events:
            if isinstance(event, msrp.Transmit) and (self.reports or b" REPORT\r\n" not in event.octets):
                kept, self.line.open = self.line.open, []
                self.line.sees(StreamData(self.stream, event.octets))
                self.line.open = kept + self.line.open
            else:
                self.events.append(event)

    def reads(self) -> Peer:
        """Take what the UE has sent on the connection, until nothing is left."""
        while (command := next((c for c in self.line.open if isinstance(c, SendStream)), None)) is not None:
            self.line.open.remove(command)
            self.tell(self.msrp.receive_data(command.data, self.line.now))
        return self

    @property
    def heard(self) -> list[bytes]:
        return [event.body for event in self.events if isinstance(event, msrp.MessageReceived)]


def talking() -> tuple[Line, Peer]:
    line, stream = Line().calling()
    line.sees(StreamOpened(stream))
    path = sdp.decode(line.invite.body).media[0].attribute("path") or ""
    return line, Peer(line, stream, path, active=False).reads()


# Two UEs back to back

HOSTS = {"A": "203.0.113.10", "B": "203.0.113.20", "STUN": "203.0.113.30", "KMS": "203.0.113.40"}
STUN = Endpoint(HOSTS["STUN"], 3478)


class Pair:
    """Two UEs on one wire, each the other's proxy: no gateway, no NAT. Also a STUN server.

    Args:
        a, b: their settings, beside who they are.
        seed: what all follows from.
        behind: A sits behind a NAT with endpoint-independent mapping and this filtering; only A can call then.
        kms: a KMS at its address; None: there is none.
        wire: the quality of the wire.
    """

    def __init__(
        self, a: dict[str, object] | None = None, b: dict[str, object] | None = None, *, seed: int = 1,
        behind: Behaviour | None = None, kms: Any = None, **wire: float,
    ) -> None:
        self.nodes: dict[str, Any] = {"STUN": StunServer("STUN", address=STUN)}
        if kms is not None:
            self.nodes["KMS"] = kms
        for name, other, settings in (("A", "B", a), ("B", "A", b)):
            source = Source(seed, name)
            identity = Identity.self_signed(f"{name.lower()}.example", source)
            self.nodes[name] = UserEquipment(
                name, uri=f"sip:{name.lower()}@one.example",
                address="10.0.0.10" if behind and name == "A" else HOSTS[name], proxy=Endpoint(HOSTS[other], 5060),
                source=source, identity=identity, presents=identity, registers=False,
                **{"media_security": False, **(settings or {})})  # type: ignore[arg-type]
        hosts = {name: Host(name, (Foot("wire", host),)) for name, host in HOSTS.items()}
        if behind is not None:
            hosts["A"] = Host("A", (Foot("home", "10.0.0.10", next_hop="10.0.0.1"),))
            hosts["NAT"] = Host("NAT", (Foot("home", "10.0.0.1"), Foot("wire", HOSTS["A"])))
            self.nodes["NAT"] = Nat(
                "NAT", inside_wire="home", inside="10.0.0.1", outside_wire="wire", outside=HOSTS["A"],
                mapping=Behaviour.ENDPOINT_INDEPENDENT, filtering=behind, source=Source(seed, "NAT"))
        plan = Plan(tuple(hosts.values()), (Wire("wire", **wire), Wire("home")))
        self.network = VirtualNetwork(plan, seed, taps=[self._tap])
        self.now = 0.0
        self.packets: list[Ip] = []
        self.did: dict[str, list[tuple[float, Happening | Command]]] = {name: [] for name in self.nodes}
        for name in self.nodes:
            self._hand(name, Started())

    def _tap(self, time: float, wire: str, packet: bytes, comment: str) -> None:
        self.packets.append(decode_ip(packet))

    def _hand(self, name: str, happened: Happening) -> None:
        self.did[name].append((self.now, happened))
        for command in self.nodes[name].handle(happened, self.now):
            self.did[name].append((self.now, command))
            if isinstance(command, SendDatagram) and name in "AB":
                command = msgspec.structs.replace(command, data=self._changed(name, command.data))
            if not isinstance(command, LogKeys):
                self.network.carry(name, command, self.now)

    def _changed(self, name: str, data: bytes) -> bytes:
        """What becomes of a SIP message on its way."""
        return data

    def asks(self, name: str, *orders: object) -> Pair:
        for order in orders:
            self._hand(name, Asked(order))
        return self

    def until(self, time: float) -> Pair:
        """Let everything happen that happens up to a moment."""
        for _ in range(200_000):
            wakeups = {name: at for name, node in self.nodes.items() if (at := node.next_wakeup()) is not None}
            sleeper = min(wakeups, key=lambda name: wakeups[name], default=None)
            due = min(time, wakeups[sleeper] if sleeper is not None else time)
            arrival = self.network.wait(max(due, self.now))
            if arrival is not None:
                self.now = max(self.now, arrival.time)
                self._hand(arrival.node, arrival.happened)
            elif due < time and sleeper is not None:
                self.now = max(self.now, due)
                self._hand(sleeper, Woke())
            else:
                self.now = time
                return self
        raise AssertionError("it never becomes quiet")

    def notes(self, name: str) -> list[str]:
        return [done.text for _, done in self.did[name] if isinstance(done, Note)]

    def heard(self, name: str) -> list[str]:
        return [note.removeprefix("heard: ") for note in self.notes(name) if note.startswith("heard: ")]

    def opened(self) -> list[tuple[str, Endpoint]]:
        """Who sent the first SYN of each connection, to where, without those to the STUN server."""
        found: dict[tuple[Endpoint, Endpoint], None] = {}
        for segment in self.segments():
            if segment.flags & (SYN | ACK) == SYN and segment.destination != STUN:
                found[segment.source, segment.destination] = None
        names = {host: name for name, host in HOSTS.items()}
        return [(names[source.host], destination) for source, destination in found]

    def segments(self) -> list[Tcp]:
        return [decode_tcp(one) for one in self.packets if one.protocol == TCP]

    def said(self) -> list[sip.Message]:
        """The SIP messages on the wire, oldest first, without repetitions."""
        datagrams = [decode_udp(one).data for one in self.packets if one.protocol == UDP]
        return [sip.decode(data) for data in dict.fromkeys(datagrams)]

    def described(self) -> list[sdp.Media]:
        """The streams of all SDP on the wire."""
        return [sdp.decode(message.body).media[0] for message in self.said() if message.body]

    def statuses(self, method: str) -> list[int]:
        return [one.status for one in self.said() if isinstance(one, sip.Response) and one.method == method]
