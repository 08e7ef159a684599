"""Profiles as data: one TOML file for each kind of gateway, and a user's file laid over it.

    load("iq", registry)                      what an IMS-AGW knows
    load("iq", registry, Path("my.toml"))     the same with the user's changes

Source: H.248.1 §13 (profiles), TS 29.334 §5.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from workbench.errors import LocalProtocolError, ScenarioError
from workbench.nodes.gateway.names import BinaryNames, TextNames
from workbench.nodes.gateway.settings import Profile
from workbench.protocols.h248.message import Kind, TopologyDirection
from workbench.protocols.h248.packages import Registry

HERE = Path(__file__).parent


class _Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items by name, and by the role that they play in the package registry."""

    names: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class _Signals(_Named, frozen=True):
    """Signals likewise; `seconds` is how long one lasts whose Duration the controller leaves out."""

    seconds: dict[str, float] = {}


class _Properties(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    done: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A profile as its file writes it."""

    interface: str
    packages: dict[str, int]
    transports: dict[str, bool]
    commands: dict[Kind, tuple[str, ...]]
    text_names: str
    binary_names: str
    events: _Named = _Named()
    signals: _Signals = _Signals()
    properties: _Properties = _Properties()
    statistics: dict[str, bool] = {}
    required: dict[str, tuple[str, ...]] = {}
    topology: tuple[TopologyDirection, ...] = ()
    embedded: bool = False
    event_buffer: bool = False
    service_states: bool = False
    terminations_per_context: int = 2
    reported: tuple[str, ...] = ("failed",)


def load(interface: str, registry: Registry, override: Path | None = None, name: str | None = None) -> Profile:
    """What a kind of gateway knows.

    Args:
        interface: `iq`; the name of a file beside this one.
        registry: names of packages' items.
        override: a file of the user's; its tables are laid over the profile's.
        name: `name/version` for ServiceChange; the registry's by default.

    Raises:
        ScenarioError: a file can't be read, or says something a profile has no place for.
    """
    path = HERE / f"{interface.lower()}.toml"
    table = _read(path)
    if override is not None:
        table = _over(table, _read(override))
    try:
        file = msgspec.convert(table, _File)
        return _profile(file, registry, name or registry.profile(file.interface).wire_name)
    except (msgspec.ValidationError, LocalProtocolError) as error:
        raise ScenarioError(f"{override or path}: {error}") from None


def _profile(file: _File, registry: Registry, name: str) -> Profile:
    signals = _names(file.signals, registry)
    return Profile(
        name=name,
        packages=file.packages,
        transports={proto.lower(): tls for proto, tls in file.transports.items()},
        events=_names(file.events, registry),
        signals={signal: file.signals.seconds.get(signal, 0.0) for signal in signals},
        properties=_names(_Named(file.properties.done, file.properties.roles), registry),
        kept=_lower(file.properties.kept),
        statistics={item.lower(): each for item, each in file.statistics.items()},
        required={item.lower(): parameters for item, parameters in file.required.items()},
        commands={kind: frozenset(descriptors) for kind, descriptors in file.commands.items()},
        text_names=TextNames(file.text_names).template,
        binary_names=BinaryNames(file.binary_names).template,
        topology=frozenset(file.topology),
        embedded=file.embedded,
        event_buffer=file.event_buffer,
        service_states=file.service_states,
        terminations_per_context=file.terminations_per_context,
        reported=frozenset(file.reported),
    )


def _names(items: _Named, registry: Registry) -> frozenset[str]:
    return _lower((*items.names, *(registry.wire_name(role) for role in items.roles)))


def _lower(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from None


@lru_cache(maxsize=8)
def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables merged, everything else replaced."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
