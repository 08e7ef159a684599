"""One line for each message: short, precise, in the specification's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from workbench.analysis.carried.pre_shared import shown
from workbench.errors import PeerError
from workbench.net.packets import ICMP, TCP, UDP, Icmp, decode_quoted
from workbench.net.values import Endpoint
from workbench.protocols import sdp, sip, stun
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp.messages import is_answer
from workbench.protocols.bfcp.registry import ERROR_NAMES, Kind, primitive_name, status_name
from workbench.protocols.h248 import message as h248
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.sdp import SessionDescription
from workbench.protocols.tls import messages as tls
from workbench.protocols.tls import x509
from workbench.protocols.tls.registry import VERSIONS, alert_name, handshake_name, suite_name

_MOST = 200
_SECURITY_HEADERS = ("Security-Client", "Security-Server", "Security-Verify")


def shortened(text: str, most: int = _MOST) -> str:
    """The text on one line, without control characters, cut with an ellipsis where it is long."""
    plain = text if text.isprintable() else "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def described(message: sip.Request | sip.Response) -> SessionDescription | None:
    """The SDP in a SIP message; None where there is none, or none that decodes."""
    kind = message.headers.get("Content-Type") or ""
    if not message.body or (kind and "sdp" not in kind.casefold()):
        return None
    return _description(message.body)


@lru_cache(maxsize=64)
def _description(body: bytes) -> SessionDescription | None:
    """Asked for several times of one message, and the next ones often carry the same."""
    try:
        return sdp.decode(body)
    except PeerError:
        return None


def of_sip(message: sip.Request | sip.Response, *, role: str = "") -> str:
    """`INVITE sip:bob@home2.example (offer TCP/TLS/MSRP, setup active, 3ge2ae requested)`; `role`: offer or answer."""
    if isinstance(message, sip.Request):
        start = f"{message.method} {message.uri}"
    else:
        start = f"{message.status} {message.reason}"
    told = [] if isinstance(message, sip.Request) else [message.method]
    description = described(message)
    if description is not None:
        told += [f"{role or 'SDP'} {_media(description, media)}" for media in description.media[:3]]
    for name in _SECURITY_HEADERS:
        mechanisms = [value.partition(";")[0] for value in message.headers.all(name) if "mediasec" in value]
        if mechanisms:
            told.append(f"{name}: {', '.join(mechanisms)}")
    told = [part for part in told if part]
    return shortened(start + (f" ({', '.join(told)})" if told else ""))


def _media(description: SessionDescription, media: sdp.Media) -> str:
    words = [media.proto]
    if media.port == 0:
        words.append("rejected")
    for name in ("setup", "3ge2ae"):
        value = description.attribute_of(media, name)
        if value:
            words.append(f"{name} {value}")
    return ", ".join(words)


def of_h248(message: h248.Message, joined: Mapping[int, h248.Reply] | None = None) -> str:
    """`Add ip/1/access/$ in $ [1001]`, `Reply 1001: Add ip/1/access/17 in 55`.

    `joined`: by transaction id, replies that are whole with a segment in this message.
    """
    if message.error is not None:
        return shortened(f"Error {message.error.code} {message.error.text or ''}".strip())
    return shortened("; ".join(_transaction(item, joined or {}) for item in message.body[:8]) or "no transaction")


def _transaction(item: h248.Transaction, joined: Mapping[int, h248.Reply]) -> str:
    match item:
        case h248.Request():
            return f"{', '.join(_action(action) for action in item.actions) or 'no action'} [{item.id}]"
        case h248.Reply():
            whole = joined.get(item.id, item)
            told = f"Reply {item.id}"
            if item.id in joined:
                told += ", all segments"
            elif item.segment is not None:
                told += f", segment {item.segment}" + ", the last" * item.last
            if whole.error is not None:
                return f"{told}: error {whole.error.code}"
            return f"{told}: {', '.join(_action_reply(action) for action in whole.actions) or 'no action'}"
        case h248.Pending():
            return f"Pending {item.id}"
        case h248.Ack():
            ranges = (f"{first}" if first == last else f"{first}-{last}" for first, last in item.ranges)
            return f"Ack {', '.join(ranges)}"
        case h248.Segment():
            return f"Segment {item.segment} of {item.id}"
    return ""


def context_text(context: int) -> str:
    """`-`, `$`, `*` or the number."""
    return {h248.NULL: "-", h248.CHOOSE: "$", h248.ALL: "*"}.get(context, str(context))


def _action(action: h248.Action) -> str:
    words = [_command(command) for command in action.commands]
    where = "" if action.context == h248.NULL else f" in {context_text(action.context)}"
    return (", ".join(words) or "context properties") + where


def _command(command: h248.Command) -> str:
    told = f"{command.kind} {', '.join(command.terminations)}"
    services = command.descriptor(h248.Services)
    if services is not None and services.method is not None:
        told = f"{command.kind} {services.method} {', '.join(command.terminations)}"
    observed = command.descriptor(h248.ObservedEvents)
    if observed is not None:
        told += "".join(f" {_observed(event)}" for event in observed.events[:4])
    return told


def _observed(event: h248.ObservedEvent) -> str:
    kind = event.parameter("type") or event.parameter("generalcause")
    return event.name + (f" {kind.value}" if kind is not None else "")


def _action_reply(action: h248.ActionReply) -> str:
    words = [
        f"{command.kind} {', '.join(command.terminations)}"
        + (f" error {command.error.code}" if command.error is not None else "") for command in action.commands
    ]
    if action.error is not None:
        words.append(f"error {action.error.code}")
    where = "" if action.context == h248.NULL else f" in {context_text(action.context)}"
    return (", ".join(words) or "done") + where


def of_handshake(message: tls.Handshake) -> str:
    """`ClientHello TLS 1.3`, `ServerHello TLS 1.3 TLS_AES_256_GCM_SHA384`, `Certificate SHA-256 6B:8B:F0:65...`."""
    name = handshake_name(message.type)
    match message.body:
        case tls.ClientHello() as hello:
            known = [version for version in hello.supported_versions if version in VERSIONS]
            best = f" {VERSIONS[max(known)]}" if known else ""
            keys = [shown(one.identity) for one in hello.psk_offers if one.external]
            return shortened(f"{name}{best}" + (f" for {hello.server_name}" if hello.server_name else "")
                             + (f", PSK identity {keys[0]}" if keys else ""))
        case tls.ServerHello() as hello:
            name = "HelloRetryRequest" if hello.retry else name
            version = VERSIONS.get(hello.selected_version, f"0x{hello.selected_version:04X}")
            return f"{name} {version} {suite_name(hello.cipher_suite)}"
        case tls.Certificate() as certificate:
            if not certificate.certificates:
                return f"{name} (none)"
            return f"{name} SHA-256 {x509.fingerprint(certificate.certificates[0].der)[:11]}…"
        case tls.ServerKeyExchange(psk_hint=hint) if hint:
            return shortened(f"{name}, PSK identity hint {shown(hint)}")
        case tls.ClientKeyExchange(psk_identity=identity) if identity is not None:
            return shortened(f"{name}, PSK identity {shown(identity)}")
    return name


def of_alert(alert: tls.AlertMessage) -> str:
    """`Alert warning close_notify`, `Alert fatal bad_certificate`."""
    level = {1: "warning", 2: "fatal"}.get(alert.level, f"level {alert.level}")
    return f"Alert {level} {alert_name(alert.description)}"


_STUN_CLASSES = {stun.Class.REQUEST: "request", stun.Class.INDICATION: "indication",
                 stun.Class.SUCCESS: "success response", stun.Class.ERROR: "error response"}


def of_stun(message: stun.Message) -> str:
    """`Binding request`, `Binding success response (203.0.113.10:20000)`, `Binding error response (420 Unknown)`."""
    method = "Binding" if message.method == stun.BINDING else f"method {message.method}"
    what = f"{method} {_STUN_CLASSES[message.kind]}"
    try:
        if message.kind is stun.Class.SUCCESS:
            host, port = stun.mapped_address(message)
            return f"{what} ({Endpoint(host, port)})"
        if message.kind is stun.Class.ERROR:
            number, reason = stun.error_code(message)
            return shortened(f"{what} ({number} {reason})")
    except PeerError as error:
        return shortened(f"{what} ({error})")
    return what


def of_msrp(message: msrp.Request | msrp.Response | msrp.Broken) -> str:
    """`SEND t1Kq8Zp4 (20 octets, +)`, `200 OK t1Kq8Zp4`, `REPORT t2 (000 200 OK)`."""
    if isinstance(message, msrp.Response):
        return shortened(f"{message.status:03} {message.comment} {message.transaction}".replace("  ", " "))
    if isinstance(message, msrp.Broken):
        return shortened(f"{message.what} {message.transaction}")
    if message.method == "REPORT":
        return shortened(f"REPORT {message.transaction} ({message.get('Status') or 'no status'})")
    told = [] if message.body is None else [f"{len(message.body)} octet" + "s" * (len(message.body) != 1)]
    if message.body is None and message.method == "SEND":
        told.append("no body")
    return shortened(f"{message.method} {message.transaction} ({', '.join((*told, message.flag.value))})")


def of_bfcp(message: bfcp.Message) -> str:
    """`FloorRequest 2 of user 1 (floor 543)`, `FloorRequestStatus to user 1 (request 1 Granted)`, `Error 3 ...`."""
    towards = "to" if is_answer(message.primitive) or not message.transaction else "of"
    number = f" {message.transaction}" if message.transaction else ""
    told = [f"floor {floor}" for floor in message.floors]
    if (request := message.number(Kind.FLOOR_REQUEST_ID)) is not None:
        told.append(f"request {request}")
    told += [_of_request(request) for request in message.requests]
    if message.failure is not None:
        told.append(ERROR_NAMES.get(message.failure.code, f"error {message.failure.code}"))
    inner = f" ({', '.join(told)})" if told else ""
    return shortened(f"{primitive_name(message.primitive)}{number} {towards} user {message.user}{inner}")


def _of_request(request: bfcp.Request) -> str:
    """`request 1 Granted`, or what a chair says of it: `request 1: floor 543 Granted`."""
    if request.status is not None:
        place = f", place {request.position}" if request.position else ""
        return f"request {request.request} {status_name(request.status)}{place}"
    told = [f"floor {one.floor} {status_name(one.status)}" for one in request.floors if one.status is not None]
    return f"request {request.request}: {' '.join(told)}"


_UNREACHABLE = {0: "network", 1: "host", 2: "protocol", 3: "port", 4: "fragmentation needed", 9: "network prohibited",
                10: "host prohibited", 13: "prohibited"}
_UNREACHABLE_6 = {0: "no route", 1: "prohibited", 3: "address", 4: "port"}


def of_icmp(icmp: Icmp) -> str:
    """`destination unreachable: port (UDP to 192.0.2.20:2944)`, `echo request`."""
    if icmp.is_echo_request:
        return "echo request"
    if icmp.is_echo_reply:
        return "echo reply"
    if icmp.type == (3 if icmp.version == 4 else 1):
        names = _UNREACHABLE if icmp.version == 4 else _UNREACHABLE_6
        told = f"destination unreachable: {names.get(icmp.code, f'code {icmp.code}')}"
    elif icmp.type == (11 if icmp.version == 4 else 3):
        told = "time exceeded"
    else:
        told = f"type {icmp.type} code {icmp.code}"
    try:
        protocol, _, destination, _ = decode_quoted(icmp)
    except PeerError:
        return told
    return f"{told} ({ {TCP: 'TCP', UDP: 'UDP', ICMP: 'ICMP'}.get(protocol, str(protocol))} to {destination})"


def commands(message: h248.Message) -> Iterator[tuple[h248.Request, h248.Action, h248.Command]]:
    """Every command of the message's requests."""
    for transaction in message.body:
        if isinstance(transaction, h248.Request):
            for action in transaction.actions:
                for command in action.commands:
                    yield transaction, action, command
