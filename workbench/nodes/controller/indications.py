"""What a gateway says unasked, as values: observed events, and changes of its own service.

An event that is not known here keeps its name and parameters (`OtherEvent`); unknown parameters of a known one are
left out.

Source: TS 23.334 §8.6 ff. (indications), TS 29.334 §5.17.2, §5.17.3; H.248.1 §7.1.17, §7.2.7, §7.2.8.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from workbench.net.values import Endpoint
from workbench.nodes.floor_control import Decided, Names
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import Registry, registry


class Change(enum.StrEnum):
    """What became of a TCP connection or of a (D)TLS session."""

    ESTABLISHED = "established"
    RELEASED = "released"
    FAILED = "failed"


class Where(msgspec.Struct, frozen=True):
    """What an indication is about: context, termination, request id of the Events descriptor, and when it was seen."""

    context: int
    termination: str
    request_id: int
    time: str | None = None


class TerminationHeartbeat(msgspec.Struct, frozen=True):
    """Termination heartbeat indication (H.248.36): is the termination still known?"""

    at: Where


class BearerReleased(msgspec.Struct, frozen=True):
    """IP bearer released: general cause (`NR`, `UR`, `FT`, `FP`, `IW`, `UN`) and the equipment's own words."""

    at: Where
    stream: int | None
    cause: str
    detail: str


class TcpChanged(msgspec.Struct, frozen=True):
    """TCP connection establishment failure indication, or another change; None for one that is not known."""

    at: Where
    stream: int | None
    change: Change | None


class TlsChanged(msgspec.Struct, frozen=True):
    """(D)TLS session establishment failure indication, or another change; None for one that is not known."""

    at: Where
    stream: int | None
    change: Change | None


class MediaInactive(msgspec.Struct, frozen=True):
    """Media inactivity indication (H.248.40)."""

    at: Where
    stream: int | None


class SourceChanged(msgspec.Struct, frozen=True):
    """Remote source address change (H.248.37): where the packets come from now, where it was told."""

    at: Where
    stream: int | None
    remote: Endpoint | None


class RealmsChanged(msgspec.Struct, frozen=True):
    """Realm availability notification (H.248.41)."""

    at: Where
    available: tuple[str, ...]
    unavailable: tuple[str, ...]


class Congestion(msgspec.Struct, frozen=True):
    """Congestion handling indication (H.248.10): percentage of load to block; 0 ends it."""

    at: Where
    reduction: int


class Overload(msgspec.Struct, frozen=True):
    """MG overload indication (H.248.11): fewer Adds, please."""

    at: Where


class InactivityTimeout(msgspec.Struct, frozen=True):
    """Inactivity timeout indication (H.248.14): nothing was heard of us for long; the answer shows that we live."""

    at: Where


class SignalCompleted(msgspec.Struct, frozen=True):
    """A signal has ended (g/sc): its name and how it ended (`TO`, `EV`, `SD`, `NC`, `PI`)."""

    at: Where
    signal: str
    method: str


class FloorDecided(msgspec.Struct, frozen=True):
    """Report Floor Request Decision (TS 23.333 §6.2.13.2.4); None: it can't be read."""

    at: Where
    stream: int | None
    decided: Decided | None


class OtherEvent(msgspec.Struct, frozen=True):
    """An event that this controller does not know."""

    at: Where
    event: h248.ObservedEvent


class ServiceChanged(msgspec.Struct, frozen=True):
    """ServiceChange of a termination or of ROOT.

    Args:
        code: of the reason, 0 where it has none (900 to 920, H.248.8); `reason` is its text.
    """

    context: int
    termination: str
    method: str
    code: int
    reason: str
    delay: int | None = None
    profile: str | None = None

    @property
    def of_gateway(self) -> bool:
        """It is about the gateway as a whole."""
        return self.termination.upper() == h248.ROOT


