"""From what happened at a bearer to the event that the controller asked for, if it did.

Source: H.248.1 §7.1.9, §7.1.17; Annex E.1 (g/cause); H.248.89, H.248.90 (state events; names from the registry).
"""

from __future__ import annotations

import datetime

from workbench.nodes.gateway.contexts import Termination
from workbench.nodes.gateway.settings import Change, Observed, Profile
from workbench.protocols.h248.message import Event, ObservedEvent, Property
from workbench.protocols.h248.packages import Registry

CAUSE = "g/cause"

# Change: package whose state event tells of it, the kind of change, and the general cause where only g/cause is armed.
_CHANGES = {
    Change.TCP_ESTABLISHED: ("tcp", "established", ""),
    Change.TCP_FAILED: ("tcp", "failed", "FT"),
    Change.TLS_ESTABLISHED: ("tls", "established", ""),
    Change.TLS_FAILED: ("tls", "failed", "FT"),
    Change.RELEASED: ("tcp", "released", "NR"),
    Change.LOST: ("tcp", "released", "FT"),
}


def event_for(
    observed: Observed, termination: Termination, profile: Profile, registry: Registry, time: str
) -> ObservedEvent | None:
    """The event to notify, or None where nothing that the controller armed tells of this change.

    A failed establishment is told by the state event of TCP or TLS, an established bearer that went away by g/cause.
    """
    carrier, kind, cause = _CHANGES[observed.change]
    change = termination.armed(registry.wire_name(f"{carrier}-change"), observed.stream)
    label = registry.wire_name(f"{carrier}-{kind}")
    told = change is not None and _reports(change, kind, label, registry.wire_name(f"{carrier}-change-type"), profile)
    lost = termination.armed(CAUSE, observed.stream) if cause else None
    if kind == "released" and lost is not None:
        told = False
    if told and change is not None:
        parameter = Property(registry.wire_name(f"{carrier}-change-type"), (label,))
        return ObservedEvent(change.name, time, observed.stream, (parameter,))
    if lost is not None:
        return ObservedEvent(lost.name, time, None, (Property("Generalcause", (cause,)),))
    return None


def time_stamp(seconds: float) -> str:
    """`yyyymmddThhmmsscc` in UTC for Unix seconds, as H.248 text writes time."""
    whole, hundredths = divmod(round(seconds * 100), 100)
    moment = datetime.datetime.fromtimestamp(whole, datetime.UTC)
    return f"{moment:%Y%m%dT%H%M%S}{hundredths:02d}"


def _reports(event: Event, kind: str, label: str, type_name: str, profile: Profile) -> bool:
    """What the event's own Type asks for; without one, what the profile reports."""
    wanted = event.parameter(type_name)
    if wanted is None:
        return kind in profile.reported
    return label.lower() in [value.lower() for value in wanted.values]
