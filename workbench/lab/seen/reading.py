"""What expectations read in a report: SIP with its descriptions, H.248 command by command, the legs of the call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.values import Leg, Message, Session
from workbench.errors import PeerError
from workbench.protocols.h248 import message as h248
from workbench.protocols.sdp import Media, SessionDescription, transport_of
from workbench.protocols.sdp import decode as decode_sdp
from workbench.protocols.sip import Request, Response

if TYPE_CHECKING:
    from workbench.analysis.report import Report


class Side(msgspec.Struct, frozen=True):
    """One side of a gateway: the wire, and the gateway's name."""

    wire: str
    gateway: str = "IMS-AGW"

    def __str__(self) -> str:
        return self.wire if self.gateway == "IMS-AGW" else f"{self.wire} of {self.gateway}"


class Exchange(msgspec.Struct):
    """An offer and its answer on one wire, each once; None while it was not seen (or did not decode)."""

    offer: Media | None = None
    answer: Media | None = None
    offered: Message | None = None
    answered: Message | None = None

    @property
    def frames(self) -> tuple[int, ...]:
        """Where both stand."""
        return tuple(frame for message in (self.offered, self.answered) if message for frame in message.frames)


def sip_messages(report: Report, wire: str) -> Iterator[tuple[Message, Request | Response]]:
    """SIP on a wire that decoded."""
    for message in report.messages:
        if message.protocol == "SIP" and message.wire == wire and isinstance(message.value, Request | Response):
            yield message, message.value


def method_of(value: Request | Response) -> str:
    """The method of a request, or of the one that a response answers."""
    if isinstance(value, Request):
        return value.method
    return (value.headers.get("CSeq") or "").rpartition(" ")[2]


def described_by(value: Request | Response) -> SessionDescription | None:
    """The SDP in a message; None where there is none that decodes (the analyser reports it)."""
    if not value.body or "sdp" not in (value.headers.get("Content-Type") or "").casefold():
        return None
    try:
        return decode_sdp(value.body)
    except PeerError:
        return None


def sdp_messages(report: Report, wire: str) -> Iterator[tuple[Message, SessionDescription]]:
    """SIP with SDP on a wire."""
    for message, value in sip_messages(report, wire):
        described = described_by(value)
        if described is not None:
            yield message, described


def exchanges(report: Report, wire: str) -> list[Exchange]:
    """The offers in INVITEs on a wire with the answers in their 200s, in order; retransmissions count once."""
    found: dict[tuple[str, str, int], Exchange] = {}
    for message, value in sip_messages(report, wire):
        number, method = value.cseq
        described = described_by(value)
        if method != "INVITE" or described is None or not described.media:
            continue
        media = described.effective(described.media[0])
        key = (value.call_id, value.from_tag, number)   # each side counts its own requests
        if isinstance(value, Request) and value.method == "INVITE" and key not in found:
            found[key] = Exchange(media, offered=message)
        elif isinstance(value, Response) and value.status == 200 and key in found and found[key].answer is None:
            found[key].answer, found[key].answered = media, message
    return list(found.values())


def transactions(report: Report) -> Iterator[tuple[Message, h248.Transaction]]:
    """H.248 transactions with the message that carries them."""
    for message in report.messages:
        if message.protocol == "H.248" and isinstance(message.value, h248.Message):
            for transaction in message.value.body:
                yield message, transaction


def commands(report: Report) -> Iterator[tuple[Message, h248.Action, h248.Command]]:
    """H.248 commands, each as often as it was sent."""
    for message, transaction in transactions(report):
        if isinstance(transaction, h248.Request):
            for action in transaction.actions:
                for command in action.commands:
                    yield message, action, command


def commands_once(report: Report) -> Iterator[tuple[Message, h248.Action, h248.Command]]:
    """H.248 commands without retransmissions of their requests."""
    seen: set[tuple[str, int]] = set()
    for message, transaction in transactions(report):
        key = (message.source.node, getattr(transaction, "id", -1))
        if isinstance(transaction, h248.Request) and key not in seen:
            seen.add(key)
            for action in transaction.actions:
                for command in action.commands:
                    yield message, action, command


def locals_of(command: h248.Command | h248.CommandReply) -> Iterator[SessionDescription]:
    """What Local descriptors of a command hold."""
    for descriptor in command.descriptors:
        if isinstance(descriptor, h248.Media):
            for stream in descriptor.streams:
                yield from stream.local or ()


def remotes_of(command: h248.Command | h248.CommandReply) -> Iterator[SessionDescription]:
    """What Remote descriptors of a command hold."""
    for descriptor in command.descriptors:
        if isinstance(descriptor, h248.Media):
            for stream in descriptor.streams:
                yield from stream.remote or ()


def signals_of(command: h248.Command) -> Iterator[str]:
    """Names of the signals that a command orders, in lower case."""
    for descriptor in command.descriptors:
        if isinstance(descriptor, h248.Signals):
            for item in descriptor.items:
                for signal in (item,) if isinstance(item, h248.Signal) else item.signals:
                    yield signal.name.lower()


def realm_of(report: Report, action: h248.Action, command: h248.Command) -> str:
    """`access`, `core` or `border`: the side of the termination that a command is for; empty where nothing tells.

    In text its name says it. In binary names are octets of the gateway's choice: then its IP realm says it, in the Add,
    and later what is known of the context.
    """
    words = [part for name in command.terminations for part in name.split("/")]
    words += [word for value in _realms(command) for word in value.split(".")]
    for context in report.signalling.contexts:
        if context.number == action.context:
            words += [one.side for name, one in context.terminations.items() if name in command.terminations]
    return next((word for word in words if word in ("access", "core", "border")), "")


def _realms(command: h248.Command) -> Iterator[str]:
    for descriptor in command.descriptors:
        if isinstance(descriptor, h248.Media):
            for stream in descriptor.streams:
                told = stream.local_control.property("ipdc/realm") if stream.local_control is not None else None
                if told is not None:
                    yield told.value


def reply_sdp(report: Report) -> Iterator[tuple[Message, SessionDescription]]:
    """Local descriptors in H.248 replies."""
    for message, transaction in transactions(report):
        if isinstance(transaction, h248.Reply):
            for action in transaction.actions:
                for command in action.commands:
                    for described in locals_of(command):
                        yield message, described


def errors_of(reply: h248.Reply) -> Iterator[h248.ErrorDescriptor]:
    """Error descriptors in a reply, on whatever level."""
    if reply.error is not None:
        yield reply.error
    for action in reply.actions:
        if action.error is not None:
            yield action.error
        for command in action.commands:
            if command.error is not None:
                yield command.error


def session_of(report: Report) -> Session | None:
    """The call."""
    return next((session for session in report.sessions if session.kind not in ("registration", "control")), None)


def legs_of(report: Report) -> tuple[Leg, ...]:
    """The legs of the call."""
    session = session_of(report)
    return session.legs if session is not None else ()


def leg_of(report: Report, name: str) -> Leg | None:
    """The leg of the call that has this name; of a call that turned from sound into fax, that of the fax."""
    found = [leg for leg in legs_of(report) if leg.name == name]
    return next((leg for leg in found if not is_sound(leg)), found[0] if found else None)


def is_protected(media: Media) -> bool:
    """The m= line asks for TLS or DTLS."""
    transport = transport_of(media.proto)
    return transport is not None and transport.security in ("tls", "dtls")


def is_sound(leg: Leg) -> bool:
    """The leg is one of RTP."""
    transport = transport_of(leg.transport)
    return transport is not None and transport.application == "rtp"
