"""A UE: SIP over UDP, SDP with or without e2ae security, and one MSRP session at a time.

A peer beyond the core is the same node without registration and without media plane security.

Source: TS 24.229 §5.1 (UE), TS 33.328 (e2ae), RFC 4975, RFC 6135, RFC 6714 (MSRP), RFC 4145, RFC 8122.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence

from workbench.errors import PeerError
from workbench.net.values import (
    Asked,
    BindDatagrams,
    Command,
    DatagramReceived,
    Drop,
    Endpoint,
    Happening,
    Note,
    SendDatagram,
    Started,
    Woke,
)
from workbench.nodes.msrp_endpoint import Down, Heard, MsrpEndpoint, NotTold, Told, Up
from workbench.nodes.orders import Call, HangUp, Order, Register, SendText
from workbench.nodes.procedure import Await, Procedures, Steps, earliest
from workbench.protocols import sdp, sip
from workbench.protocols.msrp import machine as msrp
from workbench.protocols.msrp import uri as msrp_uri
from workbench.security.identities import Identity
from workbench.security.source import Source
from workbench.security.tls import TlsSession

SIP_PORT = 5060
MECHANISM = "msrp-tls"

_OFFER = "TS 24.229 §6.1: SDP offer"
_ANSWER = "TS 24.229 §6.1: SDP answer"

# One step of a procedure that returns something.
Answer = Generator[Command | Await, object, sip.Response | None]


class _Session:
    """The running call: its dialog, what was agreed in SDP, and the media session."""

    def __init__(self, media: MsrpEndpoint, path: str, offered: str) -> None:
        self.media = media
        self.path = path
        self.offered = offered
        self.dialog: sip.Dialog | None = None
        self.peer_path = ""
        self.heard: list[str] = []
        self.told: set[str] = set()
        self.over = False


class UserEquipment:
    """A UE with one SIP identity.

    Args:
        uri: its SIP URI.
        address: its IP address; SIP listens on port 5060.
        proxy: where SIP requests go.
        identity: the certificate that its SDP announces; `presents` is the one that its TLS shows.
        registers: it registers when asked; a peer without registration can call at once.
        media_security: it asks for e2ae in offers and accepts it in answers.
        offers, answers: a=setup it writes in an offer, and in an answer to `actpass`.
        tls_versions: `1.2`, `1.3`.
        chunk: octets of a message in one MSRP SEND.
    """

    def __init__(
        self,
        name: str,
        *,
        uri: str,
        address: str,
        proxy: Endpoint,
        source: Source,
        identity: Identity,
        presents: Identity,
        registers: bool = True,
        media_security: bool = True,
        offers: str = "active",
        answers: str = "passive",
        tls_versions: Sequence[str] = ("1.2", "1.3"),
        chunk: int = 2048,
    ) -> None:
        self.name = name
        self._uri = uri
        self._local = Endpoint(address, SIP_PORT)
        self._proxy = proxy
        self._source = source
        self._identity = identity
        self._presents = presents
        self._registers = registers
        self._secured = media_security
        self._offers = sdp.Setup(offers)
        self._answers = sdp.Setup(answers)
        self._tls_versions = tuple(tls_versions)
        self._chunk = chunk
        self._sip = sip.Transactions(str(self._local), source.token)
        self._procedures = Procedures(most=64)
        self._orders: deque[Order] = deque(maxlen=256)
        self._session: _Session | None = None
        self._registered = not registers
        self._now = 0.0

    # The node

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        self._now = now
        session = self._session
        match happened:
            case Started():
                return [BindDatagrams(self._local), *self._procedures.start(self._person(), now)]
            case Asked(order=order):
                self._orders.append(order)
                return self._procedures.post(("order",), None, now)
            case DatagramReceived(local=self._local, remote=remote, data=data):
                return self._signalled(self._sip.receive_data(data, (remote.host, remote.port), now))
            case Woke():
                commands = self._signalled(self._sip.wake(now)) + self._procedures.wake(now)
                if session is not None:
                    commands += session.media.wake(now) + self._media_news()
                return commands
            case _ if session is not None and session.media.concerns(happened):
                return session.media.handle(happened, now) + self._media_news()
        return [Drop(happened, "nothing here is concerned")]

    def next_wakeup(self) -> float | None:
        """The first timer of SIP, of a procedure or of MSRP."""
        media = self._session.media.next_wakeup() if self._session is not None else None
        return earliest([self._sip.next_wakeup(), self._procedures.next_wakeup(), media])

    # What the person does, one order after the other

    def _person(self) -> Steps:
        while True:
            while not self._orders:
                yield Await((("order",),))
            match self._orders.popleft():
                case Register():
                    yield from self._register()
                case Call(to=to):
                    while not self._registered:
                        yield Await((("registered",),))
                    yield from self._call(to)
                case SendText(text=text):
                    yield from self._say(text)
                case HangUp(after_heard=count):
                    yield from self._hang_up(count)

    def _say(self, text: str) -> Steps:
        while self._session is None or not (self._session.media.up or self._session.over):
            yield Await((("media",),))
        session = self._session
        if session.over:
            yield Note(f"nobody to say {text!r} to: the session is over")
            return
        message_id, commands = session.media.send(text, self._now)
        yield from commands
        yield from self._media_news()
        while message_id not in session.told and not session.over:
            yield Await((("media",),))

    def _hang_up(self, after_heard: int) -> Steps:
        session = self._session
        while session is not None and not session.over and len(session.heard) < after_heard:
            yield Await((("media",),))
        if session is None or session.dialog is None:
            return
        dialog, session.dialog = session.dialog, None
        session.over = True
        _, bye = dialog.request("BYE")
        yield from self._ask(bye, "the call is released: BYE [RFC 3261 §15]")
        yield from session.media.close(self._now)

    # Registration

    def _register(self) -> Steps:
        """REGISTER, challenge, REGISTER with the agreed mechanisms (RFC 3329, TS 24.229 §5.1.1, `mediasec`)."""
        offered = sip.registration.MediaSecurity((MECHANISM,)) if self._secured else None
        first = sip.registration.register(
            self._uri, str(self._local), token=self._source.token, client=offered)
        response = yield from self._ask(first, "UE says which media plane security it can do [TS 24.229 §5.1.1.2]")
        if response is not None and response.status == 401:
            second = sip.registration.register_again(
                first, response, user=self._uri, password=f"secret of {self._uri}", token=self._source.token)
            response = yield from self._ask(second, "UE repeats what the P-CSCF offered [RFC 3329 §2.3.1]")
        if response is None or response.status != 200:
            yield Note(f"not registered: {response.status if response else 'no answer'}")
            return
        self._registered = True
        yield from self._procedures.post(("registered",), None, self._now)

    # Calling

    def _call(self, to: str) -> Steps:
        yield from self._new_session(self._offers, None)
        session = self._session
        assert session is not None
        if self._offers is not sdp.Setup.ACTIVE:
            yield from session.media.listen()
        invite = sip.invite(
            to, caller=self._uri, contact=self._contact, token=self._source.token,
            body=self._describe(session, self._offers, self._secured, "requested"))
        response = yield from self._ask(invite, f"{_OFFER}, {'e2ae requested' if self._secured else 'plain'}")
        if response is None or response.status >= 300:
            session.over = True
            yield from session.media.close(self._now)
            yield from self._procedures.post(("media",), None, self._now)
            yield Note(f"the call failed: {response.status if response else 'no answer'}")
            return
        session.dialog = sip.Dialog.of_caller(invite, response)
        yield from self._signalled(self._sip.ack(session.dialog.ack(), self._target, self._now))
        try:
            answer = sdp.decode(response.body)
            yield from self._agreed(session, answer.media[0], answer, None)
        except (PeerError, IndexError) as error:
            yield Note(f"the answer can't be used: {error}")
            yield from self._hang_up(0)

    # Being called

    def _answer(self, key: str, invite: sip.Request) -> Steps:
        tag = self._source.token(10)
        if self._session is not None and not self._session.over:
            yield from self._reply(key, sip.response(invite, 486, "Busy Here", tag), "one call at a time")
            return
        try:
            offer = sdp.decode(invite.body)
            media = offer.media[0]
            transport = sdp.transport_of(media.proto)
        except (PeerError, IndexError):
            yield from self._reply(key, sip.response(invite, 488, "Not Acceptable Here", tag), "no usable offer")
            return
        protected = transport is not None and transport.security == "tls"
        if transport is None or transport.application != "msrp" or (protected and not self._secured):
            yield from self._reply(key, sip.response(invite, 488, "Not Acceptable Here", tag), "not MSRP as we do it")
            return
        yield from self._reply(key, sip.response(invite, 180, "Ringing", tag, contact=self._contact), "ringing")
        offered = sdp.setup_of_offer(media)
        role = self._answers if offered is sdp.Setup.ACTPASS else sdp.complement(offered)
        yield from self._new_session(role, protected)
        session = self._session
        assert session is not None
        if role is sdp.Setup.PASSIVE:
            yield from session.media.listen()
        accepted = sip.response(invite, 200, "OK", tag, contact=self._contact,
                                body=self._describe(session, role, protected, None))
        session.dialog = sip.Dialog.of_callee(invite, accepted)
        yield from self._reply(key, accepted, _ANSWER)
        try:
            yield from self._agreed(session, media, offer, role)
        except PeerError as error:
            yield Note(f"the offer can't be used: {error}")
            yield from self._hang_up(0)

    def _agreed(
        self, session: _Session, theirs: sdp.Media, described: sdp.SessionDescription, ours: sdp.Setup | None,
    ) -> Steps:
        """Offer and answer are known on both sides: fingerprints first, then the connection."""
        session.peer_path = theirs.attribute("path") or ""
        msrp_uri.decode_path(session.peer_path)  # raises here, where the call can still be refused
        prints = [sdp.Fingerprint.decode(text) for text in theirs.attributes("fingerprint")]
        yield from session.media.agree(prints, self._now)
        role = ours if ours is not None else sdp.complement(sdp.setup_of_answer(theirs))
        if role is not sdp.Setup.ACTIVE:
            return
        connection = described.connection_of(theirs)
        if connection is None or not theirs.port:
            yield Note("the peer gave no address to connect to")
            return
        # RFC 6714 §4: the connection goes to the c=/m= address, whatever the path URI says.
        yield from session.media.connect(Endpoint(connection.address, theirs.port))

    def _new_session(self, role: sdp.Setup, protected: bool | None) -> Steps:
        """A media session with its own port and path URI. `protected` None: as our offer will say."""
        secure = self._secured if protected is None else protected
        port = self._source.number(20000, 29999)
        path = f"{'msrps' if secure else 'msrp'}://{_bracketed(self._local.host)}:{port}/{self._source.token(16)};tcp"
        holder: list[_Session] = []

        def session_for(active: bool) -> msrp.Session:
            return msrp.Session(path, holder[0].peer_path, active=active, accept_types=("text/plain",),
                                token=self._source.token, chunk_octets=self._chunk)

        def tls_for(client: bool) -> TlsSession:
            return TlsSession(self._presents, client, versions=self._tls_versions, log_keys=True)

        media = MsrpEndpoint(
            Endpoint(self._local.host, port), secure=tls_for if secure else None, session=session_for)
        self._session = _Session(media, path, role)
        holder.append(self._session)
        yield Note(f"media session on port {port}, a=setup:{role}")

    def _describe(self, session: _Session, role: sdp.Setup, protected: bool, e2ae: str | None) -> bytes:
        """Our SDP. An active side writes port 9 (RFC 6135 §4.2.1); its path URI keeps the port it connects from."""
        host = self._local.host
        version = "6" if ":" in host else "4"
        port = 9 if role is sdp.Setup.ACTIVE else session.media.local.port
        number = self._source.number(10**8, 10**9)
        lines = [
            "v=0", f"o=- {number} {number} IN IP{version} {host}", "s=-", f"c=IN IP{version} {host}", "t=0 0",
            f"m=message {port} {'TCP/TLS/MSRP' if protected else 'TCP/MSRP'} *",
            f"a=setup:{role}", "a=accept-types:text/plain", f"a=path:{session.path}", "a=msrp-cema",
        ]
        if protected:
            lines += [f"a=3ge2ae:{e2ae}"] if e2ae else []
            lines.append(f"a=fingerprint:{self._identity.fingerprint().encode()}")
        return "".join(f"{line}\r\n" for line in lines).encode()

    # Signalling

    @property
    def _contact(self) -> str:
        return f"<sip:{self._uri.removeprefix('sip:').partition('@')[0]}@{self._local}>"

    @property
    def _target(self) -> sip.Address:
        return (self._proxy.host, self._proxy.port)

    def _ask(self, request: sip.Request, why: str) -> Answer:
        """Send a request and wait for its final response; None: nobody answered."""
        key, events = self._sip.request(request, self._target, self._now)
        yield from self._signalled(events, why)
        while True:
            response = yield Await((("sip", key),))
            if not isinstance(response, sip.Response) or response.status >= 200:
                return response if isinstance(response, sip.Response) else None

    def _reply(self, key: str, response: sip.Response, why: str) -> Steps:
        yield from self._signalled(self._sip.respond(key, response, self._now), why)

    def _signalled(self, events: Sequence[sip.Event], why: str = "") -> list[Command]:
        """What SIP events mean: octets to send, procedures to wake, requests to answer."""
        commands: list[Command] = []
        for event in events:
            match event:
                case sip.Transmit(data=data, to=to):
                    commands.append(SendDatagram(self._local, Endpoint(*to), data, why))
                case sip.ResponseReceived(key=key, response=response):
                    commands += self._procedures.post(("sip", key), response, self._now)
                case sip.TimedOut(key=key):
                    commands += self._procedures.post(("sip", key), None, self._now)
                case sip.RequestReceived(key=key, request=request):
                    commands += self._procedures.start(self._obey(key, request), self._now)
                case sip.PeerViolation(error=error):
                    commands.append(Note(f"SIP: {error}"))
        return commands

    def _obey(self, key: str, request: sip.Request) -> Steps:
        session = self._session
        if request.method == "INVITE" and not request.to_tag:
            yield from self._answer(key, request)
        elif request.method == "BYE" and session is not None and session.dialog is not None and (
                session.dialog.matches(request)):
            session.over, session.dialog = True, None
            yield from self._reply(key, sip.response(request, 200, "OK"), "the call is released")
            yield from session.media.close(self._now)
            yield from self._procedures.post(("media",), None, self._now)
        elif request.method in ("BYE", "CANCEL", "INVITE"):
            yield from self._reply(
                key, sip.response(request, 481, "Call/Transaction Does Not Exist", self._source.token(10)), "")
        else:
            yield from self._reply(key, sip.response(request, 501, "Not Implemented", self._source.token(10)), "")

    def _media_news(self) -> list[Command]:
        """What the media session has to tell the person."""
        session = self._session
        commands: list[Command] = []
        while session is not None and session.media.news:
            match session.media.news.pop(0):
                case Heard(body=body):
                    session.heard.append(body.decode(errors="replace"))
                    commands.append(Note(f"heard: {session.heard[-1]}"))
                case Told(message_id=message_id):
                    session.told.add(message_id)
                case NotTold(message_id=message_id, status=status, reason=reason):
                    session.told.add(message_id)
                    commands.append(Note(f"message {message_id} failed: {status} {reason}"))
                case Up():
                    commands.append(Note("messages can be sent"))
                case Down(reason=reason):
                    session.over = True
                    commands.append(Note(f"the media session is over{': ' if reason else ''}{reason}"))
            commands += self._procedures.post(("media",), None, self._now)
        return commands


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


