"""The procedures of Iq as named calls: stage-2 information elements in, H.248 actions out, and replies read back.

Source: TS 23.334 §8.2 to §8.5 (elements), TS 29.334 §5.17.2 (H.248); which descriptor carries which element
stands in one place, here. Wire names of TCP and TLS items come from the package registry.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.errors import MalformedMessageError
from workbench.net.values import Endpoint
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import Fingerprint, SessionDescription
from workbench.protocols.sdp import decode as decode_sdp

HEARTBEAT_SECONDS = 600


class ConnectionPoint(msgspec.Struct, frozen=True):
    """What the IMS-ALG wants of one termination (TS 23.334 §8.2 to §8.4).

    Args:
        interface: group in the TerminationID, `access` or `core`.
        realm: IP realm indication.
        media, transport: of the m= line: the bearer type indication, such as `message`, `TCP/TLS`.
        setup: the role the gateway takes (TCP session set-up direction); None in stateless handling.
        local: the gateway's address; None asks for one (Local Connection Address Request).
        version: of IP that the address asked for has to be, 4 or 6.
        ask_fingerprint: Local certificate fingerprint Request.
        fingerprint: the gateway's own, sent again once it is known (Local replaces the former one).
        remote: Remote Connection Address; None while it is not known.
        remote_setup: the peer's role.
        remote_fingerprints: Remote certificate fingerprint.
        open: stream mode SendReceive (Change Through-Connection), else Inactive.
        latch: Latching Requirement.
        establish_tls: Establish (D)TLS session: the gateway is TLS client.
        watch_tls: Notify (D)TLS session establishment Failure Event.
    """

    interface: str
    realm: str
    media: str
    transport: str
    setup: str | None = None
    local: Endpoint | None = None
    version: int = 4
    ask_fingerprint: bool = False
    fingerprint: str = ""
    remote: Endpoint | None = None
    remote_setup: str | None = None
    remote_fingerprints: tuple[Fingerprint, ...] = ()
    open: bool = False
    latch: bool = False
    establish_tls: bool = False
    watch_tls: bool = False


class Reserved(msgspec.Struct, frozen=True):
    """What the gateway gave: context, TerminationID, its address and its certificate's fingerprint (`hash hex`)."""

    context: int
    termination: str
    local: Endpoint
    fingerprint: str


class Refused(msgspec.Struct, frozen=True):
    """The gateway said no: error code of H.248.8, and its text."""

    code: int
    text: str


def reserve(context: int, point: ConnectionPoint, request_id: int) -> h248.Action:
    """Reserve AGW Connection Point, and with `point.remote` Reserve and Configure AGW Connection Point: Add.

    Args:
        context: an existing ContextID, or `h248.CHOOSE` for a new one.
        request_id: of the Events descriptor.
    """
    return h248.Action(context, (h248.Command(
        h248.Kind.ADD, (f"ip/1/{point.interface}/$",), _descriptors(point, request_id, adding=True)),))


def configure(context: int, termination: str, point: ConnectionPoint, request_id: int) -> h248.Action:
    """Configure AGW Connection Point: Modify, with Local in full again, since it replaces the former one."""
    return h248.Action(context, (h248.Command(
        h248.Kind.MODIFY, (termination,), _descriptors(point, request_id, adding=False)),))


def release(context: int) -> h248.Action:
    """Release AGW Termination for all terminations of the context: one wildcarded response, no statistics."""
    return h248.Action(context, (h248.Command(
        h248.Kind.SUBTRACT, ("*",), (h248.Audit(),), wildcard_response=True),))


def reserved(reply: h248.Reply) -> Reserved | Refused:
    """Read the reply to `reserve`.

    Raises:
        MalformedMessageError: the reply has neither an error nor what was asked for.
    """
    refused = refusal(reply)
    if refused is not None:
        return refused
    for action in reply.actions:
        for command in action.commands:
            media = command.descriptor(h248.Media)
            stream = media.stream(1) if media is not None else None
            if command.kind is h248.Kind.ADD and stream is not None and stream.local:
                described = stream.local[0]
                line = described.media[0] if described.media else None
                connection = described.connection_of(line) if line is not None else None
                if line is not None and line.port is not None and connection is not None:
                    return Reserved(action.context, command.terminations[0], Endpoint(connection.address, line.port),
                                    line.attribute("fingerprint") or "")
    raise MalformedMessageError("the reply to Add has no Local with address and port", clause="TS 23.334 §8.3")


def refusal(reply: h248.Reply) -> Refused | None:
    """The first error of a reply, at whatever level, or None."""
    errors = [reply.error]
    for action in reply.actions:
        errors += [action.error, *(command.error for command in action.commands)]
    first = next((error for error in errors if error is not None), None)
    return None if first is None else Refused(first.code, first.text or "")


def _descriptors(point: ConnectionPoint, request_id: int, *, adding: bool) -> tuple[h248.Descriptor, ...]:
    stream = h248.StreamDescriptor(1, _control(point, adding=adding), (_local(point),), _remote(point))
    signals = []
    if point.latch:
        signals.append(h248.Signal("ipnapt/latch", stream=1, parameters=(h248.Property("napt", ("LATCH",)),)))
    if point.establish_tls:
        signals.append(h248.Signal(registry().wire_name("tls-establish"), stream=1))
    descriptors: list[h248.Descriptor] = [h248.Media((stream,)), _events(point, request_id)]
    if signals:
        descriptors.append(h248.Signals(tuple(signals)))
    return tuple(descriptors)


def _control(point: ConnectionPoint, *, adding: bool) -> h248.LocalControl:
    realm = (h248.Property("ipdc/realm", (h248.Quoted(point.realm),)),) if adding else ()
    return h248.LocalControl(h248.Mode.SEND_RECEIVE if point.open else h248.Mode.INACTIVE, properties=realm)


def _events(point: ConnectionPoint, request_id: int) -> h248.Events:
    watched = [
        h248.Event("g/cause"),
        h248.Event("hangterm/thb", parameters=(h248.Property("timerx", (str(HEARTBEAT_SECONDS),)),)),
        h248.Event(registry().wire_name("tcp-change"), stream=1),
    ]
    if point.watch_tls:
        watched.append(h248.Event(registry().wire_name("tls-change"), stream=1))
    return h248.Events(request_id, tuple(watched))


def _local(point: ConnectionPoint) -> SessionDescription:
    host, port = (point.local.host, str(point.local.port)) if point.local is not None else ("$", "$")
    lines = [] if point.setup is None else [f"a=setup:{point.setup}"]
    if point.fingerprint:
        lines.append(f"a=fingerprint:{point.fingerprint}")
    elif point.ask_fingerprint:
        lines.append("a=fingerprint:SHA-256 $")
    version = point.version if point.local is None else 6 if ":" in host else 4
    return _description(f"IN IP{version} {host}", point.media, port, point.transport, lines)


def _remote(point: ConnectionPoint) -> tuple[SessionDescription, ...] | None:
    if point.remote is None:
        return None
    lines = [] if point.remote_setup is None else [f"a=setup:{point.remote_setup}"]
    lines += [f"a=fingerprint:{fingerprint.encode()}" for fingerprint in point.remote_fingerprints]
    version = "6" if ":" in point.remote.host else "4"
    return (_description(
        f"IN IP{version} {point.remote.host}", point.media, str(point.remote.port), point.transport, lines),)


def _description(connection: str, media: str, port: str, transport: str, lines: Sequence[str]) -> SessionDescription:
    text = "\n".join(["v=0", f"c={connection}", f"m={media} {port} {transport} *", *lines]) + "\n"
    return decode_sdp(text.encode())
