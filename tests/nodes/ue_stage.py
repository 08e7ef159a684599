"""A UE with its proxy and its peer played by the test, and two UEs back to back on the virtual network."""

from __future__ import annotations

import msgspec
from play import Play

from workbench.net.values import (
    Asked,
    BindDatagrams,
    DatagramReceived,
    Endpoint,
    Listen,
    Note,
    OpenStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamData,
    StreamOpened,
)
from workbench.nodes.orders import Call
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

    def __init__(self, line: Line, stream: Stream, path: str, *, active: bool) -> None:
        self.line = line
        self.stream = stream
        self.msrp = msrp.Session("msrp://198.51.100.1:30000/bob;tcp", path, active=active, accept_types=("text/plain",),
                                 token=Source(3, "bob").token)
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
