"""DTLS on the legs of a call: which association belongs to a termination, its roles, and its certificates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.carried_dtls import DtlsFlow
from workbench.analysis.certificates import announced_in, held_against, is_certificate
from workbench.analysis.naming import Names
from workbench.analysis.signalling import Described, TerminationSeen
from workbench.analysis.values import Certificate, Leg
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.analysis.sessions import Call


class Flows:
    """The associations of a capture by the endpoints between which they run."""

    def __init__(self, flows: Sequence[DtlsFlow]) -> None:
        self._at: dict[Endpoint, list[DtlsFlow]] = defaultdict(list)
        for flow in flows:
            for side in flow.sides:
                self._at[side].append(flow)

    def of(self, call: Call) -> list[DtlsFlow]:
        """Those at the gateways' terminations of a call, or where its SDP puts media, while the call lasts."""
        places = [(one.endpoint, termination.subtracted) for context in call.contexts
                  for termination in context.terminations.values() for one in termination.locals]
        places += [(one.endpoint, None) for dialog in call.dialogs for one in dialog.described]
        since = call.first()
        found = {id(flow): flow for place, end in places if place is not None for flow in self._at.get(place, ())
                 if flow.seen[1] >= since and (end is None or flow.seen[0] <= end)}
        return sorted(found.values(), key=_begun)


def _begun(flow: DtlsFlow) -> float:
    return flow.seen[0]


def secured(leg: Leg, flows: Sequence[DtlsFlow], termination: TerminationSeen, ours: list[Described],
            theirs: list[Described], names: Names) -> Leg:
    """The leg of a termination with what its associations show; the last one on the leg's wire counts.

    Args:
        flows: at the termination, in order of their beginning; at least one.
        ours, theirs: SDP of the gateway's side and of the other one.
    """
    flow = next((one for one in reversed(flows) if one.wire == leg.wire), flows[-1])
    observer = flow.observer
    who = tuple(names(side.host) for side in flow.sides)
    client = observer.client_direction
    up = next((draft.time for draft in reversed(flow.drafts) if draft.summary.endswith("flight 6")), None)
    ended = next((draft.time for draft in flow.drafts if draft.summary.startswith("Alert")), None)
    gateway = 0 if flow.sides[0] == termination.local else 1
    return msgspec.structs.replace(
        leg, wire=flow.wire, tls_client="" if client is None else who[client],
        tls_server="" if client is None else who[1 - client], opened=flow.seen[0], established=up, closed=ended,
        tls_version=observer.version_name, cipher_suite=observer.cipher_suite_name, decrypted=observer.decrypted > 0,
        certificates=_certificates(flow, gateway, who, termination, ours, theirs),
        frames=tuple(sorted({frame for one in flows if one.wire == flow.wire for frame in one.frames})),
        actual=str(flow.sides[1 - gateway]))


def _certificates(flow: DtlsFlow, gateway: int, who: Sequence[str], termination: TerminationSeen,
                  ours: list[Described], theirs: list[Described]) -> tuple[Certificate, ...]:
    found: list[Certificate] = []
    for direction, chain in enumerate(flow.observer.certificates):
        if not chain:
            continue
        said, told = (ours, termination.locals) if direction == gateway else (theirs, termination.remotes)
        frames = next((one.frames for one in flow.drafts if one.direction == direction and is_certificate(one)), ())
        found.append(held_against(who[direction], chain[0], announced_in(said) or announced_in(told), frames))
    return tuple(found)
