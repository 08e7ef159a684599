"""The procedures of Iq as named calls: stage-2 information elements in, H.248 actions out.

Which descriptor carries which element stands in one place, here. Wire names of TCP and TLS items come from the package
registry. What comes back is read in `readings`, what comes unasked in `indications`.

Source: TS 23.334 §8.2 to §8.5 (elements), TS 29.334 §5.17.2 (H.248).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.errors import LocalProtocolError
from workbench.net.values import Endpoint
from workbench.nodes import floor_control
from workbench.nodes.controller.elements import ConnectionPoint, GatewayWatch, Latching, Priority
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import CHOOSE, SessionDescription
from workbench.protocols.sdp import decode as decode_sdp

_ALL = "*"

# Bearer level procedures: TS 29.334 §5.17.2


def reserve(
    context: int, *points: ConnectionPoint, request_id: int | None, priority: Priority | None = None
) -> h248.Action:
    """Reserve AGW Connection Point (§5.17.2.2), and with a Remote in it Reserve and Configure (§5.17.2.4): Add.

    Args:
        context: an existing ContextID, or `h248.CHOOSE` for a new one.
        points: one a stream; interface and what counts for the whole termination are those of the first.
        request_id: of the Events descriptor; None watches for nothing.
        priority: attributes of a context that the call makes.
    """
    first = _first(points)
    name = f"ip/1/{first.interface}/{CHOOSE}" if first.interface else CHOOSE
    streams = tuple(
        h248.StreamDescriptor(point.stream, _control(point, adding=True), (_local(point),), _remote(point))
        for point in points)
    descriptors: list[h248.Descriptor] = [h248.Media(streams), *_orders(points, request_id)]
    properties = priority.attributes if priority is not None else None
    return _action(context, h248.Command(h248.Kind.ADD, (name,), tuple(descriptors)), properties)


def configure(context: int, termination: str, *points: ConnectionPoint, request_id: int | None = None) -> h248.Action:
    """Configure AGW Connection Point (§5.17.2.3): Modify.

    Args:
        points: Local is sent where `local` is known, in full, since it replaces the former one.
        request_id: of the Events descriptor; None leaves what is watched for as it was.
    """
    streams = tuple(
        h248.StreamDescriptor(
            point.stream, _control(point, adding=False), (_local(point),) if point.local is not None else None,
            _remote(point))
        for point in points)
    _first(points)
    return _modify(context, termination, h248.Media(streams), *_orders(points, request_id))


def change_through_connection(
    context: int, termination: str, mode: h248.Mode, streams: Sequence[int] = (1,)
) -> h248.Action:
    """Change Through-Connection: the stream mode alone."""
    media = h248.Media(tuple(h248.StreamDescriptor(number, h248.LocalControl(mode)) for number in streams))
    return _modify(context, termination, media)


def change_flow(context: int, *triples: h248.Topology) -> h248.Action:
    """Change flow direction between terminations of a context: the topology."""
    return h248.Action(context, (), h248.ContextProperties(topology=triples))


def change_priority(context: int, priority: Priority) -> h248.Action:
    """Emergency call indicator and priority information of a context that is there."""
    return h248.Action(context, (), priority.attributes)


def start_tcp(
    context: int, termination: str, *points: ConnectionPoint, request_id: int | None = None
) -> h248.Action:
    """Start TCP connection establishment at these streams, which are configured already."""
    return _start(context, termination, "tcp-establish", points, request_id)


def start_tls(
    context: int, termination: str, *points: ConnectionPoint, request_id: int | None = None
) -> h248.Action:
    """Start (D)TLS session establishment at these streams, which are configured already."""
    return _start(context, termination, "tls-establish", points, request_id)


def confirm_media_update(context: int, termination: str, request: int, stream: int = 1) -> h248.Action:
    """Confirm Media Update (TS 23.333 §8.49): media follow the decision on a floor request."""
    signal = floor_control.Names(registry()).confirmation(request, stream)
    return _modify(context, termination, h248.Signals((signal,)))


def release(context: int) -> h248.Action:
    """Release AGW Termination for all terminations of the context: one wildcarded response, no statistics."""
    return _action(context, h248.Command(
        h248.Kind.SUBTRACT, (_ALL,), (h248.Audit(),), wildcard_response=True))


def release_termination(context: int, termination: str, *, statistics: bool = False) -> h248.Action:
    """Release AGW Termination for one of them; with `statistics` the reply tells what was counted."""
    audit: tuple[h248.Descriptor, ...] = () if statistics else (h248.Audit(),)
    return _action(context, h248.Command(h248.Kind.SUBTRACT, (termination,), audit))


# Audits, and what concerns the gateway as a whole


def audit_value(context: int, termination: str, *items: str | h248.AuditItem) -> h248.Action:
    """Audit Value: descriptors by their token (`Media`, `Packages`, ...), or parts of them (version 2)."""
    return _audit(h248.Kind.AUDIT_VALUE, context, termination, items)


def audit_capability(context: int, termination: str, *items: str | h248.AuditItem) -> h248.Action:
    """Audit Capability: what would be possible."""
    return _audit(h248.Kind.AUDIT_CAPABILITY, context, termination, items)


def supervise() -> h248.Action:
    """Is the gateway there? An empty audit of ROOT (TS 29.334 §5.12: supervision by the controller over UDP)."""
    return audit_value(h248.NULL, h248.ROOT)


def contexts() -> h248.Action:
    """Which terminations are in which contexts? An empty audit of all of them, the null context not included."""
    return audit_value(h248.ALL, _ALL)


def available_realms() -> h248.Action:
    """Audit Value of the realms that are available now (H.248.41 Amd 1)."""
    state = h248.TerminationState(properties=(h248.named("ipra/ar"),))
    return audit_value(h248.NULL, h248.ROOT, h248.AuditItem("Media", h248.Media(termination_state=state)))


def watch_gateway(watch: GatewayWatch, request_id: int) -> h248.Action:
    """Realm availability, congestion handling, inactivity timeout: activate; what is left out is no longer watched."""
    watched: list[h248.Event] = []
    if watch.inactivity is not None:
        hundredths = max(1, round(watch.inactivity * 100))
        watched.append(h248.Event("it/ito", parameters=(h248.Property("mit", (str(hundredths),)),)))
    named = ((watch.realms, "ipra/arc"), (watch.congestion, "chp/MGCon"), (watch.overload, "ocp/mg_overload"))
    for asked, name in named:
        if asked:
            watched.append(h248.Event(name))
    events = h248.Events(request_id, tuple(watched)) if watched else h248.Events()
    return _modify(h248.NULL, h248.ROOT, events)


def service_change(
    context: int, termination: str, method: str, reason: str, *, delay: int | None = None
) -> h248.Action:
    """ServiceChange of a termination: out of service (Graceful, Forced), or back (Restart).

    What is for the gateway as a whole (re-registration, handoff) is the association's.
    """
    services = h248.Services(method=method, reason=h248.Quoted(reason), delay=delay)
    return _action(context, h248.Command(h248.Kind.SERVICE_CHANGE, (termination,), (services,)))


def together(*actions: h248.Action) -> h248.Action:
    """Actions on one context as one action: their commands in that order.

    Raises:
        LocalProtocolError: they are for different contexts.
    """
    if len({action.context for action in actions}) != 1:
        raise LocalProtocolError("actions on different contexts can't be one action")
    properties = next((action.properties for action in actions if action.properties is not None), None)
    commands = tuple(command for action in actions for command in action.commands)
    return h248.Action(actions[0].context, commands, properties)


# From elements to descriptors


def _action(
    context: int, command: h248.Command, properties: h248.ContextProperties | None = None
) -> h248.Action:
    return h248.Action(context, (command,), properties)


def _modify(context: int, termination: str, *descriptors: h248.Descriptor) -> h248.Action:
    return _action(context, h248.Command(h248.Kind.MODIFY, (termination,), descriptors))


def _audit(kind: h248.Kind, context: int, termination: str, items: Iterable[str | h248.AuditItem]) -> h248.Action:
    asked = tuple(h248.AuditItem(item) if isinstance(item, str) else item for item in items)
    return _action(context, h248.Command(kind, (termination,), (h248.Audit(asked),)))


def _start(
    context: int, termination: str, role: str, points: Sequence[ConnectionPoint], request_id: int | None
) -> h248.Action:
    _first(points)
    name = registry().wire_name(role)
    signals = h248.Signals(tuple(h248.Signal(name, stream=point.stream) for point in points))
    events = [] if request_id is None else [_events(points, request_id)]
    return _modify(context, termination, *events, signals)


def _first(points: Sequence[ConnectionPoint]) -> ConnectionPoint:
    if not points or len({point.stream for point in points}) != len(points):
        raise LocalProtocolError("a termination has one connection point a stream, and at least one")
    return points[0]


def _orders(points: Sequence[ConnectionPoint], request_id: int | None) -> list[h248.Descriptor]:
    """Events and Signals descriptors, where there is anything to say."""
    descriptors: list[h248.Descriptor] = []
    if request_id is not None:
        descriptors.append(_events(points, request_id))
    signals = tuple(signal for point in points for signal in _signals(point))
    if signals:
        descriptors.append(h248.Signals(signals))
    return descriptors


def _signals(point: ConnectionPoint) -> list[h248.Signal]:
    signals = []
    if point.latching is not Latching.OFF:
        how = (h248.Property("napt", (point.latching.value,)),)
        signals.append(h248.Signal("ipnapt/latch", stream=point.stream, parameters=how))
    for asked, role in ((point.establish_tcp, "tcp-establish"), (point.establish_tls, "tls-establish")):
        if asked:
            signals.append(h248.Signal(registry().wire_name(role), stream=point.stream))
    return signals


def _events(points: Sequence[ConnectionPoint], request_id: int) -> h248.Events:
    first = points[0]
    watched: list[h248.Event] = []
    if any(point.watch_bearer for point in points):
        watched.append(h248.Event("g/cause"))
    if first.heartbeat:
        seconds = (h248.Property("timerx", (str(first.heartbeat),)),)
        watched.append(h248.Event("hangterm/thb", parameters=seconds))
    for point in points:
        for asked, role in ((point.watch_tcp, "tcp-change"), (point.watch_tls, "tls-change")):
            if asked:
                watched.append(h248.Event(registry().wire_name(role), stream=point.stream))
        if point.watch_inactivity is not None:
            after = (h248.Property("dt", (str(point.watch_inactivity.seconds),)),
                     h248.Property("dir", (point.watch_inactivity.direction,)))
            watched.append(h248.Event("adid/ipstop", stream=point.stream, parameters=after))
        if point.watch_floors:
            watched.append(floor_control.Names(registry()).asks(point.stream))
        if point.watch_source:
            watched.append(h248.Event("adr/rsac", stream=point.stream))
    return h248.Events(request_id, tuple(watched))


def _control(point: ConnectionPoint, *, adding: bool) -> h248.LocalControl:
    """Realm and code point are for the life of a stream, and said once."""
    properties: list[h248.Property] = []

    def say(name: str, value: str | None) -> None:
        if value is not None:
            properties.append(h248.Property(name, (value,)))

    if adding:
        say("ipdc/realm", h248.Quoted(point.realm) if point.realm else None)
        say("ds/dscp", None if point.dscp is None else f"{point.dscp:02X}")
        say("rtcph/rsb", _switch(point.rtcp))
    if point.psk_name and point.pre_shared_key is None:
        say(registry().wire_name("pre-shared-key-identity"), point.psk_name.hex().upper())
    if point.pre_shared_key is not None:
        say(registry().wire_name("pre-shared-key-identity"), point.pre_shared_key.identity.hex().upper())
        say(registry().wire_name("pre-shared-key"), point.pre_shared_key.key.hex().upper())
    floors = floor_control.Names(registry())
    if point.floor_control is not None:
        properties += floors.configuration(point.floor_control)
    if point.chairs:
        properties.append(floors.chair(point.chairs))
    if point.policing is not None:
        limits = point.policing
        say("tman/pol", "ON")
        for name, value in (("sdr", limits.sustained), ("pdr", limits.peak), ("mbs", limits.burst)):
            say(f"tman/{name}", None if value is None else str(value))
    if point.source_filter is not None:
        allowed = point.source_filter
        say("gm/saf", _switch(allowed.address))
        say("gm/sam", h248.Quoted(allowed.mask) if allowed.mask else None)
        say("gm/spf", _switch(allowed.port))
        say("gm/spr", h248.Quoted(allowed.ports) if allowed.ports else None)
    return h248.LocalControl(point.mode, properties=tuple(properties))


def _switch(on: bool | None) -> str | None:
    return None if on is None else "ON" if on else "OFF"


def _local(point: ConnectionPoint) -> SessionDescription:
    lines = _roles(point.setup, point.renew)
    if point.fingerprint:
        lines.append(f"a=fingerprint:{point.fingerprint}")
    elif point.ask_fingerprint:
        lines.append(f"a=fingerprint:SHA-256 {CHOOSE}")
    if point.path:
        lines.append(f"a=path:{point.path}")
    # Provisional: TS 23.333 §8.44 names conference and user; which items of package fcp carry them is not readable.
    lines += point.floor.names if point.floor is not None else []
    lines += _association(point.tls_id)
    return _description(point, point.local, lines)


def _remote(point: ConnectionPoint) -> tuple[SessionDescription, ...] | None:
    if point.remote is None:
        return None
    lines = _roles(point.remote_setup, point.renew)
    lines += [f"a=fingerprint:{fingerprint.encode()}" for fingerprint in point.remote_fingerprints]
    if point.remote_path:
        lines.append(f"a=path:{point.remote_path}")
    lines += _association(point.remote_tls_id)
    return (_description(point, point.remote, lines),)


def _roles(setup: str | None, renew: bool | None) -> list[str]:
    lines = [] if setup is None else [f"a=setup:{setup}"]
    if renew is not None:
        lines.append(f"a=connection:{'new' if renew else 'existing'}")
    return lines


def _association(tls_id: str) -> list[str]:
    """Which DTLS association is meant: another a=tls-id on either side orders a new one.

    Provisional: no readable specification says how a new association is ordered where address and fingerprint stay, and
    the gateway is DTLS server (a client gets the establish signal as well). SDP's own word for it is written here.
    """
    return [f"a=tls-id:{tls_id}"] if tls_id else []


def _description(point: ConnectionPoint, where: Endpoint | None, lines: Sequence[str]) -> SessionDescription:
    host, port = (where.host, str(where.port)) if where is not None else (CHOOSE, CHOOSE)
    version = point.version if where is None else where.version
    text = "\n".join([
        "v=0", f"c=IN IP{version} {host}", f"m={point.media} {port} {point.transport} {point.format}", *lines])
    return decode_sdp(text.encode() + b"\n")
