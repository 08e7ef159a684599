"""The package registry: what each H.248 package defines, how it is named on the wire, and how sure we are of it.

One TOML file a package lies beside this module. Names that no readable specification gives (items of `tcpbcc` and
`tlsbsc`, profile names) stand in those files only; nodes ask for them by what they need (`Registry.wire_name`).

A file of the user's may override any of it. Its top-level tables are package names (or `profiles.iq` and so on)
and are laid over the packages' own tables:

    [tcpbcc.roles]
    tcp-establish = "tcpbcc/Establish"
    [tcpbcc.signals.Establish]
    meaning = "Open TCP now."
    tag = "S"

Source: H.248.1 §12 (package definition), Annex E; the registry of H.248 packages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from workbench.errors import LocalProtocolError, ScenarioError

HERE = Path(__file__).parent


class Certainty(StrEnum):
    """How we know: seen in a specification or registry, general knowledge, deduced. Only the first is certain."""

    SEEN = "S"
    GENERAL_KNOWLEDGE = "GK"
    DEDUCED = "D"

    @property
    def provisional(self) -> bool:
        """Whether a reader has to be warned."""
        return self is not Certainty.SEEN


class ItemKind(StrEnum):
    """Kinds of items; ids are unique within a kind of a package only."""

    PROPERTY = "property"
    EVENT = "event"
    SIGNAL = "signal"
    STATISTIC = "statistic"


class Label(msgspec.Struct, frozen=True):
    """A value of an enumeration: its word in text, its number in binary where known."""

    label: str
    meaning: str = ""
    number: int | None = None


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of an event or signal."""

    name: str
    type: str = ""
    id: int | None = None
    unit: str = ""
    meaning: str = ""
    tag: Certainty = Certainty.GENERAL_KNOWLEDGE
    values: tuple[Label, ...] = ()


class Item(msgspec.Struct, frozen=True):
    """A property, event, signal or statistic of a package.

    Args:
        wire_name: `package/item`.
        type: of a property or statistic (boolean, integer, double, string, octet string, enumeration,
            sub-list of X), or the default type of a signal (Brief, OnOff, TimeOut).
        id: item id for the binary encoding; None where nobody here knows it.
        descriptor: where a property may stand.
        values: the words of an enumeration.
        tag: certainty of name and meaning; `id_tag` that of the id.
    """

    wire_name: str
    kind: ItemKind
    name: str
    type: str = ""
    id: int | None = None
    unit: str = ""
    default: str = ""
    descriptor: str = ""
    read_only: bool = False
    meaning: str = ""
    tag: Certainty = Certainty.GENERAL_KNOWLEDGE
    id_tag: Certainty = Certainty.GENERAL_KNOWLEDGE
    parameters: tuple[Parameter, ...] = ()
    values: tuple[Label, ...] = ()
    source: str = ""

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name (letters of either case), or None."""
        lowered = name.lower()
        return next((one for one in self.parameters if one.name.lower() == lowered), None)


class Package(msgspec.Struct, frozen=True):
    """A package.

    Args:
        name: as text writes it; empty where it is not known.
        id: for the binary encoding; None where it is not known.
        extends: packages whose items it has as well.
    """

    name: str
    title: str
    version: int
    source: str
    id: int | None = None
    name_tag: Certainty = Certainty.GENERAL_KNOWLEDGE
    id_tag: Certainty = Certainty.GENERAL_KNOWLEDGE
    extends: tuple[str, ...] = ()
    note: str = ""
    items: tuple[Item, ...] = ()
    roles: Mapping[str, str] = {}


class Profile(msgspec.Struct, frozen=True):
    """A profile of an interface, as a ServiceChange names it."""

    interface: str
    name: str
    version: int
    protocol_version: int
    source: str
    tag: Certainty

    @property
    def wire_name(self) -> str:
        """`name/version`."""
        return f"{self.name}/{self.version}"


class Registry:
    """All packages and profiles. Get it with `Registry.load()`."""

    def __init__(self, packages: tuple[Package, ...], profiles: tuple[Profile, ...]) -> None:
        self.packages = packages
        self.profiles = profiles
        self._by_name = {package.name.lower(): package for package in packages if package.name}
        self._by_id = {package.id: package for package in packages if package.id is not None}
        self._items: dict[str, list[Item]] = {}
        self._roles: dict[str, str] = {}
        for package in packages:
            for item in package.items:
                self._items.setdefault(item.wire_name.lower(), []).append(item)
            self._roles.update(package.roles)
        self._played = {wire.lower(): role for role, wire in self._roles.items() if "/" in wire}

    @staticmethod
    def load(override: Path | None = None) -> Registry:
        """The registry, read once; with a file of the user's laid over it.

        Raises:
            ScenarioError: the user's file can't be read, or says something the registry has no place for.
        """
        return _load(override)

    def package(self, name: str) -> Package | None:
        """The package of that text name (letters of either case), or None."""
        return self._by_name.get(name.lower())

    def package_by_id(self, number: int) -> Package | None:
        """The package of that id, or None."""
        return self._by_id.get(number)

    def lookup(self, name: str, kind: ItemKind | None = None) -> Item | None:
        """The item behind `package/item` (letters of either case), or None.

        Args:
            name: as on the wire; items of a package that this one extends are found too.
            kind: which kind, where two kinds share a name (`rtp/jit` may be a property or a statistic).
        """
        for item in self._items.get(name.lower(), ()):
            if kind is None or item.kind is kind:
                return item
        package, _, rest = name.partition("/")
        found = self._by_name.get(package.lower())
        for parent in found.extends if found else ():
            if (item_of_parent := self.lookup(f"{parent}/{rest}", kind)) is not None:
                return item_of_parent
        return None

    def wire_name(self, role: str) -> str:
        """What to write for a role such as `tcp-establish` (a name) or `tcp-failed` (a value).

        Raises:
            LocalProtocolError: no package has that role.
        """
        try:
            return self._roles[role]
        except KeyError:
            raise LocalProtocolError(f"no package plays the role {role!r}") from None

    def role(self, name: str) -> str | None:
        """The role that `package/item` plays, or None: `tcp-change` for the event of TCP control."""
        return self._played.get(name.lower())

    def role_of_parameter(self, item: str, name: str) -> str | None:
        """The role that a parameter of `package/item` plays, or None; it begins with the item's role."""
        role = self.role(item)
        if role is None:
            return None
        own = (one for one, wire in self._roles.items() if wire.lower() == name.lower() and "/" not in wire)
        return next((one for one in own if one.startswith(role)), None)

    def roles(self) -> Mapping[str, str]:
        """All roles with what is written for them."""
        return dict(self._roles)

    def profile(self, interface: str) -> Profile:
        """The profile of an interface: `iq`, `ix` or `mp`.

        Raises:
            LocalProtocolError: no such interface.
        """
        for profile in self.profiles:
            if profile.interface == interface.lower():
                return profile
        raise LocalProtocolError(f"no profile for interface {interface!r}")


