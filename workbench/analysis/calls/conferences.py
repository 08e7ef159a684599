"""Calls that end at a gateway: a conference at an MRFP, ordered by the MRFC that is called, or calls (TS 23.333).

Between a UE and the rest a gateway has two terminations: its address is in the answer on one side and in the offer on
the other, and that offer is made while somebody waits on the first side. A conference has one termination for each
dialog; its address is in the answer to who calls, and in an offer only where it calls somebody on its own. Where SIP
was not captured, what the controller orders tells them apart: a pre-shared key, or many terminations in one realm, of
no side.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.protocols import sip

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import ContextSeen, DialogSeen, TerminationSeen
    from workbench.net.values import Endpoint

_FIRST = 16
# Of the INVITEs that may be what an offer hands on, so many that came last before it.
_LAST = 64
_MANY = 3       # terminations of a context: more than the two ends of a stream


class _Waiting(msgspec.Struct, frozen=True):
    """An INVITE that waits for its final response."""

    since: float
    until: float
    dialog: DialogSeen


class _Told(msgspec.Struct):
    """What one dialog says of one gateway: with whose role its addresses stand there, and who writes them."""

    dialog: DialogSeen
    ours: set[str]
    theirs: set[str]
    by: dict[str, None]
    offered: list[float]

    @property
    def is_end(self) -> bool:
        """The gateway is one side of it, and not the other."""
        return len(self.ours) == 1 and not self.ours & self.theirs


def is_conference(call: Call) -> bool:
    """The media of this call end at a gateway, as far as SIP and H.248 tell."""
    if call.hosted is None:
        call.hosted = hosts(call.contexts, call.dialogs)
    return call.hosted


def hosts(contexts: Iterable[ContextSeen], dialogs: Iterable[DialogSeen]) -> bool:
    """There are gateways with addresses, and the media of these dialogs end at all of them."""
    held, said = list(contexts), list(dialogs)
    if not said:
        return bool(held) and all(looks_hosted(context) for context in held)
    gateways = {gateway for gateway, _ in _addresses(held)}
    return bool(gateways) and gateways == set(conference_nodes(held, said))


def looks_hosted(context: ContextSeen) -> bool:
    """A context is a conference, by H.248 alone (TS 23.333 §6.2.19, §6.2.20)."""
    ends = [end for end in context.terminations.values() if end.locals]
    if any(end.keyed for end in ends):
        return True
    # The two ends of a relayed stream are in two realms, as a rule; what is in one may be such a stream all the same
    # unless it is of an application, which a relay is told of in few modes only.
    told = ends and all(end.realm and end.bearer.upper().endswith(("/MSRP", "/BFCP")) for end in ends)
    return (len(ends) >= (2 if told else _MANY) and len({end.realm for end in ends}) == 1
            and not any(end.side for end in ends))


def conference_nodes(contexts: Iterable[ContextSeen], dialogs: Iterable[DialogSeen]) -> dict[str, list[str]]:
    """Hosts of gateways at which calls end, each with the hosts whose offers and answers name it."""
    held, said = list(contexts), list(dialogs)
    gateway_of = {local.host: gateway for gateway, local in _addresses(held)}
    if not gateway_of:
        return {}
    ends = Counter(gateway for gateway, _ in _addresses(held))
    told: dict[str, list[_Told]] = defaultdict(list)
    for dialog in said:
        for gateway, one in _told(dialog, gateway_of).items():
            told[gateway].append(one)
    waits = _Waits(held, said) if any(one.offered for found in told.values() for one in found) else None
    nodes = {gateway: list({host: None for one in found for host in one.by}) for gateway, found in told.items()
             if ends[gateway] <= len(found) and all(one.is_end for one in found)
             and not (waits is not None and waits.hands_on(found))}
    for context in held:
        if context.gateway.host not in told and looks_hosted(context):
            nodes[context.gateway.host] = []
    return nodes


def _addresses(contexts: Iterable[ContextSeen]) -> Iterator[tuple[str, Endpoint]]:
    """The gateway's host and the address of each termination that has one."""
    for context in contexts:
        for end in context.terminations.values():
            if end.local is not None:
                yield context.gateway.host, end.local


