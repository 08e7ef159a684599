"""Where descriptions have put streams so far, so that octets there are read as what was announced and not guessed at.

SIP carries them in its bodies, H.248 in Local and Remote descriptors; the last one to name a place counts.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Iterator
from ipaddress import ip_address

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols import sdp, sip
from workbench.protocols.h248 import message as h248

_MOST = 4096
_PAYLOAD_TYPES, _MOST_NAME = 128, 32
_DISCARD = 9        # of an end that only opens connections (RFC 4145 §4.1)
_TELLING = (b"/bfcp", b"udptl", b"t38", b"rtp/avp")


class Line(enum.Enum):
    """How an m= line carries UDPTL."""

    CLEAR = "udptl"
    DTLS = "UDP/TLS/UDPTL"


class FaxLine(msgspec.Struct, frozen=True):
    """A fax stream that somebody announced.

    Args:
        line: in clear or inside DTLS.
        version: T38FaxVersion; None where nobody has said one.
        of: the Call-ID, or the context, that announced it last.
        number: how often something else has announced this place: another call, with another fax.
    """

    line: Line
    version: int | None
    of: str
    number: int = 0


def endpoint_of(description: sdp.SessionDescription, media: sdp.Media) -> Endpoint | None:
    """Where a stream is received: address and port; None where they are to be chosen, or the stream is refused."""
    try:
        connection = description.connection_of(media)
    except PeerError:
        return None
    if connection is None or not media.port or "$" in connection.address:
        return None
    host = connection.address.partition("/")[0]
    try:
        # IPv6 may be written in many ways (RFC 5952); packets have one.
        return Endpoint(str(ip_address(host)), media.port)
    except ValueError:
        return Endpoint(host, media.port)


class Announced:
    """What is known of places. What it holds is bounded."""

    def __init__(self) -> None:
        self._bfcp: OrderedDict[Endpoint, str] = OrderedDict()      # to `tcp` or `udp`
        self._fax: OrderedDict[Endpoint, FaxLine] = OrderedDict()
        self._rtp: OrderedDict[Endpoint, dict[int, str]] = OrderedDict()

    def take(self, value: object, octets: bytes) -> None:
        """A message that may describe streams; `octets` are its own."""
        if not self._fax and not self._rtp and not any(word in octets.lower() for word in _TELLING):
            return      # most captures have neither: their descriptions are not decoded once more
        match value:
            case sip.Request() | sip.Response():
                if value.body:
                    self._described(_decoded(value.body), value.call_id)
            case h248.Message():
                for context, description in _in_orders(value):
                    self._described(description, context)

    def bfcp_at(self, sides: tuple[Endpoint, Endpoint]) -> bool:
        """A BFCP stream was put at one of these places."""
        return any(side in self._bfcp for side in sides)

    def floors_between(self, source: Endpoint, destination: Endpoint) -> bool:
        """BFCP in datagrams was put at one of these places."""
        return bool(self._bfcp) and "udp" in (self._bfcp.get(source), self._bfcp.get(destination))

    def fax_between(self, source: Endpoint, destination: Endpoint) -> FaxLine | None:
        """The fax stream between these places; where one of them is protected, both are."""
        if not self._fax:
            return None
        found = [line for line in (self._fax.get(destination), self._fax.get(source)) if line is not None]
        if not found:
            return None
        line = Line.DTLS if any(one.line is Line.DTLS for one in found) else Line.CLEAR
        version = min((one.version for one in found if one.version is not None), default=None)
        return FaxLine(line, version, found[0].of, sum(one.number for one in found))

    def rtp_between(self, source: Endpoint, destination: Endpoint) -> dict[int, str] | None:
        """RTP in clear between these places: payload types that SDP has named (a=rtpmap); None: there is none."""
        if not self._rtp:
            return None
        found = [one for one in (self._rtp.get(source), self._rtp.get(destination)) if one is not None]
        return {number: name for names in found for number, name in names.items()} if found else None

    def _described(self, description: sdp.SessionDescription | None, of: str) -> None:
        for media in description.media if description is not None else ():
            assert description is not None
            place = endpoint_of(description, media)
            if place is None or place.port == _DISCARD:
                continue
            if media.proto.upper().endswith("/BFCP"):
                self._bfcp[place] = "udp" if media.proto.upper().startswith("UDP/") else "tcp"
            self._fax_at(place, media, of)
            self._rtp_at(place, media)
        for held in (self._bfcp, self._fax, self._rtp):
            while len(held) > _MOST:
                held.popitem(last=False)

    def _fax_at(self, place: Endpoint, media: sdp.Media, of: str) -> None:
        known, line = self._fax.pop(place, None), _line(media)
        if known is not None and of.startswith(_CONTEXT):
            # A gateway may be told less than SIP says: only that it is UDP, and nothing of T.38 (TS 23.334 §6.2.10.4).
            line = line or (known.line if _is_opaque(media) else None)
            of = known.of
        if line is not None:
            version = _version(media)
            number = 0 if known is None else known.number + (known.of != of)
            self._fax[place] = FaxLine(line, known.version if known is not None and version is None else version, of,
                                       number)

    def _rtp_at(self, place: Endpoint, media: sdp.Media) -> None:
        transport = sdp.transport_of(media.proto)
        if transport is not None and transport.application == "rtp" and transport.carrier == "udp" and (
                transport.security is None):
            self._rtp[place] = {**self._rtp.pop(place, {}), **_named(media)}
        elif not _is_opaque(media):
            self._rtp.pop(place, None)


_CONTEXT = "context "


def _decoded(body: bytes) -> sdp.SessionDescription | None:
    try:
        return sdp.decode(body)
    except PeerError:
        return None


def _line(media: sdp.Media) -> Line | None:
    """T.38 over UDP: the m= line says so, by its transport or, over H.248 where that may be `udp`, by its format."""
    transport = sdp.transport_of(media.proto)
    if transport is None or transport.carrier != "udp":
        return None
    if transport.application != "udptl" and not (media.media == "image" and "t38" in media.formats):
        return None
    return Line.DTLS if transport.security is not None else Line.CLEAR


def _is_opaque(media: sdp.Media) -> bool:
    transport = sdp.transport_of(media.proto)
    return transport is not None and transport.carrier == "udp" and transport.application is None


def _named(media: sdp.Media) -> dict[int, str]:
    """`a=rtpmap:96 AMR/8000` as 96: `AMR`."""
    found: dict[int, str] = {}
    for line in media.lines:
        number, _, coding = line.content.partition(" ") if line.name == "rtpmap" else ("", "", "")
        if number.isascii() and number.isdigit() and len(number) < 4 and int(number) < _PAYLOAD_TYPES:
            found[int(number)] = coding.partition("/")[0][:_MOST_NAME]
    return found


def _version(media: sdp.Media) -> int | None:
    """T38FaxVersion. An m= line that says something of T.38 and not this means version 0 (T.38 annex D)."""
    if not any(line.name.upper().startswith("T38") for line in media.lines):
        return None
    try:
        return sdp.T38Stream.of(media).version
    except PeerError:
        return None


def _in_orders(message: h248.Message) -> Iterator[tuple[str, sdp.SessionDescription]]:
    """Descriptions in a message, with the context that they are for."""
    for transaction in message.body:
        if isinstance(transaction, h248.Request | h248.Reply):
            for action in transaction.actions:
                for command in action.commands:
                    for description in _of_command(command):
                        yield f"{_CONTEXT}{action.context}", description


def _of_command(command: h248.Command | h248.CommandReply) -> Iterator[sdp.SessionDescription]:
    for descriptor in command.descriptors:
        if isinstance(descriptor, h248.Media):
            for stream in descriptor.streams:
                yield from (*(stream.local or ()), *(stream.remote or ()))