_KINDS = {
    "properties": ItemKind.PROPERTY,
    "events": ItemKind.EVENT,
    "signals": ItemKind.SIGNAL,
    "statistics": ItemKind.STATISTIC,
}


@lru_cache(maxsize=8)
def _load(override: Path | None) -> Registry:
    tables = {path.stem: _read(path) for path in sorted(HERE.glob("*.toml"))}
    unnamed = tables.pop("_unnamed")["packages"]
    profiles = tables.pop("_profiles")
    if override is not None:
        changes = _read(override)
        profiles = _over(profiles, changes.pop("profiles", {}))
        for name, table in changes.items():
            if not isinstance(table, dict):
                raise ScenarioError(f"{override}: {name!r} is not a table of a package")
            tables[name] = _over(tables.get(name, _new(name)), table)
    try:
        packages = [_package(table) for table in (*tables.values(), *({"name": "", **one} for one in unnamed))]
        read = [msgspec.convert({"interface": key, **table}, Profile) for key, table in profiles.items()]
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{override or HERE}: {error}") from None
    registry = Registry(tuple(packages), tuple(read))
    _check_roles(registry, override)
    return registry


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from None


def _new(name: str) -> dict[str, Any]:
    return {"name": name, "title": name, "version": 1, "source": "user's file"}


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables merged, everything else replaced."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _package(table: dict[str, Any]) -> Package:
    own = {key: value for key, value in table.items() if key not in _KINDS}
    items = tuple(_items(table))
    package = msgspec.convert(own, Package)
    return msgspec.structs.replace(package, items=items)


def _items(table: dict[str, Any]) -> Iterator[Item]:
    for key, kind in _KINDS.items():
        for name, given in table.get(key, {}).items():
            parameters = [{"name": parameter, **rest} for parameter, rest in given.get("parameters", {}).items()]
            full = {
                "wire_name": f"{table['name']}/{name}",
                "kind": kind,
                "name": name,
                "source": table["source"],
                "id_tag": given.get("tag", "GK"),
                **given,
                "parameters": parameters,
            }
            yield msgspec.convert(full, Item)


def _check_roles(registry: Registry, override: Path | None) -> None:
    """A role that names an item names one that is there."""
    for role, wire in registry.roles().items():
        if "/" in wire and registry.lookup(wire) is None:
            raise ScenarioError(f"{override or HERE}: role {role!r} is given to {wire!r}, which no package defines")


_laid_over: ContextVar[Path | None] = ContextVar("_laid_over", default=None)


def registry() -> Registry:
    """The registry that codecs and explanations use where none is given: without anybody's changes, or `lay_over`'s."""
    return Registry.load(_laid_over.get())


def lay_over(override: Path | None) -> None:
    """From here on `registry()` has a file of the user's laid over it (None: no longer). For a whole program.

    Raises:
        ScenarioError: the file can't be read, or says something the registry has no place for.
    """
    Registry.load(override)
    _laid_over.set(override)


@contextmanager
def laid_over(override: Path | None) -> Iterator[Registry]:
    """Within this block `registry()` has a file of the user's laid over it; errors as of `lay_over`."""
    found = Registry.load(override)
    token = _laid_over.set(override)
    try:
        yield found
    finally:
        _laid_over.reset(token)
