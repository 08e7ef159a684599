"""A UE: SIP over UDP, SDP with or without e2ae security, and one MSRP session at a time.

A peer beyond the core is the same node without registration and without media plane security.

Source: TS 24.229 §5.1 (UE), TS 33.328 (e2ae), RFC 4975, RFC 6135, RFC 6714 (MSRP), RFC 4145, RFC 8122.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Generator, Sequence

import msgspec

from workbench.errors import IncompatiblePeerError, MalformedMessageError, PeerError
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
PATIENCE_SECONDS = 60.0
"""How long a person waits until messages can be sent, and for the report on one."""

# What we do, and what we know of without doing it (RFC 3261 §8.2.1).
_ALLOWED = ("INVITE", "ACK", "BYE", "CANCEL")
_KNOWN = ("INFO", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE")

_OFFER = "TS 24.229 §6.1: SDP offer"
_ANSWER = "TS 24.229 §6.1: SDP answer"

# Steps of a procedure that return something.
Answer = Generator[Command | Await, object, sip.Response | None]
Wait = Generator[Command | Await, object, bool]


class _Agreed(msgspec.Struct, frozen=True):
    """What the peer's SDP says of its end: its path, its certificate, and where it can be reached."""

    path: str
    fingerprints: tuple[sdp.Fingerprint, ...]
    remote: Endpoint


