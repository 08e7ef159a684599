"""A stage for an IMS-ALG: a UE, a peer beyond the core and a gateway that the test plays.

The gateway grants every order at once unless told otherwise; parties say what the test tells them to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.net.values import DatagramReceived, Endpoint, SendDatagram, Started, Woke
from workbench.nodes.ims_alg import ImsAlg
from workbench.protocols import sdp, sip
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.protocols.h248.packages import registry
from workbench.security.source import Source

ACCESS, CORE = Endpoint("198.51.100.5", 5060), Endpoint("192.0.2.130", 5060)
CONTROL, GATEWAY = Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.20", 2944)
UE, PEER = Endpoint("203.0.113.10", 5060), Endpoint("192.0.2.200", 5060)
PRIVATE = "10.0.0.10"
ALICE, BOB = "sip:alice@home1.example", "sip:bob@home2.example"
GRANTED = {"access": "198.51.100.1", "core": "192.0.2.129"}
PRINT = "SHA-256 " + ":".join(["AB"] * 32)
OWN = "SHA-256 " + ":".join(["CD"] * 32)


def message(
    host: str = UE.host, port: int = 5000, proto: str = "TCP/MSRP", setup: str | None = "active", path: str = "",
    cema: bool = True, more: tuple[str, ...] = (), media: str = "message",
) -> str:
    """A description with one stream. `path` "" stands for one that names host and port."""
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m={media} {port} {proto} *"]
    if setup is not None:
        lines.append(f"a=setup:{setup}")
    if proto.endswith("MSRP"):
        scheme = "msrps" if "TLS" in proto else "msrp"
        lines += ["a=accept-types:text/plain", f"a=path:{path or f'{scheme}://{host}:{port}/s{host[-1]};tcp'}"]
        lines += ["a=msrp-cema"] if cema else []
    return "".join(f"{line}\r\n" for line in (*lines, *more))


@dataclass
class Order:
    """An order on Iq as far as tests look at it."""

    kind: h248.Kind
    context: int
    side: str
    proto: str = ""
    media: str = ""
    setup: str | None = None
    remote: Endpoint | None = None
    remote_setup: str | None = None
    mode: h248.Mode | None = None
    path: str | None = None
    remote_path: str | None = None
    connection: str | None = None
    tls_id: str | None = None
    remote_tls_id: str | None = None
    signals: tuple[str, ...] = ()
    events: tuple[str, ...] | None = None

    @staticmethod
    def of(action: h248.Action) -> Order:
        command = action.commands[0]
        order = Order(command.kind, action.context, command.terminations[0].split("/")[2]
                      if "/" in command.terminations[0] else "*")
        media = command.descriptor(h248.Media)
        if media is not None:
            order._described(media.streams[0])
        signals = command.descriptor(h248.Signals)
        order.signals = tuple(item.name for item in signals.items) if signals is not None else ()
        events = command.descriptor(h248.Events)
        order.events = tuple(event.name for event in events.events) if events is not None else None
        return order

    def _described(self, stream: h248.StreamDescriptor) -> None:
        self.mode = stream.local_control.mode if stream.local_control is not None else None
        if stream.local:
            line = stream.local[0].media[0]
            self.proto, self.media, self.setup = line.proto, line.media, line.attribute("setup")
            self.path, self.connection = line.attribute("path"), line.attribute("connection")
            self.tls_id = line.attribute("tls-id")
        if stream.remote:
            line = stream.remote[0].media[0]
            self.remote = Endpoint(stream.remote[0].connection_of(line).address, line.port)
            self.remote_setup, self.remote_path = line.attribute("setup"), line.attribute("path")
            self.remote_tls_id = line.attribute("tls-id")


class Party:
    """A SIP end that says what the test tells it to."""

    def __init__(self, stage: Stage, endpoint: Endpoint, proxy: Endpoint, uri: str, host: str) -> None:
        self._stage, self.endpoint, self.proxy, self.uri, self.host = stage, endpoint, proxy, uri, host
        self.heard: list[sip.Request | sip.Response] = []
        self.dialog: sip.Dialog | None = None
        self._sent: dict[str, sip.Request] = {}

    # What it does

    def invites(self, to: str, body: str, extra: tuple[tuple[str, str], ...] = ()) -> sip.Request:
        """A first INVITE."""
        request = sip.invite(to, caller=self.uri, contact=f"<sip:x@{self.host}:5060>", token=self._stage.token,
                             body=body.encode(), extra=extra)
        return self.sends(request)

    def asks(self, method: str, body: str = "") -> sip.Request:
        """A request inside the dialog."""
        contact = f"<sip:x@{self.host}:5060>" if method == "INVITE" else ""
        self.dialog, request = self.dialog.request(method, contact=contact, body=body.encode())
        return self.sends(request)

    def sends(self, request: sip.Request) -> sip.Request:
        """Any request, in a transaction of its own; as it was sent."""
        via = ("Via", f"SIP/2.0/UDP {self.endpoint};branch=z9hG4bK{self._stage.token(9)};rport")
        fields = (via, *request.headers.without("Via").fields)
        sent = sip.Request(sip.Headers(fields), request.body, method=request.method, uri=request.uri)
        self._sent[sent.via.branch] = sent
        self._stage.feed(self.proxy, self.endpoint, sip.encode(sent))
        return sent

    def cancels(self, invite: sip.Request) -> None:
        """CANCEL with the INVITE's branch."""
        fields = [("Via", invite.headers.get("Via")), ("From", invite.headers.get("From")),
                  ("To", invite.headers.get("To")), ("Call-ID", invite.call_id),
                  ("CSeq", f"{invite.cseq.number} CANCEL")]
        self._stage.feed(self.proxy, self.endpoint, sip.encode(
            sip.Request(sip.Headers(tuple(fields)), method="CANCEL", uri=invite.uri)))

    def answers(self, body: str = "", status: int = 200) -> None:
        """The last request that came, with 200 and a description or otherwise."""
        request = self.requests()[-1]
        response = sip.response(request, status, sip.REASONS[status], "" if request.to_tag else self._stage.token(8),
                                contact=f"<sip:x@{self.host}:5060>", body=body.encode())
        if request.method == "INVITE" and status == 200:
            if self.dialog is None:
                self.dialog = sip.Dialog.of_callee(request, response)
            self.dialog = self.dialog.received(request) if request.to_tag else self.dialog
        self._stage.feed(self.proxy, self.endpoint, sip.encode(response))

    def acknowledges(self) -> None:
        """The ACK for the last 2xx, which makes the dialog if there is none yet."""
        final = self.final()
        assert final is not None and final.status == 200
        if self.dialog is None:
            self.dialog = sip.Dialog.of_caller(self._sent[final.via.branch], final)
        self.sends(self.dialog.ack())

    # What it heard

    def requests(self, method: str = "") -> list[sip.Request]:
        """Requests, each once, oldest first."""
        found: dict[tuple[str, str], sip.Request] = {}
        for one in self.heard:
            if isinstance(one, sip.Request) and method in ("", one.method):
                found.setdefault((one.via.branch, one.method), one)
        return list(found.values())

    def final(self, request: sip.Request | None = None) -> sip.Response | None:
        """The last final response, to a request if it is given."""
        finals = [one for one in self.heard if isinstance(one, sip.Response) and one.status >= 200
                  and (request is None or (one.via.branch, one.method) == (request.via.branch, request.method))]
        return finals[-1] if finals else None

    def status(self, request: sip.Request | None = None) -> int | None:
        """Its status."""
        final = self.final(request)
        return None if final is None else final.status

    def offer(self) -> tuple[sdp.SessionDescription, sdp.Media]:
        """The description in the last INVITE."""
        return _described(self.requests("INVITE")[-1].body)

    def answer(self) -> tuple[sdp.SessionDescription, sdp.Media]:
        """The description in the last 2xx."""
        final = self.final()
        assert final is not None
        return _described(final.body)


