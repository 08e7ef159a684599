"""NAT bindings, inferred by matching what passes on both sides of a NAT, and the behaviour that they show.

TCP by the sequence numbers of a connection's appearances; UDP by equal octets, seen again a moment later with one
address changed. The endpoint that sends first what both carry is inside.

Source: RFC 4787 §4.1, §5 (mapping and filtering behaviour), RFC 5382.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from workbench.analysis.calls.naming import Names
from workbench.analysis.calls.sessions import Call
from workbench.analysis.calls.spans import Span
from workbench.analysis.dissect import Content, Draft
from workbench.analysis.values import NatBehaviour, NatBinding, Place
from workbench.net.values import Endpoint

_MOST_WAITING = 4096
_UDP_SECONDS = 2.0
_MOST_BINDINGS = 10_000
_MOST_FRAMES = 1000
_SHORTEST = 16      # octets: a shorter datagram is too common to tell one sender from another

_UNIQUE = ("SIP", "STUN")

INDEPENDENT = "endpoint-independent"
ADDRESS = "address-dependent"
ADDRESS_AND_PORT = "address-and-port-dependent"


class Found(msgspec.Struct):
    """One binding before its ends have names; and the connections and sessions that used it."""

    protocol: str
    inside: Endpoint
    outside: Endpoint
    remote: Endpoint
    frames: set[int]
    sessions: set[str]
    spans: list[Span]
    from_inside: bool


class Bindings:
    """All bindings of a capture."""

    def __init__(self, spans: Iterable[Span], drafts: Iterable[Draft], names: Names) -> None:
        self._names = names
        self._found: dict[tuple[str, Endpoint, Endpoint, Endpoint], Found] = {}
        for span in spans:
            self._connection(span)
        self._datagrams(drafts)
        self.all: tuple[NatBinding, ...] = tuple(self._named(found) for found in self._found.values())
        self.from_inside = tuple(named for named, found in zip(self.all, self._found.values(), strict=True)
                                 if found.from_inside)

    def by_session(self, calls: Iterable[Call]) -> dict[str, tuple[NatBinding, ...]]:
        """Those that each session's connections and messages used, by its id."""
        session_of = {id(span): call.session.id for call in calls for span in call.spans}
        held: dict[str, dict[int, NatBinding]] = defaultdict(dict)
        for at, (found, named) in enumerate(zip(self._found.values(), self.all, strict=True)):
            users = {session_of[id(span)] for span in found.spans if id(span) in session_of}
            for session in users | found.sessions:
                held[session][at] = named
        return {session: tuple(bindings.values()) for session, bindings in held.items()}

    def _named(self, found: Found) -> NatBinding:
        inside, outside, remote = (Place(end.host, end.port, self._names(end.host))
                                   for end in (found.inside, found.outside, found.remote))
        return NatBinding(outside.node, found.protocol, inside, outside, remote, tuple(sorted(found.frames)))

    def _add(self, protocol: str, inside: Endpoint, outside: Endpoint, remote: Endpoint,
             from_inside: bool) -> Found | None:
        key = (protocol, inside, outside, remote)
        found = self._found.get(key)
        if found is None and len(self._found) < _MOST_BINDINGS:
            found = self._found[key] = Found(protocol, inside, outside, remote, set(), set(), [], from_inside)
        return found

    def _connection(self, span: Span) -> None:
        for one, other in pairwise(span.contents):
            shared = set(one.connection.sides) & set(other.connection.sides)
            if len(shared) != 1:
                continue
            (remote,) = shared
            inner, outer = sorted((one, other), key=lambda content: _depth(content, remote))
            inside, outside = (next(side for side in content.connection.sides if side != remote)
                               for content in (inner, outer))
            client = inner.connection.client
            opened_inside = client is not None and inner.connection.sides[client] == inside
            found = self._add("TCP", inside, outside, remote, opened_inside)
            if found is not None:
                found.spans.append(span)
                for content in (one, other):
                    found.frames.update(content.connection.frames[: _MOST_FRAMES // 2])

    def _datagrams(self, drafts: Iterable[Draft]) -> None:
        waiting: OrderedDict[tuple[bytes, Endpoint, bool], Draft] = OrderedDict()
        for draft in drafts:
            if draft.connection is not None or draft.association is not None or len(draft.octets) < _SHORTEST:
                continue
            for far, out in ((draft.destination, True), (draft.source, False)):
                key = (draft.octets, far, out)
                before = waiting.get(key)
                if before is not None and _passed_on(before, draft, out) and not _multicast(far.host):
                    inside, outside = (before, draft) if out else (draft, before)
                    self._datagram(_near(inside, out), _near(outside, out), far, before, draft, out=out)
                waiting[key] = draft
                waiting.move_to_end(key)
                if len(waiting) > _MOST_WAITING:
                    waiting.popitem(last=False)

    def _datagram(self, inside: Endpoint, outside: Endpoint, remote: Endpoint, *drafts: Draft, out: bool) -> None:
        if ("UDP", outside, inside, remote) in self._found or inside.host == outside.host:
            return      # a copy that the capture shows in the other order
        found = self._add("UDP", inside, outside, remote, out)
        if found is not None:
            found.sessions.update(draft.session for draft in drafts if draft.session is not None)
            if len(found.frames) < _MOST_FRAMES:
                found.frames.update(frame for draft in drafts for frame in draft.frames)


def _passed_on(before: Draft, draft: Draft, out: bool) -> bool:
    """The same datagram with another address on one side; on one wire only where no two senders say the same."""
    return (draft.time - before.time < _UDP_SECONDS and _near(before, out) != _near(draft, out)
            and (draft.wire != before.wire or draft.protocol in _UNIQUE))


def _multicast(host: str) -> bool:
    return host.startswith(("22", "23", "ff")) and ipaddress.ip_address(host).is_multicast


def _near(draft: Draft, out: bool) -> Endpoint:
    return draft.source if out else draft.destination


def _depth(content: Content, remote: Endpoint) -> tuple[int, int]:
    """How far inside this appearance is: what the inside sends is seen first there, and what comes in last."""
    connection = content.connection
    far = connection.sides.index(remote)
    return connection.first_frame_of[1 - far] or 1 << 62, -(connection.first_frame_of[far] or 0)


def behaviours(bindings: Bindings, spans: Iterable[Span]) -> tuple[NatBehaviour, ...]:
    """What is shown of each NAT's mapping, by bindings that the inside made, and of its filtering, by who comes in."""
    return (*_mappings(bindings.from_inside), *_filters(bindings.all, spans))


def _mappings(bindings: Iterable[NatBinding]) -> Iterable[NatBehaviour]:
    """Nothing where no inside endpoint had two remote ones."""
    by_inside: dict[tuple[str, str, Place], list[NatBinding]] = defaultdict(list)
    for one in bindings:
        by_inside[one.nat, one.protocol, one.inside].append(one)
    shown: dict[tuple[str, str], NatBehaviour] = {}
    for (nat, protocol, inside), held in by_inside.items():
        for at, one in enumerate(held[:64]):
            for other in held[at + 1 : 64]:
                told = _mapping(one, other)
                known = shown.get((nat, protocol))
                if told and (known is None or _RANK[told] > _RANK[known.kind]):
                    shown[nat, protocol] = NatBehaviour(nat, protocol, "mapping", told, _why(inside, one, other), tuple(
                        sorted({*one.frames[:1], *other.frames[:1]})))
    return shown.values()


def _filters(bindings: Iterable[NatBinding], spans: Iterable[Span]) -> Iterable[NatBehaviour]:
    """What became of connections that others opened to an outside endpoint that the inside used before (TCP only)."""
    used: dict[tuple[str, int], list[NatBinding]] = defaultdict(list)
    for one in bindings:
        if one.protocol == "TCP" and one.frames:
            used[one.outside.address, one.outside.port].append(one)
    shown: dict[str, NatBehaviour] = {}
    for span in spans if used else ():
        outer = next((content.connection for content in span.contents
                      if content.connection.client is not None and _server(content) in used), None)
        if outer is None or outer.client is None:
            continue
        client, server = outer.sides[outer.client], outer.sides[1 - outer.client]
        before = [one for one in used.get((server.host, server.port), ()) if one.frames[0] < outer.frames[0]
                  and (one.remote.address, one.remote.port) != (client.host, client.port)][:64]
        if not before:
            continue
        passed, known_host = len(span.contents) > 1, any(one.remote.address == client.host for one in before)
        kind = _FILTERED[passed, known_host]
        nat = before[0].nat
        if nat not in shown or len(kind) < len(shown[nat].kind):
            shown[nat] = NatBehaviour(nat, "TCP", "filtering", kind, (
                f"{client} opens to {server}, which {before[0].inside} had used towards {before[0].remote}: "
                + ("it is let in" if passed else "it never appears inside")), (before[0].frames[0], outer.frames[0]))
    return shown.values()


def _server(content: Content) -> tuple[str, int]:
    end = content.connection.sides[1 - (content.connection.client or 0)]
    return end.host, end.port


_SAME_ADDRESS = "endpoint-independent or address-dependent"
_OTHER_ADDRESS = "address-dependent or address-and-port-dependent"
_FILTERED = {
    (True, False): INDEPENDENT, (True, True): _SAME_ADDRESS,
    (False, True): ADDRESS_AND_PORT, (False, False): _OTHER_ADDRESS,
}
"""By whether a connection was let in, and whether its address had been sent to."""
_RANK = {_SAME_ADDRESS: 0, INDEPENDENT: 1, _OTHER_ADDRESS: 2, ADDRESS_AND_PORT: 3}


def _mapping(one: NatBinding, other: NatBinding) -> str:
    """What two bindings of one inside endpoint say (RFC 4787 §4.1); empty where both are for one remote endpoint."""
    same_outside = (one.outside.address, one.outside.port) == (other.outside.address, other.outside.port)
    if (one.remote.address, one.remote.port) == (other.remote.address, other.remote.port):
        return ""       # the first one had gone before the second one was made
    same_host = one.remote.address == other.remote.address
    if same_outside:
        return _SAME_ADDRESS if same_host else INDEPENDENT
    return ADDRESS_AND_PORT if same_host else _OTHER_ADDRESS


def _why(inside: Place, one: NatBinding, other: NatBinding) -> str:
    shown = one.outside == other.outside
    return (f"{inside} is {one.outside} for {one.remote} and " + ("the same" if shown else f"{other.outside}")
            + f" for {other.remote}")
