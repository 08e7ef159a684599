"""Calls joined: the dialogs on each hop, and the legs with contexts, wires, NATs and what they carry.

`sessions.find_calls` has found what belongs together; this tells how.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from workbench.analysis.calls.datagram_legs import Flow
from workbench.analysis.calls.dialogs import DialogSeen
from workbench.analysis.calls.joined_media import faxes_of, floors_of
from workbench.analysis.calls.joined_values import Dialog, Joined, JoinedLeg, MsrpSession, NatSide, Owner, Passage
from workbench.analysis.calls.legs import facing, said_on
from workbench.analysis.carried.dtls import DtlsFlow
from workbench.analysis.summaries import shortened
from workbench.analysis.values import Leg, Place
from workbench.net.values import Endpoint
from workbench.protocols.msrp.messages import Request

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.spans import Span
    from workbench.analysis.calls.terminations import TerminationSeen
    from workbench.analysis.report import Report

_MOST_PASSAGES = 64
_MOST_OF_LEG = 200
_MOST_SESSIONS = 16
_MOST_LETTERS = 300


def join(report: Report) -> tuple[Joined, ...]:
    """Every call and registration of a capture, in order of its session."""
    floors, (faxes, unread) = floors_of(report), faxes_of(report)
    found = []
    for call in report.calls:
        session = call.session
        found.append(Joined(
            session.id, tuple(_dialog(report, dialog) for dialog in call.dialogs),
            tuple(_leg(report, call, leg, span, termination) for leg, span, termination in call.legs),
            floors.get(session.id, ()), faxes.get(session.id, ()), unread.get(session.id, 0)))
    return tuple(found)


def _place(report: Report, end: Endpoint) -> Place:
    return Place(end.host, end.port, report.names(end.host))


def _dialog(report: Report, dialog: DialogSeen) -> Dialog:
    """A hop: each wire on which its first request, or a later one of another transport address, was seen."""
    passages: dict[tuple[str, frozenset[str]], Passage] = {}
    for draft in dialog.drafts:
        key = (draft.wire, frozenset((draft.source.host, draft.destination.host)))
        if key not in passages and len(passages) < _MOST_PASSAGES:
            passages[key] = Passage(draft.wire, _place(report, draft.source), _place(report, draft.destination),
                                    draft.frames[-1])
    told = tuple(passages.values())
    over = dialog.over
    return Dialog(shortened(dialog.call_id, _MOST_LETTERS), told[0].source.node, told[-1].destination.node, told,
                  dialog.drafts[0].time, None if over is None else over.time)


def _leg(report: Report, call: Call, leg: Leg, span: Span | None, termination: TerminationSeen | None) -> JoinedLeg:
    terminations = list(span.terminations) if span is not None else []
    if span is None and termination is not None:
        terminations = [termination, *facing(call, termination)]
    passages = tuple(_passages(report, call, span, terminations))
    ours, theirs = said_on(call, termination, span)
    dialogs = dict.fromkeys(shortened(one.draft.value.call_id, _MOST_LETTERS) for one in (*ours, *theirs))
    return JoinedLeg(
        leg.name, leg.tcp_client, leg.tcp_server, leg.tls_client, leg.tls_server, tuple(dialogs),
        tuple(_owner(report, one, span) for one in terminations[:_MOST_PASSAGES]), passages,
        tuple(_nats(call, passages)),
        _msrp(report, leg, [one.media.attribute("path") or "" for one in (*ours, *theirs)]))


def _passages(report: Report, call: Call, span: Span | None,
              terminations: list[TerminationSeen]) -> Iterator[Passage]:
    """The connection of a leg on each wire; where there is none, the datagrams at its terminations."""
    if span is not None:
        for content in span.contents[:_MOST_PASSAGES]:
            connection = content.connection
            client = connection.client or 0
            yield Passage(connection.wire, _place(report, connection.sides[client]),
                          _place(report, connection.sides[1 - client]), connection.frames[0],
                          "/".join(filter(None, ("TCP", connection.protocol))))
        return
    places = {one.endpoint for termination in terminations for one in termination.locals}
    flows = [flow for flow in call.flows if not places or places & set(flow.sides)]
    for flow in flows[:_MOST_PASSAGES]:
        first, second = (_place(report, side) for side in flow.sides)
        yield Passage(flow.wire, first, second, flow.frames[0] if flow.frames else 0, _inside(flow))


def _inside(flow: Flow) -> str:
    """`UDP/DTLS/UDPTL`, `UDP/UDPTL`."""
    carried = flow.protocol if isinstance(flow, DtlsFlow) else flow.drafts[0].protocol if flow.drafts else ""
    return "/".join(filter(None, ("UDP", carried)))


def _owner(report: Report, termination: TerminationSeen, span: Span | None) -> Owner:
    context = termination.context
    sides = {side for content in span.contents for side in content.connection.sides} if span is not None else set()
    streams = dict.fromkeys(one.stream for one in termination.locals if one.endpoint in sides)
    local = next((one.endpoint for one in termination.locals if one.endpoint in sides), termination.local)
    return Owner(report.names(context.gateway.host), context.number, shortened(termination.name, _MOST_LETTERS),
                 tuple(streams or termination.streams), str(local) if local is not None else "")


def _nats(call: Call, passages: Iterable[Passage]) -> Iterator[NatSide]:
    """Of the call's NAT bindings, those whose outside talks with their remote end on this leg."""
    ends = {frozenset((one.source, one.destination)) for one in passages}
    for one in call.session.bindings:
        if frozenset((one.outside, one.remote)) in ends:
            yield NatSide(one.nat, one.protocol, one.inside, one.outside)


def _msrp(report: Report, leg: Leg, told: list[str]) -> tuple[MsrpSession, ...]:
    """The pairs of paths in the first messages of a leg; where none was read, those of its descriptions."""
    last = [path.split()[-1] for path in told if path.strip()]
    known = {_key(one) for one in last}
    found: dict[frozenset[str], MsrpSession] = {}
    for message in islice(report.outline(leg), _MOST_OF_LEG) if report.span(leg) is not None else ():
        value = message.value
        if message.protocol != "MSRP" or not isinstance(value, Request) or not (value.to_path and value.from_path):
            continue
        paths = str(value.from_path[-1]), str(value.to_path[-1])
        key = frozenset(map(_key, paths))
        if key not in found and len(found) < _MOST_SESSIONS:
            found[key] = MsrpSession((_cut(paths[0]), _cut(paths[1])),
                                     (_key(paths[0]) in known, _key(paths[1]) in known), message.frames[-1])
    distinct = list(dict.fromkeys(last))
    if not found and len(distinct) > 1:
        return (MsrpSession((_cut(distinct[0]), _cut(distinct[-1])), (True, True)),)
    return tuple(found.values())


def _key(path: str) -> str:
    """What makes a path another one: host and transport without regard to case (RFC 4975 §6.1)."""
    scheme, _, rest = path.partition("://")
    place, _, session = rest.partition("/")
    return f"{scheme.casefold()}://{place.casefold()}/{session.partition(';')[0]}"


def _cut(path: str) -> str:
    return shortened(path, _MOST_LETTERS)
