"""What our decoding says of a message, as the words that the table of fields compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workbench.analysis.values import Message
from workbench.errors import MalformedMessageError
from workbench.protocols import sdp, sip
from workbench.protocols.bfcp.messages import Message as BfcpMessage
from workbench.protocols.bfcp.messages import RequestStatus, walk
from workbench.protocols.bfcp.registry import Kind
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Ack, ActionReply, Command, CommandReply, ErrorDescriptor, Media, Segment
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp.uri import encode_path
from workbench.protocols.t38 import ifp
from workbench.protocols.t38.messages import IfpPacket, UdptlPacket
from workbench.protocols.tls import messages as tls

# --- TCP


def tcp_mark(message: Message) -> Iterable[str]:
    """`SYN`, `SYN, ACK`, `FIN`, `RST`."""
    return [message.summary.removesuffix(", connection refused")]


# --- SIP and SDP


def sip_method(value: object) -> Iterable[str]:
    """Of a request."""
    return [value.method] if isinstance(value, sip.Request) else []


def sip_status(value: object) -> Iterable[str]:
    """Of a response."""
    return [str(value.status)] if isinstance(value, sip.Response) else []


def header(name: str) -> Any:
    """Values of a header of a SIP message, a list's one by one."""
    return lambda message: message.headers.all(name)


def branches(message: sip.Request | sip.Response) -> Iterable[str]:
    """The branch of each Via."""
    return [via.branch for via in message.vias if via.branch]


def described(value: object) -> Iterator[sdp.SessionDescription]:
    """The descriptions in a SIP body, or in the Local and Remote descriptors of an H.248 message in text."""
    match value:
        case sip.Request() | sip.Response():
            if value.body and "sdp" in (value.headers.get("Content-Type") or "").lower():
                try:
                    yield sdp.decode(value.body)
                except MalformedMessageError:
                    return
        case h248.Message():
            for command in commands(value):
                for descriptor in command.descriptors:
                    for stream in descriptor.streams if isinstance(descriptor, Media) else ():
                        yield from stream.local or ()
                        yield from stream.remote or ()


def _lines(description: sdp.SessionDescription) -> Iterator[sdp.Line]:
    yield from description.lines
    for media in description.media:
        yield from media.lines


def sdp_lines(kind: str) -> Any:
    """The values of all lines of a type, in all descriptions of a message."""
    return lambda value: [line.value for one in described(value) for line in _lines(one) if line.type == kind]


def sdp_attributes(value: object) -> Iterable[str]:
    """All a= lines: those at session level of all descriptions, then those of the media."""
    found = list(described(value))
    return [line.value for one in found for line in one.lines if line.type == "a"] + [
        line.value for one in found for media in one.media for line in media.lines if line.type == "a"]


def sdp_media(value: object) -> Iterable[str]:
    """The m= lines."""
    return [media.line for description in described(value) for media in description.media]


# --- H.248


def actions(message: h248.Message) -> Iterator[Any]:
    """Actions and action replies, in order."""
    for item in message.body:
        yield from getattr(item, "actions", ())


def commands(message: h248.Message) -> Iterator[Command | CommandReply]:
    """Commands and their replies, in order."""
    for action in actions(message):
        yield from action.commands


def transactions(message: h248.Message) -> Iterator[str]:
    """Transaction ids; of an acknowledgement the first id of each range."""
    for item in message.body:
        if isinstance(item, Ack):
            yield from (str(first) for first, _ in item.ranges)
        else:
            yield str(item.id)


def contexts(message: h248.Message) -> Iterable[str]:
    """ContextIDs, as numbers."""
    return [str(action.context) for action in actions(message)]


def kinds(message: h248.Message) -> Iterable[str]:
    """`Add`, `Modify`, ..."""
    return [command.kind.value for command in commands(message)]


def terminations(message: h248.Message) -> Iterable[str]:
    """TerminationIDs."""
    return [name for command in commands(message) for name in command.terminations]


def streams(message: h248.Message) -> Iterable[str]:
    """StreamIDs of Stream descriptors that are written."""
    return [str(stream.id) for command in commands(message) for one in command.descriptors
            if isinstance(one, Media) and not one.implicit_stream for stream in one.streams]


def modes(message: h248.Message) -> Iterable[str]:
    """Mode properties of LocalControl."""
    return [stream.local_control.mode.value for command in commands(message) for one in command.descriptors
            if isinstance(one, Media) for stream in one.streams
            if stream.local_control is not None and stream.local_control.mode is not None]


