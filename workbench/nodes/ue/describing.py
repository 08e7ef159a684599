"""The SDP of a UE's one stream (MSRP, BFCP, T.38, audio): ours as a value to write, the peer's checked.

Source: RFC 4975 §8, RFC 6135 §4.2, RFC 6714 §4, RFC 3264 §5 to §8, RFC 8122 §5, RFC 7345 §4,
RFC 3551 §6, RFC 3556 §2, TS 24.229 §6.1.
"""

from __future__ import annotations

import ipaddress

import msgspec

from workbench.errors import IncompatiblePeerError, MalformedMessageError
from workbench.net.values import Endpoint
from workbench.nodes.ue.settings import ACCEPTED_TYPES, MOST_OCTETS, Media
from workbench.protocols import sdp
from workbench.protocols.msrp import uri as msrp_uri
from workbench.protocols.rtp import g711
from workbench.protocols.rtp.messages import payload_name

_MOST_STREAMS = 16
DISCARD = 9
"""The port of an m= line whose side opens the connection (RFC 6135 §4.2.1)."""

# What is ignored when it is received: a=connection (RFC 6135 §4.3) and holdconn (§4.2), and an m= port that is not
# the path's: a gateway's, which RFC 6714 §4.2 has rules for and RFC 4975 does not look at.
_IGNORED = frozenset({"msrp-no-connection", "msrp-no-holdconn", "msrp-path-port"})
# What a side that insists on its own a=setup does not complain about in the other's.
_INSISTED = frozenset({"setup-answer", "setup-answer-settles", "setup-is-a-role"})


_CLAUSES = {"msrp": "RFC 4975 §8", "bfcp": "RFC 8856 §4", "t38": "RFC 7345 §4", "audio": "RFC 3551 §6"}
_APPLICATIONS = {"udptl": "t38", "rtp": "audio"}
_LAYERS = {"t38": ("udp", "dtls"), "audio": ("udp", None)}
_DIRECTIONS = {(one.sends, one.receives): one for one in sdp.Direction}


def direction_answered(said: sdp.Direction, wish: sdp.Direction) -> sdp.Direction:
    """What we answer to a direction of the peer's, where we would like `wish` (RFC 3264 §6.1).

    Only SENDs with content are meant: a SEND without body, and a REPORT, always flow (RFC 4975 §8).
    """
    return _DIRECTIONS[wish.sends and said.receives, wish.receives and said.sends]


