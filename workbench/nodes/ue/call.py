"""A call of a UE: its dialog, what offer and answer have settled, its media sessions. State, no steps."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.net.values import Command, Endpoint, Happening
from workbench.nodes.audio_endpoint import AudioEndpoint
from workbench.nodes.bfcp_endpoint import FloorClient, ServedEnd
from workbench.nodes.fax_endpoint import FaxEndpoint
from workbench.nodes.msrp_endpoint import MsrpEndpoint
from workbench.nodes.orders import AnswerAnew
from workbench.nodes.procedure import earliest
from workbench.nodes.ue.describing import Description, Peer
from workbench.nodes.ue.discovery import Discovery
from workbench.nodes.ue.keyed import Keyed
from workbench.nodes.ue.settings import Media as Kind
from workbench.protocols import sdp, sip
from workbench.security.identities import Identity
from workbench.security.tickets import Initiator

Media = MsrpEndpoint | FloorClient | ServedEnd | FaxEndpoint | AudioEndpoint


class Bearer:
    """One media session: our port and path, the connection, and the question which address the outside sees.

    Args:
        media: our end of the connection.
        session_id: of our path URI.
        discovery: None: our own address is written into SDP.
        protected: it runs over TLS.
        floor: what our SDP says of it as a BFCP stream; None: it is none.
        fax: the same as a T.38 stream.
        tls_id: of its DTLS association.
        audio: payload types of an audio stream, the preferred one first; with none of these it is MSRP.

    `local` is where our SDP says we are; where it differs from the media session's own, an exchange is to move that.
    `identity` is the certificate that our SDP announces, `presents` the one that we show; None: as the UE always does.
    `keyed`: TLS is by pre-shared key instead.
    """

    media: Media

    def __init__(
        self, session_id: str, discovery: Discovery | None, protected: bool, floor: sdp.BfcpStream | None = None,
        fax: sdp.T38Stream | None = None, tls_id: str = "", audio: tuple[int, ...] = (),
    ) -> None:
        self.session_id = session_id
        self.discovery = discovery
        self.protected = protected
        self.path = ""
        self.peer_path = ""
        self.floor = floor
        self.fax = fax
        self.tls_id = tls_id
        self.audio = audio
        self.lingers = False
        """It goes on when another one takes its place, until the call is over."""
        self.peer_floor: sdp.BfcpStream | None = None
        self.moved: Endpoint | None = None
        self.identity: Identity | None = None
        self.presents: Identity | None = None
        self.keyed: Keyed | None = None
        self.initiator: Initiator | None = None

    @property
    def local(self) -> Endpoint:
        """Our own address and port."""
        return self.moved or self.media.local

    def listen(self) -> list[Command]:
        """Be ready where our SDP says we are."""
        if isinstance(self.media, FaxEndpoint | AudioEndpoint):
            return self.media.listen(self.local)
        return self.media.listen()

    def waits(self, role: sdp.Setup) -> bool:
        """It has to be ready before our SDP leaves: datagrams may come to either side."""
        return role is not sdp.Setup.ACTIVE or self.datagrams

    @property
    def datagrams(self) -> bool:
        """It runs over UDP."""
        return self.kind in (Kind.T38, Kind.AUDIO)

    @property
    def kind(self) -> Kind:
        """What it is for."""
        if self.fax is not None:
            return Kind.T38
        return Kind.AUDIO if self.audio else Kind.BFCP if self.floor is not None else Kind.MSRP

    @property
    def address(self) -> Endpoint:
        """What our SDP says: the mapped address where there is one."""
        mapped = None if self.discovery is None else self.discovery.mapped
        return self.local if mapped is None else mapped

    @property
    def finished(self) -> bool:
        """Nothing more happens here, and there is nothing left to tell."""
        return self.media.finished and not self.media.news and (self.discovery is None or self.discovery.finished)

    def concerns(self, happened: Happening) -> bool:
        """Whether a happening is about this session."""
        asked = self.discovery is not None and self.discovery.concerns(happened)
        return asked or self.media.concerns(happened)

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening that `concerns` us."""
        if self.discovery is not None and self.discovery.concerns(happened):
            return self.discovery.handle(happened, now)
        return self.media.handle(happened, now)

    def close(self, now: float, why: str) -> list[Command]:
        """Release the connection, and the one to the STUN server."""
        return self.media.close(now, why) + ([] if self.discovery is None else self.discovery.close(now))

    def reset(self, now: float) -> list[Command]:
        """Wait no longer for the other ends: RST."""
        asked = [] if self.discovery is None else self.discovery.reset()
        return self.media.reset(now, "it takes too long to close") + asked

    def next_wakeup(self) -> float | None:
        """The first timer."""
        asked = None if self.discovery is None else self.discovery.next_wakeup()
        return earliest([self.media.next_wakeup(), asked])

    def wake(self, now: float) -> list[Command]:
        """Let timers run out."""
        return self.media.wake(now) + ([] if self.discovery is None else self.discovery.wake(now))


