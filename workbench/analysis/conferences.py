"""Calls that end at a gateway: a conference at an MRFP, ordered by the MRFC that is called (TS 23.333).

Between a UE and the rest a gateway has two terminations, and its address is in the answer on one side and in the offer
on the other. A conference has one for each dialog, and its address is in answers alone. Where SIP was not captured,
what the controller orders tells them apart: a pre-shared key, or many terminations in one realm, of no side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.analysis.sessions import Call
    from workbench.analysis.signalling import ContextSeen, DialogSeen, TerminationSeen

_FIRST = 16
_MANY = 3       # terminations of a context: more than the two ends of a stream


def is_conference(call: Call) -> bool:
    """The media of this call end at a gateway, as far as SIP and H.248 tell."""
    return hosts(call.contexts, call.dialogs)


def hosts(contexts: Iterable[ContextSeen], dialogs: Iterable[DialogSeen]) -> bool:
    """The gateway's addresses stand in all answers and in no offer, and no dialog has more than one termination."""
    contexts, dialogs = list(contexts), list(dialogs)
    if not dialogs:
        return bool(contexts) and all(looks_hosted(context) for context in contexts)
    ends = [end for context in contexts for end in context.terminations.values() if end.locals]
    ours = {end.local.host for end in ends if end.local is not None}
    if not ours:
        return False
    answered = 0
    for dialog in dialogs:
        told = [(one.role, one.endpoint.host in ours) for one in dialog.described[:_FIRST] if one.endpoint is not None]
        if any(is_ours is not (role == "answer") for role, is_ours in told):
            return False
        answered += any(is_ours for _, is_ours in told)
    return answered > 0 and len(ends) <= answered


def looks_hosted(context: ContextSeen) -> bool:
    """A context is a conference, by H.248 alone (TS 23.333 §6.2.19, §6.2.20)."""
    ends = [end for end in context.terminations.values() if end.locals]
    return any(end.keyed for end in ends) or (
        len(ends) >= _MANY and len({end.realm for end in ends}) == 1 and not any(end.side for end in ends))


def conference_nodes(contexts: Sequence[ContextSeen], dialogs: Iterable[DialogSeen]) -> dict[str, list[str]]:
    """Hosts of gateways at which calls end, each with the hosts whose answers name it."""
    gateway_of: dict[str, str] = {}
    ends: dict[str, int] = {}
    for context in contexts:
        for end in context.terminations.values():
            if end.local is not None:
                gateway_of[end.local.host] = context.gateway.host
                ends[context.gateway.host] = ends.get(context.gateway.host, 0) + 1
    answering: dict[str, dict[str, None]] = {}
    answered: dict[str, int] = {}
    relays: set[str] = set()
    for dialog in dialogs:
        told = [(gateway_of[one.endpoint.host], one) for one in dialog.described[:_FIRST]
                if one.endpoint is not None and one.endpoint.host in gateway_of]
        relays |= {gateway for gateway, one in told if one.role == "offer"}
        for gateway, one in told:
            answering.setdefault(gateway, {})[one.draft.source.host] = None
        for gateway in {gateway for gateway, _ in told}:
            answered[gateway] = answered.get(gateway, 0) + 1
    found = {gateway: list(hosts) for gateway, hosts in answering.items()
             if gateway not in relays and ends[gateway] <= answered[gateway]}
    for context in contexts:
        if context.gateway.host not in answering and looks_hosted(context):
            found[context.gateway.host] = []
    return found


def number_of(call: Call, termination: TerminationSeen) -> int:
    """Which participant a termination serves, from 1 on, in the order in which they came."""
    ends = [end for context in call.contexts for end in context.terminations.values() if end.locals]
    return next((number for number, end in enumerate(ends, 1) if end is termination), 0)
