"""Timers and limits of an association that the controller provisions: properties of ROOT in packages root and seg.

| Property | at the gateway | at the controller |
|---|---|---|
| root/normalMGExecutionTime | `Timers.execution` | |
| root/normalMGCExecutionTime | | `Timers.execution` |
| root/MGProvisionalResponseTimerValue | | `Timers.provisional` |
| root/MGCProvisionalResponseTimerValue | `Timers.provisional` | |
| root/MGOriginatedPendingLimit | `own_pending_limit` | `peer_pending_limit` |
| root/MGCOriginatedPendingLimit | `peer_pending_limit` | `own_pending_limit` |
| seg/MGSegmentationTimerValue | `Timers.segmentation` | |
| seg/MGCSegmentationTimerValue | | `Timers.segmentation` |
| seg/MGMaxPDUSize | | `max_octets` |
| seg/MGCMaxPDUSize | `max_octets` | |

Source: H.248.1 Annex E.2.1, E.15.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from workbench.protocols.h248.machine import Transactions
from workbench.protocols.h248.message import Property

Side = Literal["gateway", "controller"]

_LEAST_MS, _MOST_MS = 50, 3_600_000
_MOST_PENDINGS = 10_000
_LEAST_OCTETS = 512
_OWN = {"gateway": "mg", "controller": "mgc"}
_OTHER = {"gateway": "mgc", "controller": "mg"}


def provision(transactions: Transactions, properties: Iterable[Property], side: Side) -> None:
    """Set what these properties say; values out of all reason are brought within bounds, other properties ignored.

    Args:
        transactions: of the association.
        properties: of ROOT, as the controller set them.
        side: whose end this is.
    """
    given = {item.name.lower(): int(item.value) for item in properties if item.value.isdecimal()}
    own, other = _OWN[side], _OTHER[side]
    times = {
        "execution": given.get(f"root/normal{own}executiontime"),
        "provisional": given.get(f"root/{other}provisionalresponsetimervalue"),
        "segmentation": given.get(f"seg/{own}segmentationtimervalue")}
    transactions.timers = msgspec.structs.replace(transactions.timers, **{
        name: min(max(ms, _LEAST_MS), _MOST_MS) / 1000 for name, ms in times.items() if ms is not None})
    ours, theirs = given.get(f"root/{own}originatedpendinglimit"), given.get(f"root/{other}originatedpendinglimit")
    if ours is not None:
        transactions.own_pending_limit = min(ours, _MOST_PENDINGS)
    if theirs is not None:
        transactions.peer_pending_limit = min(theirs, _MOST_PENDINGS)
    octets = given.get(f"seg/{other}maxpdusize")
    if octets is not None:
        transactions.max_octets = min(max(octets, _LEAST_OCTETS), transactions.carried_octets)