class _Session:
    """A call: its dialog, what was agreed in SDP, and the media session."""

    def __init__(self, media: MsrpEndpoint, path: str) -> None:
        self.media = media
        self.path = path
        self.dialog: sip.Dialog | None = None
        self.ringing = ""
        self.answered = ""
        self.peer_path = ""
        self.heard = 0
        self.told: set[str] = set()
        self.over = False
        self.released = False

    @property
    def runs(self) -> bool:
        """A call is being set up or in place: no second one is taken (until BYE, whatever became of the media)."""
        return not self.released and (self.dialog is not None or not self.over)


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
        rings: seconds until the person answers a call; 0: at once.
        msrp: `cema`, `sessmatch` or `plain`: how it matches MSRP URIs, and where it connects to.
        falls_back: as CEMA offerer it makes the new offer without msrp-cema where RFC 6714 §4.2 asks for it.
        insists: a=setup that it writes, legal or not; empty: what is legal.
        listens: False: its port is closed where it should be passive.
        accepts_after: seconds that it takes to answer a SYN.
        connects: False: it never opens the connection where it should be active.
        discovers: the STUN server that it asks over TCP for its mapped address.
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
        rings: float = 0.0,
        msrp: str = "cema",
        falls_back: bool = True,
        insists: str = "",
        listens: bool = True,
        accepts_after: float = 0.0,
        connects: bool = True,
        discovers: Endpoint | None = None,
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
        self._rings = rings
        self._sip = sip.Transactions(str(self._local), source.token)
        self._procedures = Procedures(most=64)
        self._orders: deque[Order] = deque(maxlen=256)
        self._session: _Session | None = None
        self._former: list[_Session] = []
        self._registered = not registers
        self._now = 0.0

    # The node

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        self._now = now
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
                for session in self._sessions():
                    commands += session.media.wake(now) + self._media_news(session)
                return commands
            case _:
                for session in self._sessions():
                    if session.media.concerns(happened):
                        return session.media.handle(happened, now) + self._media_news(session)
        return [Drop(happened, "nothing here is concerned")]

    def next_wakeup(self) -> float | None:
        """The first timer of SIP, of a procedure or of MSRP."""
        media = [session.media.next_wakeup() for session in self._sessions()]
        return earliest([self._sip.next_wakeup(), self._procedures.next_wakeup(), *media])

    def _sessions(self) -> list[_Session]:
        """The last call's session, and former ones whose connection is still closing."""
        self._former = [session for session in self._former if not session.media.finished]
        return [*self._former, *([self._session] if self._session is not None else [])]

    # What the person does, one order after the other

    def _person(self) -> Steps:
        while True:
            while not self._orders:
                yield Await((("order",),))
            match self._orders.popleft():
                case Register():
                    yield from self._register()
                case Call(to=to):
                    yield from self._call(to)
                case SendText(text=text):
                    yield from self._say(text)
                case HangUp(after_heard=count):
                    yield from self._hang_up(count)

    def _until(self, done: Callable[[], bool]) -> Wait:
        """Wait for something of the media session; False: not within a person's patience."""
        deadline = self._now + PATIENCE_SECONDS
        while not done() and self._now < deadline:
            yield Await((("media",),), deadline - self._now)
        return done()

    def _say(self, text: str) -> Steps:
        while self._session is None:
            yield Await((("media",),))
        session = self._session
        ready = yield from self._until(lambda: session.media.up or session.over)
        if session.over or not ready:
            yield Note(f"nobody to say {text!r} to: {'the session is over' if session.over else 'no session came up'}")
            return
        message_id, commands = session.media.send(text, self._now)
        yield from commands
        yield from self._media_news(session)
        if not (yield from self._until(lambda: message_id in session.told or session.over)):
            yield Note(f"no report on {message_id} within {PATIENCE_SECONDS:.0f} s")

    def _hang_up(self, after_heard: int) -> Steps:
        session = self._session
        while session is not None and not session.over and session.heard < after_heard:
            yield Await((("media",),))
        if session is None or session.released:
            return
        if session.ringing:
            yield from self._procedures.post(("ringing", session.ringing), 603, self._now)
        elif session.dialog is not None:
            yield from self._release(session)

    def _release(self, session: _Session) -> Steps:
        """BYE first; the connection is closed when it is answered. A BYE that crosses ours still finds its dialog."""
        if session.released or session.dialog is None:
            return
        session.released = session.over = True
        yield from self._procedures.post(("media",), None, self._now)
        _, bye = session.dialog.request("BYE")
        yield from self._ask(bye, "the call is released: BYE [RFC 3261 §15]")
        session.dialog = None
        yield from session.media.close(self._now)

    # Registration

    def _register(self) -> Steps:
        """REGISTER, challenge, REGISTER with the agreed mechanisms (RFC 3329, TS 24.229 §5.1.1, `mediasec`)."""
        offered = sip.registration.MediaSecurity((MECHANISM,)) if self._secured else None
        first = sip.registration.register(
            self._uri, str(self._local), token=self._source.token, client=offered)
        response = yield from self._ask(first, "UE says which media plane security it can do [TS 24.229 §5.1.1.2]")
        if response is not None and response.status == 401:
            try:
                second = sip.registration.register_again(
                    first, response, user=self._uri, password=f"secret of {self._uri}", token=self._source.token)
            except PeerError as error:
                yield Note(f"not registered: {error}")
                return
            response = yield from self._ask(second, "UE repeats what the P-CSCF offered [RFC 3329 §2.3.1]")
        if response is None or response.status != 200:
            yield Note(f"not registered: {response.status if response else 'no answer'}")
            return
        self._registered = True

    # Calling

    def _call(self, to: str) -> Steps:
        running = self._session is not None and self._session.runs
        if running or not self._registered:
            yield Note(f"{to} is not called: {'one call at a time' if running else 'not registered'}")
            return
        session = yield from self._new_session(self._offers, self._secured)
        if self._offers is not sdp.Setup.ACTIVE:
            yield from session.media.listen()
        offer = self._describe(session, self._offers, self._secured, e2ae="requested")
        invite = sip.invite(
            to, caller=self._uri, contact=self._contact, token=self._source.token, body=offer)
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
            theirs, agreed = _usable(response.body, sdp.decode(offer).media[0])
        except PeerError as error:
            yield Note(f"the answer can't be used: {error}")
            yield from self._release(session)
            return
        yield from self._start(session, agreed, sdp.complement(sdp.setup_of_answer(theirs)))

    # Being called

    def _answer(self, key: str, invite: sip.Request) -> Steps:
        tag = self._source.token(10)
        if self._session is not None and self._session.runs:
            yield from self._reply(key, sip.response(invite, 486, "Busy Here", tag), "one call at a time")
            return
        required = invite.headers.all("Require")
        if required:
            refusal = sip.response(
                invite, 420, "Bad Extension", tag, extra=[("Unsupported", option) for option in required])
            yield from self._reply(key, refusal, "an extension is required that is not there [RFC 3261 §8.2.2.3]")
            return
        try:
            theirs, agreed = _usable(invite.body, None)
        except PeerError as error:
            yield from self._reply(
                key, sip.response(invite, 488, "Not Acceptable Here", tag), f"the offer can't be used: {error}")
            return
        protected = _protected(theirs)
        if protected and not self._secured:
            yield from self._reply(
                key, sip.response(invite, 488, "Not Acceptable Here", tag), "no media plane security here")
            return
        offered = sdp.setup_of_offer(theirs)
        role = self._answers if offered is sdp.Setup.ACTPASS else sdp.complement(offered)
        session = yield from self._new_session(role, protected)
        if not (yield from self._ring(session, key, invite, tag)):
            return
        if role is sdp.Setup.PASSIVE:
            yield from session.media.listen()
        body = self._describe(session, role, protected, cema=theirs.attribute("msrp-cema") is not None)
        accepted = sip.response(invite, 200, "OK", tag, contact=self._contact, body=body)
        session.dialog = sip.Dialog.of_callee(invite, accepted)
        session.answered = key
        yield from self._reply(key, accepted, _ANSWER)
        yield from self._start(session, agreed, role)

    def _ring(self, session: _Session, key: str, invite: sip.Request, tag: str) -> Wait:
        """180, and wait for the person. False: the caller gave up, or the person declined."""
        yield from self._reply(key, sip.response(invite, 180, "Ringing", tag, contact=self._contact), "ringing")
        if not self._rings:
            return True
        session.ringing = key
        status = yield Await((("ringing", key),), self._rings)
        session.ringing = ""
        if not isinstance(status, int):
            return True
        session.over = True
        yield from self._reply(key, sip.response(invite, status, sip.REASONS[status], tag), "the call is not taken")
        yield from session.media.close(self._now)
        yield from self._procedures.post(("media",), None, self._now)
        return False

    def _start(self, session: _Session, agreed: _Agreed, ours: sdp.Setup) -> Steps:
        """Offer and answer are known on both sides."""
        session.peer_path = agreed.path
        if ours is sdp.Setup.ACTIVE:
            # RFC 6714 §4: the connection goes to the c=/m= address, whatever the path URI says.
            yield from session.media.connect(agreed.remote)
        yield from session.media.agree(agreed.fingerprints, self._now)
        yield from self._media_news(session)

    def _new_session(self, role: sdp.Setup, secure: bool) -> Generator[Command | Await, object, _Session]:
        """A media session with its own port and path URI."""
        port = self._source.number(20000, 29999)
        path = f"{'msrps' if secure else 'msrp'}://{_bracketed(self._local.host)}:{port}/{self._source.token(16)};tcp"

        def session_for(active: bool) -> msrp.Session:
            return msrp.Session(path, session.peer_path, active=active, accept_types=("text/plain",),
                                token=self._source.token, chunk_octets=self._chunk)

        def tls_for(client: bool) -> TlsSession:
            return TlsSession(self._presents, client, versions=self._tls_versions, log_keys=True)

        media = MsrpEndpoint(
            Endpoint(self._local.host, port), secure=tls_for if secure else None, session=session_for)
        session = _Session(media, path)
        if self._session is not None:
            self._former.append(self._session)
        self._session = session
        yield Note(f"media session on port {port}, a=setup:{role}")
        return session

    def _describe(
        self, session: _Session, role: sdp.Setup, protected: bool, *, e2ae: str = "", cema: bool = True,
    ) -> bytes:
        """Our SDP. An active side writes port 9 (RFC 6135 §4.2.1); its path URI keeps the port it connects from."""
        host = self._local.host
        version = self._local.version
        port = 9 if role is sdp.Setup.ACTIVE else session.media.local.port
        number = self._source.number(10**8, 10**9)
        lines = [
            "v=0", f"o=- {number} {number} IN IP{version} {host}", "s=-", f"c=IN IP{version} {host}", "t=0 0",
            f"m=message {port} {'TCP/TLS/MSRP' if protected else 'TCP/MSRP'} *",
            f"a=setup:{role}", "a=accept-types:text/plain", f"a=path:{session.path}",
        ]
        if cema:
            lines.append("a=msrp-cema")
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
                case sip.TimedOut(key=key) if self._session is not None and self._session.answered == key:
                    # RFC 3261 §13.3.1.4: without an ACK for its 2xx, the call ends.
                    commands += [Note("no ACK"), *self._procedures.start(self._release(self._session), self._now)]
                case sip.TimedOut(key=key):
                    commands += self._procedures.post(("sip", key), None, self._now)
                case sip.RequestReceived(key=key, request=request):
                    commands += self._procedures.start(self._obey(key, request), self._now)
                case sip.PeerViolation(error=error):
                    commands.append(Note(f"SIP: {error}"))
        return commands

    def _obey(self, key: str, request: sip.Request) -> Steps:
        session = self._session
        if request.method == "CANCEL":
            yield from self._cancelled(key, request)
        elif request.to_tag:
            if session is None or session.dialog is None or not session.dialog.matches(request):
                yield from self._refuse(key, request, 481, "no such call")
                return
            try:
                session.dialog = session.dialog.received(request)
            except PeerError as error:
                yield from self._refuse(key, request, 500, str(error))
                return
            if request.method == "BYE":
                yield from self._reply(key, sip.response(request, 200, "OK"), "the call is released")
                yield from self._released(session)
            elif request.method == "INVITE":
                yield from self._refuse(key, request, 488, "the session stays as it is [RFC 3261 §14.2]")
            else:
                yield from self._unknown(key, request)
        elif request.method == "INVITE":
            yield from self._answer(key, request)
        elif request.method == "BYE":
            yield from self._refuse(key, request, 481, "no such call")
        else:
            yield from self._unknown(key, request)

    def _released(self, session: _Session) -> Steps:
        """The peer's BYE. If ours is on its way too, our own procedure closes the connection."""
        if session.released:
            return
        session.released = session.over = True
        session.dialog = None
        yield from session.media.close(self._now)
        yield from self._procedures.post(("media",), None, self._now)

    def _cancelled(self, key: str, cancel: sip.Request) -> Steps:
        """CANCEL ends a call that still rings; one that was answered goes on (RFC 3261 §9.2)."""
        invite = self._sip.matching_invite(cancel)
        if invite is None:
            yield from self._refuse(key, cancel, 481, "nothing to cancel")
            return
        yield from self._reply(
            key, sip.response(cancel, 200, "OK", self._source.token(10)), "CANCEL is answered [RFC 3261 §9.2]")
        yield from self._procedures.post(("ringing", invite), 487, self._now)

    def _unknown(self, key: str, request: sip.Request) -> Steps:
        status = 405 if request.method.upper() in _KNOWN else 501
        response = sip.response(
            request, status, sip.REASONS[status], self._source.token(10), extra=[("Allow", ", ".join(_ALLOWED))])
        yield from self._reply(key, response, "not done here [RFC 3261 §8.2.1]")

    def _refuse(self, key: str, request: sip.Request, status: int, why: str) -> Steps:
        response = sip.response(request, status, sip.REASONS[status], self._source.token(10))
        yield from self._reply(key, response, why)

    def _media_news(self, session: _Session) -> list[Command]:
        """What the media session has to tell the person."""
        commands: list[Command] = []
        while session.media.news:
            match session.media.news.pop(0):
                case Heard(body=body):
                    session.heard += 1
                    commands.append(Note(f"heard: {body.decode(errors='replace')}"))
                case Told(message_id=message_id):
                    session.told.add(message_id)
                case NotTold(message_id=message_id, status=status, reason=reason):
                    session.told.add(message_id)
                    what = f"message {message_id}" if message_id else "the first SEND, without a message,"
                    commands.append(Note(f"{what} failed: {status} {reason}"))
                case Up():
                    commands.append(Note("messages can be sent"))
                case Down(reason=reason):
                    session.over = True
                    commands.append(Note(f"the media session is over{': ' if reason else ''}{reason}"))
            commands += self._procedures.post(("media",), None, self._now)
        return commands