class Call:
    """A call, from its INVITE on.

    Args:
        bearer: its media session.
        number: of the session in our o= lines.
        caller: we have made it (and so own its Call-ID, which counts in RFC 3261 §14.1).
    """

    def __init__(self, bearer: Bearer, number: int, *, caller: bool) -> None:
        self.bearer = bearer
        self.number = number
        self.caller = caller
        self.candidate: Bearer | None = None
        self.anew: AnswerAnew | None = None
        self.closing: list[Bearer] = []
        self.dialog: sip.Dialog | None = None
        self.ringing = ""
        self.answered = ""
        self.negotiating = ""
        self.peer: Peer | None = None
        self.ours: Description | None = None
        self.role = sdp.Setup.ACTPASS
        self.cema = True
        self.holding = False
        self.beside: tuple[str, ...] = ()
        self.direction = sdp.Direction.BOTH
        self.heard = 0
        self.told: set[str] = set()
        self.undelivered: set[str] = set()
        self.failed = False
        self.released = False

    @property
    def over(self) -> bool:
        """No message can be sent any more, unless a new offer makes another media session."""
        return self.failed or self.released or self.bearer.media.over

    @property
    def runs(self) -> bool:
        """It is being set up or in place: no second one is taken (until BYE, whatever became of the media)."""
        return not self.released and (self.dialog is not None or not self.over)

    @property
    def settled(self) -> bool:
        """A first offer and its answer are there."""
        return self.peer is not None

    @property
    def finished(self) -> bool:
        """Nothing more happens on any of its connections."""
        return all(bearer.finished for bearer in self.bearers())

    def bearers(self) -> Iterator[Bearer]:
        """Its media sessions, newest first; former ones stay until they are finished."""
        self.closing = [bearer for bearer in self.closing if not bearer.finished]
        if self.candidate is not None and self.candidate.media is not self.bearer.media:
            yield self.candidate
        yield self.bearer
        yield from reversed(self.closing)

    def replace(self, bearer: Bearer, now: float) -> list[Command]:
        """Use another media session from now on; the former one is closed."""
        former, self.bearer, self.candidate = self.bearer, bearer, None
        if former.media is bearer.media:
            return []
        self.closing.append(former)
        return [] if former.lingers else former.close(now, "another connection takes its place")

    def drop_candidate(self, now: float) -> list[Command]:
        """A new offer has failed: the media session made for it goes, and everything is as before."""
        candidate, self.candidate = self.candidate, None
        if candidate is None:
            return []
        if isinstance(candidate.media, FaxEndpoint) and candidate.media is self.bearer.media:
            return candidate.media.forget(candidate.local)
        self.closing.append(candidate)
        return candidate.close(now, "the new offer has failed")

    def reset(self, now: float) -> list[Command]:
        """End every connection of it that is still there with RST."""
        return [command for bearer in self.bearers() for command in bearer.reset(now)]

    def close(self, now: float) -> list[Command]:
        """Close every connection of it."""
        why = "the stream is taken away" if self.dialog is not None else "the call is over"
        return [command for bearer in self.bearers() for command in bearer.close(now, why)]
