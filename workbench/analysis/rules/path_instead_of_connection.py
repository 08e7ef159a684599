"""An MSRP endpoint without CEMA opens its connection to the address in a=path, although c= and m= name another one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.calls.signalling import Described, DialogSeen
from workbench.analysis.dissect import Content
from workbench.analysis.flows import Connection
from workbench.analysis.rules.bearers import attempts, syn_frames, where
from workbench.analysis.rules.msrp_said import path_place
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.net.values import Endpoint
from workbench.protocols.sdp import Side, roles

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.report import Report

# How long a connection may take to come.
_PATIENCE = 5.0
_MOST_DESCRIBED = 64
_MOST_OPENED = 64


def _find(report: Report) -> Iterator[Evidence]:
    opened: dict[Endpoint, list[Content]] = defaultdict(list)
    for content in report.contents:
        direction = content.connection.client
        if direction is not None:
            opened[content.connection.sides[1 - direction]].append(content)
    end = report.end
    for call in report.calls:
        gateways = {end.local for context in call.contexts for end in context.terminations.values()}
        for dialog in call.dialogs:
            told: set[int] = set()
            for one in dialog.described[:_MOST_DESCRIBED]:
                place = path_place(one)
                if place is None or one.endpoint not in gateways or place == one.endpoint:
                    continue
                past = [content.connection for content in opened.get(place, ())[:_MOST_OPENED]
                        if content.connection.number not in told and _is_from(content.connection, one)]
                for connection in past:
                    told.add(connection.number)
                    yield _went_past(report, one, place, connection)
                if not past and not told and end - one.draft.time >= _PATIENCE and _can_not(call, dialog, one):
                    told.add(-1)
                    yield _never_came(report, one, place)


def _is_from(connection: Connection, one: Described) -> bool:
    """The side that got this description opened the connection, afterwards."""
    return (connection.sides[connection.client or 0].host == one.draft.destination.host
            and connection.seen[0] >= one.draft.time)


def _went_past(report: Report, one: Described, place: Endpoint, connection: Connection) -> Evidence:
    client = connection.client or 0
    answered = connection.streams[1 - client].initial is not None
    return Evidence((*one.draft.frames, *syn_frames(connection)[:3]), (
        f"{where(report, connection.sides[client])} opens its connection to {place}, which is the a=path of the "
        f"{one.role} that it got; c= and m= name {one.endpoint}. It does not do CEMA (RFC 6714), so it goes past the "
        f"gateway, and {'is answered there' if answered else 'nobody answers there'}"))


def _can_not(call: Call, dialog: DialogSeen, one: Described) -> bool:
    """Who got this has to open, does not do CEMA, and no connection of its ever came."""
    receiver = one.draft.destination.host
    own = [other for other in dialog.described if other.draft.source.host == receiver and other.index == one.index]
    if not own or any(other.media.attribute("msrp-cema") is not None for other in own):
        return False
    if one.role == "offer":
        offer, answer = one, next((other for other in own if other.draft.time > one.draft.time), one)
    else:
        offer, answer = next((other for other in reversed(own) if other.draft.time < one.draft.time), one), one
    if (offer.role, answer.role) != ("offer", "answer") or any(
            other.role == "offer" and other.draft.time > answer.draft.time for other in dialog.described):
        return False    # what goes wrong may be mended by the new offer
    opener = roles(offer.description.effective(offer.media), answer.description.effective(answer.media)).tcp_opener
    wanted = Side.OFFERER if one is answer else Side.ANSWERER
    return opener is wanted and not any(
        attempt.by_peer and attempt.termination is not None and attempt.termination.local == one.endpoint
        for attempt in attempts(call))


def _never_came(report: Report, one: Described, place: Endpoint) -> Evidence:
    receiver = report.names(one.draft.destination.host)
    return Evidence(one.draft.frames, (
        f"{receiver} has to open the connection, and none of its comes to {one.endpoint} (c= and m=). Its SDP has no "
        f"a=msrp-cema, so it goes where the a=path of the {one.role} says: to {place}"))


_NEXT = ("Look for a=msrp-cema in its SDP; without it the gateway's own URI has to be in a=path "
         "(application-aware, or sessmatch), or the offerer has to fall back.")

rule = Rule("path-instead-of-connection", "RFC 6714 §4, TS 23.334 §5.19.2", "error",
            "An endpoint that gets a gateway's address in c= and m= connects there", _find, next=_NEXT)
