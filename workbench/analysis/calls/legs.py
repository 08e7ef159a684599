"""Legs of a call with their roles, certificates and times, and the session that they make."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.analysis.calls.bindings import Bindings
from workbench.analysis.calls.certificates import announced_in, held_against, is_certificate
from workbench.analysis.calls.conferences import is_conference, number_of
from workbench.analysis.calls.datagram_legs import Flow, Flows, with_flows
from workbench.analysis.calls.handling import handling_of, relayed, summed_up
from workbench.analysis.calls.naming import Names
from workbench.analysis.calls.sessions import Call
from workbench.analysis.calls.signalling import ContextSeen, Described, Signalling, TerminationSeen
from workbench.analysis.calls.spans import Span
from workbench.analysis.dissect import Draft
from workbench.analysis.frames import Frames
from workbench.analysis.values import TO_MRFP, Certificate, Handling, Leg, Session
from workbench.protocols.sdp import transport_of

_DISCARD = 9
_LEG_ORDER = {"access": 0, "access A": 0, "end to end": 1, "elsewhere": 1, "core": 2, "core A": 2, "core B": 3,
              "access B": 5, "border": 3}


def make_sessions(calls: list[Call], signalling: Signalling, drafts: list[Draft], names: Names,
                  datagrams: Sequence[Flow] = ()) -> list[Session]:
    """The sessions of a report, calls in order of their beginning, control associations last.

    Fills `Call.session`, `Call.legs` and `Draft.session`.
    """
    by_connection: dict[int, list[Draft]] = {}
    for draft in drafts:
        if draft.connection is not None:
            by_connection.setdefault(draft.connection.number, []).append(draft)
    flows = Flows(datagrams)
    counts = {"call": 0, "registration": 0}
    sessions: list[Session] = []
    for call in calls:
        kind = _kind(call)
        word = "registration" if kind == "registration" else "call"
        counts[word] += 1
        call.flows = flows.of(call)
        call.legs = _legs(call, by_connection, names)
        session = _session(f"{word}-{counts[word]}", kind, call, by_connection, names)
        call.session = session
        sessions.append(session)
        for draft in _drafts(call, by_connection):
            draft.session = session.id
        for span in call.spans:
            for content in span.contents:
                content.session = session.id
    marks: dict[int, list[Draft]] = {}
    for draft in drafts:
        if draft.session is None and draft.protocol in ("TCP", "SCTP", "TLS"):
            marks.setdefault(id(draft.connection or draft.association), []).append(draft)
    for number, ((gateway, controller), held) in enumerate(signalling.control.items(), 1):
        loose = [draft for draft in held if draft.session is None]
        if not loose:
            continue
        # What sets up and ends the stream under a control association belongs to it.
        for carrier in dict.fromkeys(id(draft.connection or draft.association) for draft in loose):
            loose += marks.pop(carrier, ())
        roles: dict[str, tuple[str, ...]] = {}
        _role(roles, names(controller.host), "MGC")
        _role(roles, names(gateway.host), "MG")
        sessions.append(Session(f"control-{number}", "control", roles=roles, frames=_frames(loose)))
        for draft in loose:
            draft.session = f"control-{number}"
    return sessions


def with_bindings(sessions: list[Session], calls: list[Call], bindings: Bindings) -> tuple[Session, ...]:
    """The same sessions, each with the NAT bindings that its connections and messages use."""
    used = bindings.by_session(calls)
    found = [msgspec.structs.replace(session, bindings=used.get(session.id, ())) for session in sessions]
    of_call = {call.session.id: call for call in calls}
    for session in found:
        if session.id in of_call:
            of_call[session.id].session = session
    return tuple(found)


def _drafts(call: Call, by_connection: dict[int, list[Draft]]) -> list[Draft]:
    found = [draft for dialog in call.dialogs for draft in dialog.drafts]
    found += [draft for context in call.contexts for draft in context.drafts]
    for span in call.spans:
        for content in span.contents:
            found += by_connection.get(content.connection.number, [])
    for flow in call.flows:
        found += flow.drafts
    return found


def _frames(drafts: list[Draft]) -> tuple[int, ...]:
    return tuple(sorted({frame for draft in drafts for frame in draft.frames}))


def _media(call: Call) -> list[Described]:
    found = [one for dialog in call.dialogs for one in dialog.described]
    for context in call.contexts:
        for termination in context.terminations.values():
            found += termination.locals
    return found


def _kind(call: Call) -> str:
    if call.dialogs and all("REGISTER" in dialog.methods and "INVITE" not in dialog.methods for dialog in call.dialogs):
        return "registration"
    for one in _media(call):
        transport = transport_of(one.media.proto)
        application = transport.application if transport is not None else None
        kind = {"msrp": "msrp", "bfcp": "bfcp", "udptl": "t38"}.get(application or "")
        if kind:
            return kind
    carried = {content.connection.protocol.rpartition("/")[2] for span in call.spans for content in span.contents}
    return "msrp" if "MSRP" in carried else "bfcp" if "BFCP" in carried else "media"


def _session(id: str, kind: str, call: Call, by_connection: dict[int, list[Draft]], names: Names) -> Session:
    frames = set(_frames(_drafts(call, by_connection)))
    for span in call.spans:
        for content in span.contents:
            frames.update(content.connection.frames)
    roles: dict[str, tuple[str, ...]] = {}
    legs = tuple(leg for leg, _, _ in call.legs)
    handlings = _handlings(call, names)
    for context in call.contexts:
        _role(roles, names(context.controller.host), "MGC")
        _role(roles, names(context.gateway.host), "MG")
    for leg in legs:
        _role(roles, leg.tcp_client, "TCP client")
        _role(roles, leg.tcp_server, "TCP server")
        _role(roles, leg.tls_client, "TLS client")
        _role(roles, leg.tls_server, "TLS server")
    return Session(id, kind, legs, _security(call), roles, Frames(sorted(frames)),
                   tuple(dialog.call_id for dialog in call.dialogs),
                   call.contexts[0].number if call.contexts else None,
                   handling=summed_up(handlings), handlings=handlings)


def _handlings(call: Call, names: Names) -> tuple[Handling, ...]:
    """What each gateway does, the offerer's first; without a controller in the capture, whether there is a relay.

    It is about TCP between two legs: there is nothing to say of a call that is all datagrams, or of a conference.
    """
    if (call.flows and not call.spans) or is_conference(call):
        return ()
    told = [handling_of(context, call.spans, names(context.gateway.host))
            for context in sorted(call.contexts, key=_since) if len(context.terminations) > 1]
    relay = relayed(call.spans) if not told else None
    return tuple(told) if relay is None else (relay,)


def _role(roles: dict[str, tuple[str, ...]], node: str, role: str) -> None:
    if node and role not in roles.get(node, ()):
        roles[node] = (*roles.get(node, ()), role)


def _security(call: Call) -> str:
    """As the connections show it; where there is none, as the bearers ordered or the SDP say."""
    hosted = is_conference(call)
    shown = [(leg, termination) for leg, span, termination in call.legs if span is not None or leg.frames]
    if shown:
        protected = [(leg, termination) for leg, termination in shown if leg.tls_client or leg.tls_version]
        if not protected:
            return "none"
        if hosted:
            return TO_MRFP
        ends_here = any(_is_tls(termination.bearer) for _, termination in protected if termination is not None)
        return "e2ae" if ends_here or len(protected) < len(shown) else "e2e"
    bearers = [termination.bearer for context in call.contexts for termination in context.terminations.values()]
    if bearers:
        if any(_is_tls(bearer) for bearer in bearers):
            return TO_MRFP if hosted else "e2ae"
        said = [one for dialog in call.dialogs for one in dialog.described]
        return "e2e" if any(_is_tls(one.media.proto) for one in said) else "none"
    return ""


def _is_tls(proto: str) -> bool:
    transport = transport_of(proto)
    return transport is not None and transport.security is not None


def _legs(call: Call, by_connection: dict[int, list[Draft]],
          names: Names) -> list[tuple[Leg, Span | None, TerminationSeen | None]]:
    found: list[tuple[Leg, Span | None, TerminationSeen | None]] = []
    for span in call.spans:
        found.append((_leg(call, span, by_connection, names), span, span.termination))
    shown = {id(termination) for span in call.spans for termination in span.terminations}
    for context in call.contexts:
        for termination in context.terminations.values():
            if id(termination) not in shown and termination.locals:
                shown |= {id(one) for one in facing(call, termination)}
                leg = _silent_leg(call, termination)
                own = [flow for flow in call.flows if termination.local in flow.sides]
                if own:
                    leg = with_flows(leg, own, termination.local, termination, *said_on(call, termination, None), names)
                found.append((leg, None, termination))
    if not call.contexts and call.flows:
        found.append((_between_ends(call, names), None, None))
    return sorted(found, key=lambda item: (_LEG_ORDER.get(item[0].name, 5), item[0].opened or 0.0))


def _between_ends(call: Call, names: Names) -> Leg:
    """The datagrams of a call without a gateway that was seen."""
    flow = call.flows[-1]
    said = [[one for dialog in call.dialogs for one in dialog.described if one.endpoint == side] for side in flow.sides]
    told = [one for both in said for one in both]
    leg = Leg("end to end", flow.wire, told[-1].media.proto if told else "")
    return with_flows(leg, call.flows, None, None, said[1], said[0], names)


def facing(call: Call, termination: TerminationSeen) -> list[TerminationSeen]:
    """Terminations of another gateway to which this one was told to send: the other end of the same leg."""
    remotes = {one.endpoint for one in termination.remotes if one.endpoint is not None}
    return [other for context in call.contexts if context.gateway != termination.context.gateway
            for other in context.terminations.values() if other.local in remotes]


def _silent_leg(call: Call, termination: TerminationSeen) -> Leg:
    """A termination on which no connection was seen."""
    ours, theirs = said_on(call, termination, None)
    said = ours or theirs
    # A NAT passes it on to another wire: the gateway's is where its own side is seen first.
    wire = ours[0].draft.wire if ours else said[-1].draft.wire if said else ""
    return Leg(_name(call, None, termination), wire,
               said[-1].media.proto if said else termination.bearer, termination.name, termination.bearer)


def _name(call: Call, span: Span | None, termination: TerminationSeen | None) -> str:
    if termination is not None:
        if is_conference(call):
            return f"participant {number_of(call, termination)}"
        side = termination.side or ("access" if _is_tls(termination.bearer) else "core")
        gateways = _gateways(call, side)
        if len(_gateways(call)) < 2:
            return side
        across = len(span.terminations) > 1 if span is not None else bool(facing(call, termination))
        letter = chr(ord("A") + gateways.index(termination.context.gateway.host) % 26)
        return side if side in ("core", "border") and across else f"{side} {letter}"
    if span is not None:
        wire = span.content().connection.wire.casefold()
        if len(call.spans) > 1:
            for side in ("access", "core"):
                if side in wire:
                    return side
        if any(one.media.attribute("3ge2ae") is not None for one in said_on(call, None, span)[0]):
            return "access"
        if any(other.termination is not None for other in call.spans):
            return "elsewhere"
    return "end to end"


def _gateways(call: Call, side: str = "") -> list[str]:
    """Hosts of the gateways, the offerer's first: an offer goes on only when there is an address to put into it.

    Args:
        side: only those that have a termination there.
    """
    return list(dict.fromkeys(
        context.gateway.host for context in sorted(call.contexts, key=_since)
        if not side or any(one.side in (side, "") for one in context.terminations.values())))


def _since(context: ContextSeen) -> float:
    return context.since


def _leg(call: Call, span: Span, by_connection: dict[int, list[Draft]], names: Names) -> Leg:
    content, termination = span.content(), span.termination
    connection, observer = content.connection, content.observer
    client, server = (names(host) for host in span.ends())
    tcp_known = connection.client is not None
    flip = connection.client == 1       # direction 1 is the client's
    who = {0: server if flip else client, 1: client if flip else server}
    tls_client = tls_server = version = suite = ""
    if observer is not None:
        version, suite = observer.version_name, observer.cipher_suite_name
        if observer.client_direction is not None:
            tls_client, tls_server = who[observer.client_direction], who[1 - observer.client_direction]
    ours, theirs = said_on(call, termination, span)
    transport = (ours or theirs)[-1].media.proto if ours or theirs else (
        termination.bearer if termination is not None else "")
    frames = sorted({frame for other in span.contents for frame in other.connection.frames})
    signalled, actual, latched = _latched(span, termination, theirs)
    return Leg(
        _name(call, span, termination), connection.wire, transport,
        termination.name if termination is not None else "", termination.bearer if termination is not None else "",
        client if tcp_known else "", server if tcp_known and not connection.refused else "", tls_client, tls_server,
        connection.opened, connection.established, connection.closed, version, suite,
        observer is not None and observer.decrypted > 0,
        _certificates(call, span, by_connection.get(connection.number, []), who), Frames(frames),
        signalled, actual, latched, observer.pre_shared.name if observer is not None else "")


def _latched(span: Span, termination: TerminationSeen | None, theirs: list[Described]) -> tuple[str, str, bool | None]:
    """Where SDP puts the peer, where the gateway meets it, and whether it sends there all the same.

    The port that the TCP-active side has in SDP means nothing (RFC 4145 §4.1), so the address alone tells then.
    """
    said = [one.endpoint for one in (*theirs, *(termination.remotes if termination is not None else ()))
            if one.endpoint is not None]
    signalled = str(said[-1]) if said else ""
    connection = span.content().connection
    local = termination.local if termination is not None else None
    if local is None or local not in connection.sides:
        return signalled, "", None
    ours = connection.sides.index(local)
    peer = connection.sides[1 - ours]
    if connection.first_frame_of[1 - ours] is None:
        return signalled, "", None
    if not said or connection.first_frame_of[ours] is None or connection.refused:
        return signalled, str(peer), None
    same = peer.host == said[-1].host if connection.client != ours else peer == said[-1]
    return signalled, str(peer), not same


def said_on(call: Call, termination: TerminationSeen | None,
          span: Span | None) -> tuple[list[Described], list[Described]]:
    """SDP sent on a leg in SIP: by the gateway's side, and by the other side.

    Without a gateway: by the TCP server's side and by the client's.
    """
    mine = set()
    if termination is not None:
        mine = {one.endpoint for one in termination.locals if one.endpoint is not None}
    elif span is not None:
        mine = {side for content in span.contents for side in content.connection.sides}
    ours: list[Described] = []
    theirs: list[Described] = []
    for dialog in call.dialogs:
        held = [one for one in dialog.described if one.endpoint in mine]
        if not held:
            continue
        senders = {(one.draft.source.host, one.index) for one in held}
        indices = {one.index for one in held}
        ours += held
        theirs += [one for one in dialog.described if one.index in indices
                   and (one.draft.source.host, one.index) not in senders]
    if not theirs and termination is not None:
        # The gateway's address was never told in SIP: the peer's SDP is what the controller passed on as Remote.
        remotes = {one.endpoint for one in termination.remotes if one.endpoint is not None}
        hosts = {one.host for one in mine}
        for dialog in call.dialogs:
            held = [one for one in dialog.described if one.endpoint in remotes]
            theirs += held
            # Who opens the connection says no port of its own (RFC 4145 §4.1).
            ours += [one for one in dialog.described if held and one.endpoint is not None
                     and one.endpoint.port == _DISCARD and one.endpoint.host in hosts]
    return ours, theirs


def _certificates(call: Call, span: Span, drafts: list[Draft], who: dict[int, str]) -> tuple[Certificate, ...]:
    content, termination = span.content(), span.termination
    observer = content.observer
    if observer is None:
        return ()
    ours, theirs = said_on(call, termination, span)
    local = termination.local if termination is not None else None
    opened = content.connection.opened
    found: list[Certificate] = []
    for direction, chain in enumerate(observer.certificates):
        frames = next((draft.frames for draft in drafts if draft.direction == direction and is_certificate(draft)), ())
        if not chain:
            continue
        if local is not None:
            gateway = content.connection.sides[direction] == local
            said = ours if gateway else theirs
            told = (termination.locals if gateway else termination.remotes) if termination is not None else []
            announced = announced_in(said, opened) or announced_in(told, opened)
        else:
            side = content.connection.sides[direction]
            mine = [one for one in ours if one.endpoint == side]
            peer = content.connection.sides[1 - direction]
            others = [one for one in (*ours, *theirs) if one.endpoint != peer]
            # Port 9 names no endpoint: then what its host has said counts before what anybody else has.
            own = [one for one in others if one.draft.source.host == side.host]
            announced = announced_in(mine, opened) or announced_in(own, opened) or announced_in(others, opened)
        found.append(held_against(who[direction], chain[0], announced, frames))
    return tuple(found)
