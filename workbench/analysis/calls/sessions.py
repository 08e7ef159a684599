"""Calls: the SIP dialogs, the H.248 context and the connections that belong together, and the roles on each leg.

Dialogs of a back-to-back user agent have nothing in common but this: the SDP sent on each of them carries the
address and port that the gateway gave to a termination, and both terminations are in one context.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

from workbench.analysis.calls.datagram_legs import Flow
from workbench.analysis.calls.signalling import ContextSeen, Described, DialogSeen, Signalling, TerminationSeen
from workbench.analysis.calls.spans import Span
from workbench.analysis.dissect import Content
from workbench.analysis.values import Leg, Session
from workbench.net.values import Endpoint

_T = TypeVar("_T")
_DISCARD = 9
_PATH_SECONDS = 60.0


class _Groups:
    """Which things belong together."""

    def __init__(self) -> None:
        self._parent: dict[object, object] = {}

    def find(self, item: object) -> object:
        """The representative of the group that holds this item."""
        self._parent.setdefault(item, item)
        root = item
        while self._parent[root] is not root:
            root = self._parent[root]
        while self._parent[item] is not root:
            self._parent[item], item = root, self._parent[item]
        return root

    def join(self, a: object, b: object) -> None:
        """Both items are of one group."""
        self._parent[self.find(a)] = self.find(b)


class Call:
    """What a session was made from; for rules and matching, which need more than the session's values say."""

    def __init__(self) -> None:
        self.dialogs: list[DialogSeen] = []
        self.contexts: list[ContextSeen] = []
        self.spans: list[Span] = []
        self.flows: list[Flow] = []
        self.session = Session("", "")
        self.legs: list[tuple[Leg, Span | None, TerminationSeen | None]] = []
        self.hosted: bool | None = None     # its media end at a gateway; None: nobody has asked (`conferences`)

    def first(self) -> float:
        """When it began."""
        times = [draft.time for dialog in self.dialogs for draft in dialog.drafts[:1]]
        times += [context.since for context in self.contexts]
        times += [content.connection.seen[0] for span in self.spans for content in span.contents]
        return min(times, default=0.0)


def find_calls(signalling: Signalling, spans: list[Span]) -> list[Call]:
    """Join dialogs, contexts and connections; in order of their beginning."""
    groups = _Groups()
    locals_at: dict[Endpoint, list[tuple[float, TerminationSeen]]] = defaultdict(list)
    for context in signalling.contexts:
        groups.find(context)
        for termination in context.terminations.values():
            for one in termination.locals:
                held = locals_at[one.endpoint] if one.endpoint is not None else []
                if one.endpoint is not None and (not held or held[-1][1] is not termination):
                    held.append((context.since, termination))
    dialogs = [d for d in signalling.dialogs.values() if d.methods & {"INVITE", "REGISTER"}]
    said_at: dict[Endpoint, list[tuple[float, DialogSeen]]] = defaultdict(list)
    paths: dict[str, tuple[float, DialogSeen]] = {}
    for dialog in dialogs:
        groups.find(dialog)
        for one in dialog.described:
            _join_by_path(one, dialog, groups, paths)
            if one.endpoint is None or one.endpoint.port == _DISCARD:
                continue
            said_at[one.endpoint].append((one.draft.time, dialog))
            told = _latest(locals_at.get(one.endpoint, ()), one.draft.time)
            if told is not None:
                groups.join(dialog, told.context)
    for said in said_at.values():
        said.sort(key=_time)
    for context in signalling.contexts:
        for termination in context.terminations.values():
            for one in termination.remotes:
                if one.endpoint is not None and one.endpoint.port != _DISCARD:
                    party = _latest(said_at.get(one.endpoint, ()), one.draft.time)
                    if party is not None:
                        groups.join(party, context)
    for span in spans:
        _place(span, groups, locals_at, said_at)
    calls: dict[object, Call] = defaultdict(Call)
    for dialog in dialogs:
        calls[groups.find(dialog)].dialogs.append(dialog)
    for context in signalling.contexts:
        calls[groups.find(context)].contexts.append(context)
    for span in spans:
        call = calls.get(groups.find(span))
        if call is not None:
            call.spans.append(span)
        elif any(_is_media(content) for content in span.contents):
            calls[groups.find(span)].spans.append(span)
    return sorted(calls.values(), key=Call.first)


def _join_by_path(one: Described, dialog: DialogSeen, groups: _Groups,
                  paths: dict[str, tuple[float, DialogSeen]]) -> None:
    """One a=path in two dialogs at a time: an MSRP session-id is random, so somebody passed it on (RFC 4975 §14.1)."""
    path = one.media.attribute("path")
    if not path or "/" not in path.partition("://")[2]:
        return
    since, known = paths.setdefault(path, (one.draft.time, dialog))
    if known is not dialog and abs(one.draft.time - since) < _PATH_SECONDS:
        groups.join(dialog, known)


def _is_media(content: Content) -> bool:
    """A connection that is a call of its own, though no signalling was seen for it; control inside TLS is none."""
    outer, _, inner = content.connection.protocol.partition("/")
    return outer in ("TLS", "MSRP") and inner not in ("H.248", "HTTP")


def _place(span: Span, groups: _Groups, locals_at: dict[Endpoint, list[tuple[float, TerminationSeen]]],
           said_at: dict[Endpoint, list[tuple[float, DialogSeen]]]) -> None:
    for content in span.contents:
        for side in content.connection.sides:
            termination = _latest(locals_at.get(side, ()), content.connection.seen[0])
            if termination is not None and termination not in span.terminations:
                span.terminations.append(termination)
                groups.join(span, termination.context)
    span.terminations.sort(key=_since)
    for sibling in span.relayed:
        groups.join(span, sibling)
    if span.terminations:
        return
    for content in span.contents:
        for side in content.connection.sides:
            dialog = _latest(said_at.get(side, ()), content.connection.seen[0])
            if dialog is not None:
                groups.join(span, dialog)
                return


def _since(termination: TerminationSeen) -> float:
    return termination.context.since


def _time(item: tuple[float, object]) -> float:
    return item[0]


def _latest(found: Sequence[tuple[float, _T]], time: float) -> _T | None:
    """The last one that is not later than `time`; they are in order of time."""
    place = bisect_right(found, time, key=_time)
    return found[place - 1][1] if place else None
