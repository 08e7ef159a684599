"""Calls that end at a gateway: a conference at an MRFP, ordered by the MRFC that is called (TS 23.333).

Between a UE and the rest a gateway has two terminations, and its address is in the answer on one side and in the offer
on the other. A conference has one for each dialog, and its address is in answers alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.analysis.sessions import Call
    from workbench.analysis.signalling import ContextSeen, DialogSeen, TerminationSeen

_FIRST = 16


def is_conference(call: Call) -> bool:
    """The media of this call end at a gateway, as far as SIP and H.248 tell."""
    return hosts(call.contexts, call.dialogs)


def hosts(contexts: Iterable[ContextSeen], dialogs: Iterable[DialogSeen]) -> bool:
    """The gateway's addresses stand in all answers and in no offer, and no dialog has more than one termination."""
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


def conference_nodes(contexts: Iterable[ContextSeen], dialogs: Iterable[DialogSeen]) -> dict[str, list[str]]:
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
    return {gateway: list(hosts) for gateway, hosts in answering.items()
            if gateway not in relays and ends[gateway] <= answered[gateway]}


def number_of(call: Call, termination: TerminationSeen) -> int:
    """Which participant a termination serves, from 1 on, in the order in which they came."""
    ends = [end for context in call.contexts for end in context.terminations.values() if end.locals]
    return next((number for number, end in enumerate(ends, 1) if end is termination), 0)
