"""TerminationIDs: how a gateway names what it makes, and what a controller may leave open of a name.

Text: a template of levels, `ip/{group=1}/{interface}/{number}`; a level is a word, one that the controller may choose
with what it is otherwise, the interface group of a realm, or at the end the number. Binary: octets whose low bits are
the number (TS 29.334 §5.6).

Source: H.248.1 §6.2.2; TS 29.334 §5.6.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Protocol

from workbench.errors import LocalProtocolError
from workbench.nodes.gateway.settings import Refused
from workbench.protocols.h248.message import ROOT
from workbench.protocols.sdp import CHOOSE

_LEVEL = re.compile(r"[a-z0-9]+|\{[a-z]+=[a-z0-9]+\}|\{interface\}|\{number\}")
_OCTETS = re.compile(r"0x((?:[0-9a-f]{2}){1,8})/([1-9][0-9]?)")


class Names(Protocol):
    """A way of naming terminations."""

    def prefix(self, name: str, exists: bool, interfaces: Collection[str]) -> str:
        """What an Add asks for: all but the number, or empty where the gateway may choose. Raises Refused."""

    def name(self, prefix: str, interface: str, number: int) -> str:
        """The name of a new termination."""

    def before(self, name: str) -> str:
        """Of a name that was given: what `prefix` gave for it."""

    def interface(self, prefix: str) -> str:
        """The interface group that a prefix names; empty where it names none."""


class TextNames:
    """Names in levels. Raises LocalProtocolError for a template that is none."""

    def __init__(self, template: str) -> None:
        self.template = template
        self._levels = template.lower().split("/")
        wrong = [level for level in self._levels if not _LEVEL.fullmatch(level)]
        if wrong or self._levels[-1] != "{number}" or self._levels.count("{interface}") != 1:
            raise LocalProtocolError(f"{template!r} is not levels with {{interface}}, and {{number}} at the end")
        self._interface = self._levels.index("{interface}")

    def prefix(self, name: str, exists: bool, interfaces: Collection[str]) -> str:
        """Levels from the first one on may be given; the last is always the gateway's."""
        _check(name)
        if name == CHOOSE:
            return ""
        parts = name.lower().split("/")
        if CHOOSE not in parts:
            raise Refused(433 if exists else 430, name)
        given = parts[: parts.index(CHOOSE)]
        if len(parts) > len(self._levels) or set(parts[len(given):]) != {CHOOSE}:
            raise Refused(430, name)
        for level, part in zip(self._levels, given, strict=False):
            if not (level.startswith("{") or part == level) or (level == "{interface}" and part not in interfaces):
                raise Refused(430, name)
        if len(given) <= self._interface:
            return ""
        return "/".join((*given, *(self._own(level, "") for level in self._levels[len(given):-1])))

    def name(self, prefix: str, interface: str, number: int) -> str:
        """Levels that were not given get what the template says."""
        return f"{prefix or '/'.join(self._own(level, interface) for level in self._levels[:-1])}/{number}"

    def before(self, name: str) -> str:
        """All but the last level."""
        return name.rpartition("/")[0]

    def interface(self, prefix: str) -> str:
        """The level of the interface."""
        return prefix.lower().split("/")[self._interface] if prefix else ""

    @staticmethod
    def _own(level: str, interface: str) -> str:
        return interface if level == "{interface}" else level.strip("{}").rpartition("=")[2]


class BinaryNames:
    """Names of octets: fixed high bits, and a number in the low ones; `0x20000000/29` has 29 bits for the number."""

    def __init__(self, template: str) -> None:
        self.template = template
        found = _OCTETS.fullmatch(template.lower())
        if found is None or int(found[2]) >= 4 * len(found[1]):
            raise LocalProtocolError(f"{template!r} is not octets and how many bits the number has: 0x20000000/29")
        self._digits = len(found[1])
        self._most = (1 << int(found[2])) - 1
        self._fixed = int(found[1], 16) & ~self._most

    def prefix(self, name: str, exists: bool, interfaces: Collection[str]) -> str:
        """The whole name is the gateway's, whatever part of it is left open."""
        _check(name)
        if CHOOSE not in name:
            raise Refused(433 if exists else 430, name)
        return ""

    def name(self, prefix: str, interface: str, number: int) -> str:
        """As text: `0x` and hexadecimal digits."""
        return f"0x{self._fixed | (number & self._most):0{self._digits}x}"

    def before(self, name: str) -> str:
        """Nothing: such a name says nothing of an interface."""
        return ""

    def interface(self, prefix: str) -> str:
        """Likewise."""
        return ""


def _check(name: str) -> None:
    if name.upper() == ROOT or "*" in name:
        raise Refused(410, name)