class Description(msgspec.Struct, frozen=True):
    """Our stream.

    Args:
        number: of the session in o=.
        address: where we can be reached; c=, and m= unless we open the connection.
        path: our MSRP URI.
        setup: written as it is.
        fingerprint: of our certificate; None: no TLS.
        e2ae: `requested` in an offer with TLS, else empty.
        cema: write a=msrp-cema.
        direction: not written where it is `sendrecv`, which is the default.
        connection: a=connection; None: not written.
        version: of this description in o=.
        removed: port 0: the stream is taken away.
        floor: what it says as a BFCP stream; None: it is none.
        fax: the same as a T.38 stream.
        tls_id: of the DTLS association; empty: not written.
        audio: payload types of an audio stream; with none of these it is MSRP.
        bare: a fault: TLS, and the fingerprint, or a=key-mgmt, is not written.
        beside: further m= lines.
        key_mgmt: values of a=key-mgmt, with TLS by pre-shared key; empty: none.
    """

    number: int
    address: Endpoint
    path: str
    setup: sdp.Setup
    fingerprint: str | None = None
    e2ae: str = ""
    cema: bool = False
    direction: sdp.Direction = sdp.Direction.BOTH
    connection: sdp.Reuse | None = None
    version: int = 0
    removed: bool = False
    floor: sdp.BfcpStream | None = None
    fax: sdp.T38Stream | None = None
    tls_id: str = ""
    audio: tuple[int, ...] = ()
    bare: bool = False
    beside: tuple[str, ...] = ()
    key_mgmt: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """The octets. An active side writes port 9 (RFC 6135 §4.2.1); its path keeps the port it connects from."""
        family, host = f"IN IP{self.address.version}", self.address.host
        opens = self.setup is sdp.Setup.ACTIVE and self.fax is None and not self.audio
        port = DISCARD if opens else self.address.port
        port = 0 if self.removed else port
        lines = [
            "v=0", f"o=- {self.number} {self.number + self.version} {family} {host}", "s=-", f"c={family} {host}",
            "t=0 0", *self._stream_lines(port),
        ]
        lines += [f"a=connection:{self.connection}"] if self.connection is not None else []
        lines += [f"a={self.direction}"] if self.direction is not sdp.Direction.BOTH else []
        lines += ["a=msrp-cema"] if self.cema else []
        lines += [f"a=3ge2ae:{self.e2ae}"] if self.e2ae else []
        lines += [f"a=fingerprint:{self.fingerprint}"] if self.fingerprint is not None and not self.bare else []
        lines += [f"a=key-mgmt:{value}" for value in self.key_mgmt if not self.bare]
        lines += [f"a=tls-id:{self.tls_id}"] if self.tls_id else []
        lines += self.beside
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _stream_lines(self, port: int) -> list[str]:
        """m= and what goes with it (RFC 4975 §8, RFC 8856 §4 and §5)."""
        if self.fax is not None:
            return self._fax_lines(port, self.fax)
        if self.audio:
            return self._audio_lines(port)
        layer = "TCP" if self.fingerprint is None and not self.key_mgmt else "TCP/TLS"
        if self.floor is None:
            return [f"m=message {port} {layer}/MSRP *", f"a=setup:{self.setup}",
                    f"a=accept-types:{' '.join(ACCEPTED_TYPES)}", f"a=max-size:{MOST_OCTETS}", f"a=path:{self.path}"]
        told = self.floor
        lines = [f"m=application {port} {layer}/BFCP *", f"a=setup:{self.setup}"]
        lines += [f"a=floorctrl:{' '.join(told.control)}"] if told.control else []
        lines += [f"a=confid:{told.conference}"] if told.conference is not None else []
        lines += [f"a=userid:{told.user}"] if told.user is not None else []
        return [*lines, *(f"a=floorid:{one.encode()}" for one in told.floors),
                f"a=bfcpver:{' '.join(map(str, told.versions))}"]

    def _fax_lines(self, port: int, fax: sdp.T38Stream) -> list[str]:
        """The same of T.38; a=setup is the role in DTLS (RFC 7345 §4.1, RFC 8842 §5.2)."""
        head = f"m=image {port} {'udptl' if self.fingerprint is None else 'UDP/TLS/UDPTL'} t38"
        stream = fax.written(sdp.decode(f"v=0\r\n{head}\r\n".encode()).media[0])
        lines = [head, *(f"{line.type}={line.value}" for line in stream.lines)]
        return lines if self.fingerprint is None else [*lines, f"a=setup:{self.setup}"]

    def _audio_lines(self, port: int) -> list[str]:
        """The same of audio: without RTCP (RFC 3556 §2), and with it without a second port."""
        return [f"m=audio {port} RTP/AVP {' '.join(map(str, self.audio))}", "b=RS:0", "b=RR:0",
                *(f"a=rtpmap:{one} {payload_name(one)}/{g711.SAMPLES_PER_SECOND}" for one in self.audio), "a=ptime:20"]

    @property
    def application(self) -> str:
        """What the stream is for, as `read_offer` takes it."""
        if self.audio:
            return "audio"
        return "t38" if self.fax is not None else "bfcp" if self.floor is not None else "msrp"

    @property
    def media(self) -> sdp.Media:
        """The m= section, for rules that compare an answer with its offer."""
        return sdp.decode(self.encode()).media[0]


class Peer(msgspec.Struct, frozen=True):
    """What the peer's SDP says of its end.

    Args:
        media: its m= section, with what it inherits.
        path: its a=path; empty where the stream is gone.
        host: of c=; it need not be an address where nobody connects to it.
        direction: as the peer sees it.
        removed: port 0: the stream is refused, or taken out of the session (RFC 3264 §6, §8.2).
        max_octets: the longest message it takes; None: it doesn't say.
        beside: further m= lines, as they are refused (RFC 3264 §6).
    """

    media: sdp.Media
    path: str
    host: str
    direction: sdp.Direction
    removed: bool = False
    max_octets: int | None = None
    beside: tuple[str, ...] = ()

    @property
    def uris(self) -> msrp_uri.Path:
        """The path as URIs; the leftmost is the next hop."""
        return msrp_uri.decode_path(self.path)

    @property
    def port(self) -> int:
        """Of m=."""
        return self.media.port or 0

    @property
    def kind(self) -> Media:
        """What its stream is for."""
        return Media(_application(self.media) or "")

    @property
    def protected(self) -> bool:
        """TLS is asked for."""
        return is_protected(self.media)

    @property
    def cema(self) -> bool:
        """It wrote a=msrp-cema."""
        return self.media.attribute("msrp-cema") is not None

    @property
    def floor(self) -> sdp.BfcpStream | None:
        """What it says as a BFCP stream; None: it is none."""
        return sdp.BfcpStream.of(self.media) if _application(self.media) == "bfcp" else None

    @property
    def keyed(self) -> bool:
        """TLS is to be by pre-shared key: there is a=key-mgmt (RFC 4567 §3)."""
        return self.protected and self.media.attribute("key-mgmt") is not None

    @property
    def fax(self) -> sdp.T38Stream | None:
        """What it says as a T.38 stream; None: it is none."""
        return sdp.T38Stream.of(self.media) if _application(self.media) == "t38" else None

    @property
    def audio(self) -> int | None:
        """The first payload type of its audio stream that we can make sound of; None: there is none."""
        if self.kind is not Media.AUDIO:
            return None
        known = [one for one in g711.PAYLOAD_TYPES if str(one) in self.media.formats]
        return min(known, key=lambda one: self.media.formats.index(str(one)), default=None)

    @property
    def datagrams(self) -> bool:
        """It receives datagrams, whoever begins."""
        return self.kind in _LAYERS

    def same_end(self, other: Peer) -> bool:
        """Whether the other description is of the same end, so that a connection to it goes on.

        Path, address, and certificates; with BFCP a=connection too (RFC 4145 §5). Port 9 is no port: it says who opens
        the connection.
        """
        if self.floor is not None and sdp.reuse_of(self.media) is sdp.Reuse.NEW:
            return False
        ports = {self.port, other.port} - {DISCARD}
        return (self.kind is other.kind and self.path == other.path and self.host == other.host and len(ports) < 2
                and self.protected == other.protected and self.media.fingerprints == other.media.fingerprints)