def _told(dialog: DialogSeen, gateway_of: dict[str, str]) -> dict[str, _Told]:
    """What a dialog says of each gateway that it names."""
    described = [one for one in dialog.described[:_FIRST] if one.endpoint is not None]
    found: dict[str, _Told] = {}
    for one in described:
        gateway = gateway_of.get(one.endpoint.host) if one.endpoint is not None else None
        if gateway is not None:
            told = found.setdefault(gateway, _Told(dialog, set(), set(), {}, []))
            told.ours.add(one.role)
            told.by[one.draft.source.host] = None
            if one.role == "offer":
                told.offered.append(one.draft.time)
    for gateway, told in found.items():
        told.theirs = {one.role for one in described
                       if one.endpoint is not None and gateway_of.get(one.endpoint.host) != gateway}
    return found


class _Waits:
    """Which INVITEs wait when: by the contexts that their dialog has to do with, and by who calls."""

    def __init__(self, contexts: Iterable[ContextSeen], dialogs: Iterable[DialogSeen]) -> None:
        self._contexts_at: dict[Endpoint, set[int]] = defaultdict(set)
        for number, context in enumerate(contexts):
            for end in context.terminations.values():
                for one in (*end.locals[:_FIRST], *end.remotes[:_FIRST]):
                    if one.endpoint is not None:
                        self._contexts_at[one.endpoint].add(number)
        self._by_key: dict[object, list[_Waiting]] = defaultdict(list)
        for dialog in dialogs:
            waiting = [_Waiting(one.request.time, one.final.time if one.final is not None else float("inf"), dialog)
                       for one in dialog.transactions[:_FIRST] if one.method == "INVITE"]
            for key in self._keys(dialog):
                self._by_key[key] += waiting
        for found in self._by_key.values():
            found.sort(key=_since)

    def hands_on(self, told: Iterable[_Told]) -> bool:
        """An offer that names the gateway is made while somebody waits in another dialog whose call this is."""
        offers = sorted(((time, one.dialog) for one in told for time in one.offered[:1]), key=_time)
        own = {id(dialog) for _, dialog in offers}
        return any(self._waits(dialog, time, own) for time, dialog in offers[:_FIRST])

    def _waits(self, dialog: DialogSeen, time: float, own: set[int]) -> bool:
        """Not in a call of the gateway's own. A conference that is called may call: who is called there calls here."""
        caller = _party(dialog, "From")
        for key in self._keys(dialog):
            found = self._by_key[key]
            place = bisect_right(found, time, key=_since)
            if any(id(one.dialog) not in own and one.until >= time and _party(one.dialog, "To") != caller
                   for one in found[max(place - _LAST, 0):place]):
                return True
        return False

    def _keys(self, dialog: DialogSeen) -> set[object]:
        keys: set[object] = {number for one in dialog.described[:_FIRST] if one.endpoint is not None
                             for number in self._contexts_at.get(one.endpoint, ())}
        return keys | {_party(dialog, "From")}


def _party(dialog: DialogSeen, name: str) -> str:
    return sip.uri_key(sip.address_uri(dialog.drafts[0].value.headers.get(name) or ""))


def _since(one: _Waiting) -> float:
    return one.since


def _time(one: tuple[float, DialogSeen]) -> float:
    return one[0]


def number_of(call: Call, termination: TerminationSeen) -> int:
    """Which participant a termination serves, from 1 on, in the order in which they came."""
    ends = [end for context in call.contexts for end in context.terminations.values() if end.locals]
    return next((number for number, end in enumerate(ends, 1) if end is termination), 0)