def _described(body: bytes) -> tuple[sdp.SessionDescription, sdp.Media]:
    described = sdp.decode(body)
    return described, described.media[0]


class Stage:
    """The IMS-ALG and who it talks to.

    Args:
        nat: the UE is behind a NAT: its Contact and its SDP (where the test uses `ue.host`) name a private address.
        e2ae: the UE registers with media plane security; a name is that of the mechanism.
    """

    def __init__(self, *, nat: bool = False, e2ae: bool | str = False, registers: bool = True, **settings) -> None:
        self.alg = ImsAlg("alg", access=ACCESS, core=CORE, control=CONTROL, gateway=GATEWAY,
                          routes={"home2.example": PEER}, source=Source(1, "alg"), **settings)
        self.token = Source(2, "test").token
        self.now = 0.0
        self.log: list[str] = []
        self.orders: list[Order] = []
        self.refuses: list[int | None] = []
        """Error codes for the next orders; None grants one, and so does the end of the list."""
        self.holds = False
        """The gateway answers nothing for now."""
        self.names: dict[tuple[int, str], str] = {}
        """TerminationIDs by context and side."""
        self.refused: set[int] = set()
        """Contexts whose Subtract was refused."""
        self._held: list[h248.Request] = []
        self._seen: set[int] = set()
        self._count = 0
        self.ue = Party(self, UE, ACCESS, ALICE, PRIVATE if nat else UE.host)
        self.peer = Party(self, PEER, CORE, BOB, PEER.host)
        self.carry(self.alg.handle(Started(), 0.0))
        services = h248.Services(method="Restart", reason="901 Cold Boot", version=2, profile="p/1")
        self.feed(CONTROL, GATEWAY, control(h248.Request(1, (h248.Action(h248.NULL, (
            h248.Command(h248.Kind.SERVICE_CHANGE, ("ROOT",), (services,)),)),))))
        if registers:
            self._register(e2ae)
        self.log.clear()

    def _register(self, e2ae: bool | str) -> None:
        mechanism = e2ae if isinstance(e2ae, str) else "msrp-tls"
        client = sip.registration.MediaSecurity((mechanism,)) if e2ae else None
        first = sip.registration.register(ALICE, f"{self.ue.host}:5060", token=self.token, client=client)
        sent = self.ue.sends(first)
        again = sip.registration.register_again(
            first, self.ue.final(sent), user=ALICE, password=f"secret of {ALICE}", token=self.token)
        assert self.ue.status(self.ue.sends(again)) == 200

    # Time and network

    def feed(self, local: Endpoint, remote: Endpoint, octets: bytes) -> None:
        """A datagram arrives at the IMS-ALG."""
        self.carry(self.alg.handle(DatagramReceived(local, remote, octets), self.now))

    def later(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while (moment := self.alg.next_wakeup()) is not None and moment <= until:
            self.now = max(self.now, moment)
            self.carry(self.alg.handle(Woke(), self.now))
        self.now = until

    def carry(self, commands) -> None:
        """Bring what is sent to whom it is for, in order."""
        for command in commands:
            if not isinstance(command, SendDatagram):
                continue
            if command.remote == GATEWAY:
                self._ordered(command.data)
            else:
                party = self.ue if command.remote == UE else self.peer
                heard = sip.decode(command.data)
                party.heard.append(heard)
                what = heard.method if isinstance(heard, sip.Request) else str(heard.status)
                self.log.append(f"{'UE' if party is self.ue else 'peer'} {what}")

    # The gateway

    def grants(self) -> None:
        """Answer what was held."""
        self.holds, held, self._held = False, self._held, []
        for request in held:
            self._answer(request)

    def notifies(self, context: int, layer: str, change: str, side: str = "access") -> None:
        """A change of TCP or TLS is told."""
        termination = self.names[context, side]
        names = registry()
        kind = h248.Property(names.wire_name(f"{layer}-change-type"), (names.wire_name(f"{layer}-{change}"),))
        seen = h248.ObservedEvent(names.wire_name(f"{layer}-change"), "20260301T10153250", 1, (kind,))
        self._count += 1
        self.feed(CONTROL, GATEWAY, control(h248.Request(9000 + self._count, (h248.Action(context, (h248.Command(
            h248.Kind.NOTIFY, (termination,), (h248.ObservedEvents(2003, (seen,)),)),)),))))

    def beats(self, context: int, termination: str, event: str = "hangterm/thb") -> None:
        """A termination heartbeat, or another event without parameters."""
        self._count += 1
        seen = h248.ObservedEvents(2003, (h248.ObservedEvent(event, "20260301T10153250"),))
        self.feed(CONTROL, GATEWAY, control(h248.Request(9000 + self._count, (h248.Action(context, (h248.Command(
            h248.Kind.NOTIFY, (termination,), (seen,)),)),))))

    def released(self) -> list[int]:
        """Contexts that were subtracted."""
        return [order.context for order in self.orders if order.kind is h248.Kind.SUBTRACT]

    def _ordered(self, octets: bytes) -> None:
        for request in text.decode(octets).body:
            if not isinstance(request, h248.Request) or request.id in self._seen:
                continue
            self._seen.add(request.id)
            order = Order.of(request.actions[0])
            self.orders.append(order)
            self.log.append(f"{order.kind} {order.side}")
            if self.holds:
                self._held.append(request)
            else:
                self._answer(request)

    def _answer(self, request: h248.Request) -> None:
        action, command = request.actions[0], request.actions[0].commands[0]
        code = self.refuses.pop(0) if self.refuses else None
        self._count += 1
        context = 50 + self._count if action.context == h248.CHOOSE else action.context
        name, given = command.terminations[0], ()
        if code is not None:
            self.refused |= {context} if command.kind is h248.Kind.SUBTRACT else set()
            given = (h248.ErrorDescriptor(code, "no"),)
        elif command.kind is h248.Kind.ADD:
            side = name.split("/")[2]
            name = self.names[context, side] = f"ip/1/{side}/{self._count}"
            local = f"v=0\nc=IN IP4 {GRANTED[side]}\nm=message {40000 + 2 * self._count} TCP *\na=fingerprint:{OWN}\n"
            given = (h248.Media((h248.StreamDescriptor(1, local=(sdp.decode(local.encode()),)),)),)
        self.feed(CONTROL, GATEWAY, control(h248.Reply(request.id, (h248.ActionReply(
            context, (h248.CommandReply(command.kind, (name,), given),)),))))


def control(*transactions) -> bytes:
    return text.encode(h248.Message(2, "[192.0.2.20]:2944", transactions))
