"""The vocabulary of expectations: what to look for in a report, as values with a description.

Each function here makes a `Seen` (occurrences) or a `Fact` (holds or not). They read decoded messages and
sessions of the capture and know nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from workbench.analysis.values import Leg, Message, Session
from workbench.errors import PeerError
from workbench.lab.expect import Fact, Frames, Seen
from workbench.protocols.h248 import message as h248
from workbench.protocols.sdp import SessionDescription
from workbench.protocols.sdp import decode as decode_sdp
from workbench.protocols.sip import Request, Response

if TYPE_CHECKING:
    from workbench.analysis.report import Report

SECURITY_ATTRIBUTES = ("3ge2ae", "fingerprint", "tls-id", "crypto", "key-mgmt")


def registration(wire: str, header: str, mechanism: str) -> Seen:
    """A REGISTER, or an answer to one, on `wire` whose `header` offers a media plane security `mechanism`."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames
            for message, value in _sip(report, wire)
            if (_method(value) == "REGISTER" and any(
                mechanism in listed and "mediasec" in listed for listed in value.headers.all(header)))
        ]

    return Seen(f"{header} with {mechanism};mediasec on {wire}", find)


def offer(wire: str, *, transport: str = "", attribute: str = "", value: str | None = None) -> Seen:
    """An INVITE on `wire` whose first m= line has this transport, and this attribute (with this value)."""
    return Seen(f"an offer on {wire}" + _wanted(transport, attribute, value), _described(
        wire, lambda sip: isinstance(sip, Request) and sip.method == "INVITE", transport, attribute, value))


def answer(wire: str, *, transport: str = "", attribute: str = "", value: str | None = None) -> Seen:
    """A 200 to an INVITE on `wire` whose first m= line has this transport, and this attribute (with this value)."""
    return Seen(f"an answer on {wire}" + _wanted(transport, attribute, value), _described(
        wire, lambda sip: isinstance(sip, Response) and sip.status == 200 and _method(sip) == "INVITE",
        transport, attribute, value))


def security_in_sdp(wire: str) -> Seen:
    """Any SDP on `wire` that has a security attribute or a TLS transport."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message, described in _sdp(report, wire)
            for media in described.media
            if "TLS" in media.proto or any(media.attribute(name) is not None for name in SECURITY_ATTRIBUTES)
        ]

    return Seen(f"a security attribute in SDP on {wire}", find)


def order(kind: h248.Kind, realm: str, bearers: tuple[str, ...]) -> Seen:
    """An H.248 Add or Modify for a termination of `realm` whose Local has one of these bearer types (m= proto)."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message, _, command in _commands(report)
            if command.kind is kind and any(f"/{realm}/" in name for name in command.terminations)
            and any(media.proto in bearers for described in _locals(command) for media in described.media)
        ]

    return Seen(f"{kind} of a termination towards {realm} with {' or '.join(bearers)}", find)


def messages(protocol: str, wire: str, *, protected: bool | None = None, what: str = "") -> Seen:
    """Messages of a protocol on a wire; `protected` tells apart what was inside TLS."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message in report.messages
            if message.protocol == protocol and message.wire == wire and not message.error
            and (protected is None or message.protected == protected)
        ]

    kind = {None: "", True: "protected ", False: "clear "}[protected]
    return Seen(what or f"{kind}{protocol} on {wire}", find)


def gateway_fingerprint_travels(wire: str) -> Fact:
    """The fingerprint in an H.248 reply stands unchanged in the SDP that the IMS-ALG sends on `wire`."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        given = [
            (message, print_) for message, described in _reply_sdp(report)
            for media in described.media if (print_ := media.attribute("fingerprint")) is not None
        ]
        told = [
            (message, print_) for message, described in _sdp(report, wire)
            for media in described.media
            if (print_ := media.attribute("fingerprint")) is not None and message.source.node == "IMS-ALG"
        ]
        if not given or not told:
            return None
        (reply, announced), (sdp, forwarded) = given[0], told[0]
        frames = (*reply.frames, *sdp.frames)
        same = announced.casefold().split() == forwarded.casefold().split()
        return same, frames, f"H.248 gave {announced}, SDP on {wire} says {forwarded}"

    return Fact("the gateway's fingerprint in H.248 and in SDP", check)


def incoming_triggers_outgoing() -> Fact:
    """The leg on which the gateway is TCP server sees its SYN before the gateway sends one on the other leg."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        legs = _legs(report)
        incoming = next((leg for leg in legs if leg.tcp_server == "IMS-AGW"), None)
        outgoing = next((leg for leg in legs if leg.tcp_client == "IMS-AGW"), None)
        if outgoing is None or outgoing.opened is None:
            return None
        if incoming is None or incoming.opened is None:
            return False, outgoing.frames[:1], "the gateway opened a connection although none came in"
        frames = (incoming.frames[0], outgoing.frames[0])
        return incoming.opened < outgoing.opened, frames, (
            f"the gateway's own SYN at {outgoing.opened:.3f} s came before the incoming one at {incoming.opened:.3f} s")

    return Fact("SYN on both legs", check)


def tcp_client_is_tls_client(leg_name: str) -> Fact:
    """On this leg one node is both TCP client and TLS client (RFC 4975, RFC 8122 with a=setup)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = _leg(report, leg_name)
        if leg is None or not leg.tcp_client or not leg.tls_client:
            return None
        return leg.tcp_client == leg.tls_client, leg.frames[:4], (
            f"{leg.tcp_client} opened TCP, {leg.tls_client} sent the ClientHello")

    return Fact(f"TCP and TLS client of the {leg_name} leg", check)


