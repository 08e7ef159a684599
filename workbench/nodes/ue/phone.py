"""What the procedures of a UE share: its SIP transactions, its calls, and the news of their media."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence

from workbench.net.values import Command, Endpoint, Happening, Note, SendDatagram
from workbench.nodes.audio_endpoint import AudioEndpoint
from workbench.nodes.bfcp_endpoint import FloorClient, ServedEnd
from workbench.nodes.conference import Room
from workbench.nodes.fax_endpoint import FaxEndpoint
from workbench.nodes.media_news import Down, Heard, News, NotTold, Remark, Told, Up
from workbench.nodes.msrp_endpoint import MsrpEndpoint
from workbench.nodes.msrp_listener import Manners
from workbench.nodes.procedure import Await, Procedures, Steps, Topic, earliest
from workbench.nodes.tickets import Question
from workbench.nodes.ue.call import Bearer, Call
from workbench.nodes.ue.call import Media as BearerMedia
from workbench.nodes.ue.describing import path_of
from workbench.nodes.ue.discovery import Discovery
from workbench.nodes.ue.dtls_faults import UntrueDtls
from workbench.nodes.ue.faults import Untrue
from workbench.nodes.ue.settings import ACCEPTED_TYPES, MOST_OCTETS, MOST_UNFINISHED, Media, Settings
from workbench.protocols import sdp, sip
from workbench.protocols.bfcp.machine import Chair
from workbench.protocols.msrp import machine as msrp
from workbench.protocols.msrp.cema import SESSMATCH_AGENT, Model
from workbench.protocols.rtp import g711
from workbench.security.dtls import Cookies, DtlsSession
from workbench.security.identities import Identity
from workbench.security.source import Source
from workbench.security.tickets import Replays
from workbench.security.tls import TlsSession

MEDIA: Topic = ("media",)
_MOST_FORMER = 8
_MOST_IN_CONFERENCE = 64
_MOST_SHOWN = 1_000
"""The most characters of what was heard that a note repeats."""

# Steps of a procedure that return something.
Answer = Generator[Command | Await, object, sip.Response | None]
Wait = Generator[Command | Await, object, bool]
Made = Generator[Command | Await, object, Bearer]
Done = Generator[Command | Await, object, str]
"""Steps of an order, and in the end why it did not come about, or nothing."""

PATIENCE_SECONDS = 60.0
"""How long a person waits until messages can be sent, and for the report on one."""


class Phone:
    """The UE as its procedures see it.

    Args:
        settings: how it behaves.
        source: what ports, tags and ids follow from.
        obey: the procedure that answers a request, by its transaction's key.
        unacknowledged: the procedure for a call whose 2xx got no ACK.
    """

    def __init__(
        self, settings: Settings, source: Source, *,
        obey: Callable[[str, sip.Request], Steps], unacknowledged: Callable[[Call], Steps],
    ) -> None:
        self.settings = settings
        self.source = source
        self.call: Call | None = None
        self.registered = not settings.registers
        self.now = 0.0
        self.procedures = Procedures(most=64)
        self.room = None if settings.conference is None else Room(settings.conference)
        self.sip = sip.Transactions(str(settings.local), source.token)
        self.question: Question | None = None
        self.replays = Replays()
        self._former: list[Call] = []
        self._obey = obey
        self._unacknowledged = unacknowledged

    # SIP

    @property
    def contact(self) -> str:
        """Our Contact value."""
        user = self.settings.uri.removeprefix("sip:").partition("@")[0]
        return f"<sip:{user}@{self.settings.local}>"

    @property
    def target(self) -> sip.Address:
        """Where requests go."""
        return (self.settings.proxy.host, self.settings.proxy.port)

    def ask(self, request: sip.Request, why: str) -> Answer:
        """Send a request and wait for its final response; None: nobody answered."""
        named = request.with_headers(self._named(request.headers, "User-Agent"))
        key, events = self.sip.request(named, self.target, self.now)
        yield from self.signalled(events, why)
        while True:
            response = yield Await((("sip", key),))
            if not isinstance(response, sip.Response) or response.status >= 200:
                return response if isinstance(response, sip.Response) else None

    def acknowledge(self, call: Call) -> Steps:
        """The ACK for the 2xx to our last INVITE."""
        assert call.dialog is not None
        yield from self.signalled(self.sip.ack(call.dialog.ack(), self.target, self.now))

    def reply(self, key: str, response: sip.Response, why: str) -> Steps:
        """Answer a request."""
        named = response.with_headers(self._named(response.headers, "Server"))
        yield from self.signalled(self.sip.respond(key, named, self.now), why)

    def _named(self, headers: sip.Headers, name: str) -> sip.Headers:
        """A UE that compares session-ids says so in the name of its software (RFC 3261 §20.35, §20.41).

        Nothing else could tell: sessmatch has no SDP attribute and no option tag.
        """
        return headers.added(name, SESSMATCH_AGENT) if self.settings.msrp is Model.SESSMATCH else headers

    def refuse(
        self, key: str, request: sip.Request, status: int, why: str, extra: Sequence[tuple[str, str]] = (),
    ) -> Steps:
        """Answer a request with a failure."""
        response = sip.response(request, status, sip.REASONS[status], self.source.token(10), extra=extra)
        yield from self.reply(key, response, why)

    def signalled(self, events: Sequence[sip.Event], why: str = "") -> list[Command]:
        """What SIP events mean: octets to send, procedures to wake, requests to answer."""
        commands: list[Command] = []
        for event in events:
            match event:
                case sip.Transmit(data=data, to=to):
                    commands.append(SendDatagram(self.settings.local, Endpoint(*to), data, why))
                case sip.ResponseReceived(key=key, response=response):
                    commands += self.procedures.post(("sip", key), response, self.now)
                case sip.AckReceived(key=key, request=request) if key is not None:
                    commands += self.procedures.post(("ack", key), request.body, self.now)
                case sip.TimedOut(key=key):
                    commands += self._timed_out(key)
                case sip.RequestReceived(key=key, request=request):
                    commands += self.procedures.start(self._obey(key, request), self.now)
                case sip.PeerViolation(error=error):
                    commands.append(Note(f"SIP: {error}"))
        return commands

    def _timed_out(self, key: str) -> list[Command]:
        call = next((call for call in self.calls() if call.answered == key), None)
        if call is None:
            return self.procedures.post(("sip", key), None, self.now)
        # RFC 3261 §13.3.1.4: without an ACK for its 2xx, the call ends.
        return [Note("no ACK"), *self.procedures.start(self._unacknowledged(call), self.now)]

    # The call

    @property
    def busy(self) -> bool:
        """No further call is taken: one at a time, or as many as a conference may have."""
        most = 1 if self.room is None else _MOST_IN_CONFERENCE
        return sum(call.runs for call in self.calls()) >= most

    def user_of(self, invite: sip.Request) -> int | None:
        """Whom a conference knows the caller as; None: nobody it knows, or there is no conference."""
        conference = self.settings.conference
        if conference is None:
            return None
        caller = sip.uri_key(sip.address_uri(invite.headers.get("From") or ""))
        return next((user for uri, user in conference.people.items() if sip.uri_key(uri) == caller), None)

    def find(self, request: sip.Request) -> Call | None:
        """The call that a request inside a dialog is for."""
        return next((call for call in self.calls() if call.dialog is not None and call.dialog.matches(request)), None)

    def calls(self) -> list[Call]:
        """The last call, and former ones whose connections are still closing."""
        self._former = [call for call in self._former if not call.finished or call.runs]
        return [*([self.call] if self.call is not None else []), *reversed(self._former)]

    def begin(self, call: Call) -> list[Command]:
        """Make this the call that orders are about. Of too many former ones that still close, the oldest are reset."""
        if self.call is not None:
            self._former.append(self.call)
        self.call = call
        former = [call for call in self.calls()[1:] if not call.runs]
        return [command for old in former[_MOST_FORMER:] for command in old.reset(self.now)]

    def until(self, done: Callable[[], bool], patience: float) -> Wait:
        """Wait for something of the call or its media; False: not within the person's patience."""
        deadline = self.now + patience
        while not done() and self.now < deadline:
            yield Await((MEDIA,), deadline - self.now)
        return done()

    def tell(self) -> list[Command]:
        """Wake all that wait for something of the call."""
        return self.procedures.post(MEDIA, None, self.now)

    def close(self, call: Call) -> Steps:
        """Close the media of a call that is over."""
        yield from call.close(self.now)
        yield from self.media_news(call)
        yield from self.tell()

    # Its media

    def new_bearer(
        self, protected: bool, *, offers: bool, user: int | None = None, kind: Media | None = None
    ) -> Made:
        """A media session with its own port and session-id, and the mapped address where the UE asks for it.

        Args:
            offers: our SDP for it is the offer.
            user: whom a floor control server has there.
            kind: what it is for; None: what our calls are for.
        """
        port = self.free_port()
        local = Endpoint(self.settings.local.host, port)
        kind = kind or self.settings.media
        server = None if kind in (Media.T38, Media.AUDIO) else self.settings.discovers
        discovery = None if server is None else Discovery(local, server, self.source.octets)
        bearer = self._bearer(local, self.source.token(16), discovery, protected, offers, self._floor(user), kind)
        bearer.path = path_of(bearer.address, bearer.session_id, protected)
        yield Note(f"media session on port {port}")
        return bearer

    def discovered(self, bearer: Bearer) -> Steps:
        """Wait for the mapped address, which the path then holds. The bearer must be one of the call's by now."""
        discovery = bearer.discovery
        if discovery is None:
            return
        yield from discovery.start(self.now)
        while not discovery.over:
            yield Await((MEDIA,))
        bearer.path = path_of(bearer.address, bearer.session_id, bearer.protected)

    def again(self, former: Bearer, opens: bool) -> Bearer:
        """The same path on a connection of its own, by our offer: the former one is gone, or leads elsewhere.

        Who opens it takes another port, since the former connection's segments may still be on their way.
        """
        port = self.free_port() if opens else former.media.local.port
        local = Endpoint(former.media.local.host, port)
        bearer = self._bearer(
            local, former.session_id, former.discovery, former.protected, True, former.floor, former.kind)
        bearer.path, former.discovery = former.path, None
        bearer.keyed = former.keyed
        return bearer

    def renew_certificate(self, bearer: Bearer) -> None:
        """Another certificate for this media session, in SDP and, if we show what we announce, in (D)TLS."""
        settings = self.settings
        bearer.identity = Identity.self_signed(settings.uri, self.source)
        bearer.presents = bearer.identity if settings.presents is settings.identity else settings.presents

    def free_port(self) -> int:
        """A port that no media session of ours has."""
        taken = {bearer.media.local.port for call in self.calls() for bearer in call.bearers()}
        while (port := self.source.number(20000, 29999)) in taken:
            pass
        return port

    def new_tls_id(self) -> str:
        """What names a DTLS association on our side (RFC 8842 §4)."""
        return self.source.token(24)

    def dtls_of(self, bearer: Bearer) -> Callable[[bool], DtlsSession]:
        """DTLS sessions that show the certificate of a bearer."""
        return lambda client: self._dtls(client, bearer.presents)

    def _floor(self, user: int | None) -> sdp.BfcpStream | None:
        """What our SDP says of a BFCP stream; None: we do MSRP."""
        conference = self.settings.conference
        if self.settings.media is not Media.BFCP:
            return None
        if conference is None:
            return sdp.BfcpStream((sdp.FloorControl.CLIENT,))
        return sdp.BfcpStream(
            (sdp.FloorControl.SERVER,), conference.number, user, (sdp.FloorStreams(conference.floor),))

    def _bearer(
        self, local: Endpoint, session_id: str, discovery: Discovery | None, protected: bool, offers: bool,
        floor: sdp.BfcpStream | None, kind: Media,
    ) -> Bearer:
        fax = self.settings.fax.stream() if kind is Media.T38 else None
        names = self.settings.fax.names if fax is not None else self.settings.names_tls
        tls_id = self.new_tls_id() if protected and names else ""
        audio = g711.PAYLOAD_TYPES if kind is Media.AUDIO else ()
        bearer = Bearer(session_id, discovery, protected, floor, fax, tls_id, audio)
        bearer.keyed = self.settings.keyed if protected and not bearer.datagrams else None
        bearer.lingers = kind is Media.AUDIO and self.settings.fax.sound == "always"
        bearer.media = self._media(bearer, local, offers)
        return bearer

    def _media(self, bearer: Bearer, local: Endpoint, offers: bool) -> BearerMedia:
        settings = self.settings
        if bearer.fax is not None:
            secured = bearer.protected and settings.faults.speaks != "clear"
            return FaxEndpoint(local, secure=self._dtls if secured else None, depth=settings.fax.depth,
                               keepalive=settings.fax.keepalive)
        if bearer.audio:
            return AudioEndpoint(local, self.source, mute=settings.fax.sound == "never")
        manners = Manners(settings.listens, settings.accepts_after, settings.connects)
        secure = (lambda client: self._tls(client, bearer)) if bearer.protected else None
        # RFC 8856 §8: the offerer is TLS client, whoever opens TCP; its §10 reads as if a=setup decided.
        greets = offers if settings.tls_role is sdp.BfcpClient.OFFERER else None
        if bearer.floor is not None and self.room is not None:
            return ServedEnd(
                local, secure=secure, greets=greets, room=self.room, user=bearer.floor.user or 0, manners=manners)
        if bearer.floor is not None:
            return FloorClient(
                local, secure=secure, greets=greets, association=lambda: _association(bearer), manners=manners)

        def session_for(active: bool) -> msrp.Session:
            return msrp.Session(
                bearer.path, bearer.peer_path, active=active, accept_types=ACCEPTED_TYPES, token=self.source.token,
                matching=settings.msrp.matching, chunk_octets=settings.chunk, max_octets=MOST_OCTETS,
                max_messages=MOST_UNFINISHED)

        return MsrpEndpoint(local, secure=secure, session=session_for, manners=manners)

    def _tls(self, client: bool, bearer: Bearer) -> TlsSession:
        settings = self.settings
        faults = settings.faults
        session = bearer.keyed.session(client) if bearer.keyed is not None else TlsSession(
            bearer.presents or settings.presents, client, versions=settings.tls_versions, log_keys=True,
            suites=faults.suites)
        return session if faults.speaks == "tls" else Untrue(session, faults.speaks, self.source.octets)

    def _dtls(self, client: bool, presents: Identity | None = None) -> DtlsSession:
        cookies = None if client else Cookies(self.source.octets(32))
        session = DtlsSession(presents or self.settings.presents, client, log_keys=True, cookies=cookies)
        speaks = self.settings.faults.speaks
        return session if speaks == "tls" else UntrueDtls(session, speaks, self.source.octets)

    # What happens

    def media_happened(self, happened: Happening) -> list[Command] | None:
        """What a happening means for the session that it is about; None: it is about none."""
        if self.question is not None and getattr(happened, "stream", None) == self.question.stream:
            return self.question.handle(happened) + self.tell()
        for call in self.calls():
            for bearer in call.bearers():
                if bearer.concerns(happened):
                    return bearer.handle(happened, self.now) + self.media_news(call)
        return None

    def wake(self) -> list[Command]:
        """Let timers run out."""
        commands = self.signalled(self.sip.wake(self.now)) + self.procedures.wake(self.now)
        for call in self.calls():
            for bearer in call.bearers():
                commands += bearer.wake(self.now)
            commands += self.media_news(call)
        return commands

    def next_wakeup(self) -> float | None:
        """The first timer of SIP, of a procedure or of a media session."""
        media = [bearer.next_wakeup() for call in self.calls() for bearer in call.bearers()]
        return earliest([self.sip.next_wakeup(), self.procedures.next_wakeup(), *media])

    def media_news(self, call: Call) -> list[Command]:
        """What the media sessions of a call have to tell the person."""
        commands: list[Command] = []
        for bearer in list(call.bearers()):
            while bearer.media.news:
                commands.append(self._told(call, bearer, bearer.media.news.pop(0)))
        return commands + self.tell()

    def _told(self, call: Call, bearer: Bearer, news: News) -> Note:
        match news:
            case Heard(content_type=kind, body=body):
                call.heard += 1
                return Note(f"heard: {_shown(kind, body)}")
            case Told(message_id=message_id):
                call.told.add(message_id)
                return Note(f"message {message_id} has arrived")
            case NotTold(message_id=message_id, status=status, reason=reason):
                call.told.add(message_id)
                call.undelivered.add(message_id)
                what = f"message {message_id}" if message_id else "the first SEND, without a message,"
                return Note(f"{what} failed: {status} {reason}")
            case Remark(text=text):
                return Note(text[:_MOST_SHOWN])
            case Up():
                return Note("messages can be sent")
            case Down(reason=reason):
                which = "the media session" if bearer is call.bearer else "the former media session"
                return Note(f"{which} is over{': ' if reason else ''}{reason}")


def failed(why: str) -> Done:
    """An order that did not come about."""
    yield Note(why)
    return why


def _association(bearer: Bearer) -> Chair:
    """The client's machine, with the ids that the server's SDP told (RFC 8856 §5.2, §5.3)."""
    told = bearer.peer_floor or sdp.BfcpStream()
    return Chair(told.conference or 0, told.user or 0)


def _shown(kind: str, body: bytes) -> str:
    """What a note says of a message: its text, or what can be compared where it is long or no text."""
    if kind.lower().startswith("text/") and len(body) <= _MOST_SHOWN:
        return body.decode(errors="replace")
    return f"{len(body)} octets of {kind[:80]}, SHA-256 {hashlib.sha256(body).hexdigest()}"
