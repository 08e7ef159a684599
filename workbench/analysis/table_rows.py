"""Rows of the tables of a report, in the columns of `tables.TABLES` behind `capture`; each table made as it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from workbench.protocols import sip

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Order
    from workbench.analysis.report import Report

Rows = Iterator[tuple[Any, ...]]

# Frames of one finding or certificate that a row lists.
_MOST_FRAMES = 1000
# SIP requests that wait for their answer; the oldest are told as unanswered beyond that.
_MOST_OPEN = 100_000


def _captures(report: Report) -> Rows:
    scenario = report.scenario
    yield (report.capture, report.packets, report.end, report.start_ns, len(report.messages), len(report.sessions),
           len(report.findings), scenario and scenario.id, scenario and scenario.score, tuple(report.notes[:1000]))


def _messages(report: Report) -> Rows:
    for one in report.messages:
        first, last = (one.frames[0], one.frames[-1]) if one.frames else (None, None)
        yield (one.index, last, first, one.time, one.wire, one.protocol, one.source.node, one.source.address,
               one.source.port, one.destination.node, one.destination.address, one.destination.port, one.summary,
               one.session, one.protected, one.repeated, one.error, len(one.octets))


def _sessions(report: Report) -> Rows:
    for one in report.sessions:
        first, last = (one.frames[0], one.frames[-1]) if one.frames else (None, None)
        yield (one.id, one.kind, one.security, one.context, one.handling, len(one.frames), first, last,
               tuple(one.dialogs[:_MOST_FRAMES]))


def _roles(report: Report) -> Rows:
    for session in report.sessions:
        for node, roles in session.roles.items():
            yield from ((session.id, node, role) for role in roles)


def _legs(report: Report) -> Rows:
    for session in report.sessions:
        for leg in session.legs:
            yield (session.id, leg.name, leg.wire, leg.transport, leg.termination, leg.bearer, leg.tcp_client,
                   leg.tcp_server, leg.tls_client, leg.tls_server, leg.opened, leg.established, leg.closed,
                   leg.tls_version, leg.cipher_suite, leg.decrypted, leg.signalled, leg.actual, leg.latched,
                   len(leg.frames), leg.frames[0] if leg.frames else None, leg.psk_identity)


def _certificates(report: Report) -> Rows:
    for session in report.sessions:
        for leg in session.legs:
            yield from ((session.id, leg.name, one.owner, one.announced, one.seen, one.matches,
                         one.frames[:_MOST_FRAMES]) for one in leg.certificates)


def _findings(report: Report) -> Rows:
    for one in report.findings:
        yield (one.rule, one.clause, one.severity, one.title, one.explanation, getattr(one, "next", ""),
               one.provisional, one.frames[0] if one.frames else None, one.frames[:_MOST_FRAMES])


def _nodes(report: Report) -> Rows:
    for node in report.nodes:
        yield from ((node.name, node.kind, node.named, address) for address in node.addresses)


def _unread(report: Report) -> Rows:
    for one in getattr(report, "unread", ()):
        yield one.what, one.reason, one.frames, one.octets, one.first


def _contexts(report: Report) -> Rows:
    for one in getattr(report, "contexts", ()):
        for state in one.states:
            yield (one.gateway, one.number, one.since, one.until, state.time, state.frame, state.change,
                   tuple(map(str, state.terminations)))


def _transactions(report: Report) -> Rows:
    for order in report.signalling.orders:
        yield _of_h248(report, order)
    yield from _of_sip(report)


def _of_h248(report: Report, order: Order) -> tuple[Any, ...]:
    draft, request = order.draft, order.request
    commands = [command.kind.value for action in request.actions for command in action.commands]
    said = ", ".join(map(str, commands[:16])) or "no command"
    copies = sum(one.source == draft.source and one.value is not None for one in order.drafts[:64]
                 if one.octets == draft.octets)
    answer = replied = frame = None
    if order.reply is not None and order.replied is not None:
        answer, replied, frame = _h248_answer(order.reply), order.replied.time, order.replied.frames[-1]
    return ("H.248", draft.session, str(request.id), said, report.names(draft.source.host),
            report.names(draft.destination.host), draft.wire, draft.time, draft.frames[-1], max(1, copies), answer,
            replied, frame)


def _h248_answer(reply: Any) -> str:
    """`Reply`, or `error` and the first code in it, of whatever level."""
    errors = [reply.error, *(action.error for action in reply.actions),
              *(command.error for action in reply.actions for command in action.commands)]
    return next((f"error {error.code}" for error in errors if error is not None), "Reply")


def _of_sip(report: Report) -> Rows:
    """Requests but ACK with their final response (RFC 3261 §17): same Call-ID, CSeq and branch, the other way."""
    waiting: dict[tuple[Any, ...], list[Any]] = {}
    for one in report.messages_of("SIP"):
        value = one.value
        if not isinstance(value, sip.Request | sip.Response):
            continue
        number, method = value.cseq
        asks = isinstance(value, sip.Request)
        ends = (one.source, one.destination) if asks else (one.destination, one.source)
        key = (one.wire, *(end.address for end in ends), value.call_id, number, method, _branch(value))
        if isinstance(value, sip.Request):
            if value.method == "ACK":
                continue
            if key in waiting:
                waiting[key][8] += 1
                continue
            if len(waiting) >= _MOST_OPEN:
                yield tuple(waiting.pop(next(iter(waiting))))
            waiting[key] = ["SIP", one.session, f"{number} {key[-1]} {value.call_id}", value.method, one.source.node,
                            one.destination.node, one.wire, one.time, one.frames[-1], 1, None, None, None]
        elif value.status >= 200 and key in waiting:
            yield (*waiting.pop(key)[:10], f"{value.status} {value.reason}", one.time, one.frames[-1])
    yield from map(tuple, waiting.values())


def _branch(value: sip.Request | sip.Response) -> str:
    return (value.headers.get("Via") or "").partition("branch=")[2].partition(";")[0].partition(",")[0].strip()


ROWS: dict[str, Callable[[Report], Rows]] = {
    "captures": _captures, "messages": _messages, "sessions": _sessions, "roles": _roles, "legs": _legs,
    "certificates": _certificates, "transactions": _transactions, "findings": _findings, "nodes": _nodes,
    "unread": _unread, "contexts": _contexts}
