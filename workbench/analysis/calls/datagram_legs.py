"""Media over UDP on the legs of a call: which associations and flows belong to it, roles, and certificates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.certificates import announced_in, held_against, is_certificate
from workbench.analysis.calls.naming import Names
from workbench.analysis.calls.signalling import Described, DialogSeen, TerminationSeen
from workbench.analysis.carried.clear_flows import ClearFlow
from workbench.analysis.carried.dtls import DtlsFlow
from workbench.analysis.values import Certificate, Leg
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call

Flow = DtlsFlow | ClearFlow
_AFTERWARDS = 1.0
"""How long datagrams still belong to a dialog that BYE has ended."""


class Flows:
    """The associations and clear flows of a capture by the endpoints between which they run."""

    def __init__(self, flows: Sequence[Flow]) -> None:
        self._at: dict[Endpoint, list[Flow]] = defaultdict(list)
        for flow in flows:
            for side in flow.sides:
                self._at[side].append(flow)

    def of(self, call: Call) -> list[Flow]:
        """Those at the gateways' terminations of a call, or where its SDP puts media, while the call lasts."""
        places = [(one.endpoint, termination.subtracted) for context in call.contexts
                  for termination in context.terminations.values() for one in termination.locals]
        places += [(one.endpoint, _end(dialog)) for dialog in call.dialogs for one in dialog.described]
        since = call.first()
        found = {id(flow): flow for place, end in places if place is not None for flow in self._at.get(place, ())
                 if flow.seen[1] >= since and (end is None or flow.seen[0] <= end)}
        return sorted(found.values(), key=_begun)


def _begun(flow: Flow) -> float:
    return flow.seen[0]


def _end(dialog: DialogSeen) -> float | None:
    return dialog.drafts[-1].time + _AFTERWARDS if "BYE" in dialog.methods else None


def with_flows(leg: Leg, flows: Sequence[Flow], local: Endpoint | None, termination: TerminationSeen | None,
               ours: list[Described], theirs: list[Described], names: Names) -> Leg:
    """A leg with what its datagrams show; the last association on the leg's wire counts.

    Args:
        flows: on the leg, in order of their beginning; at least one.
        local: the gateway's end; None where there is no gateway.
        termination: the gateway's.
        ours, theirs: SDP of the gateway's side and of the other one.
    """
    flow = next((one for one in reversed(flows) if one.wire == leg.wire), flows[-1])
    here = [one for one in flows if one.wire == flow.wire]
    gateway = 0 if flow.sides[0] == local else 1
    leg = msgspec.structs.replace(
        leg, wire=flow.wire, opened=here[0].seen[0], frames=tuple(sorted({n for one in here for n in one.frames})))
    if local is not None:
        leg = _latched(leg, flow, gateway, termination, theirs)
    association = next((one for one in reversed(here) if isinstance(one, DtlsFlow)), None)
    if association is None:
        return leg
    gateway = 0 if association.sides[0] == local else 1
    who = [names(side.host) for side in association.sides]
    if local is not None:
        who[1 - gateway] = names(_behind(association, flows, local).host)
    return _secured(leg, association, gateway, who, termination, ours, theirs)


def _behind(flow: DtlsFlow, flows: Sequence[Flow], local: Endpoint) -> Endpoint:
    """The peer of an association, where a NAT is in between: as it is seen on the wire behind the NAT."""
    for one in flows:
        if isinstance(one, DtlsFlow) and one.wire != flow.wire and one.observer.client_random and (
                one.observer.client_random == flow.observer.client_random):
            flow = one
            break
    return flow.sides[1] if flow.sides[0] == local else flow.sides[0]


def _latched(leg: Leg, flow: Flow, gateway: int, termination: TerminationSeen | None, theirs: list[Described]) -> Leg:
    """Where SDP puts the peer, where its datagrams come from, and whether the gateway sends there all the same."""
    said = [one.endpoint for one in (*theirs, *(termination.remotes if termination is not None else ()))
            if one.endpoint is not None]
    directions = {draft.direction for draft in flow.drafts}
    peer = flow.sides[1 - gateway]
    came, went = 1 - gateway in directions, gateway in directions
    return msgspec.structs.replace(
        leg, signalled=str(said[-1]) if said else "", actual=str(peer) if came else "",
        latched=peer != said[-1] if said and came and went else None)


def _secured(leg: Leg, flow: DtlsFlow, gateway: int, who: Sequence[str], termination: TerminationSeen | None,
             ours: list[Described], theirs: list[Described]) -> Leg:
    observer = flow.observer
    client = observer.client_direction
    told = flow.told
    up = next((draft.time for draft in reversed(told) if draft.summary.endswith("flight 6")), None)
    ended = next((draft.time for draft in told if draft.summary.startswith("Alert")), None)
    return msgspec.structs.replace(
        leg, tls_client="" if client is None else who[client], tls_server="" if client is None else who[1 - client],
        opened=flow.seen[0], established=up, closed=ended, tls_version=observer.version_name,
        cipher_suite=observer.cipher_suite_name, decrypted=observer.decrypted > 0,
        certificates=_certificates(flow, gateway, who, termination, ours, theirs),
        psk_identity=observer.pre_shared.name)


def _certificates(flow: DtlsFlow, gateway: int, who: Sequence[str], termination: TerminationSeen | None,
                  ours: list[Described], theirs: list[Described]) -> tuple[Certificate, ...]:
    found: list[Certificate] = []
    for direction, chain in enumerate(flow.observer.certificates):
        if not chain:
            continue
        mine = direction == gateway
        told = [] if termination is None else termination.locals if mine else termination.remotes
        frames = next((one.frames for one in flow.told if one.direction == direction and is_certificate(one)), ())
        announced = announced_in(ours if mine else theirs) or announced_in(told)
        found.append(held_against(who[direction], chain[0], announced, frames))
    return tuple(found)
