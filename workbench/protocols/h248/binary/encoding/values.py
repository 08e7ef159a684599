"""Numbers and values of items: what the methods for all types share.

Source: H.248.1 Annex A.2 (PropertyParm and its comments).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary.names import ItemCodec, Names
from workbench.protocols.h248.binary.naming import TerminationNaming
from workbench.protocols.h248.binary.values import CHOOSE_VALUE, LINE, RAW_LINE, ValueCodec, Values
from workbench.protocols.h248.message import (
    Audit,
    Command,
    CommandReply,
    ErrorDescriptor,
    Form,
    Property,
    Services,
)
from workbench.protocols.h248.packages import ItemKind

Parts = tuple[object, ...]
Chosen = tuple[int, object]
Parm = tuple[bytes, Sequence[bytes], Chosen | Form | None]
_T = TypeVar("_T")
_D = TypeVar("_D", Audit, ErrorDescriptor, Services)


class Base:
    """What all of them need: the numbers of items and terminations, and their values."""

    def __init__(self, names: Names, naming: TerminationNaming) -> None:
        self._naming = naming
        self._names = names
        self._wrapped = names.values is Values.WRAPPED
        self._line = LINE if self._wrapped else RAW_LINE
        self._properties = names.write[ItemKind.PROPERTY]
        self._events = names.write[ItemKind.EVENT]
        self._signals = names.write[ItemKind.SIGNAL]
        self._statistics = names.write[ItemKind.STATISTIC]

    def _values(self, value: ValueCodec, item: Property) -> Sequence[bytes]:
        """The values of a property; none for CHOOSE."""
        values = item.values
        if len(values) == 1:
            if values[0] == CHOOSE_VALUE and self._wrapped and item.form is Form.ONE:
                return ()
            return (value.write(values[0]),)
        if not values or item.form not in (Form.RANGE, Form.ANY_OF, Form.LIST):
            raise LocalProtocolError(f"{item.name} has {len(values)} values where {item.form.name} asks for one")
        return [value.write(one) for one in values]

    def _property(self, item: Property) -> Parm:
        codec = self._properties[item.name]
        values = self._values(codec.value, item)
        return codec.octets, values, None if item.form is Form.ONE else item.form

    def _parameters(self, codec: ItemCodec, items: tuple[Property, ...]) -> Sequence[Parm]:
        if not items:
            return ()
        found: list[Parm] = []
        for item in items:
            parameter = codec.write[item.name]
            values = self._values(parameter.value, item)
            found.append((parameter.octets, values, None if item.form is Form.ONE else item.form))
        return found


def only(items: Sequence[_T], what: str) -> _T:
    """The one item of an audit."""
    if len(items) != 1:
        raise LocalProtocolError(f"in binary an audit asks for one {what} at a time, not {len(items)}")
    return items[0]


def sole(command: Command | CommandReply, kind: type[_D]) -> _D | None:
    """The one descriptor, which has to be of that class."""
    if not command.descriptors:
        return None
    found = command.descriptors[0]
    if len(command.descriptors) > 1 or not isinstance(found, kind):
        names = ", ".join(type(one).__name__ for one in command.descriptors)
        raise LocalProtocolError(f"{command.kind} carries {kind.__name__} and nothing else, not {names}")
    return found
