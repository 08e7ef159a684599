"""Floor control at an MRFP as values, and how H.248 writes them: what floors there are, who is chair, what was decided.

Wire names come from the package registry (`mpfc`) and are provisional. Both ends of Mp use this one place.

Source: TS 23.333 §6.2.13.2.4 (Report Floor Request Decision), §8.45, §8.46, §8.49.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.bfcp.floors import Order
from workbench.protocols.h248.message import Event, Form, ObservedEvent, Property, Quoted, Signal
from workbench.protocols.h248.packages import Registry
from workbench.protocols.sdp import FloorStreams

MOST_FLOORS = 16
MOST_HOLDERS = 256
_ORDERS = {Order.PRIORITY: "floor-order-priority", Order.ARRIVAL: "floor-order-arrival"}
_CONFERENCE_MOST = 0xFFFFFFFF
_ID_MOST = 0xFFFF


class Configuration(msgspec.Struct, frozen=True):
    """Configure Conference For Floor Control (TS 23.333 §8.45).

    Args:
        conference: Conference Identifier, as in a=confid.
        floors: Floor-Resource Associations.
        order: Floor Control Algorithm.
        holders: Maximum Floor Holder Number, of each floor.
    """

    conference: int
    floors: tuple[FloorStreams, ...]
    order: Order = Order.PRIORITY
    holders: int = 1


class Decision(enum.StrEnum):
    """What a floor control server decides on a floor request."""

    GRANTED = "granted"
    RELEASED = "released"
    REVOKED = "revoked"
    DENIED = "denied"


class Decided(msgspec.Struct, frozen=True):
    """Report Floor Request Decision: the request, who has its floors or would get them, the floors, the decision."""

    request: int
    user: int
    floors: tuple[int, ...]
    decision: Decision


class Names:
    """The items, as a registry names them."""

    def __init__(self, registry: Registry) -> None:
        self._names = registry
        self._told = {registry.wire_name(role).lower() for role in (
            "floor-conference", "floor-resources", "floor-algorithm", "floor-holders", "floor-chair")}

    def tells(self, items: Iterable[Property]) -> bool:
        """Any of them says something of floors."""
        return any(item.name.lower() in self._told for item in items)

    def configuration(self, told: Configuration) -> list[Property]:
        """The properties that configure a conference."""
        wire = self._names.wire_name
        floors = tuple(Quoted(one.encode()) for one in told.floors)
        return [
            Property(wire("floor-conference"), (str(told.conference),)),
            Property(wire("floor-resources"), floors, Form.LIST),
            Property(wire("floor-algorithm"), (wire(_ORDERS[told.order]),)),
            Property(wire("floor-holders"), (str(told.holders),)),
        ]

    def chair(self, floors: Sequence[int]) -> Property:
        """The property that makes a termination's user the chair of these floors (TS 23.333 §8.46)."""
        return Property(self._names.wire_name("floor-chair"), tuple(map(str, floors)), Form.LIST)

    def read(self, items: Iterable[Property]) -> tuple[Configuration | None, tuple[int, ...]]:
        """What a termination's properties say of floors: the conference's, and those that its user decides on.

        Raises:
            MalformedMessageError: conference and floors are not both there, or a value can't be.
        """
        said = {item.name.lower(): item for item in items if item.name.lower() in self._told}

        def values(role: str) -> tuple[str, ...]:
            item = said.get(self._names.wire_name(role).lower())
            return () if item is None else item.values

        chairs = tuple(_number(value, _ID_MOST, "floor of a chair") for value in values("floor-chair"))
        conference, floors = values("floor-conference"), values("floor-resources")
        if not conference and not floors and len(said) <= bool(chairs):
            return None, chairs
        if not conference or not floors:
            raise MalformedMessageError("conference and floors are told together", clause="TS 23.333 §8.45")
        read = tuple(FloorStreams.decode(value) for value in floors)
        if len(read) > MOST_FLOORS or len({one.floor for one in read}) < len(read):
            raise MalformedMessageError(f"{len(read)} floors: each once, {MOST_FLOORS} at most",
                                        clause="TS 23.333 §8.45")
        words = {self._names.wire_name(role).lower(): one for one, role in _ORDERS.items()}
        algorithm = (*values("floor-algorithm"), self._names.wire_name("floor-order-priority"))[0].lower()
        if algorithm not in words:
            raise MalformedMessageError(f"floor control algorithm {algorithm[:20]!r}", clause="TS 23.333 §8.45")
        holders = _number((*values("floor-holders"), "1")[0], MOST_HOLDERS, "number of holders")
        if not holders:
            raise MalformedMessageError("a floor that nobody may hold", clause="TS 23.333 §8.45")
        number = _number(conference[0], _CONFERENCE_MOST, "conference")
        return Configuration(number, read, words[algorithm], holders), chairs

    # Decisions

    def asks(self, stream: int) -> Event:
        """The event by which decisions at a stream are asked for."""
        return Event(self._names.wire_name("floor-decision"), stream=stream)

    def report(self, told: Decided) -> tuple[str, tuple[Property, ...]]:
        """Name and parameters of the event that tells a decision."""
        wire = self._names.wire_name
        return wire("floor-decision"), (
            Property(wire("floor-decision-request"), (str(told.request),)),
            Property(wire("floor-decision-user"), (str(told.user),)),
            Property(wire("floor-decision-floors"), tuple(map(str, told.floors)), Form.LIST),
            Property(wire("floor-decision-taken"), (wire(f"floor-{told.decision}"),)))

    def decided(self, event: ObservedEvent) -> Decided | None:
        """The decision that an event tells; None: it tells none, or none that can be read."""
        wire = self._names.wire_name
        if event.name.lower() != wire("floor-decision").lower():
            return None
        item = {one.name.lower(): one.values for one in event.parameters}
        try:
            request, user = (_number((*item.get(wire(f"floor-decision-{what}").lower(), ()), "")[0], _ID_MOST, what)
                             for what in ("request", "user"))
            floors = tuple(_number(one, _ID_MOST, "floor")
                           for one in item.get(wire("floor-decision-floors").lower(), ())[:MOST_FLOORS])
        except MalformedMessageError:
            return None
        taken = (*item.get(wire("floor-decision-taken").lower(), ()), "")[0].lower()
        decision = next((one for one in Decision if taken == wire(f"floor-{one}").lower()), None)
        return None if decision is None else Decided(request, user, floors, decision)

    def confirmation(self, request: int, stream: int) -> Signal:
        """Confirm Media Update for the decision on a request (TS 23.333 §8.49)."""
        return Signal(self._names.wire_name("floor-confirm"), stream=stream,
                      parameters=(Property(self._names.wire_name("floor-confirm-request"), (str(request),)),))

    def confirmed(self, signal: Signal) -> int | None:
        """The request whose decision a signal confirms; None: none."""
        if signal.name.lower() != self._names.wire_name("floor-confirm").lower():
            return None
        item = signal.parameter(self._names.wire_name("floor-confirm-request"))
        try:
            return None if item is None else _number(item.value, _ID_MOST, "request")
        except MalformedMessageError:
            return None


def _number(value: str, most: int, what: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 10 or int(value) > most:
        raise MalformedMessageError(f"{what} {value[:20]!r} is not a number up to {most}", clause="TS 23.333 §8.45")
    return int(value)
