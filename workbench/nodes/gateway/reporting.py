"""From what happened at a bearer to the events that may tell of it, best first.

Source: H.248.1 §7.1.9, §7.1.17; Annex E.1 (g/cause); H.248.89, H.248.90 (state events; names from the registry).
"""

from __future__ import annotations

import datetime
import functools

import msgspec

from workbench.nodes import floor_control
from workbench.nodes.gateway.settings import Change, Observed, Profile
from workbench.protocols.h248.message import Event, ObservedEvent, Property
from workbench.protocols.h248.packages import Registry

CAUSE = "g/cause"
SOURCE_CHANGED = "adr/rsac"

# Change: package whose state event tells of it, the kind of change, and the general cause where only g/cause is armed.
_CHANGES = {
    Change.TCP_ESTABLISHED: ("tcp", "established", ""),
    Change.TCP_FAILED: ("tcp", "failed", "FT"),
    Change.TLS_ESTABLISHED: ("tls", "established", ""),
    Change.TLS_FAILED: ("tls", "failed", "FT"),
    Change.RELEASED: ("tcp", "released", "NR"),
    Change.LOST: ("tcp", "released", "FT"),
}


class Detected(msgspec.Struct, frozen=True):
    """An event that was detected.

    Args:
        event: as it is notified.
        stream: where; an event that is armed for another one does not tell of it.
        type_name, label: of a state event: the parameter by which Events asks for certain changes, and this change's.
        by_default: whether it is told where Events asks for none in particular.
    """

    event: ObservedEvent
    stream: int | None = None
    type_name: str = ""
    label: str = ""
    by_default: bool = True

    def suits(self, armed: Event | ObservedEvent) -> bool:
        """Whether that event of an Events or EventBuffer descriptor asks for this one."""
        name, asked = self.event.name, armed.name
        if len(name) != len(asked) or (name != asked and name.lower() != asked.lower()):
            return False
        if armed.stream is not None and self.stream is not None and armed.stream != self.stream:
            return False
        wanted = armed.parameter(self.type_name) if self.type_name else None
        if wanted is None:
            return self.by_default
        return self.label.lower() in [value.lower() for value in wanted.values]


def detected(observed: Observed, profile: Profile, registry: Registry, time: str) -> list[Detected]:
    """The events that tell of this change; the first one that the controller armed is notified.

    A failed establishment is told by the state event of TCP or TLS, an established bearer that went away by g/cause.
    """
    if observed.change is Change.SOURCE:
        source = observed.source
        assert source is not None
        parameters = (Property("nrsa", (f"[{source.host}]",)), Property("nrsp", (str(source.port),)))
        return [Detected(ObservedEvent(SOURCE_CHANGED, time, observed.stream, parameters), observed.stream)]
    if observed.decided is not None:
        name, said = floor_control.Names(registry).report(observed.decided)
        return [Detected(ObservedEvent(name, time, observed.stream, said), observed.stream)]
    _, kind, cause = _CHANGES[observed.change]
    name, type_name, label = _words(observed.change, registry)
    found = [Detected(
        ObservedEvent(name, time, observed.stream, (Property(type_name, (label,)),)),
        observed.stream, type_name, label, kind in profile.reported)]
    if cause:
        lost = Detected(
            ObservedEvent(CAUSE, time, None, (Property("Generalcause", (cause,)),)), observed.stream)
        found.insert(0 if kind == "released" else 1, lost)
    return found


@functools.lru_cache(maxsize=2 * len(_CHANGES))
def _words(change: Change, registry: Registry) -> tuple[str, str, str]:
    """Of the state event that tells of this change: its name, its parameter's, and the parameter's value."""
    carrier, kind, _ = _CHANGES[change]
    return (registry.wire_name(f"{carrier}-change"), registry.wire_name(f"{carrier}-change-type"),
            registry.wire_name(f"{carrier}-{kind}"))


def time_stamp(seconds: float) -> str:
    """`yyyymmddThhmmsscc` in UTC for Unix seconds, as H.248 text writes time."""
    whole, hundredths = divmod(round(seconds * 100), 100)
    return f"{_second(whole)}{hundredths:02d}"


@functools.lru_cache(maxsize=4)
def _second(whole: int) -> str:
    # In one second a busy gateway detects hundreds of events.
    return f"{datetime.datetime.fromtimestamp(whole, datetime.UTC):%Y%m%dT%H%M%S}"