Indication = (
    TerminationHeartbeat | BearerReleased | TcpChanged | TlsChanged | MediaInactive | SourceChanged | RealmsChanged
    | Congestion | Overload | InactivityTimeout | SignalCompleted | FloorDecided | OtherEvent | ServiceChanged
)

_Reader = Callable[[Where, h248.ObservedEvent], Indication]


def observed(context: int, command: h248.Command) -> list[Indication]:
    """What a Notify means, event by event; empty if it carries none."""
    seen = command.descriptor(h248.ObservedEvents)
    if seen is None or not command.terminations:
        return []
    readers = _readers()
    return [
        readers.get(event.name.lower(), OtherEvent)(
            Where(context, command.terminations[0], seen.request_id, event.time), event)
        for event in seen.events]


def service_changed(context: int, command: h248.Command) -> ServiceChanged | None:
    """What a ServiceChange says; None if its parameters are not there."""
    services = command.descriptor(h248.Services)
    if services is None or services.method is None or not command.terminations:
        return None
    code, _, text = (services.reason or "").partition(" ")
    number = int(code) if code.isascii() and code.isdigit() and len(code) == 3 else 0
    return ServiceChanged(
        context, command.terminations[0], services.method, number, text if number else services.reason or "",
        services.delay, services.profile)


def ends_bearer(indication: Indication) -> bool:
    """Whether an indication says that a bearer failed or is gone."""
    match indication:
        case BearerReleased():
            return True
        case TcpChanged(change=change) | TlsChanged(change=change):
            return change in (Change.FAILED, Change.RELEASED)
        case ServiceChanged(method=method):
            return method == h248.Method.FORCED
    return False


@lru_cache(maxsize=1)
def _readers() -> Mapping[str, _Reader]:
    names = registry()
    return {
        "hangterm/thb": lambda at, event: TerminationHeartbeat(at),
        "g/cause": lambda at, event: BearerReleased(
            at, event.stream, _value(event, "Generalcause"), _value(event, "Failurecause")),
        "g/sc": lambda at, event: SignalCompleted(at, _value(event, "SigID"), _value(event, "Meth")),
        "adid/ipstop": lambda at, event: MediaInactive(at, event.stream),
        "adr/rsac": lambda at, event: SourceChanged(at, event.stream, _source(event)),
        "ipra/arc": lambda at, event: RealmsChanged(at, _values(event, "nar"), _values(event, "nur")),
        "chp/mgcon": lambda at, event: Congestion(at, _number(event, "reduction") or 0),
        "ocp/mg_overload": lambda at, event: Overload(at),
        "it/ito": lambda at, event: InactivityTimeout(at),
        names.wire_name("tcp-change").lower(): lambda at, event: TcpChanged(
            at, event.stream, _change(names, "tcp", event)),
        names.wire_name("tls-change").lower(): lambda at, event: TlsChanged(
            at, event.stream, _change(names, "tls", event)),
        names.wire_name("floor-decision").lower(): lambda at, event: FloorDecided(
            at, event.stream, Names(names).decided(event)),
    }


def _change(names: Registry, layer: str, event: h248.ObservedEvent) -> Change | None:
    said = _value(event, names.wire_name(f"{layer}-change-type")).lower()
    return next((one for one in Change if said == names.wire_name(f"{layer}-{one}").lower()), None)


def _value(event: h248.ObservedEvent, name: str) -> str:
    found = event.parameter(name)
    return str(found.value) if found is not None else ""


def _values(event: h248.ObservedEvent, name: str) -> tuple[str, ...]:
    found = event.parameter(name)
    return tuple(str(value) for value in found.values) if found is not None else ()


def _number(event: h248.ObservedEvent, name: str) -> int | None:
    said = _value(event, name)
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None


def _source(event: h248.ObservedEvent) -> Endpoint | None:
    host, port = _value(event, "nrsa"), _number(event, "nrsp")
    return Endpoint(host, port) if host and port is not None and port < 65_536 else None