def error_codes(message: h248.Message) -> Iterator[str]:
    """Codes of all error descriptors, those of the message, its replies, actions and commands."""
    if message.error is not None:
        yield str(message.error.code)
    for item in message.body:
        if not isinstance(item, Ack | Segment) and getattr(item, "error", None) is not None:
            yield str(item.error.code)  # type: ignore[union-attr]
    for action in actions(message):
        for command in action.commands:
            yield from (str(one.code) for one in command.descriptors if isinstance(one, ErrorDescriptor))
        if isinstance(action, ActionReply) and action.error is not None:
            yield str(action.error.code)


# --- TLS and DTLS


def handshake_type(value: object) -> Iterable[str]:
    """Number of the handshake message."""
    return [str(value.type)] if isinstance(value, tls.Handshake) else []


def hello_version(value: object) -> Iterable[str]:
    """`legacy_version` of a ClientHello, a ServerHello or a HelloVerifyRequest."""
    body = value.body if isinstance(value, tls.Handshake) else None
    return [str(body.version)] if isinstance(body, tls.ClientHello | tls.ServerHello | tls.HelloVerifyRequest) else []


def cipher_suites(value: object) -> Iterable[str]:
    """What a ClientHello offers, or a ServerHello chooses."""
    match value.body if isinstance(value, tls.Handshake) else None:
        case tls.ClientHello() as hello:
            return map(str, hello.cipher_suites)
        case tls.ServerHello() as hello:
            return [str(hello.cipher_suite)]
    return []


def certificates(value: object) -> Iterable[str]:
    """Sizes of the certificates in octets."""
    body = value.body if isinstance(value, tls.Handshake) else None
    return [str(len(one.der)) for one in body.certificates] if isinstance(body, tls.Certificate) else []


def alert(value: object) -> Iterable[str]:
    """`2/40`: level and description."""
    return [f"{value.level}/{value.description}"] if isinstance(value, tls.AlertMessage) else []


def change_cipher(value: object) -> Iterable[str]:
    """One for a ChangeCipherSpec."""
    return ["1"] if isinstance(value, tls.ChangeCipherSpec) else []


# --- MSRP


def msrp_method(value: object) -> Iterable[str]:
    """Of a request, one with broken headers too."""
    if isinstance(value, msrp.Broken):
        return [] if value.what.isdigit() else [value.what]
    return [value.method] if isinstance(value, msrp.Request) else []


def msrp_status(value: object) -> Iterable[str]:
    """Of a response, one with broken headers too."""
    if isinstance(value, msrp.Broken):
        return [value.what] if value.what.isdigit() else []
    return [str(value.status)] if isinstance(value, msrp.Response) else []


def msrp_path(name: str) -> Any:
    """To-Path or From-Path, as it is written."""

    def read(value: Any) -> Iterable[str]:
        if isinstance(value, msrp.Broken):
            return filter(None, [msrp.get(value.headers, name)])
        return [encode_path(value.to_path if name == "To-Path" else value.from_path)]

    return read


def msrp_header(name: str) -> Any:
    """The value of a header, if it is there."""
    return lambda value: [found] if (found := msrp.get(value.headers, name)) is not None else []


def msrp_flag(value: object) -> Iterable[str]:
    """`$`, `+` or `#`; a response is always whole."""
    return [str(getattr(value, "flag", msrp.Flag.COMPLETE))]


# --- UDPTL: the primary IFP packet, then the secondary ones


def _packets(value: UdptlPacket) -> Iterator[IfpPacket]:
    for octets in (value.primary, *value.secondary):
        version = ifp.version_of(octets)
        if version is not None:     # what it is about stands in front of what versions write in different ways
            yield ifp.decode(octets, version)


def fax_indicators(value: UdptlPacket) -> Iterable[str]:
    """The t30-indicators."""
    return [str(int(one.indicator)) for one in _packets(value) if one.indicator is not None]


def fax_data(value: UdptlPacket) -> Iterable[str]:
    """The t30-data types."""
    return [str(int(one.data)) for one in _packets(value) if one.data is not None]


def fax_recovery(value: UdptlPacket) -> Iterable[str]:
    """0: secondary packets, even if there are none; 1: forward error correction."""
    return ["0" if value.fec is None else "1"]


# --- BFCP


def bfcp_floors(message: BfcpMessage) -> Iterator[str]:
    """FLOOR-ID attributes, and the floors of FLOOR-REQUEST-STATUS."""
    for one in walk(message.attributes):
        if one.kind == Kind.FLOOR_ID:
            yield str(one.value)
        elif one.kind == Kind.FLOOR_REQUEST_STATUS:
            yield str(getattr(one.value, "number", ""))


def bfcp_states(message: BfcpMessage) -> Iterable[str]:
    """What REQUEST-STATUS attributes say."""
    return [str(int(one.value.status)) for one in walk(message.attributes) if isinstance(one.value, RequestStatus)]