def certificates_match(leg_name: str) -> Fact:
    """Both ends of this leg presented a certificate that their SDP had announced (RFC 8122 §6)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = _leg(report, leg_name)
        if leg is None or not leg.certificates or any(c.matches is None for c in leg.certificates):
            return None
        wrong = [c for c in leg.certificates if not c.matches]
        frames = tuple(frame for c in (wrong or leg.certificates) for frame in c.frames)
        if wrong:
            return False, frames, f"{wrong[0].owner} announced {wrong[0].announced} and presented {wrong[0].seen}"
        return len(leg.certificates) == 2, frames, f"only {leg.certificates[0].owner} presented a certificate"

    return Fact(f"the certificates of the {leg_name} leg", check)


def words_arrive(leg_from: str, leg_to: str, *, sender: str) -> Fact:
    """What `sender` puts on one leg leaves the gateway on the other leg, octet for octet, and is not empty."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        first, second = _leg(report, leg_from), _leg(report, leg_to)
        if first is None or not first.tcp_client:
            return None
        said = report.payload(first, sender=sender)
        if not said:
            return None
        if second is None or not second.tcp_client:
            return False, first.frames[-1:], f"nothing arrived: there is no connection on the {leg_to} leg"
        heard = report.payload(second, sender="IMS-AGW")
        frames = (first.frames[0], second.frames[0])
        return said == heard, frames, f"{len(said)} octets left {sender}, {len(heard)} octets arrived"

    return Fact(f"what {sender} says", check)


def delivered(sender: str) -> Seen:
    """An MSRP REPORT with status 200 that reaches `sender`, behind a NAT or not: its message is at the other end."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message in report.messages
            if message.protocol == "MSRP" and message.destination.node == sender
            and message.summary.startswith("REPORT") and "200" in message.summary
        ]

    return Seen(f"a success REPORT for {sender}", find)


def checked_before_core(leg_name: str) -> Fact:
    """No payload of the UE is on the core leg before both sides of the access handshake have finished."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        access = _leg(report, leg_name)
        if access is None:
            return None
        finished = [m for m in report.messages
                    if m.protocol == "TLS" and m.wire == access.wire and m.summary.startswith("Finished")]
        core = [m for m in report.messages if m.protocol == "MSRP" and m.source.node == "IMS-AGW"
                and not m.protected and m.wire != access.wire]
        if len(finished) < 2:
            if core:
                return False, core[0].frames, "MSRP on the core leg although the access handshake never finished"
            return None
        if not core:
            return None
        frames = (*finished[1].frames, *core[0].frames)
        return finished[1].frames[-1] < core[0].frames[0], frames, "MSRP on the core leg before the handshake finished"

    return Fact("the access handshake and what follows on the core leg", check)


def tls_ends_before_tcp(leg_name: str) -> Fact:
    """On this leg each side sends close_notify before its FIN, and nobody resets the connection."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = _leg(report, leg_name)
        if leg is None or not leg.tls_client:
            return None
        of_leg = [m for m in report.messages if m.wire == leg.wire and set(m.frames) & set(leg.frames)]
        reset = next((m for m in of_leg if m.protocol == "TCP" and m.summary.startswith("RST")), None)
        if reset is not None:
            return False, reset.frames, f"{reset.source.node} reset the connection"
        fins = [m for m in of_leg if m.protocol == "TCP" and m.summary.startswith("FIN") and not m.repeated]
        if not fins:
            return None
        frames: list[int] = []
        for fin in fins:
            # A fatal alert of either side ends TLS for both (RFC 8446 §6.2).
            notify = next((m for m in of_leg if m.protocol == "TLS" and m.frames[0] <= fin.frames[0] and (
                "Alert fatal" in m.summary or ("close_notify" in m.summary and m.source == fin.source))), None)
            if notify is None:
                return False, fin.frames, f"{fin.source.node} sent FIN without close_notify: its end could be a cut"
            frames += (notify.frames[0], fin.frames[0])
        return True, tuple(frames), ""

    return Fact(f"the release of the {leg_name} leg", check)


def every_order_is_answered() -> Fact:
    """Each H.248 request has a reply, and no reply holds an error."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        asked: dict[tuple[str, int], Message] = {}
        answered: set[tuple[str, int]] = set()
        for message, transaction in _transactions(report):
            if isinstance(transaction, h248.Request):
                asked.setdefault((message.source.node, transaction.id), message)
            elif isinstance(transaction, h248.Reply):
                answered.add((message.destination.node, transaction.id))
                for error in _errors(transaction):
                    return False, message.frames, f"error {error.code} {error.text or ''} in reply {transaction.id}"
        if not asked:
            return None
        for key, message in asked.items():
            if key not in answered:
                return False, message.frames, f"request {key[1]} of {key[0]} was never answered"
        return True, tuple(frame for message in asked.values() for frame in message.frames), ""

    return Fact("H.248 requests and replies", check)


