"""Names of packages and their items: `package/item` in the tree, numbers in the binary encoding, by the registry.

A PkgdName is a package id and an item id of two octets each; 0xFFFF is `*`, for the item alone or for both. What the
registry does not know keeps its number as its name: `0x1234/0x0005`, `ipdc/0x0007`, a parameter `0x0003`. Such names
are written back to the same octets, so nothing that is not known gets lost between decoding and encoding.

Source: H.248.1 Annex A.2 (PkgdName, Name), §12 (package definition).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

from workbench.errors import LocalProtocolError
from workbench.protocols.h248.binary.values import ValueCodec, Values
from workbench.protocols.h248.packages import Item, ItemKind, Package, Parameter, Registry

ANY = 0xFFFF
_NUMBER = re.compile(r"0x([0-9A-Fa-f]{4})")
_REMEMBERED = 8192
_OVERRIDE = "An override file of the registry may say it."

_K = TypeVar("_K")
_V = TypeVar("_V")


class Remembered(dict[_K, _V], Generic[_K, _V]):
    """What a function gave before, by its argument; forgotten as a whole when it grows beyond a limit.

    Args:
        find: the function.
        keep: whether a result is worth it; without one all are.
    """

    def __init__(self, find: Callable[[_K], _V], keep: Callable[[_V], bool] | None = None) -> None:
        super().__init__()
        self._find = find
        self._keep = keep

    def __missing__(self, key: _K) -> _V:
        found = self._find(key)
        if self._keep is None or self._keep(found):
            if len(self) >= _REMEMBERED:
                self.clear()
            self[key] = found
        return found


class ParameterCodec:
    """A parameter of an event or signal: its two names, its values, and whether the registry knows it."""

    __slots__ = ("known", "octets", "text", "value")

    def __init__(self, text: str, octets: bytes, value: ValueCodec, known: bool) -> None:
        self.text = text
        self.octets = octets
        self.value = value
        self.known = known


class ItemCodec:
    """An item of a package, or a wildcard for items: its two names, its values, its parameters.

    Args:
        text: `package/item`.
        octets: the PkgdName.
        value: of a property or statistic.
        parameters: of an event or signal, by octets (`read`) and by text (`write`).
        known: the registry has it. What it has not is looked up each time: a peer could think of any number.
    """

    __slots__ = ("known", "octets", "read", "text", "value", "write")

    def __init__(self, text: str, octets: bytes, value: ValueCodec, parameters: _Parameters, known: bool) -> None:
        self.text = text
        self.octets = octets
        self.value = value
        self.known = known
        self.read: Mapping[bytes, ParameterCodec] = Remembered(parameters.read, _is_known)
        self.write: Mapping[str, ParameterCodec] = Remembered(parameters.write, _is_known)


def _is_known(codec: ItemCodec | ParameterCodec) -> bool:
    return codec.known


class Names:
    """All names of a registry, in both directions.

    Args:
        registry: packages and items.
        values: how values are written.
    """

    def __init__(self, registry: Registry, values: Values) -> None:
        self.registry = registry
        self.values = values
        self.read: dict[ItemKind, Mapping[bytes, ItemCodec]] = {
            kind: Remembered(partial(self._read, kind), _is_known) for kind in ItemKind
        }
        """The item behind four octets. Raises ValueError for a package wildcard with an item."""
        self.write: dict[ItemKind, Mapping[str, ItemCodec]] = {
            kind: Remembered(partial(self._write, kind), _is_known) for kind in ItemKind
        }
        """The item behind a text. Raises LocalProtocolError for one without numbers."""
        self.package_text: Mapping[bytes, str] = Remembered(self._package_text)
        self.package_octets: Mapping[str, bytes] = Remembered(self._package_octets)

    def _read(self, kind: ItemKind, octets: bytes) -> ItemCodec:
        number, item_number = int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:], "big")
        if number == ANY:
            if item_number != ANY:
                raise ValueError("a wildcard for the package with an item of its own")
            return self._codec(kind, "*/*", octets, None)
        package = self.registry.package_by_id(number)
        name = package.name if package is not None and package.name else f"0x{number:04X}"
        if item_number == ANY:
            return self._codec(kind, f"{name}/*", octets, None)
        item = self._item(package, kind, item_number)
        return self._codec(kind, f"{name}/{item.name if item else f'0x{item_number:04X}'}", octets, item)

    def _item(self, package: Package | None, kind: ItemKind, number: int) -> Item | None:
        """The item with that id in the package, or in one that it extends."""
        if package is None:
            return None
        for item in package.items:
            if item.kind is kind and item.id == number:
                return item
        for parent in package.extends:
            found = self._item(self.registry.package(parent), kind, number)
            if found is not None:
                return found
        return None

    def _write(self, kind: ItemKind, text: str) -> ItemCodec:
        name, slash, rest = text.partition("/")
        if not slash:
            raise LocalProtocolError(f"{text!r} is no name of the form package/item")
        if text == "*/*":
            return self._codec(kind, text, b"\xff\xff\xff\xff", None)
        number = self._package_octets(name)
        if rest == "*":
            return self._codec(kind, text, number + b"\xff\xff", None)
        numbered = _NUMBER.fullmatch(rest)
        if numbered is not None:
            package = self.registry.package_by_id(int.from_bytes(number, "big"))
            octets = bytes.fromhex(numbered[1])
            return self._codec(kind, text, number + octets, self._item(package, kind, int.from_bytes(octets, "big")))
        item = self.registry.lookup(text, kind)
        if item is None:
            raise LocalProtocolError(
                f"{kind.value} {text!r} is in no package of the registry: binary needs its number. {_OVERRIDE}"
            )
        if item.id is None:
            raise LocalProtocolError(
                f"{kind.value} {text!r} has no id that is known: binary can't carry it. {_OVERRIDE}"
            )
        return self._codec(kind, text, number + item.id.to_bytes(2, "big"), item)

    def _codec(self, kind: ItemKind, text: str, octets: bytes, item: Item | None) -> ItemCodec:
        labels = item.values if item else ()
        value = self._value(item.type if item and kind in _VALUED else "", labels, text)
        parameters = _Parameters(self, text, item.parameters if item else ())
        return ItemCodec(text, octets, value, parameters, item is not None)

    def _value(self, kind: str, labels: tuple[object, ...], what: str) -> ValueCodec:
        if kind == "signal name":
            return _SignalName(self, what)
        return ValueCodec(kind, labels, what, self.values)  # type: ignore[arg-type]

    def _package_text(self, octets: bytes) -> str:
        if octets == b"\xff\xff":
            return "*"
        package = self.registry.package_by_id(int.from_bytes(octets, "big"))
        return package.name if package is not None and package.name else f"0x{octets.hex().upper()}"

    def _package_octets(self, name: str) -> bytes:
        if name == "*":
            return b"\xff\xff"
        numbered = _NUMBER.fullmatch(name)
        if numbered is not None:
            return bytes.fromhex(numbered[1])
        package = self.registry.package(name)
        if package is None:
            raise LocalProtocolError(f"package {name!r} is not in the registry: binary needs its number. {_OVERRIDE}")
        if package.id is None:
            raise LocalProtocolError(f"package {name!r} has no id that is known: binary can't carry it. {_OVERRIDE}")
        return package.id.to_bytes(2, "big")


_VALUED = (ItemKind.PROPERTY, ItemKind.STATISTIC)


class _Parameters:
    """The parameters of one event or signal."""

    def __init__(self, names: Names, item: str, parameters: tuple[Parameter, ...]) -> None:
        self._names = names
        self._item = item
        self._parameters = parameters

    def read(self, octets: bytes) -> ParameterCodec:
        number = int.from_bytes(octets, "big")
        for parameter in self._parameters:
            if parameter.id == number:
                return self._codec(parameter.name, octets, parameter)
        return self._codec(f"0x{octets.hex().upper()}", octets, None)

    def write(self, text: str) -> ParameterCodec:
        lowered = text.lower()
        for parameter in self._parameters:
            if parameter.name.lower() == lowered:
                if parameter.id is None:
                    raise LocalProtocolError(
                        f"parameter {text!r} of {self._item!r} has no id that is known: binary can't carry it. "
                        f"{_OVERRIDE}"
                    )
                return self._codec(text, parameter.id.to_bytes(2, "big"), parameter)
        numbered = _NUMBER.fullmatch(text)
        if numbered is None:
            raise LocalProtocolError(
                f"parameter {text!r} of {self._item!r} is not in the registry: binary needs its number. {_OVERRIDE}"
            )
        octets = bytes.fromhex(numbered[1])
        return self._codec(text, octets, next((p for p in self._parameters if p.id == int(numbered[1], 16)), None))

    def _codec(self, text: str, octets: bytes, parameter: Parameter | None) -> ParameterCodec:
        what = f"{text} of {self._item}"
        if parameter is None:
            return ParameterCodec(text, octets, self._names._value("", (), what), False)
        return ParameterCodec(text, octets, self._names._value(parameter.type, parameter.values, what), True)


class _SignalName(ValueCodec):
    """A value that names a signal, as in `g/sc`: an octet string with a PkgdName (H.248.1 E.1.2.2)."""

    def __init__(self, names: Names, what: str) -> None:
        super().__init__("signal name", (), what, names.values)
        self._names = names
        self._writer = self._signal

    def _reading(self, octets: bytes) -> str:
        if len(octets) == 6 and octets[:2] == b"\x04\x04":
            try:
                return self._names.read[ItemKind.SIGNAL][octets[2:]].text
            except ValueError:
                pass
        return super()._reading(octets)

    def _signal(self, text: str) -> bytes | None:
        return b"\x04\x04" + self._names.write[ItemKind.SIGNAL][text].octets if "/" in text else None
