"""A stage for the media half of a UE that does MSRP, and the peer's end of its connection."""

from __future__ import annotations

from play import Play

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Command,
    Endpoint,
    EndStream,
    Happening,
    Listen,
    OpenStream,
    SendStream,
    Stream,
    StreamData,
    StreamOffered,
    StreamOpened,
    Unlisten,
    Woke,
)
from workbench.nodes.msrp_endpoint import MsrpEndpoint, News, Up
from workbench.protocols.msrp import machine as msrp
from workbench.security import tls
from workbench.security.identities import Identity
from workbench.security.psk import KeyRing, PreSharedKey, PskSession
from workbench.security.source import Source

HERE = Endpoint("203.0.113.10", 20000)
THERE = Endpoint("198.51.100.1", 30000)
STRANGER = Endpoint("192.0.2.66", 4711)
OURS, THEIRS = "msrp://203.0.113.10:20000/ours;tcp", "msrp://198.51.100.1:30000/theirs;tcp"
IDENTITY = Identity.self_signed("here.example", Source(1, "here"))
PEER_IDENTITY = Identity.self_signed("there.example", Source(1, "there"))
OTHER_IDENTITY = Identity.self_signed("other.example", Source(1, "other"))
STREAM = Stream(HERE, THERE)
HELLO = b"a message before anything else"


class _Node:
    """The endpoint with the face of a node."""

    def __init__(self, media: MsrpEndpoint) -> None:
        self.media = media

    def handle(self, happened: Happening, now: float) -> list[Command]:
        if isinstance(happened, Woke):
            return self.media.wake(now)
        assert self.media.concerns(happened)
        return self.media.handle(happened, now)

    def next_wakeup(self) -> float | None:
        return self.media.next_wakeup()


class Stage(Play):
    """An endpoint, and the peer's end of its connection: TLS where `secure`, and MSRP.

    `keys`: TLS by pre-shared key: the endpoint's, where it has one by then, and the peer's.
    """

    def __init__(
        self, *, secure: bool, opens: bool = False, version: str = "1.3", identity: Identity = PEER_IDENTITY,
        keys: tuple[PreSharedKey | None, PreSharedKey | KeyRing] | None = None,
    ) -> None:
        def ours(client: bool) -> tls.TlsSession:
            if keys is not None:
                return PskSession(keys[0], client, versions=[version], log_keys=True)
            return tls.TlsSession(IDENTITY, client, log_keys=True)

        source = Source(1, "test")
        self.media = MsrpEndpoint(
            HERE,
            secure=ours if secure else None,
            session=lambda active: msrp.Session(
                OURS, THEIRS, active=active, accept_types=("text/plain",), token=source.token))
        super().__init__(_Node(self.media))
        self.opens = opens
        self.tls = tls.TlsSession(
            identity, not opens, versions=[version], announced=[IDENTITY.fingerprint()]) if secure else None
        if keys is not None:
            self.tls = PskSession(keys[1], not opens, versions=[version])
        self.msrp = msrp.Session(
            THEIRS, OURS, active=not opens, accept_types=("text/plain",), token=Source(2, "peer").token)
        self.events: list[msrp.Event | tls.Event] = []
        self.order: list[str] = []
        self._pending: list[bytes] = []

    @property
    def prints(self):
        return [PEER_IDENTITY.fingerprint()] if self.tls is not None else []

    @property
    def news(self) -> list[News]:
        news, self.media.news = list(self.media.news), []
        return news

    def ordered(self, commands: list[Command]) -> Stage:
        """Take commands that a call to the endpoint returned."""
        self._did(commands)
        return self

    def connected(self) -> Stage:
        """TCP is there: opened by the endpoint, or accepted by it."""
        if self.opens:
            self.ordered(self.media.connect(THERE)).does(OpenStream(STREAM))
        else:
            self.ordered(self.media.listen()).does(Listen(HERE))
            self.sees(StreamOffered(STREAM)).does(AcceptStream(STREAM))
        self.sees(StreamOpened(STREAM))
        if self.tls is not None:
            self.secured(self.tls.start())
        return self.settled()

    def up(self) -> Stage:
        """All the way: MSRP is up on both ends."""
        self.connected()
        if self.opens:
            self.msrp.opened(self.now)
            self.ordered(self.media.agree(self.prints, self.now)).settled()
        else:
            self.ordered(self.media.agree(self.prints, self.now)).settled()
            self.spoken(self.msrp.opened(self.now)).settled()
        assert self.news == [Up()]
        return self

    def secured(self, events: list[tls.Event]) -> Stage:
        for event in events:
            match event:
                case tls.Transmit(octets=octets):
                    self._pending.append(octets)
                case tls.Data(octets=octets):
                    self.spoken(self.msrp.receive_data(octets, self.now))
                case _:
                    self.events.append(event)
        return self

    def spoken(self, events: list[msrp.Event]) -> Stage:
        for event in events:
            if not isinstance(event, msrp.Transmit):
                self.events.append(event)
            elif self.tls is not None:
                self.secured(self.tls.send(event.octets))
            else:
                self._pending.append(event.octets)
        return self

    def settled(self) -> Stage:
        """Carry octets both ways until none are left; the order of what ends the connection is kept."""
        for _ in range(100):
            sent, self.open = self.open, []
            for command in sent:
                match command:
                    case SendStream(stream=stream, data=data):
                        assert stream == STREAM
                        assert "end" not in self.order, "octets behind FIN"
                        if self.tls is None:
                            self.spoken(self.msrp.receive_data(data, self.now))
                        else:
                            self.secured(self.tls.receive_data(data))
                    case EndStream():
                        self.order.append("end")
                    case AbortStream():
                        self.order.append("abort")
                    case Unlisten():
                        self.order.append("unlisten")
                    case _:
                        self.order.append(type(command).__name__)
            pending, self._pending = self._pending, []
            if not pending and not sent:
                return self
            for octets in pending:
                kept, self.open = self.open, []
                self.sees(StreamData(STREAM, octets))
                self.open = kept + self.open
        raise AssertionError("no end")

    def says(self, text: str) -> str:
        """The endpoint's person says something."""
        message_id, commands = self.media.send(text.encode(), "text/plain", self.now)
        self.ordered(commands).settled()
        return message_id

    def hears(self, text: str) -> Stage:
        """The peer says something."""
        _, events = self.msrp.send(text.encode(), "text/plain", self.now)
        return self.spoken(events).settled()