def read_offer(body: bytes, *applications: str, beside: bool = False) -> Peer:
    """The stream of an offer, which has to be one of these; `beside`: others may follow it, which will be refused.

    Raises:
        PeerError: it can't be used; the text says why.
    """
    return _peer(*_stream(body, *applications, beside=beside))


def read_answer(body: bytes, ours: Description, *, insists: bool = False) -> Peer:
    """The one stream of the answer to our offer. `insists`: any a=setup will do.

    Raises:
        PeerError: it can't be used, or breaks a rule of offer and answer; the text says why.
    """
    described, media = _stream(body, ours.application, beside=bool(ours.beside))
    if len(described.media) != 1 + len(ours.beside) or any(not one.rejected for one in described.media[1:]):
        raise MalformedMessageError("other streams than were offered, or more than we can do", clause="RFC 3264 §6")
    ignored = _IGNORED | _INSISTED if insists else _IGNORED
    if ours.key_mgmt and not media.rejected and media.attribute("key-mgmt") is None:
        raise IncompatiblePeerError("no a=key-mgmt in the answer, which takes the security away", clause="RFC 4567 §4")
    broken = [one for one in sdp.check_answer(ours.media, media) if one.rule not in ignored]
    if broken:
        raise MalformedMessageError(broken[0].what, clause=broken[0].clause)
    return _peer(described, media)


def _application(media: sdp.Media) -> str | None:
    transport = sdp.transport_of(media.proto)
    if transport is None:
        return None
    return _APPLICATIONS.get(transport.application or "", transport.application)


def is_protected(media: sdp.Media) -> bool:
    """Whether a stream runs over TLS or DTLS."""
    transport = sdp.transport_of(media.proto)
    return transport is not None and transport.security in ("tls", "dtls")


def path_of(address: Endpoint, session_id: str, protected: bool) -> str:
    """Our MSRP URI (RFC 4975 §6)."""
    return f"{'msrps' if protected else 'msrp'}://{address}/{session_id};tcp"


def _stream(body: bytes, *applications: str, beside: bool) -> tuple[sdp.SessionDescription, sdp.Media]:
    described = sdp.decode(body)
    if not 1 <= len(described.media) <= (_MOST_STREAMS if beside else 1):
        raise IncompatiblePeerError(f"{len(described.media)} m= lines; one is what is done here", clause="RFC 3264 §6")
    media = described.effective(described.media[0])
    transport = sdp.transport_of(media.proto)
    application = _application(media) or ""
    layers = _LAYERS.get(application, ("tcp", "tls"))
    if transport is None or application not in applications or transport.carrier != layers[0] or (
            transport.security not in (None, layers[1])):
        application = applications[0]
        clause = _CLAUSES[application]
        raise IncompatiblePeerError(
            f"m={media.media} {media.proto} is not {application.upper()} as we do it", clause=clause)
    return described, media


def _peer(described: sdp.SessionDescription, media: sdp.Media) -> Peer:
    if media.rejected:
        return Peer(media, "", "", sdp.Direction.NONE, removed=True)
    if media.connection is None or media.port is None or not 0 < media.port < 65_536:
        raise MalformedMessageError("no address", clause="RFC 8866 §5.7")
    if is_protected(media) and not media.fingerprints and media.attribute("key-mgmt") is None:
        raise MalformedMessageError("TLS without a fingerprint", clause="RFC 8122 §5")
    path = media.attribute("path") or ""
    match _application(media):
        case "msrp":
            msrp_uri.decode_path(path)
        case "t38":
            sdp.T38Stream.of(media)
        case "audio":
            pass
        case _:
            sdp.BfcpStream.of(media)
    return Peer(
        media, path, _canonical(media.connection.address), described.direction_of(media), max_octets=_max_size(media),
        beside=tuple(f"m={one.with_port(0).line}" for one in described.media[1:]))


def _canonical(host: str) -> str:
    """An IP address in the text form of RFC 5952, however it was written; a name as it is."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _max_size(media: sdp.Media) -> int | None:
    value = (media.attribute("max-size") or "").strip(" ")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