def context_is_released() -> Fact:
    """Every termination that was added is subtracted again."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        added: dict[str, Frames] = {}
        gone: dict[str, Frames] = {}
        for message, transaction in _transactions(report):
            if not isinstance(transaction, h248.Reply):
                continue
            for action in transaction.actions:
                for command in action.commands:
                    if command.error is not None:
                        continue
                    place = {h248.Kind.ADD: added, h248.Kind.SUBTRACT: gone}.get(command.kind)
                    if place is not None:
                        place.update({f"{action.context}:{name}": message.frames for name in command.terminations})
        if not added:
            return None
        contexts_emptied = {name.partition(":")[0] for name in gone if name.endswith(":*")}
        left = [n for n in added if n not in gone and n.partition(":")[0] not in contexts_emptied]
        if left:
            return False, added[left[0]], f"never subtracted: {', '.join(left)}"
        return True, tuple(sorted({frame for frames in gone.values() for frame in frames})), ""

    return Fact("terminations added and subtracted", check)


def _wanted(transport: str, attribute: str, value: str | None) -> str:
    words = ([f"transport {transport}"] if transport else []) + (
        [f"a={attribute}" + (f":{value}" if value is not None else "")] if attribute else [])
    return " with " + " and ".join(words) if words else ""


def _described(
    wire: str, is_it: Callable[[Request | Response], bool], transport: str, attribute: str, value: str | None,
) -> Callable[[Report], list[Frames]]:
    def find(report: Report) -> list[Frames]:
        found: list[Frames] = []
        for message, sip in _sip(report, wire):
            if not is_it(sip) or not sip.body:
                continue
            described = _decoded(sip)
            if described is None or not described.media:
                continue
            media = described.media[0]
            if transport and media.proto != transport:
                continue
            if attribute and media.attribute(attribute) is None:
                continue
            if value is not None and media.attribute(attribute) != value:
                continue
            found.append(message.frames)
        return found

    return find


def _sip(report: Report, wire: str) -> Iterator[tuple[Message, Request | Response]]:
    for message in report.messages:
        if message.protocol == "SIP" and message.wire == wire and isinstance(message.value, Request | Response):
            yield message, message.value


def _method(value: Request | Response) -> str:
    if isinstance(value, Request):
        return value.method
    return (value.headers.get("CSeq") or "").rpartition(" ")[2]


def _decoded(value: Request | Response) -> SessionDescription | None:
    if not value.body or "sdp" not in (value.headers.get("Content-Type") or "").casefold():
        return None
    try:
        return decode_sdp(value.body)
    except PeerError:
        return None  # the analyser reports it; nothing can be seen in it


def _sdp(report: Report, wire: str) -> Iterator[tuple[Message, SessionDescription]]:
    for message, value in _sip(report, wire):
        described = _decoded(value)
        if described is not None:
            yield message, described


def _transactions(report: Report) -> Iterator[tuple[Message, h248.Transaction]]:
    for message in report.messages:
        if message.protocol == "H.248" and isinstance(message.value, h248.Message):
            for transaction in message.value.body:
                yield message, transaction


def _commands(report: Report) -> Iterator[tuple[Message, h248.Action, h248.Command]]:
    for message, transaction in _transactions(report):
        if isinstance(transaction, h248.Request):
            for action in transaction.actions:
                for command in action.commands:
                    yield message, action, command


def _locals(command: h248.Command | h248.CommandReply) -> Iterator[SessionDescription]:
    for descriptor in command.descriptors:
        if isinstance(descriptor, h248.Media):
            for stream in descriptor.streams:
                yield from stream.local or ()


def _reply_sdp(report: Report) -> Iterator[tuple[Message, SessionDescription]]:
    for message, transaction in _transactions(report):
        if isinstance(transaction, h248.Reply):
            for action in transaction.actions:
                for command in action.commands:
                    for described in _locals(command):
                        yield message, described


def _errors(reply: h248.Reply) -> Iterator[h248.ErrorDescriptor]:
    if reply.error is not None:
        yield reply.error
    for action in reply.actions:
        if action.error is not None:
            yield action.error
        for command in action.commands:
            if command.error is not None:
                yield command.error


def _session(report: Report) -> Session | None:
    return next((session for session in report.sessions if session.kind not in ("registration", "control")), None)


def _legs(report: Report) -> tuple[Leg, ...]:
    session = _session(report)
    return session.legs if session is not None else ()


def _leg(report: Report, name: str) -> Leg | None:
    return next((leg for leg in _legs(report) if leg.name == name), None)
