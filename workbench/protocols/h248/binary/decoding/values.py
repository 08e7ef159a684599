"""Names and values of items: what the methods for all types share.

Source: H.248.1 Annex A.2 (PropertyParm and its comments).
"""

from __future__ import annotations

from workbench.protocols.h248.binary.names import ItemCodec, Names, ParameterCodec
from workbench.protocols.h248.binary.naming import TerminationNaming
from workbench.protocols.h248.binary.values import CHOOSE_VALUE, ValueCodec
from workbench.protocols.h248.message import Form, Property
from workbench.protocols.h248.packages import ItemKind

Parm = tuple[bytes, tuple[bytes, ...], Form | None]
"""A PropertyParm, EventParameter or SigParameter as it stands on the wire: name, values, what several of them mean."""


class Base:
    """What all of them need: the names of items and terminations, and their values."""

    def __init__(self, names: Names, naming: TerminationNaming) -> None:
        self.naming = naming
        self._names = names
        self._properties = names.read[ItemKind.PROPERTY]
        self._events = names.read[ItemKind.EVENT]
        self._signals = names.read[ItemKind.SIGNAL]
        self._statistics = names.read[ItemKind.STATISTIC]

    def _property(self, parm: Parm) -> Property:
        name, values, form = parm
        item = self._properties[name]
        return valued(item.text, item.value, values, form)

    def _parameters(self, item: ItemCodec, parms: tuple[Parm, ...]) -> tuple[Property, ...]:
        if not parms:
            return ()
        found: list[Property] = []
        for name, values, form in parms:
            parameter: ParameterCodec = item.read[name]
            found.append(valued(parameter.text, parameter.value, values, form))
        return tuple(found)


def valued(name: str, value: ValueCodec, octets: tuple[bytes, ...], form: Form | None) -> Property:
    """A property from its values; none of them is CHOOSE (H.248.1 Annex A.2, comments of PropertyParm)."""
    if len(octets) == 1 and form is None:
        return Property(name, (value.read(octets[0]),))
    if not octets:
        return Property(name, (CHOOSE_VALUE,))
    if form in (Form.GREATER, Form.LESS, Form.DIFFERENT, Form.RANGE):
        due = 2 if form is Form.RANGE else 1
        if len(octets) != due:
            raise ValueError(f"{len(octets)} values of {name} where {due} are due")
    return Property(name, tuple([value.read(one) for one in octets]), form or Form.ANY_OF)