def _usable(body: bytes, offered: sdp.Media | None) -> tuple[sdp.Media, _Agreed]:
    """The one MSRP stream of an offer, or of the answer to what we `offered`, and what it says of the peer.

    Raises:
        PeerError: it can't be used; the text says why.
    """
    described = sdp.decode(body)
    if len(described.media) != 1:
        raise IncompatiblePeerError(f"{len(described.media)} m= lines; one is what is done here", clause="RFC 3264 §6")
    media = described.effective(described.media[0])
    transport = sdp.transport_of(media.proto)
    if transport is None or transport.application != "msrp" or transport.security not in (None, "tls"):
        raise IncompatiblePeerError(f"m={media.media} {media.proto} is not MSRP as we do it", clause="RFC 4975 §8")
    violations = [] if offered is None else sdp.check_answer(offered, media)
    if violations:
        raise MalformedMessageError(violations[0].what, clause=violations[0].clause)
    connection = media.connection
    if connection is None or not media.port or not 0 < media.port < 65_536:
        raise IncompatiblePeerError("no address, or the stream is refused (port 0)", clause="RFC 3264 §6")
    try:
        host = str(ipaddress.ip_address(connection.address))
    except ValueError:
        raise IncompatiblePeerError(f"c= {connection.address} is no IP address", clause="RFC 8866 §5.7") from None
    if _protected(media) and not media.fingerprints:
        raise MalformedMessageError("TLS without a fingerprint", clause="RFC 8122 §5")
    path = media.attribute("path") or ""
    msrp_uri.decode_path(path)
    return media, _Agreed(path, media.fingerprints, Endpoint(host, media.port))


def _protected(media: sdp.Media) -> bool:
    transport = sdp.transport_of(media.proto)
    return transport is not None and transport.security == "tls"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
